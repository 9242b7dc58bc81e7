"""What passes between the parts: messages received, texts to send, pages, reports, and what the store has of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

SYNTHETIC_ID = "synthetic-"

type Cursor = Mapping[str, Any]
type Encoding = Literal["text", "unicode", "binary"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberFormat:
    """How a provider writes phone numbers that have neither `+` nor `00` in front.

    Attributes:
        is_international: They begin with the country code: `447700900123`.
        country: They are national numbers of this country (ISO 3166-1 alpha-2); None for that of Home Assistant. Not
            used where they are international.
        has_channels: A sender may begin with a channel: `whatsapp:+447700900123`.
    """

    is_international: bool = False
    country: str | None = None
    has_channels: bool = False


INTERNATIONAL = NumberFormat(is_international=True)
UNKNOWN = NumberFormat()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One text message as the provider handed it over.

    Attributes:
        message_id: The provider's id, verbatim; where it gives none, a unique one that begins with `SYNTHETIC_ID`.
        sender: As sent: a number or a name such as `MYBANK`; empty where the provider sends none.
        recipient: The number it was sent to, None where unknown.
        text: The whole text, unaltered; it may be empty.
        encoding: `text`, `unicode` or `binary`.
        data: The bytes of a binary message, else None.
        received_at: When the provider received it (aware, UTC), None where it doesn't say.
        in_reply_to: Id of the message it answers, None where it answers none.
        raw: The record as it came, with every field that is unknown here.
        channel: `mms` where the provider says so; None where only the sender's prefix says how it came, as in
            `whatsapp:+447700900123`, or nothing does, as with an SMS.
        fingerprint: Where the same id with another content is another message: a hash of the content, else None.
    """

    message_id: str
    sender: str
    recipient: str | None
    text: str
    encoding: Encoding
    data: bytes | None
    received_at: datetime | None
    in_reply_to: str | None
    raw: bytes
    channel: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One answer of a provider to a poll.

    Attributes:
        messages: Oldest first.
        cursor: Where the next page begins: JSON, understood by its provider alone. It is shown in diagnostics, so it
            holds nothing of a person.
        more: Fetch the next page at once. Where a list has the newest messages first, that page has older ones.
        unreadable: Records that could not be understood, verbatim.
        arrived_during_poll: The messages arrived while the provider held our request, so they are new, even on the
            first run.
    """

    messages: tuple[Message, ...]
    cursor: Cursor
    more: bool
    unreadable: tuple[bytes, ...] = ()
    arrived_during_poll: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookResponse:
    """The response that a vendor needs for an accepted webhook request; a wrong one costs money or messages."""

    status: int = HTTPStatus.OK
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, kw_only=True, slots=True)
class PushResult:
    """What a verified webhook request brings.

    Attributes:
        messages: Messages with the ids that a poll shows, too.
        unreadable: Records that could not be understood, verbatim.
        poll: The request could not be verified, or holds no whole message: poll now.
        lacks_sender: A message has no sender, or one that is neither a number nor a name, though its app or service
            should send one: a person may have to name the field.
        response: The response that this request needs, None where it is the provider's usual one.
        reports: What has become of texts that were sent.
    """

    messages: tuple[Message, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    poll: bool = False
    lacks_sender: bool = False
    response: WebhookResponse | None = None
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """A message in the store.

    Attributes:
        sequence: Its number in the store; rises in the order of arrival.
        account: Id of the account's config entry.
        provider: Key of the provider that handed it over; empty where it is the one that still reads the account.
        message: The message; its `received_at` is the time of storing where the provider reports no possible time.
        stored_at: When it was stored (aware, UTC).
        in_doubt: It may have been fired before; the event's `redelivered`.
        reply_to: The sent text that it answers, None where it answers none.
    """

    sequence: int
    account: str
    provider: str
    message: Message
    stored_at: datetime
    in_doubt: bool
    reply_to: ReplyTo | None = None


class SendStatus(StrEnum):
    """The states of a text that is sent; `docs/sending.md` has the table of transitions. The names are in the file."""

    PREPARING = "preparing"
    """An automatic answer is being made; it has no text yet."""
    QUEUED = "queued"
    """Stored; nothing of it has been sent."""
    SENDING = "sending"
    """About to be sent, or sent and not answered yet."""
    ACCEPTED = "accepted"
    """The vendor has taken it."""
    SENT = "sent"
    """The vendor has handed it to the mobile network."""
    DELIVERED = "delivered"
    """It is on the phone."""
    FAILED = "failed"
    """The vendor had taken it, and it will not reach the phone."""
    REFUSED = "refused"
    """The vendor, or a guard of ours, did not take it."""
    UNKNOWN = "unknown"
    """It may have been sent, or not; it is not sent again by itself."""
    EXPIRED = "expired"
    """It could not be sent in time; nothing of it was sent."""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self in FINAL

    @property
    def is_taken(self) -> bool:
        """Whether the vendor has taken it."""
        return self in RANKS


RANKS = {SendStatus.ACCEPTED: 1, SendStatus.SENT: 2, SendStatus.DELIVERED: 3, SendStatus.FAILED: 3}
"""The states after a vendor has taken a text; reports come in any order, and a state never falls."""
FINAL = {SendStatus.DELIVERED, SendStatus.FAILED, SendStatus.REFUSED, SendStatus.EXPIRED}
OPEN = {SendStatus.PREPARING, SendStatus.QUEUED, SendStatus.SENDING}


class Reason(StrEnum):
    """Why a text was not sent, or did not arrive. Each has a text of its own in the translations."""

    # What may pass by itself: the text stays in the queue.
    CANNOT_CONNECT = "cannot_connect"
    RATE_LIMITED = "rate_limited"
    # What the vendor has refused.
    ACCOUNT = "account"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    DAILY_LIMIT = "daily_limit"
    INVALID_AUTH = "invalid_auth"
    INVALID_RECIPIENT = "invalid_recipient"
    NO_CREDIT = "no_credit"
    OPTED_OUT = "opted_out"
    REFUSED = "refused"
    REPEATED = "repeated"
    SENDER_NOT_ALLOWED = "sender_not_allowed"
    # What is wrong with the text, seen before it is sent.
    EMPTY = "empty"
    TOO_LONG = "too_long"
    UNSUITABLE_TEXT = "unsuitable_text"
    # Why a text that was taken did not arrive, or one that was stored was not sent.
    EXPIRED = "expired"
    FILTERED = "filtered"
    INTERRUPTED = "interrupted"
    NO_ANSWER = "no_answer"
    UNREACHABLE = "unreachable"

    @property
    def is_temporary(self) -> bool:
        """Whether it may pass by itself within minutes."""
        return self in (Reason.CANNOT_CONNECT, Reason.RATE_LIMITED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One text to one recipient, as it is sent; it is stored before the first byte leaves.

    Attributes:
        key: Our id of it, a UUID, the same for each attempt.
        recipient: E.164, such as `+447700900123`.
        sender: The sender, None where the vendor chooses.
        text: The whole text, which no vendor alters.
        parts: How many parts it takes.
        created_at: When it was stored (aware, UTC).
        expires_at: When it must not be sent any more (aware, UTC).
        begun_at: When the request began whose outcome is unknown, or that was accepted; None before the first.
        provider_id: The vendor's id, None before it has accepted the text, and at vendors without one.
    """

    key: str
    recipient: str
    sender: str | None
    text: str
    parts: int
    created_at: datetime
    expires_at: datetime
    begun_at: datetime | None = None
    provider_id: str | None = None

    @property
    def number(self) -> int:
        """A random number of 31 bits, for vendors that take no UUID; it belongs to the key."""
        return UUID(self.key).int % 0x7FFFFFFF + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What the vendor has answered when it took a text.

    Attributes:
        provider_id: The vendor's id of it, None where it gives none.
        parts: How many parts it is charged for, None where the vendor doesn't say.
        cost: What it costs, in `currency`; None where the vendor doesn't say.
        currency: ISO 4217, or `credits`; None where that is unknown.
    """

    provider_id: str | None = None
    parts: int | None = None
    cost: float | None = None
    currency: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What has become of a text that was accepted.

    Attributes:
        status: `ACCEPTED`, `SENT`, `DELIVERED` or `FAILED`.
        provider_id: The vendor's id of the text; None where `key` says which one it is.
        key: Our id, where the vendor returns it.
        reason: Why it failed, None where that is unknown.
        parts: How many parts are charged, None where the vendor doesn't say.
        cost: As in `Accepted`.
        currency: As in `Accepted`.
    """

    status: SendStatus
    provider_id: str | None = None
    key: str | None = None
    reason: Reason | None = None
    parts: int | None = None
    cost: float | None = None
    currency: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyTo:
    """Which sent text a message answers.

    Attributes:
        key: Our id of the text.
        is_certain: Whether the vendor says so; otherwise it is the latest text that was sent to that number.
    """

    key: str
    is_certain: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SentText:
    """A text in the store that is sent, or was.

    Attributes:
        sequence: Its number in the store; rises in the order in which texts were stored.
        account: Id of the account's config entry.
        provider: Key of the provider.
        outgoing: The text.
        status: What has become of it.
        contact: Id of the contact's subentry, None where the recipient was none.
        attempts: How many requests were made for it.
        cost: As in `Accepted`.
        currency: As in `Accepted`.
        reason: Why it was not sent, or did not arrive.
        cause: Id of the received message that it answers, None where it answers none.
        is_automatic: Whether it was made without an automation asking for it: an answer of Assist.
        user_id: Id of Home Assistant's user who sent it, None for an automation.
        accepted_at: When the vendor took it, None where it hasn't.
        settled_at: When its present state was noted.
    """

    sequence: int
    account: str
    provider: str
    outgoing: Outgoing
    status: SendStatus
    contact: str | None
    attempts: int
    cost: float | None
    currency: str | None
    reason: Reason | None
    cause: str | None
    is_automatic: bool
    user_id: str | None
    accepted_at: datetime | None
    settled_at: datetime
