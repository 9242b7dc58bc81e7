"""Rows of the table of messages, and times as they are stored: ISO 8601, in UTC."""

from datetime import UTC, datetime
import sqlite3
from typing import Final

from ..model import Message, ReplyTo, StoredMessage

COLUMNS: Final = (
    "sequence, account, provider, message_id, sender, recipient, text, encoding, data, received_at, in_reply_to, raw,"
    " stored_at, in_doubt, channel, fingerprint, reply_to, reply_certain"
)
ERASED: Final = "sender = '', recipient = NULL, text = NULL, data = NULL, raw = NULL"
"""What an update sets where only the identity of a message is kept."""


def stored_message(row: sqlite3.Row) -> StoredMessage:
    """Return the message of a row; of one that is erased without its text."""
    return StoredMessage(
        sequence=row["sequence"],
        account=row["account"],
        provider=row["provider"],
        stored_at=datetime.fromisoformat(row["stored_at"]),
        in_doubt=bool(row["in_doubt"]),
        reply_to=ReplyTo(key=row["reply_to"], is_certain=bool(row["reply_certain"])) if row["reply_to"] else None,
        message=Message(
            message_id=row["message_id"],
            sender=row["sender"],
            recipient=row["recipient"],
            text=row["text"] or "",
            encoding=row["encoding"],
            data=row["data"],
            received_at=datetime.fromisoformat(row["received_at"]),
            in_reply_to=row["in_reply_to"],
            raw=row["raw"] or b"",
            channel=row["channel"],
            fingerprint=row["fingerprint"],
        ),
    )


def text_of_time(at: datetime | None) -> str | None:
    """Return a time as it is stored."""
    return at.astimezone(UTC).isoformat() if at else None


def time_of_text(value: str | None) -> datetime | None:
    """Return a stored time, None where there is none."""
    return datetime.fromisoformat(value) if value else None
