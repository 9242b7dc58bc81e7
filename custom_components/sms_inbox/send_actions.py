"""The actions `send_message` and `reply`."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

import voluptuous as vol

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL
from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_ENTITY_ID, Platform
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.util import dt as dt_util

from .compose import (
    EXPIRES_IN,
    MOST_RECIPIENTS,
    Order,
    Recipient,
    async_send,
    check,
    error,
    outbox_of,
    raise_for,
    recipient_of,
)
from .const import CONF_PROVIDER, CONF_SENDING, DOMAIN
from .contacts import CONF_NUMBER
from .coordinator import SmsInboxConfigEntry
from .dispatcher import event_data
from .inbox import async_get_store
from .loop_guard import MayNotAnswerError
from .model import SentText, StoredMessage
from .phone_numbers import SMS, digits_of, sender_of, typed_number
from .providers import PROVIDERS, number_format_of
from .providers.errors import ProviderError
from .providers.sending import SENDING, Sending
from .rights import allowed_accounts, async_limited_user, is_contact_allowed
from .sent import sent_data
from .store import StoreError, search

SERVICE_REPLY: Final = "reply"
SERVICE_SEND_MESSAGE: Final = "send_message"
ATTR_EXPIRES_IN: Final = "expires_in"
ATTR_KEY: Final = "key"
ATTR_MESSAGE: Final = "message"
ATTR_MESSAGE_ID: Final = "message_id"
ATTR_RECIPIENT: Final = "recipient"
ATTR_SENDER: Final = "sender"
LONGEST_KEY: Final = 255
REPLY_UNTIL: Final = timedelta(days=7)
REPLY_CHANNELS: Final = (SMS, "mms")
SENDERS_SECONDS: Final = 5.0

type Orders = list[tuple[SmsInboxConfigEntry, Order]]


def _number(value: Any) -> str | int:
    """Validate a number: a text, or an integer, which Home Assistant makes of `+447700900123` in a template's result.

    Raises:
        vol.Invalid: It is neither.
    """
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise vol.Invalid("This is not a phone number. Write it as text, in quotation marks")
    return value


KEY: Final = vol.All(cv.string, vol.Length(min=1, max=LONGEST_KEY))
SEND_MESSAGE_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(ATTR_ENTITY_ID): cv.entity_ids,
        vol.Optional(ATTR_RECIPIENT): vol.All(cv.ensure_list, [_number]),
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Required(ATTR_MESSAGE): cv.string,
        vol.Optional(ATTR_SENDER): _number,
        vol.Optional(ATTR_EXPIRES_IN, default=EXPIRES_IN): vol.All(
            cv.time_period, vol.Range(min=timedelta(seconds=1), max=timedelta(hours=24))
        ),
        vol.Optional(ATTR_KEY): KEY,
    }
)
REPLY_SCHEMA: Final = vol.Schema(
    {
        vol.Required(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Required(ATTR_MESSAGE_ID): cv.string,
        vol.Required(ATTR_MESSAGE): cv.string,
        vol.Optional(ATTR_KEY): KEY,
    }
)


@callback
def async_setup_send_actions(hass: HomeAssistant) -> None:
    """Register the actions."""
    for service, action, schema in (
        (SERVICE_SEND_MESSAGE, _async_send_message, SEND_MESSAGE_SCHEMA),
        (SERVICE_REPLY, _async_reply, REPLY_SCHEMA),
    ):
        hass.services.async_register(DOMAIN, service, action, schema, supports_response=SupportsResponse.OPTIONAL)


async def _async_send_message(call: ServiceCall) -> ServiceResponse:
    """Send a text to contacts and numbers; return what became of it: `{"messages": [...]}`, as in the events.

    Raises:
        ServiceValidationError: Nothing was sent; the error says what to change.
        Unauthorized: The user may not send to one of them.
        HomeAssistantError: One was refused, is too late, or may not have been sent.
    """
    hass, data = call.hass, call.data
    chosen: dict[str, tuple[SmsInboxConfigEntry, dict[str, Recipient]]] = {}
    for entry, recipient in _chosen(call):
        chosen.setdefault(entry.entry_id, (entry, {}))[1].setdefault(recipient.number, recipient)
    count = sum(len(recipients) for _, recipients in chosen.values())
    if not count:
        raise error("no_recipient")
    if count > MOST_RECIPIENTS:
        raise error("too_many_recipients", count=str(count), most=str(MOST_RECIPIENTS))
    sender = _as_text(hass, data[ATTR_SENDER]) if ATTR_SENDER in data else None
    orders: Orders = [
        (
            entry,
            Order(
                recipients=list(recipients.values()),
                text=data[ATTR_MESSAGE],
                sender=sender,
                expires_in=data[ATTR_EXPIRES_IN],
                key=data.get(ATTR_KEY),
            ),
        )
        for entry, recipients in chosen.values()
    ]
    await _async_check_rights(call, [(entry, order.recipients) for entry, order in orders])
    return _response(hass, call, await _async_send(call, orders))


async def _async_reply(call: ServiceCall) -> ServiceResponse:
    """Answer a message: to its sender, from the number that it was sent to; return what `send_message` returns.

    Raises:
        ServiceValidationError: Nothing was sent: the message can't be answered, or the error says what to change.
        Unauthorized: The user may not send from that account.
        HomeAssistantError: It was refused, is too late, or may not have been sent.
    """
    hass, data = call.hass, call.data
    entry = _account(hass, data[ATTR_CONFIG_ENTRY_ID])
    sending = outbox_of(entry).sending
    stored, number = await _async_answerable(hass, entry, data[ATTR_MESSAGE_ID])
    recipient = recipient_of(hass, entry, number)
    await _async_check_rights(call, [(entry, [recipient])])
    order = Order(
        recipients=[recipient],
        text=data[ATTR_MESSAGE],
        sender=await _async_own_number(hass, entry, sending, stored),
        key=data.get(ATTR_KEY),
        cause=data[ATTR_MESSAGE_ID],
    )
    return _response(hass, call, await _async_send(call, [(entry, order)]))


async def _async_send(call: ServiceCall, orders: Orders) -> list[SentText]:
    """Send the texts of all accounts, once it is certain that none of them is refused here; return them.

    Raises:
        HomeAssistantError: As `async_send` and `raise_for` do.
    """
    for entry, order in orders:
        check(entry, order)
    sending = (async_send(entry, order, call.context) for entry, order in orders)
    results = await asyncio.gather(*sending, return_exceptions=True)
    texts: list[SentText] = []
    for (entry, _), result in zip(orders, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        raise_for(entry, result)
        texts += result
    return texts


def _response(hass: HomeAssistant, call: ServiceCall, texts: Sequence[SentText]) -> ServiceResponse:
    """Return the response, where one is wanted."""
    return {"messages": [sent_data(hass, text) for text in texts]} if call.return_response else None


def _chosen(call: ServiceCall) -> Iterator[tuple[SmsInboxConfigEntry, Recipient]]:
    """Yield the recipients of a call, each with the account that sends to them.

    Raises:
        ServiceValidationError: One of them is no contact or no number, or must not be sent to; or it isn't clear which
            account is meant.
    """
    hass, data = call.hass, call.data
    registry = er.async_get(hass)
    for entity_id in data.get(ATTR_ENTITY_ID, ()):
        entity = registry.async_get(entity_id)
        is_ours = entity and entity.platform == DOMAIN and entity.domain == Platform.NOTIFY
        entry = hass.config_entries.async_get_entry(entity.config_entry_id or "") if entity and is_ours else None
        contact = entry.subentries.get(entity.config_subentry_id or "") if entry and entity else None
        if not entry or not contact:
            raise error("not_a_contact", entity_id=entity_id)
        outbox_of(entry)
        yield entry, recipient_of(hass, entry, contact.data[CONF_NUMBER])
    if typed := data.get(ATTR_RECIPIENT):
        entry = _account(hass, data.get(ATTR_CONFIG_ENTRY_ID))
        outbox_of(entry)
        for item in typed:
            yield entry, recipient_of(hass, entry, _as_text(hass, item))


def _account(hass: HomeAssistant, entry_id: str | None) -> SmsInboxConfigEntry:
    """Return the account with an id, without one the only account that sends.

    Raises:
        ServiceValidationError: There is no such account, none that sends, or more than one.
    """
    entries = hass.config_entries.async_entries(DOMAIN)
    if entry_id is not None:
        if entry := next((entry for entry in entries if entry.entry_id == entry_id), None):
            return entry
        raise error("unknown_account", config_entry_id=entry_id)
    sending = [entry for entry in entries if entry.data[CONF_PROVIDER] in SENDING and CONF_SENDING in entry.options]
    if not sending:
        raise error("no_sending_account")
    if len(sending) > 1:
        raise error("which_account", accounts=", ".join(entry.title for entry in sending))
    return sending[0]


def _as_text(hass: HomeAssistant, typed: str | int) -> str:
    """Return a number as text; an integer has lost the `+` that it may have had, so its meaning must be certain.

    Raises:
        ServiceValidationError: It may be a national number as well as another international one.
    """
    if isinstance(typed, str):
        return typed.strip()
    found = {number for text in (f"{typed}", f"+{typed}") if (number := typed_number(text, hass.config.country))}
    if len(found) > 1:
        raise error("recipient_ambiguous", recipient=str(typed), numbers=", ".join(sorted(found)))
    return found.pop() if found else str(typed)


async def _async_check_rights(
    call: ServiceCall, chosen: Sequence[tuple[SmsInboxConfigEntry, Sequence[Recipient]]]
) -> None:
    """Refuse a user who may control neither the account nor the contact of one of the recipients.

    Raises:
        Unauthorized: There is such a recipient.
        UnknownUser: The user was deleted.
    """
    user = await async_limited_user(call.hass, call.context, POLICY_CONTROL)
    if user and not all(_may_send(call.hass, user, entry, each) for entry, recipients in chosen for each in recipients):
        raise Unauthorized(context=call.context, permission=POLICY_CONTROL)


def _may_send(hass: HomeAssistant, user: User, entry: SmsInboxConfigEntry, recipient: Recipient) -> bool:
    """Whether a user may send to a recipient: by a right on the account, or on the contact."""
    if allowed_accounts(hass, user, POLICY_CONTROL, [entry.entry_id]):
        return True
    contact = recipient.contact
    return bool(contact and is_contact_allowed(hass, user, POLICY_CONTROL, entry.entry_id, contact.subentry_id))


async def _async_answerable(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, message_id: str
) -> tuple[StoredMessage, str]:
    """Return a message that may be answered, and its sender in E.164.

    Raises:
        ServiceValidationError: It isn't there, is too old, or its sender can't or doesn't want to be answered.
        HomeAssistantError: The store can't be read.
    """
    store = async_get_store(hass)
    try:
        stored = await store.read(search.message, entry.entry_id, message_id, list(PROVIDERS))
        if not stored:
            raise error("reply_unknown", entry, message_id=message_id)
        data = event_data(hass, stored)
        number: str | None = data["sender_number"]
        if data["channel"] not in REPLY_CHANNELS:
            raise error("reply_channel", entry)
        if number is None:
            raise error("reply_sender", entry, sender=stored.message.sender)
        if stored.message.received_at and dt_util.utcnow() - stored.message.received_at > REPLY_UNTIL:
            raise error("reply_too_old", entry, days=str(REPLY_UNTIL.days))
        await entry.runtime_data.loop_guard.async_may_answer(data)
    except MayNotAnswerError as err:
        raise error(err.key, entry, recipient=data["sender_number"] or "", sender=data["sender"]) from err
    except StoreError as err:
        raise error("store_unreadable", by_vendor=True, error=str(err)) from err
    return stored, number


async def _async_own_number(
    hass: HomeAssistant, entry: SmsInboxConfigEntry, sending: Sending, stored: StoredMessage
) -> str | None:
    """Return the number that a message was sent to, in E.164; None where the account can't send from it.

    Where a sender must be named, the numbers that receive are those that send. Elsewhere a message may have come to a
    number that many customers share, so the vendor is asked.
    """
    number_format = number_format_of(stored.provider or entry.data[CONF_PROVIDER])
    number = sender_of(stored.message.recipient or "", number_format, hass.config.country).number
    if not number or sending.sender_use == "none":
        return None
    if sending.sender_use == "required":
        return number
    try:
        async with asyncio.timeout(SENDERS_SECONDS):
            allowed = await sending.senders()
    except ProviderError, TimeoutError:
        return None
    return (
        number if number.removeprefix("+") in {(digits_of(each) or "").removeprefix("+") for each in allowed} else None
    )
