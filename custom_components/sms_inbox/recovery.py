"""Which of the messages that a provider shows once more were lost on their way here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import re

from .model import SYNTHETIC_ID, Message

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
    ids_tell = proven = bool(known_ids & shown_ids)
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
