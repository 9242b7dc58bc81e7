"""Describes each message for Home Assistant's activity page."""

from collections.abc import Callable
from typing import Any, Final

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_ICON, LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util.event_type import EventType

from .const import CONF_STORE_TEXTS, DOMAIN
from .dispatcher import EVENT_SMS_RECEIVED
from .phone_numbers import LONGEST_SENDER

ICON: Final = "mdi:message-badge"
KINDS: Final = {
    "messenger": "a Messenger message",
    "mms": "an MMS",
    "rcs": "an RCS message",
    "whatsapp": "a WhatsApp message",
}
LONGEST_TEXT: Final = 160  # characters, as of a single SMS


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, EventType[Any], Callable[[Event[Any]], dict[str, Any]]], None],
) -> None:
    """Register the description of the event."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, Any]:
        """Describe an event by account, sender and text; an event that somebody else fired may have none of them.

        A contact is named. No entity is given, since its name would be shown instead of the account's name. Where the
        account doesn't store texts, none is shown here either.
        """
        data = event.data
        device = dr.async_get(hass).async_get(str(data.get("device_id")))
        entry = hass.config_entries.async_get_entry(str(data.get("config_entry_id")))
        sender = data.get("contact") or data.get("sender_number") or data.get("sender") or "an unknown sender"
        kind = KINDS.get(str(data.get("channel")), "a text message")
        line = f"received {kind} from {str(sender)[:LONGEST_SENDER]}"
        text = _in_a_line(str(data.get("text") or ""))
        shows_text = text and not (entry and not entry.options.get(CONF_STORE_TEXTS, True))
        return {
            LOGBOOK_ENTRY_ICON: ICON,
            LOGBOOK_ENTRY_NAME: (device and (device.name_by_user or device.name)) or "SMS Inbox",
            LOGBOOK_ENTRY_MESSAGE: f"{line}: “{text}”" if shows_text else line,
        }

    async_describe_event(DOMAIN, EVENT_SMS_RECEIVED, async_describe)


def _in_a_line(text: str) -> str:
    """Return a text without line breaks, shortened."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
