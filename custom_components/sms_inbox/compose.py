"""From what somebody wants to send to texts in the outbox: recipients, guards, caps, and the errors that say why not.

Whoever sends uses this: the actions, the notify entities of contacts, and the answers of Assist.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util

from .const import CONF_PROVIDER, CONF_SENDING, DOMAIN
from .contacts import CONF_NUMBER, CONF_OWN_SENDER, contact_with, contacts_of
from .coordinator import SmsInboxConfigEntry
from .guards import NumberRules, RefusedNumberError, checked_number, regions_of
from .model import Outgoing, Reason, SendStatus, SentText
from .outbox import Outbox
from .providers import PROVIDERS
from .providers.errors import NotSentError
from .providers.sending import SENDING
from .store import StoreError, outgoing

CONF_COUNTRIES: Final = "countries"
CONF_PARTS: Final = "parts"
CONF_PER_DAY: Final = "per_day"
CONF_PER_HOUR: Final = "per_hour"
CONF_SENDER: Final = "sender"
CONF_SHORT_NUMBERS: Final = "short_numbers"
DEFAULT_PARTS: Final = 6
DEFAULT_PER_HOUR: Final = 20
DEFAULT_PER_DAY: Final = 60
MOST_RECIPIENTS: Final = 10
EXPIRES_IN: Final = timedelta(minutes=10)
ANSWER_SECONDS: Final = 20.0
"""For how long whoever sends waits for the vendor's answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Who gets a text: a number in E.164 or a short number, and the contact whose number it is."""

    number: str
    contact: ConfigSubentry | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is to be sent, and how.

    Attributes:
        recipients: Who gets it; each gets an SMS of their own.
        text: The text.
        sender: The sender, None for that of the contact, else of the account.
        expires_in: After that time it is not sent any more.
        key: The same key within a day means the same text, which is not sent again; None where there is none.
        cause: Id of the received message that it answers, None where it answers none.
    """

    recipients: Sequence[Recipient]
    text: str
    sender: str | None = None
    expires_in: timedelta = EXPIRES_IN
    key: str | None = None
    cause: str | None = None


def error(
    key: str, entry: SmsInboxConfigEntry | None = None, *, by_vendor: bool = False, **placeholders: str
) -> HomeAssistantError:
    """Return a translated error: one of the user's, or one of the vendor's."""
    kind = HomeAssistantError if by_vendor else ServiceValidationError
    placeholders = {"account": entry.title if entry else "", **placeholders}
    return kind(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def outbox_of(entry: SmsInboxConfigEntry) -> Outbox:
    """Return an account's outbox.

    Raises:
        ServiceValidationError: The provider can't send, sending is switched off, or the account isn't loaded.
    """
    if entry.data[CONF_PROVIDER] not in SENDING:
        raise error("cannot_send", entry, provider=PROVIDERS[entry.data[CONF_PROVIDER]].name)
    if CONF_SENDING not in entry.options:
        raise error("sending_off", entry)
    if entry.state is not ConfigEntryState.LOADED or not entry.runtime_data.outbox:
        raise error("not_loaded", entry)
    return entry.runtime_data.outbox


def options_of(entry: SmsInboxConfigEntry) -> Mapping[str, Any]:
    """Return an account's options for sending, see the constants above; empty where sending is off."""
    options: Mapping[str, Any] = entry.options.get(CONF_SENDING, {})
    return options


def caps_of(entry: SmsInboxConfigEntry) -> outgoing.Caps:
    """Return how many parts an account may send."""
    options = options_of(entry)
    return outgoing.Caps(
        per_hour=options.get(CONF_PER_HOUR, DEFAULT_PER_HOUR), per_day=options.get(CONF_PER_DAY, DEFAULT_PER_DAY)
    )


def rules_of(hass: HomeAssistant, entry: SmsInboxConfigEntry) -> NumberRules:
    """Return which numbers an account may send to: without a choice those of its own country and of its contacts."""
    options, country = options_of(entry), hass.config.country
    chosen = options.get(CONF_COUNTRIES) or ([country] if country else [])
    of_contacts = {region for each in contacts_of(entry) for region in regions_of(each.data[CONF_NUMBER])}
    return NumberRules(
        country=country,
        countries=frozenset(chosen) | of_contacts,
        short_numbers=options.get(CONF_SHORT_NUMBERS, False),
    )


def recipient_of(hass: HomeAssistant, entry: SmsInboxConfigEntry, typed: str) -> Recipient:
    """Return the recipient that a person has typed.

    Raises:
        ServiceValidationError: It is no number, or one that must not be sent to.
    """
    try:
        number = checked_number(typed, rules_of(hass, entry))
    except RefusedNumberError as err:
        raise error(err.key, entry, recipient=typed) from err
    return Recipient(number=number, contact=contact_with(entry, number))


def check(entry: SmsInboxConfigEntry, order: Order) -> None:
    """Raise what `async_send` raises before it stores anything, so that a whole call can be refused.

    Raises:
        ServiceValidationError: The texts can't be sent; the error says what to change.
    """
    outbox = outbox_of(entry)
    for recipient in order.recipients:
        _draft(entry, outbox, order, recipient, None)


async def async_send(entry: SmsInboxConfigEntry, order: Order, context: Context | None = None) -> list[SentText]:
    """Store texts, send them, and wait for the vendor's answer, at most for `ANSWER_SECONDS`.

    Returns:
        The texts; those that are still in the queue then are sent later.

    Raises:
        ServiceValidationError: Nothing was stored; the error says what to change.
        HomeAssistantError: The store failed, or the vendor has refused a text, or it is unknown whether it was sent.
    """
    outbox = outbox_of(entry)
    drafts = [_draft(entry, outbox, order, recipient, context) for recipient in order.recipients]
    caps = caps_of(entry)
    try:
        stored = await outbox.async_send(drafts, caps, context)
        if stored.reached:
            entry.runtime_data.cap_notice.async_show(caps)
            raise error(f"cap_{stored.reached}", entry, cap=str(getattr(caps, stored.reached)))
        texts = await outbox.async_wait([text.outgoing.key for text in stored.texts], ANSWER_SECONDS)
    except StoreError as err:
        raise error("send_store", entry, by_vendor=True, error=str(err)) from err
    return texts


def raise_for(entry: SmsInboxConfigEntry, texts: Sequence[SentText]) -> None:
    """Raise the error that the first text has which was not sent.

    Raises:
        HomeAssistantError: One was refused, is too late, or may not have been sent.
    """
    for text in texts:
        recipient = text.outgoing.recipient
        if text.status is SendStatus.UNKNOWN:
            raise error("send_unknown", entry, by_vendor=True, recipient=recipient)
        if text.status in (SendStatus.REFUSED, SendStatus.EXPIRED, SendStatus.FAILED):
            raise error(f"send_{text.reason or Reason.REFUSED}", entry, by_vendor=True, recipient=recipient)


def parts_in(entry: SmsInboxConfigEntry, outbox: Outbox, text: str) -> int:
    """Return how many parts a text takes.

    Raises:
        ServiceValidationError: The vendor can't send it as it is, or it has more parts than the account allows.
    """
    limit = outbox.sending.limit
    try:
        parts = outbox.sending.check(text)
    except NotSentError as err:
        key = f"send_too_long_{limit.unit}" if err.reason is Reason.TOO_LONG else f"send_{err.reason}"
        raise error(key, entry, most=str(limit.most)) from err
    most = options_of(entry).get(CONF_PARTS, DEFAULT_PARTS)
    if parts > most:
        raise error("send_too_many_parts", entry, parts=str(parts), most=str(most))
    return parts


def _draft(
    entry: SmsInboxConfigEntry, outbox: Outbox, order: Order, recipient: Recipient, context: Context | None
) -> outgoing.Draft:
    """Return a text to store."""
    now, contact = dt_util.utcnow(), recipient.contact
    own_sender = contact.data.get(CONF_OWN_SENDER) if contact else None
    sender = order.sender or own_sender or options_of(entry).get(CONF_SENDER) or None
    if outbox.sending.sender_use == "none":
        sender = None
    elif outbox.sending.sender_use == "required" and not sender:
        raise error("sender_missing", entry)
    return outgoing.Draft(
        account=entry.entry_id,
        provider=entry.data[CONF_PROVIDER],
        outgoing=Outgoing(
            key=str(uuid4()),
            recipient=recipient.number,
            sender=sender,
            text=order.text,
            parts=parts_in(entry, outbox, order.text),
            created_at=now,
            expires_at=now + order.expires_in,
        ),
        contact=contact.subentry_id if contact else None,
        request_key=order.key,
        cause=order.cause,
        user_id=context.user_id if context else None,
    )
