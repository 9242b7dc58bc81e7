"""What happened: messages sent, requests of both sides, and messages handed over."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from .model import Account, Message

KEPT = 100_000


class Request(NamedTuple):
    """One request of a client; the status is None while the call is held, and for good if it got no answer."""

    time: datetime
    method: str
    url: str
    provider: str
    username: str | None
    status: int | None
    message_ids: tuple[str, ...]


class Passed(NamedTuple):
    """One message, and when it was sent to an account, or the answer with it went out to the last byte."""

    time: datetime
    provider: str
    username: str
    message_id: str
    sender: str
    text: str

    @classmethod
    def of(cls, time: datetime, account: Account, message: Message) -> Passed:
        """Return the entry of an account's message."""
        return cls(time, account.provider, account.username, message.message_id, message.sender, message.text)


class Called(NamedTuple):
    """One request that a vendor made to a client, from its beginning; the status is 0 where no answer came."""

    time: datetime
    provider: str
    username: str
    message_id: str
    status: int
    body: str


class Ledger[Entry](list[Entry]):
    """A list whose entries have numbers, from 1 on, and which forgets the oldest when it gets very long."""

    forgotten = 0

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 before the first."""
        return self.forgotten + len(self)

    def note(self, entry: Entry) -> int:
        """Add an entry and return its number."""
        if len(self) >= 2 * KEPT:
            del self[:KEPT]
            self.forgotten += KEPT
        self.append(entry)
        return self.last

    def amend(self, number: int, entry: Entry) -> None:
        """Replace an entry, if it is still there."""
        if number > self.forgotten:
            self[number - self.forgotten - 1] = entry

    def since(self, number: int) -> Iterable[tuple[int, Entry]]:
        """The entries after a number, with theirs."""
        start = max(number - self.forgotten, 0)
        return enumerate(islice(self, start, None), self.forgotten + start + 1)

    def forget(self) -> None:
        """Begin anew; numbers go on."""
        self.forgotten = self.last
        self.clear()
