"""A custom integration that notes from inside a real Home Assistant when automations start.

Its actions are `benchmark.note`, which an automation runs first, and, for the benchmark, `fire`, `until`, `settle` and
`processor`. All times are seconds since the epoch, the clock that is the same in all processes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
import time
from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.helpers.recorder import get_instance

DOMAIN = "benchmark"


class Witness:
    """The times at which automations started, by the name that each of them gives."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Begin with none."""
        self._hass = hass
        self._starts: defaultdict[str, list[float]] = defaultdict(list)
        self._started = asyncio.Event()

    @callback
    def note(self, call: ServiceCall) -> None:
        """Note that an automation started."""
        self._starts[call.data["source"]].append(time.time())
        self._started.set()

    @callback
    def fire(self, call: ServiceCall) -> ServiceResponse:
        """Fire bare events in a loop, and return when that began."""
        at = time.time()
        for _ in range(call.data["count"]):
            self._hass.bus.async_fire(call.data["event_type"], dict(call.data["event_data"]))
        return {"at": at}

    async def until(self, call: ServiceCall) -> ServiceResponse:
        """Wait until so many automations of a name have started in all, and return when the last of them did."""
        starts = self._starts[call.data["source"]]
        while len(starts) < call.data["count"]:
            self._started.clear()
            await self._started.wait()
        return {"at": starts[call.data["count"] - 1]}

    async def settle(self, _: ServiceCall) -> ServiceResponse:
        """Have the recorder write all that has happened, and return when it has."""
        await get_instance(self._hass).async_block_till_done()
        return {}

    @callback
    def processor(self, _: ServiceCall) -> ServiceResponse:
        """Return the seconds of processor time that Home Assistant has taken in all its threads."""
        return {"seconds": time.process_time()}


async def async_setup(hass: HomeAssistant, _config: Mapping[str, Any]) -> bool:
    """Offer the actions."""
    witness = Witness(hass)
    hass.services.async_register(DOMAIN, "note", witness.note)
    for answering in (witness.fire, witness.until, witness.settle, witness.processor):
        hass.services.async_register(DOMAIN, answering.__name__, answering, supports_response=SupportsResponse.ONLY)
    return True
