"""What one would do otherwise: Home Assistant's own `rest` sensor at Bulletin, and an automation on its state."""

from importlib.util import find_spec
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_component import async_update_entity
from homeassistant.setup import async_setup_component

from .core import add_automation, home_assistant
from .drain import drain
from .emulator import PASSWORD, TEXT, Emulator, emulator
from .scale import Scale
from .table import Line

BURST = 100
INTERVALS = (30, 1)  # seconds: the default of the sensor, and the shortest that makes sense
NEEDED = ("jsonpath", "xmltodict")
SENSOR = "sensor.sms"
BODY = r"{{ value | regex_findall('(?:^|&)body=([^&]*)') | first | default('') | replace('+', ' ') }}"
TRIGGER = {"trigger": "state", "entity_id": SENSOR, "not_to": ["", "unknown", "unavailable"]}


async def lines(_: Scale) -> list[Line]:
    """Send a burst to both, of texts that differ and of one text."""
    if any(find_spec(package) is None for package in NEEDED):
        return [Line(what=f"a rest sensor: not measured, it needs the packages {' and '.join(NEEDED)}", ours="")]
    async with emulator() as server:
        ours = await _ours(server)
        return [
            line
            for name, same in (("texts that differ", False), ("the same text", True))
            for line in _lines(name, await _rest(server, same=same), ours)
        ]


async def _ours(server: Emulator) -> float:
    async with home_assistant() as hass:
        return await drain(hass, server, "bulletin", BURST)


async def _rest(server: Emulator, *, same: bool) -> int:
    """Return how many messages came to the automation, when the sensor has asked once for each."""
    account = await server.add("bulletin")
    async with home_assistant() as hass:
        counter = await add_automation(hass, triggers=[TRIGGER])
        await _add_sensor(hass, account)
        for number in range(BURST):
            await server.send_one(account, "gate" if same else f"{TEXT} {number}")
        for _ in range(BURST):
            # What the sensor's timer does; we don't wait for it.
            await async_update_entity(hass, SENSOR)
            await hass.async_block_till_done()
        return counter.count


async def _add_sensor(hass: HomeAssistant, account: dict[str, Any]) -> None:
    sensor = {
        "platform": "rest",
        "name": "SMS",
        "resource": f"{account['url']}/api/1/sms/in",
        "method": "POST",
        "authentication": "basic",
        "username": account["username"],
        "password": PASSWORD,
        "value_template": BODY,
        "scan_interval": 86400,
    }
    if not await async_setup_component(hass, "sensor", {"sensor": [sensor]}):
        raise RuntimeError("The sensor could not be set up.")
    await hass.async_block_till_done()


def _lines(name: str, count: int, ours: float) -> list[Line]:
    return [
        Line(
            what=f"a burst of {BURST}, {name}; beside it: a rest sensor that asks every {interval} s",
            ours=f"{BURST} in {ours:.1f} s",
            other=f"{count} in {BURST * interval:,} s",
            ratio=f"{ours / (BURST * interval):.4f}",
        )
        for interval in INTERVALS
    ]
