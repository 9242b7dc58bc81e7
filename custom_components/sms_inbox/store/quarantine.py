"""Records that could not be understood: kept until a person decides, or until they can be read.

Each function works on a connection within a transaction, see `Store.write`.
"""

from collections.abc import Iterable
from datetime import datetime
import hashlib
import sqlite3


def keep(db: sqlite3.Connection, account: str, records: Iterable[bytes], now: datetime) -> None:
    """Store records, each once, but for those that a person has dropped before."""
    db.executemany(
        "INSERT OR IGNORE INTO quarantine (account, raw, stored_at) SELECT ?, ?, ?"
        " WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE account = ? AND raw = ? AND settled)",
        [(account, raw, now.isoformat(), account, _digest(raw)) for raw in records],
    )


def count(db: sqlite3.Connection, account: str) -> int:
    """Return how many records of an account wait for a decision."""
    row = db.execute("SELECT count(*) FROM quarantine WHERE account = ? AND NOT settled", (account,)).fetchone()
    return int(row[0])


def oldest(db: sqlite3.Connection, account: str, limit: int) -> list[tuple[int, bytes]]:
    """Return number and bytes of the oldest records that wait for a decision."""
    rows = db.execute(
        "SELECT sequence, raw FROM quarantine WHERE account = ? AND NOT settled ORDER BY sequence LIMIT ?",
        (account, limit),
    )
    return [tuple(row) for row in rows]


def drop(db: sqlite3.Connection, account: str, number: int, *, shown_again: bool, now: datetime) -> bool:
    """Drop a record; return whether it was there. If it may be shown again, its digest is kept, so that it is known."""
    gone = db.execute(
        "DELETE FROM quarantine WHERE account = ? AND sequence = ? AND NOT settled RETURNING raw", (account, number)
    ).fetchone()
    if gone and shown_again:
        db.execute(
            "INSERT OR IGNORE INTO quarantine (account, raw, stored_at, settled) VALUES (?, ?, ?, 1)",
            (account, _digest(gone["raw"]), now.isoformat()),
        )
    return gone is not None


def prune(db: sqlite3.Connection, account: str, *, records_before: datetime, identities_before: datetime) -> bool:
    """Forget records, and digests of dropped ones, that are older; return whether there were any."""
    pruned = db.execute(
        "DELETE FROM quarantine WHERE account = ? AND stored_at < iif(settled, ?, ?)",
        (account, identities_before.isoformat(), records_before.isoformat()),
    )
    return pruned.rowcount > 0


def remove(db: sqlite3.Connection, account: str) -> None:
    """Forget all records of an account."""
    db.execute("DELETE FROM quarantine WHERE account = ?", (account,))


def _digest(raw: bytes) -> bytes:
    """Return what a record is known by that is not to be kept."""
    return hashlib.sha256(raw).digest()
