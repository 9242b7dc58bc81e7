"""The way of a message: from the provider's answer to the event."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import ANY, patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events, async_mock_service

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.inbox import as_it_is
from custom_components.sms_inbox.store import Store
from emulator import Account, Emulator
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.issue_registry import IssueRegistry
from homeassistant.setup import async_setup_component

from .conftest import broken_store, poll, set_up, settle, texts


async def test_event(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    device_registry: dr.DeviceRegistry,
) -> None:
    """The event says all that is known of the message."""
    await set_up(hass, entry)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    sent = account.send("Kia ora ☺", sender="+6421555001", received_at=at, in_reply_to="12")
    await poll(hass)
    [event] = received
    [device] = dr.async_entries_for_config_entry(device_registry, entry.entry_id)
    assert event.data == {
        "config_entry_id": entry.entry_id,
        "device_id": device.id,
        "provider": account.provider,
        "message_id": sent.message_id if account.protocol.ids else ANY,
        "sender": "+6421555001",
        "sender_number": "+6421555001",
        "contact": None,
        "channel": "sms",
        "recipient": None if account.provider == "bulletin" else "+44771234567",
        "text": "Kia ora ☺",
        "encoding": "unicode",
        "data": None,
        "received_at": at.isoformat(),
        "in_reply_to": "12" if account.protocol.replies else None,
        "reply_to": None,
        "reply_to_certain": None,
        "redelivered": False,
    }


async def test_automations_start_before_the_entities_change(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account
) -> None:
    """A gate doesn't wait for the states that show its message."""
    happened: list[str] = []
    hass.services.async_register("test", "open", callback(lambda _: happened.append("automation")))
    automation = {
        "triggers": [{"trigger": "event", "event_type": "sms_received"}],
        "actions": [{"action": "test.open"}],
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await set_up(hass, entry)
    sensor = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{entry.entry_id}_last_message")

    @callback
    def note(event: Event[Any]) -> None:
        if event.data["entity_id"] == sensor:
            happened.append("entity")

    hass.bus.async_listen("state_changed", note)
    account.send("Open")
    await poll(hass)
    assert happened == ["automation", "entity"]


@pytest.mark.parametrize("provider", ["bulksms", "bulksms_eapi"], indirect=True)
async def test_binary(hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]) -> None:
    """A binary message carries its bytes in hexadecimal."""
    await set_up(hass, entry)
    account.send(encoding="binary", data=b"\x00\xff")
    await poll(hass)
    assert (received[0].data["encoding"], received[0].data["data"], received[0].data["text"]) == ("binary", "00ff", "")


async def test_time_of_storing_where_the_provider_tells_none(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """An event always has a time."""
    records = {
        "bulletin": b"messageId=5&body=x",
        "bulksms": b'{"id":"5","type":"RECEIVED","body":"x"}',
        "bulksms_eapi": b"5|1|x|2026-02-30 00:00:00|2|0|7bit",
        "twilio": b'{"sid":"5","from":"1","body":"x"}',
        "clicksend": b'{"message_id":"5","from":"1","body":"x"}',
    }
    await set_up(hass, entry)
    before = datetime.now(UTC)
    account.send_raw(records[account.provider])
    await poll(hass)
    [event] = received
    assert before <= datetime.fromisoformat(event.data["received_at"]) <= datetime.now(UTC)


async def test_quiet_poll_writes_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """A list that shows what is known is nothing to write down: it is asked for thousands of times a day."""
    await set_up(hass, entry)
    account.send("Hello")
    account.send_raw(b'"nonsense"')
    await poll(hass)
    await poll(hass)
    asked = len(emulator.requests)
    with broken_store():
        for _ in range(3):
            await poll(hass)
    assert len(emulator.requests) == asked + (6 if account.provider == "bulksms" else 3)
    assert entry.runtime_data.last_update_success
    assert texts(received) == ["Hello"]


async def test_first_run_keeps_what_was_there(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """What lies in the inbox before the account is added never fires; what comes later does."""
    account.page_size = 2
    for number in range(5):
        account.send(f"Old {number}", received_at=datetime.now(UTC) - timedelta(hours=1))
    await set_up(hass, entry)
    await poll(hass)
    await poll(hass)
    assert received == []
    account.send("New")
    await poll(hass)
    assert texts(received) == ["New"]
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert texts(received) == ["New"]


@pytest.mark.parametrize("date", [(1, 1, 1), (9999, 12, 31, 23, 59, 59)])
async def test_first_run_with_an_impossible_time(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], date: tuple[int, int, int]
) -> None:
    """A message of no possible time is taken for one that was there, and keeps no other from coming."""
    account.send("Odd", received_at=datetime(*date, tzinfo=account.zone))
    await set_up(hass, entry)
    account.send("New")
    await poll(hass)
    assert texts(received) == ["New"]


async def test_first_run_delivers_what_was_there_on_request(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """With the box ticked all of it fires, once; the wish is used up then."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": True})
    account.page_size = 2
    for number in range(5):
        account.send(f"Old {number}", received_at=datetime.now(UTC) - timedelta(hours=1))
    await set_up(hass, entry)
    await poll(hass)
    await poll(hass)
    found = texts(received)
    if account.provider in ("twilio", "clicksend"):  # their lists begin with the newest page
        found.sort()
    assert found == [f"Old {number}" for number in range(5)]
    assert entry.data["deliver_existing"] is False


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_first_run_delivers_what_comes_during_the_long_poll(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """Somebody who sends a first SMS right after adding the account sees it."""
    emulator.hold = 20.0
    account.send("Old", received_at=datetime.now(UTC) - timedelta(hours=1))
    assert await hass.config_entries.async_setup(entry.entry_id)
    while len(emulator.requests) < 2:  # the one for the old message, and the one that is held
        await asyncio.sleep(0)
    emulator.hold = 0.0
    account.send("New")
    await settle(hass)
    assert texts(received) == ["New"]


@pytest.mark.parametrize("count", [2, 30])
async def test_order(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], count: int
) -> None:
    """Messages fire in the order in which they came, each once."""
    await set_up(hass, entry)
    for number in range(count):
        account.send(f"Message {number}")
    await poll(hass)
    await poll(hass)
    assert texts(received) == [f"Message {number}" for number in range(count)]


@pytest.mark.parametrize("provider", ["bulksms_eapi"], indirect=True)
async def test_2500_waiting_at_the_eapi(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """A large backlog arrives in one drain with four requests, in slices that leave the event loop free."""
    await set_up(hass, entry)
    for number in range(2500):
        account.send(f"Message {number}")
    asked = len(emulator.requests)
    await poll(hass)
    assert texts(received) == [f"Message {number}" for number in range(2500)]
    assert len({event.data["message_id"] for event in received}) == 2500
    assert len(emulator.requests) - asked == 4


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_300_waiting_at_bulletin(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event]
) -> None:
    """One request a message, one that finds nothing more, and no pause between them."""
    await set_up(hass, entry)
    for number in range(300):
        account.send(f"Message {number}")
    asked = len(emulator.requests)
    await poll(hass)
    assert texts(received) == [f"Message {number}" for number in range(300)]
    assert len(emulator.requests) - asked == 301


async def test_missed_while_stopped(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """What comes while Home Assistant is down runs the automation when it is up, once."""
    calls = async_mock_service(hass, "test", "automation")
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    for number in range(5):
        account.send(f"Message {number}")
    hass.set_state(CoreState.starting)
    await set_up(hass, entry)
    await async_setup_component(
        hass,
        "automation",
        {
            "automation": {
                "alias": "SMS",
                "mode": "queued",
                "max": 100,
                "trigger": {"platform": "event", "event_type": "sms_received"},
                "action": {"action": "test.automation", "data": {"text": "{{ trigger.event.data.text }}"}},
            }
        },
    )
    await hass.async_start()
    await settle(hass)
    await poll(hass)
    assert [call.data["text"] for call in calls] == [f"Message {number}" for number in range(5)]


async def test_all_entities_disabled(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    entity_registry: er.EntityRegistry,
) -> None:
    """An account works without its entities."""
    await set_up(hass, entry)
    for entity in er.async_entries_for_config_entry(entity_registry, entry.entry_id):
        entity_registry.async_update_entity(entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert not hass.states.async_entity_ids("sensor")
    for number in range(3):
        account.send(f"Message {number}")
        await poll(hass)
    assert texts(received) == ["Message 0", "Message 1", "Message 2"]


async def test_stored_but_not_delivered(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """What arrives while Home Assistant stops is stored, and delivered plainly by the next one."""
    await set_up(hass, entry)
    account.send("Last minute")
    with patch.object(type(hass), "is_stopping", new=False):
        hass.set_state(CoreState.stopping)
        await poll(hass)
    assert received == []
    await hass.config_entries.async_unload(entry.entry_id)
    account.messages.clear()
    hass.set_state(CoreState.running)
    await set_up(hass, entry)
    assert texts(received) == ["Last minute"]
    assert received[0].data["redelivered"] is False


# At BulkSMS the empty page that ends a poll brings the mark to the disk.
@pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi", "twilio", "clicksend"], indirect=True)
async def test_crash_between_firing_and_marking(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """It is delivered again, and says so."""
    await set_up(hass, entry)
    with broken_store("mark_delivered", "release", "end", "prune"):
        account.send("Once more")
        await poll(hass)
        await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
        ("Once more", False),
        ("Once more", True),
    ]
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert len(received) == 2


async def test_marking_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """A store that can't mark doesn't make a message fire twice while Home Assistant runs."""
    await set_up(hass, entry)
    with broken_store("mark_delivered"):
        account.send("Once")
        await poll(hass)
    await poll(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert texts(received) == ["Once"]


async def test_store_that_fails_stops_the_cursor(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    issue_registry: IssueRegistry,
) -> None:
    """What can't be stored isn't fired and isn't passed over, and a person is informed; then it goes on."""
    await set_up(hass, entry)
    account.send("Patience")
    with broken_store("receive"):
        await poll(hass)
        assert received == []
        issue = issue_registry.async_get_issue(DOMAIN, "store_failed")
        assert issue
        assert issue.translation_placeholders == {"error": "disk full"}
        states = [hass.states.get(entity_id).state for entity_id in hass.states.async_entity_ids("sensor")]
        assert set(states) == {"unavailable"}
    await poll(hass)
    assert texts(received) == ["Patience"]
    assert not issue_registry.async_get_issue(DOMAIN, "store_failed")


async def test_unreadable_record_is_shown(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    issue_registry: IssueRegistry,
) -> None:
    """A record that makes no sense is kept and shown, also after a reload; the others arrive."""
    await set_up(hass, entry)
    account.send_raw(b'"nonsense"')
    account.send("Good")
    await poll(hass)
    await poll(hass)
    assert texts(received) == ["Good"]
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    issue = issue_registry.async_get_issue(DOMAIN, f"unreadable_{entry.entry_id}")
    assert issue
    assert issue.is_fixable
    assert issue.translation_placeholders
    assert issue.translation_placeholders["account"] == entry.title


async def test_damaged_store_is_set_aside(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    issue_registry: IssueRegistry,
) -> None:
    """A file that is no database is kept beside a new one; nothing old fires, though the box was ticked once."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, "deliver_existing": True})
    await set_up(hass, entry)
    account.send("Before", received_at=datetime.now(UTC) - timedelta(hours=1))
    await poll(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]

    await store.close()
    await hass.async_add_executor_job(store.path.write_bytes, b"this was a database once" * 1000)
    await set_up(hass, entry)
    account.send("After")
    await poll(hass)
    assert texts(received) == ["Before", "After"]
    issue = issue_registry.async_get_issue(DOMAIN, "store_damaged")
    assert issue
    aside = Path(hass.config.path(issue.translation_placeholders["path"]))
    assert (await hass.async_add_executor_job(aside.read_bytes)).startswith(b"this was a database once")


async def test_automations_do_not_slow_a_slice(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """Firing gives way to other work between its slices."""
    await set_up(hass, entry)
    ticks: list[int] = []

    async def heartbeat() -> None:
        while len(received) < 200:
            ticks.append(len(received))
            await asyncio.sleep(0)

    for number in range(200):
        account.send(f"Message {number}")
    beat = hass.async_create_background_task(heartbeat(), "heartbeat")
    with patch("custom_components.sms_inbox.dispatcher.SLICE_SECONDS", 0.0):
        await poll(hass)
        await poll(hass)
        await poll(hass)
    await beat
    steps = [later - earlier for earlier, later in pairwise(ticks)]
    assert max(steps) <= 2


async def test_events_of_two_accounts_are_apart(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator
) -> None:
    """The same id at two accounts is two messages."""
    events: list[Event[Any]] = async_capture_events(hass, "sms_received")
    other_account = emulator.add_account(account.provider, "ben", "other")
    other = MockConfigEntry(domain=DOMAIN, title="other", data={**entry.data, "username": "ben", "password": "other"})
    other.add_to_hass(hass)
    await set_up(hass, entry)
    if other.state.name == "NOT_LOADED":
        await set_up(hass, other)
    account.send("For Anna", message_id="5")
    other_account.send("For Ben", message_id="5")
    await poll(hass)
    assert {(event.data["config_entry_id"], event.data["text"]) for event in events} == {
        (entry.entry_id, "For Anna"),
        (other.entry_id, "For Ben"),
    }


@pytest.mark.parametrize(
    ("raw", "text", "encoding", "data"),
    [
        ("ключ|☺".encode(), "ключ|☺", "unicode", None),
        (b"\xff\x00", "", "binary", b"\xff\x00"),
    ],
)
def test_record_as_it_is(raw: bytes, text: str, encoding: str, data: bytes | None) -> None:
    """A record that nobody understands becomes a message that says no more than its bytes, always the same one."""
    message = as_it_is(raw)
    assert (message.text, message.encoding, message.data, message.sender, message.raw) == (
        text,
        encoding,
        data,
        "",
        raw,
    )
    assert message == as_it_is(raw)
