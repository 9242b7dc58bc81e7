"""From a call to the automation's start, beside polling at the same providers."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
import random
from statistics import median
import time
from typing import Any, override

import aiohttp

from custom_components.sms_inbox.providers import PROVIDERS as CLASSES
from custom_components.sms_inbox.push import async_address
from homeassistant.components.webhook import async_generate_id
from homeassistant.const import CONF_WEBHOOK_ID
from homeassistant.core import HomeAssistant, callback

from .core import Counter, add_account, add_automation, add_idle_account, home_assistant, serve
from .drain import PROVIDERS
from .emulator import TEXT, Emulator, emulator
from .floor import Floor, percentile_95
from .latency import HOLD
from .scale import Scale
from .table import Line, milliseconds

# An account that is called more than 5 times a second tells the vendor to come later.
PAUSE = 0.25  # seconds between two calls of one account
WAITED = "bulletin"
# A whole number of polls at each provider: each moment between two of them is as likely as the next.
SPAN = 60.0  # seconds
WAYS = {"bulletin": "for 30 s every 60 s", "bulksms_eapi": "every 30 s", "bulksms": "every 15 s"}

type Call = Callable[[Counter], Coroutine[Any, Any, float]]


async def lines(scale: Scale) -> list[Line]:
    """Measure calls and the floor in turns, and then polls."""
    floor, called = await _called(scale.singles)
    polled = await _polled(scale.polled) if scale.polled else {}
    return [_line(what, seconds, floor) for what, seconds in (*called.items(), *polled.items())]


def _line(what: str, seconds: list[float], floor: Floor) -> Line:
    def shown(one: float, other: float) -> str:
        return f"{milliseconds(one)}, p95 {milliseconds(other)}"

    ratio = median(seconds) / floor.at(median)
    return Line(
        what=f"{what}, {len(seconds)} messages; beside it: bare fire + one write",
        ours=shown(median(seconds), percentile_95(seconds)),
        other=shown(floor.at(median), floor.at(percentile_95)),
        ratio=f"{ratio:.2f}" if ratio < 100 else f"{ratio:,.0f}",
    )


async def _called(number: int) -> tuple[Floor, dict[str, list[float]]]:
    """Return the floor, and the seconds of each call by who calls."""
    async with emulator() as server, home_assistant() as hass, aiohttp.ClientSession() as session:
        counter = await add_automation(hass)
        hass.config.external_url = hass.config.internal_url = await serve(hass)
        calls = {f"{name} calls": await _vendor(hass, server, key) for key, name in PROVIDERS.items()}
        calls["anybody calls (Webhook)"] = await _webhook(hass, session)
        floor = Floor(hass, counter)
        for call in calls.values():
            await call(counter)  # the first one connects
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(number):
            for name, call in calls.items():
                seconds[name].append(await call(counter))
                await asyncio.sleep(PAUSE / len(calls))
            await floor.measure()
        floor.close()
    return floor, seconds


async def _vendor(hass: HomeAssistant, server: Emulator, provider: str) -> Call:
    """Add an account whose provider calls."""
    account = await server.add(provider)
    url = await _callable(hass, account)
    if not CLASSES[provider].registers:
        await server.let_call(account, f"{url}?{CLASSES[provider].call_query}".rstrip("?"))
    return partial(_call_of_vendor, server, account)


async def _webhook(hass: HomeAssistant, session: aiohttp.ClientSession) -> Call:
    """Add an account that anybody can call."""
    url = await _callable(hass, {"provider": "webhook", "username": "anybody"})
    return partial(_call_of_anybody, session, url, count(1))


async def _callable(hass: HomeAssistant, account: dict[str, Any]) -> str:
    """Set up an account, and return the address at which it can be called."""
    entry = await add_idle_account(hass, account, {CONF_WEBHOOK_ID: async_generate_id()})
    return await async_address(hass, CLASSES[account["provider"]], entry.options)


async def _call_of_vendor(server: Emulator, account: dict[str, Any], counter: Counter) -> float:
    expected = counter.count + 1
    message_id = await server.send_one(account, TEXT)
    await counter.until(expected)
    return counter.last - await server.called_at(message_id)


async def _call_of_anybody(session: aiohttp.ClientSession, url: str, numbers: count[int], counter: Counter) -> float:
    expected, message = counter.count + 1, {"id": next(numbers), "from": "+447700900123", "text": TEXT}
    began = time.perf_counter()
    async with session.post(url, json=message, raise_for_status=True):
        await counter.until(expected)
    return counter.last - began


class Starts(Counter):
    """Notes when the automation got each message.

    Attributes:
        at: The time (`perf_counter`), by text.
    """

    def __init__(self) -> None:
        """Begin at none."""
        super().__init__()
        self.at: dict[str, float] = {}

    @callback
    @override
    def note(self, noted: Any) -> None:
        """Note one."""
        super().note(noted)
        self.at[noted.data["text"]] = self.last


async def _polled(number: int) -> dict[str, list[float]]:
    """Return the seconds of messages at random moments, one an account, by where they are asked for."""
    actions = [{"action": "benchmark.count", "data": {"text": "{{ trigger.event.data.text }}"}}]
    starts = Starts()
    async with emulator(hold=HOLD) as server, home_assistant() as hass:
        await add_automation(hass, starts, actions=actions)
        # What waits comes last: others are idle once nothing is under way.
        accounts = [
            await server.add(provider) for provider in sorted(PROVIDERS, key=WAITED.__eq__) for _ in range(number)
        ]
        for account in accounts:
            add = add_account if account["provider"] == WAITED else add_idle_account
            await add(hass, account)
        await server.until_held()
        await asyncio.gather(*(_send_sometime(server, account) for account in accounts))
        await starts.until(len(accounts))
        sent = {provider: await server.sent_at(provider) for provider in PROVIDERS}
    return {
        f"{name} is polled {WAYS[provider]}": [starts.at[text] - at for text, at in sent[provider].items()]
        for provider, name in PROVIDERS.items()
    }


async def _send_sometime(server: Emulator, account: dict[str, Any]) -> None:
    await asyncio.sleep(random.uniform(0, SPAN))  # noqa: S311
    await server.send_one(account, f"{TEXT} {account['username']}")
