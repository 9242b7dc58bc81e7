"""ClickSend: the REST API, version 3, a list from which messages vanish when they are marked read.

Source: the vendor's OpenAPI description and its client libraries (6.0.2). What they don't say is assumed here:

- A list is sorted by time. The samples have the newest first; the oldest first is understood, too.
- Marking everything read takes it out of the list, say the documents; that marking a single message does, too, is
  assumed. Else the list grows for ever, so it is read no further than two days before the latest message.
- One `message_id` stands on several rows of the sample, which differ, so time, sender and text are part of our id. Rows
  that are equal in all of them are one message: the vendor lists it once for each inbound rule with the action Poll.
- Numbers are E.164, as in the samples; a recipient may be an id.
- `timestamp` is named `timestamp_send` in one sample; it is a number or a text.
- The rate limit is not published; 20 requests a minute for an address of the API have been seen.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import hashlib
import json
import re
import time
from typing import Any, override

import aiohttp

from ..model import INTERNATIONAL, Cursor, Message, Page
from .contract import Account, Identity, Provider
from .errors import ConfigurationError, ProtocolError
from .http import HttpResponse
from .parsing import in_turns, record_of, text_of
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
MARKED_AT_ONCE = 5
MARKED_IN_A_WHILE = 10
WHILE = 25.0  # seconds, a little less than from poll to poll
MARKABLE = re.compile(r"[\w-]+", re.ASCII)
SUCCESS = "SUCCESS"


class ClickSend(Provider):
    """One account at ClickSend. Cursor: see `window`."""

    key = "clicksend"
    name = "ClickSend"
    default_url = "https://rest.clicksend.com/v3"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    acknowledges = True
    receives_webhooks = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        # Marking takes rows out of the list, so no place in it is good for longer than one walk.
        self._walk = Walk[int](lambda: self.now, OVERLAP, look_back=None, spread=False)
        self._unmarked: dict[str, None] = {}
        """Ids of stored messages that are to be marked read, the oldest first."""
        self._marked_since = -WHILE
        self._marked = 0

    @override
    async def validate(self) -> Identity:
        """Read the account; a subaccount has messages of its own."""
        account = await self._read("account")
        if not account.get("user_id"):
            raise ProtocolError("the account has no id")
        subaccount = account.get("_subaccount")
        subaccount_id = subaccount.get("subaccount_id") if isinstance(subaccount, dict) else None
        ids = [text_of(id_).casefold() for id_ in (account["user_id"], subaccount_id) if id_]
        return Identity(account_id="-".join(ids), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of the list, at first of all of it, then from two days before the latest message."""
        return await self._walk.fetch(cursor, self._page)

    @override
    async def acknowledge(self, page: Page) -> bool:
        """Mark some messages read, the oldest first.

        Nothing is marked before the last page of the list was read, since marked rows shift the pages; and no more than
        a few messages from one poll to the next, so that the rate limit keeps no new message waiting.

        Returns:
            Whether more can be marked at once.

        Raises:
            ProviderError: One of them could not be marked; it is tried again later.
        """
        for message in page.messages:
            id_ = text_of(json.loads(message.raw)["message_id"])
            # What is no id must never become the address that marks all messages read.
            if MARKABLE.fullmatch(id_):
                self._unmarked[id_] = None
        if page.more or not self._unmarked or not (allowed := self._allowance()):
            return False
        ids = list(self._unmarked)[: min(MARKED_AT_ONCE, allowed)]
        self._marked += len(ids)
        results = await asyncio.gather(*map(self._mark_read, ids), return_exceptions=True)
        for id_, result in zip(ids, results, strict=True):
            # One that failed is tried again after the others.
            del self._unmarked[id_]
            if result is not None:
                self._unmarked[id_] = None
        if failures := [result for result in results if result is not None]:
            raise failures[0]
        return bool(self._unmarked) and self._allowance() > 0

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the response code."""
        return response.word("response_code")

    def _allowance(self) -> int:
        """Return how many messages may be marked now."""
        if time.monotonic() - self._marked_since >= WHILE:
            self._marked_since, self._marked = time.monotonic(), 0
        return MARKED_IN_A_WHILE - self._marked

    async def _page(self, number: int | None) -> tuple[list[Row], Next[int]]:
        """Read a page of the list by its number.

        Where the oldest messages are on the first page, the others are read from the last one on, back to the second.
        """
        rows, last = await self._list(1 if number is None else abs(number))
        times = [at for row in rows if (at := _time(row))]
        is_ascending = len(times) > 1 and times[0] < times[-1]
        if not is_ascending:
            rows.reverse()
        found = await in_turns(_row, rows)
        if number is not None and number < 0:
            return found, number + 1 if number < -2 else None
        if number is None and last > 1 and (not times or times[0] <= times[-1]):
            # Nothing on this page says whether the newest messages are known: those on another one are newer.
            return [*found, Row(key=None)], -last if is_ascending else 2
        following = (number or 1) + 1
        return found, following if following <= last else None

    async def _list(self, number: int) -> tuple[list[Any], int]:
        """Return the rows of a page of the list, and the number of the last page."""
        listed = await self._read("sms/inbound", {"page": str(number), "limit": "100"})
        rows, last = listed.get("data"), listed.get("last_page")
        if not isinstance(rows, list) or not isinstance(last, int):
            raise ProtocolError("the messages are no list with pages")
        return rows, last

    async def _read(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the data of an answer."""
        response = await self.request("GET", path, params=params, headers=self.basic_auth())
        answer, word = response.json(), self.vendor_word(response)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise ProtocolError("the answer has no data" + (f", {word}" if word and word != SUCCESS else ""))
        return data

    async def _mark_read(self, message_id: str) -> None:
        """Mark a message read; what the vendor refuses is read already, or not ours to mark, now and later."""
        with suppress(ConfigurationError):
            await self.request("PUT", f"sms/inbound-read/{message_id}", headers=self.basic_auth())


def _timestamp(row: Mapping[str, Any]) -> str:
    """Return the seconds since 1970, as they came."""
    return text_of(row.get("timestamp") or row.get("timestamp_send"))


def _time(row: Any) -> datetime | None:
    """Return when a message was received, None where the row doesn't say."""
    try:
        return datetime.fromtimestamp(int(_timestamp(row)), UTC)
    except AttributeError, OSError, OverflowError, ValueError:
        return None


def _row(row: Any) -> Row:
    """Return a row of the list; one without an id, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict) or not row.get("message_id"):
        return Row(key=record, unreadable=record)
    text, sender, received_at = text_of(row.get("body")), text_of(row.get("from")), _time(row)
    digest = hashlib.sha256(f"{sender}\0{text}".encode()).hexdigest()[:8]
    message = Message(
        message_id=f"{text_of(row['message_id'])}-{_timestamp(row)}-{digest}",
        sender=sender,
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=received_at,
        in_reply_to=text_of(row.get("original_message_id")) or None,
        raw=record,
    )
    return Row(key=message.message_id, time=received_at, message=message)
