"""What becomes of a text that is sent: the changes of its state, and which of them were announced.

Each function works on a connection within a transaction, see `Store.write`. Only the outbox of the text's account calls
them. `docs/reliability.md` has the table of transitions.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
import json
import math
import sqlite3
from typing import Final

from ..model import OPEN, RANKS, Accepted, Reason, Report, SendStatus, SentText
from ..providers.parsing import well_formed
from .outgoing import COLUMNS, get, sent_text, with_status
from .rows import text_of_time

UNSENT: Final = (SendStatus.REFUSED, SendStatus.EXPIRED)
"""Final states in which nothing was sent, so that nothing is charged."""
LONGEST_ID: Final = 200
MOST_PARTS: Final = 1000
# A text is sent from when it was stored until its time is over. A clock that was set back by more than that time tells
# nothing of what is left of it.
IN_TIME: Final = "expires_at > :now AND 2 * julianday(created_at) - julianday(expires_at) <= julianday(:now)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A text whose state has changed.

    Attributes:
        text: The text.
        previous: Its state before.
        redelivered: Whether its events may have been fired before.
    """

    text: SentText
    previous: SendStatus
    redelivered: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Advance:
    """What is next in the queue of an account.

    Attributes:
        expired: What was settled since its time was over.
        claimed: What is to be sent now.
        expires_at: When the next one expires that is still in the queue, None where nothing is.
    """

    expired: Sequence[Change]
    claimed: SentText | None
    expires_at: datetime | None


def advance(
    db: sqlite3.Connection, account: str, now: datetime, announced: Collection[Change], *, may_claim: bool
) -> Advance:
    """Note what was announced, settle what has expired in the queue, and claim the oldest text that is left in it.

    Args:
        db: The connection.
        account: Id of the config entry.
        now: The time of day.
        announced: The changes whose events were fired.
        may_claim: Whether a text may be sent now. If so, the one that is returned is noted as about to be sent.
    """
    mark_announced(db, announced)
    queued = f"account = :account AND status = '{SendStatus.QUEUED}'"
    values = {"account": account, "now": text_of_time(now)}
    rows = db.execute(f"SELECT key FROM outgoing WHERE {queued} AND NOT ({IN_TIME}) ORDER BY sequence", values)
    changes = [settle(db, row["key"], SendStatus.EXPIRED, reason=Reason.EXPIRED) for row in rows.fetchall()]
    row = None
    if may_claim:
        row = db.execute(
            f"UPDATE outgoing SET status = '{SendStatus.SENDING}', attempts = attempts + 1, begun_at = :now,"
            f" settled_at = :now WHERE sequence = (SELECT min(sequence) FROM outgoing WHERE {queued})"
            f" RETURNING {COLUMNS}",
            values,
        ).fetchone()
    first = db.execute(f"SELECT min(expires_at) FROM outgoing WHERE {queued}", values).fetchone()[0]
    return Advance(
        expired=[change for change in changes if change],
        claimed=sent_text(row) if row else None,
        expires_at=datetime.fromisoformat(first) if first else None,
    )


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
    db.execute(
        "UPDATE outgoing SET status = ?, settled_at = ?, reason = ?, accepted_at = coalesce(accepted_at, ?),"
        " charged_at = iif(?, NULL, charged_at), is_unfired = 0 WHERE key = ?",
        (status, now, reason, now if status.is_taken else None, status in UNSENT, key),
    )
    if accepted:
        _note(db, key, accepted)
    changed, row = get(db, key), db.execute("SELECT in_doubt FROM outgoing WHERE key = ?", (key,)).fetchone()
    return Change(text=changed, previous=found.status, redelivered=bool(row["in_doubt"])) if changed else None


def report(
    db: sqlite3.Connection, account: str, reports: Iterable[Report]
) -> tuple[Sequence[Change], Sequence[Report]]:
    """Note what vendors report.

    Returns:
        The texts whose state has changed, and the reports of texts that are not known: another program has sent them,
        or the vendor's answer with their id was lost.
    """
    changes, unknown = [], []
    for each in reports:
        row = db.execute(
            "SELECT key FROM outgoing WHERE account = ? AND (provider_id = ? OR key = ?)"
            " ORDER BY sequence DESC LIMIT 1",
            (account, _storable(each.provider_id), _storable(each.key)),
        ).fetchone()
        if not row:
            unknown.append(each)
            continue
        accepted = Accepted(provider_id=each.provider_id, parts=each.parts, cost=each.cost, currency=each.currency)
        if change := settle(db, row["key"], each.status, accepted=accepted, reason=each.reason):
            changes.append(change)
        else:
            _note(db, row["key"], accepted)
    return changes, unknown


def mark_announced(db: sqlite3.Connection, changes: Collection[Change]) -> None:
    """Note that the events about these changes were fired."""
    db.executemany(
        "UPDATE outgoing SET announced = ? WHERE key = ?",
        [(change.text.status, change.text.outgoing.key) for change in changes],
    )


def release(db: sqlite3.Connection, announced: Collection[Change], unfired: Collection[Change]) -> None:
    """Note at an orderly end what was announced, and what is announced by the next start, for the first time then."""
    mark_announced(db, announced)
    db.executemany(
        "UPDATE outgoing SET is_unfired = 1 WHERE key = ?",
        [(change.text.outgoing.key,) for change in unfired if not change.redelivered],
    )


def unannounced(db: sqlite3.Connection, account: str) -> list[Change]:
    """Return the texts whose present state was not announced, or may not have been, the oldest first."""
    rows = db.execute(
        f"SELECT {COLUMNS}, announced, is_unfired, in_doubt FROM outgoing WHERE account = ? AND announced <> status"
        " AND status NOT IN (SELECT value FROM json_each(?)) ORDER BY sequence",
        (account, json.dumps(list(OPEN))),
    ).fetchall()
    return [
        Change(
            text=sent_text(row),
            previous=SendStatus(row["announced"]),
            redelivered=bool(row["in_doubt"] or not row["is_unfired"]),
        )
        for row in rows
    ]


def interrupt(db: sqlite3.Connection, account: str, *, queued: bool) -> None:
    """Settle the automatic answers that were being made when the process ended: they are never made again.

    Args:
        db: The connection.
        account: Id of the config entry.
        queued: Whether what is in the queue is settled, too, since it must not be sent any more.
    """
    statuses = [SendStatus.PREPARING, *([SendStatus.QUEUED] if queued else [])]
    found = with_status(db, account, statuses)
    changes = [settle(db, text.outgoing.key, SendStatus.EXPIRED, reason=Reason.INTERRUPTED) for text in found]
    release(db, (), [change for change in changes if change])


def doubt(db: sqlite3.Connection) -> None:
    """Note that the file was restored.

    What was to be sent, or was still to be made, may have been sent since the backup, and all that will become of the
    texts may have been announced.
    """
    db.execute("UPDATE outgoing SET is_unfired = 0, in_doubt = 1")
    db.execute(
        "UPDATE outgoing SET status = ?, begun_at = coalesce(begun_at, created_at) WHERE status = ?",
        (SendStatus.SENDING, SendStatus.QUEUED),
    )
    for row in db.execute("SELECT key FROM outgoing WHERE status = ?", (SendStatus.PREPARING,)).fetchall():
        settle(db, row["key"], SendStatus.UNKNOWN, reason=Reason.INTERRUPTED)


def _may_follow(present: SendStatus, following: SendStatus) -> bool:
    """Whether a state may follow another one."""
    if following in OPEN or present.is_final:
        return False
    if present.is_taken:
        return following.is_taken and RANKS[following] > RANKS[present]
    return following is not present


def _note(db: sqlite3.Connection, key: str, accepted: Accepted) -> None:
    """Store what a vendor says of a text, as far as it can be stored: a strange value must not keep others away."""
    parts, cost = accepted.parts, accepted.cost
    db.execute(
        "UPDATE outgoing SET provider_id = coalesce(?, provider_id), parts = coalesce(?, parts),"
        " cost = coalesce(?, cost), currency = coalesce(?, currency) WHERE key = ?",
        (
            _storable(accepted.provider_id),
            parts if type(parts) is int and 0 < parts <= MOST_PARTS else None,
            float(cost) if type(cost) in (int, float) and cost is not None and math.isfinite(cost) else None,
            _storable(accepted.currency),
            key,
        ),
    )


def _storable(word: str | None) -> str | None:
    """Return an id or a word of a vendor as it is stored."""
    return well_formed(word)[:LONGEST_ID] if word else None
