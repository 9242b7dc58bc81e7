"""Describes each message, and each text that was sent, for Home Assistant's activity page."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from homeassistant.components.logbook.const import LOGBOOK_ENTRY_ICON, LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util.event_type import EventType

from .const import CONF_STORE_TEXTS, DOMAIN
from .dispatcher import EVENT_SMS_RECEIVED
from .phone_numbers import LONGEST_SENDER
from .sent import EVENT_SMS_SENT, EVENT_SMS_STATUS

ICON: Final = "mdi:message-badge"
KINDS: Final = {
    "messenger": "a Messenger message",
    "mms": "an MMS",
    "rcs": "an RCS message",
    "whatsapp": "a WhatsApp message",
}
SENT_ICON: Final = "mdi:send"
OUTCOMES: Final = {
    "delivered": "text message to {} was delivered",
    "expired": "text message to {} could not be sent in time",
    "failed": "text message to {} failed",
    "refused": "text message to {} was refused",
    "unknown": "it is unknown whether the text message to {} was sent",
}
LONGEST_TEXT: Final = 160  # characters, as of a single SMS


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[[str, EventType[Any], Callable[[Event[Any]], dict[str, Any]]], None],
) -> None:
    """Register the descriptions of the events."""

    @callback
    def async_describe(event: Event[Any]) -> dict[str, Any]:
        """Describe an event by account, sender and text; an event that somebody else fired may have none of them.

        A contact is named. No entity is given, since its name would be shown instead of the account's name. Where the
        account doesn't store texts, none is shown here either.
        """
        data = event.data
        sender = data.get("contact") or data.get("sender_number") or data.get("sender") or "an unknown sender"
        kind = KINDS.get(str(data.get("channel")), "a text message")
        line = f"received {kind} from {str(sender)[:LONGEST_SENDER]}"
        return _entry(hass, data, ICON, _with_text(hass, data, line))

    @callback
    def async_describe_sent(event: Event[Any]) -> dict[str, Any]:
        """Describe that a text was sent, by account, recipient and text, as received ones are."""
        line = f"sent a text message to {_recipient_in(event.data)}"
        return _entry(hass, event.data, SENT_ICON, _with_text(hass, event.data, line))

    @callback
    def async_describe_status(event: Event[Any]) -> dict[str, Any]:
        """Describe what became of a text."""
        line = OUTCOMES.get(str(event.data.get("status")), "text message to {} changed")
        return _entry(hass, event.data, SENT_ICON, line.format(_recipient_in(event.data)))

    async_describe_event(DOMAIN, EVENT_SMS_RECEIVED, async_describe)
    async_describe_event(DOMAIN, EVENT_SMS_SENT, async_describe_sent)
    async_describe_event(DOMAIN, EVENT_SMS_STATUS, async_describe_status)


def _entry(hass: HomeAssistant, data: Mapping[str, Any], icon: str, line: str) -> dict[str, Any]:
    """Return a line of the activity, under the name of the account."""
    device = dr.async_get(hass).async_get(str(data.get("device_id")))
    return {
        LOGBOOK_ENTRY_ICON: icon,
        LOGBOOK_ENTRY_NAME: (device and (device.name_by_user or device.name)) or "SMS Inbox",
        LOGBOOK_ENTRY_MESSAGE: line,
    }


def _with_text(hass: HomeAssistant, data: Mapping[str, Any], line: str) -> str:
    """Return a line with the text behind it, where there is one, and the account stores texts."""
    entry = hass.config_entries.async_get_entry(str(data.get("config_entry_id")))
    text = _in_a_line(str(data.get("text") or ""))
    return f"{line}: “{text}”" if text and not (entry and not entry.options.get(CONF_STORE_TEXTS, True)) else line


def _recipient_in(data: Mapping[str, Any]) -> str:
    """Return who a text was sent to."""
    return str(data.get("contact") or data.get("recipient") or "an unknown number")[:LONGEST_SENDER]


def _in_a_line(text: str) -> str:
    """Return a text without line breaks, shortened."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
