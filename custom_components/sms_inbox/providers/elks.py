"""46elks: the SMS history, a list by time that is walked backwards.

Source: the vendor's pages "Fetch SMS history", "Receive an SMS", "Get account information" and "Update a subaccount".
What they don't say is assumed here:

- The history is sorted by `created`, newest first, as in the vendor's sample. `next` is the time of a row at the border
  of two pages; whether `start` leaves out rows of that very moment isn't said, so the pages overlap.
- A message appears in the history within two days of its `created`.
- The API username is the account's id, as the vendor says of subaccounts, which may read `me`, too.
- A row without `direction` is a received message.
- No rate limit is published; one request in 30 s is modest.
- Numbers are E.164, as the vendor says of `from` and `to`; a sender may be a name.
- The encoding isn't said; `unicode` means a text with more than ASCII.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, override

import aiohttp

from ..model import INTERNATIONAL, Cursor, Message, Page
from .contract import Account, Identity, Provider, WebhookResponse
from .errors import ProtocolError
from .http import HttpResponse
from .parsing import in_turns, iso_time, record_of, text_of
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
PAGES_OVERLAP = timedelta(seconds=1)
PAGE_SIZE = "100"
REFUSALS = {
    b"API access requires Basic HTTP authentication. Read documentation or examples.": "authentication_required",
    b"Missing key": "missing_key",
    b"Not found": "not_found",
    b"Method not allowed": "method_not_allowed",
    b"Invalid start": "invalid_start",
    b"Invalid end": "invalid_end",
    b"Invalid limit": "invalid_limit",
}


class Elks(Provider):
    """One account at 46elks. Cursor: see `window`."""

    key = "elks"
    name = "46elks"
    default_url = "https://api.46elks.com/a1"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    receives_webhooks = True
    webhook_response = WebhookResponse()  # a text in it would be sent to the sender as an SMS, and billed

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._walk = Walk[datetime](lambda: self.now, OVERLAP)

    @override
    async def validate(self) -> Identity:
        """Read the account's information."""
        information = (await self.request("GET", "me", headers=self.basic_auth())).json()
        if not isinstance(information, dict) or not information.get("id"):
            raise ProtocolError("the account has no id")
        return Identity(account_id=self._account.username.casefold(), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of what was sent and received since two days before the latest message."""
        return await self._walk.fetch(cursor, self._page)

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return a word for one of the sentences with which the vendor refuses a request."""
        return REFUSALS.get(response.body.strip())

    async def _page(self, before: datetime | None) -> tuple[list[Row], Next[datetime]]:
        """Read the latest rows before a time, without one the latest of all."""
        # The vendor's names look backwards: `start` is the later time.
        start = {"start": _stamp(before)} if before else {}
        params = {"end": _stamp(self._walk.begin), "limit": PAGE_SIZE} | start
        answer = (await self.request("GET", "sms", params=params, headers=self.basic_auth())).json()
        if not isinstance(answer, dict) or not isinstance(rows := answer.get("data"), list):
            raise ProtocolError("the history is no list")
        return await in_turns(_row, reversed(rows)), _following(answer.get("next"), before)


def _following(border: Any, before: datetime | None) -> datetime | ProtocolError | None:
    """Return where the page after one begins whose last row is at a border; None where there is no border."""
    if not border:
        return None
    if (time := iso_time(border)) is None:
        return ProtocolError("the next page has no time")
    try:
        following = time + PAGES_OVERLAP
    except OverflowError:
        following = time
    # Of a second with more rows than a page holds, those at the border are left out: else there would be no way on.
    return following if before is None or following < before else min(time, before)


def _row(row: Any) -> Row:
    """Return a row of the history; one without an id, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    id_, time = text_of(row.get("id")), iso_time(row.get("created"))
    if (row.get("direction") or "incoming") != "incoming":
        return Row(key=id_ or record, time=time)
    if not id_:
        return Row(key=record, time=time, unreadable=record)
    text = text_of(row.get("message"))
    message = Message(
        message_id=id_,
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=time,
        in_reply_to=None,
        raw=record,
    )
    return Row(key=id_, time=time, message=message)


def _stamp(time: datetime) -> str:
    """Return a time as the vendor writes it: in UTC, without saying so."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"
