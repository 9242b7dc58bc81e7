"""What three accounts add to the start of Home Assistant."""

import asyncio
import time
from typing import Any

from homeassistant.core import CoreState

from .drain import PROVIDERS
from .emulator import emulator
from .process import in_fresh_process
from .scale import Scale
from .table import Line, compare


async def lines(scale: Scale) -> list[Line]:
    """Take turns with and without accounts, each time in a process that has not imported the component."""
    ours, without = [], []
    async with emulator() as server:
        accounts = [await server.add(provider) for provider in PROVIDERS]
        for _ in range(scale.repeats):
            without.append(await asyncio.to_thread(in_fresh_process, start, []))
            ours.append(await asyncio.to_thread(in_fresh_process, start, accounts))
    line = compare("start of a bare core with three accounts; beside it: without", ours, without)
    return [line]


def start(accounts: list[dict[str, Any]]) -> float:
    """Return the seconds in which a core starts."""
    return asyncio.run(_start(accounts))


async def _start(accounts: list[dict[str, Any]]) -> float:
    from homeassistant.setup import async_setup_component  # noqa: PLC0415

    from .core import add_account, add_automation, home_assistant  # noqa: PLC0415

    started = time.perf_counter()
    async with home_assistant(CoreState.starting) as hass:
        await add_automation(hass)
        await async_setup_component(hass, "webhook", {})
        await asyncio.gather(*(add_account(hass, account) for account in accounts))
        return time.perf_counter() - started
