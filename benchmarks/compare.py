"""SMS Inbox beside core's `telegram_bot` and a bare event, in one real Home Assistant with the same automations.

All times are seconds since the epoch, the clock that all processes share.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from .automation import EVENT_DATA
from .core import FOLDER
from .emulator import Emulator, emulator
from .floor import POINTS, Disk, percentile_95
from .latency import HOLD
from .real import Home, real_home_assistant
from .scale import Scale
from .table import Line, compare, milliseconds
from .telegram import Bot, bot_api

BARE, TELEGRAM, OURS = "bare", "telegram_bot", "sms_inbox"
EVENTS = {BARE: "benchmark_bare", TELEGRAM: "telegram_text", OURS: "sms_received"}
BESIDE = {BARE: "a bare event", TELEGRAM: "core's telegram_bot"}
WARM = 10  # messages
LIMIT = 120.0  # seconds until what doesn't come is missed
PAUSE = 0.1  # seconds before a single message
WAITING_AT_MOST = 0.9
PROCESSOR_AT_MOST = 1.1
SINGLE_AT_MOST = 1.0


class Spent(NamedTuple):
    """Seconds from the first hand-over to the last automation's start, and of all processors for a thousand."""

    wall: float
    processor: float


class Single(NamedTuple):
    """When a message arrived at its provider, was handed over, and was at the automation."""

    arrived: float
    handed_over: float
    started: float


# Lets so many messages come, and returns when the first was handed over.
type Take = Callable[[int], Awaitable[float]]
# Lets one message come, and returns when it arrived and was handed over, once its automation has started.
type Send = Callable[[Awaitable[float]], Awaitable[Single]]


class Automations:
    """Waits for the automations, each of which counts from the start of Home Assistant."""

    def __init__(self, home: Home) -> None:
        """Begin at none."""
        self._home = home
        self._counts = dict.fromkeys(EVENTS, 0)

    def started(self, source: str, number: int) -> asyncio.Task[float]:
        """Wait for so many more; the result is when the last of them started."""
        self._counts[source] += number
        return asyncio.create_task(self._home.until(source, self._counts[source]))

    async def waiting(self, source: str, take: Take, number: int) -> Spent:
        """Measure messages of which all are there when the first is handed over.

        What happens is written by Home Assistant's recorder, too. Each turn begins when that has just been done, and
        ends when it is done again.
        """
        await self._home.until_idle()
        await self._home.until_recorder_ticks()
        before = await self._home.processor()
        async with asyncio.timeout(LIMIT):
            started = self.started(source, number)
            first = await take(number)
            last = await started
        await self._home.until_idle()
        return Spent(last - first, (await self._home.processor() - before) / number * 1000)

    async def single(self, source: str, send: Send) -> Single:
        """Measure one message."""
        async with asyncio.timeout(LIMIT):
            started = self.started(source, 1)
            await asyncio.sleep(PAUSE)
            return await send(started)


async def lines(scale: Scale) -> list[Line]:
    """Measure many that wait, and then one at a time; everybody takes turns."""
    async with emulator(hold=HOLD) as server, bot_api() as bot, real_home_assistant(EVENTS) as home:
        await home.add_bot(bot)
        automations = Automations(home)
        waiting = await _waiting(automations, home, server, bot, scale)
        singles, commits = await _singles(automations, home, server, bot, scale.turns)
    return [*_waiting_lines(waiting, scale), *_single_lines(singles, commits)]


async def _waiting(
    automations: Automations, home: Home, server: Emulator, bot: Bot, scale: Scale
) -> dict[str, list[Spent]]:
    """Return what each round took, by the source of its messages."""
    # Each round has an account of its own: the emulator searches all that an account has.
    accounts = [await _idle_account(home, server) for _ in range(scale.rounds + 1)]
    spent: dict[str, list[Spent]] = {source: [] for source in EVENTS}
    for number, (account, button) in enumerate(accounts):
        takes: dict[str, Take] = {
            BARE: partial(home.fire, EVENTS[BARE], EVENT_DATA),
            TELEGRAM: partial(_take_telegram, bot),
            OURS: partial(_take_ours, home, server, account, button),
        }
        for source, take in takes.items():
            spent[source].append(await automations.waiting(source, take, scale.messages if number else WARM))
    return {source: found[1:] for source, found in spent.items()}


async def _idle_account(home: Home, server: Emulator) -> tuple[dict[str, Any], str]:
    """Add an account at BulkSMS that is asked only when its button is pressed, and was once; return it and that."""
    account = await server.add("bulksms")
    entry_id = await home.add_account(account)
    await home.stop_polling(entry_id)
    button = await home.button(entry_id)
    await home.press(button)
    return account, button


async def _take_telegram(bot: Bot, number: int) -> float:
    await bot.until_held()
    await bot.handed_over()
    await bot.send(number)
    await bot.until_held()
    return (await bot.handed_over())[0]


async def _take_ours(home: Home, server: Emulator, account: dict[str, Any], button: str, number: int) -> float:
    await server.send(account, number)
    await home.press(button)
    return min(handed_over for _, handed_over in await server.times(account))


async def _singles(
    automations: Automations, home: Home, server: Emulator, bot: Bot, turns: int
) -> tuple[dict[str, list[Single]], list[float]]:
    """Return the times of each message by its source, and the seconds of a commit in each turn."""
    account = await server.add("bulletin")
    await home.add_account(account)
    sends: dict[str, Send] = {
        BARE: partial(_send_bare, home),
        TELEGRAM: partial(_send_telegram, bot),
        OURS: partial(_send_ours, server, account),
    }
    singles: dict[str, list[Single]] = {source: [] for source in EVENTS}
    commits = []
    with TemporaryDirectory(dir=FOLDER) as folder:
        disk = Disk(Path(folder, "write.db"))
        for _ in range(turns + 1):
            for source, send in sends.items():
                singles[source].append(await automations.single(source, send))
            commits.append(await asyncio.to_thread(disk.write))
        disk.close()
    return {source: found[1:] for source, found in singles.items()}, commits


async def _send_bare(home: Home, started: Awaitable[float]) -> Single:
    at = await home.fire(EVENTS[BARE], EVENT_DATA, 1)
    return Single(at, at, await started)


async def _send_telegram(bot: Bot, started: Awaitable[float]) -> Single:
    await bot.until_held()
    await bot.handed_over()
    arrived = await bot.send(1)
    at = await started
    [handed_over] = await bot.handed_over()
    return Single(arrived, handed_over, at)


async def _send_ours(server: Emulator, account: dict[str, Any], started: Awaitable[float]) -> Single:
    await server.until_held()
    await server.send(account, 1)
    at = await started
    arrived, handed_over = max(await server.times(account))
    return Single(arrived, handed_over, at)


def _waiting_lines(waiting: dict[str, list[Spent]], scale: Scale) -> list[Line]:
    what = f"{scale.messages:,} waiting at BulkSMS, all at an automation of a real Home Assistant"
    processor = "processor time of Home Assistant for 1,000 waiting at BulkSMS"
    walls = {source: [spent.wall for spent in found] for source, found in waiting.items()}
    processors = {source: [spent.processor for spent in found] for source, found in waiting.items()}
    return [
        _line(what, walls, TELEGRAM, WAITING_AT_MOST),
        _line(what, walls, BARE),
        _line(processor, processors, BARE, PROCESSOR_AT_MOST),
        _line(processor, processors, TELEGRAM),
    ]


def _line(what: str, seconds: dict[str, list[float]], other: str, at_most: float | None = None) -> Line:
    line = compare(f"{what}; beside it: {BESIDE[other]}", seconds[OURS], seconds[other], at_most=at_most)
    return replace(line, ours=_with_range(seconds[OURS]), other=_with_range(seconds[other]))


def _with_range(seconds: list[float]) -> str:
    """Return the median of some rounds, the shortest and the longest."""
    return f"{milliseconds(median(seconds))} ({milliseconds(min(seconds))} to {milliseconds(max(seconds))})"


def _single_lines(singles: dict[str, list[Single]], commits: list[float]) -> list[Line]:
    number = len(singles[OURS])
    arrived = {source: [at.started - at.arrived for at in found] for source, found in singles.items()}
    handed_over = {source: [at.started - at.handed_over for at in found] for source, found in singles.items()}
    what = f"{number} single messages at Bulletin, arrived to automation"
    found = [
        compare(
            f"{what}, {name}; beside it: {BESIDE[TELEGRAM]}",
            [point(arrived[OURS])],
            [point(arrived[TELEGRAM])],
            at_most=SINGLE_AT_MOST if point is median else None,
        )
        for name, point in POINTS.items()
    ]
    rest = f"{number} single messages at Bulletin, handed over to automation, median; beside it: {BESIDE[TELEGRAM]}"
    found.append(compare(rest, handed_over[OURS], handed_over[TELEGRAM]))
    found.append(compare(f"{what}, median; beside it: {BESIDE[BARE]}", arrived[OURS], arrived[BARE]))
    commit = f"{milliseconds(median(commits))}, p95 {milliseconds(percentile_95(commits))}"
    found.append(Line(what="a commit of one row to the disk at that time", ours=commit))
    return found
