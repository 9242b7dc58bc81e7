"""VoIP.ms: `getSMS` and `getMMS` of the REST API, two lists of the messages of some days.

Source: the vendor's own texts on "getSMS", "getMMS", "getBalance", "getIP", "getDIDsInfo" and "setSMS", its list of
status words, and what its customers and their clients report of the live API. What they don't say is assumed here:

- Times and days are those of New York with its daylight saving time, as long as -5 is asked for as `timezone`; of the
  hour that comes twice in autumn, times mean the first.
- Days are given by their first and their last one, both included; `limit` is honoured, however high, and the newest
  messages are those that are listed. Which of them an answer leaves out that has as many as `limit` allows isn't said.
- Long texts often come as MMS. SMS and MMS are numbered apart, and `all_messages` mixes them without saying which is
  which; so each list is read for itself, and ids of MMS begin with `mms:`. The parts of a long SMS are rows that
  nothing connects.
- Numbers are national ones of the North American numbering plan, or with `1` or `+1` in front, as the account's dialing
  mode has it; those of other countries begin with `011` or `+`.
- `missing_method`, `invalid_method` and web pages come and go when nothing is wrong with the request.
- User names don't differ by case.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from ipaddress import ip_address
import re
from typing import Any, NamedTuple, override

import aiohttp

from ..model import Cursor, NumberFormat, Page
from .contract import Account, Identity, Provider, WebhookPlace, WebhookResponse
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from .http import TOO_LARGE, HttpResponse
from .parsing import in_turns, text_of
from .voipms_numbers import Ask, Numbers
from .voipms_rows import EASTERN, Content, number_of, read_row
from .window import Next, Row, Walk

DAY = timedelta(days=1)
LONGEST = 90 * DAY  # the vendor refuses more than 92
SHORT = 2 * DAY
OLDEST = 365 * DAY  # what is returned again must not be so old that its id is forgotten
LIMIT = 1000
LEAST = 10
PATH = "rest.php"
SLOW = 30.0  # answers were seen to take ten seconds and more
SECONDS_BETWEEN_WRITES = 61.0  # the vendor wants a minute between two changes of a number
STATUS = re.compile(r"[a-z0-9_]{1,60}")
WITH_WWW = re.compile(r"(https?://)www\.(voip\.ms)(?=[:/]|$)", re.IGNORECASE)
EMPTY = ("no_sms", "no_mms", "no_did")
ERRORS: dict[str, type[ProviderError]] = {
    "invalid_credentials": AuthenticationError,
    "missing_credentials": AuthenticationError,
    "api_not_enabled": ConfigurationError,
    "ip_not_enabled": ConfigurationError,
    "sms_apply_regulations": ConfigurationError,
    "api_limit_exceeded": RateLimitedError,
    "limit_reached": RateLimitedError,
    "sms_wait_message": RateLimitedError,
    "invalid_method": TemporaryError,
    "method_maintenance": TemporaryError,
    "missing_method": TemporaryError,
    "tls_error": TemporaryError,
    "unavailable_info": TemporaryError,
}
HINTS = ("api_not_enabled", "ip_not_enabled")
UNKNOWN_ADDRESS = "?"


class Days(NamedTuple):
    """A range of days to ask for.

    Attributes:
        first: The first day.
        last: The last day.
        limit: How many messages an answer may have.
        is_most: Whether an answer with more messages is too large.
    """

    first: date
    last: date
    limit: int = LIMIT
    is_most: bool = False


class MessageList:
    """One of the two lists, and how far it is read. There are no pages, but ranges of days.

    Attributes:
        mark: The name in the provider's cursor of the time up to which the list is read.
    """

    def __init__(
        self, method: str, mark: str, ask: Ask, clock: Callable[[], datetime], listed: dict[Content, str]
    ) -> None:
        """Start with nothing read.

        Args:
            method: The API's method.
            mark: See above.
            ask: Calls a method of the API.
            clock: Returns the present by the vendor's clock (aware).
            listed: What was read at this poll, see `read_row`.
        """
        self.mark = mark
        self._method, self._ask, self._clock, self._listed = method, ask, clock, listed
        self._walk = Walk[tuple[Days, ...]](clock, DAY)
        self._limit = LIMIT
        """How many messages the answer for a window may have: what was too few once isn't tried at each poll."""

    async def fetch(self, cursor: Cursor) -> Page:
        """Read one range of the days from the day before the latest message to tomorrow; cursor: see `window`."""
        return await self._walk.fetch(cursor, self._page)

    async def _page(self, ranges: tuple[Days, ...] | None) -> tuple[list[Row], Next[tuple[Days, ...]]]:
        """Read the first of some ranges, at first the whole window; the latest range comes first."""
        days, *others = ranges or self._window()
        if days.last - days.first > LONGEST:
            others.insert(0, days._replace(last=days.last - LONGEST - DAY))
            days = days._replace(first=days.last - LONGEST)
        while (rows := await self._rows(days)) is None:
            days, *rest = _smaller(days)
            others[:0] = rest
        if len(rows) >= days.limit and not days.is_most:
            # Nothing of an answer that leaves out messages counts as read: smaller ranges have all of it.
            split = _split(days)
            self._limit = max(self._limit, split[0].limit)
            return [Row(key=None)], (*split, *others)
        if days.limit == self._limit and len(rows) < LIMIT:
            self._limit = LIMIT
        if not rows and ranges and others:
            # That nothing is in a part of a range doesn't mean that the other part is known.
            return [Row(key=None)], tuple(others)
        read = partial(read_row, is_mms=self._method == "getMMS", now=self._clock(), listed=self._listed)
        found = await in_turns(read, rows)
        if len(rows) >= days.limit:
            # This can't be asked for in smaller parts, so a person is told.
            note = f"Of the messages of {days.first}, only the latest {days.limit} could be read: they are too large."
            found.append(Row(key=note, unreadable=note.encode()))
        # Newest first is what comes; within a second only the ids say the order.
        return sorted(found, key=number_of), tuple(others) or None

    def _window(self) -> tuple[Days, ...]:
        """Return the days of the window."""
        today = self._clock().astimezone(EASTERN).date()
        first = min(self._walk.begin.astimezone(EASTERN).date(), today - DAY)
        return (Days(max(first, today - OLDEST), today + DAY, self._limit),)

    async def _rows(self, days: Days) -> list[Any] | None:
        """Return the received messages of some days, up to a number; None where they are too large for an answer."""
        try:
            answer = await self._ask(
                self._method,
                **{"from": days.first.isoformat(), "to": days.last.isoformat()},
                type="1",
                all_messages="0",
                timezone="-5",
                limit=str(days.limit),
            )
        except ProtocolError as err:
            if str(err) != TOO_LARGE or not _smaller(days):
                raise
            return None
        rows = answer.get("sms", [] if answer["status"] in EMPTY else None)
        if not isinstance(rows, list):
            raise ProtocolError("the messages are no list")
        return rows


class VoipMs(Provider):
    """One account at VoIP.ms, all of its numbers.

    Cursor: `since` is that of the SMS, see `window`, and `mms_since` that of the MMS. A poll reads both lists, SMS
    first. A list that fails is the last one of the next poll, so that it doesn't keep the other from being read.
    """

    key = "voipms"
    name = "VoIP.ms"
    default_url = "https://voip.ms/api/v1"
    number_format = NumberFormat(country="US")
    interval = timedelta(seconds=60)
    chooses_password = True
    receives_webhooks = True
    registers = True
    # Else the vendor sends the request again every 30 minutes, where that is switched on.
    webhook_response = WebhookResponse(body="ok")

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read. The host with `www` only redirects, by which the form is lost."""
        super().__init__(session, replace(account, url=WITH_WWW.sub(r"\1\2", account.url)))
        self._listed: dict[Content, str] = {}
        self._lists = tuple(
            MessageList(method, mark, self.ask, lambda: self.now, self._listed)
            for method, mark in (("getSMS", "since"), ("getMMS", "mms_since"))
        )
        self._unread: list[MessageList] = []
        """The lists that this poll has still to read."""
        self._failed: MessageList | None = None
        """The list that the last poll could not read."""
        self._numbers = Numbers(self.ask)

    @override
    async def validate(self) -> Identity:
        """Ask for the balance of the account, which touches no message."""
        await self.ask("getBalance")
        return Identity(account_id=self.account_at_server(self._account.username))

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of one list."""
        if not self._unread:
            self._unread = sorted(self._lists, key=lambda each: each is self._failed)
            self._listed.clear()
        current = self._unread[0]
        since = cursor.get(current.mark)
        try:
            page = await current.fetch({"since": since} if since else {})
        except ProviderError:
            self._unread, self._failed = [], current
            raise
        if not page.more:
            self._unread.pop(0)
        if not self._unread:
            self._failed = None
        moved = {current.mark: page.cursor["since"]} if page.cursor else {}
        return replace(page, cursor={**cursor, **moved}, more=bool(self._unread))

    @override
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the numbers that receive SMS, with the URL callback of each."""
        del name
        return await self._numbers.places()

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Set a number's URL callback, or switch it off."""
        await self._numbers.set_callback(place_id, url)

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the status in the answer."""
        return response.word("status")

    async def ask(self, method: str, /, **parameters: str) -> dict[str, Any]:
        """Call a method of the API; what it answers is a success, or says that there is nothing.

        Raises:
            ProviderError: One of its kinds.
        """
        status, answer = await self._answer(method, **parameters)
        if status == "success" or status in EMPTY:
            return answer
        placeholders = {"address": await self._address()} if status == "ip_not_enabled" else None
        raise ERRORS.get(status, ProtocolError)(
            f"status {status}",
            hint=status if status in HINTS else None,
            placeholders=placeholders,
            retry_after=SECONDS_BETWEEN_WRITES if status == "sms_wait_message" else None,
        )

    async def _address(self) -> str:
        """Return the address with which the vendor sees us: it says so to everybody."""
        try:
            _, answer = await self._answer("getIP")
            return str(ip_address(text_of(answer.get("ip"))))
        except ProviderError, ValueError:
            return UNKNOWN_ADDRESS

    async def _answer(self, method: str, /, **parameters: str) -> tuple[str, dict[str, Any]]:
        """Return the status of an answer, and the answer.

        The request is a POST, since a GET would have the password in its address; other forms than one in parts are
        taken for SOAP.
        """
        form = self.form(method, **parameters)
        return read_answer(await self.request("POST", PATH, data=form, multipart=True, wait=SLOW))

    def form(self, method: str, /, **parameters: str) -> dict[str, str]:
        """Return the form that calls a method of the API, with the credentials."""
        login = {"api_username": self._account.username, "api_password": self._account.password}
        return {**login, "method": method, **parameters}


def read_answer(response: HttpResponse) -> tuple[str, dict[str, Any]]:
    """Return the status of an answer, and the answer.

    Raises:
        TemporaryError: It is a web page.
        ProtocolError: It has no status.
    """
    if response.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise TemporaryError("a page came instead of an answer")
    answer = response.json()
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, str) or not STATUS.fullmatch(status):
        raise ProtocolError("the answer has no status")
    return status, dict(answer)


def _split(days: Days) -> list[Days]:
    """Return what to ask for where a range has more messages than an answer may have: its halves, or more of them.

    A range that is as short as the window of most polls is not divided, so that these are few requests.
    """
    return _halves(days) if days.last - days.first > SHORT else [days._replace(limit=days.limit * 10)]


def _smaller(days: Days) -> list[Days]:
    """Return what to ask for where an answer is too large: halves, or the newest messages of a day, or nothing."""
    limit = days.limit // 2
    return _halves(days) or ([days._replace(limit=limit, is_most=True)] if limit >= LEAST else [])


def _halves(days: Days) -> list[Days]:
    """Return the halves of a range, the later one first; none of a day."""
    if days.first == days.last:
        return []
    middle = days.first + (days.last - days.first) // 2
    return [days._replace(first=middle + DAY), days._replace(last=middle)]
