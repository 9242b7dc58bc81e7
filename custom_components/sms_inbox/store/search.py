"""Queries: messages by account, sender, time and text; counts and facts for the diagnostics.

Each function works on a connection within a transaction, see `Store.read`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import sqlite3
from typing import Any

from ..model import Message, StoredMessage
from ..texts import plain
from . import quarantine
from .rows import COLUMNS, stored_message
from .schema import Status

SENDERS = """
WITH RECURSIVE each(sender) AS (
    SELECT min(sender) FROM message WHERE text IS NOT NULL
    UNION ALL
    SELECT (SELECT min(sender) FROM message WHERE text IS NOT NULL AND sender > each.sender)
    FROM each WHERE each.sender IS NOT NULL
)
SELECT sender FROM each WHERE sender IS NOT NULL
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which of the messages that still have their text are wanted.

    Attributes:
        accounts: Ids of config entries, None for all.
        is_from: Whether a sender may be wanted, whichever provider wrote it, None for all.
        is_exactly_from: Whether one is wanted of an account and a provider (see `StoredMessage`), None where `is_from`
            says enough.
        contains: A part of the text, compared as `texts.plain` writes it; empty for all.
        since: Received then or later.
        until: Received before.
        limit: How many at most.
        newest_first: The order of the result, and which ones are left out beyond the limit.
    """

    accounts: Collection[str] | None = None
    is_from: Callable[[str], bool] | None = None
    is_exactly_from: Callable[[str, str, str], bool] | None = None
    contains: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int
    newest_first: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many messages of an account are stored: by status, with a text; and records that wait for a decision."""

    pending: int
    delivered: int
    existing: int
    claimed: int
    with_text: int
    quarantined: int


def find(db: sqlite3.Connection, query: Query) -> list[StoredMessage]:
    """Return the messages of a query, by the time at which they were received."""
    direction = "DESC" if query.newest_first else "ASC"
    senders = [row[0] for row in db.execute(SENDERS) if query.is_from(row[0])] if query.is_from else None
    if query.is_exactly_from:
        db.create_function("is_exactly_from", 3, query.is_exactly_from)
    conditions, values = _where(query, senders)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM message WHERE {conditions}"
        f" ORDER BY received_at {direction}, sequence {direction} LIMIT ?",
        (*values, query.limit),
    )
    return [stored_message(row) for row in rows]


def message(db: sqlite3.Connection, account: str, message_id: str, providers: Collection[str]) -> StoredMessage | None:
    """Return the latest message of an account with an id, None where there is none that still has its text.

    Args:
        db: The connection.
        account: Id of the config entry.
        message_id: The provider's id.
        providers: Keys of all that may have handed it over, see `StoredMessage`.
    """
    row = db.execute(
        f"SELECT {COLUMNS} FROM message WHERE account = ? AND provider IN (SELECT value FROM json_each(?))"
        " AND message_id = ? AND text IS NOT NULL ORDER BY sequence DESC LIMIT 1",
        (account, json.dumps(["", *providers]), message_id),
    ).fetchone()
    return stored_message(row) if row else None


def recent(db: sqlite3.Connection, account: str, limit: int) -> list[Message]:
    """Return the messages of an account that were stored last, the newest first; those that are erased without text."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM message WHERE account = ? ORDER BY sequence DESC LIMIT ?", (account, limit)
    )
    return [stored_message(row).message for row in rows]


def recipients(db: sqlite3.Connection, limit: int) -> set[tuple[str, str, str]]:
    """Return the accounts, providers and recipients of the messages that were stored last, of all accounts.

    The provider is empty where it is the one that still reads the account.
    """
    rows = db.execute("SELECT account, provider, recipient FROM message ORDER BY sequence DESC LIMIT ?", (limit,))
    return {tuple(row) for row in rows if row["recipient"]}


def received_since(db: sqlite3.Connection, account: str, since: datetime, provider: str) -> list[Message]:
    """Return what the provider of an account has handed over since a time, in order; what is erased has no text.

    Args:
        db: The connection.
        account: Id of the config entry.
        since: Received then or later.
        provider: Key of the provider, where the account was moved.
    """
    rows = db.execute(
        f"SELECT {COLUMNS} FROM message WHERE account = ? AND provider IN ('', ?) AND received_at >= ?"
        " ORDER BY received_at, sequence",
        (account, provider, since.astimezone(UTC).isoformat()),
    )
    return [stored_message(row).message for row in rows]


def last_record(db: sqlite3.Connection, account: str) -> bytes | None:
    """Return what came last as it came, understood or not; None where nothing did or it is erased."""
    message = db.execute(
        "SELECT raw, stored_at FROM message WHERE account = ? ORDER BY sequence DESC LIMIT 1", (account,)
    ).fetchone()
    record = db.execute(
        "SELECT raw, stored_at FROM quarantine WHERE account = ? AND NOT settled ORDER BY sequence DESC LIMIT 1",
        (account,),
    ).fetchone()
    last = max((row for row in (message, record) if row), key=lambda row: row["stored_at"], default=None)
    return last and last["raw"]


def count_all(db: sqlite3.Connection) -> int:
    """Return how many messages of all accounts are stored."""
    return int(db.execute("SELECT count(*) FROM message").fetchone()[0])


def counts(db: sqlite3.Connection, account: str) -> Counts:
    """Return how many messages of an account are stored."""
    by_status = dict.fromkeys(Status, 0)
    with_text = 0
    for status, number, texts in db.execute(
        "SELECT status, count(*), count(text) FROM message WHERE account = ? GROUP BY status", (account,)
    ):
        by_status[Status(status)] = number
        with_text += texts
    return Counts(
        pending=by_status[Status.PENDING],
        delivered=by_status[Status.DELIVERED],
        existing=by_status[Status.EXISTING],
        claimed=by_status[Status.CLAIMED],
        with_text=with_text,
        quarantined=quarantine.count(db, account),
    )


def account_row(db: sqlite3.Connection, account: str) -> dict[str, Any] | None:
    """Return the columns of an account, which hold nothing of a message; None where it is not known."""
    row = db.execute("SELECT * FROM account WHERE account = ?", (account,)).fetchone()
    return dict(row) if row else None


def schema_version(db: sqlite3.Connection) -> int:
    """Return the version of the tables."""
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _where(query: Query, senders: list[str] | None) -> tuple[str, list[Any]]:
    """Return the conditions of a query and their values."""
    wanted: list[tuple[str, Any]] = [
        _accounts_are(query.accounts, senders),
        ("sender IN (SELECT value FROM json_each(?))", None if senders is None else json.dumps(senders)),
        ("received_at >= ?", query.since and query.since.astimezone(UTC).isoformat()),
        ("received_at < ?", query.until and query.until.astimezone(UTC).isoformat()),
        ("contains(text, ?)", plain(query.contains) or None),
    ]
    wanted = [(condition, value) for condition, value in wanted if value is not None]
    exactly = ["is_exactly_from(account, provider, sender)"] if query.is_exactly_from else []
    conditions = ["text IS NOT NULL", *(condition for condition, _ in wanted), *exactly]
    return " AND ".join(conditions), [value for _, value in wanted]


def _accounts_are(wanted: Collection[str] | None, senders: list[str] | None) -> tuple[str, Any]:
    """Return the condition on the account, and its value, None where there is none.

    A sender is looked for by its own index, and several accounts by that of the time: an account's would do worse.
    """
    if wanted is None or len(wanted) != 1:
        return "+account IN (SELECT value FROM json_each(?))", None if wanted is None else json.dumps(list(wanted))
    return "account = ?" if senders is None else "+account = ?", next(iter(wanted))
