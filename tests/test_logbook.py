"""The activity: a line for each message."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done
from pytest_homeassistant_custom_component.typing import RecorderInstanceContextManager, WebSocketGenerator

from custom_components.sms_inbox.model import SendStatus
from emulator import Account, Emulator
from homeassistant.components.recorder import Recorder
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .conftest import add_contact, make_entry, poll, set_up
from .senders import ANNA, BEN, add_sender, report


@pytest.fixture
def provider() -> str:
    """Return one provider: how messages came doesn't matter here."""
    return "bulksms"


@pytest.fixture
async def mock_recorder_before_hass(async_test_recorder: RecorderInstanceContextManager) -> None:
    """Let there be a history; it must be known before Home Assistant is."""


@pytest.fixture(autouse=True)
async def logbook(recorder_mock: Recorder) -> None:
    """Set up the activity."""
    assert await async_setup_component(recorder_mock.hass, "logbook", {})
    await async_wait_recording_done(recorder_mock.hass)


async def get_all_lines(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, **of: list[str]
) -> list[dict[str, Any]]:
    """Return the lines as the front end gets them, all or those of devices and entities."""
    await async_wait_recording_done(hass)
    client = await hass_ws_client()
    start_time = (dt_util.utcnow() - timedelta(hours=1)).isoformat()
    await client.send_json_auto_id({"type": "logbook/get_events", "start_time": start_time, **of})
    lines: list[dict[str, Any]] = (await client.receive_json())["result"]
    return lines


async def get_lines(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, **of: list[str]) -> list[dict[str, Any]]:
    """Return those lines that describe messages."""
    return [line for line in await get_all_lines(hass, hass_ws_client, **of) if line.get("domain") == "sms_inbox"]


def device_of(hass: HomeAssistant, entry: MockConfigEntry) -> dr.DeviceEntry:
    """Return an account's device."""
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return device


async def test_line(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """It has account, sender and text."""
    await set_up(hass, entry)
    account.send("Gate\n\ncode 4711", sender="MYBANK")
    await poll(hass)
    [line] = await get_lines(hass, hass_ws_client)
    assert line.pop("when")
    assert line == {
        "domain": "sms_inbox",
        "icon": "mdi:message-badge",
        "name": entry.title,
        "message": "received a text message from MYBANK: “Gate code 4711”",
    }


@pytest.mark.parametrize(
    ("text", "shown"), [("x" * 160, f": “{'x' * 160}”"), ("x" * 161, f": “{'x' * 159}…”"), (" \n", "")]
)
async def test_text(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    hass_ws_client: WebSocketGenerator,
    text: str,
    shown: str,
) -> None:
    """A text that is longer than a single SMS is shortened; a message without one has a line, too."""
    await set_up(hass, entry)
    account.send(text, sender="MYBANK")
    await poll(hass)
    [line] = await get_lines(hass, hass_ws_client)
    assert line["message"] == f"received a text message from MYBANK{shown}"


async def test_text_that_is_not_stored(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """It isn't shown if the account doesn't store texts, however long the recorder has it."""
    await set_up(hass, entry)
    account.send("Secret", sender="MYBANK")
    await poll(hass)
    hass.config_entries.async_update_entry(entry, options={"store_texts": False})
    [line] = await get_lines(hass, hass_ws_client)
    assert line["message"] == "received a text message from MYBANK"


@pytest.mark.parametrize("store_texts", [True, False])
async def test_line_of_a_text_that_was_sent(
    hass: HomeAssistant,
    emulator: Emulator,
    account: Account,
    hass_ws_client: WebSocketGenerator,
    store_texts: bool,  # noqa: FBT001
) -> None:
    """It has account, recipient and text, where the account stores texts; what went wrong with it has one, too."""
    entry = await add_sender(hass, emulator, account)
    await add_contact(hass, entry, "Anna", ANNA)
    data = {"recipient": [ANNA, BEN], "message": "Gate\ncode 4711"}
    answer = await hass.services.async_call("sms_inbox", "send_message", data, blocking=True, return_response=True)
    await report(hass, entry, answer["messages"][0]["id"], SendStatus.FAILED)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "store_texts": store_texts})
    text = ": “Gate code 4711”" if store_texts else ""
    lines = await get_lines(hass, hass_ws_client)
    assert [(line["name"], line["icon"], line["message"]) for line in lines] == [
        (entry.title, "mdi:send", f"sent a text message to Anna{text}"),
        (entry.title, "mdi:send", f"sent a text message to {BEN}{text}"),
        (entry.title, "mdi:send", "text message to Anna failed"),
    ]


async def test_lines_of_a_message(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """It has one line, and the last message one if its text changes; the same on the device's page, and live."""
    await set_up(hass, entry)
    account.send("Hello", sender="+447700900999")
    await poll(hass)
    device = device_of(hass, entry).id
    entities = er.async_entries_for_device(er.async_get(hass), device)
    of = {"device_ids": [device], "entity_ids": [entity.entity_id for entity in entities]}
    before = await get_all_lines(hass, hass_ws_client)
    before_there = await get_all_lines(hass, hass_ws_client, **of)
    client = await hass_ws_client()
    await client.send_json_auto_id({"type": "logbook/event_stream", "start_time": dt_util.utcnow().isoformat(), **of})
    assert (await client.receive_json())["success"]
    account.send("Gate", sender="+447700900123")
    account.send("Gate", sender="+447700900456")
    await poll(hass)
    everywhere = (await get_all_lines(hass, hass_ws_client))[len(before) :]
    there = (await get_all_lines(hass, hass_ws_client, **of))[len(before_there) :]
    live: list[dict[str, Any]] = []
    while len(live) < 3:
        live += (await client.receive_json())["event"]["events"]
    for lines in (everywhere, there, live):
        assert sorted(line.get("message") or line["state"] for line in lines) == [
            "Gate",
            "received a text message from +447700900123: “Gate”",
            "received a text message from +447700900456: “Gate”",
        ]


async def test_channel_and_number(hass: HomeAssistant, emulator: Emulator, hass_ws_client: WebSocketGenerator) -> None:
    """The line has the number, however the provider writes it, and the channel if it is no SMS."""
    for provider, sender in [("twilio", "whatsapp:+447700900123"), ("voipms", "2025550123")]:
        account = emulator.add_account(provider, "anna", "secret")
        entry = make_entry(emulator, account)
        entry.add_to_hass(hass)
        await set_up(hass, entry)
        account.send("Hello", sender=sender)
        await poll(hass)
    assert [line["message"] for line in await get_lines(hass, hass_ws_client)] == [
        "received a WhatsApp message from +447700900123: “Hello”",
        "received a text message from +12025550123: “Hello”",
    ]


async def test_contact(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """It is named, as it was called when the message came."""
    contact = await add_contact(hass, entry, "Anna", "+447700900123")
    await set_up(hass, entry)
    account.send("Hello", sender="+447700900123")
    await poll(hass)
    hass.config_entries.async_update_subentry(entry, contact, title="Mum")
    account.send("Bye", sender="+447700900123")
    await poll(hass)
    assert [line["message"] for line in await get_lines(hass, hass_ws_client)] == [
        "received a text message from Anna: “Hello”",
        "received a text message from Mum: “Bye”",
    ]


async def test_same_text_twice(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """Two messages are two lines, the older one first."""
    await set_up(hass, entry)
    account.send("Same", sender="+447700900123")
    account.send("Same", sender="+447700900123")
    account.send("Same", sender="+447700900456")
    await poll(hass)
    lines = await get_lines(hass, hass_ws_client)
    assert [line["message"].split(":")[0][-3:] for line in lines] == ["123", "123", "456"]


async def test_device_that_a_person_renamed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """The line has the name that the person chose."""
    await set_up(hass, entry)
    dr.async_get(hass).async_update_device(device_of(hass, entry).id, name_by_user="Holiday home")
    account.send("Hello")
    await poll(hass)
    [line] = await get_lines(hass, hass_ws_client)
    assert line["name"] == "Holiday home"


async def test_activity_of_the_device(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    emulator: Emulator,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """A device's page shows the messages of that account."""
    other = emulator.add_account(account.provider, "second", "password")
    second = make_entry(emulator, other)
    second.add_to_hass(hass)
    await set_up(hass, entry)
    account.send("Hello", sender="+447700900123")
    other.send("Hello", sender="+447700900456")
    await poll(hass)
    for each, sender in ((entry, "+447700900123"), (second, "+447700900456")):
        [line] = await get_lines(hass, hass_ws_client, device_ids=[device_of(hass, each).id])
        assert (line["name"], line["message"]) == (each.title, f"received a text message from {sender}: “Hello”")


async def test_activity_that_is_being_looked_at(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """A line appears on the device's page when the message comes."""
    await set_up(hass, entry)
    await async_wait_recording_done(hass)
    client = await hass_ws_client()
    await client.send_json_auto_id(
        {
            "type": "logbook/event_stream",
            "start_time": dt_util.utcnow().isoformat(),
            "device_ids": [device_of(hass, entry).id],
        }
    )
    assert (await client.receive_json())["success"]
    account.send("Hello", sender="+447700900123")
    await poll(hass)
    lines: list[dict[str, Any]] = []
    while not lines:
        lines = (await client.receive_json())["event"]["events"]
    assert [line["message"] for line in lines] == ["received a text message from +447700900123: “Hello”"]


async def test_sender_is_unknown(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """A message without a sender has a line, too."""
    await set_up(hass, entry)
    account.send("Hello", sender="")
    await poll(hass)
    [line] = await get_lines(hass, hass_ws_client)
    assert line["message"] == "received a text message from an unknown sender: “Hello”"


async def test_event_of_another_integration(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    hass_ws_client: WebSocketGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One that fires events of the same name with other data, or none, breaks nothing."""
    await set_up(hass, entry)
    hass.bus.async_fire("sms_received")
    hass.bus.async_fire(
        "sms_received", {"device_id": ["a", "b"], "sender": {"number": 1}, "config_entry_id": 5, "contact": ["x"]}
    )
    account.send("Hello", sender="MYBANK")
    await poll(hass)
    lines = await get_lines(hass, hass_ws_client)
    assert [line["name"] for line in lines] == ["SMS Inbox", "SMS Inbox", entry.title]
    assert "describe event" not in caplog.text


async def test_account_that_was_removed(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, hass_ws_client: WebSocketGenerator
) -> None:
    """Its messages stay in the activity."""
    await set_up(hass, entry)
    account.send("Hello", sender="MYBANK")
    await poll(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    [line] = await get_lines(hass, hass_ws_client)
    assert (line["name"], line["message"]) == ("SMS Inbox", "received a text message from MYBANK: “Hello”")
