"""Rows of the list of messages at Twilio and SignalWire, and the messages in them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
import re
from typing import Any, Final

from ..model import Message
from .parsing import mail_time, record_of, text_of
from .window import Row

COMPLETE_AFTER: Final = timedelta(minutes=10)
CHANNEL: Final = re.compile(r"[a-z]+:")


def read_row(row: Any, present: datetime) -> Row:
    """Return a row of the list; one without a sid, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    sid = text_of(row.get("sid"))
    time = mail_time(text_of(row.get("date_sent"))) or mail_time(text_of(row.get("date_created")))
    if text_of(row.get("direction")).startswith("outbound"):
        return Row(key=sid or record, time=time)
    if not sid:
        return Row(key=record, time=time, unreadable=record)
    if row.get("status") == "receiving" and time and present - time < COMPLETE_AFTER:
        return Row(key=None, time=time)
    return Row(key=sid, time=time, message=message_of(row, received_at=time, raw=record))


def message_of(row: Mapping[str, Any], *, received_at: datetime | None, raw: bytes) -> Message:
    """Return the message of a row."""
    text, sender = text_of(row.get("body")), text_of(row.get("from"))
    has_media = text_of(row.get("num_media")).strip("0").isdecimal()
    return Message(
        message_id=text_of(row["sid"]),
        sender=sender,
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=received_at,
        in_reply_to=None,
        raw=raw,
        channel="mms" if has_media and not CHANNEL.match(sender) else None,
    )
