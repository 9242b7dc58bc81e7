"""A line in the activity for each message."""

from collections.abc import Callable
from typing import Any

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_ENTITY_ID, LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util.event_type import EventType

from .const import DOMAIN
from .event import MESSAGE
from .inbox import EVENT_SMS_RECEIVED


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, EventType[Any], Callable[[Event[Any]], dict[str, Any]]], None],
) -> None:
    """Say how the event is told."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, Any]:
        """Tell the account and the sender, and not the text; another integration's event may have neither."""
        device = dr.async_get(hass).async_get(str(event.data.get("device_id")))
        unique_id = f"{event.data.get('config_entry_id')}_{MESSAGE.key}"
        return {
            LOGBOOK_ENTRY_NAME: (device and (device.name_by_user or device.name)) or "SMS Inbox",
            LOGBOOK_ENTRY_MESSAGE: f"received a text message from {event.data.get('sender') or 'an unknown sender'}",
            LOGBOOK_ENTRY_ENTITY_ID: er.async_get(hass).async_get_entity_id("event", DOMAIN, unique_id),
        }

    async_describe_event(DOMAIN, EVENT_SMS_RECEIVED, async_describe)
