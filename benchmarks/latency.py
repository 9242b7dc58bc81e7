"""From handed over to the automation's start, message by message, against a bare event and one write to the disk."""

from collections.abc import Callable, Coroutine
import time
from typing import Any

from custom_components.sms_inbox.model import Cursor, Page

from .core import Counter, add_account, add_automation, home_assistant
from .emulator import TEXT, Emulator, emulator
from .floor import POINTS, Floor, Point
from .scale import Scale
from .table import Line, milliseconds

HOLD = 30.0
ALLOWANCE = 0.005  # seconds

type Fetch = Callable[[Cursor], Coroutine[Any, Any, Page]]


async def lines(scale: Scale) -> list[Line]:
    """Take turns with a message at Bulletin, a bare event, and a write."""
    ours = []
    async with emulator(hold=HOLD) as server, home_assistant() as hass:
        counter = await add_automation(hass)
        account = await server.add("bulletin")
        entry = await add_account(hass, account)
        provider = entry.runtime_data.provider
        clock = Clock(provider.fetch)
        await server.until_held()
        provider.fetch = clock.fetch
        floor = Floor(hass, counter)
        # The call that is held began before the clock was put in.
        await _received(server, account, counter, clock)
        for _ in range(scale.singles):
            ours.append(await _received(server, account, counter, clock))
            await floor.measure()
        floor.close()
    return [_line(ours, floor, f"{scale.singles} single messages, {name}", of) for name, of in POINTS.items()]


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


def _line(ours: list[float], floor: Floor, name: str, point: Point) -> Line:
    mine, theirs = point(ours), floor.at(point)
    return Line(
        what=f"handed over to automation, {name}; beside it: bare fire + one write",
        ours=milliseconds(mine),
        other=floor.shown(point),
        ratio=f"{mine / theirs:.2f}",
        aim=f"≤ + {milliseconds(ALLOWANCE)}",
        met=mine <= theirs + ALLOWANCE,
    )
