"""A disk in trouble: nothing is acknowledged or passed over that was not stored."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
import threading
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.store import Store, messages
from emulator import Account
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers.issue_registry import IssueRegistry
from tests.conftest import Clock, set_up, texts

connect = sqlite3.connect


@contextmanager
def connecting(change: Callable[[Path], sqlite3.Connection]) -> Generator[None]:
    """Let the store connect for writing in another way."""

    def other(target: Path | str, **options: Any) -> sqlite3.Connection:
        return change(target) if isinstance(target, Path) else connect(target, **options)

    with patch("custom_components.sms_inbox.store.connections.sqlite3.connect", other):
        yield


def full(path: Path) -> sqlite3.Connection:
    """Connect to a file that can't grow, as on a full disk."""
    db = connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA max_page_count = 1")
    return db


def read_only(path: Path) -> sqlite3.Connection:
    """Connect to a file that can't be written."""
    return connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)


async def close(hass: HomeAssistant) -> Store:
    """Close the store's file, so that it is opened again as it is by then."""
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]
    await store.close()
    return store


@pytest.mark.parametrize("change", [full, read_only])
async def test_disk_that_takes_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    issue_registry: IssueRegistry,
    change: Callable[[Path], sqlite3.Connection],
) -> None:
    """A full or read-only disk: an issue says so, nothing is lost, and it goes on when the cause is gone."""
    await set_up(hass, entry)
    cursor = entry.runtime_data.inbox.state.cursor
    store = await close(hass)
    with connecting(change):
        for number in range(3):
            account.send(f"{number}" + "x" * 5000)
            await clock.advance(31)
        assert received == []
        assert entry.runtime_data.inbox.state.cursor == cursor
        assert issue_registry.async_get_issue(DOMAIN, "store_failed")
        assert not entry.runtime_data.last_update_success
        taken = [message for message in account.messages if message.fetched_at]
        assert len(taken) <= (1 if account.provider == "bulletin" else 3)
    await store.close()
    await clock.advance(1000)
    await clock.advance(31)
    assert [text[0] for text in texts(received)] == ["0", "1", "2"]
    assert not issue_registry.async_get_issue(DOMAIN, "store_failed")
    assert entry.runtime_data.last_update_success


async def test_locked(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """A file that another program holds is tried again."""
    await set_up(hass, entry)
    store = await close(hass)
    other = connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    account.send("Patience")
    with patch("custom_components.sms_inbox.store.connections.BUSY_TIMEOUT", 0.0):
        await clock.advance(31)
    assert received == []
    other.execute("ROLLBACK")
    other.close()
    await clock.advance(60)
    assert texts(received) == ["Patience"]


async def test_slow(hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]) -> None:
    """A disk that takes its time holds up the message, and nothing else."""
    await set_up(hass, entry)
    account.send("Slowly")
    writing, go_on = threading.Event(), threading.Event()
    real = messages.receive

    def receive(*args: Any, **options: Any) -> Any:
        writing.set()
        assert go_on.wait(10)
        return real(*args, **options)

    with patch.object(messages, "receive", receive):
        poll = hass.async_create_task(entry.runtime_data.async_refresh())
        while not writing.is_set():
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)  # the event loop is free
        assert received == []
        go_on.set()
        await poll
    assert texts(received) == ["Slowly"]


async def test_deleted_while_running(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    issue_registry: IssueRegistry,
) -> None:
    """The next message goes into a new file; nothing fires twice, nothing is missed, and an issue says so."""
    await set_up(hass, entry)
    account.send("Before")
    await clock.advance(31)
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]
    for path in store.path.parent.glob("sms_inbox.db*"):
        path.unlink()
    account.send("After")
    await clock.advance(31)
    await clock.advance(31)
    assert store.path.exists()
    assert issue_registry.async_get_issue(DOMAIN, "store_lost")
    account.send("While stopped")
    await hass.config_entries.async_reload(entry.entry_id)
    await clock.advance(31)
    assert texts(received) == ["Before", "After", "While stopped"]


async def test_deleted_while_running_without_a_message(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], clock: Clock
) -> None:
    """Where the account stood is stored in the new file at the end: nothing fires twice, and nothing is missed."""
    await set_up(hass, entry)
    account.send("Before")
    await clock.advance(31)
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]
    for path in store.path.parent.glob("sms_inbox.db*"):
        path.unlink()
    await hass.config_entries.async_unload(entry.entry_id)
    account.send("While stopped")
    await set_up(hass, entry)
    await clock.advance(31)
    assert [(event.data["text"], event.data["redelivered"]) for event in received] == [
        ("Before", False),
        ("While stopped", False),
    ]


def damaged(path: Path) -> None:
    """Tear a page in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    path.write_bytes(content)


def newer(path: Path) -> int:
    """Write the version of a later release, and return the present one."""
    db = connect(path)
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    db.execute("PRAGMA user_version = 99")
    db.close()
    return version


def half_migrated(path: Path) -> None:
    """Leave tables without a version, as an upgrade that was not finished."""
    db = connect(path)
    db.execute("PRAGMA user_version = 0")
    db.close()


@pytest.mark.parametrize("harm", [damaged, half_migrated])
async def test_file_that_can_not_be_used(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    issue_registry: IssueRegistry,
    harm: Callable[[Path], None],
) -> None:
    """It is set aside, an issue says so; nothing old fires, and what came since says that it may be a repeat."""
    await set_up(hass, entry)
    account.send("Before", received_at=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5))
    await clock.advance(31)
    await hass.config_entries.async_unload(entry.entry_id)
    store = await close(hass)
    harm(store.path)
    account.send("While stopped", received_at=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2))
    await set_up(hass, entry)
    account.send("After", received_at=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4))
    await clock.advance(31)
    assert [event.data["text"] for event in received] == ["Before", "While stopped", "After"]
    before, while_stopped, after = (event.data["redelivered"] for event in received)
    assert not before
    assert not after
    # What arrives while Bulletin holds the request is new for certain.
    assert while_stopped or account.provider == "bulletin"
    assert issue_registry.async_get_issue(DOMAIN, "store_damaged")
    assert len(list(store.path.parent.glob("*.damaged-*"))) == 1


async def test_newer_version(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    clock: Clock,
    issue_registry: IssueRegistry,
) -> None:
    """A file of a later release is left alone, and no message is taken until it can be used again."""
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    store = await close(hass)
    version = newer(store.path)
    account.send("Patience")
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert issue_registry.async_get_issue(DOMAIN, "store_failed")
    assert not any(message.fetched_at for message in account.messages)
    db = connect(store.path)
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    await clock.advance(60)
    assert entry.state is ConfigEntryState.LOADED
    assert texts(received) == ["Patience"]
