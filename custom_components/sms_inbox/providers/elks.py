"""46elks: the histories of SMS and MMS, two lists by time that are walked backwards.

Source: the vendor's pages "SMS history", "MMS history", "Receive an SMS", "Receive an MMS", "Configure a number", "List
all numbers", "Get number by ID", "Get account details" and "Update a subaccount". What they don't say is assumed here:

- A history is sorted by `created`, newest first, as in the vendor's samples. `next` is the time of a row at the border
  of two pages; whether `start` leaves out rows of that very moment isn't said, so the pages overlap.
- A message appears in its history within two days of its `created`.
- The API username is the account's id, as the vendor says of subaccounts, which may read `me`, too.
- A row without `direction` is a received message.
- Who has no MMS may be refused their history, in any way.
- No rate limit is published; two requests in 30 s are modest.
- Numbers are E.164, as the vendor says of `from` and `to`; a sender may be a name.
- The encoding isn't said; `unicode` means a text with more than ASCII.
- A refusal is a sentence, as the vendor says, or one in JSON, as has been seen; of the sentences, few are public.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
import re
import time
from typing import Any, override

import aiohttp
from yarl import URL

from ..model import INTERNATIONAL, Cursor, Message, Page
from .contract import Account, Identity, Provider, WebhookPlace, WebhookResponse
from .errors import AuthenticationError, ConfigurationError, ProtocolError, ProviderError, RateLimitedError
from .http import HttpResponse
from .parsing import in_turns, iso_time, record_of, text_of
from .refusals import refusal
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
PAGES_OVERLAPS = (timedelta(seconds=1), timedelta(milliseconds=1))
PAGE_SIZE = "100"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SMS, MMS = "sms", "mms"
CURSOR_NAMES = {SMS: "since", MMS: "mms"}
SECONDS_WITHOUT_MMS = 3600.0
MAXIMUM_NUMBER_PAGES = 100
NUMBER_ID = re.compile(r"\w{1,64}", re.ASCII)
CLEAR = "none"
REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
)
WORDS = {
    "api access requires basic http authentication": "authentication_required",
    "missing key": "missing_key",
    "not found": "not_found",
    "not enough credits": "not_enough_credits",
    "method not allowed": "method_not_allowed",
    "invalid start": "invalid_start",
    "invalid end": "invalid_end",
    "invalid limit": "invalid_limit",
    "invalid to": "invalid_to",
    "invalid from": "invalid_from",
}
"""Words for the sentences with which the vendor refuses a request, by how they begin."""
LONGEST_SENTENCE = 200


class Elks(Provider):
    """One account at 46elks.

    Cursor: `{"since": str, "mms": str}`: that of the walk through the history of SMS, and of the one through that of
    MMS, see `window`; empty where there is none yet. Without `mms`, only SMS were read until `since`.
    """

    key = "elks"
    name = "46elks"
    default_url = "https://api.46elks.com/a1"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    receives_webhooks = True
    registers = True
    webhook_response = WebhookResponse()  # a text in it would be sent to the sender as an SMS, and billed

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._walks = {kind: Walk[datetime](lambda: self.now, OVERLAP) for kind in CURSOR_NAMES}
        self._left: list[str] = []
        """The histories that this poll has still to read."""
        self._error: ProviderError | None = None
        """Why one of them could not be read; it is raised once the other one is."""
        self._refused_mms_at: float | None = None
        """When the history of MMS was refused."""

    @override
    async def validate(self) -> Identity:
        """Read the account's information, and a part of the history in which nothing is."""
        information = (await self.ask("GET", "me")).json()
        if not isinstance(information, dict) or not information.get("id"):
            raise ProtocolError("the account has no id")
        await self.ask("GET", SMS, params={"start": stamp(LONG_AGO), "limit": "1"})
        return Identity(account_id=self.account_at_server(self._account.username))

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of what was sent and received since two days before the latest message.

        A poll reads the SMS, and then the MMS. What one history brings is returned before the other is read, and where
        one can't be read, the other still is.
        """
        cursors = _cursors(cursor)
        if not self._left and not self._error:
            self._left = [SMS, MMS] if self._may_have_mms() else [SMS]
        while self._left:
            kind = self._left[0]
            try:
                page = await self._walks[kind].fetch(cursors[kind], partial(self._page, kind))
            except ProviderError as err:
                self._note(kind, err)
                continue
            if not page.more:
                del self._left[0]
            is_news = page.messages or page.unreadable or page.more or page.cursor != cursors[kind]
            cursors[kind] = page.cursor
            if is_news:
                return replace(page, cursor=_cursor(cursors), more=bool(self._left or self._error))
        error, self._error = self._error, None
        if error:
            raise error
        return Page(messages=(), cursor=cursor, more=False)

    @override
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the active numbers that receive SMS, with their `sms_url`."""
        places = []
        for number in await self.numbers():
            # The list may leave out what is set at a number.
            shown = number if "sms_url" in number else await self._number(text_of(number["id"]))
            digits, label = text_of(number.get("number")), text_of(number.get("name"))
            place_name = f"{digits} ({label})" if label else digits
            url = _address(shown or {}, "sms_url")
            places.append(WebhookPlace(place_id=text_of(number["id"]), name=place_name, url=url))
        return tuple(places)

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Set a number's `sms_url` and have no answer sent back as an SMS; also its `mms_url` if it is empty or ours.

        An empty URL removes what is there.
        """
        number = await self._number(place_id)
        if url and (number is None or text_of(number.get("active")) == "no"):
            raise ConfigurationError("there is no such number", hint="webhook_place_gone")
        if number is None:
            return
        sms_url, mms_url = _address(number, "sms_url"), _address(number, "mms_url")
        changes: dict[str, str] = {}
        if url:
            if sms_url != url or text_of(number.get("sms_replies")) == "yes":
                changes |= {"sms_url": url, "sms_replies": "no"}
            if mms_url != url and _receives(number, MMS) and (not mms_url or _is_ours(mms_url, sms_url, url)):
                changes["mms_url"] = url
        elif sms_url:
            changes["sms_url"] = CLEAR
            if mms_url == sms_url:
                changes["mms_url"] = CLEAR
        if changes:
            await self.ask("POST", f"numbers/{place_id}", data=changes)

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return a word for one of the sentences with which the vendor refuses a request."""
        sentence = sentence_of(response).casefold()
        return next((word for begin, word in WORDS.items() if sentence.startswith(begin)), None)

    async def numbers(self) -> list[Mapping[str, Any]]:
        """Return the active numbers that receive SMS.

        Raises:
            ProviderError: One of its kinds.
        """
        found: dict[str, Mapping[str, Any]] = {}
        params: dict[str, str] = {"limit": PAGE_SIZE}
        for _ in range(MAXIMUM_NUMBER_PAGES):
            rows, border = await self.list_page("numbers", params)
            numbers = [row for row in rows if isinstance(row, dict) and NUMBER_ID.fullmatch(text_of(row.get("id")))]
            found |= {text_of(number["id"]): number for number in numbers}
            if not (before := iso_time(border)) or params.get("start") == stamp(before):
                usable = (number for number in found.values() if text_of(number.get("active")) != "no")
                return [number for number in usable if _receives(number, SMS)]
            params["start"] = stamp(before)
        raise ProtocolError("the numbers have no end")

    async def list_page(self, path: str, params: Mapping[str, str] | None = None) -> tuple[list[Any], Any]:
        """Return the rows of a page of a list, and the border to the next one, which is empty where there is none.

        Raises:
            ProviderError: One of its kinds.
        """
        answer = (await self.ask("GET", path, params=params)).json()
        if not isinstance(answer, dict) or not isinstance(rows := answer.get("data"), list):
            raise ProtocolError("the answer is no list")
        return rows, answer.get("next")

    async def ask(self, method: str, path: str, *, accept: tuple[int, ...] = (), **options: Any) -> HttpResponse:
        """Send a request and return the answer; a refusal is read as what its sentence means.

        Raises:
            ProviderError: One of its kinds.
        """
        response = await self.request(method, path, headers=self.basic_auth(), accept=REFUSED, **options)
        if response.status not in REFUSED or response.status in accept:
            return response
        word = self.vendor_word(response)
        reason = f"HTTP status {response.status}" + (f", {word}" if word else "")
        is_login = response.status == HTTPStatus.UNAUTHORIZED
        raise refusal(AuthenticationError if is_login else ConfigurationError, reason, sentence_of(response))

    def _may_have_mms(self) -> bool:
        """Whether to ask for MMS: where they were refused, that is asked once an hour."""
        at = self._refused_mms_at
        return at is None or time.monotonic() - at >= SECONDS_WITHOUT_MMS

    def _note(self, kind: str, err: ProviderError) -> None:
        """Take note that a history could not be read.

        Raises:
            ProviderError: The other one can't be read, either.
        """
        self._left.remove(kind)
        if kind == MMS and not self._error and isinstance(err, AuthenticationError | ConfigurationError):
            # The SMS were read a moment ago, so it is neither the credentials nor the address.
            self._refused_mms_at = time.monotonic()
        elif isinstance(err, AuthenticationError | RateLimitedError):
            self._left, self._error = [], None
            raise err
        else:
            self._error = self._error or err

    async def _page(self, kind: str, before: datetime | None) -> tuple[list[Row], Next[datetime]]:
        """Read the latest rows of a history before a time, without one the latest of all."""
        # The vendor's names look backwards: `start` is the later time.
        start = {"start": stamp(before)} if before else {}
        rows, border = await self.list_page(kind, {"end": stamp(self._walks[kind].begin), "limit": PAGE_SIZE} | start)
        if kind == MMS:
            self._refused_mms_at = None
        found = await in_turns(partial(_row, kind), reversed(rows))
        latest = max((row.time for row in found if row.time), default=None)
        return found, _following(border, before, latest)

    async def _number(self, id_: str) -> Mapping[str, Any] | None:
        """Return a number with what is set there, None where there is none."""
        if not NUMBER_ID.fullmatch(id_):
            return None
        response = await self.ask("GET", f"numbers/{id_}", accept=(HTTPStatus.NOT_FOUND,))
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if not isinstance(number := response.json(), dict):
            raise ProtocolError("the number is no object")
        return number


def sentence_of(response: HttpResponse) -> str:
    """Return the sentence of a refusal, which may be in JSON; empty where the answer is anything else."""
    try:
        answer = response.json()
        text = text_of(answer.get("error")) if isinstance(answer, dict) else ""
    except ProtocolError:
        text = "" if response.is_html else response.body[: LONGEST_SENTENCE + 1].decode("utf-8", "replace").strip()
    return text if len(text) <= LONGEST_SENTENCE else ""


def _cursors(cursor: Cursor) -> dict[str, Cursor]:
    """Return the cursors of the two walks."""
    since = cursor.get(CURSOR_NAMES[SMS], "")
    times = {SMS: since, MMS: cursor.get(CURSOR_NAMES[MMS], since)}
    return {kind: {"since": at} if at else {} for kind, at in times.items()}


def _cursor(cursors: Mapping[str, Cursor]) -> Cursor:
    """Return the cursors of the two walks as one."""
    if not any(cursors.values()):
        return {}
    return {name: cursors[kind].get("since", "") for kind, name in CURSOR_NAMES.items()}


def _following(border: Any, before: datetime | None, latest: datetime | None) -> datetime | ProtocolError | None:
    """Return where the page after one begins; None where there is none.

    The next page repeats a second of this one, or less where that is all of this page: else there would be no way on.

    Args:
        border: The time of the last row of the page; empty where there is no other page.
        before: Where the page began, None for the newest one.
        latest: The latest time on the page.
    """
    if not border:
        return None
    if (time := iso_time(border)) is None:
        return ProtocolError("the next page has no time")
    limit = min(filter(None, (latest, before)), default=None)
    for overlap in PAGES_OVERLAPS:
        try:
            following = time + overlap
        except OverflowError:
            break
        if limit is None or following <= limit:
            return following
    return time if before is None else min(time, before)


def _row(kind: str, row: Any) -> Row:
    """Return a row of a history; one without an id, which can't be distinguished from others, is unreadable."""
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
        # The vendor's ids of MMS begin with an m, those of SMS don't.
        message_id=id_ if kind == SMS or id_.startswith("m") else f"{MMS}:{id_}",
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=time,
        in_reply_to=None,
        raw=record,
        channel=MMS if kind == MMS else None,
    )
    return Row(key=id_, time=time, message=message)


def _receives(number: Mapping[str, Any], kind: str) -> bool:
    """Whether a number can receive SMS or MMS, as far as it says: in a list, or in a text with commas."""
    capabilities = number.get("capabilities")
    if isinstance(capabilities, str):
        capabilities = capabilities.split(",")
    return not isinstance(capabilities, list) or kind in [text_of(each).strip().casefold() for each in capabilities]


def _address(number: Mapping[str, Any], name: str) -> str:
    """Return what is set at a number, empty where nothing is."""
    value = text_of(number.get(name)).strip()
    return "" if value == CLEAR else value


def _is_ours(mms_url: str, sms_url: str, url: str) -> bool:
    """Whether an `mms_url` was set by us: as the `sms_url`, and in the same folder as the URL that we set now."""
    try:
        old, new = URL(mms_url), URL(url)
    except ValueError:
        return False
    is_alike = old.parent.path == new.parent.path and (old.host == new.host or old.parent.path != "/")
    return mms_url == sms_url and is_alike


def stamp(time: datetime) -> str:
    """Return a time as the vendor writes it: in UTC, without saying so."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"
