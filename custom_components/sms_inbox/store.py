"""What is written down: every message, where each account goes on reading, and what has been delivered.

One SQLite file for all accounts. Each method is one transaction that is on the disk when it returns; all of them
block, so they are called in a thread of the executor.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
import json
from pathlib import Path
import sqlite3
from threading import Lock
from typing import Any, Final

from .model import Cursor, Message, Page, StoredMessage

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT: Final = 10.0
SCHEMA: Final = """
CREATE TABLE account (
    account TEXT PRIMARY KEY,
    cursor TEXT NOT NULL,
    first_run INTEGER NOT NULL
) STRICT;
CREATE TABLE message (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT,
    text TEXT NOT NULL,
    encoding TEXT NOT NULL,
    data BLOB,
    received_at TEXT NOT NULL,
    in_reply_to TEXT,
    raw BLOB NOT NULL,
    stored_at TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    UNIQUE (account, message_id)
) STRICT;
CREATE INDEX message_status ON message (account, status, sequence);
CREATE TABLE unreadable (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    raw BLOB NOT NULL,
    stored_at TEXT NOT NULL,
    UNIQUE (account, raw)
) STRICT;
"""
COLUMNS: Final = (
    "sequence, message_id, sender, recipient, text, encoding, data, received_at, in_reply_to, raw, attempts"
)


class StoreError(Exception):
    """The store could not read or write; nothing of the transaction happened. Holds no text of a message."""


class Status(IntEnum):
    """How far a message got."""

    DUE = 0
    DELIVERED = 1
    EXISTING = 2  # it lay in the inbox before the account was added: kept, never fired


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    """Where an account stands.

    Attributes:
        cursor: Where the next page begins.
        first_run: The inbox has not been read to its end yet, so that what comes may have been there before.
        latest: The message delivered last, None where there is none.
        unreadable: How many records could not be understood.
    """

    cursor: Cursor
    first_run: bool
    latest: StoredMessage | None
    unreadable: int


class Store:
    """The file, opened at the first use."""

    def __init__(self, path: Path) -> None:
        """Say where the file is; a damaged one is set aside beside it."""
        self.path = path
        self.set_aside: Path | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()

    def account(self, account: str) -> AccountState:
        """Return where an account stands; one that is new stands at its first run."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO account VALUES (?, '{}', 1)", (account,))
            row = db.execute("SELECT cursor, first_run FROM account WHERE account = ?", (account,)).fetchone()
            latest = db.execute(
                f"SELECT {COLUMNS} FROM message WHERE account = ? AND status = ? ORDER BY sequence DESC LIMIT 1",
                (account, Status.DELIVERED),
            ).fetchone()
            unreadable = db.execute("SELECT count(*) FROM unreadable WHERE account = ?", (account,)).fetchone()
            return AccountState(
                cursor=json.loads(row["cursor"]),
                first_run=bool(row["first_run"]),
                latest=latest and _stored(latest),
                unreadable=unreadable[0],
            )

    def receive(
        self, account: str, page: Page, *, first_run: bool, status: Status, attempt: bool
    ) -> list[StoredMessage]:
        """Write down a page and its cursor; return those of its messages that were not known yet, oldest first.

        Args:
            account: Whose page it is.
            page: As the provider handed it over.
            first_run: Whether the inbox is still not read to its end after this page.
            status: What is noted of the new messages.
            attempt: Whether they are delivered at once, which is noted with them.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            rows = [
                row
                for message in page.messages
                if (row := _insert(db, account, message, now=now, status=status, attempts=int(attempt)))
            ]
            _insert_unreadable(db, account, page.unreadable, now)
            db.execute(
                "UPDATE account SET cursor = ?, first_run = ? WHERE account = ?",
                (json.dumps(page.cursor), first_run, account),
            )
            return [_stored(row) for row in rows]

    def keep_unreadable(self, account: str, raw: bytes) -> None:
        """Write down an answer that could not be understood."""
        with self._transaction() as db:
            _insert_unreadable(db, account, (raw,), datetime.now(UTC))

    def attempt_due(self, account: str, limit: int) -> list[StoredMessage]:
        """Note the attempt to deliver the oldest messages that are not delivered, and return them, oldest first."""
        with self._transaction() as db:
            rows = db.execute(
                "UPDATE message SET attempts = attempts + 1 WHERE sequence IN"
                " (SELECT sequence FROM message WHERE account = ? AND status = ? ORDER BY sequence LIMIT ?)"
                f" RETURNING {COLUMNS}",
                (account, Status.DUE, limit),
            ).fetchall()
            return sorted(map(_stored, rows), key=lambda stored: stored.sequence)

    def tick_off(self, sequences: Iterable[int]) -> None:
        """Note that messages are delivered."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE message SET status = ? WHERE sequence = ?",
                [(Status.DELIVERED, sequence) for sequence in sequences],
            )

    def remove(self, account: str) -> None:
        """Forget an account with all its messages."""
        with self._transaction() as db:
            for table in ("account", "message", "unreadable"):
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            if self._connection:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction; whatever goes wrong undoes it and is a StoreError."""
        with self._lock:
            try:
                db = self._connection = self._connection or self._open()
                with db:
                    db.execute("BEGIN IMMEDIATE")
                    yield db
            except (sqlite3.Error, OSError) as err:
                # The next use opens the file anew, and sees what has become of it.
                if self._connection:
                    self._connection.close()
                    self._connection = None
                raise StoreError(f"{type(err).__name__}: {getattr(err, 'sqlite_errorname', err)}") from err

    def _open(self) -> sqlite3.Connection:
        """Open the file, readable by its owner alone; set a damaged one aside and begin a new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch(mode=0o600)
        try:
            return _connect(self.path)
        except sqlite3.DatabaseError as err:
            if getattr(err, "sqlite_errorcode", None) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
        self.set_aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        for suffix in ("", "-wal", "-shm"):
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(self.set_aside.with_name(self.set_aside.name + suffix))
        self.path.touch(mode=0o600)
        return _connect(self.path)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file and see to its schema."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        # Every commit is on the disk before it returns; what is erased is overwritten.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        _prepare_schema(db)
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare_schema(db: sqlite3.Connection) -> None:
    """Create the tables in a new file; refuse a file of a newer version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.NotSupportedError(f"the store is of version {version}, newer than {SCHEMA_VERSION}")
    if version == 0:
        db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def _check(db: sqlite3.Connection) -> None:
    """Raise the error of a damaged file where SQLite's own check finds one."""
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        damage = sqlite3.DatabaseError("the check of the file failed")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _insert(
    db: sqlite3.Connection, account: str, message: Message, *, now: datetime, status: Status, attempts: int
) -> sqlite3.Row | None:
    """Write down a message and return its row, None where it is known already."""
    cursor = db.execute(
        "INSERT INTO message (account, message_id, sender, recipient, text, encoding, data, received_at, in_reply_to,"
        " raw, stored_at, status, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (account, message_id) DO NOTHING RETURNING {COLUMNS}",
        (
            account,
            message.message_id,
            message.sender,
            message.recipient,
            message.text,
            message.encoding,
            message.data,
            (message.received_at or now).isoformat(),
            message.in_reply_to,
            message.raw,
            now.isoformat(),
            status,
            attempts,
        ),
    )
    row: sqlite3.Row | None = cursor.fetchone()
    return row


def _insert_unreadable(db: sqlite3.Connection, account: str, records: Iterable[bytes], now: datetime) -> None:
    """Write down records that could not be understood, each once."""
    db.executemany(
        "INSERT OR IGNORE INTO unreadable (account, raw, stored_at) VALUES (?, ?, ?)",
        [(account, raw, now.isoformat()) for raw in records],
    )


def _stored(row: sqlite3.Row) -> StoredMessage:
    """Return the message of a row."""
    values: dict[str, Any] = dict(row)
    return StoredMessage(
        sequence=values.pop("sequence"),
        redelivered=values.pop("attempts") > 1,
        message=Message(received_at=datetime.fromisoformat(values.pop("received_at")), **values),
    )
