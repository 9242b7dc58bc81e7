"""Small conversions that providers share."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from email.utils import parsedate_to_datetime
import json
import re
import time
from typing import Any

TURN_SECONDS = 0.001


async def in_turns[Row, Result](convert: Callable[[Row], Result], rows: Iterable[Row]) -> list[Result]:
    """Return what a function makes of each row; the event loop is free in between, however many and long they are."""
    results: list[Result] = []
    until = 0.0
    for row in rows:
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + TURN_SECONDS
        results.append(convert(row))
    return results


def text_of(value: Any) -> str:
    """Return a JSON value as text, empty for null; lists and objects are JSON again, empty where nested too deeply."""
    if isinstance(value, list | dict):
        try:
            return json.dumps(value)
        except RecursionError:
            return ""
    return "" if value is None else well_formed(str(value))


def record_of(row: Any) -> bytes:
    """Return a JSON row as compact ASCII, which also represents lone surrogates.

    The parts of an object that are nested too deeply to be written again are left out.
    """
    try:
        return json.dumps(row, separators=(",", ":")).encode()
    except RecursionError:
        return record_of({name: text_of(value) for name, value in row.items()}) if isinstance(row, dict) else b"null"


def utc(time: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Return a time in UTC; one without a zone is in `zone`. None where the result is out of the calendar's range."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None


def iso_time(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Return a time of ISO 8601 in UTC, None for anything else; without a zone it is in `zone`."""
    try:
        return utc(datetime.fromisoformat(value), zone)
    except TypeError, ValueError:
        return None


def mail_time(value: str) -> datetime | None:
    """Return a time of RFC 2822 in UTC, None for anything else; without a zone it is UTC."""
    try:
        return utc(parsedate_to_datetime(value))
    except ValueError, OverflowError, TypeError, IndexError:
        return None


def well_formed(text: str) -> str:
    """Return a text with each lone surrogate, which UTF-8 can't encode, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_sent(text: str) -> bytes:
    """Return the bytes of something that was read as UTF-8, though it may be none."""
    return text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")


def _is_escaped(text: str) -> bool:
    """Whether each lone surrogate of a text stands for a byte."""
    return not re.search("[\ud800-\udc7f\udd00-\udfff]", text)


def printable(data: bytes) -> str:
    """Return the text that binary data spells in ASCII, empty where it spells none."""
    text = data.decode("ascii", "replace")
    return text if text.isprintable() and data.isascii() else ""
