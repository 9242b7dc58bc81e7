"""Sending: stored first, refused, put off, too late, and told; whatever the store does."""

import asyncio
from contextlib import closing
from datetime import timedelta
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.sending import SENDING
from custom_components.sms_inbox.store import outgoing
from emulator import Account, Emulator
from emulator.handsets import Behaviour
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from ..conftest import Clock, broken_store, set_up, settle
from ..senders import ANNA, BEN, shown
from .helpers import (
    CAPS,
    FIND,
    KEY,
    NEITHER,
    UNTIL_FOUND,
    Told,
    begin,
    begin_in_background,
    charged,
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


async def test_send(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told) -> None:
    """A text is on the phone, the vendor's id is stored, and the events say so."""
    text = await send(hass, entry)
    await settle(hass)
    assert (text.status, text.attempts) == ("accepted", 1)
    assert text.outgoing.provider_id
    assert shown(emulator) == [(ANNA, "Hello")]
    assert told.of("Hello") == [sent()]
    assert await charged(hass, entry) == 1


@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_stored_before_the_first_byte(hass: HomeAssistant, entry: MockConfigEntry, vendor: str) -> None:
    """When the request begins, the file says so to whoever reads it, also of the text that waits behind."""
    path, seen = async_get_store(hass).path, []
    submit = SENDING[vendor].send

    async def look(sending: Any, text: Outgoing) -> Accepted:
        with closing(sqlite3.connect(path)) as db:
            rows = db.execute("SELECT status, begun_at IS NOT NULL, attempts FROM outgoing ORDER BY sequence")
            seen.append(rows.fetchall())
        return await submit(sending, text)

    with patch.object(SENDING[vendor], "send", look):
        order = Order(recipients=[recipient_of(hass, entry, each) for each in (ANNA, BEN)], text="Hello")
        await async_send(entry, order)
    assert seen[0] == [("sending", 1, 1), ("queued", 0, 0)]
    assert seen[1] == [("accepted", 1, 1), ("sending", 1, 1)]


async def test_refused(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told
) -> None:
    """What the vendor refuses is told with its reason, costs nothing, and keeps nothing from being sent."""
    spoil(emulator, account, "vendor_error", word="insufficient-credits")
    text = await send(hass, entry)
    assert (text.status, text.reason) == ("refused", Reason.NO_CREDIT)
    assert await charged(hass, entry) == 0
    await send(hass, entry, "Next")
    await settle(hass)
    assert shown(emulator) == [(ANNA, "Next")]
    assert told.of("Hello") == [ended("refused")]


async def test_refused_credentials(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account
) -> None:
    """Refused credentials ask for a login."""
    spoil(emulator, account, "unauthorized")
    text = await send(hass, entry)
    assert (text.status, text.reason) == ("refused", Reason.INVALID_AUTH)
    await settle(hass)
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]


async def test_waits_for_the_vendor(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """A vendor that takes nothing now is asked again, less and less often; texts are sent in their order then."""
    spoil(emulator, account, "rate_limited", count=3)
    for text in ("one", "two"):
        await begin(hass, entry, text)
    assert submissions(emulator) == 1
    for seconds, asked in ((4.5, 1), (1, 2), (9, 2), (1.5, 3), (18, 3)):
        await days.advance(seconds, step=0.5)
        assert submissions(emulator) == asked
    await days.advance(3, step=0.5)
    assert shown(emulator) == [(ANNA, "one"), (ANNA, "two")]
    assert told.of("one") == told.of("two") == [sent()]


async def test_waits_as_long_as_the_vendor_says(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, days: Clock
) -> None:
    """`Retry-After` is kept."""
    spoil(emulator, account, "rate_limited", retry_after=60)
    await begin(hass, entry)
    await days.advance(55)
    assert submissions(emulator) == 1
    await days.advance(10)
    assert shown(emulator) == [(ANNA, "Hello")]


async def test_no_connection(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told, days: Clock
) -> None:
    """Where no connection is made, nothing was sent: the text stays in the queue."""
    port = emulator.port
    await emulator.stop()
    key = await begin(hass, entry)
    assert (await state(hass, key)).status == "queued"
    await emulator.start(port=port)
    await days.advance(10)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert told.of("Hello") == [sent()]


async def test_expires(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """What could not be sent in time is told when its time is over, also while the vendor is left in peace."""
    spoil(emulator, account, "rate_limited", retry_after=3600)
    keys = [await begin(hass, entry, "long", expires_in=timedelta(minutes=10))]
    keys += [await begin(hass, entry, "short", expires_in=timedelta(seconds=30))]
    await days.advance(28, step=1)
    assert not told
    await days.advance(4, step=1)
    assert told.of("short") == [ended("expired")]
    assert not told.of("long")
    await days.advance(570)
    assert told.of("long") == [ended("expired")]
    assert [(await state(hass, key)).reason for key in keys] == [Reason.EXPIRED] * 2
    assert await charged(hass, entry) == 0
    await days.advance(4000, step=60)
    assert shown(emulator) == []


async def test_clock_set_back(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, clock: Clock
) -> None:
    """A clock that was set back by more than a text's time doesn't make it last longer."""
    spoil(emulator, account, "rate_limited", retry_after=60)
    await begin(hass, entry, expires_in=timedelta(minutes=10))
    utcnow = dt_util.utcnow
    with patch.object(dt_util, "utcnow", lambda: utcnow() - timedelta(minutes=11)):
        await clock.advance(70)
    assert told.of("Hello") == [ended("expired")]
    assert shown(emulator) == []


@pytest.mark.parametrize("vendor", [KEY, NEITHER])
@pytest.mark.parametrize("accepted", [Accepted(provider_id="id \ud800", parts=10**30, cost=float("nan"))])
async def test_strange_answer(hass: HomeAssistant, entry: MockConfigEntry, accepted: Accepted, vendor: str) -> None:
    """What can't be stored of an answer is left out, and keeps nothing from being sent."""

    async def answer(_: Any, _text: Outgoing) -> Accepted:
        return accepted

    with patch.object(SENDING[vendor], "send", answer):
        text = await send(hass, entry)
    assert (text.status, text.outgoing.parts, text.cost) == ("accepted", 1, None)
    assert (await send(hass, entry, "Next")).status == "accepted"


@pytest.mark.parametrize("function", ["advance", "settle", "requeue", "claim_again", "report"])
@pytest.mark.parametrize("is_reloaded", [False, True])
async def test_store_fails(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    function: str,
    *,
    is_reloaded: bool,
) -> None:
    """Whatever can't be stored for a while, or until the account is stopped: it is on the phone once, and told."""
    emulator.handsets.set_up(ANNA, Behaviour(reports=("delivered",)))
    spoil(emulator, account, "rate_limited")
    spoil(emulator, account, "server_error", consume=True)
    with broken_store(function) as failed:
        await begin(hass, entry)
        await days.advance(60, step=1)
        assert failed
        if is_reloaded:
            assert await hass.config_entries.async_unload(entry.entry_id)
    if is_reloaded:
        await set_up(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert [(kind, status) for kind, status, _ in told.of("Hello")] in (
        [("sms_sent", "accepted"), ("sms_status", "delivered")],
        [("sms_sent", "delivered"), ("sms_status", "delivered")],
    )
    assert await charged(hass, entry) == 1


async def test_nothing_stored(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """What can't be stored is not sent, and whoever sends gets an error."""
    with broken_store("insert"), pytest.raises(HomeAssistantError):
        await send(hass, entry)
    await restart(hass, entry)
    assert shown(emulator) == []


async def test_waiters(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Whoever waits gets the answer, however many do, whatever else they wait for, and however long each may wait."""
    outbox = outbox_of(entry)
    async with gated() as gate:
        one, two = [await begin_in_background(hass, entry, text) for text in ("one", "two")]
        impatient = await outbox.async_wait([one], 0.01)
        waiting = [asyncio.create_task(outbox.async_wait(keys, 60)) for keys in ([one], [one, two], [two], [one])]
        await gate.asked.wait()
        gate.opened.set()
        async with asyncio.timeout(10):
            results = await asyncio.gather(*waiting)
    assert [text.status for text in impatient] == ["sending"]
    assert [[text.status for text in texts] for texts in results] == [["accepted"] * number for number in (1, 2, 1, 1)]
    assert await outbox.async_wait(["none of ours"], 60) == []


async def test_automatic_answer(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, told: Told) -> None:
    """An answer is stored before it is made, once for each message; it is sent when it is filled."""
    outbox, expires_at = outbox_of(entry), dt_util.utcnow() + timedelta(minutes=10)
    [text] = (await outbox.async_send([draft(entry, is_automatic=True)], CAPS)).texts
    assert not (await outbox.async_send([draft(entry, is_automatic=True)], CAPS)).texts
    await settle(hass)
    assert submissions(emulator) == 0
    for _ in range(2):
        await outbox.async_fill(text.outgoing.key, "It is 20 °C", parts=1, expires_at=expires_at, caps=CAPS)
        await settle(hass)
    assert shown(emulator) == [(ANNA, "It is 20 °C")]
    other = draft(entry, is_automatic=True, cause="message 2")
    [text] = (await outbox.async_send([other], CAPS)).texts
    await outbox.async_drop(text.outgoing.key, Reason.INTERRUPTED)
    await settle(hass)
    assert told.of("") == [ended("expired")]
    third = draft(entry, is_automatic=True, cause="message 3")
    [text] = (await outbox.async_send([third], CAPS)).texts
    caps = outgoing.Caps(per_hour=1, per_day=60)
    filled = await outbox.async_fill(text.outgoing.key, "No", parts=1, expires_at=expires_at, caps=caps)
    await settle(hass)
    assert filled.reached == "per_hour"
    assert (await state(hass, text.outgoing.key)).reason == Reason.DAILY_LIMIT
    assert len(shown(emulator)) == 1


@pytest.mark.parametrize("status", ["accepted", "delivered"])
async def test_context(hass: HomeAssistant, entry: MockConfigEntry, status: str) -> None:
    """Events have the context of who has sent; after a restart they still name the user."""
    events = async_capture_events(hass, "sms_status" if status == "delivered" else "sms_sent")
    context = Context(user_id="anna")
    await send(hass, entry, context=context)
    if status == "delivered":
        await restart(hass, entry)
        outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=await last_id(hass, entry))])
    await settle(hass)
    [event] = events
    assert event.context.user_id == "anna"
    assert (event.context.id == context.id) == (status == "accepted")


async def test_key_of_whoever_sends(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account
) -> None:
    """The same key means the same text; one of which nothing was sent gives it free for another attempt."""
    spoil(emulator, account, "vendor_error", word="insufficient-credits")
    refused, taken, again = [await send(hass, entry, "once", key="alarm") for _ in range(3)]
    assert (refused.status, taken.status) == ("refused", "accepted")
    assert again.outgoing.key == taken.outgoing.key != refused.outgoing.key
    assert shown(emulator) == [(ANNA, "once")]


async def test_key_twice_at_once(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Two texts with one key that come together are one."""
    drafts = [draft(entry, "once", request_key="alarm") for _ in range(2)]
    stored = await outbox_of(entry).async_send(drafts, CAPS)
    await settle(hass)
    assert [text.outgoing.key for text in stored.texts] == [drafts[0].outgoing.key] * 2
    assert shown(emulator) == [(ANNA, "once")]


async def test_caps_hold_for_all(hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry) -> None:
    """Where a cap is reached, nothing of what came together is stored; what was refused or too late counts no more."""
    caps = outgoing.Caps(per_hour=2, per_day=3)
    assert (await outbox_of(entry).async_send([draft(entry, "one"), draft(entry, "two")], caps)).reached is None
    stored = await outbox_of(entry).async_send([draft(entry, "three")], caps)
    await settle(hass)
    assert (stored.reached, stored.texts, stored.new) == ("per_hour", (), frozenset())
    assert shown(emulator) == [(ANNA, "one"), (ANNA, "two")]
    await restart(hass, entry)
    stored = await outbox_of(entry).async_send([draft(entry, "four")], outgoing.Caps(per_hour=9, per_day=2))
    assert stored.reached == "per_day"
