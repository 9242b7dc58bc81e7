"""BulkSMS: the JSON REST API, version 1.

Source: the vendor's OpenAPI description of version 1.0.0. What it doesn't say is assumed here:

- Without a clause on `submission.date` only the last seven days are searched, so there always is one.
- A message may appear up to an hour late, also below ids that were read before. So ids only say where a page ends.
- The words for an account that has expired or is blocked are not published; they are recognised by their wording.
- Numbers are international ones without `+`, as in the description's samples (the type `INTERNATIONAL` of a sender).
- No rate limit is published; one request in 15 s is modest, and 429 with `Retry-After` is honoured.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
import heapq
from http import HTTPStatus
import re
from typing import Any, override

import aiohttp

from ..model import INTERNATIONAL, Cursor, Encoding, Message, Page
from .contract import Account, Identity, Provider, WebhookPlace
from .errors import AuthenticationError, ConfigurationError, ProtocolError
from .http import HttpResponse
from .parsing import in_turns, iso_time, printable, record_of, text_of
from .window import FIRST_LOOK_BACK

OVERLAP = timedelta(hours=1)
LIMIT = 500
READ_AGAIN = 100
MAXIMUM_DIGITS = 20
PROBLEM = re.compile(r"[a-z]+(-[a-z]+)*")
HINTS = {
    "expired": re.compile("expired"),
    "account_suspended": re.compile("suspend|block|disabled|deactivat|inactive|closed"),
}
"""What a person can do, by how the vendor's word for a refusal reads."""
ENCODINGS: dict[str, Encoding] = {"TEXT": "text", "UNICODE": "unicode", "BINARY": "binary"}


class BulkSms(Provider):
    """One account at BulkSMS, read by the JSON API.

    Cursor: `{"since": str}`: the time of the latest message (ISO 8601), an hour before which the search begins. It only
    moves when a walk through that time, from the lowest id to the highest, has come to its end.

    An object that has walked through it once need not do so at each poll: it reads what is above the highest ids but
    100, to the end, and where there are more of them one page of the others, another one at each poll.
    """

    key = "bulksms"
    name = "BulkSMS"
    default_url = "https://api.bulksms.com/v1"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=15)
    receives_webhooks = True
    registers = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._forget({})

    def _forget(self, cursor: Cursor) -> None:
        """Know nothing but the cursor."""
        self._cursor = cursor
        self._known: dict[str | bytes, datetime] = {}
        """The times of rows that were returned and that the search may find again, by id or record."""
        self._latest: datetime | None = None
        """The latest time in the walk that is under way."""
        self._position: int | None = None
        """The id behind which that walk goes on; None where the next page is the first of a walk."""
        self._floor = 0
        """The id behind which it started."""
        self._checked = 0
        """Up to which id the rows below the walks were read again."""
        self._is_checking = False
        """Whether the next page is one of these."""

    @override
    async def validate(self) -> Identity:
        """Read the profile of the account."""
        profile = (await self._ask("GET", "profile")).json()
        if not isinstance(profile, dict) or not profile.get("id"):
            raise ProtocolError("the profile has no id")
        return Identity(account_id=text_of(profile["id"]))

    @classmethod
    @override
    def cursor_since(cls, received_at: datetime) -> Cursor:
        """Return the cursor that searches from then."""
        return {"since": received_at.astimezone(UTC).isoformat(timespec="seconds")}

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the received messages of the next page by their ids; only an empty page is the last of a walk."""
        if cursor != self._cursor:
            self._forget(cursor)
        is_check, self._is_checking = self._is_checking, False
        if self._position is None and not is_check:
            self._position = self._floor = self._start()
        after = self._checked if is_check else self._position or 0
        try:
            rows = await self._list("messages", self._search(after))
        except ConfigurationError, ProtocolError:
            self._position = None  # it may be of no use any more
            raise
        messages, unreadable = await self._fresh(rows)
        highest = max((number for row in rows if (number := _number(row))), default=0)
        if is_check:
            self._checked = highest if after < highest < self._floor else 0
            more = False
        elif highest > after:
            self._position, more = highest, True
        else:
            more = self._is_checking = self._floor > 0
            self._end()
        return Page(messages=messages, unreadable=unreadable, cursor=self._cursor, more=more)

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
                await self._ask("DELETE", f"webhooks/{row['id']}")
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
        await self._ask("POST", path, json=wanted)

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

    def _search(self, after: int) -> dict[str, str]:
        """Return the query for what is in the searched time and has a higher id than that."""
        since = datetime.fromisoformat(self._cursor["since"]) if self._cursor else self.now - FIRST_LOOK_BACK
        clauses = ["type=RECEIVED", f"submission.date>={since - OVERLAP:%Y-%m-%dT%H:%M:%SZ}"]
        if after:
            clauses.append(f"id>{after}")
        return {"filter": "&".join(clauses), "sortOrder": "ASCENDING", "limit": str(LIMIT)}

    def _start(self) -> int:
        """Return the id behind which a walk starts: 0 unless this object has come far before."""
        highest = heapq.nlargest(READ_AGAIN + 1, _numbers(self._known))
        return highest[-1] if len(highest) > READ_AGAIN else 0

    async def _fresh(self, rows: list[Any]) -> tuple[tuple[Message, ...], tuple[bytes, ...]]:
        """Return the messages of rows that were not returned before, lowest id first, and what is unreadable."""
        received = [row for row in rows if not (isinstance(row, dict) and row.get("type") == "SENT")]
        fresh = [row for row in received if _key(row) not in self._known]
        parsed = list(zip(fresh, await in_turns(_message, fresh), strict=True))
        for row, message in parsed:
            # A time in the future must not hide the messages to come.
            at = min(message.received_at or self.now, self.now) if message else self.now
            self._known[_key(row)] = at
            if message and message.received_at:
                self._latest = max(at, self._latest or at)
        unique = {message.message_id: message for _, message in parsed if message}
        messages = sorted(unique.values(), key=lambda message: _integer(message.message_id) or 0)
        return tuple(messages), tuple(record_of(row) for row, message in parsed if not message)

    def _end(self) -> None:
        """Move the cursor at the end of a walk, and forget the rows that the next search doesn't find any more.

        A walk that has found nothing leaves no trace: a clock that was wrong must not decide what is searched later.
        """
        if self._latest:
            since = max(self._latest, datetime.fromisoformat(self._cursor["since"]) if self._cursor else self._latest)
            self._cursor = {"since": since.isoformat(timespec="seconds")}
            begin = since - OVERLAP
            self._known = {key: at for key, at in self._known.items() if at >= begin}
        self._position = self._latest = None

    async def _ask(self, method: str, path: str, **options: Any) -> HttpResponse:
        """Send a request; say of a refusal what a person can do, as far as the vendor's word for it is known."""
        refusals = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        response = await self.request(method, path, headers=self.basic_auth(), accept=refusals, **options)
        if response.status not in refusals:
            return response
        word = self.vendor_word(response) or ""
        hint = next((hint for hint, pattern in HINTS.items() if pattern.search(word)), None)
        reason = f"HTTP status {response.status}" + (f", {word}" if word else "")
        if response.status == HTTPStatus.UNAUTHORIZED and not hint:
            raise AuthenticationError(reason)
        raise ConfigurationError(reason, hint=hint)

    async def _webhooks(self, name: str) -> list[dict[str, Any]]:
        """Return the webhooks of a name, which the vendor keeps unique."""
        rows = await self._list("webhooks")
        return [row for row in rows if isinstance(row, dict) and row.get("name") == name and _number(row)]

    async def _list(self, path: str, params: dict[str, str] | None = None) -> list[Any]:
        """Read a list."""
        rows = (await self._ask("GET", path, params=params)).json()
        if not isinstance(rows, list):
            raise ProtocolError(f"the {path} are no list")
        return rows


def _number(row: Any) -> int | None:
    """Return the id of a row as the number that the vendor documents, None where it is none."""
    return _integer(str(row.get("id", ""))) if isinstance(row, dict) else None


def _integer(id_: str) -> int | None:
    """Return an id as a number, None where it is none."""
    return int(id_) if id_.isascii() and id_.isdigit() and len(id_) <= MAXIMUM_DIGITS else None


def _numbers(keys: Iterable[str | bytes]) -> list[int]:
    """Return those ids that are numbers."""
    return [number for key in keys if isinstance(key, str) and (number := _integer(key))]


def _key(row: Any) -> str | bytes:
    """Return by what a row is recognised when it is listed again: its id, else the whole of it."""
    return text_of(row["id"]) if isinstance(row, dict) and row.get("id") else record_of(row)


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
