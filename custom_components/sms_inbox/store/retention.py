"""Erasing: texts that are kept no longer, messages that are so old that nobody shows them any more, removed accounts.

Each function works on a connection within a transaction, a batch at a time, see `Store.write_in_batches`.
"""

from datetime import UTC, datetime, timedelta
import sqlite3
from typing import Final

from . import outgoing, quarantine
from .rows import ERASED, text_of_time
from .schema import UNDELIVERED

BATCH: Final = 50  # what precedes a delivery waits for one
LAST_WITH_TEXT: Final = (
    "SELECT stored_at, sequence FROM message WHERE account = ? AND text IS NOT NULL"
    " ORDER BY stored_at DESC, sequence DESC LIMIT 1"
)
ERASE: Final = (
    f"UPDATE message SET {ERASED} WHERE sequence IN (SELECT sequence FROM message"
    f" WHERE account = ? AND text IS NOT NULL AND (stored_at, sequence) < (?, ?) AND NOT {UNDELIVERED}"
    " ORDER BY stored_at, sequence LIMIT ?)"
)
# Only the oldest rows are looked at, since the younger ones stand behind them: a quiet day must cost nothing.
FORGET: Final = (
    "DELETE FROM message WHERE sequence IN (SELECT sequence FROM (SELECT sequence, stored_at, received_at, status"
    " FROM message WHERE account = :account ORDER BY sequence LIMIT :batch)"
    f" WHERE max(stored_at, received_at) < :before AND NOT {UNDELIVERED})"
)
REMOVE: Final = (
    "DELETE FROM message WHERE sequence IN (SELECT sequence FROM message WHERE account = ? ORDER BY sequence LIMIT ?)"
)


def prune(
    db: sqlite3.Connection, account: str, *, store_texts: bool, texts_before: datetime, identities_before: datetime
) -> bool:
    """Erase old texts for good, and forget very old messages, a batch of each; return whether there may be more.

    What is not delivered yet stays.

    Args:
        db: The connection.
        account: Id of the config entry.
        store_texts: Without it only the message that was stored last keeps its text: it is shown, and what was lost in
            a crash is found by it.
        texts_before: Of messages stored earlier, only the identity is kept.
        identities_before: Messages received and stored earlier are forgotten, as far as the account's latest message is
            as much younger: what a provider may still show must be known, also where our clock was wrong, or where
            nothing has come for long.
    """
    before = (texts_before.astimezone(UTC).isoformat(), 0)
    if not store_texts and (last := db.execute(LAST_WITH_TEXT, (account,)).fetchone()):
        before = max(before, (last["stored_at"], last["sequence"]))
    erased = db.execute(ERASE, (account, *before, BATCH)).rowcount
    forgettable = text_of_time(_forgettable_before(db, account, identities_before))
    forgotten = db.execute(FORGET, {"account": account, "before": forgettable, "batch": BATCH}).rowcount
    pruned = quarantine.prune(db, account, records_before=texts_before, identities_before=identities_before)
    outgoing.prune(db, account, store_texts=store_texts, texts_before=texts_before, identities_before=identities_before)
    return bool(erased or forgotten or pruned)


def remove(db: sqlite3.Connection, account: str) -> bool:
    """Forget an account with all its messages, a batch of them; return whether there may be more."""
    left = db.execute(REMOVE, (account, BATCH)).rowcount
    if not left:
        quarantine.remove(db, account)
        outgoing.remove(db, account)
        db.execute("DELETE FROM account WHERE account = ?", (account,))
    return bool(left)


def _forgettable_before(db: sqlite3.Connection, account: str, before: datetime) -> datetime:
    """Return a time, earlier by the age of the latest message: lists by time begin a while before that one."""
    latest = db.execute(
        "SELECT min(stored_at, received_at) FROM message WHERE account = ? ORDER BY sequence DESC LIMIT 1", (account,)
    ).fetchone()
    age = datetime.now(UTC) - datetime.fromisoformat(latest[0]) if latest else timedelta()
    return before - max(age, timedelta())
