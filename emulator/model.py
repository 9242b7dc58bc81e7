"""Accounts and their messages: what a provider knows, whatever its protocol."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
import re
import time
from typing import Any
import uuid
from zoneinfo import ZoneInfo

from .alphabet import is_plain

ENCODINGS = ("text", "unicode", "binary")
UNFIT_FOR_ADDRESS = re.compile(r"[|\x00-\x1f\x7f]")


@dataclass(eq=False, kw_only=True, slots=True)
class Message:
    """One SMS at the provider; `read` once a destructive read took it, fetched once an answer with it was complete.

    It is received by the vendor's clock; sent, fetched and reported by ours.
    """

    message_id: str
    text: str
    sender: str
    recipient: str
    received_at: datetime
    sent_at: datetime
    encoding: str = "text"
    in_reply_to: str | None = None
    data: bytes | None = None
    wire: str | None = None
    sent: bool = False
    raw: bytes | None = None
    read: bool = False
    fetched_at: datetime | None = None
    fetches: int = 0
    webhook_status: int | None = None
    """The status of the last answer to a webhook request about it, 0 where there was no answer."""
    webhook_at: datetime | None = None
    """When that answer came."""
    status: str = "delivered"
    """Of a text that a client submitted: `accepted`, `sent`, `delivered` or `failed`."""
    error: str = ""
    """Why it failed, as a word of `handsets.ERRORS`."""
    key: str | None = None
    """The client's own id of it, where the request had one."""
    callback: str = ""
    """Where the client wants to be told what becomes of it, where the request said so."""
    shown: str | None = None
    """What a phone shows of it, None where none does."""


class Carrier:
    """What the messages of one provider can be, however clients ask for them."""

    key: str
    numeric_ids = False
    ids = True
    """Whether messages have ids of their own, which are unique."""
    recipients = True
    """Whether a message has the number that it was sent to."""
    replies = True
    """Whether a message has the id of the one that it answers."""
    binary = True
    """Whether messages of bytes exist."""
    wires: tuple[str, ...] = ()
    """The wire forms that a Unicode text can be given, the default one first."""

    def raw_id(self, record: bytes) -> str | None:
        """The message id inside a raw record, if it has one."""
        found = re.match(rb"\d+", record) if self.numeric_ids else None
        return found[0].decode() if found else None

    def new_id(self) -> str:
        """The id of a new message, where ids are no numbers."""
        return str(uuid.uuid4())

    def first_places(self) -> list[dict[str, Any]]:
        """The places that an account has from the beginning, see `Account.places`."""
        return []

    def content_id(self, message: Message) -> str | None:
        """The id that follows from what a message is, where it does: an equal message is the same one then."""
        del message
        return None

    def check(self, message: Message) -> None:
        """Raise ValueError for a message that this provider can't carry."""
        if self.numeric_ids and not re.fullmatch(r"[0-9]+", message.message_id):
            raise ValueError(f"A message id of {self.key} is a number.")
        if message.encoding == "binary" and not self.binary:
            raise ValueError(f"{self.key} has no binary messages.")
        if message.wire is not None and message.wire not in self.wires:
            raise ValueError(f"The wire forms of {self.key} are: {', '.join(self.wires) or 'none'}.")


@dataclass(eq=False, kw_only=True)
class Account:
    """One customer of one provider, with everything that was ever sent to it."""

    protocol: Carrier
    username: str
    password: str
    time_zone: str
    page_size: int
    on_change: Callable[[], None]
    on_message: Callable[[Account, Message], None] = field(default=lambda _account, _message: None)
    on_submitted: Callable[[Account, Message, str], None] = field(default=lambda _account, _message, _shown: None)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """The time by the vendor's clock."""
    callback: str = ""
    """The address to call when a message comes, as the customer typed it on the vendor's web site."""
    signing_key: str = ""
    """With what calls are signed, for vendors that have a key beside the password."""
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    """What the customer registered to be called, by the vendor's API."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What only this vendor's accounts have, such as API keys, as JSON; the file of its protocol says what."""
    asked_at: datetime | None = None
    """When a client last asked for something with the credentials of this account, by our clock."""
    places: list[dict[str, Any]] = field(default_factory=list)
    """Numbers or rules at which the customer sets what is done with a message."""
    messages: list[Message] = field(default_factory=list)
    unread: deque[Message] = field(default_factory=deque)
    _last_id: int = field(default_factory=lambda: int(time.time() * 1000))
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def provider(self) -> str:
        """The provider's key."""
        return self.protocol.key

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the local times in this account's answers."""
        return ZoneInfo(self.time_zone)

    def send(
        self,
        text: str = "",
        *,
        sender: str = "+447700900123",
        recipient: str = "+44771234567",
        in_reply_to: str | None = None,
        encoding: str | None = None,
        data: bytes | None = None,
        received_at: datetime | None = None,
        message_id: str | None = None,
        wire: str | None = None,
        sent: bool = False,
    ) -> Message:
        """Send an SMS to this account (or, with `sent`, from it); ValueError says what the provider can't carry.

        Without `received_at` it is received now, by the vendor's clock.
        """
        message = Message(
            message_id=message_id or "",
            text=text,
            sender=sender,
            recipient=recipient,
            received_at=received_at or self.now(),
            sent_at=datetime.now(UTC),
            encoding=encoding or _natural_encoding(text, data, wire),
            in_reply_to=in_reply_to,
            data=data,
            wire=wire,
            sent=sent,
        )
        if message_id is None:
            message.message_id = self.protocol.content_id(message) or self._new_id()
        self._check(message)
        if same := self._same(message):
            return same
        self.add(message)
        self.on_message(self, message)
        return message

    def submit(
        self,
        text: str,
        *,
        sender: str,
        recipient: str,
        shown: str | None = None,
        message_id: str | None = None,
        key: str | None = None,
        callback: str = "",
    ) -> Message:
        """Take a text of a client, and send it to a phone.

        Args:
            text: As the vendor lists it.
            sender: As the phone shows it.
            recipient: The phone's number, in E.164 with `+`.
            shown: What the phone shows, where that is another text.
            message_id: The vendor's id of it, by default a new one.
            key: The client's own id of it.
            callback: Where the client wants to be told what becomes of it.
        """
        message = Message(
            message_id=message_id or self._new_id(),
            text=text,
            sender=sender,
            recipient=recipient,
            received_at=self.now(),
            sent_at=datetime.now(UTC),
            encoding=_natural_encoding(text, None, None),
            sent=True,
            status="accepted",
            key=key,
            callback=callback,
        )
        self.add(message)
        self.on_submitted(self, message, text if shown is None else shown)
        return message

    def send_raw(self, record: bytes) -> Message:
        """Have a record handed out exactly as it is: a body, a record line or a JSON row, as the protocol has it."""
        message = Message(
            message_id=self.protocol.raw_id(record) or self._new_id(),
            text=record.decode("utf-8", "replace"),
            sender="",
            recipient="",
            received_at=self.now(),
            sent_at=datetime.now(UTC),
            raw=record,
        )
        self.add(message)
        self.on_message(self, message)
        return message

    def add(self, message: Message) -> None:
        """Take in a message, new or remembered."""
        self.messages.append(message)
        if self.protocol.numeric_ids:
            self._last_id = max(self._last_id, int(message.message_id))
        if not message.read and not message.sent:
            self.unread.append(message)
        self.on_change()
        self.wake()

    def take_unread(self) -> Message:
        """Mark the oldest unread message read, and give it away: nobody else will get it."""
        message = self.unread.popleft()
        message.read = True
        self.on_change()
        return message

    def wake(self) -> None:
        """Let whoever is held look again."""
        self._woken.set()
        self._woken.clear()

    async def wait(self) -> None:
        """Wait until woken."""
        await self._woken.wait()

    def _same(self, message: Message) -> Message | None:
        """The message that is there already, for a vendor that takes equal ones for one."""
        if self.protocol.content_id(message) != message.message_id:
            return None
        return next((other for other in self.messages if other.message_id == message.message_id), None)

    def _new_id(self) -> str:
        if not self.protocol.numeric_ids:
            return self.protocol.new_id()
        self._last_id += 1
        return str(self._last_id)

    def _check(self, message: Message) -> None:
        message.text.encode()
        for address in (message.sender, message.recipient):
            if UNFIT_FOR_ADDRESS.search(address):
                raise ValueError("A sender or recipient has no control characters and no |.")
        if message.encoding not in ENCODINGS:
            raise ValueError(f"The encoding is one of {', '.join(ENCODINGS)}.")
        if (message.encoding == "binary") != (message.data is not None):
            raise ValueError("A binary message has data, and no other has.")
        if message.received_at.tzinfo is None:
            raise ValueError("The time of receipt needs a time zone.")
        self.protocol.check(message)


def _natural_encoding(text: str, data: bytes | None, wire: str | None) -> str:
    if data is not None:
        return "binary"
    return "text" if wire in (None, "utf-8") and is_plain(text) else "unicode"
