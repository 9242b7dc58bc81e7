"""BulkSMS: the JSON REST API, version 1.

Source: the vendor's OpenAPI description of version 1.0.0. What it doesn't say is assumed here:

- Without a clause on `submission.date` only the last seven days are searched, so there always is one.
- Ids rise in the order in which messages appear.
- Numbers are international ones without `+`, as in the description's samples (the type `INTERNATIONAL` of a sender).
- No rate limit is published; one request in 15 s is modest, and 429 with `Retry-After` is honoured.
"""

from datetime import UTC, datetime, timedelta
import re
from typing import Any, override

from ..model import INTERNATIONAL, Cursor, Encoding, Message, Page
from .contract import Identity, Provider, WebhookPlace
from .errors import ProtocolError
from .http import HttpResponse
from .parsing import in_turns, iso_time, printable, record_of, text_of
from .window import FIRST_LOOK_BACK

OVERLAP = timedelta(hours=1)
PROBLEM = re.compile(r"[a-z]+(-[a-z]+)*")
ENCODINGS: dict[str, Encoding] = {"TEXT": "text", "UNICODE": "unicode", "BINARY": "binary"}


class BulkSms(Provider):
    """One account at BulkSMS, read by the JSON API.

    Cursor: `{"id": int, "since": str}`: the highest id read, and the time of the latest message (ISO 8601), an
    hour before which the search begins.
    """

    key = "bulksms"
    name = "BulkSMS"
    default_url = "https://api.bulksms.com/v1"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=15)
    receives_webhooks = True
    registers = True

    @override
    async def validate(self) -> Identity:
        """Read the profile of the account."""
        profile = (await self.request("GET", "profile", headers=self.basic_auth())).json()
        if not isinstance(profile, dict) or not profile.get("id"):
            raise ProtocolError("the profile has no id")
        return Identity(
            account_id=text_of(profile["id"]), name=text_of(profile.get("username")) or self._account.username
        )

    @classmethod
    @override
    def cursor_since(cls, received_at: datetime) -> Cursor:
        """Return the cursor that searches from then, whatever the id."""
        return {"id": 0, "since": received_at.astimezone(UTC).isoformat(timespec="seconds")}

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the received messages after the highest id; only an empty page is the last."""
        last_id = cursor.get("id", 0)
        since = datetime.fromisoformat(cursor["since"]) if cursor else self.now - FIRST_LOOK_BACK
        clauses = f"type=RECEIVED&id>{last_id}&submission.date>={since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}"
        params = {"filter": clauses, "sortOrder": "ASCENDING", "limit": "500"}
        rows = await self._list("messages", params)
        # An empty first page leaves no trace: a clock that was wrong must not decide what is searched later.
        if not rows:
            return Page(messages=(), cursor=cursor, more=False)
        received = [row for row in rows if not (isinstance(row, dict) and row.get("type") == "SENT")]
        return self._page(rows, list(zip(received, await in_turns(_message, received), strict=True)), last_id, since)

    @override
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the webhook of a name."""
        url = next((text_of(row.get("url")) for row in await self._webhooks(name)), "")
        return (WebhookPlace(place_id=name, name=name, url=url),)

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Make the webhook of a name, put it right, or delete it; the vendor doesn't return all it was made with."""
        present = await self._webhooks(place_id)
        if not url:
            for row in present:
                await self.request("DELETE", f"webhooks/{row['id']}", headers=self.basic_auth())
            return
        wanted = {
            "name": place_id,
            "url": url,
            "triggerScope": "RECEIVED",
            "invokeOption": "MANY",
            "active": True,
        }
        if any(all(row.get(key, value) == value for key, value in wanted.items()) for row in present):
            return
        path = f"webhooks/{present[0]['id']}" if present else "webhooks"
        await self.request("POST", path, json=wanted, headers=self.basic_auth())

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the type of the problem (RFC 7807), of its URL the last part, or its title in the same form."""
        try:
            problem = response.json()
        except ProtocolError:
            return None
        kind, title = (problem.get("type"), problem.get("title")) if isinstance(problem, dict) else ("", "")
        words = [re.split(r"[/#]", word)[-1].replace(" ", "-") for word in (kind, title) if isinstance(word, str)]
        return next(filter(PROBLEM.fullmatch, (word.lower() for word in words)), None)

    def _page(self, rows: list[Any], parsed: list[tuple[Any, Message | None]], last_id: int, since: datetime) -> Page:
        """Return the page of the rows that were read, and of the messages of those that were received."""
        messages = tuple(message for _, message in parsed if message)
        unreadable = tuple(record_of(row) for row, message in parsed if not message)
        highest = max([last_id, *(id_ for row in rows if (id_ := _number(row)))])
        # A time in the future must not hide the messages to come.
        times = [min(message.received_at, self.now) for message in messages if message.received_at]
        return Page(
            messages=messages,
            unreadable=unreadable,
            cursor={"id": highest, "since": max([since, *times]).isoformat(timespec="seconds")},
            more=highest > last_id,
        )

    async def _webhooks(self, name: str) -> list[dict[str, Any]]:
        """Return the webhooks of a name, which the vendor keeps unique."""
        rows = await self._list("webhooks")
        return [row for row in rows if isinstance(row, dict) and row.get("name") == name and _number(row)]

    async def _list(self, path: str, params: dict[str, str] | None = None) -> list[Any]:
        """Read a list."""
        rows = (await self.request("GET", path, params=params, headers=self.basic_auth())).json()
        if not isinstance(rows, list):
            raise ProtocolError(f"the {path} are no list")
        return rows


def _number(row: Any) -> int | None:
    """Return the id of a row as the number that the vendor documents, None where it is none."""
    id_ = str(row.get("id", "")) if isinstance(row, dict) else ""
    return int(id_) if id_.isascii() and id_.isdigit() and len(id_) <= 20 else None


def _message(row: Any) -> Message | None:
    """Return the message of a row, None where it has no id, without which it can't be distinguished from others."""
    if not isinstance(row, dict) or not row.get("id"):
        return None
    body, encoding = text_of(row.get("body")), ENCODINGS.get(text_of(row.get("encoding")), "text")
    data = _binary(body) if encoding == "binary" else None
    return Message(
        message_id=text_of(row["id"]),
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=body if data is None else printable(data),
        encoding=encoding,
        data=data,
        received_at=_received_at(row),
        in_reply_to=text_of(row.get("relatedSentMessageId")) or None,
        raw=record_of(row),
    )


def _binary(body: str) -> bytes | None:
    """Return the bytes of a hexadecimal text, None where it is none."""
    try:
        return bytes.fromhex(body)
    except ValueError:
        return None


def _received_at(row: dict[str, Any]) -> datetime | None:
    """Return when the message was processed, in UTC, None where the row doesn't say."""
    submission = row.get("submission")
    return iso_time(submission.get("date")) if isinstance(submission, dict) else None
