"""Describes each message for Home Assistant's activity page."""

from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util.event_type import EventType

from .const import DOMAIN
from .dispatcher import EVENT_SMS_RECEIVED
from .phone_numbers import LONGEST_SENDER

MESSAGES = {"whatsapp": "WhatsApp message", "rcs": "RCS message", "messenger": "Messenger message"}


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, EventType[Any], Callable[[Event[Any]], dict[str, Any]]], None],
) -> None:
    """Register the description of the event."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, Any]:
        """Describe an event by account and sender, not by its text; an event that somebody else fired may have neither.

        No entity is given, since its name would be shown instead of the account's name.
        """
        device = dr.async_get(hass).async_get(str(event.data.get("device_id")))
        sender, number = str(event.data.get("sender") or "")[:LONGEST_SENDER], event.data.get("sender_number")
        kind = MESSAGES.get(str(event.data.get("channel")), "text message")
        return {
            LOGBOOK_ENTRY_NAME: (device and (device.name_by_user or device.name)) or "SMS Inbox",
            LOGBOOK_ENTRY_MESSAGE: f"received a {kind} from {number or sender or 'an unknown sender'}",
        }

    async_describe_event(DOMAIN, EVENT_SMS_RECEIVED, async_describe)
