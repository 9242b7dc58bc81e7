"""From handed over to the automation's start, message by message, against a bare event and one write to the disk."""

from collections.abc import Callable, Coroutine
from pathlib import Path
import sqlite3
from statistics import median, quantiles
import time
from typing import Any

from custom_components.sms_inbox.inbox import EVENT_SMS_RECEIVED
from custom_components.sms_inbox.model import Cursor, Page
from homeassistant.core import HomeAssistant

from .automation import EVENT_DATA
from .core import Counter, add_account, add_automation, home_assistant
from .emulator import TEXT, Emulator, emulator
from .scale import Scale
from .table import Line, milliseconds

HOLD = 30.0
ALLOWANCE = 0.005  # seconds

type Fetch = Callable[[Cursor], Coroutine[Any, Any, Page]]


async def lines(scale: Scale) -> list[Line]:
    """Take turns with a message at Bulletin, a bare event, and a write."""
    ours, bare, writes = [], [], []
    async with emulator(hold=HOLD) as server, home_assistant() as hass:
        counter = await add_automation(hass)
        account = await server.add("bulletin")
        entry = await add_account(hass, account)
        provider = entry.runtime_data._provider  # noqa: SLF001
        clock = Clock(provider.fetch)
        await server.until_held()
        provider.fetch = clock.fetch
        disk = _open(Path(hass.config.path("write.db")))
        # The call that is held began before the clock was put in.
        await _received(server, account, counter, clock)
        for _ in range(scale.singles):
            ours.append(await _received(server, account, counter, clock))
            bare.append(await _fired(hass, counter))
            writes.append(await hass.async_add_executor_job(_write, disk))
        disk.close()
    return [_line(ours, bare, writes, f"{scale.singles} single messages, {name}", of) for name, of in POINTS.items()]


class Clock:
    """Notes when a provider's answer was handed to the component."""

    def __init__(self, fetch: Fetch) -> None:
        """Take the provider's own method."""
        self._fetch = fetch
        self.handed_over = 0.0

    async def fetch(self, cursor: Cursor) -> Page:
        """Read the next page."""
        page = await self._fetch(cursor)
        self.handed_over = time.perf_counter()
        return page


async def _received(server: Emulator, account: dict[str, Any], counter: Counter, clock: Clock) -> float:
    expected = counter.count + 1
    await server.send_one(account, TEXT)
    await counter.until(expected)
    elapsed = counter.last - clock.handed_over
    await server.until_held()
    return elapsed


async def _fired(hass: HomeAssistant, counter: Counter) -> float:
    expected = counter.count + 1
    fired = time.perf_counter()
    hass.bus.async_fire(EVENT_SMS_RECEIVED, dict(EVENT_DATA))
    await counter.until(expected)
    return counter.last - fired


def _open(path: Path) -> sqlite3.Connection:
    """Open a file as the store does."""
    disk = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    disk.execute("PRAGMA journal_mode = WAL")
    disk.execute("PRAGMA synchronous = FULL")
    disk.execute("CREATE TABLE one (text TEXT)")
    return disk


def _write(disk: sqlite3.Connection) -> float:
    """Return the seconds of a transaction of one row."""
    started = time.perf_counter()
    disk.execute("INSERT INTO one VALUES (?)", (TEXT,))
    return time.perf_counter() - started


def _percentile_95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


POINTS: dict[str, Callable[[list[float]], float]] = {"median": median, "95th percentile": _percentile_95}


def _line(
    ours: list[float], bare: list[float], writes: list[float], name: str, point: Callable[[list[float]], float]
) -> Line:
    mine, theirs = point(ours), point(bare) + point(writes)
    return Line(
        what=f"handed over to automation, {name}; beside it: bare fire + one write",
        ours=milliseconds(mine),
        other=f"{milliseconds(point(bare))} + {milliseconds(point(writes))}",
        ratio=f"{mine / theirs:.2f}",
        aim=f"≤ + {milliseconds(ALLOWANCE)}",
        met=mine <= theirs + ALLOWANCE,
    )
