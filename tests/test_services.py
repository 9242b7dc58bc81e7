"""The action `get_messages`."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser, async_capture_events
from pytest_homeassistant_custom_component.typing import WebSocketGenerator
import voluptuous as vol

from custom_components.sms_inbox.store import Store, StoreError
from emulator import Account, Emulator
from homeassistant.core import Context, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized, UnknownUser

from .conftest import make_entry, poll, set_up
from .senders import BEN, add_sender

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MUM = "+447700900123"


async def get_messages(hass: HomeAssistant, **data: Any) -> list[dict[str, Any]]:
    """Call the action."""
    answer = await hass.services.async_call("sms_inbox", "get_messages", data, blocking=True, return_response=True)
    assert answer
    messages: list[dict[str, Any]] = answer["messages"]  # type: ignore[assignment]
    return messages


async def get_texts(hass: HomeAssistant, **data: Any) -> list[str]:
    """Call the action; return the texts."""
    return [message["text"] for message in await get_messages(hass, **data)]


@pytest.fixture
async def thread(hass: HomeAssistant, emulator: Emulator, freezer: FrozenDateTimeFactory) -> MockConfigEntry:
    """Return an account with which two people talk."""
    freezer.move_to(NOON)
    account = emulator.add_account("bulksms", "anna", "secret")
    entry = await add_sender(hass, emulator, account)
    for number, text in ((MUM, "Open the gate?"), (BEN, "Who is there?"), (MUM, "Gate is open")):
        freezer.tick(timedelta(minutes=1))
        data = {"recipient": number, "message": text}
        await hass.services.async_call("sms_inbox", "send_message", data, blocking=True)
        freezer.tick(timedelta(minutes=1))
        account.send(f"{text} Yes", sender=number, received_at=datetime.now(UTC))
        await poll(hass)
    return entry


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ["Gate is open Yes", "Who is there? Yes", "Open the gate? Yes"]),
        ({"direction": "sent"}, ["Gate is open", "Who is there?", "Open the gate?"]),
        (
            {"direction": "both", "sender": "07700 900123", "order": "oldest"},
            ["Open the gate?", "Open the gate? Yes", "Gate is open", "Gate is open Yes"],
        ),
        ({"direction": "both", "limit": 3}, ["Gate is open Yes", "Gate is open", "Who is there? Yes"]),
        ({"direction": "sent", "contains": "GATE", "order": "oldest"}, ["Open the gate?", "Gate is open"]),
        ({"direction": "sent", "since": "2026-11-20T12:03:00+00:00"}, ["Gate is open", "Who is there?"]),
        ({"direction": "both", "until": "2026-11-20T12:02:00+00:00"}, ["Open the gate?"]),
        ({"direction": "sent", "sender": "MYBANK"}, []),
        ({"direction": "sent", "limit": 1, "order": "oldest"}, ["Open the gate?"]),
    ],
)
@pytest.mark.usefixtures("thread")
async def test_what_was_sent(hass: HomeAssistant, data: dict[str, Any], expected: list[str]) -> None:
    """What was received, what was sent, or both as a thread; a number is a sender's or a recipient's."""
    assert await get_texts(hass, **data) == expected


async def test_fields_of_what_was_sent(hass: HomeAssistant, emulator: Emulator, thread: MockConfigEntry) -> None:
    """A text that was sent is as in its event; those of other accounts are left out where one account is meant."""
    other = await add_sender(hass, emulator, emulator.add_account("bulksms", "ben", "secret"))
    events = async_capture_events(hass, "sms_sent")
    data = {"recipient": MUM, "message": "Hello", "config_entry_id": other.entry_id}
    await hass.services.async_call("sms_inbox", "send_message", data, blocking=True)
    [found] = await get_messages(hass, direction="both", config_entry_id=other.entry_id)
    assert found == {"direction": "sent", **{key: events[0].data[key] for key in found if key != "direction"}}
    assert found["text"] == "Hello"
    assert len(await get_messages(hass, direction="sent", config_entry_id=thread.entry_id)) == 3


async def test_users_and_what_was_sent(hass: HomeAssistant, thread: MockConfigEntry) -> None:
    """Who may not read the account's messages gets none that were sent either."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"event.bulksms_anna_check_now": {"read": True}}}})
    call = ("sms_inbox", "get_messages", {"direction": "both"})
    answer = await hass.services.async_call(
        *call, blocking=True, return_response=True, context=Context(user_id=user.id)
    )
    assert answer == {"messages": []}
    assert len(await get_messages(hass, direction="both", config_entry_id=thread.entry_id)) == 6


@pytest.fixture
async def accounts(hass: HomeAssistant, emulator: Emulator) -> list[MockConfigEntry]:
    """Return two accounts that have received messages: one an hour."""
    hass.config.country = "GB"
    await hass.config.async_set_time_zone("Europe/Helsinki")  # two hours ahead
    entries = []
    for number, username in enumerate(("anna", "ben")):
        account = emulator.add_account("bulksms", username, "secret")
        entry = make_entry(emulator, account)
        entry.add_to_hass(hass)
        await set_up(hass, entry)
        for hour, (sender, text) in enumerate([(MUM, "Gate"), ("MYBANK", "Code 1234"), (MUM, "ÄRGER 🚨")]):
            account.send(f"{text} {number}", sender=sender, received_at=NOON + timedelta(hours=hour, minutes=number))
        await poll(hass)
        entries.append(entry)
    return entries


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, ["ÄRGER 🚨 1", "ÄRGER 🚨 0", "Code 1234 1", "Code 1234 0", "Gate 1", "Gate 0"]),
        ({"order": "oldest", "limit": 3}, ["Gate 0", "Gate 1", "Code 1234 0"]),
        ({"limit": 1.0}, ["ÄRGER 🚨 1"]),
        ({"sender": "mybank"}, ["Code 1234 1", "Code 1234 0"]),
        ({"sender": ["07700 900123"], "contains": "ärger"}, ["ÄRGER 🚨 1", "ÄRGER 🚨 0"]),
        ({"contains": "%"}, []),
        ({"sender": "07700 900124"}, []),
        ({"since": "2026-11-20T14:00:30+00:00"}, ["ÄRGER 🚨 1"]),
        ({"since": "2026-11-20 16:00:00"}, ["ÄRGER 🚨 1", "ÄRGER 🚨 0"]),
        ({"until": "2026-11-20 14:00:00"}, []),
        ({"until": "2026-11-20 14:00:01"}, ["Gate 0"]),
        ({"sender": "+447700900123; MYBANK", "limit": 2}, ["ÄRGER 🚨 1", "ÄRGER 🚨 0"]),
        ({"contains": "a\u0308rger"}, ["ÄRGER 🚨 1", "ÄRGER 🚨 0"]),
        ({"since": "2026-11-20 14:01:00", "until": "2026-11-20 15:01:00"}, ["Code 1234 0", "Gate 1"]),
    ],
)
@pytest.mark.usefixtures("accounts")
async def test_messages_that_are_asked_for(hass: HomeAssistant, data: dict[str, Any], expected: list[str]) -> None:
    """By account, sender, text and time; a time without a zone is Home Assistant's."""
    assert await get_texts(hass, **data) == expected


async def test_fields(hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]) -> None:
    """A message is as in its event, also while its account isn't loaded."""
    await set_up(hass, entry)
    account.send("Hello ☺", received_at=NOON)
    await poll(hass)
    assert await get_messages(hass) == [{**received[0].data, "direction": "received"}]
    await hass.config_entries.async_unload(entry.entry_id)
    assert await get_messages(hass) == [{**received[0].data, "direction": "received"}]


async def test_one_account(hass: HomeAssistant, accounts: list[MockConfigEntry]) -> None:
    """Messages of one account alone; one that isn't there is refused with a reason."""
    assert await get_texts(hass, config_entry_id=accounts[1].entry_id, contains="gate") == ["Gate 1"]
    with pytest.raises(ServiceValidationError) as caught:
        await get_messages(hass, config_entry_id="nothing")
    assert (caught.value.translation_domain, caught.value.translation_key) == ("sms_inbox", "unknown_account")


async def test_several_accounts(hass: HomeAssistant, accounts: list[MockConfigEntry]) -> None:
    """Messages of some accounts."""
    ids = [account.entry_id for account in accounts]
    assert await get_texts(hass, config_entry_id=ids, contains="gate") == ["Gate 1", "Gate 0"]


async def test_numbers_as_providers_write_them(hass: HomeAssistant, emulator: Emulator) -> None:
    """The same digits are another number at another provider; found are those of the number that was typed."""
    hass.config.country = "US"
    for provider in ("bulksms", "voipms"):
        account = emulator.add_account(provider, "anna", "secret")
        entry = make_entry(emulator, account)
        entry.add_to_hass(hass)
        await set_up(hass, entry)
        account.send(f"By {provider}", sender="2025550123")
        await poll(hass)
    assert await get_texts(hass, sender="(202) 555-0123") == ["By voipms"]
    assert await get_texts(hass, sender="+20 25550123") == ["By bulksms"]
    hass.config.country = "EG"
    assert await get_texts(hass, sender="02 555 0123") == ["By bulksms"]


@pytest.mark.parametrize("permission", ["admin", "all", "none", "event of the first"])
async def test_users(hass: HomeAssistant, accounts: list[MockConfigEntry], permission: str) -> None:
    """A user gets the messages of the accounts whose entities the user may read, and no other."""
    policies: dict[str, Any] = {
        "admin": True,
        "all": {"entities": {"all": {"read": True}}},
        "none": {},
        "event of the first": {"entities": {"entity_ids": {"event.bulksms_anna_message": {"read": True}}}},
    }
    user = MockUser(is_owner=permission == "admin").add_to_hass(hass)
    user.mock_policy(policies[permission] if permission != "admin" else {})
    allowed = {"admin": [0, 1], "all": [0, 1], "none": [], "event of the first": [0]}[permission]
    context = Context(user_id=user.id)

    async def get(**data: Any) -> set[str]:
        answer = await hass.services.async_call(
            "sms_inbox", "get_messages", data, blocking=True, return_response=True, context=context
        )
        return {message["config_entry_id"] for message in answer["messages"]}

    assert await get() == {accounts[number].entry_id for number in allowed}
    for number, account in enumerate(accounts):
        if number in allowed:
            assert await get(config_entry_id=account.entry_id) == {account.entry_id}
        else:
            with pytest.raises(Unauthorized):
                await get(config_entry_id=account.entry_id)


async def test_websocket(
    hass: HomeAssistant, accounts: list[MockConfigEntry], hass_ws_client: WebSocketGenerator
) -> None:
    """By the websocket a user gets no more: not by the action, and not by the event, which only administrators see."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"sensor.bulksms_anna_last_message": {"read": True}}}})
    token = await hass.auth.async_create_refresh_token(user, "https://example.com")
    client = await hass_ws_client(hass, hass.auth.async_create_access_token(token))
    call = {"type": "call_service", "domain": "sms_inbox", "service": "get_messages", "return_response": True}
    await client.send_json_auto_id(call)
    answer = await client.receive_json()
    found = {message["config_entry_id"] for message in answer["result"]["response"]["messages"]}
    assert found == {accounts[0].entry_id}
    for refused in (
        {**call, "service_data": {"config_entry_id": accounts[1].entry_id}},
        {"type": "subscribe_events", "event_type": "sms_received"},
        {"type": "subscribe_trigger", "trigger": {"trigger": "sms_inbox.received"}},
    ):
        await client.send_json_auto_id(refused)
        answer = await client.receive_json()
        assert not answer["success"]
        assert answer["error"]["message"] == "Unauthorized"


@pytest.mark.usefixtures("accounts")
async def test_user_who_is_gone(hass: HomeAssistant) -> None:
    """A user who was deleted gets nothing."""
    with pytest.raises(UnknownUser):
        await hass.services.async_call(
            "sms_inbox", "get_messages", {}, blocking=True, return_response=True, context=Context(user_id="gone")
        )


async def test_what_was_there_before(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Messages from before the account was added are stored, too, and can be read."""
    account.send("Old", received_at=datetime.now(UTC) - timedelta(hours=1))
    await set_up(hass, entry)
    assert await get_texts(hass) == ["Old"]


@pytest.mark.parametrize(
    "data",
    [
        {"limit": 0},
        {"limit": 1001},
        {"order": "best"},
        {"direction": "up"},
        {"since": "soon"},
        {"sender": [""]},
        {"sender": []},
        {"sender": 447700900123},
        {"sender": "077009001234567"},
        {"contains": " "},
        {"contains": True},
        {"config_entry_id": []},
        {"config_entry_id": ""},
    ],
)
@pytest.mark.usefixtures("accounts")
async def test_bad_data(hass: HomeAssistant, data: dict[str, Any]) -> None:
    """What makes no sense, or could never match, is refused."""
    with pytest.raises(vol.Invalid):
        await get_messages(hass, **data)


async def test_store_that_can_not_be_read(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A store that can't be read is reported."""
    await set_up(hass, entry)
    with patch.object(Store, "read", side_effect=StoreError("disk I/O")), pytest.raises(HomeAssistantError) as caught:
        await get_messages(hass)
    assert caught.value.translation_key == "store_unreadable"
