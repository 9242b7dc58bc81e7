"""Messages that were lost on their way here: a read that consumes was answered, and the answer never arrived whole.

Where a provider shows once more what it has handed out lately, what is known there and not here is taken in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
import re
from typing import Protocol

from .model import SYNTHETIC_ID, Message
from .providers.contract import Provider
from .providers.errors import ProviderError, RateLimitedError, TemporaryError

_LOGGER = logging.getLogger(__name__)

SETTLING_SECONDS = 3.0
TOLERANCE = timedelta(minutes=10)
PRECISION = timedelta(seconds=2)
SHORTEST_NUMBER = 5


class UnprovenError(Exception):
    """None of the known messages is among those shown, so what is shown may mean something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The time in which a message was received that was handed over and may be lost.

    Attributes:
        since: When the last message was received that was written down before one may have been lost.
        surely_until: What was received before has been handed over; None where nobody can tell.
        probably_until: The same, if a provider hands out its messages in the order in which it received them.
    """

    since: datetime
    surely_until: datetime | None
    probably_until: datetime | None

    def covers(self, message: Message, *, probably: bool) -> bool:
        """Whether a message was received in it."""
        ends = [self.surely_until, self.probably_until if probably else None]
        until = max((end for end in ends if end), default=None)
        received_at = message.received_at
        return bool(received_at and until and self.since - PRECISION <= received_at < until)


def missing(shown: Sequence[Message], known: Sequence[Message], span: Span) -> list[Message]:
    """Return the messages shown that were received in the span and are none of the known, each of which is one shown.

    They are the same if they have the same id, or, where ids don't tell, the same sender and text within ten minutes.
    Where ids tell, a message that is still to be read is known when it is, so a span that is only probable will do.

    Args:
        shown: What the provider shows, oldest first.
        known: What is written down.
        span: When it may have been received.

    Raises:
        UnprovenError: Nothing is known to compare with, or nothing of it is found.
    """
    known_ids, shown_ids = ({message.message_id for message in each} for each in (known, shown))
    ids_tell = proven = do_ids_tell(shown, known)
    left = [message for message in known if message.message_id not in shown_ids]
    if ids_tell:
        # Only what had no id of its own can hide behind another.
        left = [message for message in left if message.message_id.startswith(SYNTHETIC_ID)]
    lost: list[Message] = []
    for message in shown:
        if message.message_id in known_ids:
            continue
        if twin := next((other for other in left if is_same(message, other)), None):
            left.remove(twin)
            proven = True
        elif span.covers(message, probably=ids_tell):
            lost.append(message)
    if not proven:
        raise UnprovenError("none of the known messages is among those that are shown")
    return lost


def do_ids_tell(shown: Sequence[Message], known: Sequence[Message]) -> bool:
    """Whether the messages shown have the ids that known ones have, so that what is not known was never fired."""
    return not {message.message_id for message in known}.isdisjoint(message.message_id for message in shown)


def is_same(one: Message, other: Message) -> bool:
    """Whether two messages are the same, as far as sender, text and time tell."""
    return (
        one.text == other.text
        and one.data == other.data
        and plain_sender(one.sender) == plain_sender(other.sender)
        and one.received_at is not None
        and other.received_at is not None
        and abs(one.received_at - other.received_at) <= TOLERANCE
    )


def plain_sender(sender: str) -> str:
    """Return a sender for comparing: of a number only its digits."""
    digits = re.sub(r"\D", "", sender).lstrip("0")
    return digits if len(digits) >= SHORTEST_NUMBER else sender.strip().casefold()


class LossInbox(Protocol):
    """What looking for lost messages needs of an inbox, see `inbox.Inbox`."""

    async def async_recover(self, shown: Sequence[Message], span: Span) -> int:
        """Store what was lost; return how many messages that are."""
        ...

    async def async_set_loss(self, since: datetime | None) -> None:
        """Note since when an answer may have been lost, None where none is."""
        ...


class Loss:
    """Whether an answer of one account may have been lost, and since when; looks for what was in it.

    The provider is asked after the first page, since it shows only its latest messages, and again when the inbox has
    been read to its end and things have settled: before, what was lost a moment ago can't be distinguished from what is
    just coming.

    Attributes:
        since: When the last message was received that was stored before; None where nothing can be lost.
        name: The account's name for the log.
    """

    def __init__(self, inbox: LossInbox, provider: Provider, name: str) -> None:
        """Take whose messages are looked for."""
        self.since: datetime | None = None
        self._inbox = inbox
        self._provider = provider
        self.name = name
        self._settled_at = 0.0
        self._looked = False

    def note(self, since: datetime | None, now: float) -> None:
        """Remember that an answer may have been lost.

        Args:
            since: When the last message was received that was stored before; None where nothing was.
            now: The event loop's time in seconds.
        """
        if self._provider.consumes and since:
            self.since = self.since or since
            self._settled_at = now + SETTLING_SECONDS
            self._looked = False

    async def async_look(self, last_received_at: datetime | None, now: float, *, caught_up: bool) -> None:
        """Take in what was lost; what can't be done now is done after a later page.

        Args:
            last_received_at: When the message was received that was stored last.
            now: The event loop's time in seconds.
            caught_up: Whether the inbox has been read to its end.

        Raises:
            StoreError: Nothing was stored.
        """
        last_look = caught_up and now >= self._settled_at
        if not self.since or (self._looked and not last_look):
            return
        self._looked = True
        span = Span(since=self.since, surely_until=self._provider.read_until, probably_until=last_received_at)
        try:
            shown = await self._provider.recover()
            lost = await self._inbox.async_recover(shown, span)
        except (TemporaryError, RateLimitedError) as err:
            _LOGGER.debug("Lost messages of %s are looked for later: %s", self.name, err)
            return
        except (ProviderError, UnprovenError) as err:
            _LOGGER.warning("Whether a message of %s was lost is unknown: %s", self.name, err)
        else:
            _LOGGER.debug("Recovered %d messages of %s", lost, self.name)
            if shown[0].received_at and shown[0].received_at > self.since:
                _LOGGER.warning("Messages of %s may be lost: its provider shows too few once more", self.name)
            if not last_look:
                return
        self.since = None
        await self._inbox.async_set_loss(None)
