"""ClickSend: the REST API, version 3, a list from which messages vanish when they are marked read.

Source: the vendor's OpenAPI description and its client libraries (6.0.2). What they don't say is assumed here:

- A list is sorted by time. The samples have the newest first; the oldest first is understood, too.
- Marking everything read takes it out of the list, say the documents; that marking a single message does, too, is
  assumed. Else the list grows for ever, so it is read no further than two days before the latest message.
- One `message_id` stands on several rows of the sample, which differ, so time, sender and text are part of our id. Rows
  that are equal in all of them are one message: the vendor lists it once for each inbound rule with the action Poll.
- `timestamp` is called `timestamp_send` in one sample; it is a number or a text.
- The rate limit is not published; 20 requests a minute for an address of the API have been seen.
- Calls carry the fields of a row, as a form, in the query or in JSON. Nothing signs them.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import hashlib
from http import HTTPStatus
import json
import re
from typing import Any, override
import uuid

from ..model import SYNTHETIC_ID, Cursor, Message, Page, PushResult
from . import window
from .contract import Identity, Provider, WebhookRequest
from .errors import ConfigurationError, ProtocolError, RefusedWebhookError
from .parsing import record_of, text_of

OVERLAP = timedelta(days=2)
MARKED_AT_ONCE = 10
MARKABLE = re.compile(r"[\w-]+", re.ASCII)


class ClickSend(Provider):
    """One account at ClickSend; cursor: see `window.page`."""

    key = "clicksend"
    name = "ClickSend"
    default_url = "https://rest.clicksend.com/v3"
    interval = timedelta(seconds=30)
    acknowledges = True
    receives_webhooks = True

    _acknowledged: frozenset[str] = frozenset()

    @override
    async def validate(self) -> Identity:
        """Read the account; a subaccount has messages of its own."""
        account = await self._get("account")
        if not account.get("user_id"):
            raise ProtocolError("the account has no id")
        subaccount = account.get("_subaccount")
        subaccount_id = subaccount.get("subaccount_id") if isinstance(subaccount, dict) else None
        ids = [str(id_).casefold() for id_ in (account["user_id"], subaccount_id) if id_]
        return Identity(account_id="-".join(ids), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the whole list as one page."""
        rows = await self._rows(window.since_of(cursor) - OVERLAP if cursor else window.MIN)
        times = [time for row in rows if (time := _time(row))]
        if not times or times[0] >= times[-1]:
            rows.reverse()
        messages = {_id(row): _message(row, _id(row)) for row in rows if _is_message(row)}
        unreadable = [record_of(row) for row in rows if not _is_message(row)]
        return window.page(messages.values(), unreadable, cursor)

    @override
    async def acknowledge(self, page: Page) -> None:
        """Mark the oldest messages read that this object hasn't marked yet, the others with the next pages.

        Raises:
            ProviderError: One of them could not be marked; it is tried with the next page.
        """
        shown: dict[str, set[str]] = {}
        for message in page.messages:
            shown.setdefault(text_of(json.loads(message.raw)["message_id"]), set()).add(message.message_id)
        self._acknowledged &= set().union(*shown.values())
        # What is no id must never become the address that marks all messages read.
        waiting = [id_ for id_, ids in shown.items() if MARKABLE.fullmatch(id_) and not ids <= self._acknowledged]
        marked = waiting[:MARKED_AT_ONCE]
        results = await asyncio.gather(*map(self._mark_read, marked), return_exceptions=True)
        for id_, result in zip(marked, results, strict=True):
            if result is None:
                self._acknowledged |= shown[id_]
        if failures := [result for result in results if result is not None]:
            raise failures[0]

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a call, a form or JSON; delivery reports, which have a status, bring nothing."""
        fields = _fields(request)
        if not {"message_id", "from", "body"} & fields.keys():
            raise RefusedWebhookError("no field of a message", status=HTTPStatus.BAD_REQUEST)
        if "body" not in fields:
            return PushResult() if "status_code" in fields else PushResult(unreadable=(request.record,))
        if _is_message(fields) and _time(fields):
            return PushResult(messages=(_message(fields, _id(fields), request.record),))
        return PushResult(announced=(_message(fields, f"{SYNTHETIC_ID}{uuid.uuid4()}", request.record),))

    async def _rows(self, oldest: datetime) -> list[Any]:
        """Return the rows in the order of the list, without the pages that are wholly older.

        The walk begins at the other end where the first page is.
        """
        first, last = await self._list(1)
        pages, backwards = {1: first}, _are_older(first, oldest)
        number = last if backwards else 2
        while 1 < number <= last:
            pages[number], last = await self._list(number)
            if _are_older(pages[number], oldest):
                break
            number += -1 if backwards else 1
        return [row for number in sorted(pages) for row in pages[number]]

    async def _list(self, number: int) -> tuple[list[Any], int]:
        """Return the rows of a page of the list, and the number of the last page."""
        listed = await self._get("sms/inbound", {"page": str(number), "limit": "100"})
        rows, last = listed.get("data"), listed.get("last_page")
        if not isinstance(rows, list) or not isinstance(last, int):
            raise ProtocolError("the messages are no list with pages")
        return rows, last

    async def _get(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the data of an answer."""
        answer = (await self.request("GET", path, params=params, headers=self.basic_auth())).json()
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise ProtocolError("the answer has no data")
        return data

    async def _mark_read(self, message_id: str) -> None:
        """Mark a message read; what the vendor refuses is read already, or not ours to mark, now and later."""
        with suppress(ConfigurationError):
            await self.request("PUT", f"sms/inbound-read/{message_id}", headers=self.basic_auth())


def _fields(request: WebhookRequest) -> Mapping[str, Any]:
    """Return the fields of a call."""
    if request.is_form or not request.body:
        return request.fields
    try:
        fields = json.loads(request.body)
    except ValueError, RecursionError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _is_message(row: Any) -> bool:
    """Whether a row has the id without which it can't be told from others."""
    return isinstance(row, dict) and bool(row.get("message_id"))


def _are_older(rows: list[Any], oldest: datetime) -> bool:
    """Whether all rows are from before a time; one without a time is not."""
    return all((_time(row) or oldest) < oldest for row in rows)


def _timestamp(row: Mapping[str, Any]) -> str:
    """Return the seconds since 1970, as they came."""
    return text_of(row.get("timestamp") or row.get("timestamp_send"))


def _time(row: Any) -> datetime | None:
    """Return when a message was received, None where the row doesn't tell."""
    try:
        return datetime.fromtimestamp(int(_timestamp(row)), UTC)
    except AttributeError, OSError, OverflowError, ValueError:
        return None


def _id(row: Mapping[str, Any]) -> str:
    """Return an id that a message keeps, and shares with no other."""
    content = f"{text_of(row.get('from'))}\0{text_of(row.get('body'))}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return f"{text_of(row['message_id'])}-{_timestamp(row)}-{digest}"


def _message(row: Mapping[str, Any], message_id: str, raw: bytes | None = None) -> Message:
    """Return the message of a row, or of the fields of a call."""
    text = text_of(row.get("body"))
    return Message(
        message_id=message_id,
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=_time(row),
        in_reply_to=text_of(row.get("original_message_id")) or None,
        raw=record_of(row) if raw is None else raw,
    )
