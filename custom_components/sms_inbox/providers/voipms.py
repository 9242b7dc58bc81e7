"""VoIP.ms: `getSMS` of the REST API, a list of the messages of some days.

Source: the vendor's parameters, answers and status codes of "getSMS", "getBalance" and "setSMS" as its client
libraries keep them (voipms 0.2.6, voipms-api 1.2.1), its page about the SMS URL callback, and the Android client,
which has read this API for years. What they don't say is assumed here:

- Times and days are those of New York with its daylight saving time, as long as -5 is asked for as `timezone`; of the
  hour that comes twice in autumn, times mean the first.
- Days are given by their first and their last one, both included; `limit` is honoured, however high. Which rows an
  answer leaves out that has as many as `limit` allows isn't said.
- SMS and MMS are numbered apart, but no account gets the same number for both within the time that ids are remembered.
- Texts are not escaped beyond JSON, and addresses are as the account's dialing mode has them, with `+1` or without: the
  vendor's samples have the ten digits of the North American numbering plan.
- User names don't differ by case.
"""

from datetime import date, timedelta
import re
from typing import Any, override
from zoneinfo import ZoneInfo

import aiohttp

from ..model import Cursor, Message, NumberFormat, Page
from .contract import Account, Identity, Provider, WebhookResponse
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from .http import HttpResponse
from .parsing import in_turns, iso_time, record_of, text_of
from .window import Next, Row, Walk

EASTERN = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
LONGEST = 90 * DAY  # the vendor refuses more than 92
OLDEST = 365 * DAY  # what is returned again must not be so old that its id is forgotten
LIMIT = 1000
SLOW = 30.0  # answers were seen to take ten seconds and more
STATUS = re.compile(r"[a-z0-9_]{1,60}")
ERRORS: dict[str, type[ProviderError]] = {
    "invalid_credentials": AuthenticationError,
    "missing_credentials": AuthenticationError,
    "api_not_enabled": ConfigurationError,
    "ip_not_enabled": ConfigurationError,
    "missing_method": ConfigurationError,
    "invalid_method": ConfigurationError,
    "api_limit_exceeded": RateLimitedError,
    "limit_reached": RateLimitedError,
    "method_maintenance": TemporaryError,
    "tls_error": TemporaryError,
    "unavailable_info": TemporaryError,
}

type Days = tuple[date, date, int]
"""The first and the last day of a range, and how many messages an answer may have."""


class VoipMs(Provider):
    """One account at VoIP.ms, all of its numbers. Cursor: see `window`; there are no pages, but ranges of days."""

    key = "voipms"
    name = "VoIP.ms"
    default_url = "https://voip.ms/api/v1"
    number_format = NumberFormat(country="US")
    interval = timedelta(seconds=60)
    chooses_password = True
    receives_webhooks = True
    # Else the vendor sends the request again every 30 minutes, where that is switched on.
    webhook_response = WebhookResponse(body="ok")

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._walk = Walk[tuple[Days, ...]](lambda: self.now, DAY)

    @override
    async def validate(self) -> Identity:
        """Ask for the balance of the account, which touches no message."""
        await self._read("getBalance")
        return Identity(account_id=self._account.username.casefold(), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one range of the days from the day before the latest message to tomorrow."""
        return await self._walk.fetch(cursor, self._page)

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the status in the answer."""
        return response.word("status")

    async def _page(self, ranges: tuple[Days, ...] | None) -> tuple[list[Row], Next[tuple[Days, ...]]]:
        """Read the first of some ranges, at first the whole window; the latest range comes first."""
        (first, last, limit), *others = ranges or self._window()
        if last - first > LONGEST:
            others.insert(0, (first, last - LONGEST - DAY, limit))
            first = last - LONGEST
        rows = await self._list(first, last, limit)
        if len(rows) >= limit:
            # Nothing of an answer that leaves out messages counts as read: smaller ranges have all of it.
            return [Row(key=None)], (*_smaller(first, last, limit), *others)
        if not rows and ranges and others:
            # That nothing is in a part of a range doesn't mean that the other part is known.
            return [Row(key=None)], tuple(others)
        # Newest first is what comes; within a second only the ids say the order.
        return sorted(await in_turns(_row, rows), key=_number), tuple(others) or None

    def _window(self) -> tuple[Days, ...]:
        """Return the days of the window."""
        today = self.now.astimezone(EASTERN).date()
        first = min(self._walk.begin.astimezone(EASTERN).date(), today - DAY)
        return ((max(first, today - OLDEST), today + DAY, LIMIT),)

    async def _list(self, first: date, last: date, limit: int) -> list[Any]:
        """Return the received messages of some days, up to a number."""
        answer = await self._read(
            "getSMS",
            **{"from": first.isoformat(), "to": last.isoformat()},
            type="1",
            all_messages="1",
            timezone="-5",
            limit=str(limit),
        )
        rows = answer.get("sms", [] if answer["status"] == "no_sms" else None)
        if not isinstance(rows, list):
            raise ProtocolError("the messages are no list")
        return rows

    async def _read(self, method: str, **parameters: str) -> dict[str, Any]:
        """Send a request by POST: a GET would have the password in its address."""
        form = {"api_username": self._account.username, "api_password": self._account.password, "method": method}
        answer = await self.request("POST", "rest.php", data=form | parameters, multipart=True, wait=SLOW)
        result = answer.json()
        status = result.get("status") if isinstance(result, dict) else None
        if not isinstance(status, str) or not STATUS.fullmatch(status):
            raise ProtocolError("the answer has no status")
        if status not in ("success", "no_sms"):
            raise ERRORS.get(status, ProtocolError)(f"status {status}")
        return dict(result)


def _smaller(first: date, last: date, limit: int) -> list[Days]:
    """Return what to ask for where a range has more messages than an answer may have: its halves, or a day again."""
    if first == last:
        return [(first, last, limit * 10)]
    middle = first + (last - first) // 2
    return [(middle + DAY, last, limit), (first, middle, limit)]


def _number(row: Row) -> tuple[int, str]:
    """Return by what rows are sorted like the numbers that their ids are."""
    id_ = row.message.message_id if row.message else ""
    return len(id_), id_


def _row(row: Any) -> Row:
    """Return a row of the list; one without an id, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    id_, time = text_of(row.get("id")), iso_time(row.get("date"), EASTERN)
    if text_of(row.get("type")) == "0":
        return Row(key=f"sent {id_}" if id_ else record, time=time)
    if not id_:
        return Row(key=record, time=time, unreadable=record)
    message = Message(
        message_id=id_,
        sender=text_of(row.get("contact")),
        recipient=text_of(row.get("did")) or None,
        text=text_of(row.get("message")),
        encoding="text",
        data=None,
        received_at=time,
        in_reply_to=None,
        raw=record,
    )
    return Row(key=id_, time=time, message=message)
