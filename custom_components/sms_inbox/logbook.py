"""A line in the activity for each message."""

from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util.event_type import EventType

from .const import DOMAIN
from .dispatcher import EVENT_SMS_RECEIVED


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, EventType[Any], Callable[[Event[Any]], dict[str, Any]]], None],
) -> None:
    """Say how the event is told."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, Any]:
        """Tell the account and the sender, and not the text; another integration's event may have neither.

        No entity is named: its name would be shown in place of the account's.
        """
        device = dr.async_get(hass).async_get(str(event.data.get("device_id")))
        return {
            LOGBOOK_ENTRY_NAME: (device and (device.name_by_user or device.name)) or "SMS Inbox",
            LOGBOOK_ENTRY_MESSAGE: f"received a text message from {event.data.get('sender') or 'an unknown sender'}",
        }

    async_describe_event(DOMAIN, EVENT_SMS_RECEIVED, async_describe)
