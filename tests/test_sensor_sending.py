"""The sensors of what was sent."""

from datetime import timedelta
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.sms_inbox.const import DOMAIN
from emulator import Emulator
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .conftest import PASSWORD, USERNAME, settle
from .senders import ANNA, BEN, add_sender

KEYS = ("last_sent", "sent_today")


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator) -> MockConfigEntry:
    """Return an account with sending switched on."""
    return await add_sender(hass, emulator, emulator.add_account("bulksms", USERNAME, PASSWORD))


async def send(hass: HomeAssistant, *recipients: str, text: str = "Hello") -> None:
    """Send a message."""
    data = {"recipient": list(recipients), "message": text}
    await hass.services.async_call(DOMAIN, "send_message", data, blocking=True)
    await settle(hass)


def states(hass: HomeAssistant, entry: MockConfigEntry) -> list[Any]:
    """Return what both sensors show, None where there is none."""
    ids = [er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_{key}") for key in KEYS]
    found = [entity_id and hass.states.get(entity_id) for entity_id in ids]
    return [state and state.state for state in found]


@pytest.mark.usefixtures("every_entity")
async def test_what_was_sent(hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory) -> None:
    """The time of the last one, and the parts of today; the same after a reload; midnight begins a new count."""
    await hass.config.async_set_time_zone("Europe/Helsinki")
    freezer.move_to("2026-11-30 21:30:00+00:00")  # half past eleven in the evening
    entry = await add_sender(hass, emulator, emulator.add_account("bulksms", USERNAME, PASSWORD))
    assert states(hass, entry) == ["unknown", "0"]
    await send(hass, ANNA, BEN, text="x" * 161)
    at = dt_util.utcnow().replace(microsecond=0).isoformat()
    for _ in range(2):
        assert states(hass, entry) == [at, "4"]
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    freezer.tick(timedelta(minutes=30))
    async_fire_time_changed(hass)
    await settle(hass)
    assert states(hass, entry) == [at, "0"]


async def test_disabled_at_first(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A person enables them; an account that doesn't send has none."""
    registry = er.async_get(hass)
    ids = [registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_{key}") for key in KEYS]
    entities = [registry.async_get(entity_id or "") for entity_id in ids]
    assert [entity and entity.disabled_by for entity in entities] == [er.RegistryEntryDisabler.INTEGRATION] * 2
    hass.config_entries.async_update_entry(entry, options={})
    await hass.config_entries.async_reload(entry.entry_id)
    assert [registry.async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_{key}") for key in KEYS] == [None, None]
