"""BulkSMS: the JSON REST API, version 1.

Source: the vendor's OpenAPI description of version 1.0.0. What it doesn't say is assumed here:

- Without a clause on `submission.date` only the last seven days are searched, so there always is one.
- Ids rise in the order in which messages appear.
- No rate limit is published; one request in 15 s is modest, and 429 with `Retry-After` is honoured.
"""

from datetime import UTC, datetime, timedelta
import json
from typing import Any, override

from ..model import Cursor, Encoding, Message, Page
from .base import Answer, Identity, ProtocolError, Provider, printable, well_formed

FIRST_LOOK_BACK = timedelta(days=30)
OVERLAP = timedelta(hours=1)
ENCODINGS: dict[str, Encoding] = {"TEXT": "text", "UNICODE": "unicode", "BINARY": "binary"}


class BulkSms(Provider):
    """One account at BulkSMS, read by the JSON API.

    Cursor: `{"id": int, "since": str}`: the highest id read, and the time of the latest message (ISO 8601), an
    hour before which the search begins.
    """

    key = "bulksms"
    name = "BulkSMS"
    default_url = "https://api.bulksms.com/v1"
    interval = timedelta(seconds=15)

    @override
    async def validate(self) -> Identity:
        """Read the profile of the account."""
        profile = _json(await self.request("GET", "profile", headers=self.basic_auth()))
        if not isinstance(profile, dict) or not profile.get("id"):
            raise ProtocolError("the profile has no id")
        return Identity(account_id=str(profile["id"]), name=str(profile.get("username") or self._account.username))

    @classmethod
    @override
    def cursor_since(cls, received_at: datetime) -> Cursor:
        """Return the cursor that searches from then, whatever the id."""
        return {"id": 0, "since": received_at.astimezone(UTC).isoformat(timespec="seconds")}

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the received messages after the highest id; only an empty page is the last."""
        last_id = cursor.get("id", 0)
        since = datetime.fromisoformat(cursor["since"]) if cursor else datetime.now(UTC) - FIRST_LOOK_BACK
        clauses = f"type=RECEIVED&id>{last_id}&submission.date>={since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}"
        answer = await self.request(
            "GET",
            "messages",
            params={"filter": clauses, "sortOrder": "ASCENDING", "limit": "500"},
            headers=self.basic_auth(),
        )
        rows = _json(answer)
        if not isinstance(rows, list):
            raise ProtocolError("the messages are no list")
        # An empty first page leaves no trace: a clock that was wrong must not decide what is searched later.
        return _page(rows, last_id, since) if rows else Page(messages=(), cursor=cursor, more=False)


def _json(answer: Answer) -> Any:
    """Return what an answer says in JSON."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as err:
        # From None: the decoder's error carries the whole document, and with it the texts.
        raise ProtocolError(f"the answer is no JSON: {type(err).__name__}") from None


def _page(rows: list[Any], last_id: int, since: datetime) -> Page:
    """Return the page of the rows that were read."""
    received = [row for row in rows if not (isinstance(row, dict) and row.get("type") == "SENT")]
    parsed = [(row, _message(row)) for row in received]
    messages = tuple(message for _, message in parsed if message)
    highest = max([last_id, *(id_ for row in rows if (id_ := _number(row)))])
    seen = max((message.received_at for message in messages if message.received_at), default=None)
    return Page(
        messages=messages,
        unreadable=tuple(_raw(row) for row, message in parsed if not message),
        cursor={"id": highest, "since": _later(since, seen).isoformat(timespec="seconds")},
        more=highest > last_id,
    )


def _later(since: datetime, seen: datetime | None) -> datetime:
    """Return from when to search after a message of `seen`; one from the future must not hide those to come."""
    return since if seen is None else max(since, min(seen, datetime.now(UTC)))


def _number(row: Any) -> int | None:
    """Return the id of a row as the number that the vendor documents, None where it is none."""
    id_ = str(row.get("id", "")) if isinstance(row, dict) else ""
    return int(id_) if id_.isascii() and id_.isdigit() and len(id_) <= 20 else None


def _raw(row: Any) -> bytes:
    """Return a row as it came, in ASCII, which keeps lone surrogates."""
    return json.dumps(row, separators=(",", ":")).encode()


def _message(row: Any) -> Message | None:
    """Return the message of a row, None where it has no id, without which it can't be told from others."""
    if not isinstance(row, dict) or not row.get("id"):
        return None
    body, encoding = _text(row.get("body")), ENCODINGS.get(str(row.get("encoding")), "text")
    data = _binary(body) if encoding == "binary" else None
    return Message(
        message_id=_text(row["id"]),
        sender=_text(row.get("from")),
        recipient=_text(row.get("to")) or None,
        text=body if data is None else printable(data),
        encoding=encoding,
        data=data,
        received_at=_received_at(row),
        in_reply_to=_text(row.get("relatedSentMessageId")) or None,
        raw=_raw(row),
    )


def _text(value: Any) -> str:
    """Return a value as text, empty for null."""
    return "" if value is None else well_formed(str(value))


def _binary(body: str) -> bytes | None:
    """Return the bytes of a hexadecimal text, None where it is none."""
    try:
        return bytes.fromhex(body)
    except ValueError:
        return None


def _received_at(row: dict[str, Any]) -> datetime | None:
    """Return when the message was processed, in UTC, None where the row doesn't tell."""
    submission = row.get("submission")
    try:
        received = datetime.fromisoformat(submission["date"])  # type: ignore[index]
        return received.astimezone(UTC) if received.tzinfo else received.replace(tzinfo=UTC)
    except KeyError, TypeError, ValueError, OverflowError:
        return None
