"""From asking to an automation, against the same events fired at once by a bare loop."""

import gc
import time
from typing import NamedTuple

from custom_components.sms_inbox.dispatcher import EVENT_SMS_RECEIVED
from homeassistant.core import HomeAssistant

from .core import Counter, add_automation, add_idle_account, home_assistant
from .drain import PROVIDERS
from .emulator import TEXT, Emulator, emulator
from .scale import Scale
from .table import Line, compare

AT_MOST = 1.6
EVENT_DATA = {
    "config_entry_id": "01KA",
    "device_id": "0123456789abcdef",
    "provider": "bulksms",
    "message_id": "1",
    "sender": "+447700900123",
    "recipient": "+44771234567",
    "text": TEXT,
    "encoding": "text",
    "data": None,
    "received_at": "2026-01-01T00:00:00+00:00",
    "in_reply_to": None,
    "redelivered": False,
}


class Spent(NamedTuple):
    """Seconds on the clock, and of all processors."""

    wall: float
    processor: float


async def lines(scale: Scale) -> list[Line]:
    """Measure time for BulkSMS, and processor time for all."""
    async with emulator() as server, home_assistant() as hass:
        counter = await add_automation(hass)
        found: list[Line] = []
        for provider, name in PROVIDERS.items():
            ours, bare = [], []
            await _received(hass, server, counter, provider, 10)
            await _fired(hass, counter, 10)
            for _ in range(scale.repeats):
                bare.append(await _fired(hass, counter, scale.messages))
                ours.append(await _received(hass, server, counter, provider, scale.messages))
            if provider == "bulksms":
                what = f"{scale.messages:,} waiting at {name}, all at an automation; beside it: a bare fire"
                found.append(compare(what, [s.wall for s in ours], [s.wall for s in bare], at_most=AT_MOST))
            found.append(
                compare(
                    f"processor time a message, {name}; beside it: a bare fire",
                    [spent.processor / scale.messages for spent in ours],
                    [spent.processor / scale.messages for spent in bare],
                )
            )
    return found


async def _received(hass: HomeAssistant, server: Emulator, counter: Counter, provider: str, number: int) -> Spent:
    """Return what it takes from asking the provider to the last run of the automation."""
    account = await server.add(provider)
    entry = await add_idle_account(hass, account)
    await server.send(account, number)
    gc.collect()
    expected = counter.count + number
    wall, processor = time.perf_counter(), time.process_time()
    asking = hass.async_create_task(entry.runtime_data.async_refresh())
    await counter.until(expected)
    spent = counter.last - wall
    await asking
    processor = time.process_time() - processor
    await hass.config_entries.async_remove(entry.entry_id)
    await server.reset()
    return Spent(spent, processor)


async def _fired(hass: HomeAssistant, counter: Counter, number: int) -> Spent:
    """Return what it takes from the first bare event to the last run of the automation."""
    gc.collect()
    expected = counter.count + number
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(number):
        hass.bus.async_fire(EVENT_SMS_RECEIVED, dict(EVENT_DATA))
    await counter.until(expected)
    spent = counter.last - wall
    await hass.async_block_till_done()
    return Spent(spent, time.process_time() - processor)
