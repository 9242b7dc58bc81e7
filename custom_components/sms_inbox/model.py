"""What passes between the parts: a message, a page of messages, and a stored message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal

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
    """

    messages: tuple[Message, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    poll: bool = False
    lacks_sender: bool = False
    response: WebhookResponse | None = None


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
    """

    sequence: int
    account: str
    provider: str
    message: Message
    stored_at: datetime
    in_doubt: bool
