"""What becomes of texts when the account or Home Assistant ends, in order or not."""

import asyncio
from contextlib import closing
from datetime import timedelta
import sqlite3

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.model import Reason, Report, SendStatus
from custom_components.sms_inbox.outbox import STOP_SECONDS
from custom_components.sms_inbox.store.connections import SNAPSHOT
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from ..conftest import Clock, broken_store, set_up, settle
from ..senders import ANNA, shown
from .helpers import (
    CAPS,
    FIND,
    KEY,
    NEITHER,
    UNTIL_FOUND,
    Told,
    begin,
    begin_in_background,
    draft,
    ended,
    gated,
    last_id,
    outbox_of,
    restart,
    send,
    sent,
    spoil,
    state,
    submissions,
)


@pytest.mark.parametrize("vendor", [KEY, NEITHER])
async def test_stop_waits_for_the_answer(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told, vendor: str
) -> None:
    """A stop waits for the answer to what is being sent, and begins nothing; what is not told yet is told later."""
    async with gated(vendor) as gate:
        key, waiting = await begin_in_background(hass, entry), await begin_in_background(hass, entry, "waiting")
        await gate.asked.wait()
        unloading = hass.async_create_task(hass.config_entries.async_unload(entry.entry_id))
        await asyncio.sleep(0)
        gate.opened.set()
        assert await unloading
    assert (await state(hass, key)).status == "accepted"
    assert (await state(hass, waiting)).status == "queued"
    assert not told
    await set_up(hass, entry)
    assert shown(emulator) == [(ANNA, "Hello"), (ANNA, "waiting")]
    assert told.of("Hello") == told.of("waiting") == [sent()]


@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_stop_without_an_answer(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told, vendor: str, days: Clock
) -> None:
    """A stop doesn't wait for ever; without the answer the text is in doubt, and never sent again without a key."""
    async with gated(vendor) as gate:
        await begin_in_background(hass, entry)
        await gate.asked.wait()
        unloading = asyncio.create_task(hass.config_entries.async_unload(entry.entry_id))
        while not unloading.done():
            days.offset += STOP_SECONDS / 5
            await asyncio.sleep(0)
        assert await unloading
    await set_up(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert told.of("Hello") == [ended("unknown") if vendor == NEITHER else sent()]


async def test_stop_of_home_assistant(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told
) -> None:
    """While Home Assistant stops, nothing is begun, and nothing fired that automations would not hear any more."""
    async with gated() as gate:
        key, waiting = await begin_in_background(hass, entry), await begin_in_background(hass, entry, "waiting")
        await gate.asked.wait()
        hass.set_state(CoreState.stopping)
        gate.opened.set()
        await settle(hass)
        hass.bus.async_fire_internal(EVENT_HOMEASSISTANT_STOP)
        await settle(hass)
    assert ((await state(hass, key)).status, (await state(hass, waiting)).status) == ("accepted", "queued")
    assert not told
    hass.set_state(CoreState.running)
    await restart(hass, entry)
    assert told.of("Hello") == told.of("waiting") == [sent()]
    assert shown(emulator) == [(ANNA, "Hello"), (ANNA, "waiting")]


async def test_told_again_after_a_crash(hass: HomeAssistant, entry: MockConfigEntry, told: Told) -> None:
    """What was fired and could not be marked is fired again, and says so; what is marked is not."""
    await send(hass, entry, "marked")
    await settle(hass)
    with broken_store("advance", "release"):
        outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=await last_id(hass, entry))])
        await settle(hass)
        assert await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    await restart(hass, entry)
    assert told.of("marked") == [sent(), ended("delivered"), ended("delivered", redelivered=True)]


@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_restored_backup(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """A text that was in the queue when a backup was made, and was sent after that, is not sent again by the backup."""
    store = async_get_store(hass)
    spoil(emulator, account, "rate_limited")
    await begin(hass, entry)
    await store.freeze()
    backup = store.path.read_bytes()
    assert int.from_bytes(backup[68:72]) == SNAPSHOT
    await store.thaw()
    await days.advance(10)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert await hass.config_entries.async_unload(entry.entry_id)
    await store.close()
    store.path.write_bytes(backup)
    await set_up(hass, entry)
    await days.advance(UNTIL_FOUND + 60)
    assert shown(emulator) == [(ANNA, "Hello")]
    again = ended("unknown", redelivered=True) if account.provider == NEITHER else sent(redelivered=True)
    assert told.of("Hello") == [sent(), again]


@pytest.mark.parametrize("restored", [False, True])
async def test_interrupted_answer(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told, *, restored: bool
) -> None:
    """An automatic answer that was still being made at an end is never made again; a backup can't tell more."""
    store = async_get_store(hass)
    key = (await outbox_of(entry).async_send([draft(entry, is_automatic=True)], CAPS)).texts[0].outgoing.key
    assert await hass.config_entries.async_unload(entry.entry_id)
    if restored:
        await store.close()
        with closing(sqlite3.connect(store.path)) as db:
            db.execute(f"PRAGMA application_id = {SNAPSHOT}")
    await set_up(hass, entry)
    text = await state(hass, key)
    assert (text.status, text.reason) == ("unknown" if restored else "expired", Reason.INTERRUPTED)
    assert told.of("") == [ended("unknown", redelivered=True) if restored else ended("expired")]
    assert shown(emulator) == []


async def test_waiters_at_a_stop(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account
) -> None:
    """A stop ends all waiting."""
    spoil(emulator, account, "rate_limited", retry_after=600)
    outbox, waiting = outbox_of(entry), asyncio.create_task(send(hass, entry, "queued"))
    while not submissions(emulator):
        await asyncio.sleep(0)
    await settle(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    async with asyncio.timeout(10):
        text = await waiting
        assert [text] == await outbox.async_wait([text.outgoing.key], 60)
    assert text.status == "queued"


async def test_disabled_and_enabled(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """What waits while the account is disabled is sent afterwards, or is told to be too late."""
    spoil(emulator, account, "rate_limited")
    for text, seconds in (("long", 600), ("short", 60)):
        await begin(hass, entry, text, expires_in=timedelta(seconds=seconds))
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await days.advance(120)
    assert not told
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await settle(hass)
    assert told.of("long") == [sent()]
    assert told.of("short") == [ended("expired")]
    assert shown(emulator) == [(ANNA, "long")]


async def test_switched_off(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """When sending is switched off, nothing is sent any more; what waited, or is in doubt, is told all the same."""
    spoil(emulator, account, "dropped", consume=True)
    spoil(emulator, account, "rate_limited", skip=1)
    for text in ("in doubt", "queued"):
        await begin(hass, entry, text)
    hass.config_entries.async_update_entry(entry, options={})
    await restart(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert told.of("queued") == [ended("expired")]
    assert told.of("in doubt") == [sent()]
    assert submissions(emulator) == 1
    with pytest.raises(HomeAssistantError):
        await send(hass, entry)


async def test_removed(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account) -> None:
    """When an account is removed, what waits is erased, and whoever waits goes on."""
    spoil(emulator, account, "rate_limited", retry_after=600)
    key = await begin(hass, entry)
    waiting = asyncio.create_task(outbox_of(entry).async_wait([key], 60))
    await settle(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    async with asyncio.timeout(10):
        assert [text.status for text in await waiting] in (["queued"], [])
    with closing(sqlite3.connect(async_get_store(hass).path)) as db:
        assert db.execute("SELECT count(*) FROM outgoing").fetchone() == (0,)
    assert shown(emulator) == []
