"""Opening a store of the first edition, which migrates it."""

import asyncio
from pathlib import Path
import shutil
import sqlite3
from tempfile import TemporaryDirectory
import time
from typing import NamedTuple

from custom_components.sms_inbox.store import Store, search

from .core import FOLDER
from .emulator import REPOSITORY, TEXT
from .scale import Scale
from .table import Line

FORMER = REPOSITORY / "tests" / "fixtures" / "store" / "version_3.db"  # it has rows of all kinds
ROWS = 100_000
SECONDS_AT_MOST = 10.0
LOG_AT_MOST = 1.0  # times the file as it was
LOOK = 0.001  # seconds between two looks at the log


class Opened(NamedTuple):
    """Seconds that it took, and bytes of the file before and after, and of the log at most."""

    seconds: float
    before: int
    after: int
    log: int


async def lines(_: Scale) -> list[Line]:
    """Open a large store of the first edition."""
    with TemporaryDirectory(dir=FOLDER) as folder:
        path = Path(folder, "former.db")
        shutil.copyfile(FORMER, path)
        number = await asyncio.to_thread(fill, path, ROWS)
        opened = await _open(Store(path), number)
    what = f"a store of {number:,} of the first edition"
    return [
        Line(
            what=f"{what}: opening, which migrates it",
            ours=f"{opened.seconds:,.1f} s",
            aim=f"≤ {SECONDS_AT_MOST:g} s",
            met=opened.seconds <= SECONDS_AT_MOST,
        ),
        Line(
            what=f"{what}: the log at most; beside it: the file before",
            ours=_mebibytes(opened.log),
            other=_mebibytes(opened.before),
            ratio=f"{opened.log / opened.before:.2f}",
            aim=f"≤ {LOG_AT_MOST:g}",
            met=opened.log <= LOG_AT_MOST * opened.before,
        ),
        Line(
            what=f"{what}: the file after; beside it: before",
            ours=_mebibytes(opened.after),
            other=_mebibytes(opened.before),
            ratio=f"{opened.after / opened.before:.2f}",
        ),
    ]


def fill(path: Path, number: int) -> int:
    """Copy the messages of a former store, each kind as often, until there are so many at least; return how many."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA synchronous = OFF")
    columns = [row[1] for row in db.execute("PRAGMA table_info(message)")]
    new = {"sequence": "NULL", "message_id": "message_id || '-' || n", "text": f"text || ' {TEXT} ' || n"}
    [(kinds, last)] = db.execute("SELECT count(*), max(sequence) FROM message")
    with db:
        db.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            f" INSERT INTO message ({', '.join(columns)})"
            f" SELECT {', '.join(new.get(column, column) for column in columns)} FROM numbers, message"
            " WHERE sequence <= ? ORDER BY n, sequence",
            (number // kinds, last),
        )
    [(found,)] = db.execute("SELECT count(*) FROM message")
    db.close()
    return int(found)


async def _open(store: Store, number: int) -> Opened:
    before = store.sizes()["bytes"]
    started = time.perf_counter()
    opening = asyncio.create_task(store.open())
    log = await _largest_log(store, opening)
    elapsed = time.perf_counter() - started
    await opening
    if await store.read(search.count_all) < number:
        raise RuntimeError("Messages were lost.")
    await store.close()
    return Opened(elapsed, before, store.sizes()["bytes"], log)


async def _largest_log(store: Store, opening: asyncio.Task[None]) -> int:
    """Return how many bytes the log has at most until the store is open."""
    largest = 0
    while not opening.done():
        largest = max(largest, store.sizes()["log_bytes"])
        await asyncio.wait({opening}, timeout=LOOK)
    return largest


def _mebibytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.1f} MiB"
