"""A backup has a consistent copy of the store, no message waits for it, and a restored one never repeats in silence."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
import hashlib
import json
from pathlib import Path
import sqlite3
import tarfile
import threading
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.backup import async_post_backup, async_pre_backup
from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import Message, PushResult
from custom_components.sms_inbox.store import Store, StoreError, accounts, messages, retention, search
from custom_components.sms_inbox.store.connections import IN_USE, LOG_LIMIT, SNAPSHOT
from emulator import Account
from homeassistant.backup_restore import restore_backup
from homeassistant.components.backup import manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE
from homeassistant.core import Event, HomeAssistant
from homeassistant.setup import async_setup_component

from .conftest import poll, set_up, settle, texts

OLD = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "x" * 4000
SECONDS = 30.0
POLLED = ("bulksms", "bulksms_eapi", "bulletin")


@pytest.fixture
def provider(request: pytest.FixtureRequest) -> str:
    """Return one provider: how messages came matters in few of these tests."""
    return str(getattr(request, "param", "bulksms"))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Store]:
    """Return a store with an account."""
    store = Store(tmp_path / "sms_inbox.db")
    await store.write(accounts.begin, "a", "", OLD)
    yield store
    await store.close()


async def receive(store: Store, *texts: str) -> list[int]:
    """Store a page of messages, claimed as far as there is room; return their sequences."""
    arrivals = [messages.Arrival(message(text)) for text in texts]
    received = await store.write(messages.receive, "a", arrivals, claim=True)
    return [each.sequence for each in received.new]


def message(text: str, received_at: datetime | None = OLD) -> Message:
    """Return a message; an equal text has an equal id."""
    return Message(
        message_id=hashlib.sha256(text.encode()).hexdigest(),
        sender="+447700900123",
        recipient=None,
        text=text,
        encoding="text",
        data=None,
        received_at=received_at,
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
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return {row[0] for row in db.execute("SELECT text FROM message WHERE text IS NOT NULL")}


def mark(content: bytes) -> int:
    """Return the mark in a file's bytes."""
    return int.from_bytes(content[68:72])


async def prune(store: Store) -> None:
    """Erase what is delivered."""
    later = datetime.now(UTC) + timedelta(days=1)
    work = partial(retention.prune, account="a", store_texts=True, texts_before=later, identities_before=OLD)
    if await store.write_in_batches(work):
        await store.empty_log()


async def test_copy_at_any_moment(store: Store, tmp_path: Path) -> None:
    """The file doesn't change while it is frozen; with the log, cut anywhere, it has all from before, no half page."""
    before = [f"before {number}" for number in range(20)]
    sequences = await receive(store, *before)
    await store.freeze()
    file = store.path.read_bytes()
    for number in range(4):
        await receive(store, f"during {number} a", f"during {number} b")
        await store.write(messages.mark_delivered, "a", sequences[number::4])
        await store.write(messages.receive, "a", [], unreadable=[b"unreadable %d" % number])
        assert store.path.read_bytes() == file
    log = log_of(store).read_bytes()
    for end in (*range(0, len(log), 1511), len(log)):
        found = copied(tmp_path / "copy", file, log[:end])
        assert found >= set(before)
        assert all((f"during {number} a" in found) == (f"during {number} b" in found) for number in range(4))
    assert len(found) == 28
    await store.thaw()


async def test_long_log(store: Store) -> None:
    """The file is left alone however long the log gets; afterwards it is copied into it."""
    await store.freeze()
    file = store.path.read_bytes()
    for number in range(30):
        await receive(store, *(f"{number} {each} {LONG}" for each in range(40)))
    assert store.path.read_bytes() == file
    assert log_of(store).stat().st_size > LOG_LIMIT
    await store.thaw()
    await receive(store, "After")
    assert log_of(store).stat().st_size <= LOG_LIMIT
    assert len(texts_in(store.path)) == 1201


async def test_erasing_while_frozen(store: Store) -> None:
    """Nobody waits for the backup, and afterwards the text is gone from file and log."""
    await store.write(messages.mark_delivered, "a", await receive(store, "Gate code 4711"))
    await store.freeze()
    async with asyncio.timeout(SECONDS):
        await prune(store)
        await store.write_in_batches(partial(retention.remove, account="b"))
        await store.empty_log()
    assert b"4711" in store.path.read_bytes()
    await store.thaw()
    assert b"4711" not in store.path.read_bytes() + log_of(store).read_bytes()


async def test_two_backups_at_once(store: Store) -> None:
    """The file is frozen until both are done, whichever ends first; one that never began ends nothing."""
    await store.thaw()
    await store.freeze()
    file = store.path.read_bytes()
    await receive(store, "One")
    await store.freeze()
    await store.thaw()
    await receive(store, "Two", LONG)
    await prune(store)
    assert store.path.read_bytes() == file
    await store.thaw()
    assert store.path.read_bytes() != file
    await store.thaw()
    await store.freeze()
    file = store.path.read_bytes()
    await receive(store, "Three")
    await prune(store)
    assert store.path.read_bytes() == file


async def test_backup_that_never_ends(store: Store) -> None:
    """Whoever began it is gone: the log doesn't grow for ever, the mark goes, and the next backup is as any other."""
    await store.freeze()
    await receive(store, "One")
    with patch("custom_components.sms_inbox.store.database.LONGEST_BACKUP", -1.0):
        await prune(store)
        await store.empty_log()
    assert log_of(store).stat().st_size == 0
    assert mark(store.path.read_bytes()) == IN_USE
    await store.freeze()
    await store.thaw()
    await store.empty_log()
    assert log_of(store).stat().st_size == 0
    await store.thaw()


async def test_end_during_a_backup(store: Store) -> None:
    """What was stored while the file was frozen is in it then, and the file has no mark."""
    await store.freeze()
    assert mark(store.path.read_bytes()) == SNAPSHOT
    await receive(store, "One")
    await store.close()
    assert not log_of(store).exists()
    assert texts_in(store.path) == {"One"}
    assert mark(store.path.read_bytes()) == IN_USE
    await store.thaw()
    assert (await store.write(accounts.begin, "a", "", OLD)).doubt_since is None


async def test_kill_during_a_backup(store: Store, tmp_path: Path) -> None:
    """The file is as in the backup: nobody knows which of the two it is."""
    await store.freeze()
    await receive(store, "One")
    killed = tmp_path / "killed.db"
    killed.write_bytes(store.path.read_bytes())
    killed.with_name("killed.db-wal").write_bytes(log_of(store).read_bytes())
    found = Store(killed)
    assert (await found.write(accounts.begin, "a", "", OLD)).doubt_since
    [one] = await found.write(messages.claim, "a", [])
    assert one.in_doubt
    await found.close()
    assert (await found.write(accounts.begin, "a", "", OLD)).doubt_since  # until the inbox is read to its end
    await found.close()
    await store.thaw()


async def test_mark_does_not_wait_for_the_next_write(store: Store) -> None:
    """After the backup the file has none, also if nothing is stored until Home Assistant is killed."""
    await store.freeze()
    await store.thaw()
    assert mark(store.path.read_bytes()) == IN_USE


async def test_reading_while_a_backup_begins(store: Store) -> None:
    """The backup begins after it; messages are stored meanwhile, and what is read next doesn't wait for its end."""
    await receive(store, "Before")
    reading, go_on = threading.Event(), threading.Event()

    def read(db: sqlite3.Connection) -> int:
        count = search.count_all(db)
        reading.set()
        assert go_on.wait(SECONDS)
        return count

    read_task = asyncio.create_task(store.read(read))
    while not reading.is_set():
        await asyncio.sleep(0)
    freeze_task = asyncio.create_task(store.freeze())
    await receive(store, "Meanwhile")
    assert not freeze_task.done()
    go_on.set()
    await freeze_task
    assert await read_task == 1
    file = store.path.read_bytes()
    assert b"Meanwhile" in file
    assert await store.read(search.count_all) == 2
    await receive(store, "During")
    assert store.path.read_bytes() == file
    await store.thaw()


async def test_another_program_reads_while_a_backup_begins(store: Store) -> None:
    """The file can't be frozen then; that is an error, leaves no mark, and the next backup is complete."""
    await receive(store, "One")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM message").fetchone()
        await receive(store, "Two")
        with pytest.raises(StoreError):
            await store.freeze()
    await store.thaw()
    await store.empty_log()
    assert mark(store.path.read_bytes()) == IN_USE
    await store.freeze()
    assert mark(store.path.read_bytes()) == SNAPSHOT
    await store.thaw()


async def test_store_that_can_not_be_frozen(store: Store) -> None:
    """It is reported as an error of the store, and forgotten with its cause."""
    await store.close()
    for path in store.path.parent.iterdir():
        path.unlink()
    store.path.mkdir()
    with pytest.raises(StoreError):
        await store.freeze()
    await store.thaw()
    store.path.rmdir()
    await store.write(accounts.begin, "a", "", OLD)
    await receive(store, "One")
    await store.empty_log()
    assert log_of(store).stat().st_size == 0


async def test_backups_while_messages_come(store: Store, tmp_path: Path) -> None:
    """While others write and prune, each backup has what was stored before, however long the log gets."""
    written: list[str] = []
    is_over = False

    async def work(name: str) -> None:
        number = 0
        while not is_over:
            text = f"{name} {number} {LONG * 5}"
            sequences = await receive(store, text)
            written.append(text)
            await store.write(messages.mark_delivered, "a", sequences)
            await store.write_in_batches(
                partial(retention.prune, account="b", store_texts=True, texts_before=OLD, identities_before=OLD)
            )
            number += 1

    workers = [asyncio.create_task(work(name)) for name in "xyz"]
    for _ in range(3):
        before = set(written)
        await store.freeze()
        file = store.path.read_bytes()
        while log_of(store).stat().st_size < LOG_LIMIT and not any(worker.done() for worker in workers):
            await asyncio.sleep(0)
        log = log_of(store).read_bytes()
        assert store.path.read_bytes() == file
        await store.thaw()
        assert copied(tmp_path / "copy", file, log) >= before
        assert copied(tmp_path / "copy", file, log[: len(log) // 2]) >= before
    is_over = True
    await asyncio.gather(*workers)


async def nothing() -> None:
    """Do nothing."""


async def back_up(hass: HomeAssistant, meanwhile: Callable[[], Awaitable[None]] = nothing) -> None:
    """Let Home Assistant make a backup, in the midst of which something happens."""
    copy = manager.atomic_contents_add

    def copy_late(*args: Any, **options: Any) -> None:
        asyncio.run_coroutine_threadsafe(_as_coroutine(meanwhile), hass.loop).result()
        copy(*args, **options)

    assert await async_setup_component(hass, "backup", {})
    with patch.object(manager, "atomic_contents_add", copy_late):
        await hass.services.async_call("backup", "create", blocking=True)
    await settle(hass)


async def _as_coroutine(function: Callable[[], Awaitable[None]]) -> None:
    """Await what a function returns."""
    await function()


def restore(config_dir: str, folder: Path) -> Path:
    """Let Home Assistant restore the only backup into a folder; return the store's file."""
    [backup] = Path(config_dir, "backups").glob("*.tar")
    order = {"path": str(backup), "password": None, "remove_after_restore": False}
    order |= {"restore_database": True, "restore_homeassistant": True}
    folder.mkdir()
    (folder / ".HA_RESTORE").write_text(json.dumps(order))
    assert restore_backup(str(folder))
    return folder / ".storage" / "sms_inbox.db"


async def start_from_backup(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    """Stop the account, put the restored store in the place of its own, and start it again."""
    restored = await hass.async_add_executor_job(restore, hass.config.config_dir, folder)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await store_of(hass).close()
    here = Path(hass.config.path(".storage"))
    for path in here.glob("sms_inbox.db*"):
        path.unlink()
    for path in restored.parent.glob("sms_inbox.db*"):
        path.rename(here / path.name)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)


def store_of(hass: HomeAssistant) -> Store:
    """Return the store."""
    store: Store = hass.data["sms_inbox_store"]  # type: ignore[assignment]
    return store


def flags(events: Sequence[Event[Any]]) -> list[tuple[str, bool]]:
    """Return text and `redelivered` of messages."""
    return [(event.data["text"], event.data["redelivered"]) for event in events]


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
    assert flags(received) == [("Before", False), ("Meanwhile", False), ("After", False)]


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
    assert flags(received) == [("Before", False), ("Meanwhile", False)]


async def test_what_is_copied(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The file and its log, marked; nothing that Home Assistant leaves out."""
    await set_up(hass, entry)
    await back_up(hass)
    [backup] = await hass.async_add_executor_job(lambda: list(Path(hass.config.path("backups")).glob("*.tar")))

    def contents() -> dict[str, bytes]:
        with tarfile.open(backup) as outer:
            [inner] = [member for member in outer if Path(member.name).name == "homeassistant.tar.gz"]
            with tarfile.open(fileobj=outer.extractfile(inner)) as tar:
                return {
                    Path(member.name).name: file.read()
                    for member in tar
                    if "sms_inbox.db" in member.name and (file := tar.extractfile(member))
                }

    found = await hass.async_add_executor_job(contents)
    assert set(found) >= {"sms_inbox.db", "sms_inbox.db-wal"}
    assert mark(found["sms_inbox.db"]) == SNAPSHOT


@pytest.mark.parametrize("provider", POLLED, indirect=True)
@pytest.mark.parametrize("delivered_in_backup", [False, True], ids=["backup is older", "account is new in it"])
async def test_restored(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    tmp_path: Path,
    *,
    delivered_in_backup: bool,
) -> None:
    """Whatever comes until the inbox was read to its end says that it may be a repeat; what comes later doesn't."""
    await set_up(hass, entry)
    now = datetime.now(UTC).replace(microsecond=0)
    if delivered_in_backup:
        account.send("In the backup", received_at=now + timedelta(seconds=2))
        await poll(hass)
    await back_up(hass)
    account.send("After the backup", received_at=now + timedelta(seconds=4))
    await poll(hass)
    assert ("After the backup", False) in flags(received)
    received.clear()
    assert await hass.config_entries.async_unload(entry.entry_id)
    account.send("While stopped", received_at=now + timedelta(seconds=6))
    await start_from_backup(hass, entry, tmp_path / "restored")
    found = dict(flags(received))
    # Bulletin shows nothing twice, but for what may have been lost since the last message that is known.
    shown_again = account.provider != "bulletin" or delivered_in_backup
    assert found.pop("After the backup", None) is (True if shown_again else None)
    # This one can have arrived while Bulletin held the request, and is new for certain then.
    assert found.pop("While stopped") in ((True, False) if account.provider == "bulletin" else (True,))
    assert found == {}
    received.clear()
    account.send("Later")
    await poll(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    account.send("Last")
    await poll(hass)
    assert flags(received) == [("Later", False), ("Last", False)]


@pytest.mark.parametrize("provider", ["bulletin"], indirect=True)
async def test_reload_before_what_was_lost_is_found(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], tmp_path: Path
) -> None:
    """Once the inbox was read to its end, nothing but what is recovered is in doubt, also after a reload."""
    await set_up(hass, entry)
    now = datetime.now(UTC)
    account.send("In the backup", received_at=now - timedelta(minutes=2))
    await poll(hass)
    await back_up(hass)
    account.send("After the backup", received_at=now - timedelta(minutes=1))
    await poll(hass)
    received.clear()
    with patch("custom_components.sms_inbox.recovery.SETTLING_SECONDS", 3600.0):
        await start_from_backup(hass, entry, tmp_path / "restored")
        for number in range(3):
            account.send(f"Later {number}", received_at=now - timedelta(seconds=30))
        assert await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    assert flags(received) == [("After the backup", True), *((f"Later {number}", False) for number in range(3))]


@pytest.mark.parametrize("provider", POLLED, indirect=True)
async def test_pending_in_the_backup(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event], tmp_path: Path
) -> None:
    """What was stored and not delivered when the backup was made may have been delivered after that."""
    await set_up(hass, entry)

    async def meanwhile() -> None:
        account.send("Meanwhile")
        await check_now(hass)

    await back_up(hass, meanwhile)
    assert flags(received) == [("Meanwhile", False)]
    received.clear()
    await start_from_backup(hass, entry, tmp_path / "restored")
    assert [flag for _, flag in flags(received)] in ([], [True])  # its mark may have been copied, too


async def test_restored_webhook_account(hass: HomeAssistant, received: list[Event], tmp_path: Path) -> None:
    """A sender that repeats what the backup doesn't have is believed not to have been heard; the event says so."""
    entry = MockConfigEntry(domain=DOMAIN, title="Door", data={"provider": "webhook", "username": "Door", "url": ""})
    entry.add_to_hass(hass)
    await set_up(hass, entry)

    async def push(*pushed: Message) -> None:
        await entry.runtime_data.inbox.async_receive_pushed(PushResult(messages=pushed))
        await settle(hass)

    now = datetime.now(UTC).replace(microsecond=0)
    await push(message("In the backup", now))
    await back_up(hass)
    await push(message("After the backup", now), message("Without a time", None))
    received.clear()
    await start_from_backup(hass, entry, tmp_path / "restored")
    await push(message("In the backup", now))
    assert flags(received) == []
    await push(message("After the backup", now), message("Without a time", None))
    assert flags(received) == [("After the backup", True), ("Without a time", True)]
    received.clear()
    await push(message("Later", datetime.now(UTC) + timedelta(seconds=2)))
    assert flags(received) == [("Later", False)]


async def test_stop_during_a_backup(
    hass: HomeAssistant, entry: MockConfigEntry, account: Account, received: list[Event]
) -> None:
    """An orderly stop leaves no mark: what comes after the next start is not in doubt."""
    await set_up(hass, entry)
    await async_pre_backup(hass)
    account.send("Meanwhile")
    await poll(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_CLOSE)
    await settle(hass)
    content = await hass.async_add_executor_job(store_of(hass).path.read_bytes)
    assert mark(content) == IN_USE
    await async_post_backup(hass)
    assert texts(received) == ["Meanwhile"]
    found = Store(store_of(hass).path)
    assert (await found.write(accounts.begin, entry.entry_id, "", OLD)).doubt_since is None
    await found.close()


async def test_store_that_can_not_be_read(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """The backup of all the rest is made, and a line in the log says what may be missing."""
    obstacle = Path(hass.config.path(".storage", "sms_inbox.db"))
    obstacle.mkdir(parents=True)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await back_up(hass)
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


async def test_file_that_can_not_be_thawed(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    account: Account,
    received: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A backup ends all the same, with a line in the log, and messages go on arriving."""
    await set_up(hass, entry)
    with patch.object(Store, "thaw", side_effect=StoreError("disk full")):
        await async_pre_backup(hass)
        await async_post_backup(hass)
    assert "The message store could not be changed after the backup: disk full" in caplog.text
    account.send("After it")
    await poll(hass)
    assert texts(received) == ["After it"]
