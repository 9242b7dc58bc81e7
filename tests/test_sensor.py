"""The sensors of the last message."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from emulator import Account
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .conftest import poll, set_up, settle


async def entity_id(hass: HomeAssistant, entry: MockConfigEntry, key: str) -> str:
    """Return the sensor's id by its key."""
    registry = er.async_get(hass)
    found = registry.async_get_entity_id("sensor", "sms_inbox", f"{entry.entry_id}_{key}")
    assert found
    return found


@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_enabled_at_first(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The device's page has what a person wants on the first evening; the rest waits until somebody enables it."""
    await set_up(hass, entry)
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    enabled = {entity.translation_key for entity in entities if not entity.disabled_by}
    assert enabled == {"last_message", "check_now"}
    assert {entity.translation_key for entity in entities} - enabled == {
        "message",
        "last_received",
        "last_sender",
        "messages_received",
    }


@pytest.mark.usefixtures("every_entity")
async def test_unknown_before_the_first_message(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """An account without a message shows none."""
    await set_up(hass, entry)
    states = [hass.states.get(entity_id) for entity_id in hass.states.async_entity_ids("sensor")]
    assert [state.state for state in states] == [STATE_UNKNOWN, STATE_UNKNOWN, STATE_UNKNOWN, "0"]
    assert "text" not in states[0].attributes


@pytest.mark.usefixtures("every_entity")
async def test_last_message(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """It shows the text, and all fields as attributes; a reload doesn't change that."""
    await set_up(hass, entry)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    account.send("First", received_at=at - timedelta(seconds=1))
    account.send("Second ☺", sender="MYBANK", received_at=at)
    await poll(hass)
    await poll(hass)
    for _ in range(2):
        state = hass.states.get(await entity_id(hass, entry, "last_message"))
        assert state.state == "Second ☺"
        assert state.attributes["text"] == "Second ☺"
        assert state.attributes["sender"] == "MYBANK"
        assert state.attributes["message_id"].startswith(account.messages[-1].message_id)
        assert state.attributes["redelivered"] is False
        received = hass.states.get(await entity_id(hass, entry, "last_received"))
        assert received.state == at.isoformat()
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)


@pytest.mark.usefixtures("every_entity")
async def test_last_sender(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """It shows who sent the last message, also after a reload."""
    await set_up(hass, entry)
    account.send("Hello", sender="MYBANK")
    await poll(hass)
    for _ in range(2):
        assert hass.states.get(await entity_id(hass, entry, "last_sender")).state == "MYBANK"
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)


async def test_messages_received(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """It is disabled at first; it counts what was delivered, those before it was enabled and those forgotten, too."""
    await set_up(hass, entry)
    account.send("One")
    await poll(hass)
    registry, counter = er.async_get(hass), await entity_id(hass, entry, "messages_received")
    assert registry.async_get(counter).disabled_by is er.RegistryEntryDisabler.INTEGRATION
    registry.async_update_entity(counter, disabled_by=None)
    await poll(hass)  # Home Assistant reloads the account by itself
    assert hass.states.get(counter).state == "1"
    account.send("Two")
    await poll(hass)
    assert hass.states.get(counter).state == "2"
    account.messages.clear()  # what is forgotten here isn't shown any more
    with patch("custom_components.sms_inbox.inbox.KEEP_IDENTITIES", timedelta(days=-1)):
        hass.config_entries.async_update_entry(entry, options={"retention_days": 0})
        for _ in range(2):  # forgets at the start, and shows at the next what it counts then
            await hass.config_entries.async_reload(entry.entry_id)
            await settle(hass)
    assert hass.states.get(counter).state == "2"


async def test_long_text(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """The state holds 255 characters, the attribute all of them."""
    text = "0123456789" * 60
    await set_up(hass, entry)
    account.send(text)
    await poll(hass)
    state = hass.states.get(await entity_id(hass, entry, "last_message"))
    assert state.state == text[:255]
    assert state.attributes["text"] == text


async def test_every_message_is_shown(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """Two equal messages in a row are two changes; so are those of one drain."""
    await set_up(hass, entry)
    changes = async_capture_events(hass, "state_changed")
    for text in ("same", "same", "other"):
        account.send(text)
    await poll(hass)
    await poll(hass)
    last_message = await entity_id(hass, entry, "last_message")
    seen = [event.data["new_state"] for event in changes if event.data["entity_id"] == last_message]
    assert [state.state for state in seen] == ["same", "same", "other"]
    assert len({state.attributes["message_id"] for state in seen}) == 3


async def test_text_stays_out_of_the_history(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """The recorder keeps no attribute of the message."""
    await set_up(hass, entry)
    account.send("Hello")
    await poll(hass)
    state = hass.states.get(await entity_id(hass, entry, "last_message"))
    assert "*" in state.state_info["unrecorded_attributes"]
