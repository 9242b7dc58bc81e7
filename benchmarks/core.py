"""A Home Assistant in this process, with accounts and an automation that counts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
import json
import logging
from pathlib import Path
import socket
from tempfile import TemporaryDirectory
import time
from typing import Any
from unittest.mock import patch

import aiohttp
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant  # type: ignore[import-untyped]

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.dispatcher import EVENT_SMS_RECEIVED
from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.core import CoreState, HomeAssistant, ServiceCall, callback
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.setup import async_setup_component

FOLDER = "/var/tmp"  # noqa: S108 - on a disk, which /tmp often isn't
AUTOMATION = {
    "alias": "Count",
    "mode": "queued",
    "max": 100_000,
    "triggers": [{"trigger": "event", "event_type": EVENT_SMS_RECEIVED}],
    "actions": [{"action": "benchmark.count"}],
}


class Resolver(aiohttp.ThreadedResolver):
    """A resolver without multicast, in the place of Home Assistant's."""

    def __init__(self, _: HomeAssistant) -> None:
        """Begin."""
        super().__init__()

    async def real_close(self) -> None:
        """Close."""
        await self.close()


@asynccontextmanager
async def home_assistant(state: CoreState = CoreState.running) -> AsyncGenerator[HomeAssistant]:
    """Run a Home Assistant with a configuration folder of its own."""
    # Each new one warns of a custom integration.
    logging.getLogger("homeassistant.loader").setLevel(logging.ERROR)
    resolver = patch("homeassistant.helpers.aiohttp_client._async_make_resolver", Resolver)
    with TemporaryDirectory(dir=FOLDER) as folder, resolver:
        _choose_port(Path(folder))
        async with async_test_home_assistant(config_dir=folder, initial_state=state) as hass:
            hass.data.pop(DATA_CUSTOM_COMPONENTS)
            try:
                yield hass
            finally:
                await hass.async_stop(force=True)


def _choose_port(folder: Path) -> None:
    """Have the server, once it is set up, listen on a free port of this machine alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        data = {"server_host": ["127.0.0.1"], "server_port": server.getsockname()[1]}
    storage = folder / ".storage"
    storage.mkdir()
    (storage / "http").write_text(json.dumps({"version": 1, "minor_version": 1, "key": "http", "data": data}))


async def serve(hass: HomeAssistant) -> str:
    """Start Home Assistant's server, and return its address."""
    if not await async_setup_component(hass, "http", {}):
        raise RuntimeError("The server could not be set up.")
    hass.bus.async_fire(EVENT_HOMEASSISTANT_START)
    await hass.async_block_till_done()
    return f"http://127.0.0.1:{hass.http.server_port}"


async def add_account(
    hass: HomeAssistant, account: dict[str, Any], options: dict[str, Any] | None = None, *, polls: bool = True
) -> MockConfigEntry:
    """Set up an account; if it doesn't poll, it is polled once, and then only on demand."""
    entry = MockConfigEntry(
        domain=DOMAIN, title=account["provider"], data=account, options=options or {}, pref_disable_polling=not polls
    )
    entry.add_to_hass(hass)
    if not await hass.config_entries.async_setup(entry.entry_id):
        raise RuntimeError("The account could not be set up.")
    return entry


async def add_idle_account(
    hass: HomeAssistant, account: dict[str, Any], options: dict[str, Any] | None = None, *, polls: bool = True
) -> MockConfigEntry:
    """Set up an account, and wait for its first poll to end."""
    entry = await add_account(hass, account, options, polls=polls)
    await hass.async_block_till_done(wait_background_tasks=True)
    return entry


class Counter:
    """Counts what an automation, or a plain listener, gets.

    Attributes:
        count: How many it got.
        last: When it got the last (`perf_counter`).
    """

    def __init__(self) -> None:
        """Begin at none."""
        self.count = 0
        self.last = 0.0
        self._changed = asyncio.Event()

    async def until(self, count: int) -> None:
        """Return when it has got so many."""
        while self.count < count:
            self._changed.clear()
            await self._changed.wait()

    @callback
    def note(self, _: Any) -> None:
        """Count one."""
        self.count += 1
        self.last = time.perf_counter()
        self._changed.set()


async def add_automation(hass: HomeAssistant, counter: Counter | None = None, **options: Any) -> Counter:
    """Set up Home Assistant's automations with one that counts messages."""
    counter = counter or Counter()

    @callback
    def count(call: ServiceCall) -> None:
        counter.note(call)

    hass.services.async_register("benchmark", "count", count)
    if not await async_setup_component(hass, "automation", {"automation": [{**AUTOMATION, **options}]}):
        raise RuntimeError("The automation could not be set up.")
    await hass.async_block_till_done()
    return counter
