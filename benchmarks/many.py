"""A store of very many messages: the newest of one account, and writes while something else is done."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
import shutil
import sqlite3
from statistics import median, quantiles
from tempfile import TemporaryDirectory
import time
from typing import NamedTuple

from custom_components.sms_inbox.store import Status, Store, accounts, messages, retention, search

from .core import FOLDER
from .emulator import TEXT
from .scale import Scale
from .store import message
from .table import Line, milliseconds

# Every other message is of the account that delivers, the rest of the one that will be removed; the oldest ones are of
# one to which nothing has come for long.
DELIVERING, REMOVED, QUIET = "01KA", "01KB", "01KC"
QUIET_ROWS = 1000
SPAN = timedelta(days=360)  # from the oldest to the newest
OLD = timedelta(days=324)  # a tenth of them is older
CALLS = 20
PAUSE = 0.005  # seconds between two writes
IDLE = 3.0  # seconds
NEWEST_AT_MOST = 0.005  # seconds
WAITS_AT_MOST = 0.020  # seconds


class Subject:
    """The store as it is measured: all that this row knows of its functions."""

    def __init__(self, path: Path) -> None:
        """Name its file."""
        self._path = path
        self._store = Store(path)
        self._numbers = count(1)

    async def open(self) -> None:
        """Take the accounts into use; the file is made where there is none."""
        for account in (DELIVERING, REMOVED, QUIET):
            await self._store.write(accounts.begin, account, "", datetime.now(UTC))

    async def close(self) -> None:
        """Close the file."""
        await self._store.close()

    async def newest(self, account: str) -> None:
        """Find the newest 10 of an account."""
        found = await self._store.read(search.find, search.Query(accounts=(account,), limit=10))
        if len(found) != 10:
            raise RuntimeError(f"{len(found)} messages were found.")

    async def receive(self) -> list[int]:
        """Store a new message and claim it; return its number in the store."""
        arrival = messages.Arrival(message(-next(self._numbers)))
        received = await self._store.write(messages.receive, DELIVERING, [arrival], claim=True)
        return [stored.sequence for stored in received.claimed]

    async def mark_delivered(self, sequences: list[int]) -> None:
        """Mark what was claimed as delivered."""
        await self._store.write(messages.mark_delivered, DELIVERING, sequences)

    async def search(self) -> None:
        """Look for a text that is nowhere."""
        await self._store.read(search.find, search.Query(contains="nowhere", limit=10))

    async def back_up(self) -> None:
        """Copy the file as a backup does."""
        await self._store.freeze()
        copy = self._path.with_suffix(".copy")
        await asyncio.to_thread(shutil.copyfile, self._path, copy)
        await self._store.thaw()
        copy.unlink()

    async def prune(self) -> None:
        """Erase the texts of old messages."""
        now = datetime.now(UTC)
        prune = partial(
            retention.prune,
            account=DELIVERING,
            store_texts=True,
            texts_before=now - OLD,
            identities_before=now - 2 * SPAN,
        )
        await self._store.write_in_batches(prune)
        await self._store.empty_log()

    async def remove(self) -> None:
        """Remove an account with all its messages."""
        await self._store.write_in_batches(partial(retention.remove, account=REMOVED))


def fill(path: Path, number: int) -> None:
    """Add so many messages to a file that has its tables: as fast as it goes, past the store."""
    now = datetime.now(UTC)
    values = {
        "number": number,
        "quiet": QUIET_ROWS,
        "begin": (now - SPAN).timestamp(),
        "step": SPAN.total_seconds() / number,
        "text": TEXT,
        "delivered": Status.DELIVERED,
    }
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    with db:
        db.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :number),"
            " rows AS (SELECT n, CASE WHEN n < :quiet THEN 2 ELSE n % 2 END AS owner,"
            " strftime('%Y-%m-%dT%H:%M:%S+00:00', :begin + n * :step, 'unixepoch') AS at FROM numbers)"
            " INSERT INTO message (account, provider, message_id, sender, recipient, text, encoding, received_at, raw,"
            " stored_at, status, in_doubt)"
            f" SELECT CASE owner WHEN 0 THEN '{DELIVERING}' WHEN 1 THEN '{REMOVED}' ELSE '{QUIET}' END, '', n,"
            " '+4477009' || (n % 1000), '+44771234567', :text || n, 'text', at,"
            " CAST(n || '|+447700900123|' || :text || '|2026-01-01 00:00:00|+44771234567|0|7bit' AS BLOB), at,"
            " :delivered, 0 FROM rows",
            values,
        )
    db.close()


async def lines(scale: Scale) -> list[Line]:
    """Fill a store, read it, and write to it while something else is done."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        path = Path(folder, "many.db")
        subject = Subject(path)
        await subject.open()
        await subject.close()
        await asyncio.to_thread(fill, path, scale.many)
        await subject.open()
        store = f"store of {scale.many:,}"
        found = [
            await _newest_line(f"{store}: the newest 10 of {whose}", subject, account)
            for whose, account in (("an account", DELIVERING), ("an account to which nothing came for long", QUIET))
        ]
        idle = await _beside(subject, _idle)
        for name, job in (
            ("a search for a text that is nowhere", _for_a_while(subject.search)),
            ("backups", _for_a_while(subject.back_up)),
            ("erasing a tenth of the texts", subject.prune),
            (f"the removal of an account of {scale.many // 2:,}", subject.remove),
        ):
            found.append(_waits_line(f"{store}: a write beside {name}", await _beside(subject, job), idle))
        await subject.close()
        return found


class Writes(NamedTuple):
    """Seconds of each write, and of the job beside them."""

    waits: list[float]
    job: float


async def _beside(subject: Subject, job: Callable[[], Awaitable[None]]) -> Writes:
    """Store and deliver one message after another while a job is done."""
    waits: list[float] = []
    over = asyncio.Event()
    writing = asyncio.create_task(_deliver(subject, waits, over))
    await asyncio.sleep(10 * PAUSE)
    waits.clear()
    started = time.perf_counter()
    await job()
    elapsed = time.perf_counter() - started
    over.set()
    await writing
    return Writes(waits, elapsed)


async def _deliver(subject: Subject, waits: list[float], over: asyncio.Event) -> None:
    """Store and claim a message, mark it delivered, and so on; note how long each of both took."""
    while not (waits and over.is_set()):
        started = time.perf_counter()
        claimed = await subject.receive()
        waits.append(time.perf_counter() - started)
        if not claimed:
            raise RuntimeError("A new message was not claimed.")
        started = time.perf_counter()
        await subject.mark_delivered(claimed)
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE)


async def _idle() -> None:
    await asyncio.sleep(IDLE)


def _for_a_while(job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """Return a job that does another again and again."""

    async def repeated() -> None:
        over = time.perf_counter() + IDLE
        while time.perf_counter() < over:
            await job()

    return repeated


async def _newest_line(what: str, subject: Subject, account: str) -> Line:
    seconds = []
    for _ in range(CALLS):
        started = time.perf_counter()
        await subject.newest(account)
        seconds.append(time.perf_counter() - started)
    found = median(seconds)
    return Line(
        what=what,
        ours=milliseconds(found),
        aim=f"≤ {milliseconds(NEWEST_AT_MOST)}",
        met=found <= NEWEST_AT_MOST,
    )


def _waits_line(what: str, beside: Writes, idle: Writes) -> Line:
    found, other = _percentile_99(beside.waits), _percentile_99(idle.waits)
    return Line(
        what=f"{what} ({beside.job:,.1f} s); beside it: beside nothing",
        ours=f"p99 {milliseconds(found)}, at most {milliseconds(max(beside.waits))} ({len(beside.waits):,} writes)",
        other=f"p99 {milliseconds(other)}, at most {milliseconds(max(idle.waits))}",
        ratio=f"{found / other:.2f}",
        aim=f"≤ {milliseconds(WAITS_AT_MOST)}",
        met=found <= WAITS_AT_MOST,
    )


def _percentile_99(seconds: list[float]) -> float:
    """Return the value below which 99 % are."""
    return quantiles(seconds, n=100, method="inclusive")[-1]
