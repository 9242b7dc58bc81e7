"""A backup has a consistent copy of the store, and no message waits for it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
import json
from pathlib import Path
from threading import Event as ThreadEvent
import time
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.backup import async_post_backup, async_pre_backup
from custom_components.sms_inbox.model import Message, Page
from custom_components.sms_inbox.store import BUSY_TIMEOUT, Query, Status, Store, StoreError
from emulator import Account
from homeassistant.backup_restore import restore_backup
from homeassistant.components.backup import manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import poll, set_up, settle, texts

OLD = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "x" * 4000
LONG_LOG = 1100 * 4096  # SQLite folds it in after 1000 pages
MESSAGE_IDS = count()


@pytest.fixture
def provider() -> str:
    """Return one provider: how messages came doesn't matter here."""
    return "bulksms"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store."""
    store = Store(tmp_path / "sms_inbox.db")
    store.begin("a")
    yield store
    store.close()


def write(store: Store, *texts: str) -> list[int]:
    """Write down a page of messages; return their places in the store."""
    page = Page(messages=tuple(map(message, texts)), cursor={}, more=False)
    stored = store.receive("a", page, first_run=False, status=Status.DUE, attempts=1)
    return [each.sequence for each in stored]


def message(text: str) -> Message:
    """Return a new message."""
    return Message(
        message_id=str(next(MESSAGE_IDS)),
        sender="+447700900123",
        recipient=None,
        text=text,
        encoding="text",
        data=None,
        received_at=OLD,
        in_reply_to=None,
        raw=text.encode(),
    )


def log_of(store: Store) -> Path:
    """Return SQLite's log of changes."""
    return store.path.with_name(f"{store.path.name}-wal")


def copied(folder: Path, file: bytes, log: bytes) -> set[str]:
    """Return the texts in a copy of a store, which must be sound."""
    folder.mkdir(exist_ok=True)
    path = folder / "copy.db"
    path.write_bytes(file)
    path.with_name("copy.db-wal").write_bytes(log)
    path.with_name("copy.db-shm").unlink(missing_ok=True)
    return texts_in(path)


def texts_in(path: Path) -> set[str]:
    """Return the texts in a store's file, which must be sound."""
    store = Store(path)
    found = store.find(Query(limit=100_000))
    store.close()
    assert store.set_aside is None
    return {stored.message.text for stored in found}


def erase(store: Store) -> None:
    """Erase what is delivered."""
    later = datetime.now(UTC) + timedelta(days=1)
    store.erase("a", keep_texts=True, texts_before=later, identities_before=OLD)


def test_copy_at_any_moment(store: Store, tmp_path: Path) -> None:
    """The file doesn't change while it is held; with the log, cut anywhere, it has all from before and no half page."""
    before = [f"before {number}" for number in range(20)]
    places = write(store, *before)
    store.hold()
    file = store.path.read_bytes()
    for number in range(4):
        write(store, f"during {number} a", f"during {number} b")
        store.tick_off(places[number::4])
        store.keep_unreadable("a", b"unreadable %d" % number)
        assert store.path.read_bytes() == file
    log = log_of(store).read_bytes()
    for end in (*range(0, len(log), 1511), len(log)):
        found = copied(tmp_path / "copy", file, log[:end])
        assert found >= set(before)
        assert all((f"during {number} a" in found) == (f"during {number} b" in found) for number in range(4))
    assert len(found) == 28
    store.release()


def test_long_log(store: Store) -> None:
    """SQLite leaves the file alone even where it would usually fold in its log; afterwards that is done."""
    store.hold()
    file = store.path.read_bytes()
    for number in range(30):
        write(store, *(f"{number} {each} {LONG}" for each in range(40)))
    assert store.path.read_bytes() == file
    assert log_of(store).stat().st_size > LONG_LOG
    store.release()
    assert log_of(store).stat().st_size == 0
    assert len(texts_in(store.path)) == 1200


def test_erasing_while_held(store: Store) -> None:
    """Nobody waits for the backup, and afterwards the text is gone from file and log."""
    store.tick_off(write(store, "Gate code 4711"))
    store.hold()
    began = time.monotonic()
    erase(store)
    store.remove("b")
    assert time.monotonic() - began < BUSY_TIMEOUT / 2
    assert b"4711" in store.path.read_bytes()
    store.release()
    assert b"4711" not in store.path.read_bytes() + log_of(store).read_bytes()


def test_two_backups_at_once(store: Store) -> None:
    """The file is held until both are done, whichever ends first; one that never began ends nothing."""
    store.release()
    store.hold()
    file = store.path.read_bytes()
    write(store, "One")
    store.hold()
    store.release()
    write(store, "Two", LONG)
    erase(store)
    assert store.path.read_bytes() == file
    store.release()
    assert store.path.read_bytes() != file
    store.release()
    store.hold()
    file = store.path.read_bytes()
    write(store, "Three")
    erase(store)
    assert store.path.read_bytes() == file


def test_backup_that_never_ends(store: Store) -> None:
    """Whoever began it is gone: the log doesn't grow for ever."""
    store.hold()
    write(store, "One")
    with patch("custom_components.sms_inbox.store.LONGEST_BACKUP", -1.0):
        erase(store)
    assert log_of(store).stat().st_size == 0
    store.release()


def test_end_during_a_backup(store: Store) -> None:
    """What was written while the file was held is in it then."""
    store.hold()
    write(store, "One")
    store.close()
    assert not log_of(store).exists()
    assert texts_in(store.path) == {"One"}


def test_store_that_can_not_be_held(store: Store) -> None:
    """It is told as an error of the store, and forgotten with its cause."""
    store.close()
    for path in store.path.parent.iterdir():
        path.unlink()
    store.path.mkdir()
    for change in (store.hold, store.release):
        with pytest.raises(StoreError):
            change()
    store.path.rmdir()
    store.begin("a")
    write(store, "One")
    erase(store)
    assert log_of(store).stat().st_size == 0


def test_backups_while_messages_come(store: Store, tmp_path: Path) -> None:
    """While threads write and erase, each backup has what was written down before, however long the log gets."""
    written: list[str] = []
    stopped = ThreadEvent()

    def work(name: str) -> None:
        for number in count():
            text = f"{name} {number} {LONG * 5}"
            places = write(store, text)
            written.append(text)
            store.tick_off(places)
            store.erase("b", keep_texts=True, texts_before=OLD, identities_before=OLD)
            if stopped.is_set():
                return

    with ThreadPoolExecutor() as pool:
        workers = [pool.submit(work, name) for name in "xyz"]
        try:
            for _ in range(5):
                before = set(written)
                store.hold()
                file = store.path.read_bytes()
                while log_of(store).stat().st_size < LONG_LOG and not any(worker.done() for worker in workers):
                    time.sleep(0)
                log = log_of(store).read_bytes()
                assert store.path.read_bytes() == file
                store.release()
                assert copied(tmp_path / "copy", file, log) >= before
                assert copied(tmp_path / "copy", file, log[: len(log) // 2]) >= before
        finally:
            stopped.set()
        for worker in workers:
            worker.result()


async def back_up(hass: HomeAssistant, meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Let Home Assistant make a backup, in the midst of which something happens."""
    copy = manager.atomic_contents_add

    def copy_late(*args: Any, **options: Any) -> None:
        asyncio.run_coroutine_threadsafe(meanwhile(), hass.loop).result()
        copy(*args, **options)

    assert await async_setup_component(hass, "backup", {})
    with patch.object(manager, "atomic_contents_add", copy_late):
        await hass.services.async_call("backup", "create", blocking=True)
    await settle(hass)


def restore(config_dir: str, folder: Path) -> Path:
    """Let Home Assistant restore the only backup into a folder; return the store's file."""
    [backup] = Path(config_dir, "backups").glob("*.tar")
    order = {"path": str(backup), "password": None, "remove_after_restore": False}
    order |= {"restore_database": True, "restore_homeassistant": True}
    folder.mkdir()
    (folder / ".HA_RESTORE").write_text(json.dumps(order))
    assert restore_backup(str(folder))
    return folder / ".storage" / "sms_inbox.db"


async def check_now(hass: HomeAssistant) -> None:
    """Press the button; what comes is here when it returns."""
    await hass.services.async_call(
        "button", "press", {"entity_id": hass.states.async_entity_ids("button")}, blocking=True
    )


async def test_messages_come_during_a_backup(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], tmp_path: Path
) -> None:
    """They are delivered at once; what is restored has all that came before it was copied."""
    await set_up(hass, entry)
    account.send("Before")
    await poll(hass)

    async def meanwhile() -> None:
        account.send("Meanwhile")
        await check_now(hass)
        assert texts(received) == ["Before", "Meanwhile"]

    await back_up(hass, meanwhile)
    restored = await hass.async_add_executor_job(restore, hass.config.config_dir, tmp_path / "restored")
    assert texts_in(restored) == {"Before", "Meanwhile"}
    account.send("After")
    await poll(hass)
    assert texts(received) == ["Before", "Meanwhile", "After"]


async def test_reload_during_a_backup(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], tmp_path: Path
) -> None:
    """The account goes on where it was, and the copy is sound."""
    await set_up(hass, entry)
    account.send("Before")
    await poll(hass)

    async def meanwhile() -> None:
        assert await hass.config_entries.async_unload(entry.entry_id)
        account.send("Meanwhile")
        assert await hass.config_entries.async_setup(entry.entry_id)
        while len(received) < 2:
            await asyncio.sleep(0)

    await back_up(hass, meanwhile)
    restored = await hass.async_add_executor_job(restore, hass.config.config_dir, tmp_path / "restored")
    assert texts_in(restored) == {"Before", "Meanwhile"}
    assert texts(received) == ["Before", "Meanwhile"]


async def test_store_that_can_not_be_read(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """The backup of all the rest is made, and a line in the log says what may be missing."""
    obstacle = Path(hass.config.path(".storage", "sms_inbox.db"))
    obstacle.mkdir(parents=True)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY

    async def meanwhile() -> None:
        """Do nothing."""

    await back_up(hass, meanwhile)
    assert len(list(Path(hass.config.path("backups")).glob("*.tar"))) == 1
    assert "may be incomplete in this backup" in caplog.text
    obstacle.rmdir()
    await hass.config_entries.async_reload(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED


async def test_end_of_a_backup_that_did_not_begin(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """Neither that nor a second begin disturbs anything."""
    await set_up(hass, entry)
    await async_post_backup(hass)
    await async_pre_backup(hass)
    await async_pre_backup(hass)
    account.send("Hello")
    await poll(hass)
    await async_post_backup(hass)
    assert texts(received) == ["Hello"]
