"""Setting up, unloading and removing an account."""

from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from emulator import Account, Emulator
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.issue_registry import IssueRegistry

from .conftest import poll, set_up, settle, texts


async def test_service_device(hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry) -> None:
    """An account is one service device."""
    await set_up(hass, entry)
    [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.name == entry.title


async def test_reads_nothing_before_home_assistant_has_started(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """Set-up proves the credentials; messages wait until automations listen."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    account.send("Hello")
    hass.set_state(CoreState.starting)
    await set_up(hass, entry)
    await poll(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert not emulator.book
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await settle(hass)
    assert texts(received) == ["Hello"]


@pytest.mark.parametrize(
    ("fault", "options", "state"),
    [
        ("unauthorized", {}, ConfigEntryState.SETUP_ERROR),
        ("rate_limited", {}, ConfigEntryState.SETUP_RETRY),
        ("server_error", {"status": 503}, ConfigEntryState.SETUP_RETRY),
        ("server_error", {"status": 403}, ConfigEntryState.SETUP_ERROR),
        ("html", {}, ConfigEntryState.SETUP_RETRY),
    ],
)
async def test_set_up_fails(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    emulator: Emulator,
    provider: str,
    fault: str,
    options: dict[str, int],
    state: ConfigEntryState,
) -> None:
    """What set-up does depends on what is wrong; a person is only asked about a password that is refused."""
    emulator.fault(provider, fault, count=None, **options)
    await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.state is state
    assert entry.reason
    assert entry.title in entry.reason
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert [flow["context"]["source"] for flow in flows] == ([SOURCE_REAUTH] if fault == "unauthorized" else [])
    emulator.clear_faults()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_store_fails_at_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, issue_registry: IssueRegistry
) -> None:
    """Without a store there is no set-up, and a person is told; when it is back, all is well."""
    obstacle = Path(hass.config.path(".storage", "sms_inbox.db"))
    obstacle.mkdir(parents=True)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert issue_registry.async_get_issue(DOMAIN, "store_failed")
    obstacle.rmdir()
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert not issue_registry.async_get_issue(DOMAIN, "store_failed")


async def test_unload_stops_asking(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """An unloaded account asks no more; set up again it goes on where it was."""
    await set_up(hass, entry)
    account.send("First")
    await poll(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    account.send("Second")
    asked = len(emulator.requests)
    await poll(hass)
    assert len(emulator.requests) == asked
    await set_up(hass, entry)
    assert texts(received) == ["First", "Second"]
    assert not any(event.data["redelivered"] for event in received)


async def test_removing_an_account_forgets_it(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """With the account go its messages: the same ones are known no more."""
    await set_up(hass, entry)
    account.send("Hello", message_id="77")
    await poll(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    account.messages.clear()
    account.send("Hello", message_id="77")
    again = MockConfigEntry(
        domain=DOMAIN, entry_id=entry.entry_id, data={**entry.data, "deliver_existing": True}, title=entry.title
    )
    again.add_to_hass(hass)
    await set_up(hass, again)
    assert texts(received) == ["Hello", "Hello"]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
async def test_removed_account_asks_for_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, issue_registry: IssueRegistry
) -> None:
    """What a person was to do about it goes with it."""
    await set_up(hass, entry)
    account.send_raw(b"nonsense")
    await poll(hass)
    assert {issue for domain, issue in issue_registry.issues if domain == DOMAIN} == {
        f"deprecated_api_{entry.entry_id}",
        f"unreadable_{entry.entry_id}",
    }
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [issue for domain, issue in issue_registry.issues if domain == DOMAIN]
