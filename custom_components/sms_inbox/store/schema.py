"""The tables, and how a file of an earlier version becomes one of this version.

A migration works in batches with a transaction each, so that the log stays small; one that was interrupted goes on.
"""

from collections.abc import Callable
from enum import IntEnum
import sqlite3
from typing import Final

BATCH_ROWS: Final = 2000
BATCHES_PER_CHECKPOINT: Final = 10


class Status(IntEnum):
    """The states of a message; `docs/reliability.md` has the table of transitions. The numbers are in the file."""

    PENDING = 0  # stored, not fired
    DELIVERED = 1  # fired, and marked after that
    EXISTING = 2  # it was in the inbox before the account was added: never fired
    CLAIMED = 3  # about to be fired, or fired and not marked yet


# SQLite only uses a partial index where a query repeats its condition word by word.
UNDELIVERED: Final = f"status IN ({Status.PENDING}, {Status.CLAIMED})"

MESSAGE_TABLE: Final = """
CREATE TABLE {name} (
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
    in_doubt INTEGER NOT NULL,
    UNIQUE (account, provider, message_id)
) STRICT;
"""
ACCOUNT_TABLE: Final = """
CREATE TABLE account (
    account TEXT PRIMARY KEY,
    provider TEXT NOT NULL,
    cursor TEXT NOT NULL,
    left_cursor TEXT,
    added_at TEXT NOT NULL,
    first_run INTEGER NOT NULL,
    in_use INTEGER NOT NULL,
    loss_since TEXT,
    doubt_since TEXT,
    outage_since TEXT,
    delivered INTEGER NOT NULL DEFAULT 0,
    first_webhook_at TEXT,
    last_webhook_at TEXT
) STRICT;
"""
QUARANTINE_TABLE: Final = """
CREATE TABLE quarantine (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    raw BLOB NOT NULL,
    stored_at TEXT NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, raw)
) STRICT;
"""
INDEXES: Final = f"""
CREATE INDEX message_account ON message (account, sequence);
CREATE INDEX message_undelivered ON message (account, sequence) WHERE {UNDELIVERED};
CREATE INDEX message_text ON message (account, sequence) WHERE text IS NOT NULL;
CREATE INDEX message_newest ON message (account, received_at, sequence) WHERE text IS NOT NULL;
CREATE INDEX message_received ON message (received_at, sequence) WHERE text IS NOT NULL;
CREATE INDEX message_sender ON message (sender, received_at, sequence) WHERE text IS NOT NULL;
"""
VERSION: Final = 4
FIRST_EDITION: Final = (1, 2, 3)


def prepare(db: sqlite3.Connection) -> None:
    """Create the tables in a new file, and migrate a file of an earlier version.

    Raises:
        sqlite3.NotSupportedError: The file is of a newer version.
        sqlite3.DatabaseError: It has tables and no version: it is damaged.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.NotSupportedError(f"the store is of version {version}, newer than {VERSION}")
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise damage("tables without a version")
        _script(db, ACCOUNT_TABLE, MESSAGE_TABLE.format(name="message"), QUARANTINE_TABLE, INDEXES, _stamp(VERSION))
    elif version in FIRST_EDITION:
        _migrate_first_edition(db, version)


def damage(reason: str) -> sqlite3.DatabaseError:
    """Return the error of a damaged file."""
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _stamp(version: int) -> str:
    """Return the statement that notes a version."""
    return f"PRAGMA user_version = {version};"


def _script(db: sqlite3.Connection, *statements: str) -> None:
    """Run statements in one transaction."""
    db.executescript(f"BEGIN IMMEDIATE; {' '.join(statements)} COMMIT;")


def _migrate_first_edition(db: sqlite3.Connection, version: int) -> None:
    """Migrate versions 1 to 3, which counted attempts and knew announcements of messages.

    What was attempted and not marked is pending and in doubt now. An announcement that no poll has confirmed becomes a
    pending message in doubt. The table of messages is copied in batches, and each batch deleted where it came from.
    """
    columns = {row[1] for row in db.execute("PRAGMA table_info(message)")}
    if "attempts" in columns:
        _script(
            db,
            "DROP TRIGGER IF EXISTS message_delivered;",
            "DROP INDEX IF EXISTS message_sequence; DROP INDEX IF EXISTS message_due;",
            "DROP INDEX IF EXISTS message_received; DROP INDEX IF EXISTS message_sender;",
            "DROP INDEX IF EXISTS message_announced;",
            "ALTER TABLE message RENAME TO former_message;",
            MESSAGE_TABLE.format(name="message"),
        )
    provider = "provider" if version > 1 else "''"
    _in_batches(db, lambda: _copy_messages(db, provider))
    _script(
        db,
        _ANNOUNCEMENTS if version == FIRST_EDITION[-1] else "",
        "DROP TABLE former_message;",
        _ACCOUNTS[version],
        "ALTER TABLE unreadable RENAME TO former_unreadable;",
        QUARANTINE_TABLE,
        "INSERT INTO quarantine (sequence, account, raw, stored_at, settled)",
        f"SELECT sequence, account, raw, stored_at, {'settled' if version == FIRST_EDITION[-1] else '0'}",
        "FROM former_unreadable;",
        "DROP TABLE former_unreadable;",
        INDEXES,
        _stamp(VERSION),
    )
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy_messages(db: sqlite3.Connection, provider: str) -> bool:
    """Move the oldest messages that are left into the new table; return whether there were any."""
    last = db.execute(
        "SELECT max(sequence) FROM (SELECT sequence FROM former_message ORDER BY sequence LIMIT ?)", (BATCH_ROWS,)
    ).fetchone()[0]
    if last is None:
        return False
    db.execute(
        f"INSERT INTO message SELECT sequence, account, {provider}, message_id, sender, recipient, text, encoding,"
        " data, iif(received_at BETWEEN '2000' AND '2100', received_at, stored_at), in_reply_to, raw, stored_at,"
        " status,"
        f" CASE status WHEN {Status.PENDING} THEN attempts > 0 WHEN {Status.DELIVERED} THEN attempts > 1 ELSE 0 END"
        " FROM former_message WHERE sequence <= ? ORDER BY sequence",
        (last,),
    )
    db.execute("DELETE FROM former_message WHERE sequence <= ?", (last,))
    return True


def _in_batches(db: sqlite3.Connection, batch: Callable[[], bool]) -> None:
    """Run batches in a transaction each until there is nothing left, and keep the log small meanwhile."""
    number, more = 0, True
    while more:
        with db:
            db.execute("BEGIN IMMEDIATE")
            more = batch()
        number += 1
        if number % BATCHES_PER_CHECKPOINT == 0:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


_ANNOUNCEMENTS: Final = f"""
INSERT OR IGNORE INTO message (account, provider, message_id, sender, recipient, text, encoding, data, received_at,
    in_reply_to, raw, stored_at, status, in_doubt)
SELECT account, coalesce((SELECT provider FROM account WHERE account.account = announcement.account), ''), message_id,
    sender, recipient, text, encoding, data, received_at, in_reply_to, raw, stored_at, {Status.PENDING}, 1
FROM announcement ORDER BY sequence;
DROP TABLE announcement;
"""
_NOW: Final = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
_ADDED_AT: Final = (
    f"coalesce((SELECT min(stored_at) FROM message WHERE message.account = former_account.account), {_NOW})"
)
_DELIVERED: Final = (
    f"(SELECT count(*) FROM message WHERE message.account = former_account.account AND status = {Status.DELIVERED})"
)


def _accounts(provider: str, left: str, doubt: str, delivered: str, webhooks: str) -> str:
    """Return the statements that copy the accounts of an earlier version."""
    return f"""
ALTER TABLE account RENAME TO former_account;
{ACCOUNT_TABLE}
INSERT INTO account (account, provider, cursor, left_cursor, added_at, first_run, in_use, loss_since, doubt_since,
    delivered, first_webhook_at, last_webhook_at)
SELECT account, {provider}, cursor, {left}, {_ADDED_AT}, first_run, in_use, unsure_since, {doubt}, {delivered},
    {webhooks}
FROM former_account;
DROP TABLE former_account;
"""


_ACCOUNTS: Final = {
    1: _accounts("''", "NULL", "NULL", _DELIVERED, "NULL, NULL"),
    2: _accounts("provider", "left_cursor", f"iif(repeats, {_NOW}, NULL)", "delivered", "NULL, NULL"),
    3: _accounts("provider", "left_cursor", f"iif(repeats, {_NOW}, NULL)", "delivered", "first_call_at, last_call_at"),
}
