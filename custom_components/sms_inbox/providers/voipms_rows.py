"""Rows of the two lists of VoIP.ms, and the texts in them.

The vendor's pages say nothing of how texts are escaped; these rules follow what its customers have seen:

- Quotation marks have backslashes in front, sometimes several; other backslashes belong to the text.
- Some texts have HTML entities. Whoever types one as an example uses one of the four common ones, so these alone are
  no sign that a text is escaped.
- Some texts are percent-encoded. Only a text without a blank can be; a plus sign is always one.
"""

from datetime import datetime, timedelta
import html
from html.entities import html5
import re
from typing import Any
from urllib.parse import unquote_to_bytes
from zoneinfo import ZoneInfo

from ..model import Message
from .parsing import iso_time, record_of, text_of
from .window import Row

EASTERN = ZoneInfo("America/New_York")
INCOMPLETE = timedelta(minutes=10)
"""For how long a row without any content may still get it."""
# Neither looks twice at a character, however many backslashes or letters follow each other.
ESCAPED_QUOTE = re.compile(r"(?<!\\)\\++(['\"])")
ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
COMMON_ENTITIES = ("&amp;", "&lt;", "&gt;", "&quot;")
ENCODED = re.compile("%[0-9A-Fa-f]{2}")

type Content = tuple[str, ...]
"""By what a message is recognized that both lists have: its id, its time, its numbers and its text."""


def unescaped(text: str) -> str:
    """Return a text as it was sent, see above."""
    text = ESCAPED_QUOTE.sub(r"\1", text)
    if any(_is_entity(found) and found.lower() not in COMMON_ENTITIES for found in ENTITY.findall(text)):
        text = ENTITY.sub(lambda found: html.unescape(found[0]) if _is_entity(found[0]) else found[0], text)
    if " " not in text and ENCODED.search(text):
        try:
            return unquote_to_bytes(text).decode()
        except UnicodeDecodeError:
            pass
    return text


def _is_entity(found: str) -> bool:
    """Whether something with the form of an entity is one, and stands for a character."""
    return bool(html.unescape(found)) if found.startswith("&#") else found[1:] in html5


def read_row(row: Any, *, is_mms: bool, now: datetime, listed: dict[Content, str]) -> Row:
    """Return a row of a list; one without an id, which can't be distinguished from others, is unreadable.

    Args:
        row: The row.
        is_mms: Whether the list is that of MMS, whose ids are none of SMS.
        now: The present by the vendor's clock.
        listed: What was read at this poll, with the id of each. A message of both lists counts once, under the first.
    """
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    id_, time = text_of(row.get("id")), iso_time(row.get("date"), EASTERN)
    if text_of(row.get("type")) == "0":
        return Row(key=f"sent {id_}" if id_ else record, time=time)
    if not id_:
        return Row(key=record, time=time, unreadable=record)
    text, key = text_of(row.get("message")), f"mms:{id_}" if is_mms else id_
    if not text and not _has_media(row) and time and abs(now - time) < INCOMPLETE:
        return Row(key=None, time=time)
    content = (id_, *(text_of(row.get(name)) for name in ("date", "did", "contact")), text)
    if listed.setdefault(content, key) != key:
        return Row(key=key, time=time)
    message = Message(
        message_id=key,
        sender=text_of(row.get("contact")),
        recipient=text_of(row.get("did")) or None,
        text=unescaped(text),
        encoding="text",
        data=None,
        received_at=time,
        in_reply_to=None,
        raw=record,
        channel="mms" if is_mms else None,
    )
    return Row(key=key, time=time, message=message)


def _has_media(row: dict[str, Any]) -> bool:
    """Whether a row has the address of a picture or the like, in whichever of the two forms."""
    media = row.get("media")
    listed = list(media.values()) if isinstance(media, dict) else media if isinstance(media, list) else [media]
    columns = [value for name, value in row.items() if name.startswith("col_media")]
    return any(isinstance(url, str) and url.strip() for url in (*listed, *columns))


def number_of(row: Row) -> tuple[int, str]:
    """Return by what rows are sorted like the numbers that their ids are."""
    id_ = row.message.message_id if row.message else ""
    return len(id_), id_
