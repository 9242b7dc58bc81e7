"""What others see of a text that is sent: the events `sms_sent` and `sms_status`, and their data."""

from typing import Any, Final

from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.util.event_type import EventType
from homeassistant.util.signal_type import SignalType, SignalTypeFormat

from .const import DOMAIN
from .model import SendStatus, SentText
from .store import transitions

EVENT_SMS_SENT: Final[EventType[dict[str, Any]]] = EventType("sms_sent")
EVENT_SMS_STATUS: Final[EventType[dict[str, Any]]] = EventType("sms_status")
SIGNAL_STATUS: Final[SignalType[dict[str, Any]]] = SignalType(f"{DOMAIN}_status")
SIGNAL_SENT: Final[SignalTypeFormat[()]] = SignalTypeFormat(f"{DOMAIN}_sent_{{}}")
TOLD: Final = (
    SendStatus.DELIVERED,
    SendStatus.FAILED,
    SendStatus.REFUSED,
    SendStatus.UNKNOWN,
    SendStatus.EXPIRED,
)
"""The states of which `sms_status` is fired."""


def sent_data(hass: HomeAssistant, sent: SentText) -> dict[str, Any]:
    """Return what is shown of a text that is sent: the data of its events, and of the actions' responses."""
    entry = hass.config_entries.async_get_entry(sent.account)
    contact = entry.subentries.get(sent.contact) if entry and sent.contact else None
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, sent.account), sent.account)
    return {
        "id": sent.outgoing.key,
        "config_entry_id": sent.account,
        "device_id": device and device.id,
        "provider": sent.provider,
        "recipient": sent.outgoing.recipient,
        "contact": contact and contact.title,
        "text": sent.outgoing.text,
        "status": str(sent.status),
        "reason": sent.reason and str(sent.reason),
        "parts": sent.outgoing.parts,
        "cost": sent.cost,
        "currency": sent.currency,
        "sent_at": sent.accepted_at and sent.accepted_at.isoformat(),
        "answers": sent.cause,
        "provider_id": sent.outgoing.provider_id,
    }


@callback
def async_announce(hass: HomeAssistant, change: transitions.Change, context: Context | None) -> None:
    """Fire the events about a text whose state has changed: that it was taken, and what became of it.

    Args:
        hass: Home Assistant.
        change: The text, and its state before.
        context: Of the action that sent it; without one the user who did is named.
    """
    sent = change.text
    data = {**sent_data(hass, sent), "previous": str(change.previous), "redelivered": change.redelivered}
    context = context or Context(user_id=sent.user_id)
    if sent.status.is_taken and not change.previous.is_taken:
        hass.bus.async_fire(EVENT_SMS_SENT, data, context=context)
    if sent.status in TOLD:
        hass.bus.async_fire(EVENT_SMS_STATUS, data, context=context)
    async_dispatcher_send(hass, SIGNAL_STATUS, data)
    async_dispatcher_send(hass, SIGNAL_SENT.format(sent.account))
