"""System health: how much there is, and whether the providers can be reached."""

from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import Clock, make_entry, set_up

UNREACHABLE = {"type": "failed", "error": "unreachable"}


async def get_health(hass: HomeAssistant, hass_ws_client: WebSocketGenerator) -> dict[str, Any]:
    """Return what the front end shows when all checks are done."""
    assert await async_setup_component(hass, "system_health", {})
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "system_health/info"})
    assert (await client.receive_json())["success"]
    info: dict[str, Any] = {}
    while (event := (await client.receive_json())["event"])["type"] != "finish":
        if event["type"] == "initial":
            info = event["data"][DOMAIN]["info"]
        elif event["domain"] == DOMAIN:
            info[event["key"]] = event["data"]
    return info


async def test_health(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    clock: Clock,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A server that answers can be reached, though its answer is that there is no such page."""
    await set_up(hass, entry)
    account.send("One")
    account.send("Two")
    await clock.advance(31)
    assert await get_health(hass, hass_ws_client) == {
        "accounts": 1,
        "stored_messages": 2,
        f"can_reach_{account.provider}": "ok",
    }


async def test_only_a_page_is_asked_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """The check carries no credentials, and touches no message."""
    await set_up(hass, entry)
    account.send("Hello")
    asked = len(emulator.requests)
    await get_health(hass, hass_ws_client)
    assert {(request.method, request.username) for request in emulator.requests[asked:]} <= {("GET", None)}
    assert not account.messages[0].fetched_at


async def test_server_that_is_down(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, hass_ws_client: WebSocketGenerator
) -> None:
    """It can't be reached, and that is shown."""
    await emulator.stop()
    await hass.config_entries.async_setup(entry.entry_id)
    health = await get_health(hass, hass_ws_client)
    assert health[f"can_reach_{entry.data['provider']}"] == UNREACHABLE


async def test_all_servers_of_a_provider_must_be_reached(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """Of two servers of one provider, the one that is down counts."""
    other = Emulator(hold=0.0)
    await other.start()
    second = make_entry(other, other.add_account(account.provider, "second", "password"))
    second.add_to_hass(hass)
    await set_up(hass, entry)
    key = f"can_reach_{account.provider}"
    health = await get_health(hass, hass_ws_client)
    assert (health["accounts"], health[key]) == (2, "ok")
    await other.stop()
    assert (await get_health(hass, hass_ws_client))[key] == UNREACHABLE
    await hass.config_entries.async_set_disabled_by(second.entry_id, ConfigEntryDisabler.USER)
    health = await get_health(hass, hass_ws_client)
    assert (health["accounts"], health[key]) == (1, "ok")


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_each_provider_in_use_is_checked(
    hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, hass_ws_client: WebSocketGenerator
) -> None:
    """There is a line for each provider that has an account, and for no other."""
    make_entry(emulator, emulator.add_account("bulletin", "second", "password")).add_to_hass(hass)
    await set_up(hass, entry)
    assert (await get_health(hass, hass_ws_client)).keys() == {
        *("accounts", "stored_messages", "can_reach_bulksms", "can_reach_bulletin")
    }


async def test_store_that_can_not_be_read(
    hass: HomeAssistant, entry: MockConfigEntry, hass_ws_client: WebSocketGenerator
) -> None:
    """The rest is shown all the same."""
    Path(hass.config.path(".storage", "sms_inbox.db")).mkdir(parents=True)
    await hass.config_entries.async_setup(entry.entry_id)
    health = await get_health(hass, hass_ws_client)
    assert health["stored_messages"] == {"type": "failed", "error": "unreadable"}
    assert health[f"can_reach_{entry.data['provider']}"] == "ok"
