"""Setting up, unloading and removing an account."""

import asyncio
from collections.abc import Awaitable, Callable
import logging
from pathlib import Path

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.store import accounts, search
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import CoreState, Event, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.issue_registry import IssueRegistry
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import Clock, broken_store, poll, set_up, settle, texts

type End = Callable[[HomeAssistant, MockConfigEntry], Awaitable[None]]


async def test_service_device(hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry) -> None:
    """An account is one service device."""
    await set_up(hass, entry)
    [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.name == entry.title


async def test_reads_nothing_before_home_assistant_has_started(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """Messages wait until automations listen."""
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
    ("fault", "options"),
    [
        ("unauthorized", {}),
        ("rate_limited", {}),
        ("server_error", {"status": 503}),
        ("server_error", {"status": 403}),
        ("html", {}),
    ],
)
async def test_set_up_needs_no_provider(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    emulator: Emulator,
    provider: str,
    fault: str,
    options: dict[str, int],
) -> None:
    """Whatever the provider answers, the account is loaded; nobody is asked for anything after one answer."""
    emulator.fault(provider, fault, count=None, **options)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert not entry.runtime_data.last_update_success
    assert hass.config_entries.flow.async_progress_by_handler(DOMAIN) == []


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_address_that_can_not_be_used(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An address that would send the password unprotected needs a person; the provider was never asked."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, "url": "http://8.8.8.8"})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.reason
    assert entry.title in entry.reason


async def test_store_fails_at_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, issue_registry: IssueRegistry
) -> None:
    """Without a store there is no set-up, and a person is notified; when it is back, all is well."""
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
    """An unloaded account sends no more requests; set up again it goes on where it was."""
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
    """With the account go its messages: the same ones are new to it."""
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


async def test_removed_while_the_store_fails(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """The account is gone all the same, and the next start erases its messages, but no other account."""
    await set_up(hass, entry)
    account.send("Hello")
    await poll(hass)
    other = MockConfigEntry(domain=DOMAIN, data=entry.data, disabled_by=ConfigEntryDisabler.USER)
    other.add_to_hass(hass)
    store = async_get_store(hass)
    await store.write(accounts.begin, other.entry_id, "", dt_util.utcnow())
    with broken_store():
        await hass.config_entries.async_remove(entry.entry_id)
    assert await store.read(search.count_all) == 1
    hass.config.components.remove(DOMAIN)
    assert await async_setup_component(hass, DOMAIN, {})
    await settle(hass)
    assert await store.read(search.count_all) == 0
    assert await store.read(accounts.names) == [other.entry_id]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
async def test_removed_account_asks_for_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, issue_registry: IssueRegistry
) -> None:
    """What a person was to do about it goes with it."""
    await set_up(hass, entry)
    account.send_raw(b"nonsense")
    for _ in range(2):  # at first it may have been cut off
        await poll(hass)
    assert {issue for domain, issue in issue_registry.issues if domain == DOMAIN} == {
        f"deprecated_api_{entry.entry_id}",
        f"unreadable_{entry.entry_id}",
    }
    await hass.config_entries.async_remove(entry.entry_id)
    assert not [issue for domain, issue in issue_registry.issues if domain == DOMAIN]


class TestRename:
    """A person gives the account another name."""

    @pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
    async def test_everywhere_at_once(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        emulator: Emulator,
        clock: Clock,
        device_registry: dr.DeviceRegistry,
        issue_registry: IssueRegistry,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Device, entities, issues, errors and log say the new name."""
        await set_up(hass, entry)
        account.send_raw(b"nonsense")
        await clock.advance(120)  # it counts once two polls have seen it
        emulator.fault("bulksms_eapi", "server_error", status=403, count=None)
        await clock.advance(600)
        issues = {key for domain, key in issue_registry.issues if domain == DOMAIN}
        assert issues == {f"{key}_{entry.entry_id}" for key in ("deprecated_api", "refused", "unreadable")}
        # Another kind of error follows, of which nothing is shown yet.
        emulator.clear_faults()
        emulator.fault("bulksms_eapi", "server_error", count=None)
        await clock.advance(300)
        former = entry.title
        names = {state.entity_id: state.name for state in hass.states.async_all()}
        hass.config_entries.async_update_entry(entry, title="Gate at the cottage")
        await hass.async_block_till_done()
        [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        assert device.name == "Gate at the cottage"
        assert {state.entity_id: state.name for state in hass.states.async_all()} == {
            entity_id: name.replace(former, "Gate at the cottage") for entity_id, name in names.items()
        }
        for key in issues:
            issue = issue_registry.async_get_issue(DOMAIN, key)
            assert issue
            assert issue.translation_placeholders
            assert issue.translation_placeholders["account"] == "Gate at the cottage"
        caplog.clear()
        caplog.set_level(logging.DEBUG, "custom_components.sms_inbox")
        await clock.advance(600)
        assert entry.runtime_data.last_exception.translation_placeholders["account"] == "Gate at the cottage"
        emulator.clear_faults()
        account.send("Hello")
        await clock.advance(600)
        ours = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components.")]
        assert any("Page of Gate at the cottage" in message for message in ours)
        assert not [message for message in ours if former in message]

    async def test_nothing_else_changes(
        self, hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, issue_registry: IssueRegistry
    ) -> None:
        """No issue is raised by it, nothing is reloaded, and the provider isn't asked."""
        await set_up(hass, entry)
        coordinator, issues, asked = entry.runtime_data, set(issue_registry.issues), len(emulator.requests)
        hass.config_entries.async_update_entry(entry, title="Gate")
        await settle(hass)
        assert entry.runtime_data is coordinator
        assert set(issue_registry.issues) == issues
        assert len(emulator.requests) == asked

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_while_it_is_not_loaded(
        self, hass: HomeAssistant, entry: MockConfigEntry, device_registry: dr.DeviceRegistry
    ) -> None:
        """The new name is there with the next set-up."""
        await set_up(hass, entry)
        await hass.config_entries.async_unload(entry.entry_id)
        hass.config_entries.async_update_entry(entry, title="Gate")
        await set_up(hass, entry)
        [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        assert device.name == "Gate"


def tasks_of(entry: MockConfigEntry) -> set[str]:
    """Return the names of an account's tasks, and what runs in them."""
    return {
        f"{task.get_name()}: {task.get_coro()}"
        for task in asyncio.all_tasks()
        if entry.title in task.get_name()
        or "sms_inbox" in str(task.get_coro())
        or "/sms_inbox/" in str(task.get_stack())
    }


async def reload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload the account while Home Assistant has not started, so that nothing of the new one begins."""
    hass.set_state(CoreState.not_running)
    assert await hass.config_entries.async_reload(entry.entry_id)


async def disable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Disable the account."""
    assert await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)


async def unload(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload the account."""
    assert await hass.config_entries.async_unload(entry.entry_id)


async def remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Remove the account."""
    await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize("end", [unload, reload, disable, remove])
class TestEnd:
    """An account ends; nothing of it runs after that."""

    async def test_while_a_request_hangs(
        self, hass: HomeAssistant, entry: MockConfigEntry, emulator: Emulator, provider: str, end: End
    ) -> None:
        """The request is given up."""
        await set_up(hass, entry)
        emulator.fault(provider, "stall", seconds=3600.0, count=None)
        asked = len(emulator.requests)
        poll = hass.async_create_task(entry.runtime_data.async_check_now())
        while len(emulator.requests) == asked:
            await asyncio.sleep(0)
        assert tasks_of(entry)
        async with asyncio.timeout(5):
            await end(hass, entry)
        assert tasks_of(entry) == set()
        await poll

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_while_the_first_poll_begins(
        self, hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], end: End
    ) -> None:
        """Nothing begins any more, at whichever step the beginning is."""
        for steps in range(0, 60, 5):
            hass.set_state(CoreState.running)
            if entry.entry_id not in {each.entry_id for each in hass.config_entries.async_entries(DOMAIN)}:
                entry = again(hass, entry)
            await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
            if entry.state is ConfigEntryState.NOT_LOADED:
                await hass.config_entries.async_setup(entry.entry_id)
            account.send(f"Number {steps}")
            for _ in range(steps):
                await asyncio.sleep(0)
            await end(hass, entry)
            assert tasks_of(entry) == set()
            fired = len(received)
            await settle(hass)
            assert len(received) == fired
            if end is reload:
                await hass.config_entries.async_unload(entry.entry_id)
        assert not any(event.data["redelivered"] for event in received)

    @pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
    async def test_while_the_store_fails(
        self,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        account: Account,
        clock: Clock,
        received: list[Event],
        end: End,
    ) -> None:
        """No timer of it goes off later."""
        await set_up(hass, entry)
        account.send("Waits")
        with broken_store("receive", "claim", "mark_delivered", "release"):
            await clock.advance(31)
            await end(hass, entry)
        assert tasks_of(entry) == set()
        await clock.advance(600)
        assert received == []


def again(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Add a removed account again."""
    entry = MockConfigEntry(domain=DOMAIN, title=entry.title, unique_id=entry.unique_id, data=dict(entry.data))
    entry.add_to_hass(hass)
    return entry
