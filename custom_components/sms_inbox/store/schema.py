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


# SQLite only uses a partial index where a query repeats its condition word by word; behind `status = …`, for else the
# planner takes another index, or sorts.
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
    channel TEXT,
    fingerprint TEXT,
    reply_to TEXT,
    reply_certain INTEGER,
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
    loss_in_doubt INTEGER NOT NULL DEFAULT 0,
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
OUTGOING_TABLE: Final = """
CREATE TABLE outgoing (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    provider TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    request_key TEXT,
    recipient TEXT NOT NULL,
    contact TEXT,
    sender TEXT,
    text TEXT,
    parts INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    status TEXT NOT NULL,
    announced TEXT NOT NULL,
    is_unfired INTEGER NOT NULL DEFAULT 0,
    in_doubt INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    begun_at TEXT,
    charged_at TEXT,
    accepted_at TEXT,
    settled_at TEXT NOT NULL,
    provider_id TEXT,
    cost REAL,
    currency TEXT,
    reason TEXT,
    cause TEXT,
    is_automatic INTEGER NOT NULL,
    user_id TEXT
) STRICT;
"""
OPTED_OUT_TABLE: Final = """
CREATE TABLE opted_out (
    account TEXT NOT NULL,
    number TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (account, number)
) STRICT;
"""
SENDING: Final = (
    OUTGOING_TABLE,
    OPTED_OUT_TABLE,
    "CREATE INDEX outgoing_account ON outgoing (account, status)",
    "CREATE INDEX outgoing_created ON outgoing (account, created_at)",
    "CREATE INDEX outgoing_charged ON outgoing (account, charged_at, parts) WHERE charged_at IS NOT NULL",
    "CREATE INDEX outgoing_accepted ON outgoing (account, accepted_at) WHERE accepted_at IS NOT NULL",
    "CREATE INDEX outgoing_recipient ON outgoing (account, recipient, accepted_at) WHERE accepted_at IS NOT NULL",
    "CREATE INDEX outgoing_provider_id ON outgoing (account, provider_id) WHERE provider_id IS NOT NULL",
    "CREATE UNIQUE INDEX outgoing_request ON outgoing (account, request_key, recipient) WHERE request_key IS NOT NULL",
    "CREATE UNIQUE INDEX outgoing_answer ON outgoing (account, cause) WHERE is_automatic",
)
"""The tables of what is sent, with their indexes."""
# SQLite orders what is equal in an index by the sequence.
INDEXES: Final = (
    "CREATE INDEX IF NOT EXISTS message_account ON message (account)",
    f"CREATE INDEX IF NOT EXISTS message_undelivered ON message (account, status) WHERE {UNDELIVERED}",
    "CREATE INDEX IF NOT EXISTS message_text ON message (account, stored_at) WHERE text IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS message_newest ON message (account, received_at) WHERE text IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS message_received ON message (received_at) WHERE text IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS message_sender ON message (sender, received_at) WHERE text IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS quarantine_waiting ON quarantine (account) WHERE NOT settled",
)
VERSION: Final = 6
FIRST_EDITION: Final = (1, 2, 3)
LATER_COLUMNS: Final = {
    4: ("channel TEXT", "fingerprint TEXT", "reply_to TEXT", "reply_certain INTEGER"),
    5: ("reply_to TEXT", "reply_certain INTEGER"),
}
"""The columns of a message that an earlier version lacks."""
ANNOUNCING: Final = 3
EMPTY_LOG: Final = "PRAGMA wal_checkpoint(TRUNCATE)"
_POSSIBLE_TIME: Final = (
    "iif(received_at BETWEEN '2000' AND strftime('%Y-%m-%d', stored_at, '+3 days'), received_at, stored_at)"
)
_FORMER_COLUMNS: Final = (
    "sequence, account, provider, message_id, sender, recipient, text, encoding, data, received_at, in_reply_to, raw,"
    " stored_at, status, in_doubt"
)
_RECORDS: Final = """
INSERT INTO quarantine (sequence, account, raw, stored_at, settled)
SELECT sequence, account, raw, stored_at, {settled} FROM former_unreadable
"""


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
        tables = (ACCOUNT_TABLE, MESSAGE_TABLE.format(name="message"), QUARANTINE_TABLE)
        _script(db, *tables, *INDEXES, *SENDING, _stamp(VERSION))
    elif version in FIRST_EDITION:
        _migrate_first_edition(db, version)
    elif version in LATER_COLUMNS:
        columns = (f"ALTER TABLE message ADD COLUMN {column}" for column in LATER_COLUMNS[version])
        _script(db, *columns, *SENDING, _stamp(VERSION))


def damage(reason: str) -> sqlite3.DatabaseError:
    """Return the error of a damaged file."""
    error = sqlite3.DatabaseError(reason)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _stamp(version: int) -> str:
    """Return the statement that notes a version."""
    return f"PRAGMA user_version = {version}"


def _script(db: sqlite3.Connection, *statements: str) -> None:
    """Run statements in one transaction."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        for statement in statements:
            db.execute(statement)


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    """Whether there is a table."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone())


def _migrate_first_edition(db: sqlite3.Connection, version: int) -> None:
    """Migrate versions 1 to 3, which counted attempts and knew announcements of messages.

    What was attempted and not marked is pending and in doubt now. An announcement that no poll has confirmed becomes a
    pending message in doubt; the poll that confirms it may follow, so that what comes next is in doubt, too. The table
    of messages is copied in batches, and each batch deleted where it came from.
    """
    if not _has_table(db, "former_message"):
        _script(
            db,
            *((_DOUBT_ANNOUNCED,) if version == ANNOUNCING else ()),
            "DROP TRIGGER IF EXISTS message_delivered",
            *(
                f"DROP INDEX IF EXISTS message_{name}"
                for name in ("sequence", "due", "received", "sender", "announced")
            ),
            "ALTER TABLE message RENAME TO former_message",
            MESSAGE_TABLE.format(name="message"),
            "ALTER TABLE unreadable RENAME TO former_unreadable",
            QUARANTINE_TABLE,
        )
    provider = "provider" if version > 1 else "''"
    _in_batches(db, lambda: _copy_messages(db, provider))
    for index in INDEXES:
        _script(db, index)
        db.execute(EMPTY_LOG)
    _script(
        db,
        *((_ANNOUNCEMENTS, "DROP TABLE announcement") if version == ANNOUNCING else ()),
        "DROP TABLE former_message",
        "ALTER TABLE account RENAME TO former_account",
        ACCOUNT_TABLE,
        _ACCOUNTS[version],
        "DROP TABLE former_account",
        _RECORDS.format(settled="settled" if version == ANNOUNCING else "0"),
        "DROP TABLE former_unreadable",
        *SENDING,
        _stamp(VERSION),
    )
    db.execute(EMPTY_LOG)


def _copy_messages(db: sqlite3.Connection, provider: str) -> bool:
    """Move the oldest messages that are left into the new table; return whether there were any."""
    last = db.execute(
        "SELECT max(sequence) FROM (SELECT sequence FROM former_message ORDER BY sequence LIMIT ?)", (BATCH_ROWS,)
    ).fetchone()[0]
    if last is None:
        return False
    db.execute(
        f"INSERT INTO message ({_FORMER_COLUMNS})"
        f" SELECT sequence, account, {provider}, message_id, sender, recipient, text, encoding,"
        f" data, {_POSSIBLE_TIME}, in_reply_to, raw, stored_at, status,"
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
            db.execute(EMPTY_LOG)


_ANNOUNCEMENTS: Final = f"""
INSERT OR IGNORE INTO message (account, provider, message_id, sender, recipient, text, encoding, data, received_at,
    in_reply_to, raw, stored_at, status, in_doubt)
SELECT account, coalesce((SELECT provider FROM account WHERE account.account = announcement.account), ''), message_id,
    sender, recipient, text, encoding, data, {_POSSIBLE_TIME}, in_reply_to, raw, stored_at, {Status.PENDING}, 1
FROM announcement ORDER BY sequence
"""
# A message that was announced and that no poll has brought yet has another id there, and was delivered already, or will
# be before it comes.
_DOUBT_ANNOUNCED: Final = """
UPDATE account SET repeats = 1 WHERE account IN (SELECT account FROM announcement)
    OR account IN (SELECT account FROM message WHERE announced = 2)
"""
_NOW: Final = "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"
_ADDED_AT: Final = (
    f"coalesce((SELECT min(stored_at) FROM message WHERE message.account = former_account.account), {_NOW})"
)
_DELIVERED: Final = (
    f"(SELECT count(*) FROM message WHERE message.account = former_account.account AND status = {Status.DELIVERED})"
)


def _accounts(provider: str, left: str, doubt: str, delivered: str, webhooks: str) -> str:
    """Return the statement that copies the accounts of an earlier version."""
    return f"""
INSERT INTO account (account, provider, cursor, left_cursor, added_at, first_run, in_use, loss_since, doubt_since,
    delivered, first_webhook_at, last_webhook_at)
SELECT account, {provider}, cursor, {left}, {_ADDED_AT}, first_run, in_use,
    iif(unsure_since BETWEEN '2000' AND '2100', unsure_since, NULL), {doubt}, {delivered}, {webhooks}
FROM former_account
"""


_ACCOUNTS: Final = {
    1: _accounts("''", "NULL", "NULL", _DELIVERED, "NULL, NULL"),
    2: _accounts("provider", "left_cursor", f"iif(repeats, {_NOW}, NULL)", "delivered", "NULL, NULL"),
    3: _accounts("provider", "left_cursor", f"iif(repeats, {_NOW}, NULL)", "delivered", "first_call_at, last_call_at"),
}
