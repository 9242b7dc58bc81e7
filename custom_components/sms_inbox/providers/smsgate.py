"""SMS Gateway for Android (capcom6): the inbox of the app's own server on a phone.

Source: the app's API description and source code, and its documentation on webhooks; the inbox came with version 1.59.
What they don't say is assumed here:

- `contentPreview` is the whole text of an SMS, and at most the first 64 bytes of a data SMS, in hexadecimal; the rest
  can't be read. Of an MMS it is the text or subject; its notification (`MMS`) and its content (`MMS_DOWNLOADED`) are
  two messages.
- `createdAt` is when the network took the message, so one that comes late appears below others. A week of that is
  searched again; a message without that time has 1970, and is not found.
- `id` is a hash of sender, time and text, so two equal messages of one second are one to the app. It stays the same as
  long as the app keeps the message. A call's `messageId` is another one.
- The id of `/device` is the phone's, as long as the app is not installed anew.
"""

from datetime import UTC, datetime, timedelta
import hmac
from http import HTTPStatus
import json
from typing import Any, override
import uuid

from ..model import SYNTHETIC_ID, Cursor, Message, Page, PushResult
from .contract import Identity, Provider, WebhookRequest
from .errors import ProtocolError, RefusedWebhookError
from .parsing import printable, record_of, text_of, utc
from .window import page, since_of

OVERLAP = timedelta(days=7)
LIMIT = 500
REPLAY_SECONDS = 300
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
RECEIVED = "sms:received"


class SmsGate(Provider):
    """One phone, read by the app's local server. Cursor: that of `window.page`."""

    key = "smsgate"
    name = "SMS Gateway for Android"
    default_url = ""
    interval = timedelta(seconds=15)
    receives_webhooks = True
    registers = True
    signs = True
    needs_https = True

    @override
    async def validate(self) -> Identity:
        """Read a part of the inbox in which nothing is (not every server has one), and the phone's id."""
        await self._list("inbox", {**_window(LONG_AGO, LONG_AGO), "limit": "1"})
        devices, _ = await self._list("device")
        device_id = next((text_of(device.get("id")) for device in devices if isinstance(device, dict)), "")
        if not device_id:
            raise ProtocolError("the phone has no id")
        return Identity(account_id=device_id.casefold(), name=self._account.username)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read the window to its end."""
        # No clock decides where the window ends: the phone's own would, if no end were told.
        rows = await self._inbox(_window(since_of(cursor) - OVERLAP, NEVER))
        # The newest come first. Of several with the same time, the order is all that tells which was first.
        parsed = [(record, _message(row, record)) for record, row in reversed(rows.items())]
        messages = [message for _, message in parsed if message]
        return page(messages, [record for record, message in parsed if not message], cursor)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a call, whose id is not that of the inbox."""
        self._verify(request)
        try:
            event = json.loads(request.body)
        except ValueError, RecursionError:
            event = None
        if not isinstance(event, dict):
            raise RefusedWebhookError("no event", status=HTTPStatus.BAD_REQUEST)
        if event.get("event") != RECEIVED:
            return PushResult()
        message = _announced(event.get("payload"), request)
        return PushResult(announced=(message,)) if message else PushResult(unreadable=(request.record,))

    @override
    async def register(self, name: str, url: str) -> None:
        """Make the webhook, or replace the one that is there; the app refuses an address that is not https."""
        webhook = {"id": _webhook_id(name), "url": url, "event": RECEIVED}
        await self.request("POST", "webhooks", json=webhook, headers=self.basic_auth())

    @override
    async def unregister(self, name: str) -> None:
        """Delete the webhook."""
        await self.request("DELETE", f"webhooks/{_webhook_id(name)}", headers=self.basic_auth())

    async def _inbox(self, window: dict[str, str]) -> dict[bytes, Any]:
        """Return the rows of a window by their records, newest first."""
        params = {**window, "limit": str(LIMIT)}
        rows, total = await self._list("inbox", params)
        found, offset, pages = _by_record(rows), len(rows), 1
        while rows and (len(rows) == LIMIT if total is None else offset < total):
            rows, total = await self._list("inbox", {**params, "offset": str(offset)})
            found, offset, pages = found | _by_record(rows), offset + len(rows), pages + 1
        if pages == 1:
            return found
        # What came meanwhile has shifted the others, and is on the first page.
        rows, _ = await self._list("inbox", params)
        return _by_record(rows) | found

    async def _list(self, path: str, params: dict[str, str] | None = None) -> tuple[list[Any], int | None]:
        """Read a list; return it, and how long it is in all, None where that isn't told."""
        answer = await self.request("GET", path, params=params, headers=self.basic_auth())
        rows = answer.json()
        if not isinstance(rows, list):
            raise ProtocolError(f"the {path} is no list")
        return rows, _number(answer.headers.get("X-Total-Count", ""))

    def _verify(self, request: WebhookRequest) -> None:
        """Raise RefusedWebhookError for a call that is not the app's, or that somebody repeats later."""
        key, timestamp = self._account.signing_key, _number(request.headers.get("X-Timestamp", "")) or 0
        expected = hmac.digest(key.encode(), request.body + str(timestamp).encode(), "sha256").hex().encode()
        if not key or not hmac.compare_digest(
            expected, request.headers.get("X-Signature", "").encode("ascii", "replace")
        ):
            raise RefusedWebhookError("the signature is wrong")
        if abs(request.at.timestamp() - timestamp) > REPLAY_SECONDS:
            raise RefusedWebhookError("the call was signed at another time")


def _webhook_id(name: str) -> str:
    """Return the id of a webhook, which the client chooses: at most 36 characters."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _window(start: datetime, end: datetime) -> dict[str, str]:
    """Return the clauses for what was received from start to end, both included."""
    return {name: f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, time in (("from", start), ("to", end))}


def _by_record(rows: list[Any]) -> dict[bytes, Any]:
    """Return rows by what they say, so that one that is read twice is there once."""
    return {record_of(row): row for row in rows}


def _number(value: str) -> int | None:
    """Return a number of a header, None for anything else."""
    return int(value) if value.isdecimal() and len(value) <= 18 else None


def _message(row: Any, record: bytes) -> Message | None:
    """Return the message of a row, None where it has no id, without which it can't be told from others."""
    if not isinstance(row, dict) or not row.get("id"):
        return None
    content, binary = text_of(row.get("contentPreview")), row.get("type") == "DATA_SMS"
    data = _data(content) if binary else None
    return Message(
        message_id=text_of(row["id"]),
        sender=text_of(row.get("sender")),
        recipient=text_of(row.get("recipient")) or None,
        text=content if data is None else printable(data),
        encoding="binary" if binary else "text" if content.isascii() else "unicode",
        data=data,
        received_at=_time(row.get("createdAt")),
        in_reply_to=None,
        raw=record,
    )


def _announced(payload: Any, request: WebhookRequest) -> Message | None:
    """Return the message of a call's payload, None where there is no text in it."""
    if not isinstance(payload, dict) or not isinstance(payload.get("message"), str):
        return None
    row = {
        "id": f"{SYNTHETIC_ID}{uuid.uuid4()}",
        "sender": payload.get("sender") or payload.get("phoneNumber"),
        "recipient": payload.get("recipient"),
        "contentPreview": payload["message"],
        "createdAt": payload.get("receivedAt") or request.at.isoformat(),
    }
    return _message(row, request.record)


def _data(content: str) -> bytes | None:
    """Return the bytes of a data SMS, as many as are shown; None for what is not hexadecimal."""
    try:
        return bytes.fromhex(content.removesuffix("..."))
    except ValueError:
        return None


def _time(value: Any) -> datetime | None:
    """Return a time in UTC, None for what is none."""
    try:
        return utc(datetime.fromisoformat(value))
    except TypeError, ValueError:
        return None
