"""The outbox: each text is stored before it is sent, sent at most once, and told what became of it, whatever happens.

Three vendors stand for all: one that recognises a repeat (BulkSMS), one that lists what was sent (Twilio), and one that
does neither (a gammu gateway).
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from custom_components.sms_inbox.inbox import async_get_store
from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, Report, SendStatus, SentText
from custom_components.sms_inbox.outbox import STOP_SECONDS, Outbox
from custom_components.sms_inbox.providers.sending import SENDING
from custom_components.sms_inbox.store import outgoing
from custom_components.sms_inbox.store.connections import SNAPSHOT
from emulator import Account, Emulator
from emulator.handsets import Behaviour
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, CoreState, Event, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .conftest import PASSWORD, USERNAME, Clock, broken_store, poll, set_up, settle
from .senders import ANNA, BEN, add_sender, shown

KEY, FIND, NEITHER = "bulksms", "twilio", "gammu"
OWN = "+44771234567"
SUBMISSIONS: Mapping[str, dict[str, Any]] = {
    KEY: {"where": {"auto-unicode": "true"}},
    FIND: {"where": {"From": OWN}},
    NEITHER: {"path": "/sms"},
}
"""What a fault must fit to spoil only what sends, by vendor."""
LOST: Mapping[str, dict[str, Any]] = {
    "connection lost": {"kind": "dropped"},
    "500": {"kind": "server_error", "status": 500},
    "redirect": {"kind": "redirect", "location": "/", "status": 307},
}
"""Answers that leave the outcome unknown."""
UNTIL_FOUND = 150.0
"""Seconds in which it is found out what became of a text, or given up."""


@pytest.fixture
def vendor() -> str:
    """Return the vendor: the one that recognises repeats, unless the test names another one."""
    return KEY


@pytest.fixture
def account(emulator: Emulator, vendor: str) -> Account:
    """Return an account that can send."""
    return emulator.add_account(vendor, USERNAME, PASSWORD)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return its config entry, set up, with sending switched on; it is polled once only."""
    entry = await add_sender(hass, emulator, account, sender=OWN)
    hass.config_entries.async_update_entry(entry, pref_disable_polling=True)
    await restart(hass, entry)
    return entry


class Told(list[Event[Any]]):
    """The events about texts, in their order."""

    def of(self, text: str) -> list[tuple[str, str, bool]]:
        """Return event, status and `redelivered` of those about a text."""
        return [
            (str(event.event_type), event.data["status"], event.data["redelivered"])
            for event in self
            if event.data["text"] == text
        ]


@pytest.fixture
def told(hass: HomeAssistant) -> Told:
    """Return the events, as they come."""
    told = Told()
    for kind in ("sms_sent", "sms_status"):
        hass.bus.async_listen(kind, told.append)
    return told


def sent(status: str = "accepted", *, redelivered: bool = False) -> tuple[str, str, bool]:
    """Return the event that says that the vendor has taken a text."""
    return "sms_sent", status, redelivered


def ended(status: str, *, redelivered: bool = False) -> tuple[str, str, bool]:
    """Return the event that says what became of a text."""
    return "sms_status", status, redelivered


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Reload the account."""
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)


def outbox_of(entry: MockConfigEntry) -> Outbox:
    """Return an account's outbox."""
    outbox: Outbox = entry.runtime_data.outbox
    return outbox


async def send(
    hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello", context: Context | None = None, **options: Any
) -> SentText:
    """Send a text, and wait for the vendor's answer."""
    order = Order(recipients=[recipient_of(hass, entry, ANNA)], text=text, **options)
    [found] = await async_send(entry, order, context)
    return found


async def begin(hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello", **options: Any) -> str:
    """Send a text without waiting for the answer, but until nothing is under way; return its key."""
    with patch("custom_components.sms_inbox.compose.ANSWER_SECONDS", 0.0):
        found = await send(hass, entry, text, **options)
    await settle(hass)
    return found.outgoing.key


async def state(hass: HomeAssistant, key: str) -> SentText:
    """Return a text as it is stored."""
    found = await async_get_store(hass).read(outgoing.get, key)
    assert found
    return found


async def charged(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Return how many parts count against the caps."""
    since = dt_util.utcnow() - timedelta(days=1)
    return await async_get_store(hass).read(outgoing.charged, entry.entry_id, since)


def spoil(emulator: Emulator, account: Account, kind: str, count: int | None = 1, **options: Any) -> None:
    """Let answers to texts go wrong."""
    emulator.fault(account.provider, kind, count, **SUBMISSIONS[account.provider], **options)


def submissions(emulator: Emulator) -> int:
    """Return how many requests have submitted a text."""
    return sum(request.method == "POST" for request in emulator.requests)


class Gate:
    """A vendor whose answers wait."""

    def __init__(self) -> None:
        """Begin closed."""
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()


@asynccontextmanager
async def gated(vendor: str = KEY) -> AsyncGenerator[Gate]:
    """Let the vendor's answers wait, once a text is submitted."""
    gate, submit = Gate(), SENDING[vendor].send

    async def wait(sending: Any, text: Outgoing) -> Accepted:
        accepted = await submit(sending, text)
        gate.asked.set()
        await gate.opened.wait()
        return accepted

    with patch.object(SENDING[vendor], "send", wait):
        yield gate


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


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_answer_lost(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    fault: str,
    vendor: str,
) -> None:
    """A text that was taken, and whose answer was lost, is on the phone once, and never sent again without a key."""
    spoil(emulator, account, **LOST[fault], consume=True)
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert submissions(emulator) == (2 if vendor == KEY else 1)
    assert told.of("Hello") == [ended("unknown") if vendor == NEITHER else sent()]
    assert await charged(hass, entry) == 1


@pytest.mark.parametrize("vendor", [KEY, FIND, NEITHER])
async def test_request_lost(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    vendor: str,
) -> None:
    """A text that was not taken, which nobody can know, is sent with the key, else told as unknown."""
    spoil(emulator, account, "dropped")
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND + 60)
    assert shown(emulator) == ([(ANNA, "Hello")] if vendor == KEY else [])
    assert submissions(emulator) == (2 if vendor == KEY else 1)
    assert told.of("Hello") == [sent() if vendor == KEY else ended("unknown")]


@pytest.mark.parametrize("taken", [True, False])
async def test_not_sent_late(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    taken: bool,
) -> None:
    """A text with a key whose time is over is not sent any more; whether it was sent is looked up."""
    if taken:
        spoil(emulator, account, "server_error", consume=True)
    spoil(emulator, account, "server_error", count=None, skip=int(taken))
    await begin(hass, entry, expires_in=timedelta(minutes=5))
    await days.advance(330)
    emulator.clear_faults()
    asked = submissions(emulator)
    await days.advance(600)
    assert submissions(emulator) == asked > 5
    assert shown(emulator) == [(ANNA, "Hello")] * taken
    assert told.of("Hello") == [sent() if taken else ended("unknown")]


@pytest.mark.parametrize("finds", [True, False])
async def test_repeat_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    finds: bool,
) -> None:
    """That a repeat is refused says nothing of the first request."""
    spoil(emulator, account, "server_error", consume=True)
    spoil(emulator, account, "vendor_error", word="insufficient-credits", count=None, skip=1)
    with patch.object(SENDING[KEY], "finds_sent", finds):
        await begin(hass, entry)
        await days.advance(UNTIL_FOUND)
    assert submissions(emulator) == 2
    assert told.of("Hello") == [sent() if finds else ended("unknown")]
    assert await charged(hass, entry) == 1


async def test_key_not_held_any_more(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """Once the vendor may have forgotten the key, a repeat would be another SMS."""
    spoil(emulator, account, "server_error", consume=True)
    await begin(hass, entry, expires_in=timedelta(hours=24))
    assert await hass.config_entries.async_unload(entry.entry_id)
    await days.advance(11 * 3600 + 60, step=3600)
    await set_up(hass, entry)
    await days.advance(UNTIL_FOUND)
    assert submissions(emulator) == 1
    assert told.of("Hello") == [sent()]


async def test_key_and_clock_set_back(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, clock: Clock
) -> None:
    """A clock that was set back can't tell how long the vendor has had the key."""
    spoil(emulator, account, "server_error", consume=True)
    await begin(hass, entry)
    utcnow = dt_util.utcnow
    with patch.object(dt_util, "utcnow", lambda: utcnow() - timedelta(days=1)):
        await clock.advance(UNTIL_FOUND)
    assert submissions(emulator) == 1


@pytest.mark.parametrize("vendor", [FIND])
async def test_looks_while_the_vendor_is_down(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """A vendor that can't be asked is asked again until the text's time is over."""
    spoil(emulator, account, "dropped", consume=True)
    await begin(hass, entry)
    emulator.fault(FIND, "server_error", count=None)
    await days.advance(400)
    assert not told
    emulator.clear_faults()
    await days.advance(65)
    assert told.of("Hello") == [sent()]


@pytest.mark.parametrize("vendor", [FIND])
async def test_equal_text_found(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, told: Told, days: Clock
) -> None:
    """An equal text that was sent just before isn't taken for one that was lost."""
    await send(hass, entry)
    spoil(emulator, account, "dropped")
    await begin(hass, entry)
    await days.advance(UNTIL_FOUND + 60)
    assert told.of("Hello") == [sent(), ended("unknown")]


async def test_unknown_does_not_hold_up_others(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, days: Clock
) -> None:
    """While it is found out what became of a text, others are sent, after a short pause."""
    spoil(emulator, account, "server_error")
    await begin(hass, entry, "one")
    await begin(hass, entry, "two")
    assert shown(emulator) == []
    await days.advance(6, step=0.5)
    assert sorted(text for _, text in shown(emulator)) == ["one", "two"]


async def test_fault_of_ours(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    told: Told,
    days: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error that nobody has foreseen is an unknown outcome; the log has nothing of the text."""
    submit, errors = SENDING[KEY].send, [ValueError("Hello +447700900321")]

    async def fail(sending: Any, text: Outgoing) -> Accepted:
        accepted = await submit(sending, text)
        if errors:
            raise errors.pop()
        return accepted

    with patch.object(SENDING[KEY], "send", fail):
        await begin(hass, entry)
        await days.advance(10)
    assert shown(emulator) == [(ANNA, "Hello")]
    assert told.of("Hello") == [sent()]
    assert "ValueError" in caplog.text
    assert "900321" not in "".join(record.getMessage() for record in caplog.records if record.levelname == "WARNING")


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


async def begin_in_background(hass: HomeAssistant, entry: MockConfigEntry, text: str = "Hello") -> str:
    """Send a text whose answer doesn't come yet; return its key."""
    with patch("custom_components.sms_inbox.compose.ANSWER_SECONDS", 0.0):
        return (await send(hass, entry, text)).outgoing.key


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


async def last_id(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return the vendor's id of the text that it took last."""
    last = await async_get_store(hass).read(outgoing.last_taken, entry.entry_id)
    assert last
    assert last.outgoing.provider_id
    return last.outgoing.provider_id


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


CAPS = outgoing.Caps(per_hour=20, per_day=60)


def draft(entry: MockConfigEntry, text: str = "", *, is_automatic: bool = False, **changes: Any) -> outgoing.Draft:
    """Return a text to store: an automatic answer in preparation, or one that is complete."""
    now = dt_util.utcnow()
    drafted: dict[str, Any] = {
        "account": entry.entry_id,
        "provider": KEY,
        "outgoing": Outgoing(
            key=f"0e1d7b7e-6d4c-4d57-9a3b-{int(now.timestamp() * 1e6) % 10**12:012}",
            recipient=ANNA,
            sender=None,
            text=text,
            parts=1,
            created_at=now,
            expires_at=now + timedelta(minutes=10),
        ),
        "status": SendStatus.PREPARING if is_automatic else SendStatus.QUEUED,
        "is_automatic": is_automatic,
        "cause": "message 1" if is_automatic else None,
    }
    return outgoing.Draft(**{**drafted, **changes})


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


@pytest.mark.parametrize("reports", [("sent", "delivered"), ("failed",), ("delivered", "sent")])
async def test_reports(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    told: Told,
    days: Clock,
    reports: tuple[str, ...],
) -> None:
    """The vendor is asked what became of a text until that is final; a state never falls."""
    text = await send(hass, entry)
    account = emulator.account(KEY, USERNAME)
    [message] = account.messages
    for status in reports:
        emulator.handsets.report_now(account, message, status)
        await days.advance(200, step=5)
    final = "failed" if "failed" in reports else "delivered"
    assert (await state(hass, text.outgoing.key)).status == final
    assert told.of("Hello") == [sent(), ended(final)]
    asked = len(emulator.requests)
    await days.advance(3600, step=60)
    assert len(emulator.requests) == asked


async def test_reports_from_outside(hass: HomeAssistant, entry: MockConfigEntry, told: Told) -> None:
    """Reports come in any order, twice, of unknown texts, with our key or with the vendor's id."""
    key = (await send(hass, entry)).outgoing.key
    provider_id = await last_id(hass, entry)
    for report in (
        Report(status=SendStatus.DELIVERED, provider_id="another program's"),
        Report(status=SendStatus.SENT, key=key, cost=1.5, currency="GBP"),
        Report(status=SendStatus.DELIVERED, provider_id=provider_id),
        Report(status=SendStatus.DELIVERED, provider_id=provider_id),
        Report(status=SendStatus.SENT, provider_id=provider_id),
        Report(status=SendStatus.FAILED, key=key, reason=Reason.EXPIRED),
    ):
        outbox_of(entry).async_report([report])
        await settle(hass)
    text = await state(hass, key)
    assert (text.status, text.cost, text.currency, text.reason) == ("delivered", 1.5, "GBP", None)
    assert told.of("Hello") == [sent(), ended("delivered")]


async def test_report_before_the_answer(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, told: Told
) -> None:
    """A report may come before the answer that has the vendor's id."""
    async with gated() as gate:
        key = await begin_in_background(hass, entry)
        await gate.asked.wait()
        provider_id = account.messages[-1].message_id
        outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=provider_id)])
        gate.opened.set()
        await settle(hass)
    assert (await state(hass, key)).status == "delivered"
    assert told.of("Hello") == [sent(), ended("delivered")]


@pytest.mark.parametrize("by_key", [True, False])
async def test_report_of_a_text_in_doubt(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    told: Told,
    days: Clock,
    *,
    by_key: bool,
) -> None:
    """A report settles a text whose answer was lost, at once by our key, or once the vendor's id is known."""
    spoil(emulator, account, "server_error", consume=True)
    with patch("custom_components.sms_inbox.in_doubt.LOOKS", (100.0,)):
        key = await begin(hass, entry)
    provider_id = account.messages[-1].message_id
    report = Report(status=SendStatus.DELIVERED, provider_id=provider_id, key=key if by_key else None)
    outbox_of(entry).async_report([report])
    await settle(hass)
    assert told.of("Hello") == ([sent("delivered"), ended("delivered")] if by_key else [])
    await days.advance(UNTIL_FOUND)
    assert told.of("Hello")[-1] == ended("delivered")
    assert len(told.of("Hello")) == 2
    assert shown(emulator) == [(ANNA, "Hello")]


async def test_report_after_erasure(hass: HomeAssistant, entry: MockConfigEntry, told: Told) -> None:
    """A report of a text that is erased is told; nothing of the text comes back."""
    hass.config_entries.async_update_entry(entry, options={**entry.options, "store_texts": False})
    await restart(hass, entry)
    await send(hass, entry)
    await settle(hass)
    await entry.runtime_data.inbox.async_prune()
    outbox_of(entry).async_report([Report(status=SendStatus.DELIVERED, provider_id=await last_id(hass, entry))])
    await settle(hass)
    assert told.of("") == [ended("delivered")]


async def test_many_open(hass: HomeAssistant, entry: MockConfigEntry, days: Clock) -> None:
    """Where more is open than one question is about, all of it is asked for in turn."""
    asked: list[set[str]] = []

    async def note(_: Any, texts: Any) -> tuple[Report, ...]:
        asked.append({text.key for text in texts})
        return ()

    with patch.object(SENDING[KEY], "reports", note), patch("custom_components.sms_inbox.delivery_reports.AT_ONCE", 2):
        keys = {await begin(hass, entry, text) for text in ("one", "two", "three")}
        await days.advance(60)
    assert set().union(*asked) == keys
    assert max(map(len, asked)) == 2


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
    waiting = asyncio.create_task(send(hass, entry, "queued"))
    while not submissions(emulator):
        await asyncio.sleep(0)
    await settle(hass)
    await hass.config_entries.async_remove(entry.entry_id)
    async with asyncio.timeout(10):
        assert (await waiting).status == "queued"
    with closing(sqlite3.connect(async_get_store(hass).path)) as db:
        assert db.execute("SELECT count(*) FROM outgoing").fetchone() == (0,)
    assert shown(emulator) == []


async def test_nothing_is_erased_before_it_is_settled(
    hass: HomeAssistant, emulator: Emulator, entry: MockConfigEntry, account: Account, days: Clock
) -> None:
    """A text that waits, or is in doubt, stays whole however old it is."""
    spoil(emulator, account, "server_error", consume=True)
    key = await begin(hass, entry)
    with patch("custom_components.sms_inbox.inbox.dt_util.utcnow", lambda: dt_util.now() + timedelta(days=1000)):
        await entry.runtime_data.inbox.async_prune()
    await days.advance(10)
    assert (await state(hass, key)).outgoing.text == "Hello"
    assert shown(emulator) == [(ANNA, "Hello")]


@pytest.mark.parametrize("is_certain", [False, True])
async def test_answers(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event[Any]],
    *,
    is_certain: bool,
) -> None:
    """A message answers the text that the vendor names, else the latest one to its sender within some days."""
    hass.config_entries.async_update_entry(entry, pref_disable_polling=False)
    until = patch.object(outgoing, "REPLIES_UNTIL", timedelta(hours=24))
    with patch.object(SENDING[KEY], "replies_are_certain", is_certain), until:
        await restart(hass, entry)
        first, second = await send(hass, entry, "first"), await send(hass, entry, "second")
        now = emulator.now()
        account.send("named", sender=ANNA, in_reply_to=first.outgoing.provider_id)
        account.send("latest", sender=ANNA)
        account.send("of another program", sender=ANNA, in_reply_to="999")
        account.send("by another", sender=BEN)
        account.send("later", sender=ANNA, received_at=now + timedelta(hours=25))
        account.send("before", sender=ANNA, received_at=now - timedelta(hours=1))
        await restart(hass, entry)
        await poll(hass)
    answers = {event.data["text"]: (event.data["reply_to"], event.data["reply_to_certain"]) for event in received}
    assert answers == {
        "named": (first.outgoing.key, is_certain),
        "latest": (second.outgoing.key, False),
        "of another program": (second.outgoing.key, False),
        "by another": (None, None),
        "later": (None, None),
        "before": (None, None),
    }
