"""The promise, by invariant: what was handed over is delivered at least once, whatever ends in between; repeats say so.

Each test goes through config entries. An orderly end is a stop, a reload or a disabling. A kill is an end after which
nothing reaches the disk any more, and whose last events nobody has seen.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
import sqlite3
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.model import Message, PushResult
from custom_components.sms_inbox.store import Store
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, Event, HomeAssistant, callback
from homeassistant.setup import async_setup_component

from .conftest import DISCIPLINES, broken_store, poll, set_up, settle, texts

MANY = 230  # more than two slices of 100
SLICE = 100
WITHOUT_ORDER = ("bulletin", "twilio", "clicksend")

type End = Callable[[HomeAssistant, MockConfigEntry, list[Event[Any]]], Awaitable[None]]


async def stop(hass: HomeAssistant, entry: MockConfigEntry, _: list[Event[Any]]) -> None:
    """Stop Home Assistant, as far as accounts see that, and start it again."""
    hass.set_state(CoreState.stopping)
    for task in list(hass._background_tasks):  # noqa: SLF001
        task.cancel("Home Assistant is stopping")
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.running)
    assert await hass.config_entries.async_setup(entry.entry_id)


async def reload(hass: HomeAssistant, entry: MockConfigEntry, _: list[Event[Any]]) -> None:
    """Reload the account."""
    assert await hass.config_entries.async_reload(entry.entry_id)


async def disable(hass: HomeAssistant, entry: MockConfigEntry, _: list[Event[Any]]) -> None:
    """Disable the account, and enable it again."""
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert entry.state is ConfigEntryState.NOT_LOADED
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)


async def kill(hass: HomeAssistant, entry: MockConfigEntry, received: list[Event[Any]]) -> None:
    """Let nothing reach the disk any more, and begin anew with what is there."""
    seen = len(received)
    with broken_store(reason="dead"):
        assert await hass.config_entries.async_unload(entry.entry_id)
    del received[seen:]
    assert await hass.config_entries.async_setup(entry.entry_id)


ORDERLY: Mapping[str, End] = {"stop": stop, "reload": reload, "disable": disable}


class Once:
    """Runs something once, as a task."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        """Take what is to run."""
        self._work = work
        self.task: asyncio.Future[None] | None = None

    @callback
    def begin(self) -> None:
        """Run it, unless it runs or has run."""
        self.task = self.task or asyncio.ensure_future(self._work())


@contextmanager
def at_event(hass: HomeAssistant, number: int, once: Once) -> Iterator[None]:
    """Begin when a number of messages were fired."""
    fired = 0

    @callback
    def count(_: Event[Any]) -> None:
        nonlocal fired
        fired += 1
        if fired == number:
            once.begin()

    remove = hass.bus.async_listen("sms_received", count)
    yield
    remove()


@contextmanager
def at_write(name: str, once: Once) -> Iterator[None]:
    """Begin when the store is asked to run a function, before it has."""
    write = Store.write

    async def watch(store: Store, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if getattr(work, "func", work).__name__ == name:
            once.begin()
        return await write(store, work, *args, **kwargs)

    with patch.object(Store, "write", watch):
        yield


async def finish(hass: HomeAssistant, once: Once) -> None:
    """Wait until the end has come and everything is delivered."""
    assert once.task
    await once.task
    for _ in range(3):
        await settle(hass)
        await poll(hass)


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """Let what was lost a moment ago be looked for at once."""
    with patch("custom_components.sms_inbox.recovery.SETTLING_SECONDS", 0.0):
        yield


def sent(account: Account, count: int = MANY) -> list[str]:
    """Send messages; return their texts."""
    account.page_size = max(account.page_size, 150) if account.page_size > 1 else 1
    begin = datetime.now(UTC) - timedelta(minutes=1)
    return [
        account.send(f"Message {number}", received_at=begin + timedelta(milliseconds=10 * number)).text
        for number in range(count)
    ]


def in_order(received: list[Event[Any]], account: Account) -> list[str]:
    """Return the texts of events, sorted where the order of a backlog says nothing.

    Where a read consumes, what was in flight at the end comes when it is found again; a list by time begins with its
    newest page.
    """
    found = texts(received)
    return sorted(found, key=lambda text: int(text.split()[1])) if account.provider in WITHOUT_ORDER else found


def steps(provider: str) -> int:
    """Return how many messages a test sends; read one by one they are one slice each, however many there are."""
    return 30 if provider == "bulletin" else MANY


EVENTS = [
    (provider, number) for provider in DISCIPLINES for number in (1, 20, SLICE, SLICE + 1) if number < steps(provider)
]
"""Providers, and the number of the event at which the end comes."""


@pytest.mark.parametrize("end", ORDERLY)
@pytest.mark.parametrize(("provider", "number"), EVENTS, indirect=["provider"])
async def test_orderly_end_between_firing_and_marking(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], end: str, number: int
) -> None:
    """Invariants 1 and 2: after an orderly end nothing is fired twice, nothing is lost, and nothing is in doubt."""
    await set_up(hass, entry)
    once = Once(lambda: ORDERLY[end](hass, entry, received))
    with at_event(hass, number, once):
        expected = sent(account, steps(account.provider))
        await poll(hass)
        await finish(hass, once)
    assert in_order(received, account) == expected
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize("end", ORDERLY)
@pytest.mark.parametrize("name", ["receive", "claim", "mark_delivered"])
async def test_orderly_end_while_something_is_stored(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], end: str, name: str
) -> None:
    """Invariants 1 and 2: the same where the end comes while a page is stored, a slice claimed, or one marked."""
    await set_up(hass, entry)
    once = Once(lambda: ORDERLY[end](hass, entry, received))
    with at_write(name, once):
        expected = sent(account, steps(account.provider))
        await poll(hass)
        await settle(hass)
        if not once.task:  # at Bulletin, pages carry the marks and nothing is left to claim
            once.begin()
        await finish(hass, once)
    assert in_order(received, account) == expected
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize("end", ORDERLY)
@pytest.mark.parametrize("provider", ["bulksms"], indirect=True)
async def test_orderly_end_while_an_expression_runs(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], end: str
) -> None:
    """Invariants 1 and 2: the same where a text is compared with an expression that takes long, before it is fired."""
    await set_up(hass, entry)
    trigger = {"trigger": "sms_inbox.received", "options": {"text": "(a|a)*$", "match": "regex"}}
    automation = {"triggers": trigger, "actions": {"event": "ran"}}
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    states: list[ConfigEntryState] = []
    hass.bus.async_listen("sms_received", callback(lambda _: states.append(entry.state)))
    once = Once(lambda: ORDERLY[end](hass, entry, received))
    with at_event(hass, 2, once), patch("custom_components.sms_inbox.dispatcher.SLICE_SECONDS", 60.0):
        expected = [account.send(text).text for text in ("Message 0", "Message 1", "a" * 40 + "b", "Message 3")]
        await poll(hass)
        await finish(hass, once)
    assert texts(received) == expected
    assert ConfigEntryState.UNLOAD_IN_PROGRESS not in states
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize("end", ORDERLY)
async def test_orderly_end_while_a_body_arrives(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, emulator: Emulator, received: list[Event], end: str
) -> None:
    """Invariant 1: an answer that is arriving is stored where its provider has it no more; elsewhere it comes again."""
    await set_up(hass, entry)
    once = Once(lambda: ORDERLY[end](hass, entry, received))
    expected = sent(account, 3)
    emulator.fault(account.provider, "slow", seconds=0.3)
    before = len(emulator.requests)
    polling = asyncio.ensure_future(poll(hass))
    while len(emulator.requests) == before or not entry.runtime_data.provider.is_receiving:
        await asyncio.sleep(0)
    once.begin()
    await polling
    await finish(hass, once)
    assert in_order(received, account) == expected
    assert not any(event.data["redelivered"] for event in received)


@pytest.mark.parametrize(("provider", "number"), EVENTS, indirect=["provider"])
async def test_kill_between_firing_and_marking(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], number: int
) -> None:
    """Invariants 1 to 3: after a kill nothing is lost, no repeat is silent, and at most one slice is in doubt."""
    await set_up(hass, entry)
    once = Once(lambda: kill(hass, entry, received))
    with at_event(hass, number, once):
        expected = sent(account, steps(account.provider))
        await poll(hass)
        await finish(hass, once)
    first: dict[str, int] = {}
    for place, event in enumerate(received):
        if event.data["text"] in first:
            assert event.data["redelivered"], "a silent repeat"
        first.setdefault(event.data["text"], place)
    assert sorted(first, key=lambda text: int(text.split()[1])) == expected
    assert sum(event.data["redelivered"] for event in received) <= SLICE
    if account.provider not in WITHOUT_ORDER:
        assert all(earlier < later for earlier, later in pairwise(first[text] for text in expected))


async def test_kill_before_claiming(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """Invariant 2: what was stored and not claimed when Home Assistant was killed is not in doubt."""
    await set_up(hass, entry)
    hass.set_state(CoreState.stopping)  # nothing is claimed from now on
    expected = sent(account, 5)
    with patch.object(type(hass), "is_stopping", new=False):
        await poll(hass)
    assert received == []
    hass.set_state(CoreState.running)
    await kill(hass, entry, received)
    await settle(hass)
    assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
        (text, False) for text in expected
    ]


async def test_delete_while_messages_are_delivered(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """After an account is removed nothing of it is fired, and nothing of it is in the store."""
    await set_up(hass, entry)
    once = Once(lambda: hass.config_entries.async_remove(entry.entry_id))  # type: ignore[arg-type, return-value]
    with at_event(hass, 20, once):
        sent(account, steps(account.provider))
        await poll(hass)
        assert once.task
        await once.task
    fired = len(received)
    await settle(hass)
    await poll(hass)
    assert len(received) == fired
    path = Path(hass.config.path(".storage", "sms_inbox.db"))
    tables = ("account", "message", "opted_out", "outgoing", "quarantine")
    assert await hass.async_add_executor_job(_rows, path) == dict.fromkeys(tables, 0)


def _rows(path: Path) -> dict[str, int]:
    """Return how many rows each table has."""
    with closing(sqlite3.connect(path)) as db:
        tables = [
            row[0]
            for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'sqlite_sequence'")
        ]
        return {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in sorted(tables)}


@pytest.mark.parametrize("ahead", [-600.0, 0.0, 600.0])
@pytest.mark.parametrize("trouble", ["none", "first poll fails", "restart", "later page fails"])
async def test_nothing_new_is_taken_for_old(
    hass: HomeAssistant,
    emulator: Emulator,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    ahead: float,
    trouble: str,
) -> None:
    """Invariant 4: by the vendor's clock, what came after the account was added is fired, and the rest is silent."""
    emulator.clock_offset = timedelta(seconds=ahead)
    vendor = datetime.now(UTC) + emulator.clock_offset
    account.page_size = min(account.page_size, 2)
    for number in range(3):
        account.send(f"Old {number}", received_at=vendor - timedelta(minutes=5 - number))
    if trouble in ("first poll fails", "restart"):
        emulator.fault(account.provider, "server_error")
    if trouble == "later page fails":
        emulator.fault(account.provider, "server_error", skip=1)
    await set_up(hass, entry)
    if trouble == "restart":
        await hass.config_entries.async_unload(entry.entry_id)
    for number in range(3):
        account.send(f"New {number}", received_at=vendor + timedelta(seconds=30 + number))
    if trouble == "restart":
        await set_up(hass, entry)
    for _ in range(4):
        await poll(hass, 400)
    assert sorted(texts(received)) == ["New 0", "New 1", "New 2"]
    assert not any(event.data["redelivered"] for event in received)


async def test_odd_messages_keep_no_other_from_coming(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """Invariant 6: no message, however odd, keeps another from being delivered."""
    await set_up(hass, entry)
    odd = [
        ("nul\0byte", "a\0b", None),
        ("year one", "+1", datetime(1, 1, 1, tzinfo=UTC)),
        ("far future", "+1", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("long id", "x" * 10_000, datetime.now(UTC)),
        ("surrogate \ud800", "\udfff", datetime.now(UTC)),
    ]
    messages = tuple(
        Message(
            message_id=sender * (1 if text != "long id" else 2),
            sender=sender,
            recipient=None,
            text=text,
            encoding="unicode",
            data=None,
            received_at=at,
            in_reply_to=None,
            raw=b"",
        )
        for text, sender, at in odd
    )
    await entry.runtime_data.inbox.async_receive_pushed(PushResult(messages=messages))
    account.send("Good")
    await poll(hass)
    await poll(hass)
    assert len(received) == len(odd) - 1 + 1  # two of the odd ones have the same id
    assert received[-1].data["text"] == "Good"
    for event in received:
        assert abs(datetime.fromisoformat(event.data["received_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
