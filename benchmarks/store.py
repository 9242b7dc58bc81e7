"""Whether a large store is slower than a small one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
import time

from custom_components.sms_inbox.model import Message
from custom_components.sms_inbox.store import Store, accounts, messages, search

from .core import FOLDER
from .emulator import TEXT
from .scale import Scale
from .table import Line, compare

ACCOUNT = "01KA"
SMALL = 1000
PAGE = 1000
PENDING = 100
CALLS = 100


async def lines(scale: Scale) -> list[Line]:
    """Take turns with a large store and a small one."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        small, large = Store(Path(folder, "small.db")), Store(Path(folder, "large.db"))
        await fill(small, SMALL)
        await fill(large, scale.rows)
        found = []
        for name, (query, at_most) in QUERIES.items():
            other, ours = await _take_turns(query, small, large)
            what = f"store of {scale.rows:,}: {name}; beside it: of {SMALL:,}"
            found.append(compare(what, ours, other, at_most=at_most))
        for store in (small, large):
            await store.close()
        return found


async def fill(store: Store, number: int) -> None:
    """Store messages, and mark all but the last ones delivered."""
    await store.write(accounts.begin, ACCOUNT, "", datetime.now(UTC))
    delivered: list[int] = []
    for first in range(0, number, PAGE):
        arrivals = [messages.Arrival(message(each)) for each in range(first, first + PAGE)]
        received = await store.write(messages.receive, ACCOUNT, arrivals, delivered=delivered)
        delivered = [stored.sequence for stored in received.new]
    await store.write(messages.mark_delivered, ACCOUNT, delivered[:-PENDING])


def message(number: int) -> Message:
    """Return a message with a number as its id."""
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


async def _begin(store: Store) -> None:
    await store.write(accounts.begin, ACCOUNT, "", datetime.now(UTC))


async def _claim_and_release(store: Store) -> None:
    if len(await store.write(messages.claim, ACCOUNT, ())) != PENDING:
        raise RuntimeError("Not all that is pending was claimed.")
    await store.write(messages.release, ACCOUNT, ())


async def _newest(store: Store) -> None:
    await store.read(search.find, search.Query(limit=10))


async def _nowhere(store: Store) -> None:
    await store.read(search.find, search.Query(contains="nowhere", limit=10))


async def _open(store: Store) -> None:
    await store.close()
    await store.open()


async def _take_turns(query: Callable[[Store], Awaitable[None]], *stores: Store) -> list[list[float]]:
    """Return the seconds of a query at each store."""
    turns = [[await _time(query, store) for store in stores] for _ in range(CALLS)]
    return [list(times) for times in zip(*turns, strict=True)]


async def _time(query: Callable[[Store], Awaitable[None]], store: Store) -> float:
    started = time.perf_counter()
    await query(store)
    return time.perf_counter() - started


# What is timed, and how much longer it may take at the large store.
QUERIES: dict[str, tuple[Callable[[Store], Awaitable[None]], float | None]] = {
    "where an account stands": (_begin, 2),
    f"claim {PENDING} and release them": (_claim_and_release, 2),
    "the newest 10": (_newest, 2),
    "a text that is nowhere": (_nowhere, None),
    "opening, with SQLite's check": (_open, None),
}
