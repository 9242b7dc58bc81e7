"""Sending: one text and many, beside bare requests; and receiving by an account that sends, beside one that doesn't."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
import gc
from itertools import batched
import time
from typing import Any, Final
from uuid import uuid4

from custom_components.sms_inbox.client import async_create_provider, create_session
from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Outgoing
from custom_components.sms_inbox.providers.sending import Sending, sending_of
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .core import add_idle_account, home_assistant
from .drain import drain
from .emulator import TEXT, Emulator, emulator
from .floor import POINTS
from .scale import Scale
from .table import Line, compare, milliseconds

PROVIDER: Final = "bulksms"
OPTIONS: Final[Mapping[str, Any]] = {"sending": {"per_hour": 1_000_000, "per_day": 1_000_000}}
PHONES: Final = tuple(f"+4477009003{number:02}" for number in range(10, 20))
MOST_SLOWER: Final = 1.05


async def lines(scale: Scale) -> list[Line]:
    """Measure near, where every millisecond of ours shows, and 50 ms away, as vendors are."""
    found = []
    for latency in (0.0, 0.05):
        found += await _single(scale, latency)
        found.append(await _many(scale, latency))
    found.append(await _receiving(scale))
    return found


async def _single(scale: Scale, latency: float) -> list[Line]:
    """Take turns with an action that is answered once the vendor has taken its text, and a bare request."""
    ours, bare = [], []
    async with emulator(latency=latency) as server, home_assistant() as hass:
        sending = await _set_up(hass, server)
        for number in range(scale.singles + 1):
            started = time.perf_counter()
            await _act(hass, f"{TEXT} {number}", PHONES[:1])
            ours.append(time.perf_counter() - started)
            await hass.async_block_till_done(wait_background_tasks=True)
            started = time.perf_counter()
            await sending.send(_text(f"{TEXT} {number}"))
            bare.append(time.perf_counter() - started)
    what = f"{scale.singles} single texts, action to acceptance, {latency * 1000:.0f} ms away"
    return [
        Line(
            what=f"{what}, {name}; beside it: a bare request",
            ours=milliseconds(of(ours[1:])),
            other=milliseconds(of(bare[1:])),
            ratio=f"{of(ours[1:]) / of(bare[1:]):.2f}",
        )
        for name, of in POINTS.items()
    ]


async def _many(scale: Scale, latency: float) -> Line:
    """Send many texts, ten recipients an action, and wait until the vendor has taken the last one."""
    ours, bare = [], []
    number = scale.messages if not latency else scale.messages // 10
    async with emulator(latency=latency) as server, home_assistant() as hass:
        sending = await _set_up(hass, server)
        for turn in range(3):
            gc.collect()
            started = time.perf_counter()
            for some in batched(range(number), len(PHONES), strict=False):
                await _act(hass, f"{TEXT} {turn} {some[0]}", PHONES[: len(some)])
            ours.append(time.perf_counter() - started)
            await hass.async_block_till_done(wait_background_tasks=True)
            started = time.perf_counter()
            for each in range(number):
                await sending.send(_text(f"{TEXT} {turn} {each}"))
            bare.append(time.perf_counter() - started)
    what = f"{number:,} texts to one vendor, {latency * 1000:.0f} ms away; beside it: as many bare requests"
    return compare(what, ours, bare)


async def _receiving(scale: Scale) -> Line:
    """Drain an inbox by an account that has sent something, and by one that can't."""
    sends, receives = [], []
    async with emulator() as server, home_assistant() as hass:
        hass.config.country = "GB"
        await drain(hass, server, PROVIDER, 10)
        for _ in range(2 * scale.repeats):
            before = partial(_act, hass, TEXT, PHONES)
            sends.append(await drain(hass, server, PROVIDER, scale.messages, options=OPTIONS, before=before))
            receives.append(await drain(hass, server, PROVIDER, scale.messages))
    what = f"drain {scale.messages:,} at BulkSMS by an account that has sent; beside it: by one that only receives"
    return compare(what, sends, receives, at_most=MOST_SLOWER)


async def _set_up(hass: HomeAssistant, server: Emulator) -> Sending:
    """Set up an account that sends, and return what sends bare requests from it."""
    hass.config.country = "GB"
    account = await server.add(PROVIDER)
    if not await async_setup_component(hass, DOMAIN, {}):
        raise RuntimeError("SMS Inbox could not be set up.")
    await add_idle_account(hass, account, dict(OPTIONS), polls=False)
    sending = sending_of(await async_create_provider(create_session(hass, account), account))
    if not sending:
        raise RuntimeError(f"{PROVIDER} can't send.")
    return sending


async def _act(hass: HomeAssistant, text: str, phones: tuple[str, ...]) -> None:
    """Send a text by the action; return once the vendor has taken it for each recipient."""
    data = {"recipient": list(phones), "message": text}
    answer = await hass.services.async_call(DOMAIN, "send_message", data, blocking=True, return_response=True)
    states = [each["status"] for each in answer["messages"]] if answer else []  # type: ignore[index, union-attr, call-overload]
    if states != ["accepted"] * len(phones):
        raise RuntimeError(f"The texts are {states}.")


def _text(text: str) -> Outgoing:
    """Return a text for a bare request."""
    now = dt_util.utcnow()
    return Outgoing(
        key=str(uuid4()),
        recipient=PHONES[0],
        sender=None,
        text=text,
        parts=1,
        created_at=now,
        expires_at=now + timedelta(minutes=10),
        begun_at=now,
    )
