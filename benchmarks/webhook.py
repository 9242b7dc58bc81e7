"""From a webhook request to the automation's start, beside polling at the same providers."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import count
import random
from statistics import median
import time
from typing import Any, override

import aiohttp

from custom_components.sms_inbox import registration
from custom_components.sms_inbox.coordinator import SmsInboxConfigEntry
from custom_components.sms_inbox.providers import PROVIDERS as CLASSES
from custom_components.sms_inbox.providers.presets import OTHER
from custom_components.sms_inbox.providers.webhook import Webhook
from custom_components.sms_inbox.webhook_url import async_url
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

# However many requests come, an account is polled at most once a second.
PAUSE = 1.1  # seconds between two requests to one account
LIMIT = 30.0  # seconds until a first message that doesn't come is missed
WAITED = "bulletin"
# A whole number of polls at each provider: each moment between two of them is as likely as the next.
SPAN = 60.0  # seconds
WAYS = {"bulletin": "for 30 s every 60 s", "bulksms_eapi": "every 30 s", "bulksms": "every 15 s"}

type Send = Callable[[Counter], Coroutine[Any, Any, float]]


async def lines(scale: Scale) -> list[Line]:
    """Measure webhook requests and the floor in turns, and then polls."""
    floor, requested = await _requested(scale.requested)
    polled = await _polled(scale.polled) if scale.polled else {}
    return [_line(what, seconds, floor) for what, seconds in (*requested.items(), *polled.items())]


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


async def _requested(number: int) -> tuple[Floor, dict[str, list[float]]]:
    """Return the floor, and the seconds of each request by who sends it."""
    async with emulator() as server, home_assistant() as hass, aiohttp.ClientSession() as session:
        counter = await add_automation(hass)
        hass.config.external_url = hass.config.internal_url = await serve(hass)
        sends = {f"a webhook request of {name}": await _vendor(hass, server, key) for key, name in PROVIDERS.items()}
        sends["a webhook request with the message (Webhook)"] = await _anybody(hass, session)
        floor = Floor(hass, counter)
        for send in sends.values():
            async with asyncio.timeout(LIMIT):
                await send(counter)  # the first one connects
        seconds: dict[str, list[float]] = {name: [] for name in sends}
        for _ in range(number):
            for name, send in sends.items():
                await asyncio.sleep(PAUSE / len(sends))
                seconds[name].append(await send(counter))
            await floor.measure()
        floor.close()
    return floor, seconds


async def _vendor(hass: HomeAssistant, server: Emulator, provider: str) -> Send:
    """Add an account whose vendor sends webhook requests."""
    account = await server.add(provider)
    entry = await _add(hass, account)
    if CLASSES[provider].registers:
        vendor = entry.runtime_data.provider
        places = await registration.async_find_places(hass, vendor, entry.options)
        await registration.async_register(hass, entry, vendor, [found.place.place_id for found in places])
    else:
        await server.send_webhooks(account, await async_url(hass, CLASSES[provider], entry.options))
    return partial(_sent_by_vendor, server, account)


async def _anybody(hass: HomeAssistant, session: aiohttp.ClientSession) -> Send:
    """Add an account to which any program can send messages."""
    entry = await _add(hass, {"provider": Webhook.key, "preset": OTHER.key})
    url = await async_url(hass, Webhook, entry.options)
    return partial(_sent_by_anybody, session, url, count(1))


async def _add(hass: HomeAssistant, account: dict[str, Any]) -> SmsInboxConfigEntry:
    """Set up an account with a webhook."""
    entry: SmsInboxConfigEntry = await add_idle_account(hass, account, {CONF_WEBHOOK_ID: async_generate_id()})
    return entry


async def _sent_by_vendor(server: Emulator, account: dict[str, Any], counter: Counter) -> float:
    expected = counter.count + 1
    message_id = await server.send_one(account, TEXT)
    await counter.until(expected)
    return counter.last - await server.webhook_requested_at(message_id)


async def _sent_by_anybody(session: aiohttp.ClientSession, url: str, numbers: count[int], counter: Counter) -> float:
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
