"""Texts that are sent: stored, claimed, settled, reported, and found again.

Each function works on a connection within a transaction, see `Store.write`. What a text may cost is charged when it is
stored, and given back only where nothing of it was sent: a crash or a lost answer can't make room for more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
import sqlite3
from typing import Final

from ..model import OPEN, RANKS, Accepted, Outgoing, Reason, Report, SendStatus, SentText
from .rows import text_of_time, time_of_text

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
KEY_HELD: Final = timedelta(hours=24)
COLUMNS: Final = (
    "sequence, account, provider, key, recipient, contact, sender, text, parts, created_at, expires_at, status,"
    " attempts, begun_at, accepted_at, settled_at, provider_id, cost, currency, reason, cause, is_automatic, user_id"
)
TAKEN: Final = tuple(str(status) for status in RANKS)
UNSENT: Final = (SendStatus.REFUSED, SendStatus.EXPIRED)
"""Final states in which nothing was sent, so that nothing is charged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A text to store.

    Attributes:
        account: Id of the account's config entry.
        provider: Key of the provider.
        outgoing: The text.
        status: `QUEUED`, or `PREPARING` where the text is still to be made.
        contact: Id of the contact's subentry, None where the recipient is none.
        request_key: A key of the caller's: the same one within a day means the same text; None where there is none.
        cause: Id of the received message that it answers, None where it answers none.
        is_automatic: Whether it is an answer of Assist; there is only one for each message.
        user_id: Id of Home Assistant's user who sends it, None for an automation.
    """

    account: str
    provider: str
    outgoing: Outgoing
    status: SendStatus = SendStatus.QUEUED
    contact: str | None = None
    request_key: str | None = None
    cause: str | None = None
    is_automatic: bool = False
    user_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """How many parts an account may send; each recipient counts."""

    per_hour: int
    per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What became of texts that were to be stored.

    Attributes:
        texts: The texts, also those that were stored before with the same key; empty where a cap was reached.
        new: The keys of those that are new.
        reached: Which cap was reached (`per_hour`, `per_day`), None where none was.
    """

    texts: tuple[SentText, ...] = ()
    new: frozenset[str] = frozenset()
    reached: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A text whose state has changed, and the state before."""

    text: SentText
    previous: SendStatus


def insert(db: sqlite3.Connection, drafts: Sequence[Draft], caps: Caps) -> Stored:
    """Store texts of one account, all or none; those whose request was stored before are returned as they are now.

    An automatic answer to a message that has one already is left out.
    """
    now = datetime.now(UTC)
    known = [_requested(db, draft, now) for draft in drafts]
    new = [draft for draft, found in zip(drafts, known, strict=True) if not found and not _is_answered(db, draft)]
    parts = sum(draft.outgoing.parts for draft in new)
    if new and (reached := _reached(db, new[0].account, parts, caps, now)):
        return Stored(reached=reached)
    for draft in new:
        _insert(db, draft, now)
    texts = [found or get(db, draft.outgoing.key) for draft, found in zip(drafts, known, strict=True)]
    return Stored(texts=tuple(text for text in texts if text), new=frozenset(draft.outgoing.key for draft in new))


def fill(db: sqlite3.Connection, key: str, text: str, *, parts: int, expires_at: datetime, caps: Caps) -> Stored:
    """Queue a text in preparation with its content, unless a cap is reached; nothing if it is settled already."""
    now = datetime.now(UTC)
    if not (found := get(db, key)) or found.status is not SendStatus.PREPARING:
        return Stored()
    if reached := _reached(db, found.account, parts, caps, now):
        return Stored(reached=reached)
    at = text_of_time(now)
    db.execute(
        "UPDATE outgoing SET text = ?, parts = ?, expires_at = ?, status = ?, settled_at = ?, charged_at = ?"
        " WHERE key = ?",
        (text, parts, text_of_time(expires_at), SendStatus.QUEUED, at, at, key),
    )
    filled = get(db, key)
    return Stored(texts=(filled,) if filled else ())


def claim(db: sqlite3.Connection, account: str, now: datetime) -> SentText | None:
    """Note that the oldest text in the queue is about to be sent; return it, None where there is none."""
    row = db.execute(
        f"UPDATE outgoing SET status = '{SendStatus.SENDING}', attempts = attempts + 1, begun_at = ?, settled_at = ?"
        " WHERE sequence = (SELECT sequence FROM outgoing"
        f" WHERE account = ? AND status = '{SendStatus.QUEUED}' AND expires_at > ? ORDER BY sequence LIMIT 1)"
        f" RETURNING {COLUMNS}",
        (text_of_time(now), text_of_time(now), account, text_of_time(now)),
    ).fetchone()
    return sent_text(row) if row else None


def claim_again(db: sqlite3.Connection, key: str) -> SentText | None:
    """Note one more attempt for a text whose outcome is unknown; `begun_at` stays that of the first one."""
    row = db.execute(
        f"UPDATE outgoing SET attempts = attempts + 1 WHERE key = ? AND status = '{SendStatus.SENDING}'"
        f" RETURNING {COLUMNS}",
        (key,),
    ).fetchone()
    return sent_text(row) if row else None


def requeue(db: sqlite3.Connection, key: str) -> None:
    """Put a text that was surely not sent back into the queue, in its place."""
    db.execute(
        f"UPDATE outgoing SET status = '{SendStatus.QUEUED}', begun_at = NULL"
        f" WHERE key = ? AND status = '{SendStatus.SENDING}'",
        (key,),
    )


def expire(db: sqlite3.Connection, account: str, now: datetime) -> list[Change]:
    """Settle what is still in the queue after its time."""
    rows = db.execute(
        f"SELECT key FROM outgoing WHERE account = ? AND status = '{SendStatus.QUEUED}' AND expires_at <= ?",
        (account, text_of_time(now)),
    ).fetchall()
    changes = [settle(db, row["key"], SendStatus.EXPIRED, reason=Reason.EXPIRED) for row in rows]
    return [change for change in changes if change]


def settle(
    db: sqlite3.Connection,
    key: str,
    status: SendStatus,
    *,
    accepted: Accepted | None = None,
    reason: Reason | None = None,
) -> Change | None:
    """Note what became of a text; None where its state doesn't change.

    An open text, and one whose outcome is unknown, takes any state that is not open. One that the vendor has taken only
    rises.
    """
    found = get(db, key)
    if not found or not _may_follow(found.status, status):
        return None
    now = text_of_time(datetime.now(UTC))
    accepted = accepted or Accepted()
    db.execute(
        "UPDATE outgoing SET status = ?, settled_at = ?, reason = ?, accepted_at = coalesce(accepted_at, ?),"
        " provider_id = coalesce(?, provider_id), parts = coalesce(?, parts), cost = coalesce(?, cost),"
        " currency = coalesce(?, currency), charged_at = iif(?, NULL, charged_at) WHERE key = ?",
        (
            status,
            now,
            reason,
            now if status.is_taken else None,
            accepted.provider_id,
            accepted.parts,
            accepted.cost,
            accepted.currency,
            status in UNSENT,
            key,
        ),
    )
    changed = get(db, key)
    return Change(text=changed, previous=found.status) if changed else None


def report(db: sqlite3.Connection, account: str, reports: Iterable[Report]) -> list[Change]:
    """Note what vendors report; a text that is not known here was sent by another program, and is left out."""
    changes = []
    for each in reports:
        row = db.execute(
            "SELECT key FROM outgoing WHERE account = ? AND (provider_id = ? OR key = ?)"
            " ORDER BY sequence DESC LIMIT 1",
            (account, each.provider_id, each.key),
        ).fetchone()
        if not row:
            continue
        accepted = Accepted(provider_id=each.provider_id, parts=each.parts, cost=each.cost, currency=each.currency)
        if change := settle(db, row["key"], each.status, accepted=accepted, reason=each.reason):
            changes.append(change)
        else:
            db.execute(
                "UPDATE outgoing SET parts = coalesce(?, parts), cost = coalesce(?, cost),"
                " currency = coalesce(?, currency) WHERE key = ?",
                (each.parts, each.cost, each.currency, row["key"]),
            )
    return changes


def mark_announced(db: sqlite3.Connection, changes: Collection[Change]) -> None:
    """Note that the events about these states were fired."""
    db.executemany(
        "UPDATE outgoing SET announced = ? WHERE key = ?",
        [(change.text.status, change.text.outgoing.key) for change in changes],
    )


def unannounced(db: sqlite3.Connection, account: str) -> list[Change]:
    """Return the texts whose event may not have been fired, each with the state that was announced last."""
    rows = db.execute(
        f"SELECT {COLUMNS}, announced FROM outgoing WHERE account = ? AND announced <> status"
        " AND status NOT IN (SELECT value FROM json_each(?)) ORDER BY sequence",
        (account, json.dumps(list(OPEN))),
    ).fetchall()
    return [Change(text=sent_text(row), previous=SendStatus(row["announced"])) for row in rows]


def interrupt(db: sqlite3.Connection, account: str) -> list[Change]:
    """Settle the automatic answers that were being made when the process ended: they are never made again."""
    rows = db.execute(
        "SELECT key FROM outgoing WHERE account = ? AND status = ?", (account, SendStatus.PREPARING)
    ).fetchall()
    changes = [settle(db, row["key"], SendStatus.EXPIRED, reason=Reason.INTERRUPTED) for row in rows]
    return [change for change in changes if change]


def doubt(db: sqlite3.Connection) -> None:
    """Note that the file was restored: what was still to be sent may have been sent since the backup."""
    db.execute(
        "UPDATE outgoing SET status = ?, begun_at = coalesce(begun_at, created_at) WHERE status = ?",
        (SendStatus.SENDING, SendStatus.QUEUED),
    )


def get(db: sqlite3.Connection, key: str) -> SentText | None:
    """Return a text, None where there is none."""
    row = db.execute(f"SELECT {COLUMNS} FROM outgoing WHERE key = ?", (key,)).fetchone()
    return sent_text(row) if row else None


def with_status(db: sqlite3.Connection, account: str, statuses: Collection[SendStatus]) -> list[SentText]:
    """Return the texts of an account in some states, the oldest first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND status IN (SELECT value FROM json_each(?))"
        " ORDER BY sequence",
        (account, json.dumps(list(statuses))),
    )
    return [sent_text(row) for row in rows]


def waiting(db: sqlite3.Connection, account: str, since: datetime, limit: int) -> list[SentText]:
    """Return the texts that were taken since a time and have not got to a final state, the latest first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND status IN (?, ?) AND accepted_at >= ?"
        " ORDER BY sequence DESC LIMIT ?",
        (account, SendStatus.ACCEPTED, SendStatus.SENT, text_of_time(since), limit),
    )
    return [sent_text(row) for row in rows]


def taken_since(db: sqlite3.Connection, account: str, since: datetime) -> list[SentText]:
    """Return the texts that the vendor has taken since a time, the oldest first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND accepted_at >= ? ORDER BY sequence",
        (account, text_of_time(since)),
    )
    return [sent_text(row) for row in rows]


def last_taken(db: sqlite3.Connection, account: str) -> SentText | None:
    """Return the text that the vendor took last, None where there is none."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND accepted_at IS NOT NULL"
        " ORDER BY accepted_at DESC, sequence DESC LIMIT 1",
        (account,),
    ).fetchone()
    return sent_text(row) if row else None


def charged(db: sqlite3.Connection, account: str, since: datetime) -> int:
    """Return how many parts were charged since a time; what was charged by a clock that was ahead counts, too."""
    row = db.execute(
        "SELECT coalesce(sum(parts), 0) FROM outgoing WHERE account = ? AND charged_at >= ?",
        (account, text_of_time(since)),
    ).fetchone()
    return int(row[0])


def has_room(db: sqlite3.Connection, account: str, caps: Caps) -> bool:
    """Whether one more part may be sent now."""
    return _reached(db, account, 1, caps, datetime.now(UTC)) is None


def automatic_since(db: sqlite3.Connection, account: str, recipient: str, since: datetime) -> int:
    """Return how many automatic answers were made to a number since a time, whatever became of them."""
    row = db.execute(
        "SELECT count(*) FROM outgoing WHERE account = ? AND recipient = ? AND is_automatic AND created_at >= ?",
        (account, recipient, text_of_time(since)),
    ).fetchone()
    return int(row[0])


def opt_out(db: sqlite3.Connection, account: str, number: str) -> None:
    """Note that somebody wants no more automatic answers."""
    db.execute(
        "INSERT OR IGNORE INTO opted_out (account, number, since) VALUES (?, ?, ?)",
        (account, number, text_of_time(datetime.now(UTC))),
    )


def opt_in(db: sqlite3.Connection, account: str, number: str) -> None:
    """Note that somebody wants automatic answers again."""
    db.execute("DELETE FROM opted_out WHERE account = ? AND number = ?", (account, number))


def has_opted_out(db: sqlite3.Connection, account: str, number: str) -> bool:
    """Whether somebody wants no automatic answers."""
    found = db.execute("SELECT 1 FROM opted_out WHERE account = ? AND number = ?", (account, number)).fetchone()
    return found is not None


def prune(
    db: sqlite3.Connection, account: str, *, store_texts: bool, texts_before: datetime, identities_before: datetime
) -> None:
    """Erase the texts and numbers that are too old, all texts that are done with if none are to stay, and old rows."""
    db.execute(
        "UPDATE outgoing SET text = NULL, recipient = '', sender = NULL"
        " WHERE account = ? AND created_at < ? AND (text IS NOT NULL OR recipient <> '')",
        (account, text_of_time(texts_before)),
    )
    if not store_texts:
        db.execute(
            "UPDATE outgoing SET text = NULL WHERE account = ? AND text IS NOT NULL"
            " AND status NOT IN (SELECT value FROM json_each(?))",
            (account, json.dumps([*OPEN, SendStatus.UNKNOWN])),
        )
    db.execute("DELETE FROM outgoing WHERE account = ? AND created_at < ?", (account, text_of_time(identities_before)))


def remove(db: sqlite3.Connection, account: str) -> None:
    """Forget all that was sent from an account."""
    for table in ("outgoing", "opted_out"):
        db.execute(f"DELETE FROM {table} WHERE account = ?", (account,))


def sent_text(row: sqlite3.Row) -> SentText:
    """Return the text of a row; one that is erased is empty."""
    begun_at = time_of_text(row["begun_at"])
    return SentText(
        sequence=row["sequence"],
        account=row["account"],
        provider=row["provider"],
        outgoing=Outgoing(
            key=row["key"],
            recipient=row["recipient"],
            sender=row["sender"],
            text=row["text"] or "",
            parts=row["parts"],
            created_at=datetime.fromisoformat(row["created_at"]),
            expires_at=datetime.fromisoformat(row["expires_at"]),
            begun_at=begun_at,
            provider_id=row["provider_id"],
        ),
        status=SendStatus(row["status"]),
        contact=row["contact"],
        attempts=row["attempts"],
        cost=row["cost"],
        currency=row["currency"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        cause=row["cause"],
        is_automatic=bool(row["is_automatic"]),
        user_id=row["user_id"],
        accepted_at=time_of_text(row["accepted_at"]),
        settled_at=datetime.fromisoformat(row["settled_at"]),
    )


def _may_follow(present: SendStatus, following: SendStatus) -> bool:
    """Whether a state may follow another one."""
    if following in OPEN or present.is_final:
        return False
    if present.is_taken:
        return following.is_taken and RANKS[following] > RANKS[present]
    return following is not present


def _requested(db: sqlite3.Connection, draft: Draft, now: datetime) -> SentText | None:
    """Return the text that the same request has stored within a day; an older one gives its key free."""
    if draft.request_key is None:
        return None
    where = "account = ? AND request_key = ? AND recipient = ?"
    values = (draft.account, draft.request_key, draft.outgoing.recipient)
    db.execute(
        f"UPDATE outgoing SET request_key = NULL WHERE {where} AND created_at <= ?",
        (*values, text_of_time(now - KEY_HELD)),
    )
    row = db.execute(f"SELECT {COLUMNS} FROM outgoing WHERE {where}", values).fetchone()
    return sent_text(row) if row else None


def _is_answered(db: sqlite3.Connection, draft: Draft) -> bool:
    """Whether an automatic answer is to a message that has one already."""
    if not draft.is_automatic:
        return False
    where = "account = ? AND cause = ? AND is_automatic"
    return db.execute(f"SELECT 1 FROM outgoing WHERE {where}", (draft.account, draft.cause)).fetchone() is not None


def _reached(db: sqlite3.Connection, account: str, parts: int, caps: Caps, now: datetime) -> str | None:
    """Return which cap more parts would exceed, None where none."""
    if charged(db, account, now - HOUR) + parts > caps.per_hour:
        return "per_hour"
    if charged(db, account, now - DAY) + parts > caps.per_day:
        return "per_day"
    return None


def _insert(db: sqlite3.Connection, draft: Draft, now: datetime) -> None:
    """Store a text."""
    outgoing, at = draft.outgoing, text_of_time(now)
    is_preparing = draft.status is SendStatus.PREPARING
    db.execute(
        "INSERT INTO outgoing (account, provider, key, request_key, recipient, contact, sender, text, parts,"
        " created_at, expires_at, status, announced, settled_at, charged_at, cause, is_automatic, user_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            draft.account,
            draft.provider,
            outgoing.key,
            draft.request_key,
            outgoing.recipient,
            draft.contact,
            outgoing.sender,
            None if is_preparing else outgoing.text,
            outgoing.parts,
            text_of_time(outgoing.created_at),
            text_of_time(outgoing.expires_at),
            draft.status,
            draft.status,
            at,
            None if is_preparing else at,
            draft.cause,
            draft.is_automatic,
            draft.user_id,
        ),
    )
