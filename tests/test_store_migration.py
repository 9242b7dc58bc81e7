"""Stores of the first edition, made by its own code, see `fixtures/store/make.py`: opened, they lose nothing."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import sqlite3
import time
from typing import Any, override
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.sms_inbox.const import DOMAIN
from custom_components.sms_inbox.model import StoredMessage
from custom_components.sms_inbox.providers import PROVIDERS
from custom_components.sms_inbox.store import (
    Store,
    StoreError,
    accounts,
    messages,
    quarantine,
    retention,
    schema,
    search,
)
from custom_components.sms_inbox.store.accounts import AccountState
from emulator import Account, Emulator
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant

from .conftest import Clock, make_entry, set_up

FOLDER = Path(__file__).parent / "fixtures" / "store"
VERSIONS = (1, 2, 3)
MONITORED, MOVED, FRESH = "monitored", "moved", "fresh"
NOW = datetime.now(UTC)
ROWS = 100_000
SECONDS = 30.0  # 1.3 are usual; the machine may be busy


@pytest.fixture
def version() -> int:
    """Return the version of the file: the last one."""
    return VERSIONS[-1]


@pytest.fixture
async def store(tmp_path: Path, version: int) -> AsyncGenerator[Store]:
    """Return a store that is still of the former version."""
    store = Store(tmp_path / "sms_inbox.db")
    store.path.write_bytes((FOLDER / f"version_{version}.db").read_bytes())
    yield store
    await store.close()


async def begin(store: Store, account: str = MONITORED, provider: str = "bulksms") -> AccountState:
    """Take an account into use."""
    return await store.write(accounts.begin, account, provider, NOW)


async def claim(store: Store, account: str = MONITORED) -> dict[str, StoredMessage]:
    """Claim what is pending; return it by its id."""
    claimed = await store.write(messages.claim, account, [])
    return {each.message.message_id: each for each in claimed}


async def statuses(store: Store) -> dict[str, tuple[str, str, bool]]:
    """Return account, status and doubt of all messages, by their ids."""
    names = {status.value: status.name for status in schema.Status}

    def read(db: sqlite3.Connection) -> dict[str, tuple[str, str, bool]]:
        rows = db.execute("SELECT message_id, account, status, in_doubt FROM message ORDER BY sequence")
        return {row[0]: (row[1], names[row[2]], bool(row[3])) for row in rows}

    return await store.read(read)


EXPECTED = {
    "existing": (MONITORED, "EXISTING", False),
    "erased": (MONITORED, "DELIVERED", False),
    "delivered": (MONITORED, "DELIVERED", False),
    "redelivered": (MONITORED, "DELIVERED", True),
    "attempted": (MONITORED, "PENDING", True),
    "year 1": (MONITORED, "PENDING", False),
    "year 9999": (MONITORED, "PENDING", False),
    "NUL\x00 ☺": (MONITORED, "PENDING", False),
}
TEXTS_PENDING = ["attempted", "year 1", "year 9999", "NUL\x00 ☺", "announced just now"]
EXPECTED_OF_MOVED = {
    "before the move": (MOVED, "DELIVERED", False),
    "the same": (MOVED, "EXISTING", False),
    "after the move": (MOVED, "PENDING", True),
}
EXPECTED_OF_ANNOUNCED = {
    "announced long ago": (MONITORED, "DELIVERED", False),
    "announced just now": (MONITORED, "PENDING", True),
}


@pytest.mark.parametrize("version", VERSIONS)
async def test_messages(store: Store, version: int) -> None:
    """Each is in the state that says the same as before, with all that was stored of it."""
    expected = dict(EXPECTED)
    expected |= EXPECTED_OF_MOVED if version > 1 else {}
    expected |= EXPECTED_OF_ANNOUNCED if version > 2 else {}
    assert await statuses(store) == expected
    assert await store.read(search.schema_version) == schema.VERSION
    found = {each.message.message_id: each for each in await store.read(search.find, search.Query(limit=100))}
    assert set(found) == {name for name in expected if name not in {"existing", "erased", "the same"}}
    delivered = found["delivered"].message
    assert (delivered.sender, delivered.recipient, delivered.text) == ("+447700900123", "447700900000", "delivered")
    assert (delivered.encoding, delivered.data, delivered.in_reply_to) == ("text", b"\x00\xff", "12")
    assert delivered.raw == b"delivered"
    assert delivered.received_at
    assert delivered.received_at.month == 2
    assert found["NUL\x00 ☺"].message.text == "NUL\x00 ☺"


@pytest.mark.parametrize("version", VERSIONS)
async def test_accounts(store: Store, version: int) -> None:
    """Each goes on where it stood."""
    state = await begin(store)
    assert state.cursor == {"id": "NUL\x00 ☺"}
    assert (state.first_run, state.delivered) == (False, 3 if version < 3 else 4)
    assert state.latest
    assert state.latest.message.message_id == ("redelivered" if version < 3 else "announced long ago")
    assert state.loss_since
    assert state.loss_since > datetime(2026, 1, 1, tzinfo=UTC)
    assert state.added_at < NOW
    assert (state.first_webhook_at is None, state.last_webhook_at is None) == (version < 3, version < 3)
    fresh = await begin(store, FRESH)
    assert (fresh.cursor, fresh.first_run, fresh.doubt_since, fresh.latest) == ({}, True, None, None)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_pending_is_delivered(store: Store, version: int) -> None:
    """Impossible times are those of the storing by now; what was attempted is in doubt."""
    await begin(store)
    claimed = await claim(store)
    announced = ["announced just now"] if version > 2 else []
    assert list(claimed) == ["attempted", "year 1", "year 9999", "NUL\x00 ☺", *announced]
    for name in ("year 1", "year 9999"):
        assert claimed[name].message.received_at == claimed[name].stored_at
        assert claimed[name].message.raw == name.encode()
    await store.write(messages.mark_delivered, MONITORED, [each.sequence for each in claimed.values()])
    assert await claim(store) == {}
    later = NOW + timedelta(days=1)
    prune = {"store_texts": False, "texts_before": later, "identities_before": NOW - timedelta(days=400)}
    assert await store.write(lambda db: retention.prune(db, MONITORED, **prune))  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
async def test_repeats_are_known(store: Store) -> None:
    """Whether erased, delivered or only seen; new messages get new places."""
    await begin(store)
    stored = await store.read(search.recent, MONITORED, 100)
    again = [messages.Arrival(each) for each in stored]
    assert (await store.write(messages.receive, MONITORED, again)).new == []
    last = max(each.sequence for each in (await claim(store)).values())
    [new] = (await store.write(messages.receive, MONITORED, [messages.Arrival(_renamed(stored[0]))])).new
    assert new.sequence > last


def _renamed(message: Any) -> Any:
    """Return a message with another id."""
    return type(message)(**{name: getattr(message, name) for name in message.__slots__} | {"message_id": "new"})


@pytest.mark.parametrize("version", VERSIONS)
async def test_records(store: Store, version: int) -> None:
    """Those that wait for a decision do so; those that were settled are not asked about again."""
    waiting = [raw for _, raw in await store.read(quarantine.oldest, MONITORED, 10)]
    records = (b"\xff\x00nonsense", b"more nonsense")
    assert waiting == list(records[1:] if version > 2 else records)
    received = await store.write(messages.receive, MONITORED, [], unreadable=records)
    assert received.quarantined == len(waiting)


@pytest.mark.parametrize("version", [2, 3])
async def test_moved_account(store: Store) -> None:
    """It is read by the other provider; what comes until its inbox is read to its end may be a repeat."""
    state = await begin(store, MOVED, "bulksms")
    assert (state.cursor, state.first_run, state.doubt_since is None) == ({"since": "now"}, True, False)
    claimed = await claim(store, MOVED)
    assert [(each.provider, each.in_doubt) for each in claimed.values()] == [("bulksms", True)]
    back = await begin(store, MOVED, "bulksms_eapi")
    assert back.cursor == {"id": "before the move"}


async def test_what_was_announced_may_come_again(store: Store) -> None:
    """By the poll, where it has another id: whatever comes until the inbox is read to its end is in doubt."""
    assert (await begin(store)).doubt_since
    assert (await begin(store, FRESH)).doubt_since is None


# As the first edition left them after a poll.
CURSORS: dict[str, dict[str, object]] = {
    "bulksms": {"id": 1796005272834, "since": "2026-11-30T02:21:13+00:00"},
    "bulksms_eapi": {"last_retrieved_id": 1796005274010},
    "bulletin": {},
    "clicksend": {"since": "2026-11-30T02:21:16+00:00"},
    "elks": {"since": "2026-11-30T02:21:19+00:00"},
    "gammu": {"listed": True},
    "smsgate": {"since": "2026-11-30T02:21:22+00:00"},
    "twilio": {"since": "2026-11-30T02:21:15+00:00"},
    "voipms": {"since": "2026-11-30T02:21:17+00:00"},
}


def test_cursors() -> None:
    """The next test is about each provider that is polled."""
    assert CURSORS.keys() == {key for key, provider in PROVIDERS.items() if provider.interval}


@pytest.mark.parametrize("provider", CURSORS, indirect=True)
async def test_account_of_the_first_edition(
    hass: HomeAssistant, emulator: Emulator, account: Account, received: list[Event], clock: Clock
) -> None:
    """Set up from its file, it delivers what was pending, goes on where it stood, and repeats nothing delivered."""
    entry = MockConfigEntry(domain=DOMAIN, entry_id=MONITORED, data=dict(make_entry(emulator, account).data))
    entry.add_to_hass(hass)
    path = Path(hass.config.path(".storage/sms_inbox.db"))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((FOLDER / "version_3.db").read_bytes())
    cursor = json.dumps(CURSORS[account.provider])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE account SET provider = ?, cursor = ? WHERE account = ?", (account.provider, cursor, MONITORED)
        )
    account.send("After the update")
    await set_up(hass, entry)
    await clock.advance(900)
    assert entry.state is ConfigEntryState.LOADED
    assert [event.data["text"] for event in received] == [*TEXTS_PENDING, "After the update"]
    assert received[0].data["redelivered"]


@contextmanager
def interrupted(number: int) -> Iterator[list[str]]:
    """Let the power fail at a statement of the migration; what is open is rolled back."""
    done: list[str] = []
    connect = sqlite3.connect

    class Failing(sqlite3.Connection):
        """A connection that fails at one of its statements."""

        @override
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            done.append(sql)
            if len(done) == number:
                raise sqlite3.OperationalError("power failure")
            return super().execute(sql, *args)

    with patch(
        "custom_components.sms_inbox.store.connections.sqlite3.connect",
        lambda *args, **options: connect(*args, **options, factory=Failing),
    ):
        yield done


@pytest.mark.parametrize("version", VERSIONS)
async def test_interrupted_at_any_statement(tmp_path: Path, version: int) -> None:
    """The next start goes on, and the result is the same."""
    content = (FOLDER / f"version_{version}.db").read_bytes()
    whole = Store(tmp_path / "whole.db")
    whole.path.write_bytes(content)
    with (
        patch.object(schema, "BATCH_ROWS", 2),
        patch.object(schema, "BATCHES_PER_CHECKPOINT", 1),
        interrupted(0) as done,
    ):
        await whole.open()
    expected = _dump(whole.path)
    await whole.close()
    store = Store(tmp_path / "sms_inbox.db")
    for number in range(1, len(done), 1 if version == VERSIONS[-1] else 5):
        store.path.write_bytes(content)
        with patch.object(schema, "BATCH_ROWS", 2), patch.object(schema, "BATCHES_PER_CHECKPOINT", 1):
            with interrupted(number), pytest.raises(StoreError, match="OperationalError"):
                await store.open()
            await store.open()
        assert _dump(store.path) == expected, done[number - 1]
        assert store.set_aside is None
        await store.close()
        store.path.unlink()


def _dump(path: Path) -> list[Any]:
    """Return all that is in a file, but for the time of its migration."""
    with closing(sqlite3.connect(path)) as db:
        tables = {name: db.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in ("message", "quarantine")}
        account = db.execute(
            "SELECT account, provider, cursor, left_cursor, first_run, in_use, loss_since, doubt_since IS NULL,"
            " delivered, first_webhook_at, last_webhook_at FROM account ORDER BY 1"
        ).fetchall()
        parts = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        return [tables, account, parts, db.execute("PRAGMA user_version").fetchone()]


def test_same_tables_as_a_new_file(tmp_path: Path) -> None:
    """A file that was migrated has the tables and indexes of a new one."""
    shapes = []
    for name in ("new", *VERSIONS):
        path = tmp_path / f"{name}.db"
        if name != "new":
            path.write_bytes((FOLDER / f"version_{name}.db").read_bytes())
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            schema.prepare(db)
            shapes.append(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall())
    assert shapes[0] == shapes[1] == shapes[2] == shapes[3]


LATER: dict[int, tuple[str, ...]] = {
    4: ("channel", "fingerprint", "reply_to", "reply_certain"),
    5: ("reply_to", "reply_certain"),
}
"""The columns of a message that a version lacks; neither version can send."""


@pytest.mark.parametrize("version", LATER)
async def test_second_edition(tmp_path: Path, version: int) -> None:
    """A file of a version without columns or tables of this one gets them, and keeps what is in it."""
    store = Store(tmp_path / "sms_inbox.db")
    store.path.write_bytes((FOLDER / "version_3.db").read_bytes())
    await store.open()
    before = await statuses(store)
    await store.close()
    expected, shape = _dump(store.path), _shape(store.path)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as db:
        for name in LATER[version]:
            db.execute(f"ALTER TABLE message DROP COLUMN {name}")
        for name in ("outgoing", "opted_out"):
            db.execute(f"DROP TABLE {name}")
        db.execute(f"PRAGMA user_version = {version}")
    assert await statuses(store) == before
    await store.close()
    assert (_dump(store.path)[0], _shape(store.path)) == (expected[0], shape)
    assert store.set_aside is None


def _shape(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Return the columns, and the indexes with what they are of, by table."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: {row[1:] for row in db.execute(f"PRAGMA table_info({name})")} for name in tables}
        indexes = {name: {row[1:] for row in db.execute(f"PRAGMA index_list({name})")} for name in tables}
        return {name: columns[name] | indexes[name] for name in tables}


def enlarge(path: Path, version: int) -> None:
    """Add rows to a file of a version of the first edition."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        columns = ", provider, announced" if version > 2 else ", provider" if version > 1 else ""
        values = ", '', 0" if version > 2 else ", ''" if version > 1 else ""
        db.execute("BEGIN")
        db.execute(
            "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
            " INSERT INTO message (account, message_id, sender, recipient, text, encoding, data, received_at, raw,"
            f" stored_at, status, attempts{columns})"
            " SELECT 'large', 'id-' || n, '+4477009' || (n % 1000), '447700900000',"
            " 'Message ' || n || hex(zeroblob(40)), 'text', NULL,"
            " strftime('%Y-%m-%dT%H:%M:%S+00:00', '2026-01-01', n || ' seconds'),"
            " CAST('raw ' || hex(zeroblob(60)) AS BLOB),"
            f" '2026-11-01T00:00:00+00:00', n <= ? - 100, n <= ? - 50{values} FROM number",
            (ROWS, ROWS, ROWS),
        )
        db.execute("INSERT INTO account (account, cursor, first_run, in_use) VALUES ('large', '{\"id\": 1}', 0, 1)")
        db.execute("COMMIT")


@pytest.mark.parametrize("version", VERSIONS)
async def test_large_file(store: Store, version: int, record_property: Callable[[str, object], None]) -> None:
    """Seconds, a log that stays small meanwhile, and a file that hardly grows."""
    enlarge(store.path, version)
    size, log, logs = store.path.stat().st_size, Path(f"{store.path}-wal"), []
    connect = sqlite3.connect

    class Watched(sqlite3.Connection):
        """A connection that looks at the log after each transaction."""

        @override
        def __exit__(self, *args: object) -> Any:
            result = super().__exit__(*args)
            logs.append(log.stat().st_size)
            return result

    with patch(
        "custom_components.sms_inbox.store.connections.sqlite3.connect",
        lambda *args, **options: connect(*args, **options, factory=Watched),
    ):
        began = time.perf_counter()
        await store.open()
        seconds = time.perf_counter() - began
    record_property("seconds", round(seconds, 1))
    record_property("largest log, of the file's size", round(max(logs) / size, 2))
    assert seconds < SECONDS
    assert len(logs) > ROWS / schema.BATCH_ROWS
    assert max(logs) < size
    assert log.stat().st_size < size / 10
    assert store.path.stat().st_size < 2 * size
    state = await begin(store, "large", "")
    claimed = await claim(store, "large")
    assert (state.delivered, len(claimed)) == (ROWS - 100 if version == 1 else 0, 100)
    assert sum(each.in_doubt for each in claimed.values()) == 50
    found = await store.read(search.find, search.Query(accounts=("large",), limit=1))
    assert found[0].message.message_id == f"id-{ROWS}"
