"""How long the event loop stands still under load, and how much memory and disk that takes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import gc
from pathlib import Path
from statistics import median
import time
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]

from homeassistant.core import HomeAssistant

from .core import add_account, add_automation, add_idle_account, home_assistant
from .emulator import Emulator, emulator
from .process import in_fresh_process
from .scale import Scale
from .table import Line, compare

BEAT = 0.005  # seconds
RATE = 200  # messages a second
BURSTS = 20  # a second
MEBIBYTE = 1024 * 1024


class Load(NamedTuple):
    """What a load did: seconds of the longest stall, bytes of memory and of the store, seconds that it took."""

    stall: float
    idle: float
    memory: int
    store: int
    elapsed: float


class Heartbeat:
    """A task that wants to run every 5 ms.

    Attributes:
        stall: How many seconds it was late at most.
        memory: How many bytes the process had at most.
    """

    def __init__(self) -> None:
        """Begin."""
        self._process = psutil.Process()
        self.stall = 0.0
        self.memory: int = self._process.memory_info().rss

    async def beat(self) -> None:
        """Beat for ever."""
        while True:
            started = time.perf_counter()
            await asyncio.sleep(BEAT)
            self.stall = max(self.stall, time.perf_counter() - started - BEAT)
            self.memory = max(self.memory, self._process.memory_info().rss)


@asynccontextmanager
async def heartbeat() -> AsyncGenerator[Heartbeat]:
    """Beat while something else goes on."""
    # Python's garbage collection of all that the core ever imported takes longer than anything measured here.
    gc.collect()
    gc.freeze()
    heart = Heartbeat()
    task = asyncio.create_task(heart.beat())
    yield heart
    task.cancel()


async def lines(scale: Scale) -> list[Line]:
    """Measure a backlog and a flood, each time in a process of its own."""
    backlogs = [await asyncio.to_thread(in_fresh_process, backlog, scale.backlog) for _ in range(scale.loads)]
    floods = [await asyncio.to_thread(in_fresh_process, flood, scale.flood_seconds) for _ in range(scale.loads)]
    number = round(RATE * scale.flood_seconds)
    return [
        *_lines(f"{scale.backlog:,} waiting at BulkSMS EAPI", scale.backlog, backlogs),
        *_lines(f"{RATE} a second for {scale.flood_seconds:.0f} s at two accounts of Bulletin", number, floods),
    ]


def _lines(what: str, number: int, loads: list[Load]) -> list[Line]:
    stalls = compare(
        f"{what}: longest stall; beside it: idle", [load.stall for load in loads], [load.idle for load in loads]
    )
    memory = median(load.memory for load in loads)
    store = median(load.store for load in loads)
    elapsed = median(load.elapsed for load in loads)
    return [
        stalls,
        Line(what=f"{what}: until all were at the automation", ours=f"{elapsed:,.1f} s"),
        Line(what=f"{what}: memory at most", ours=f"+ {memory / MEBIBYTE:,.1f} MiB"),
        Line(what=f"{what}: the store, for a message", ours=f"{store / number:,.0f} bytes"),
    ]


def backlog(number: int) -> Load:
    """Drain a backlog."""
    return asyncio.run(_backlog(number))


async def _backlog(number: int) -> Load:
    async with emulator() as server, home_assistant() as hass:
        counter = await add_automation(hass)
        account = await server.add("bulksms_eapi")
        entry = await add_idle_account(hass, account)
        await server.send(account, number)
        async with heartbeat() as heart:
            before, started = heart.memory, time.perf_counter()
            asking = hass.async_create_task(entry.runtime_data.async_refresh())
            await counter.until(number)
            elapsed = time.perf_counter() - started
            await asking
        return await _load(hass, heart, before, elapsed)


def flood(seconds: float) -> Load:
    """Send many to two accounts while the component listens."""
    return asyncio.run(_flood(seconds))


async def _flood(seconds: float) -> Load:
    async with emulator(hold=30.0) as server, home_assistant() as hass:
        counter = await add_automation(hass)
        accounts = [await server.add("bulletin") for _ in range(2)]
        for account in accounts:
            await add_account(hass, account)
            await server.until_held()
        async with heartbeat() as heart:
            before, started = heart.memory, time.perf_counter()
            await _send(server, accounts, seconds)
            await counter.until(round(RATE * seconds))
            elapsed = time.perf_counter() - started
        return await _load(hass, heart, before, elapsed)


async def _send(server: Emulator, accounts: list[dict[str, Any]], seconds: float) -> None:
    """Send at an even pace."""
    started = time.perf_counter()
    for burst in range(round(seconds * BURSTS)):
        await asyncio.sleep(max(0.0, started + burst / BURSTS - time.perf_counter()))
        for account in accounts:
            await server.send(account, RATE // BURSTS // len(accounts))


async def _load(hass: HomeAssistant, heart: Heartbeat, before: int, elapsed: float) -> Load:
    """Return what was measured, after as long a time of idling."""
    async with heartbeat() as idle:
        await asyncio.sleep(elapsed)
    await hass.async_stop(force=True)
    return Load(heart.stall, idle.stall, heart.memory - before, _store_size(hass), elapsed)


def _store_size(hass: HomeAssistant) -> int:
    """Return the bytes of the store, which must be closed."""
    return Path(hass.config.path(".storage", "sms_inbox.db")).stat().st_size
