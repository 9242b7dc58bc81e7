"""Which of the messages that a provider shows once more were lost on their way here."""

from collections.abc import Sequence
from datetime import datetime, timedelta
import re

from .model import SYNTHETIC_ID, Message

TOLERANCE = timedelta(minutes=10)
PRECISION = timedelta(seconds=2)
SHORTEST_NUMBER = 5


class UnprovenError(Exception):
    """None of the known messages is among those shown, so what is shown may mean something else."""


def missing(shown: Sequence[Message], known: Sequence[Message], since: datetime) -> list[Message]:
    """Return the messages shown that came at `since` or later and are none of the known, each of which is one shown.

    They are the same if they have the same id, or, where ids don't tell, the same sender and text within ten minutes.

    Args:
        shown: What the provider shows, oldest first.
        known: What is written down.
        since: When the last message was received that was written down before one may have been lost.

    Raises:
        UnprovenError: Nothing is known to compare with, or nothing of it is found.
    """
    known_ids, shown_ids = ({message.message_id for message in each} for each in (known, shown))
    unmatched = [message for message in shown if message.message_id not in known_ids]
    left = [message for message in known if message.message_id not in shown_ids]
    if known_ids & shown_ids:
        # Their ids mean the same, so only what had none of its own can hide behind another.
        left = [message for message in left if message.message_id.startswith(SYNTHETIC_ID)]
    proven = bool(known_ids & shown_ids)
    lost: list[Message] = []
    for message in unmatched:
        if twin := next((other for other in left if _is_same(message, other)), None):
            left.remove(twin)
            proven = True
        elif message.received_at and message.received_at >= since - PRECISION:
            lost.append(message)
    if not proven:
        raise UnprovenError("none of the known messages is among those that are shown")
    return lost


def _is_same(one: Message, other: Message) -> bool:
    """Whether two messages are the same, as far as sender, text and time tell."""
    return (
        one.text == other.text
        and _plain(one.sender) == _plain(other.sender)
        and one.received_at is not None
        and other.received_at is not None
        and abs(one.received_at - other.received_at) <= TOLERANCE
    )


def _plain(sender: str) -> str:
    """Return a sender for comparing: of a number only its digits."""
    digits = re.sub(r"\D", "", sender).lstrip("0")
    return digits if len(digits) >= SHORTEST_NUMBER else sender.strip().casefold()
