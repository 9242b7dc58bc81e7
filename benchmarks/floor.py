"""What nobody can do without: a bare event that starts an automation, and one write to the disk."""

from collections.abc import Callable
from pathlib import Path
import sqlite3
from statistics import median, quantiles
import time

from custom_components.sms_inbox.dispatcher import EVENT_SMS_RECEIVED
from homeassistant.core import HomeAssistant

from .automation import EVENT_DATA
from .core import Counter
from .emulator import TEXT
from .table import milliseconds

type Point = Callable[[list[float]], float]


def percentile_95(values: list[float]) -> float:
    """Return the value below which 95 % are."""
    return quantiles(values, n=20, method="inclusive")[-1]


POINTS: dict[str, Point] = {"median": median, "95th percentile": percentile_95}


class Disk:
    """A file that is written as the store's is."""

    def __init__(self, path: Path) -> None:
        """Make the file."""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE one (text TEXT)")

    def write(self) -> float:
        """Return the seconds of a transaction of one row; it blocks."""
        started = time.perf_counter()
        self._db.execute("INSERT INTO one VALUES (?)", (TEXT,))
        return time.perf_counter() - started

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Floor:
    """Takes its turn beside what is measured."""

    def __init__(self, hass: HomeAssistant, counter: Counter) -> None:
        """Take the counter of an automation, and open a file as the store does."""
        self._hass = hass
        self._counter = counter
        self._fires: list[float] = []
        self._writes: list[float] = []
        self._disk = Disk(Path(hass.config.path("write.db")))

    async def measure(self) -> None:
        """Fire one event, and write one row."""
        self._fires.append(await self._fire())
        self._writes.append(await self._hass.async_add_executor_job(self._disk.write))

    def at(self, point: Point) -> float:
        """Return the seconds of both."""
        return point(self._fires) + point(self._writes)

    def shown(self, point: Point) -> str:
        """Return both for the table."""
        return f"{milliseconds(point(self._fires))} + {milliseconds(point(self._writes))}"

    def close(self) -> None:
        """Close the file."""
        self._disk.close()

    async def _fire(self) -> float:
        """Return the seconds from a bare event to the automation."""
        expected = self._counter.count + 1
        fired = time.perf_counter()
        self._hass.bus.async_fire(EVENT_SMS_RECEIVED, dict(EVENT_DATA))
        await self._counter.until(expected)
        return self._counter.last - fired
