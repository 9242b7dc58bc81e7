"""Messages: what is received, claimed, marked delivered, and released.

Each function works on a connection within a transaction, see `Store.write`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import batched, chain
import json
import sqlite3
from typing import Any, Final

from ..model import Cursor, Message, ReplyTo, StoredMessage
from ..providers.parsing import well_formed
from . import outgoing, quarantine
from .accounts import Progress, save_progress
from .rows import COLUMNS, ERASED, stored_message, text_of_time
from .schema import UNDELIVERED, Status

SLICE: Final = 100
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = timedelta(days=2)
INSERT: Final = (
    "INSERT INTO message (account, provider, message_id, sender, recipient, text, encoding, data, received_at,"
    " in_reply_to, raw, channel, fingerprint, stored_at, status, in_doubt, reply_to, reply_certain) VALUES {rows}"
    " ON CONFLICT (account, provider, message_id) DO NOTHING"
)
ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
FINGERPRINT: Final = "SELECT fingerprint FROM message WHERE account = ? AND provider = ? AND message_id = ?"
ROWS_AT_ONCE: Final = 100  # together they take two thirds of the time
INSERTED: Final = "SELECT sequence, message_id FROM message WHERE account = ? AND sequence > ? ORDER BY sequence"
STANDING: Final = f"""
SELECT coalesce((SELECT provider FROM account WHERE account = :account), '') AS provider,
    coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'message'), 0) AS last,
    (SELECT count(*) FROM quarantine WHERE account = :account AND NOT settled) AS quarantined,
    EXISTS (SELECT 1 FROM outgoing WHERE account = :account) AS has_sent,
    iif(
        NOT :claim OR EXISTS (SELECT 1 FROM message
            WHERE account = :account AND status = {Status.PENDING} AND {UNDELIVERED}),
        0,
        {SLICE} - (SELECT count(*) FROM message
            WHERE account = :account AND status = {Status.CLAIMED} AND {UNDELIVERED})
    ) AS room
"""
# One at least, since whoever claims asks again only if there was one.
CLAIM: Final = f"""
UPDATE message SET status = {Status.CLAIMED} WHERE sequence IN (
    SELECT sequence FROM message WHERE account = :account AND status = {Status.PENDING} AND {UNDELIVERED}
    ORDER BY sequence LIMIT max(1, {SLICE} - (SELECT count(*) FROM message
        WHERE account = :account AND status = {Status.CLAIMED} AND {UNDELIVERED}))
) RETURNING {COLUMNS}
"""
MARK: Final = (
    f"UPDATE message SET status = {Status.DELIVERED}"
    f" WHERE sequence IN (SELECT value FROM json_each(?)) AND +status IN ({Status.PENDING}, {Status.CLAIMED})"
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message to store.

    Attributes:
        message: The message.
        status: Pending, or existing.
        in_doubt: Whether it may have been fired before.
        number: Its sender in E.164, None where that is no number; by it the sent text is found that it may answer.
        is_reply_certain: Whether the sent text that the vendor names is surely the one that it answers.
    """

    message: Message
    status: Status = Status.PENDING
    in_doubt: bool = False
    number: str | None = None
    is_reply_certain: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """What was stored.

    Attributes:
        new: The messages that were not known before, in order.
        claimed: Those of them that are claimed and are to be fired now.
        is_more_pending: Whether others of them are pending.
        quarantined: How many records of the account wait for a decision.
    """

    new: list[StoredMessage]
    claimed: list[StoredMessage]
    is_more_pending: bool
    quarantined: int


def receive(
    db: sqlite3.Connection,
    account: str,
    arrivals: Sequence[Arrival],
    *,
    progress: Progress | None = None,
    unreadable: Collection[bytes] = (),
    delivered: Sequence[int] = (),
    claim: bool = False,
) -> Received:
    """Store messages that are not known yet, in one transaction with the account's progress.

    Args:
        db: The connection.
        account: Id of the config entry.
        arrivals: The messages, in order.
        progress: Where the account stands then; None where that doesn't change.
        unreadable: Records that could not be understood.
        delivered: Sequences of messages that were fired and are to be marked delivered.
        claim: Whether the first new messages may be claimed at once, if nothing older is pending.
    """
    now = datetime.now(UTC)
    mark_delivered(db, account, delivered)
    if progress:
        save_progress(db, account, progress)
    standing = _standing(db, account, claim=claim)
    new = _insert(db, account, arrivals, now, standing)
    quarantined = standing.quarantined
    if unreadable:
        quarantine.keep(db, account, unreadable, now)
        quarantined = quarantine.count(db, account)
    return Received(
        new=[stored for stored, _ in new],
        claimed=[stored for stored, status in new if status is Status.CLAIMED],
        is_more_pending=any(status is Status.PENDING for _, status in new),
        quarantined=quarantined,
    )


def claim(db: sqlite3.Connection, account: str, delivered: Sequence[int]) -> list[StoredMessage]:
    """Mark what was fired, and claim the oldest pending messages; return those in order.

    No more than a slice is claimed at a time, so that no more can be in doubt after a crash.
    """
    mark_delivered(db, account, delivered)
    rows = db.execute(CLAIM, {"account": account}).fetchall()
    return sorted(map(stored_message, rows), key=lambda stored: stored.sequence)


def mark_delivered(db: sqlite3.Connection, account: str, delivered: Sequence[int]) -> None:
    """Mark messages that were fired."""
    if not delivered:
        return
    marked = db.execute(MARK, (json.dumps(list(delivered)),)).rowcount
    db.execute("UPDATE account SET delivered = delivered + ? WHERE account = ?", (marked, account))


def release(db: sqlite3.Connection, account: str, delivered: Sequence[int]) -> None:
    """Mark what was fired, and make pending again what was claimed and not fired."""
    mark_delivered(db, account, delivered)
    db.execute(
        f"UPDATE message SET status = {Status.PENDING}"
        f" WHERE account = ? AND status = {Status.CLAIMED} AND {UNDELIVERED}",
        (account,),
    )


def settle(db: sqlite3.Connection, account: str, number: int, message: Message | None, *, shown_again: bool) -> int:
    """Drop a record that could not be understood; with a message, that one is pending in its place.

    Args:
        db: The connection.
        account: Id of the config entry.
        number: The record's number.
        message: What is pending in its place, if anything.
        shown_again: Whether its provider may show it once more, so that it must be known.

    Returns:
        How many records of the account are left.
    """
    now = datetime.now(UTC)
    if quarantine.drop(db, account, number, shown_again=shown_again, now=now) and message:
        _insert(db, account, [Arrival(message)], now, _standing(db, account))
    return quarantine.count(db, account)


def move(
    db: sqlite3.Connection,
    account: str,
    arrivals: Sequence[Arrival],
    *,
    cursor: Cursor,
    unreadable: Iterable[bytes],
    left: str,
    provider: str,
) -> None:
    """Let an account be read by another provider, and store what that one shows of the time before.

    Args:
        db: The connection.
        account: Id of the config entry.
        arrivals: What it shows; of those that are existing only the identity is kept, since they are stored as messages
            of the first provider.
        cursor: Where it goes on.
        unreadable: What it shows and could not be understood.
        left: Key of the provider that has read the account until now.
        provider: Key of the other one.
    """
    now = datetime.now(UTC)
    db.execute("UPDATE message SET provider = ? WHERE account = ? AND provider = ''", (left, account))
    # On a first run it isn't known what the first one would have delivered.
    db.execute(
        "UPDATE account SET provider = ?, left_cursor = cursor, cursor = ?,"
        " doubt_since = iif(first_run, ?, doubt_since) WHERE account = ?",
        (provider, json.dumps(cursor), text_of_time(now), account),
    )
    _insert(db, account, arrivals, now, _standing(db, account))
    db.executemany(
        f"UPDATE message SET {ERASED} WHERE account = ? AND provider = ? AND message_id = ? AND status = ?",
        [
            (account, provider, arrival.message.message_id, Status.EXISTING)
            for arrival in arrivals
            if arrival.status is Status.EXISTING
        ],
    )
    quarantine.keep(db, account, unreadable, now)


def is_possible(at: datetime, now: datetime) -> bool:
    """Whether a message can have been received at a time: in a zone, in this century, and not in days to come."""
    return at.tzinfo is not None and EARLIEST <= at <= now + LATEST


@dataclass(frozen=True, kw_only=True, slots=True)
class _Standing:
    """What is to be known of an account before messages are stored: one look at all of it.

    Attributes:
        provider: Key of the provider that reads it.
        last: The highest sequence that was ever given.
        quarantined: How many records wait for a decision.
        has_sent: Whether there are texts of the account that a message may answer.
        room: How many messages may be claimed as they are stored: none while older ones are pending, and never more
            than a slice.
    """

    provider: str
    last: int
    quarantined: int
    has_sent: bool
    room: int


def _standing(db: sqlite3.Connection, account: str, *, claim: bool = False) -> _Standing:
    """Return where an account stands; without `claim` there is no room."""
    row = db.execute(STANDING, {"account": account, "claim": claim}).fetchone()
    return _Standing(
        provider=row["provider"],
        last=row["last"],
        quarantined=row["quarantined"],
        has_sent=bool(row["has_sent"]),
        room=row["room"],
    )


def _insert(
    db: sqlite3.Connection, account: str, arrivals: Sequence[Arrival], now: datetime, standing: _Standing
) -> list[tuple[StoredMessage, Status]]:
    """Store what is not known yet; return it with its status. The first pending ones are claimed, if there is room."""
    room = standing.room
    by_id: dict[str, tuple[Arrival, Message, Status]] = {}
    replies: dict[str, ReplyTo | None] = {}
    answered = outgoing.Answered(db, account) if standing.has_sent else None
    for arrival in arrivals:
        message = _storable(arrival.message, now)
        if message.fingerprint:
            message = _distinguished(db, account, standing.provider, message, by_id)
        if message.message_id in by_id:
            continue
        status = arrival.status
        if status is Status.PENDING and room > 0:
            status, room = Status.CLAIMED, room - 1
        by_id[message.message_id] = (arrival, message, status)
        replies[message.message_id] = _reply_to(answered, arrival, message, now) if answered else None
    if not by_id:
        return []
    at = text_of_time(now)
    rows = [
        (account, standing.provider, *_values(message), at, status, arrival.in_doubt, *_reply(replies[message_id]))
        for message_id, (arrival, message, status) in by_id.items()
    ]
    inserted = 0
    for some in batched(rows, ROWS_AT_ONCE, strict=False):
        insert = INSERT.format(rows=", ".join([ROW] * len(some)))
        inserted += db.execute(insert, list(chain.from_iterable(some))).rowcount
    new: Iterable[tuple[int, str]]
    if inserted == len(by_id):
        new = enumerate(by_id, standing.last + 1)  # nobody else gives numbers in this transaction
    else:
        new = db.execute(INSERTED, (account, standing.last))
    found: list[tuple[StoredMessage, Status]] = []
    for sequence, message_id in new:
        arrival, message, status = by_id[message_id]
        one = StoredMessage(
            sequence=sequence,
            account=account,
            provider=standing.provider,
            message=message,
            stored_at=now,
            in_doubt=arrival.in_doubt,
            reply_to=replies[message_id],
        )
        found.append((one, status))
    return found


def _distinguished(
    db: sqlite3.Connection,
    account: str,
    provider: str,
    message: Message,
    others: Mapping[str, tuple[Arrival, Message, Status]],
) -> Message:
    """Return a message with a longer id where another one with its id and another content is known."""
    id_ = message.message_id
    if id_ in others:
        known = others[id_][1].fingerprint
    else:
        row = db.execute(FINGERPRINT, (account, provider, id_)).fetchone()
        known = row and row["fingerprint"]
    if known in (None, message.fingerprint):
        return message
    return replace(message, message_id=f"{id_}~{str(message.fingerprint)[:16]}")


def _storable(message: Message, now: datetime) -> Message:
    """Return a message as SQLite can hold it: well-formed texts, and a time that is possible.

    A missing or impossible time is the time of arrival; the original is in `raw`.
    """
    at = message.received_at
    received_at = at if at and is_possible(at, now) else now
    texts = (message.message_id, message.sender, message.text, message.recipient or "", message.in_reply_to or "")
    if received_at is at and all(map(str.isascii, texts)):
        return message
    return replace(
        message,
        message_id=well_formed(message.message_id),
        sender=well_formed(message.sender),
        recipient=message.recipient and well_formed(message.recipient),
        text=well_formed(message.text),
        in_reply_to=message.in_reply_to and well_formed(message.in_reply_to),
        received_at=received_at,
    )


def _values(message: Message) -> tuple[Any, ...]:
    """Return a message's values in the order of the columns, from its id to what it was read from."""
    return (
        message.message_id,
        message.sender,
        message.recipient,
        message.text,
        message.encoding,
        message.data,
        text_of_time(message.received_at),
        message.in_reply_to,
        message.raw,
        message.channel,
        message.fingerprint,
    )


def _reply_to(answered: outgoing.Answered, arrival: Arrival, message: Message, now: datetime) -> ReplyTo | None:
    """Return which sent text a message answers, None where it answers none."""
    if key := answered.named(message.in_reply_to):
        return ReplyTo(key=key, is_certain=arrival.is_reply_certain)
    key = answered.latest(arrival.number, message.received_at or now)
    return ReplyTo(key=key, is_certain=False) if key else None


def _reply(reply_to: ReplyTo | None) -> tuple[str | None, bool | None]:
    """Return which sent text a message answers as the columns have it."""
    return (reply_to.key, reply_to.is_certain) if reply_to else (None, None)
