"""SMS Gateway for Android: the server that the app runs on the phone, with its inbox and its webhooks."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
import hmac
import json
import re
from typing import Any, override
import uuid
import zlib

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol

MAXIMUM_LIMIT = 500
WRONG_TYPE = "Invalid type"
WRONG_LIMIT = f"limit must be between 1 and {MAXIMUM_LIMIT}"
WRONG_ORDER = "Start date cannot be after end date"
SHOWN_BYTES = 64
"""How much of a data message the inbox shows."""
TYPES = ("SMS", "DATA_SMS", "MMS", "MMS_DOWNLOADED")
EVENTS = (
    *("sms:received", "sms:data-received", "sms:sent", "sms:delivered", "sms:failed", "sms:cancelled"),
    *("mms:received", "mms:downloaded", "system:ping", "app:started"),
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)")
INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
ADDRESS = re.compile(r"https://.+|http://127\.0\.0\.1([:/].*)?", re.IGNORECASE)


class BadRequestError(Exception):
    """A request with something that isn't understood; the text goes into the answer."""


class SmsGate(Protocol):
    """`/`, `/device`, `/inbox` and `/webhooks`, by Basic authentication."""

    key = "smsgate"
    name = "SMS Gateway for Android (local server)"
    content_type = "application/json; charset=UTF-8"
    page_size = MAXIMUM_LIMIT
    replies = False
    signed = True
    methods = ("GET", "POST", "DELETE")
    opening = b'[{"id":"text:1","type":"SMS","contentPreview":"'
    errors: Mapping[str, int] = {WRONG_TYPE: 400, WRONG_LIMIT: 400, WRONG_ORDER: 400}

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        return Answer(status=401, headers={"WWW-Authenticate": 'Basic realm="Access to SMS Gateway", charset=UTF-8'})

    @override
    def not_found(self) -> Answer:
        return Answer(status=404)

    @override
    def wrong_method(self) -> Answer:
        return Answer(status=405)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return self._json({"message": word}, status=status)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"id"\s*:\s*"([^"]*)"', record)
        return found[1].decode() if found else None

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        handlers: dict[tuple[str, str], Callable[[Call, Account], Answer]] = {
            ("GET", "/"): self._status,
            ("GET", "/device"): self._devices,
            ("GET", "/inbox"): self._inbox,
            ("GET", "/webhooks"): self._webhooks,
            ("POST", "/webhooks"): self._replace_webhook,
        }
        try:
            if call.path.startswith("/webhooks/"):
                return self._delete_webhook(call, account)
            if handler := handlers.get((call.method, call.path)):
                return handler(call, account)
        except BadRequestError as error:
            return self._json({"message": str(error)}, status=400)
        known = any(path == call.path for _, path in handlers)
        return self.wrong_method() if known else self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """One call for each webhook that is for this kind of message; nothing is said of a raw row."""
        if message.raw is not None:
            return []
        event = "sms:received" if message.data is None else "sms:data-received"
        return [_call_of(webhook, message, account) for webhook in account.webhooks if webhook["event"] == event]

    def _status(self, _call: Call, _account: Account) -> Answer:
        return self._json({"status": "ok", "model": "Pixel 6"})

    def _devices(self, _call: Call, account: Account) -> Answer:
        """The phone: its id is not its owner's name."""
        now = _iso(account.now(), account)
        device = {
            "id": _device_id(account),
            "name": "Google/oriole",
            "createdAt": now,
            "updatedAt": now,
            "lastSeen": now,
        }
        return self._json([{**device, "simCards": []}])

    def _inbox(self, call: Call, account: Account) -> Answer:
        """The newest come first; both ends of the time belong to it."""
        kind = call.fields.get("type", "").strip()
        if kind and kind not in TYPES:
            raise BadRequestError(WRONG_TYPE)
        limit, offset = _integer(call, "limit", 50), _integer(call, "offset", 0)
        if not 1 <= limit <= MAXIMUM_LIMIT:
            raise BadRequestError(WRONG_LIMIT)
        if offset < 0:
            raise BadRequestError("offset must be >= 0")
        start = _time(call, "from", datetime(1970, 1, 1, tzinfo=UTC))
        end = _time(call, "to", account.now())
        if start > end:
            raise BadRequestError(WRONG_ORDER)
        found = [
            message
            for message in account.messages
            if start <= _shown(message.received_at) <= end and _is_of(message, kind)
        ]
        found.sort(key=lambda message: (message.received_at, message.message_id), reverse=True)
        page = tuple(found[offset : offset + min(limit, account.page_size)])
        return Answer(
            body=b"[" + b",".join(_row(message, account) for message in page) + b"]",
            content_type=self.content_type,
            headers={"X-Total-Count": str(len(found))},
            messages=page,
        )

    def _webhooks(self, _call: Call, account: Account) -> Answer:
        return self._json(account.webhooks)

    def _replace_webhook(self, call: Call, account: Account) -> Answer:
        """Make a webhook, or replace the one with the id that the client chose."""
        webhook = _checked_webhook(call.body, account)
        account.webhooks = [*(other for other in account.webhooks if other["id"] != webhook["id"]), webhook]
        account.on_change()
        return self._json(webhook, status=201)

    def _delete_webhook(self, call: Call, account: Account) -> Answer:
        """Delete a webhook; one that isn't there is no error."""
        if call.method != "DELETE":
            return self.wrong_method()
        webhook_id = call.path.removeprefix("/webhooks/")
        account.webhooks = [webhook for webhook in account.webhooks if webhook["id"] != webhook_id]
        account.on_change()
        return Answer(status=204)

    def _json(self, content: Any, *, status: int = 200) -> Answer:
        return Answer(status=status, body=json.dumps(content).encode(), content_type=self.content_type)


def _checked_webhook(body: bytes, account: Account) -> dict[str, Any]:
    try:
        fields = json.loads(body)
        url, event = fields["url"], fields["event"]
    except ValueError, TypeError, KeyError:
        raise BadRequestError("Failed to convert request body to class WebHookDTO") from None
    if fields.get("deviceId") not in (None, _device_id(account)):
        raise BadRequestError("Device ID mismatch")
    if not ADDRESS.fullmatch(str(url)):
        raise BadRequestError("url must start with https:// or http://127.0.0.1")
    if event not in EVENTS:
        raise BadRequestError("Unsupported event")
    return {"id": fields.get("id") or uuid.uuid4().hex[:21], "url": url, "event": event, "source": "Local"}


def _call_of(webhook: dict[str, Any], message: Message, account: Account) -> Outgoing:
    """A call with its signature: over the body as it is sent, and the time of sending behind it."""
    event = {
        "id": uuid.uuid4().hex[:21],
        "webhookId": webhook["id"],
        "event": webhook["event"],
        "deviceId": _device_id(account),
        "payload": _payload(message, account),
    }
    body, timestamp = json.dumps(event, ensure_ascii=False).encode(), str(int(account.now().timestamp()))
    signature = hmac.new(account.signing_key.encode(), body + timestamp.encode(), "sha256").hexdigest()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "me.capcom.smsgateway/1.68.0",
        "X-Timestamp": timestamp,
        "X-Signature": signature,
    }
    return Outgoing(method="POST", url=webhook["url"], headers=headers, body=body)


def _payload(message: Message, account: Account) -> dict[str, Any]:
    """What a call says of a message: its id is another one than in the inbox, and what is unknown is left out."""
    content = {"message": message.text} if message.data is None else {"data": base64.b64encode(message.data).decode()}
    known = {"recipient": message.recipient, "simNumber": 1} if message.recipient else {}
    return {
        **content,
        "receivedAt": _iso(message.received_at, account),
        "messageId": f"{zlib.crc32(message.message_id.encode()):x}",
        "sender": message.sender,
        **known,
        "phoneNumber": message.sender,
    }


def _row(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw
    known = {"recipient": message.recipient, "simNumber": 1} if message.recipient else {}
    row = {
        "id": message.message_id,
        "type": "SMS" if message.data is None else "DATA_SMS",
        "sender": message.sender,
        **known,
        "contentPreview": message.text if message.data is None else _preview(message.data),
        "createdAt": _iso(message.received_at, account),
        "attachments": [],
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _preview(data: bytes) -> str:
    return data[:SHOWN_BYTES].hex() + ("..." if len(data) > SHOWN_BYTES else "")


def _is_of(message: Message, kind: str) -> bool:
    if message.raw is not None:
        return True
    return not message.sent and kind in ("", "SMS" if message.data is None else "DATA_SMS")


def _shown(moment: datetime) -> datetime:
    """A time as precise as the phone keeps it."""
    return moment - timedelta(microseconds=moment.microsecond % 1000)


def _iso(moment: datetime, account: Account) -> str:
    """A time with the phone's offset."""
    return moment.astimezone(account.zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time(call: Call, name: str, default: datetime) -> datetime:
    value = call.fields.get(name)
    if value is None:
        return default
    try:
        if TIME.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise BadRequestError(f"Invalid {name} datetime")


def _integer(call: Call, name: str, default: int) -> int:
    """What is no number counts as not given."""
    value = call.fields.get(name, "")
    return int(value) if INTEGER.fullmatch(value) else default


def _device_id(account: Account) -> str:
    """The phone's id; one phone has one user, however its name is written."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"smsgate {account.username.casefold()}").hex
