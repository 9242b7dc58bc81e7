"""Accounts: where each stands, and what is noted of it.

Each function works on a connection within a transaction, see `Store.write`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import sqlite3

from ..model import Cursor, StoredMessage
from ..providers.parsing import well_formed
from . import quarantine
from .rows import COLUMNS, stored_message, text_of_time, time_of_text
from .schema import UNDELIVERED, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountState:
    """Where an account stands.

    Attributes:
        cursor: Where the next page begins.
        added_at: When the account was added, by our clock.
        first_run: The inbox has not been read to its end yet.
        latest: The message delivered last that still has its text, None where there is none.
        delivered: How many messages were delivered, pruned ones included.
        quarantined: How many records could not be understood and wait for a decision.
        last_received_at: When the message was received that was stored last, None where there is none.
        loss_since: When the last message was received that was stored before an answer may have been lost, None where
            none can have been.
        loss_in_doubt: The file was restored while an answer may have been lost: what is recovered may have been
            delivered before.
        doubt_since: When the file was restored; what comes until the inbox is read to its end may have been delivered
            before. None where it was not restored, or the inbox was read to its end since.
        outage_since: Since when the provider can't be read, None where it can.
        first_webhook_at: When the first webhook request came, None where none came.
        last_webhook_at: When the last one came.
    """

    cursor: Cursor
    added_at: datetime
    first_run: bool
    latest: StoredMessage | None
    delivered: int
    quarantined: int
    last_received_at: datetime | None
    loss_since: datetime | None
    loss_in_doubt: bool
    doubt_since: datetime | None
    outage_since: datetime | None
    first_webhook_at: datetime | None
    last_webhook_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Where an account stands after a page.

    Attributes:
        cursor: Where the next page begins.
        first_run: The inbox has still not been read to its end.
        caught_up: The inbox has just been read to its end.
        stored_ids: Ids of messages that were stored before and that the provider may go on showing. Where the file was
            deleted since, they are noted again, so that none of them is fired again.
    """

    cursor: Cursor
    first_run: bool
    caught_up: bool = False
    stored_ids: Collection[str] = ()


def begin(
    db: sqlite3.Connection, account: str, provider: str, added_at: datetime, *, was_lost: bool = False
) -> AccountState:
    """Take an account into use, and return where it stands.

    What is claimed was fired, or not: it is pending and in doubt from now on. If the account was in use already, it was
    never ended, and an answer may have been lost. If it was moved away from the provider that reads it now, a crash has
    undone the move elsewhere, and it is undone here, too.

    Args:
        db: The connection.
        account: Id of the config entry.
        provider: Key of the provider that reads it, empty where it doesn't matter.
        added_at: When the account was added, for one that is not known yet.
        was_lost: Whether one that is not known yet was known to a file that is lost, so that what comes until the inbox
            is read to its end may have been delivered before.
    """
    db.execute(
        "INSERT OR IGNORE INTO account (account, provider, cursor, added_at, first_run, in_use, doubt_since)"
        " VALUES (?, '', '{}', ?, 1, 0, ?)",
        (account, text_of_time(added_at), text_of_time(datetime.now(UTC) if was_lost else None)),
    )
    _move_back(db, account, provider)
    db.execute(
        f"UPDATE message SET status = {Status.PENDING}, in_doubt = 1"
        f" WHERE account = ? AND status = {Status.CLAIMED} AND {UNDELIVERED}",
        (account,),
    )
    row = db.execute("SELECT * FROM account WHERE account = ?", (account,)).fetchone()
    last_received_at, latest = _last_received_at(db, account), _latest(db, account)
    loss_since = row["loss_since"] or (last_received_at if row["in_use"] and not row["first_run"] else None)
    loss_in_doubt = bool(loss_since and (row["loss_in_doubt"] or row["doubt_since"]))
    db.execute(
        "UPDATE account SET in_use = 1, loss_since = ?, loss_in_doubt = ? WHERE account = ?",
        (loss_since, loss_in_doubt, account),
    )
    return AccountState(
        cursor=json.loads(row["cursor"]),
        added_at=datetime.fromisoformat(row["added_at"]),
        first_run=bool(row["first_run"]),
        latest=latest,
        delivered=row["delivered"],
        quarantined=quarantine.count(db, account),
        last_received_at=time_of_text(last_received_at),
        loss_since=time_of_text(loss_since),
        loss_in_doubt=loss_in_doubt,
        doubt_since=time_of_text(row["doubt_since"]),
        outage_since=time_of_text(row["outage_since"]),
        first_webhook_at=time_of_text(row["first_webhook_at"]),
        last_webhook_at=time_of_text(row["last_webhook_at"]),
    )


def names(db: sqlite3.Connection) -> list[str]:
    """Return the ids of all accounts that are stored."""
    return [row[0] for row in db.execute("SELECT account FROM account")]


def end(db: sqlite3.Connection, account: str, progress: Progress) -> None:
    """Note that an account ended in order, with no answer of its provider under way."""
    save_progress(db, account, progress)
    db.execute("UPDATE account SET in_use = 0 WHERE account = ?", (account,))


def doubt_all(db: sqlite3.Connection) -> None:
    """Note that the file was restored: what is not delivered in it, and what comes next, may have been delivered."""
    db.execute(f"UPDATE message SET status = {Status.PENDING}, in_doubt = 1 WHERE {UNDELIVERED}")
    db.execute("UPDATE account SET doubt_since = ?", (text_of_time(datetime.now(UTC)),))


def set_loss(db: sqlite3.Connection, account: str, since: datetime | None) -> None:
    """Store since when an answer may have been lost; None: none was, and recovered messages are no longer in doubt."""
    db.execute(
        "UPDATE account SET loss_since = :since, loss_in_doubt = loss_in_doubt AND :since IS NOT NULL"
        " WHERE account = :account",
        {"account": account, "since": text_of_time(since)},
    )


def set_outage(db: sqlite3.Connection, account: str, since: datetime | None) -> None:
    """Note since when the provider can't be read, None where it can."""
    db.execute("UPDATE account SET outage_since = ? WHERE account = ?", (text_of_time(since), account))


def set_webhook(db: sqlite3.Connection, account: str, at: datetime) -> None:
    """Store when a webhook request was accepted."""
    db.execute(
        "UPDATE account SET first_webhook_at = coalesce(first_webhook_at, :at), last_webhook_at = :at"
        " WHERE account = :account",
        {"account": account, "at": text_of_time(at)},
    )


def save_progress(db: sqlite3.Connection, account: str, progress: Progress) -> None:
    """Store where an account stands; it isn't there if its file was deleted while it was in use."""
    update = "UPDATE account SET cursor = ?, first_run = ?, doubt_since = iif(?, NULL, doubt_since) WHERE account = ?"
    values = (json.dumps(progress.cursor), progress.first_run, progress.caught_up, account)
    if not db.execute(update, values).rowcount:
        _store_again(db, account, progress.stored_ids)
        db.execute(update, values)


def _last_received_at(db: sqlite3.Connection, account: str) -> str | None:
    """Return when the message was received that was stored last, None where there is none."""
    row = db.execute(
        "SELECT received_at FROM message WHERE account = ? ORDER BY sequence DESC LIMIT 1", (account,)
    ).fetchone()
    return row and str(row[0])


def _latest(db: sqlite3.Connection, account: str) -> StoredMessage | None:
    """Return the message delivered last that still has its text, None where there is none."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM message WHERE account = ? AND text IS NOT NULL AND status = {Status.DELIVERED}"
        " ORDER BY stored_at DESC, sequence DESC LIMIT 1",
        (account,),
    ).fetchone()
    return row and stored_message(row)


def _store_again(db: sqlite3.Connection, account: str, stored_ids: Collection[str]) -> None:
    """Store an account whose file was deleted, and what its provider may go on showing: it was fired."""
    now = text_of_time(datetime.now(UTC))
    db.execute(
        "INSERT INTO account (account, provider, cursor, added_at, first_run, in_use) VALUES (?, '', '{}', ?, 1, 1)",
        (account, now),
    )
    db.executemany(
        "INSERT OR IGNORE INTO message (account, provider, message_id, sender, encoding, received_at, stored_at,"
        " status, in_doubt) VALUES (?, '', ?, '', 'text', ?, ?, ?, 0)",
        [(account, well_formed(message_id), now, now, Status.EXISTING) for message_id in stored_ids],
    )


def _move_back(db: sqlite3.Connection, account: str, provider: str) -> None:
    """Let an account that was moved away from a provider go on there where it stood, if it is read by that one again.

    What comes then may have been delivered meanwhile. Where nobody knows where it stood, nothing old may fire.
    """
    db.execute(
        "UPDATE account SET provider = :provider, cursor = coalesce(left_cursor, '{}'), left_cursor = NULL,"
        " first_run = first_run OR left_cursor IS NULL, doubt_since = :now"
        " WHERE account = :account AND provider <> :provider AND '' NOT IN (provider, :provider)",
        {"account": account, "provider": provider, "now": text_of_time(datetime.now(UTC))},
    )
