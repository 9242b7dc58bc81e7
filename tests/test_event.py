"""The event entity, and the built-in trigger that listens to it."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from emulator import Account, Emulator
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er, restore_state
from homeassistant.setup import async_setup_component

from .conftest import poll, set_up, settle

pytestmark = pytest.mark.usefixtures("every_entity")


def entity_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the entity's id."""
    found = er.async_get(hass).async_get_entity_id("event", "sms_inbox", f"{entry.entry_id}_message")
    assert found
    return found


def state(hass: HomeAssistant, entry: MockConfigEntry) -> State:
    """Return its state."""
    found = hass.states.get(entity_id(hass, entry))
    assert found
    return found


async def restore(hass: HomeAssistant, storage: dict[str, Any], old: State, extra: dict[str, Any]) -> None:
    """Let Home Assistant load a state of an entity that it saved."""
    saved = {"state": old.as_dict(), "extra_data": extra, "last_seen": "2026-01-01T00:00:00+00:00"}
    storage["core.restore_state"] = {"version": 1, "data": [saved]}
    await restore_state.async_get(hass).async_load()


async def automate(hass: HomeAssistant, entry: MockConfigEntry) -> list[Any]:
    """Add an automation with the built-in trigger; return its runs."""
    trigger = {
        "trigger": "event.received",
        "target": {"entity_id": entity_id(hass, entry)},
        "options": {"event_type": ["received"]},
    }
    action = {"event": "ran", "event_data": {"text": "{{ trigger.to_state.attributes.text }}"}}
    automation = {"alias": "Test", "mode": "queued", "max": 100, "triggers": trigger, "actions": action}
    await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    return async_capture_events(hass, "ran")


async def test_message(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Any], provider: str
) -> None:
    """Each message is an event with all fields; two with the same text are two."""
    await set_up(hass, entry)
    runs = await automate(hass, entry)
    assert state(hass, entry).state == STATE_UNKNOWN
    account.send("Gate")
    account.send("Gate")
    await poll(hass)
    await poll(hass)
    assert [run.data["text"] for run in runs] == ["Gate", "Gate"]
    attributes = state(hass, entry).attributes
    assert attributes["event_type"] == "received"
    assert attributes["provider"] == provider
    assert attributes.items() >= received[-1].data.items()


async def test_first_message_after_an_outage(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, provider: str
) -> None:
    """The message that ends an outage triggers like any other, and so does the one after a reload."""
    await set_up(hass, entry)
    runs = await automate(hass, entry)
    emulator.fault(provider, "server_error")
    await poll(hass)
    account.send("Back again")
    await poll(hass, 3600)
    await poll(hass, 7200)
    account.send("After the reload")
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert [run.data["text"] for run in runs] == ["Back again", "After the reload"]


async def test_restart(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """After a reload it shows the same event at the same time, without a new one."""
    await set_up(hass, entry)
    account.send("Remember me")
    await poll(hass)
    before = state(hass, entry)
    runs = await automate(hass, entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert state(hass, entry).state == before.state
    assert state(hass, entry).attributes == before.attributes
    assert runs == []


async def test_crash(
    hass: HomeAssistant, hass_storage: dict[str, Any], entry: MockConfigEntry, account: Account
) -> None:
    """A crash loses what Home Assistant had not saved of the entity's state; the store knows it."""
    await set_up(hass, entry)
    account.send("Remember me")
    await poll(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    old = State(entity_id(hass, entry), "2026-01-01T00:00:00.000+00:00", {"message_id": "before"})
    extra = {"last_event_type": "received", "last_event_attributes": {"text": "Before"}}
    await restore(hass, hass_storage, old, extra)
    await hass.config_entries.async_setup(entry.entry_id)
    assert state(hass, entry).attributes["text"] == "Remember me"
    assert state(hass, entry).state > old.state


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_restored_without_a_stored_message(
    hass: HomeAssistant, hass_storage: dict[str, Any], entry: MockConfigEntry
) -> None:
    """When the text is erased from the store, it is as Home Assistant saved it."""
    old = State("event.bulksms_anna_message", "2026-01-01T00:00:00.000+00:00")
    extra = {"last_event_type": "received", "last_event_attributes": {"text": "Long ago"}}
    await restore(hass, hass_storage, old, extra)
    await set_up(hass, entry)
    assert state(hass, entry).state == old.state
    assert state(hass, entry).attributes["text"] == "Long ago"
