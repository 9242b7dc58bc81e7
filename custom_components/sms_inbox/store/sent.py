"""Queries about what was sent: threads with received messages, and what the sensors show.

Each function works on a connection within a transaction, see `Store.read`.
"""

from collections.abc import Callable
from datetime import datetime
import json
import sqlite3
from typing import Any

from ..model import SentText
from ..texts import plain
from .outgoing import COLUMNS, sent_text
from .rows import text_of_time
from .search import Query


def find(db: sqlite3.Connection, query: Query, is_to: Callable[[str], bool] | None) -> list[SentText]:
    """Return the sent texts of a query, by the time at which they were stored; those that still have their text.

    Args:
        db: The connection.
        query: What is wanted; its times are those of storing, and its functions about senders are not used.
        is_to: Whether a recipient may be wanted, None for all.
    """
    if is_to:
        db.create_function("is_to", 1, is_to)
    direction = "DESC" if query.newest_first else "ASC"
    wanted: list[tuple[str, Any]] = [
        (
            "account IN (SELECT value FROM json_each(?))",
            None if query.accounts is None else json.dumps([*query.accounts]),
        ),
        ("created_at >= ?", text_of_time(query.since)),
        ("created_at < ?", text_of_time(query.until)),
        ("contains(text, ?)", plain(query.contains) or None),
    ]
    wanted = [(condition, value) for condition, value in wanted if value is not None]
    conditions = ["text IS NOT NULL", *(condition for condition, _ in wanted), *["is_to(recipient)"] * bool(is_to)]
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE {' AND '.join(conditions)}"
        f" ORDER BY created_at {direction}, sequence {direction} LIMIT ?",
        (*(value for _, value in wanted), query.limit),
    )
    return [sent_text(row) for row in rows]


def last_accepted(db: sqlite3.Connection, account: str, _since: datetime) -> datetime | None:
    """Return when the vendor last took a text of an account, None where it took none."""
    (at,) = db.execute(
        "SELECT max(accepted_at) FROM outgoing WHERE account = ? AND accepted_at IS NOT NULL", (account,)
    ).fetchone()
    return datetime.fromisoformat(at) if at else None


def parts_accepted(db: sqlite3.Connection, account: str, since: datetime) -> int:
    """Return how many parts of an account's texts the vendor has taken since a time."""
    (parts,) = db.execute(
        "SELECT coalesce(sum(parts), 0) FROM outgoing WHERE account = ? AND accepted_at >= ?",
        (account, text_of_time(since)),
    ).fetchone()
    return int(parts)
