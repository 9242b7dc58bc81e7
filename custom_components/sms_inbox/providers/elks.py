"""46elks: the SMS history, a list by time that is walked backwards.

Source: the vendor's pages "Fetch SMS history", "Receive an SMS", "Get account information" and "Update a subaccount".
What they don't say is assumed here:

- The history is sorted by `created`, newest first, as in the vendor's sample. `next` is the time of a row at the border
  of two pages; whether `start` leaves out rows of that very moment isn't said, so the pages overlap.
- A message appears in the history within two days of its `created`.
- The API username is the account's id, as the vendor says of subaccounts, which may read `me`, too.
- A row or a call without `direction` is a received message; a call without `message` is about something else.
- Calls carry the same ids as the history.
- No rate limit is published; one request in 30 s is modest.
- The encoding isn't told; `unicode` means a text with more than ASCII.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, override

from ..model import Cursor, Message, Page, PushResult
from .contract import Identity, Provider, WebhookRequest, WebhookResponse
from .errors import ProtocolError, RefusedWebhookError
from .parsing import record_of, text_of, utc
from .window import later, page, since_of

OVERLAP = timedelta(days=2)
PAGES_OVERLAP = timedelta(seconds=1)
PAGE_SIZE = "100"


class Elks(Provider):
    """One account at 46elks. Cursor: `{"since": str}`, see `window.page`."""

    key = "elks"
    name = "46elks"
    default_url = "https://api.46elks.com/a1"
    interval = timedelta(seconds=30)
    receives_webhooks = True
    webhook_response = WebhookResponse()  # a text in it would be sent to the sender as an SMS, and billed

    @override
    async def validate(self) -> Identity:
        """Read the account's information."""
        information = (await self.request("GET", "me", headers=self.basic_auth())).json()
        if not isinstance(information, dict) or not information.get("id"):
            raise ProtocolError("the account has no id")
        return Identity(account_id=self._account.username.casefold(), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read what was received from two days before the latest message on."""
        since = since_of(cursor)
        parsed = [(row, _message(row, record_of(row))) for row in await self._history(since - OVERLAP)]
        if parsed:
            # What was sent counts, too: who sends much and receives little would have all of it read each time.
            seen = later(since, (message for _, message in parsed if message))
            cursor = {"since": seen.isoformat(timespec="seconds")}
        received = [(row, message) for row, message in parsed if not isinstance(row, dict) or _is_incoming(row)]
        messages = (message for _, message in received if message)
        return page(messages, (record_of(row) for row, message in received if not message), cursor)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a call; nothing signs it."""
        fields = request.fields
        if not {"id", "from", "message"} & fields.keys():
            raise RefusedWebhookError("no field of a message", status=HTTPStatus.BAD_REQUEST)
        if not _is_incoming(fields) or "message" not in fields:
            return PushResult()
        message = _message(fields, request.record)
        return PushResult(messages=(message,)) if message else PushResult(unreadable=(request.record,))

    async def _history(self, since: datetime) -> list[Any]:
        """Read all rows after a time, page by page into the past; return each once, oldest first."""
        rows: dict[str | bytes, Any] = {}
        before: datetime | None = None
        overlap = PAGES_OVERLAP
        while True:
            shown, border = await self._page(since, before)
            known = len(rows)
            rows |= {_id(row) or record_of(row): row for row in shown}
            if border is None:
                return list(reversed(rows.values()))
            if len(rows) == known:  # more rows within the overlap than a page holds
                overlap = timedelta()
                if before and border >= before:
                    raise ProtocolError("the pages go in circles")
            before = border + overlap

    async def _page(self, since: datetime, before: datetime | None) -> tuple[list[Any], datetime | None]:
        """Read the latest rows between two times; return them and where the next page begins, None after the last."""
        # The vendor's names look backwards: `start` is the later time.
        params = {"end": _stamp(since), "limit": PAGE_SIZE} | ({"start": _stamp(before)} if before else {})
        answer = (await self.request("GET", "sms", params=params, headers=self.basic_auth())).json()
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise ProtocolError("the history is no list")
        border = _time(answer.get("next"))
        if answer.get("next") and not border:
            raise ProtocolError("the next page has no time")
        return answer["data"], border


def _is_incoming(row: Mapping[str, Any]) -> bool:
    """Whether a row or a call is about a message that was received."""
    return (row.get("direction") or "incoming") == "incoming"


def _id(row: Any) -> str:
    """Return the id of a row, empty where it has none."""
    return text_of(row.get("id")) if isinstance(row, dict) else ""


def _message(row: Any, raw: bytes) -> Message | None:
    """Return the message of a row, None where it has no id, without which it can't be told from others."""
    if not (message_id := _id(row)):
        return None
    text = text_of(row.get("message"))
    return Message(
        message_id=message_id,
        sender=text_of(row.get("from")),
        recipient=text_of(row.get("to")) or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=_time(row.get("created")),
        in_reply_to=None,
        raw=raw,
    )


def _stamp(time: datetime) -> str:
    """Return a time as the vendor writes it: in UTC, without saying so."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"


def _time(value: Any) -> datetime | None:
    """Return a time of the vendor, None where it is none."""
    try:
        return utc(datetime.fromisoformat(value))
    except TypeError, ValueError:
        return None
