"""Finds messages that were lost on their way here, at a provider whose reads consume.

Such a provider marks a message as read when it answers. If that answer doesn't arrive whole, the message is lost,
unless the provider has a second list of its latest messages. That list is compared with the store, and the messages
that are missing there are stored.
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
    """None of the stored messages is in the provider's list, so the list may not be what it is taken for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The span of time in which a lost message was received: older ones are stored, later ones still to be read.

    Attributes:
        since: When the last message was received that was stored before one may have been lost.
        surely_until: All messages received before this time have been handed over; None where that is unknown.
        probably_until: The same, provided that messages are handed over in the order in which they were received.
    """

    since: datetime
    surely_until: datetime | None
    probably_until: datetime | None

    def covers(self, message: Message, *, probably: bool) -> bool:
        """Whether a message was received in the span; with `probably`, `probably_until` counts, too."""
        ends = [self.surely_until, self.probably_until if probably else None]
        until = max((end for end in ends if end), default=None)
        received_at = message.received_at
        return bool(received_at and until and self.since - PRECISION <= received_at < until)


def missing(shown: Sequence[Message], known: Sequence[Message], span: Span) -> list[Message]:
    """Return the listed messages that were received in the span and are not stored.

    Two messages are the same if they have the same id. Where the list has other ids than the store, they are the same
    if sender and text are the same and their times are at most ten minutes apart; each stored message then stands for
    one listed message. Where the ids are the same, `probably_until` may be used: if one of the returned messages is
    still to be read after all, it is recognised by its id then, and not delivered a second time.

    Args:
        shown: The messages that the provider lists, oldest first.
        known: The stored messages.
        span: When a lost message was received.

    Raises:
        UnprovenError: There is no stored message to compare with, or none of them is in the list.
    """
    known_ids, shown_ids = ({message.message_id for message in each} for each in (known, shown))
    same_ids = proven = share_ids(shown, known)
    left = [message for message in known if message.message_id not in shown_ids]
    if same_ids:
        # Only a message that the provider sent without an id can be in the list with another one.
        left = [message for message in left if message.message_id.startswith(SYNTHETIC_ID)]
    lost: list[Message] = []
    for message in shown:
        if message.message_id in known_ids:
            continue
        if twin := next((other for other in left if is_same(message, other)), None):
            left.remove(twin)
            proven = True
        elif span.covers(message, probably=same_ids):
            lost.append(message)
    if not proven:
        raise UnprovenError("none of the known messages is among those that are shown")
    return lost


def share_ids(shown: Sequence[Message], known: Sequence[Message]) -> bool:
    """Whether list and store use the same ids, so that a listed message whose id is not stored was never fired."""
    return not {message.message_id for message in known}.isdisjoint(message.message_id for message in shown)


def is_same(one: Message, other: Message) -> bool:
    """Whether two messages seem to be the same: equal content, equal sender, and times at most ten minutes apart."""
    return (
        one.text == other.text
        and one.data == other.data
        and plain_sender(one.sender) == plain_sender(other.sender)
        and one.received_at is not None
        and other.received_at is not None
        and abs(one.received_at - other.received_at) <= TOLERANCE
    )


def plain_sender(sender: str) -> str:
    """Return a sender in a form for comparing: for a number, its digits alone, without leading zeros."""
    digits = re.sub(r"\D", "", sender).lstrip("0")
    return digits if len(digits) >= SHORTEST_NUMBER else sender.strip().casefold()


class LossInbox(Protocol):
    """The part of `inbox.Inbox` that the search for lost messages uses."""

    async def async_recover(self, shown: Sequence[Message], span: Span) -> int:
        """Store the lost messages; return how many there are."""
        ...

    async def async_set_loss(self, since: datetime | None) -> None:
        """Note since when an answer may have been lost, None where none is."""
        ...


class Loss:
    """Remembers whether an answer for one account may have been lost, and looks for the messages that were in it.

    The provider's list is compared twice: after the first page, since the list holds only the latest messages, and
    again when the inbox has been read to its end and some seconds have passed. Before that, a message that was lost a
    moment ago can't be distinguished from one that is about to be read.

    Attributes:
        since: When the last message was received that was stored before the loss; None where nothing can be lost.
        name: The account's name for the log.
    """

    def __init__(self, inbox: LossInbox, provider: Provider, name: str) -> None:
        """Take the account's inbox, its provider, and its name for the log."""
        self.since: datetime | None = None
        self._inbox = inbox
        self._provider = provider
        self.name = name
        self._settled_at = 0.0
        self._looked = False

    def note(self, since: datetime | None, now: float) -> None:
        """Remember that an answer may have been lost.

        Args:
            since: When the last message was received that was stored before the loss; None where none was stored.
            now: The event loop's time in seconds.
        """
        if self._provider.consumes and since:
            self.since = self.since or since
            self._settled_at = now + SETTLING_SECONDS
            self._looked = False

    async def async_look(self, last_received_at: datetime | None, now: float, *, caught_up: bool) -> None:
        """Look for lost messages and store them; if the provider can't be asked now, that is done after a later page.

        Args:
            last_received_at: When the last stored message was received.
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
            _LOGGER.debug("Lost messages of %s will be looked for later: %s", self.name, err)
            return
        except (ProviderError, UnprovenError) as err:
            _LOGGER.warning("It is unknown whether a message of %s was lost: %s", self.name, err)
        else:
            _LOGGER.debug("Recovered %d messages of %s", lost, self.name)
            if shown[0].received_at and shown[0].received_at > self.since:
                _LOGGER.warning("Messages of %s may be lost: the provider's list doesn't go back far enough", self.name)
            if not last_look:
                return
        self.since = None
        await self._inbox.async_set_loss(None)
