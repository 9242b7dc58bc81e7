"""What is written down: every message, where each account goes on reading, and what has been delivered.

One SQLite file for all accounts. Each method is one transaction that is on the disk when it returns; all of them
block, so they are called in a thread of the executor.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
import hashlib
import json
from pathlib import Path
import sqlite3
from threading import Lock
import time
from typing import Any, Final

from .model import SYNTHETIC_ID, Cursor, Message, Page, PushResult, StoredMessage
from .recovery import plain_sender

BUSY_TIMEOUT: Final = 10.0
CALLS_REPEAT: Final = timedelta(days=2)  # vendors give up a call after that
LONGEST_BACKUP: Final = 12 * 3600.0
MIGRATIONS: Final = (
    """
CREATE TABLE account (
    account TEXT PRIMARY KEY,
    cursor TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    in_use INTEGER NOT NULL,
    unsure_since TEXT
) STRICT;
CREATE TABLE message (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT,
    text TEXT,
    encoding TEXT NOT NULL,
    data BLOB,
    received_at TEXT NOT NULL,
    in_reply_to TEXT,
    raw BLOB,
    stored_at TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    UNIQUE (account, message_id)
) STRICT;
CREATE INDEX message_sequence ON message (account, sequence);
CREATE INDEX message_due ON message (account, sequence) WHERE status = 0;
CREATE TABLE unreadable (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    raw BLOB NOT NULL,
    stored_at TEXT NOT NULL,
    UNIQUE (account, raw)
) STRICT;
""",
    """
ALTER TABLE account ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN left_cursor TEXT;
ALTER TABLE account ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
UPDATE account SET delivered = (SELECT count(*) FROM message WHERE message.account = account.account AND status = 1);
CREATE TABLE message_by_provider (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    provider TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT,
    text TEXT,
    encoding TEXT NOT NULL,
    data BLOB,
    received_at TEXT NOT NULL,
    in_reply_to TEXT,
    raw BLOB,
    stored_at TEXT NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    UNIQUE (account, provider, message_id)
) STRICT;
INSERT INTO message_by_provider
    SELECT sequence, account, '', message_id, sender, recipient, text, encoding, data, received_at, in_reply_to, raw,
        stored_at, status, attempts
    FROM message;
DROP TABLE message;
ALTER TABLE message_by_provider RENAME TO message;
CREATE INDEX message_sequence ON message (account, sequence);
CREATE INDEX message_due ON message (account, sequence) WHERE status = 0;
CREATE INDEX message_received ON message (received_at) WHERE text IS NOT NULL;
CREATE INDEX message_sender ON message (sender) WHERE text IS NOT NULL;
CREATE TRIGGER message_delivered AFTER UPDATE OF status ON message WHEN OLD.status = 0 AND NEW.status = 1
BEGIN
    UPDATE account SET delivered = delivered + 1 WHERE account = NEW.account;
END;
""",
    """
ALTER TABLE account ADD COLUMN first_call_at TEXT;
ALTER TABLE account ADD COLUMN last_call_at TEXT;
ALTER TABLE unreadable ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
CREATE INDEX message_announced ON message (account) WHERE announced = 2;
CREATE TABLE announcement (
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
    stored_at TEXT NOT NULL
) STRICT;
""",
)
SCHEMA_VERSION: Final = len(MIGRATIONS)
DAMAGED: Final = ".damaged-"
PARTS: Final = ("", "-wal", "-shm")
EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
COLUMNS: Final = (
    "sequence, account, provider, message_id, sender, recipient, text, encoding, data, received_at, in_reply_to, raw,"
    " stored_at, attempts"
)
ERASED: Final = "sender = '', recipient = NULL, text = NULL, data = NULL, raw = NULL"


class StoreError(Exception):
    """The store could not read or write; nothing of the transaction happened. Holds no text of a message."""


class Announced(IntEnum):
    """Whether a call without an id and a message of a poll have been found to be the same."""

    NO = 0
    MATCHED = 1
    ALONE = 2  # it came by a call alone, was delivered, and no poll has brought it yet


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
        delivered: How many messages were delivered, those that are forgotten included.
        unreadable: How many records could not be understood and still wait for a person's decision.
        last_received_at: When the message was received that was written down last, None where there is none.
        unsure_since: When the last message was received that was written down before one may have been lost, None
            where none can have been.
        repeats: What comes until the inbox is read to its end may have been delivered before.
        first_call_at: When the vendor called for the first time, None where it never did.
        last_call_at: When it called last.
        announced: How many announcements wait for the poll that brings their messages.
    """

    cursor: Cursor
    first_run: bool
    latest: StoredMessage | None
    delivered: int
    unreadable: int
    last_received_at: datetime | None
    unsure_since: datetime | None
    repeats: bool
    first_call_at: datetime | None
    last_call_at: datetime | None
    announced: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which of the messages that still have their text are asked for.

    Attributes:
        account: Whose, None for all.
        is_from: Whether a sender is one of those asked for, None for all.
        contains: What the text contains, whatever the case; empty for all.
        since: Received then or later.
        until: Received before.
        limit: How many at most.
        newest_first: The order of the result, and which ones are left out beyond the limit.
    """

    account: str | None = None
    is_from: Callable[[str], bool] | None = None
    contains: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int
    newest_first: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many messages are written down: by status, with a text, and records that could not be understood."""

    due: int
    delivered: int
    existing: int
    with_text: int
    unreadable: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What tells a fault of the file or of an account, and nothing of a message.

    Attributes:
        schema: The version of the tables.
        sqlite: The version of SQLite.
        bytes: How large the file is.
        log_bytes: How large its log of changes is.
        account: The account's row, None where it is not known.
    """

    schema: int
    sqlite: str
    bytes: int
    log_bytes: int
    account: dict[str, Any] | None


class Store:
    """The file, opened at the first use.

    Attributes:
        path: Where it is.
        set_aside: Where a damaged one was put, None where there was none.
        lost: It was deleted or replaced while it was in use.
    """

    def __init__(self, path: Path) -> None:
        """Say where the file is; a damaged one is set aside beside it."""
        self.path = path
        self.set_aside: Path | None = None
        self.lost = False
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._lock = Lock()
        self._reader: sqlite3.Connection | None = None
        self._holds = 0
        self._held_at = 0.0

    def begin(self, account: str, provider: str = "") -> AccountState:
        """Take an account into use, and return where it stands; one that is new stands at its first run.

        If it was in use already, it never ended in order, and an answer may have been lost. If it was moved away from
        the provider that reads it, a crash has undone the move elsewhere, and it is undone here, too.
        """
        with self._transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO account (account, cursor, first_run, in_use) VALUES (?, '{}', 1, 0)", (account,)
            )
            _move_back(db, account, provider)
            row = db.execute("SELECT * FROM account WHERE account = ?", (account,)).fetchone()
            last = db.execute(
                "SELECT received_at FROM message WHERE account = ? ORDER BY sequence DESC LIMIT 1", (account,)
            ).fetchone()
            latest = db.execute(
                f"SELECT {COLUMNS} FROM message WHERE account = ? AND status = ? AND text IS NOT NULL"
                " ORDER BY sequence DESC LIMIT 1",
                (account, Status.DELIVERED),
            ).fetchone()
            unsure_since = row["unsure_since"] or (last and last[0] if row["in_use"] and not row["first_run"] else None)
            db.execute("UPDATE account SET in_use = 1, unsure_since = ? WHERE account = ?", (unsure_since, account))
            return AccountState(
                cursor=json.loads(row["cursor"]),
                first_run=bool(row["first_run"]),
                latest=latest and _stored(latest),
                delivered=row["delivered"],
                unreadable=_count_unreadable(db, account),
                last_received_at=last and _time(last[0]),
                unsure_since=_time(unsure_since),
                repeats=bool(row["repeats"]),
                first_call_at=_time(row["first_call_at"]),
                last_call_at=_time(row["last_call_at"]),
                announced=_count_announced(db, account),
            )

    def set_unsure(self, account: str, since: datetime | None) -> None:
        """Note that an answer may have been lost since, or, with None, that none is lost."""
        with self._transaction() as db:
            db.execute("UPDATE account SET unsure_since = ? WHERE account = ?", (since and since.isoformat(), account))

    def end(self, account: str, cursor: Cursor, *, first_run: bool, known: Collection[str] = ()) -> None:
        """Note that an account ended in order, with no answer of its provider under way, and where it stood.

        Args:
            account: Whose end it is.
            cursor: Where the next page begins.
            first_run: Whether the inbox is still not read to its end.
            known: See `receive`.
        """
        with self._transaction() as db:
            _know_again(db, account, known)
            _save_state(db, account, cursor, first_run=first_run, more=True)
            db.execute("UPDATE account SET in_use = 0 WHERE account = ?", (account,))

    def recent(self, account: str, limit: int) -> list[Message]:
        """Return the messages that were written down last, the newest first; those that are erased without a text."""
        with self._transaction() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM message WHERE account = ? ORDER BY sequence DESC LIMIT ?", (account, limit)
            )
            return [_stored(row).message for row in rows]

    def find(self, query: Query) -> list[StoredMessage]:
        """Return the messages that a query asks for, by the time at which they were received."""
        direction = "DESC" if query.newest_first else "ASC"
        with self._transaction() as db:
            conditions, values = _where(query, _senders(db, query.is_from) if query.is_from else None)
            rows = db.execute(
                f"SELECT {COLUMNS} FROM message WHERE {conditions}"
                f" ORDER BY received_at {direction}, sequence {direction} LIMIT ?",
                (*values, query.limit),
            )
            return [_stored(row) for row in rows]

    def counts(self, account: str) -> Counts:
        """Return how much is written down of an account."""
        with self._transaction() as db:
            return _counts(db, account)

    def count_unreadable(self, account: str) -> int:
        """Return how many records of an account could not be understood."""
        with self._transaction() as db:
            return _count_unreadable(db, account)

    def count(self) -> int:
        """Return how many messages of all accounts are written down."""
        with self._transaction() as db:
            return int(db.execute("SELECT count(*) FROM message").fetchone()[0])

    def facts(self, account: str) -> Facts:
        """Return what is known of the file and of where an account stands."""
        log = self.path.with_name(f"{self.path.name}-wal")
        with self._transaction() as db:
            row = db.execute("SELECT * FROM account WHERE account = ?", (account,)).fetchone()
            return Facts(
                schema=db.execute("PRAGMA user_version").fetchone()[0],
                sqlite=sqlite3.sqlite_version,
                bytes=self.path.stat().st_size,
                log_bytes=log.stat().st_size if log.exists() else 0,
                account=dict(row) if row else None,
            )

    def unreadable(self, account: str, limit: int) -> list[tuple[int, bytes]]:
        """Return number and bytes of the oldest records that could not be understood."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT sequence, raw FROM unreadable WHERE account = ? AND NOT settled ORDER BY sequence LIMIT ?",
                (account, limit),
            )
            return [tuple(row) for row in rows]

    def last_record(self, account: str) -> bytes | None:
        """Return what came last as it came, understood or not; None where nothing did or it is erased."""
        with self._transaction() as db:
            message = db.execute(
                "SELECT raw, stored_at FROM message WHERE account = ? ORDER BY sequence DESC LIMIT 1", (account,)
            ).fetchone()
            unreadable = db.execute(
                "SELECT raw, stored_at FROM unreadable WHERE account = ? AND NOT settled"
                " ORDER BY sequence DESC LIMIT 1",
                (account,),
            ).fetchone()
            last = max((row for row in (message, unreadable) if row), key=lambda row: row["stored_at"], default=None)
            return last and last["raw"]

    def receive(
        self,
        account: str,
        page: Page,
        *,
        first_run: bool,
        status: Status,
        attempts: int,
        known: Collection[str] = (),
    ) -> list[StoredMessage]:
        """Write down a page and its cursor; return those of its messages that are to be delivered, oldest first.

        These are all that were not known yet, but for those that a call has brought, see `receive_call`.

        Args:
            account: Whose page it is.
            page: As the provider handed it over.
            first_run: Whether the inbox is still not read to its end after this page.
            status: What is noted of the new messages.
            attempts: How often they may have been delivered, this time included if it is at once.
            known: Ids of messages that were written down before and that its provider may go on showing; they are noted
                again where the file was deleted since.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            _know_again(db, account, known)
            called = _has_announced(db, account)
            rows = [
                row
                for message in page.messages
                if (row := _insert(db, account, message, now=now, status=status, attempts=attempts))
                and not (called and _settle_announced(db, row))
            ]
            _insert_unreadable(db, account, page.unreadable, now)
            _save_state(db, account, page.cursor, first_run=first_run, more=page.more)
            return [_stored(row) for row in rows]

    def receive_call(self, account: str, pushed: PushResult, *, attempts: int) -> list[StoredMessage]:
        """Write down what a call brings; return those of its messages that were not known yet.

        A message with an id is one of a page that comes early. One without is an announcement: polls tell which
        messages there are, since they alone have ids, and so neither swallow nor double equal messages. Each message
        of a poll is matched with one announcement at most, and each announcement with one message, if sender and text
        are the same, whichever comes first. A call that was repeated thus remains alone, see `promote`.

        Args:
            account: Whose call it is.
            pushed: What it brings.
            attempts: How often its messages may have been delivered, this time included if it is at once.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            db.execute(
                "UPDATE account SET first_call_at = coalesce(first_call_at, :now), last_call_at = :now"
                " WHERE account = :account",
                {"account": account, "now": now.isoformat()},
            )
            rows = [
                row
                for message in pushed.messages
                if (row := _insert(db, account, message, now=now, status=Status.DUE, attempts=attempts))
            ]
            for message in pushed.announced:
                _announce(db, account, message, now)
            _insert_unreadable(db, account, pushed.unreadable, now)
            return [_stored(row) for row in rows]

    def promote(self, account: str, before: datetime) -> int:
        """Make messages of the announcements of an earlier time that no poll has confirmed; return how many are left.

        They are due, with `redelivered` where an equal message is known of the time for which vendors repeat their
        calls. Should a poll bring such a message later, it is the same.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            rows = db.execute(
                "SELECT * FROM announcement WHERE account = ? AND stored_at < ? ORDER BY sequence",
                (account, before.isoformat()),
            ).fetchall()
            for row in rows:
                repeated = _may_be_known(db, row, now - CALLS_REPEAT)
                made = _insert(db, account, _message(row), now=now, status=Status.DUE, attempts=int(repeated))
                if made:
                    _mark(db, made, Announced.ALONE)
                db.execute("DELETE FROM announcement WHERE sequence = ?", (row["sequence"],))
            return _count_announced(db, account)

    def keep_unreadable(self, account: str, raw: bytes) -> None:
        """Write down an answer that could not be understood."""
        with self._transaction() as db:
            _insert_unreadable(db, account, (raw,), datetime.now(UTC))

    def settle_unreadable(self, account: str, number: int, message: Message | None, *, shown_again: bool) -> None:
        """Drop a record that could not be understood; with a message, that one is due in its place.

        Args:
            account: Whose it is.
            number: Its number.
            message: What is due in its place, if anything.
            shown_again: Whether its provider may show it once more, so that it must be known.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            gone = db.execute(
                "DELETE FROM unreadable WHERE account = ? AND sequence = ? AND NOT settled RETURNING raw",
                (account, number),
            ).fetchone()
            if gone and shown_again:
                db.execute(
                    "INSERT OR IGNORE INTO unreadable (account, raw, stored_at, settled) VALUES (?, ?, ?, 1)",
                    (account, _digest(gone["raw"]), now.isoformat()),
                )
            if gone and message:
                _insert(db, account, message, now=now, status=Status.DUE, attempts=0)

    def received_since(self, account: str, since: datetime, provider: str) -> list[Message]:
        """Return what the provider of an account has handed over of a time, in order; what is erased has no text.

        Args:
            account: Whose messages they are.
            since: Received then or later.
            provider: The key of the provider, where the account was moved.
        """
        with self._transaction() as db:
            rows = db.execute(
                f"SELECT {COLUMNS} FROM message WHERE account = ? AND provider IN ('', ?) AND received_at >= ?"
                " ORDER BY received_at, sequence",
                (account, provider, since.astimezone(UTC).isoformat()),
            )
            return [_stored(row).message for row in rows]

    def move(
        self, account: str, page: Page, *, left: str, provider: str, known: Collection[str], doubtful: Collection[str]
    ) -> None:
        """Let an account be read by another provider, and write down what that one shows of the time before.

        Args:
            account: Whose messages they are.
            page: What it shows, oldest first, and where it is to go on.
            left: The key of the provider that has read the account until now.
            provider: The key of the other one.
            known: Ids of messages that are written down already as the first one's: only their identity is kept.
            doubtful: Ids of messages that may have been delivered; they are due all the same.
        """
        now = datetime.now(UTC)
        with self._transaction() as db:
            db.execute("UPDATE message SET provider = ? WHERE account = ? AND provider = ''", (left, account))
            # On a first run it isn't known what the first one would have delivered.
            db.execute(
                "UPDATE account SET provider = ?, left_cursor = cursor, cursor = ?, repeats = first_run"
                " WHERE account = ?",
                (provider, json.dumps(page.cursor), account),
            )
            for message in page.messages:
                status = Status.EXISTING if message.message_id in known else Status.DUE
                _insert(db, account, message, now=now, status=status, attempts=message.message_id in doubtful)
            db.executemany(
                f"UPDATE message SET {ERASED} WHERE account = ? AND provider = ? AND message_id = ? AND status = ?",
                [(account, provider, message_id, Status.EXISTING) for message_id in known],
            )
            _insert_unreadable(db, account, page.unreadable, now)

    def attempt_due(self, account: str, limit: int) -> list[StoredMessage]:
        """Note the attempt to deliver the oldest messages that are not delivered, and return them, oldest first."""
        with self._transaction() as db:
            rows = db.execute(
                "UPDATE message SET attempts = attempts + 1 WHERE sequence IN"
                f" (SELECT sequence FROM message WHERE account = ? AND status = {Status.DUE} ORDER BY sequence LIMIT ?)"
                f" RETURNING {COLUMNS}",
                (account, limit),
            ).fetchall()
            return sorted(map(_stored, rows), key=lambda stored: stored.sequence)

    def tick_off(self, sequences: Iterable[int]) -> None:
        """Note that messages are delivered."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE message SET status = ? WHERE sequence = ?",
                [(Status.DELIVERED, sequence) for sequence in sequences],
            )

    def erase(self, account: str, *, keep_texts: bool, texts_before: datetime, identities_before: datetime) -> None:
        """Erase old texts for good, and forget very old messages; what is not delivered yet stays.

        Args:
            account: Whose messages they are.
            keep_texts: Without it only the message that was written down last keeps its text: it is shown, and what was
                lost in a crash is found by it.
            texts_before: Of messages written down earlier, only the identity is kept.
            identities_before: Messages received and written down earlier are forgotten, as far as the account's latest
                message is as much younger: what a provider may still show must be known, also where our clock was
                wrong, or where nothing has come for long.
        """
        with self._transaction() as db:
            values = {
                "account": account,
                "texts_before": texts_before.isoformat(),
                "identities_before": _forgettable_before(db, account, identities_before).isoformat(),
                "keep_texts": keep_texts,
            }
            db.execute(
                f"DELETE FROM message WHERE account = :account AND status <> {Status.DUE}"
                " AND max(stored_at, received_at) < :identities_before",
                values,
            )
            db.execute(
                f"UPDATE message SET {ERASED}"
                f" WHERE account = :account AND status <> {Status.DUE} AND text IS NOT NULL"
                f" AND (stored_at < :texts_before OR NOT :keep_texts AND announced <> {Announced.ALONE} AND sequence <"
                f" (SELECT max(sequence) FROM message WHERE account = :account AND status <> {Status.DUE}))",
                values,
            )
            db.execute(
                "DELETE FROM unreadable WHERE account = :account"
                " AND stored_at < CASE settled WHEN 0 THEN :texts_before ELSE :identities_before END",
                values,
            )
        self._clear_log()

    def remove(self, account: str) -> None:
        """Forget an account with all its messages."""
        with self._transaction() as db:
            for table in ("account", "message", "unreadable", "announcement"):
                db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))
        self._clear_log()

    def settle_damaged(self, path: Path, *, delete: bool) -> None:
        """Be done with a damaged file that was set aside; on request delete it, if it really is one.

        Raises:
            OSError: It could not be deleted.
        """
        if delete and path.parent == self.path.parent and path.name.startswith(f"{self.path.name}{DAMAGED}"):
            for suffix in PARTS:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        if self.set_aside == path:
            self.set_aside = None

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._let_go()
            self._disconnect()

    def hold(self) -> None:
        """Keep the file as it is, so that it can be copied together with the log, to which all changes go meanwhile.

        It stays so until `release` was called as often, but for no longer than a backup takes.
        """
        with self._lock:
            self._holds += 1
            self._held_at = time.monotonic()
        with self._opened() as db:
            if not self._reader:
                db.execute(EMPTY_LOG)
                # While the log is empty, a reader reads the file itself, in which SQLite then changes nothing.
                self._reader = _reader(self.path)

    def release(self) -> None:
        """Let changes into the file again; those of the log come first."""
        with self._lock:
            self._holds = max(self._holds - 1, 0)
            if not self._holds:
                self._let_go()
        self._clear_log()

    def _let_go(self) -> None:
        """Keep the file as it is no longer."""
        self._holds = 0
        if self._reader:
            self._reader.close()
            self._reader = None

    def _disconnect(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _check_file(self) -> None:
        """Close a file that somebody deleted or replaced: what is written to it would be gone."""
        if self._connection and _identity(self.path) != self._identity:
            self.lost = True
            self._disconnect()

    def _clear_log(self) -> None:
        """Empty SQLite's log of changes, where what was erased still stands; while the file is held, that waits."""
        with self._opened() as db:
            if time.monotonic() - self._held_at > LONGEST_BACKUP:
                self._let_go()
            if not self._reader:
                db.execute(EMPTY_LOG)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file for one transaction; whatever goes wrong undoes it and is a StoreError."""
        with self._opened() as db, db:
            db.execute("BEGIN IMMEDIATE")
            yield db

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Have the file to ourselves, opened if need be; whatever goes wrong is a StoreError."""
        with self._lock:
            try:
                self._check_file()
                self._connection = self._connection or self._open()
                yield self._connection
            except (sqlite3.Error, OSError) as err:
                # The next use opens the file anew, and sees what has become of it.
                self._disconnect()
                raise StoreError(f"{type(err).__name__}: {_reason(err)}") from err

    def _open(self) -> sqlite3.Connection:
        """Open the file, readable by its owner alone; set a damaged one aside and begin a new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect()
        except sqlite3.DatabaseError as err:
            if getattr(err, "sqlite_errorcode", None) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
        self.set_aside = self.path.with_name(f"{self.path.name}{DAMAGED}{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        for suffix in PARTS:
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                part.rename(self.set_aside.with_name(self.set_aside.name + suffix))
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        """Connect to the file, and remember which one it is."""
        self.path.touch(mode=0o600)
        connection = _connect(self.path)
        self._identity = _identity(self.path)
        return connection


def _reason(err: sqlite3.Error | OSError) -> str:
    """Return what went wrong, without the path, which may tell a person's name."""
    told = err.strerror if isinstance(err, OSError) else getattr(err, "sqlite_errorname", None)
    return told or str(err)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another in its place, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _reader(path: Path) -> sqlite3.Connection:
    """Return a connection that goes on reading a file as it is now."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _connect(path: Path) -> sqlite3.Connection:
    """Open a file and see to its schema."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        # Every commit is on the disk before it returns; what is erased is overwritten.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        db.create_function("contains", 2, lambda text, part: part in text.casefold(), deterministic=True)
        _prepare_schema(db)
        _check(db)
    except BaseException:
        db.close()
        raise
    return db


def _prepare_schema(db: sqlite3.Connection) -> None:
    """Create the tables in a new file, and bring an older one up to date; refuse a file of a newer version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.NotSupportedError(f"the store is of version {version}, newer than {SCHEMA_VERSION}")
    if version == 0 and db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _damage("tables without a version")
    for number, migration in enumerate(MIGRATIONS[version:], version + 1):
        db.executescript(f"BEGIN IMMEDIATE; {migration} PRAGMA user_version = {number}; COMMIT;")
    if version < SCHEMA_VERSION:
        db.execute("VACUUM")  # a table that was replaced leaves its room behind


def _check(db: sqlite3.Connection) -> None:
    """Raise the error of a damaged file where SQLite's own check finds one."""
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise _damage("the check of the file failed")


def _damage(reason: str) -> sqlite3.DatabaseError:
    """Return the error of a damaged file."""
    damage = sqlite3.DatabaseError(reason)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damage


def _save_state(db: sqlite3.Connection, account: str, cursor: Cursor, *, first_run: bool, more: bool) -> None:
    """Write down where an account stands; it isn't there if its file was deleted while it was in use."""
    db.execute(
        "INSERT INTO account (account, cursor, first_run, in_use) VALUES (:account, :cursor, :first_run, 1)"
        " ON CONFLICT (account) DO UPDATE SET cursor = :cursor, first_run = :first_run, repeats = repeats AND :more",
        {"account": account, "cursor": json.dumps(cursor), "first_run": first_run, "more": more},
    )


def _know_again(db: sqlite3.Connection, account: str, known: Iterable[str]) -> None:
    """Note messages by their ids alone, where the file was deleted while it was in use: none of them may fire again."""
    if not db.execute("SELECT 1 FROM account WHERE account = ?", (account,)).fetchone():
        now = datetime.now(UTC).isoformat()
        db.executemany(
            "INSERT OR IGNORE INTO message (account, provider, message_id, sender, encoding, received_at, stored_at,"
            " status, attempts) VALUES (?, '', ?, '', 'text', ?, ?, ?, 0)",
            [(account, message_id, now, now, Status.EXISTING) for message_id in known],
        )


def _forgettable_before(db: sqlite3.Connection, account: str, before: datetime) -> datetime:
    """Return a time, earlier by the age of the latest message: lists by time begin a while before that one."""
    latest = db.execute(
        "SELECT max(min(stored_at, received_at)) FROM message WHERE account = ?", (account,)
    ).fetchone()[0]
    age = datetime.now(UTC) - datetime.fromisoformat(latest) if latest else timedelta()
    return before - max(age, timedelta())


def _move_back(db: sqlite3.Connection, account: str, provider: str) -> None:
    """Let an account that was moved away from a provider go on there where it stood, if it is read by that one again.

    What comes then may have been delivered meanwhile. Where nobody knows where it stood, nothing old may fire.
    """
    db.execute(
        "UPDATE account SET provider = :provider, cursor = coalesce(left_cursor, '{}'), left_cursor = NULL,"
        " first_run = first_run OR left_cursor IS NULL, repeats = 1"
        " WHERE account = :account AND provider <> :provider AND '' NOT IN (provider, :provider)",
        {"account": account, "provider": provider},
    )


def _counts(db: sqlite3.Connection, account: str) -> Counts:
    """Return how much is written down of an account."""
    due, delivered, existing, with_text = db.execute(
        "SELECT count(*) FILTER (WHERE status = ?), count(*) FILTER (WHERE status = ?),"
        " count(*) FILTER (WHERE status = ?), count(text) FROM message WHERE account = ?",
        (Status.DUE, Status.DELIVERED, Status.EXISTING, account),
    ).fetchone()
    unreadable = _count_unreadable(db, account)
    return Counts(due=due, delivered=delivered, existing=existing, with_text=with_text, unreadable=unreadable)


def _count_unreadable(db: sqlite3.Connection, account: str) -> int:
    """Return how many records of an account could not be understood."""
    return int(
        db.execute("SELECT count(*) FROM unreadable WHERE account = ? AND NOT settled", (account,)).fetchone()[0]
    )


def _senders(db: sqlite3.Connection, is_from: Callable[[str], bool]) -> list[str]:
    """Return those of the senders of all messages that are asked for."""
    rows = db.execute("SELECT DISTINCT sender FROM message WHERE text IS NOT NULL")
    return [row[0] for row in rows if is_from(row[0])]


def _where(query: Query, senders: list[str] | None) -> tuple[str, list[Any]]:
    """Return the conditions of a query and their values."""
    wanted: list[tuple[str, Any]] = [
        ("account = ?", query.account),
        ("sender IN (SELECT value FROM json_each(?))", None if senders is None else json.dumps(senders)),
        ("received_at >= ?", query.since and query.since.astimezone(UTC).isoformat()),
        ("received_at < ?", query.until and query.until.astimezone(UTC).isoformat()),
        ("contains(text, ?)", query.contains.casefold() or None),
    ]
    wanted = [(condition, value) for condition, value in wanted if value is not None]
    conditions = ["text IS NOT NULL", *(condition for condition, _ in wanted)]
    return " AND ".join(conditions), [value for _, value in wanted]


def _insert(
    db: sqlite3.Connection, account: str, message: Message, *, now: datetime, status: Status, attempts: int
) -> sqlite3.Row | None:
    """Write down a message and return its row, None where it is known already."""
    cursor = db.execute(
        "INSERT INTO message (account, provider, message_id, sender, recipient, text, encoding, data, received_at,"
        " in_reply_to, raw, stored_at, status, attempts) VALUES"
        " (?, coalesce((SELECT provider FROM account WHERE account = ?), ''), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (account, provider, message_id) DO NOTHING RETURNING {COLUMNS}",
        (account, account, *_values(message, now), now.isoformat(), status, attempts),
    )
    row: sqlite3.Row | None = cursor.fetchone()
    return row


def _values(message: Message, now: datetime) -> tuple[Any, ...]:
    """Return a message's values in the order of the columns, from its id to what it was read from."""
    return (
        message.message_id,
        message.sender,
        message.recipient,
        message.text,
        message.encoding,
        message.data,
        (message.received_at or now).isoformat(),
        message.in_reply_to,
        message.raw,
    )


def _insert_unreadable(db: sqlite3.Connection, account: str, records: Iterable[bytes], now: datetime) -> None:
    """Write down records that could not be understood, each once."""
    db.executemany(
        "INSERT OR IGNORE INTO unreadable (account, raw, stored_at) SELECT ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM unreadable WHERE account = ? AND raw = ? AND settled)",
        [(account, raw, now.isoformat(), account, _digest(raw)) for raw in records],
    )


def _digest(raw: bytes) -> bytes:
    """Return by what a record is known again that is not to be kept."""
    return hashlib.sha256(raw).digest()


def _count_announced(db: sqlite3.Connection, account: str) -> int:
    """Return how many announcements wait for their messages."""
    return int(db.execute("SELECT count(*) FROM announcement WHERE account = ?", (account,)).fetchone()[0])


def _has_announced(db: sqlite3.Connection, account: str) -> bool:
    """Whether a message of a poll may be one that a call told of, which is rare."""
    row = db.execute(
        "SELECT EXISTS (SELECT 1 FROM announcement WHERE account = :account)"
        f" OR EXISTS (SELECT 1 FROM message WHERE account = :account AND announced = {Announced.ALONE})",
        {"account": account},
    ).fetchone()
    return bool(row[0])


def _announce(db: sqlite3.Connection, account: str, message: Message, now: datetime) -> None:
    """Match an announcement with the oldest equal message of a poll that has none, or write it down."""
    rows = db.execute(
        "SELECT sequence, sender FROM message WHERE account = ? AND text = ? AND received_at >= ?"
        " AND stored_at >= ? AND announced = ? AND message_id NOT LIKE ? ORDER BY sequence",
        (
            account,
            message.text,
            (now - 2 * CALLS_REPEAT).isoformat(),
            (now - CALLS_REPEAT).isoformat(),
            Announced.NO,
            f"{SYNTHETIC_ID}%",
        ),
    )
    same = next((row for row in rows if plain_sender(row["sender"]) == plain_sender(message.sender)), None)
    if same:
        _mark(db, same, Announced.MATCHED)
        return
    db.execute(
        "INSERT INTO announcement (account, message_id, sender, recipient, text, encoding, data, received_at,"
        " in_reply_to, raw, stored_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (account, *_values(message, now), now.isoformat()),
    )


def _may_be_known(db: sqlite3.Connection, announcement: sqlite3.Row, since: datetime) -> bool:
    """Whether a message written down since then says the same, or is erased, so that nobody can tell."""
    rows = db.execute(
        "SELECT sender, text FROM message WHERE account = ? AND stored_at >= ? AND coalesce(text, ?) = ?",
        (announcement["account"], since.isoformat(), announcement["text"], announcement["text"]),
    )
    return any(row["text"] is None or _is_from(row, announcement) for row in rows)


def _settle_announced(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Match a new message of a poll with the oldest equal announcement; return whether it was delivered as such."""
    waiting = db.execute("SELECT * FROM announcement WHERE account = ? ORDER BY sequence", (row["account"],)).fetchall()
    if same := next((other for other in waiting if _is_same(other, row)), None):
        db.execute("DELETE FROM announcement WHERE sequence = ?", (same["sequence"],))
        _mark(db, row, Announced.MATCHED)
        return False
    alone = db.execute(
        f"SELECT sequence, sender, text FROM message WHERE account = ? AND announced = {Announced.ALONE}"
        " ORDER BY sequence",
        (row["account"],),
    ).fetchall()
    if same := next((other for other in alone if _is_same(other, row)), None):
        for each in (same, row):
            _mark(db, each, Announced.MATCHED)
        db.execute("UPDATE message SET status = ? WHERE sequence = ?", (Status.EXISTING, row["sequence"]))
    return same is not None


def _mark(db: sqlite3.Connection, row: sqlite3.Row, announced: Announced) -> None:
    """Note what is known of a message's announcement."""
    db.execute("UPDATE message SET announced = ? WHERE sequence = ?", (announced, row["sequence"]))


def _is_same(one: sqlite3.Row, other: sqlite3.Row) -> bool:
    """Whether a call and a message tell the same."""
    return bool(one["text"] == other["text"]) and _is_from(one, other)


def _is_from(one: sqlite3.Row, other: sqlite3.Row) -> bool:
    """Whether two come from the same sender."""
    return plain_sender(one["sender"]) == plain_sender(other["sender"])


def _stored(row: sqlite3.Row) -> StoredMessage:
    """Return the message of a row with what is known of it."""
    return StoredMessage(
        sequence=row["sequence"],
        account=row["account"],
        provider=row["provider"],
        stored_at=datetime.fromisoformat(row["stored_at"]),
        redelivered=row["attempts"] > 1,
        message=_message(row),
    )


def _message(row: sqlite3.Row) -> Message:
    """Return the message of a row; of one that is erased without its text."""
    return Message(
        message_id=row["message_id"],
        sender=row["sender"],
        recipient=row["recipient"],
        text=row["text"] or "",
        encoding=row["encoding"],
        data=row["data"],
        received_at=datetime.fromisoformat(row["received_at"]),
        in_reply_to=row["in_reply_to"],
        raw=row["raw"] or b"",
    )


def _time(value: str | None) -> datetime | None:
    """Return a time that is written down, None where there is none."""
    return datetime.fromisoformat(value) if value else None
