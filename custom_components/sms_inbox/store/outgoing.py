"""Texts that are sent: stored, counted, found again, and erased; `transitions` changes their state.

Each function works on a connection within a transaction, see `Store.write`. What a text may cost is charged when it is
stored, and given back only where nothing of it was sent: a crash or a lost answer can't make room for more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
import sqlite3
from typing import Final

from ..model import OPEN, Outgoing, Reason, SendStatus, SentText
from .rows import text_of_time, time_of_text

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
KEY_HELD: Final = timedelta(hours=24)
REPLIES_UNTIL: Final = timedelta(hours=72)
CLOCKS_APART: Final = timedelta(minutes=5)
NAMED: Final = "SELECT key FROM outgoing WHERE account = ? AND provider_id = ? ORDER BY sequence DESC LIMIT 1"
LATEST: Final = (
    "SELECT key FROM outgoing WHERE account = ? AND recipient = ? AND accepted_at BETWEEN ? AND ?"
    " ORDER BY accepted_at DESC LIMIT 1"
)
ANY_TO: Final = "SELECT 1 FROM outgoing WHERE account = ? AND recipient = ? AND accepted_at IS NOT NULL LIMIT 1"
COLUMNS: Final = (
    "sequence, account, provider, key, recipient, contact, sender, text, parts, created_at, expires_at, status,"
    " attempts, begun_at, accepted_at, settled_at, provider_id, cost, currency, reason, cause, is_automatic, user_id"
)


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


def insert(db: sqlite3.Connection, drafts: Sequence[Draft], caps: Caps) -> Stored:
    """Store texts of one account, all or none; those whose request was stored before are returned as they are now.

    An automatic answer to a message that has one already is left out.
    """
    now = datetime.now(UTC)
    texts: list[SentText] = []
    new: list[Draft] = []
    for draft in drafts:
        if found := _requested(db, draft, now):
            texts.append(found)
        elif not _is_answered(db, draft):
            _insert(db, draft, now)
            new.append(draft)
            texts += filter(None, [get(db, draft.outgoing.key)])
    # What is in preparation is charged when it is filled.
    uncharged = sum(draft.outgoing.parts for draft in new if draft.status is SendStatus.PREPARING)
    if new and (reached := _reached(db, new[0].account, uncharged, caps, now)):
        db.executemany("DELETE FROM outgoing WHERE key = ?", [(draft.outgoing.key,) for draft in new])
        return Stored(reached=reached)
    return Stored(texts=tuple(texts), new=frozenset(draft.outgoing.key for draft in new))


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


def get(db: sqlite3.Connection, key: str) -> SentText | None:
    """Return a text, None where there is none."""
    row = db.execute(f"SELECT {COLUMNS} FROM outgoing WHERE key = ?", (key,)).fetchone()
    return sent_text(row) if row else None


def with_keys(db: sqlite3.Connection, keys: Collection[str]) -> list[SentText]:
    """Return those of some texts that there are, in the order of their keys."""
    return [text for key in keys if (text := get(db, key))]


def with_status(db: sqlite3.Connection, account: str, statuses: Collection[SendStatus]) -> list[SentText]:
    """Return the texts of an account in some states, the oldest first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND status IN (SELECT value FROM json_each(?))"
        " ORDER BY sequence",
        (account, json.dumps(list(statuses))),
    )
    return [sent_text(row) for row in rows]


def waiting(db: sqlite3.Connection, account: str, since: datetime, *, before: int, limit: int) -> list[SentText]:
    """Return texts that were taken since a time and have not got to a final state, the latest first.

    Args:
        db: The connection.
        account: Id of the config entry.
        since: The time.
        before: Only texts with a smaller sequence.
        limit: How many at most.
    """
    rows = db.execute(
        f"SELECT {COLUMNS} FROM outgoing WHERE account = ? AND status IN (?, ?) AND accepted_at >= ? AND sequence < ?"
        " ORDER BY sequence DESC LIMIT ?",
        (account, SendStatus.ACCEPTED, SendStatus.SENT, text_of_time(since), before, limit),
    )
    return [sent_text(row) for row in rows]


def has_any(db: sqlite3.Connection, account: str) -> bool:
    """Whether there are texts of an account."""
    return db.execute("SELECT 1 FROM outgoing WHERE account = ? LIMIT 1", (account,)).fetchone() is not None


def is_of_another(db: sqlite3.Connection, account: str, key: str, provider_id: str | None) -> bool:
    """Whether an id of the vendor's belongs to another text than that with a key."""
    row = db.execute(
        "SELECT 1 FROM outgoing WHERE account = ? AND provider_id = ? AND key <> ?", (account, provider_id, key)
    ).fetchone()
    return row is not None


class Answered:
    """Finds the texts of an account that received messages answer, as long as a transaction lasts."""

    def __init__(self, db: sqlite3.Connection, account: str) -> None:
        """Take the connection, and the id of the config entry."""
        self._db = db
        self._account = account
        self._strangers: set[str] = set()

    def named(self, provider_id: str | None) -> str | None:
        """Return the key of the text with an id of the vendor's."""
        row = provider_id and self._db.execute(NAMED, (self._account, provider_id)).fetchone()
        return row["key"] if row else None

    def latest(self, number: str | None, at: datetime) -> str | None:
        """Return the key of the latest text to a number, in E.164, that the vendor took in the days before a time."""
        if not number or number in self._strangers:
            return None
        times = (text_of_time(at - REPLIES_UNTIL), text_of_time(at + CLOCKS_APART))
        if row := self._db.execute(LATEST, (self._account, number, *times)).fetchone():
            return str(row["key"])
        if not self._db.execute(ANY_TO, (self._account, number)).fetchone():
            self._strangers.add(number)
        return None


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
    """Return how many messages of a number were answered since a time, by Assist or by the action `reply`.

    Whatever became of the answers; one that was not sent counts, too.
    """
    row = db.execute(
        "SELECT count(*) FROM outgoing WHERE account = ? AND recipient = ? AND cause IS NOT NULL AND created_at >= ?",
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
    settled = "status NOT IN (SELECT value FROM json_each(?))"
    db.execute(
        "UPDATE outgoing SET text = NULL, recipient = '', sender = NULL"
        f" WHERE account = ? AND created_at < ? AND (text IS NOT NULL OR recipient <> '') AND {settled}",
        (account, text_of_time(texts_before), json.dumps(list(OPEN))),
    )
    if not store_texts:
        db.execute(
            f"UPDATE outgoing SET text = NULL WHERE account = ? AND text IS NOT NULL AND {settled}",
            (account, json.dumps([*OPEN, SendStatus.UNKNOWN])),
        )
    db.execute(
        f"DELETE FROM outgoing WHERE account = ? AND created_at < ? AND {settled}",
        (account, text_of_time(identities_before), json.dumps(list(OPEN))),
    )


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


def _requested(db: sqlite3.Connection, draft: Draft, now: datetime) -> SentText | None:
    """Return the text that the same request has stored within a day.

    An older one gives its key free, and one of which nothing was sent: whoever asks again wants it to be sent.
    """
    if draft.request_key is None:
        return None
    where = "account = ? AND request_key = ? AND recipient = ?"
    values = (draft.account, draft.request_key, draft.outgoing.recipient)
    db.execute(
        f"UPDATE outgoing SET request_key = NULL WHERE {where} AND (created_at <= ? OR status IN (?, ?))",
        (*values, text_of_time(now - KEY_HELD), SendStatus.REFUSED, SendStatus.EXPIRED),
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
