"""Whether a large store is slower than a small one."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
import time

from custom_components.sms_inbox.model import Message, Page
from custom_components.sms_inbox.store import Query, Status, Store

from .core import FOLDER
from .emulator import TEXT
from .scale import Scale
from .table import Line, compare

ACCOUNT = "01KA"
SMALL = 1000
PAGE = 1000
DUE = 100
LIMIT = 500
CALLS = 100


async def lines(scale: Scale) -> list[Line]:
    """Take turns with a large store and a small one."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        small, large = Store(Path(folder, "small.db")), Store(Path(folder, "large.db"))
        fill(small, SMALL)
        fill(large, scale.rows)
        found = []
        for name, (query, at_most) in QUERIES.items():
            other, ours = _take_turns(query, small, large)
            what = f"store of {scale.rows:,}: {name}; beside it: of {SMALL:,}"
            found.append(compare(what, ours, other, at_most=at_most))
        for store in (small, large):
            store.close()
        return found


def fill(store: Store, number: int) -> None:
    """Write messages down, and tick all but the last ones off."""
    store.begin(ACCOUNT)
    for first in range(0, number, PAGE):
        page = Page(messages=tuple(map(_message, range(first, first + PAGE))), cursor={}, more=True)
        stored = store.receive(ACCOUNT, page, first_run=False, status=Status.DUE, attempts=1)
        last = first + PAGE >= number
        store.tick_off([each.sequence for each in (stored[:-DUE] if last else stored)])


def _message(number: int) -> Message:
    return Message(
        message_id=str(number),
        sender="+447700900123",
        recipient="+44771234567",
        text=TEXT,
        encoding="text",
        data=None,
        received_at=datetime.now(UTC),
        in_reply_to=None,
        raw=f"{number}|+447700900123|{TEXT}|2026-01-01 00:00:00|+44771234567|0|7bit".encode(),
    )


def _open(store: Store) -> None:
    store.close()
    store.begin(ACCOUNT)


def _take_turns(query: Callable[[Store], object], *stores: Store) -> list[list[float]]:
    """Return the seconds of a query at each store."""
    turns = [[_time(query, store) for store in stores] for _ in range(CALLS)]
    return [list(times) for times in zip(*turns, strict=True)]


def _time(query: Callable[[Store], object], store: Store) -> float:
    started = time.perf_counter()
    query(store)
    return time.perf_counter() - started


# What is timed, and how much longer it may take at the large store.
QUERIES: dict[str, tuple[Callable[[Store], object], float | None]] = {
    "where an account stands": (lambda store: store.begin(ACCOUNT), 2),
    f"attempt to deliver {DUE}": (lambda store: store.attempt_due(ACCOUNT, LIMIT), 2),
    "the newest 10": (lambda store: store.find(Query(limit=10)), 2),
    "a text that is nowhere": (lambda store: store.find(Query(contains="nowhere", limit=10)), None),
    "opening, with SQLite's check": (_open, None),
}
