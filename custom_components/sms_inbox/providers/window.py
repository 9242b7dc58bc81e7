"""Reading a window of time again and again, for providers that list messages by time.

The window begins before the latest message that was seen, since messages may appear late and provider's clocks differ;
what is known already is skipped by the store, by its id.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ..model import Cursor, Message, Page

FIRST_LOOK_BACK = timedelta(days=30)
MIN = datetime.min.replace(tzinfo=UTC)


def since_of(cursor: Cursor) -> datetime:
    """Return the time of the latest message that was seen; at first a month ago."""
    return datetime.fromisoformat(cursor["since"]) if cursor else datetime.now(UTC) - FIRST_LOOK_BACK


def later(since: datetime, messages: Iterable[Message]) -> datetime:
    """Return the time of the latest message; one from the future must not hide those to come."""
    seen = max((message.received_at for message in messages if message.received_at), default=since)
    return max(since, min(seen, datetime.now(UTC)))


def page(messages: Iterable[Message], unreadable: Iterable[bytes], cursor: Cursor) -> Page:
    """Return all that a window shows as one page, oldest first.

    Cursor: `{"since": str}`: the time of the latest message (ISO 8601). An empty first window leaves no trace: a clock
    that was wrong must not decide what is searched later.
    """
    found, records = sorted(messages, key=lambda message: message.received_at or MIN), tuple(unreadable)
    if found or records:
        cursor = {"since": later(since_of(cursor), found).isoformat(timespec="seconds")}
    return Page(messages=tuple(found), unreadable=records, cursor=cursor, more=False)
