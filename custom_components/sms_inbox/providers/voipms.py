"""VoIP.ms: `getSMS` of the REST API, a list of the messages of some days.

Source: the vendor's parameters, answers and status codes of "getSMS", "getBalance" and "setSMS" as its client
libraries keep them (voipms 0.2.6, voipms-api 1.2.1), its page about the SMS URL callback, and the Android client,
which has read this API for years. What they don't say is assumed here:

- Times and days are those of New York with its daylight saving time, as long as -5 is asked for as `timezone`; of the
  hour that comes twice in autumn, times mean the first.
- Days are told by their first and their last one, both included; `limit` is honoured, however high.
- SMS and MMS are numbered apart, but no account gets the same number for both within the time that ids are remembered.
- Texts are not escaped beyond JSON, and addresses are as the account's dialing mode has them, with `+1` or without.
- User names don't differ by case.
- In the address that is called, values are escaped as in a query; `{ID}` and `{TIMESTAMP}` are those of the list.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
import re
from typing import Any, override
import uuid
from zoneinfo import ZoneInfo

import aiohttp

from ..model import SYNTHETIC_ID, Cursor, Message, Page, PushResult
from . import window
from .contract import Account, Identity, Provider, WebhookRequest, WebhookResponse
from .errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RefusedWebhookError,
    TemporaryError,
)
from .parsing import record_of, text_of, utc

EASTERN = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
LONGEST = 90 * DAY  # the vendor refuses more than 92
RECENT = LONGEST - 2 * DAY
OLDEST = 365 * DAY  # what is shown again must not be so old that its id is forgotten
LIMIT = 1000
SLOW = 30.0  # answers were seen to take ten seconds and more
ID = re.compile(r"\d{1,20}", re.ASCII)
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


class VoipMs(Provider):
    """One account at VoIP.ms, all of its numbers. Cursor: that of `window.page`."""

    key = "voipms"
    name = "VoIP.ms"
    default_url = "https://voip.ms/api/v1"
    interval = timedelta(seconds=60)
    receives_webhooks = True
    webhook_response = WebhookResponse(
        body="ok"
    )  # else the vendor calls again every 30 minutes, where that is switched on

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Begin without having asked anything."""
        super().__init__(session, account)
        self._asked_at: datetime | None = None
        self._read: Cursor | None = None

    @override
    async def validate(self) -> Identity:
        """Ask for the balance of the account, which touches no message."""
        await self._call("getBalance")
        return Identity(account_id=self._account.username.casefold(), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read from the day before the latest message to tomorrow, by the vendor's clock where it told.

        Where the latest message is long ago, all but what one answer reaches is read once and not at each poll.
        """
        today = (self._asked_at or datetime.now(UTC)).astimezone(EASTERN).date()
        first = min(window.since_of(cursor).astimezone(EASTERN).date(), today) - DAY
        first = max(first, today - (RECENT if cursor == self._read else OLDEST))
        rows = await self._rows(first, today + DAY)
        received = [row for row in rows if not (isinstance(row, dict) and str(row.get("type")) == "0")]
        parsed = [(row, _message(row)) for row in received]
        # Newest first is what comes; within a second only the ids tell.
        messages = sorted((message for _, message in parsed if message), key=_number)
        page = window.page(messages, (record_of(row) for row, message in parsed if not message), cursor)
        self._read = page.cursor
        return page

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a call; nothing signs it.

        A person who opens the address as it stands, with nothing filled in, is no message.
        """
        fields = request.fields
        if not {"from", "message"} & fields.keys() or fields.get("from") == "{FROM}":
            raise RefusedWebhookError("no field of a message", status=HTTPStatus.BAD_REQUEST)
        row = {"contact": fields.get("from"), "did": fields.get("to")} | fields
        if ID.fullmatch(fields.get("id", "")):
            return PushResult(messages=(_parse(row, fields["id"], request.record),))
        message = _parse(row, f"{SYNTHETIC_ID}{uuid.uuid4()}", request.record)
        return PushResult(announced=(replace(message, received_at=message.received_at or request.at),))

    async def _rows(self, first: date, last: date, limit: int = LIMIT) -> list[Any]:
        """Return the rows of some days; there are no pages, so days that are too many for one answer are halved."""
        if last - first < LONGEST:
            rows = await self._list(first, last, limit)
            if len(rows) < limit:
                return rows
        if first == last:
            return await self._rows(first, last, limit * 10)
        middle = first + (last - first) // 2
        return [*await self._rows(first, middle), *await self._rows(middle + DAY, last)]

    async def _list(self, first: date, last: date, limit: int) -> list[Any]:
        """Return the received messages of some days, up to a number."""
        answer = await self._call(
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

    async def _call(self, method: str, **parameters: str) -> dict[str, Any]:
        """WebhookRequest the API, by POST: a GET would have the password in its address."""
        form = {"api_username": self._account.username, "api_password": self._account.password, "method": method}
        answer = await self.request("POST", "rest.php", data=form | parameters, multipart=True, wait=SLOW)
        self._asked_at = answer.date
        result = answer.json()
        status = result.get("status") if isinstance(result, dict) else None
        if not isinstance(status, str) or not STATUS.fullmatch(status):
            raise ProtocolError("the answer has no status")
        if status not in ("success", "no_sms"):
            raise ERRORS.get(status, ProtocolError)(f"status {status}")
        return dict(result)


def _number(message: Message) -> tuple[int, str]:
    """Return by what messages are sorted like the numbers that their ids are."""
    return len(message.message_id), message.message_id


def _message(row: Any) -> Message | None:
    """Return the message of a row, None where it has no id, without which it can't be told from others."""
    if not isinstance(row, dict) or not row.get("id"):
        return None
    return _parse(row, text_of(row["id"]), record_of(row))


def _parse(row: dict[str, Any], message_id: str, raw: bytes) -> Message:
    """Return the message of a row."""
    return Message(
        message_id=message_id,
        sender=text_of(row.get("contact")),
        recipient=text_of(row.get("did")) or None,
        text=text_of(row.get("message")),
        encoding="text",
        data=None,
        received_at=_received_at(row.get("date")),
        in_reply_to=None,
        raw=raw,
    )


def _received_at(value: Any) -> datetime | None:
    """Return a time of the vendor's in UTC, None where it is none."""
    try:
        return utc(datetime.fromisoformat(value), EASTERN)
    except TypeError, ValueError:
        return None
