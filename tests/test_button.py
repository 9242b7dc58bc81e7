"""The button that polls the provider at once."""

import asyncio
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Account, Emulator
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .conftest import poll, set_up, settle, texts


async def press(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Press it."""
    entity_id = er.async_get(hass).async_get_entity_id("button", "sms_inbox", f"{entry.entry_id}_check_now")
    await hass.services.async_call("button", "press", {"entity_id": entity_id}, blocking=True)


async def test_check_now(hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]) -> None:
    """A message is there when the press is over, before the next poll is due."""
    await set_up(hass, entry)
    account.send("Now")
    await press(hass, entry)
    assert texts(received) == ["Now"]


async def test_failure_is_reported(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    emulator: Emulator,
    provider: str,
) -> None:
    """Whoever presses it sees what is wrong; it can be pressed during an outage, and then it ends it."""
    await set_up(hass, entry)
    account.send("Later")
    emulator.fault(provider, "server_error")
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, entry)
    assert caught.value.translation_key == "cannot_connect"
    assert caught.value.translation_domain == "sms_inbox"
    await press(hass, entry)
    assert texts(received) == ["Later"]


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_long_poll_under_way(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], emulator: Emulator
) -> None:
    """While a poll is under way, there is nothing to do, and nobody has to wait."""
    emulator.hold = 30.0
    assert await hass.config_entries.async_setup(entry.entry_id)
    while not [request for request in emulator.requests if request.method == "POST"]:
        await asyncio.sleep(0)
    requests = len(emulator.requests)
    await press(hass, entry)
    assert len(emulator.requests) == requests
    emulator.hold = 0.0
    account.send("Here")
    await settle(hass)
    assert texts(received) == ["Here"]


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_long_poll_after_a_failure(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], emulator: Emulator
) -> None:
    """A provider that holds the request has not failed: the failure before is none of this press."""
    await set_up(hass, entry)
    emulator.fault("bulletin", "server_error")
    await poll(hass)
    assert not entry.runtime_data.last_update_success
    emulator.hold = 30.0
    with patch("custom_components.sms_inbox.coordinator.CHECK_SECONDS", 0.0):
        await press(hass, entry)
    emulator.hold = 0.0
    account.send("Here")
    await settle(hass)
    assert texts(received) == ["Here"]


async def test_before_home_assistant_has_started(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """What is read while automations don't listen yet waits for them."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    account.send("Early")
    hass.set_state(CoreState.not_running)
    await hass.config_entries.async_setup(entry.entry_id)
    await press(hass, entry)
    assert received == []
    await hass.async_start()
    await settle(hass)
    await poll(hass)
    assert texts(received) == ["Early"]
