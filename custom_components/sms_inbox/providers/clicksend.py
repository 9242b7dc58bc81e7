"""ClickSend: the REST API, version 3, a list from which messages vanish when they are marked read.

Source: the vendor's OpenAPI description, its client libraries (6.0.2) and their documents, and its help pages:

- The list holds what matches an inbound rule with the action POLL, once for each of these rules, with one id. Marking
  that id read takes all its rows out of the list, and its answer counts them.
- The first ten rules that match a message act on it, in the order in which they were made.
- There is no list of received MMS.

What they don't say is assumed here:

- A list is sorted by time. The samples have the newest first; the oldest first is understood, too.
- Should the list go on showing what is read, it is read no further than two days before the latest message.
- One `message_id` stands on several rows of a sample, which differ, so time, sender and text are part of our id. Rows
  that are equal in all of them are one message.
- Numbers are E.164, as in the samples; a recipient may be an id.
- `timestamp` is named `timestamp_send` in one sample; it is a number or a text.
- A list without rows may leave out `data`, as one of the vendor's others does.
- An answer with HTTP status 200 may have the code of an error.
- A rule's id is `inbound_rule_id`, in one sample `sms_inbound_rule_id`. A rule needs an address, whatever its action.
- The rate limit is not published; 20 requests a minute for an address of the API have been seen.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
import hashlib
from http import HTTPStatus
import json
import re
import time
from typing import Any, override

import aiohttp

from ..model import INTERNATIONAL, Cursor, Message, Page
from .clicksend_rules import has_flag, is_enabled, is_for, name_of, new_rule, scope_of
from .contract import Account, Identity, Provider, WebhookPlace
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from .http import VENDOR_WORD, HttpResponse
from .parsing import in_turns, record_of, text_of
from .refusals import refusal
from .window import Next, Row, Walk

OVERLAP = timedelta(days=2)
MARKED_AT_ONCE = 5
MARKED_IN_A_WHILE = 10
WHILE = 25.0  # seconds, a little less than from poll to poll
MARKABLE = re.compile(r"[\w-]+", re.ASCII)
FAR = 10_000
RULES = "automations/sms/inbound"
RULE_IDS = ("inbound_rule_id", "sms_inbound_rule_id")
MAXIMUM_RULE_PAGES = 100
NO_POLL_RULE = "no_poll_rule"
POLL_RULE = "SMS Inbox"
SUCCESS = "SUCCESS"
REFUSED = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
)
CODES: Mapping[str, int] = {
    "BAD_REQUEST": HTTPStatus.BAD_REQUEST,
    "MISSING_REQUIRED_FIELDS": HTTPStatus.BAD_REQUEST,
    "ALREADY_EXISTS": HTTPStatus.BAD_REQUEST,
    "UNAUTHORIZED": HTTPStatus.UNAUTHORIZED,
    "MISSING_CREDENTIALS": HTTPStatus.UNAUTHORIZED,
    "INVALID_CREDENTIALS": HTTPStatus.UNAUTHORIZED,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "METHOD_NOT_FOUND": HTTPStatus.METHOD_NOT_ALLOWED,
    "TOO_MANY_REQUESTS": HTTPStatus.TOO_MANY_REQUESTS,
    "THROTTLED": HTTPStatus.TOO_MANY_REQUESTS,
    "INTERNAL_SERVER_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    "INTERNAL_ERROR": HTTPStatus.INTERNAL_SERVER_ERROR,
    "SOMETHING_IS_WRONG": HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The HTTP status that each documented code stands for, with which it need not come."""
KINDS: Mapping[int, type[ProviderError]] = {
    **dict.fromkeys(REFUSED, ConfigurationError),
    HTTPStatus.UNAUTHORIZED: AuthenticationError,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimitedError,
    HTTPStatus.INTERNAL_SERVER_ERROR: TemporaryError,
}


class ClickSend(Provider):
    """One account at ClickSend. Cursor: see `window`."""

    key = "clicksend"
    name = "ClickSend"
    default_url = "https://rest.clicksend.com/v3"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    acknowledges = True
    receives_webhooks = True
    registers = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        # Marking takes rows out of the list, so no place in it is good for longer than one walk.
        self._walk = Walk[int](lambda: self.now, OVERLAP, look_back=None, spread=False)
        self._unmarked: dict[str, None] = {}
        """Ids of stored messages that are to be marked read, the oldest first."""
        self._marked_since = -WHILE
        self._marked = 0
        self._solving = asyncio.Lock()

    @override
    async def validate(self) -> Identity:
        """Read the account, and a page of the list on which nothing is; a subaccount has messages of its own."""
        account = await self._read("account")
        if not account.get("user_id"):
            raise ProtocolError("the account has no id")
        if has_flag(account.get("active"), 0) or has_flag(account.get("banned"), 1):
            raise ConfigurationError("the account is not active", hint="account_suspended")
        subaccount = account.get("_subaccount")
        subaccount = subaccount if isinstance(subaccount, dict) else {}
        # That there is no such page may be said in any way; what matters is whether we may read the list.
        is_absent = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
        try:
            await self._ask("GET", "sms/inbound", params={"page": str(FAR), "limit": "15"}, ignore=is_absent)
        except ConfigurationError as err:
            hint = err.hint or ("subaccount" if has_flag(subaccount.get("access_sms"), 0) else None)
            raise ConfigurationError(str(err), hint=hint) from None
        ids = [text_of(id_).casefold() for id_ in (account["user_id"], subaccount.get("subaccount_id")) if id_]
        return Identity(account_id="-".join(ids))

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
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the rule of a name that calls a URL."""
        rules = await self._rules_of(name)
        url = next((text_of(rule.get("action_address")) for rule in rules if is_enabled(rule)), "")
        return (WebhookPlace(place_id=name, name=name, url=url),)

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Make the rule of a name, put it right, or delete it; to which messages a person has confined it stays."""
        present = await self._rules_of(place_id)
        right = [rule for rule in present if is_enabled(rule) and is_for(rule, url)]
        kept = next(iter(right or present), None) if url else None
        for rule in present:
            if rule is not kept:
                await self._change("DELETE", rule)
        if not url or right:
            return
        wanted = {**new_rule(place_id, "URL", url), "webhook_type": "post"}
        await (self._change("PUT", kept, {**wanted, **scope_of(kept)}) if kept else self._create(wanted))

    @override
    async def problems(self) -> tuple[str, ...]:
        """Return `no_poll_rule` where no rule lists messages."""
        return () if any(is_enabled(rule) for rule in await self._rules("POLL")) else (NO_POLL_RULE,)

    @override
    async def solve(self, problem: str) -> None:
        """Make the rule that lists all messages, unless there is one by now: a second one would list them twice."""
        if problem != NO_POLL_RULE:
            raise NotImplementedError(problem)
        async with self._solving:
            rules = await self._rules("POLL")
            if any(map(is_enabled, rules)):
                return
            wanted = new_rule(POLL_RULE, "POLL", "poll")
            ours = next((rule for rule in rules if name_of(rule) == POLL_RULE), None)
            await (self._change("PUT", ours, {**wanted, **scope_of(ours)}) if ours else self._create(wanted))

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
        rows, last = await self.list_page(1 if number is None else abs(number))
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

    async def list_page(
        self, number: int, path: str = "sms/inbound", params: Mapping[str, str] | None = None
    ) -> tuple[list[Any], int]:
        """Return the rows of a page of a list, and the number of the last page.

        Args:
            number: The page, from 1 on.
            path: The list.
            params: What else is in the query, such as the times between which the rows are.

        Raises:
            ProviderError: One of its kinds.
        """
        listed = await self._read(path, {"page": str(number), "limit": "100", **(params or {})})
        rows, last = listed.get("data"), listed.get("last_page")
        if rows is None and has_flag(listed.get("total"), 0):
            rows = []
        if not isinstance(rows, list) or not isinstance(last, int):
            raise ProtocolError("the answer is no list with pages")
        return rows, last

    async def _rules(self, action: str) -> list[Mapping[str, Any]]:
        """Return the inbound rules with an action."""
        rules: list[Any] = []
        for number in range(1, MAXIMUM_RULE_PAGES + 1):
            rows, last = await self.list_page(number, RULES)
            rules += rows
            if number >= last or not rows:
                return [rule for rule in rules if isinstance(rule, dict) and text_of(rule.get("action")) == action]
        raise ProtocolError("the rules have no end")

    async def _rules_of(self, name: str) -> list[Mapping[str, Any]]:
        """Return the rules of a name that call a URL: more than one only where something went wrong."""
        return [rule for rule in await self._rules("URL") if name_of(rule) == name]

    async def _create(self, rule: Mapping[str, Any]) -> None:
        """Make a rule."""
        await self._ask("POST", RULES, json=rule)

    async def _change(self, method: str, rule: Mapping[str, Any], wanted: Mapping[str, Any] | None = None) -> None:
        """Change a rule, or delete it; one that isn't there any more needs no deleting."""
        id_ = next((text_of(rule[name]) for name in RULE_IDS if rule.get(name)), "")
        if not MARKABLE.fullmatch(id_):
            raise ProtocolError("the rule has no id")
        await self._ask(method, f"{RULES}/{id_}", json=wanted, ignore=() if wanted else (HTTPStatus.NOT_FOUND,))

    async def _read(self, path: str, params: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the data of an answer."""
        data = await self._ask("GET", path, params=params)
        if not isinstance(data, dict):
            raise ProtocolError("the answer has no data")
        return data

    async def _ask(self, method: str, path: str, *, ignore: Collection[int] = (), **options: Any) -> Any:
        """Send a request, and return the data of the answer.

        Args:
            method: The HTTP method.
            path: Below the server's address.
            ignore: Statuses of refusals that are no error, unless their words say that the account is at fault.
            options: Those of `request`.
        """
        response = await self.request(method, path, headers=self.basic_auth(), accept=REFUSED, **options)
        answer: Any = {}
        try:
            answer = response.json() if response.body.strip() or method == "GET" else {}
        except ProtocolError:
            if response.status not in REFUSED:
                raise
        answer = answer if isinstance(answer, dict) else {}
        code = given.strip().upper() if isinstance(given := answer.get("response_code"), str) else ""
        status = _status(response, answer, code)
        is_error = response.status in REFUSED or (code != SUCCESS if code else status >= HTTPStatus.BAD_REQUEST)
        if is_error:
            reason = f"HTTP status {response.status}" + (f", {code}" if VENDOR_WORD.fullmatch(code) else "")
            error = refusal(KINDS.get(status, ProtocolError), reason, code, text_of(answer.get("response_msg")))
            if status not in ignore or error.hint:
                raise error
        return answer.get("data")

    async def _mark_read(self, message_id: str) -> None:
        """Mark a message read; what the vendor refuses is read already, or not ours to mark, now and later."""
        ignore = [status for status in REFUSED if status != HTTPStatus.UNAUTHORIZED]
        await self._ask("PUT", f"sms/inbound-read/{message_id}", ignore=ignore)


def _status(response: HttpResponse, answer: Mapping[str, Any], code: str) -> int:
    """Return the HTTP status that an answer stands for, 0 where it stands for none."""
    if response.status == HTTPStatus.UNAUTHORIZED:
        return HTTPStatus.UNAUTHORIZED
    said = response.status if response.status in REFUSED else answer.get("http_code")
    return CODES.get(code) or (said if isinstance(said, int) else 0)


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
