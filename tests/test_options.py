"""Storage and retention of an account's messages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from freezegun.api import FrozenDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Cursor, Page
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.providers.contract import Provider
from custom_components.sms_inbox.store import Store
from emulator import Account, Emulator
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er

from .conftest import broken_store, poll, set_up, settle, texts

FIRST, SECOND, THIRD = "Gate code 4711", "Door\ncode 4812 ☺", "Safe code 4913"
FIRST_CODE, SECOND_CODE, THIRD_CODE = b"4711", b"4812", b"4913"
DAY = 24 * 3600


async def choose(hass: HomeAssistant, entry: MockConfigEntry, **options: bool | int) -> None:
    """Choose what is stored, and wait until the account has begun anew."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(result["flow_id"], {"next_step_id": "storage"})
    result = await hass.config_entries.options.async_configure(result["flow_id"], options)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settle(hass)


async def let_pass(hass: HomeAssistant, freezer: FrozenDateTimeFactory, days: float) -> None:
    """Let days pass, and what happens once a day happen."""
    freezer.tick(timedelta(days=days))
    await poll(hass, DAY)


async def let_seconds_pass(hass: HomeAssistant) -> None:
    """Let the seconds pass after which texts are erased that are not to be stored."""
    await poll(hass, 3)


def stored(hass: HomeAssistant) -> bytes:
    """Return all that is in the store's files."""
    folder = Path(hass.config.path(".storage"))
    return b"".join(path.read_bytes() for path in sorted(folder.glob("sms_inbox.db*")))


async def stored_texts(hass: HomeAssistant) -> list[str]:
    """Return the texts that the action returns, the oldest first."""
    response = await hass.services.async_call(
        "sms_inbox", "get_messages", {"order": "oldest"}, blocking=True, return_response=True
    )
    return [message["text"] for message in response["messages"]]


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, Any]:
    """Return state and full text of the sensor of the last message."""
    entity_id = er.async_get(hass).async_get_entity_id("sensor", "sms_inbox", f"{entry.entry_id}_last_message")
    assert entity_id
    state = hass.states.get(entity_id)
    assert state
    return state.state, state.attributes.get("text")


@pytest.mark.parametrize("store_texts", [True, False])
async def test_retention(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    provider: str,
    received: list[Event],
    freezer: FrozenDateTimeFactory,
    store_texts: bool,  # noqa: FBT001
) -> None:
    """Text and sender are erased when their time is over, and the message is known all the same."""
    await set_up(hass, entry)
    await choose(hass, entry, store_texts=store_texts, retention_days=2)
    sent = account.send(FIRST, sender="+447700909999", message_id="4242")
    await poll(hass)
    await let_pass(hass, freezer, 1.9)
    assert FIRST_CODE in stored(hass)
    assert await stored_texts(hass) == [FIRST]
    await let_pass(hass, freezer, 0.2)
    assert FIRST_CODE not in stored(hass)
    assert b"7700909999" not in stored(hass)
    assert b"4242" in stored(hass)
    assert await stored_texts(hass) == []
    fetch = PROVIDERS[provider].fetch

    async def from_the_start(reader: Provider, _: Cursor) -> Page:
        return replace(await fetch(reader, {}), more=False)

    again = account.send(FIRST, sender=sent.sender, message_id="4242", received_at=sent.received_at)
    with patch.object(PROVIDERS[provider], "fetch", from_the_start):
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    assert again.fetched_at
    assert texts(received) == [FIRST]
    assert FIRST_CODE not in stored(hass)


async def test_long_retention(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, freezer: FrozenDateTimeFactory
) -> None:
    """Texts stay for as long as was chosen, though without a choice the whole message would be forgotten by then."""
    await set_up(hass, entry)
    await choose(hass, entry, retention_days=3650)
    account.send(FIRST)
    await poll(hass)
    await let_pass(hass, freezer, 3649)
    assert await stored_texts(hass) == [FIRST]


async def test_texts_are_not_stored(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """Messages arrive as they are, and seconds later only the last one is left, for the sensor to show."""
    await set_up(hass, entry)
    await choose(hass, entry, store_texts=False)
    account.send(FIRST, sender="+447700909999")
    account.send(SECOND)
    await poll(hass)
    assert texts(received) == [FIRST, SECOND]
    assert received[0].data["sender"] == "+447700909999"
    await let_seconds_pass(hass)
    for _ in range(2):
        assert FIRST_CODE not in stored(hass)
        assert b"7700909999" not in stored(hass)
        assert SECOND_CODE in stored(hass)
        assert await stored_texts(hass) == [SECOND]
        assert shown(hass, entry) == (SECOND, SECOND)
        await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    account.send(THIRD)
    await poll(hass)
    await let_seconds_pass(hass)
    assert SECOND_CODE not in stored(hass)
    assert shown(hass, entry) == (THIRD, THIRD)
    assert texts(received) == [FIRST, SECOND, THIRD]


async def test_texts_are_not_stored_when_a_drain_fails(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    emulator: Emulator,
    provider: str,
) -> None:
    """What was delivered before the provider failed is erased, too."""
    await set_up(hass, entry)
    await choose(hass, entry, store_texts=False)
    account.page_size = 1

    @callback
    def fail_after_the_second(_: Event) -> None:
        if len(received) == 2:
            emulator.fault(provider, "server_error", count=None)

    hass.bus.async_listen("sms_received", fail_after_the_second)
    for text in (FIRST, SECOND, THIRD):
        account.send(text)
    await poll(hass)
    await let_seconds_pass(hass)
    assert len(received) == 2
    code = {FIRST: FIRST_CODE, SECOND: SECOND_CODE, THIRD: THIRD_CODE}[texts(received)[0]]
    assert code not in stored(hass)


async def test_texts_are_no_longer_stored(hass: HomeAssistant, entry: MockConfigEntry, account: Account) -> None:
    """What was stored before is erased as soon as the choice is made."""
    await set_up(hass, entry)
    account.send(FIRST)
    account.send(SECOND)
    await poll(hass)
    assert await stored_texts(hass) == [FIRST, SECOND]
    await choose(hass, entry, store_texts=False)
    assert FIRST_CODE not in stored(hass)
    assert await stored_texts(hass) == [SECOND]
    assert shown(hass, entry) == (SECOND, SECOND)


# At BulkSMS the cursor of the empty page that ends a poll is stored, and with it that the message was delivered.
@pytest.mark.parametrize("provider", ["bulletin", "bulksms_eapi", "twilio", "clicksend"], indirect=True)
async def test_what_is_not_delivered_stays(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], freezer: FrozenDateTimeFactory
) -> None:
    """A message that could not be marked delivered keeps its text for as long as that takes, and arrives unaltered."""
    await set_up(hass, entry)
    await choose(hass, entry, store_texts=False, retention_days=2)
    account.send(FIRST)
    with broken_store("claim", "mark_delivered", "release"):
        await poll(hass)
        await hass.config_entries.async_unload(entry.entry_id)
    freezer.tick(timedelta(days=3))
    await set_up(hass, entry)
    assert texts(received) == [FIRST, FIRST]
    assert received[-1].data["redelivered"]
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert FIRST_CODE not in stored(hass)


async def test_nothing_is_erased_while_nothing_comes(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account
) -> None:
    """Quiet polls cost nothing."""
    await set_up(hass, entry)
    await choose(hass, entry, store_texts=False)
    account.send(FIRST)
    await poll(hass)
    await let_seconds_pass(hass)
    with patch.object(Store, "write_in_batches", side_effect=AssertionError):
        for _ in range(5):
            await poll(hass)
            await let_seconds_pass(hass)


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_lost_message_is_found_without_texts(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """What was under way at a crash is found, though nearly all that is known has no text any more."""
    with patch("custom_components.sms_inbox.recovery.SETTLING_SECONDS", 0.0):
        await set_up(hass, entry)
        await choose(hass, entry, store_texts=False)
        for minutes, text in ((6, FIRST), (5, SECOND)):
            account.send(text, received_at=datetime.now(UTC) - timedelta(minutes=minutes))
        await poll(hass)
        with broken_store("end"):  # a crash notes nothing
            await hass.config_entries.async_unload(entry.entry_id)
        account.send(THIRD, received_at=datetime.now(UTC) - timedelta(minutes=2))
        account.take_unread()
        await set_up(hass, entry)
    assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
        (FIRST, False),
        (SECOND, False),
        (THIRD, False),
    ]
