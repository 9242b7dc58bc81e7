"""Small conversions that providers share."""

from datetime import UTC, datetime, tzinfo
import json
from typing import Any


def text_of(value: Any) -> str:
    """Return a JSON value as text, empty for null."""
    return "" if value is None else well_formed(str(value))


def record_of(row: Any) -> bytes:
    """Return a JSON row as compact ASCII, which also represents lone surrogates."""
    return json.dumps(row, separators=(",", ":")).encode()


def utc(time: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return a time in UTC; one without a zone is in `zone`. None where the result is out of the calendar's range."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def well_formed(text: str) -> str:
    """Return a text with each lone surrogate, which UTF-8 can't encode, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(data: bytes) -> str:
    """Return the text that binary data spells in ASCII, empty where it spells none."""
    text = data.decode("ascii", "replace")
    return text if text.isprintable() and data.isascii() else ""
