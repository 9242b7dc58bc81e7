"""Draining an inbox through the component, against a loop that only asks and parses."""

from collections.abc import Awaitable, Callable, Mapping
import gc
import time
from typing import Any

from custom_components.sms_inbox.client import async_create_provider, create_session
from custom_components.sms_inbox.dispatcher import EVENT_SMS_RECEIVED
from homeassistant.core import HomeAssistant

from .core import Counter, add_idle_account, home_assistant
from .emulator import Emulator, emulator
from .scale import Scale
from .table import Line, compare

PROVIDERS = {"bulletin": "Bulletin", "bulksms_eapi": "BulkSMS EAPI", "bulksms": "BulkSMS"}
# By latency in seconds: how much longer than the floor it may take.
AIMS: Mapping[float, Mapping[str, float]] = {
    0.0: {"bulletin": 3.0, "bulksms_eapi": 3.3, "bulksms": 2.5},
    0.05: {"bulletin": 1.05, "bulksms_eapi": 1.05, "bulksms": 1.05},
}
SLOW_SHARE = 10


async def lines(scale: Scale) -> list[Line]:
    """Measure each provider, near and far."""
    return [
        await _line(scale, latency, provider, at_most)
        for latency, aims in AIMS.items()
        for provider, at_most in aims.items()
    ]


async def _line(scale: Scale, latency: float, provider: str, at_most: float) -> Line:
    # One message a call and 50 ms each would take a minute a side.
    number = scale.messages // SLOW_SHARE if latency and provider == "bulletin" else scale.messages
    repeats = 3 if latency and provider == "bulletin" else scale.repeats
    ours, floor = [], []
    async with emulator(latency=latency) as server, home_assistant() as hass:
        await ask_and_parse(hass, server, provider, 10)
        await drain(hass, server, provider, 10)
        for _ in range(repeats):
            floor.append(await ask_and_parse(hass, server, provider, number))
            ours.append(await drain(hass, server, provider, number))
    what = f"drain {number:,} at {PROVIDERS[provider]}, {latency * 1000:.0f} ms away"
    return compare(what, ours, floor, at_most=at_most)


async def drain(
    hass: HomeAssistant,
    server: Emulator,
    provider: str,
    number: int,
    *,
    options: Mapping[str, Any] | None = None,
    before: Callable[[], Awaitable[None]] | None = None,
) -> float:
    """Return the seconds in which the component empties an inbox, to the last empty answer and the last event.

    Args:
        hass: Home Assistant.
        server: The providers.
        provider: Whose inbox.
        number: How many messages wait in it.
        options: Of the account.
        before: What is done with the account before the messages come.
    """
    account = await server.add(provider)
    entry = await add_idle_account(hass, account, dict(options or {}))
    if before:
        await before()
    await server.send(account, number)
    counter = Counter()
    stop = hass.bus.async_listen(EVENT_SMS_RECEIVED, counter.note)
    gc.collect()
    started = time.perf_counter()
    await entry.runtime_data.async_refresh()
    await counter.until(number)
    elapsed = time.perf_counter() - started
    stop()
    _check(counter.count, number)
    await hass.config_entries.async_remove(entry.entry_id)
    await server.reset()
    return elapsed


async def ask_and_parse(hass: HomeAssistant, server: Emulator, provider: str, number: int) -> float:
    """Return the seconds of the same requests where nothing is done with the messages."""
    account = await server.add(provider)
    reader = await async_create_provider(create_session(hass, account), account)
    page = await reader.fetch({})
    await server.send(account, number)
    count = 0
    gc.collect()
    started = time.perf_counter()
    while (page := await reader.fetch(page.cursor)).more:
        count += len(page.messages)
    elapsed = time.perf_counter() - started
    _check(count, number)
    await server.reset()
    return elapsed


def _check(count: int, number: int) -> None:
    if count != number:
        raise RuntimeError(f"{count} messages arrived, {number} were sent.")
