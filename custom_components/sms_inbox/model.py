"""What passes between the parts: a message, a page of messages, and a message on its way out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

SYNTHETIC_ID = "synthetic-"

type Cursor = Mapping[str, Any]
type Encoding = Literal["text", "unicode", "binary"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One text message as the provider handed it over.

    Attributes:
        message_id: The provider's id, verbatim; where it gives none, a unique one that begins with `SYNTHETIC_ID`.
        sender: As sent: a number or a name such as `MYBANK`; empty where the provider tells none.
        recipient: The number it was sent to, None where unknown.
        text: The whole text, unaltered; it may be empty.
        encoding: `text`, `unicode` or `binary`.
        data: The bytes of a binary message, else None.
        received_at: When the provider received it (aware, UTC), None where it doesn't say.
        in_reply_to: Id of the message it answers, None where it answers none.
        raw: The record as it came, with every field that is unknown here.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One answer of a provider.

    Attributes:
        messages: Oldest first.
        cursor: Where the next page begins: JSON, understood by its provider alone. It is shown in diagnostics, so it
            holds nothing of a person.
        more: Ask again at once.
        unreadable: Records that could not be understood, verbatim.
        awaited: The messages came while the provider held our request, so they are new, even on a first run.
    """

    messages: tuple[Message, ...]
    cursor: Cursor
    more: bool
    unreadable: tuple[bytes, ...] = ()
    awaited: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """What a call of a vendor brings.

    Attributes:
        messages: Those with the id that a poll shows, too: delivered at once, and known when a poll brings them.
        announced: Those without such an id: the poll that follows at once brings them, see `Store.receive_call`.
        unreadable: Records that could not be understood, verbatim.
    """

    messages: tuple[Message, ...] = ()
    announced: tuple[Message, ...] = ()
    unreadable: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredMessage:
    """A message that is written down.

    Attributes:
        sequence: Its place in the store; rises in the order of arrival.
        account: Whose it is.
        provider: The key of the provider that handed it over; empty where it is the one that still reads the account.
        message: The message, its `received_at` filled with the time of storing where the provider tells none.
        stored_at: When it was written down (aware, UTC).
        redelivered: It may have been fired before.
    """

    sequence: int
    account: str
    provider: str
    message: Message
    stored_at: datetime
    redelivered: bool
