"""SMS Gateway for Android: the server that the app runs on the phone, with its inbox and its webhooks."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from hashlib import sha256
import hmac
import json
import re
from typing import Any, override
import uuid

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol
from .smsgate_phone import SIM_CARDS, BadRequestError, device_id, iso
from .smsgate_sending import CONFLICT, checked_submission, status_payload, submission, submit

MAXIMUM_LIMIT = 500
WRONG_TYPE = "Invalid type"
WRONG_LIMIT = f"limit must be between 1 and {MAXIMUM_LIMIT}"
WRONG_ORDER = "Start date cannot be after end date"
NO_SCOPE = "Insufficient permissions"
NO_INBOX = "Not implemented"
SHOWN_BYTES = 64
"""How much of a data message the inbox shows."""
SMS, MMS, MMS_NOTIFICATION = "sms", "mms", "mms-notification"
TYPES = ("SMS", "DATA_SMS", "MMS", "MMS_DOWNLOADED")
KINDS = {
    "SMS": ("text", "sms:received"),
    "DATA_SMS": ("data", "sms:data-received"),
    "MMS": ("mms-header", "mms:received"),
    "MMS_DOWNLOADED": ("mms", "mms:downloaded"),
}
"""What ids in the inbox begin with, and the event by which clients are told."""
PICTURE = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENTS = (
    *("sms:received", "sms:data-received", "sms:sent", "sms:delivered", "sms:failed", "sms:cancelled"),
    *("mms:received", "mms:downloaded", "system:ping", "app:started"),
)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)")
INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)
ADDRESS = re.compile(r"https://.+|http://127\.0\.0\.1([:/].*)?", re.IGNORECASE)


class SmsGate(Protocol):
    """`/`, `/device`, `/inbox`, `/messages` and `/webhooks`, by Basic authentication.

    The app takes messages for one that have the same sender, time, SIM card and text. A message with the wire form
    `mms` is an MMS with a picture, one with `mms-notification` one that was not downloaded: its text is the subject.
    """

    key = "smsgate"
    name = "SMS Gateway for Android (local server)"
    content_type = "application/json; charset=UTF-8"
    page_size = MAXIMUM_LIMIT
    replies = False
    signed = True
    methods = ("GET", "POST", "DELETE")
    opening = b'[{"id":"text:1","type":"SMS","contentPreview":"'
    errors: Mapping[str, int] = {WRONG_TYPE: 400, WRONG_LIMIT: 400, WRONG_ORDER: 400, NO_SCOPE: 403, NO_INBOX: 501}
    wires = (SMS, MMS, MMS_NOTIFICATION)

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
    def content_id(self, message: Message) -> str:
        kind = _type(message)
        value = _java_hash(_source(message)) if kind.startswith("MMS") else _hash(message)
        return f"{KINDS[kind][0]}:{value}"

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        handlers: dict[tuple[str, str], Callable[[Call, Account], Answer]] = {
            ("GET", "/"): self._status,
            ("GET", "/device"): self._devices,
            ("GET", "/inbox"): self._inbox,
            ("POST", "/messages"): self._submit,
            ("GET", "/webhooks"): self._webhooks,
            ("POST", "/webhooks"): self._replace_webhook,
        }
        try:
            if call.path.startswith("/webhooks/"):
                return self._delete_webhook(call, account)
            if call.path.startswith("/messages/"):
                return self._submitted(call, account)
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
        event = KINDS[_type(message)][1]
        payload = _payload(message, account)
        return [_call_of(webhook, payload, account) for webhook in account.webhooks if webhook["event"] == event]

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """One call for each webhook that is for this state."""
        event, payload = f"sms:{message.status}", status_payload(message, account)
        return [_call_of(webhook, payload, account) for webhook in account.webhooks if webhook["event"] == event]

    def _status(self, _call: Call, _account: Account) -> Answer:
        return self._json({"status": "ok", "model": "Pixel 6"})

    def _devices(self, _call: Call, account: Account) -> Answer:
        """The phone: its id is not its owner's name."""
        now = iso(account.now(), account)
        device = {
            "id": device_id(account),
            "name": "Google/oriole",
            "createdAt": now,
            "updatedAt": now,
            "lastSeen": now,
        }
        return self._json([{**device, "simCards": SIM_CARDS}])

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
        with_files = call.fields.get("includeAttachments") == "true"
        return Answer(
            body=b"[" + b",".join(_row(message, account, with_files=with_files) for message in page) + b"]",
            content_type=self.content_type,
            headers={"X-Total-Count": str(len(found))},
            messages=page,
        )

    def _submit(self, call: Call, account: Account) -> Answer:
        """Take a text; the client chooses its id, and an id is taken once."""
        wanted = checked_submission(call)
        if any(message.sent and message.message_id == wanted["message_id"] for message in account.messages):
            return self._json({"message": CONFLICT}, status=409)
        message = submit(wanted, account)
        return self._json(submission(message, account), status=202)

    def _submitted(self, call: Call, account: Account) -> Answer:
        """A text that a client has submitted."""
        if call.method != "GET":
            return self.wrong_method()
        wanted = call.path.removeprefix("/messages/")
        found = (message for message in account.messages if message.sent and message.message_id == wanted)
        message = next(found, None)
        return self._json(submission(message, account)) if message else self.not_found()

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
    if fields.get("deviceId") not in (None, device_id(account)):
        raise BadRequestError("Device ID mismatch")
    if not ADDRESS.fullmatch(str(url)):
        raise BadRequestError("url must start with https:// or http://127.0.0.1")
    if event not in EVENTS:
        raise BadRequestError("Unsupported event")
    return {"id": fields.get("id") or uuid.uuid4().hex[:21], "url": url, "event": event, "source": "Local"}


def _call_of(webhook: dict[str, Any], payload: dict[str, Any], account: Account) -> Outgoing:
    """A call with its signature: over the body as it is sent, and the time of sending behind it."""
    event = {
        "id": uuid.uuid4().hex[:21],
        "webhookId": webhook["id"],
        "event": webhook["event"],
        "deviceId": device_id(account),
        "payload": payload,
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
    """What a call says of a message: its id in another notation than in the inbox, and nothing of what is unknown."""
    known = {"recipient": message.recipient, "simNumber": 1} if message.recipient else {}
    common = {"receivedAt": iso(message.received_at, account), "sender": message.sender, **known}
    subject = {"subject": message.text} if message.text else {}
    match _type(message):
        case "MMS":
            return {"messageId": "m1", "transactionId": _source(message), **subject, "size": len(PICTURE), **common}
        case "MMS_DOWNLOADED":
            body = {"body": message.text} if message.text else {}
            file = {**_file(), "data": base64.b64encode(PICTURE).decode()}
            return {"messageId": _source(message), **body, "attachments": [file], **common}
    content = {"message": message.text} if message.data is None else {"data": base64.b64encode(message.data).decode()}
    return {**content, "messageId": f"{_hash_in(message):x}", **common, "phoneNumber": message.sender}


def _row(message: Message, account: Account, *, with_files: bool) -> bytes:
    if message.raw is not None:
        return message.raw
    known = {"recipient": message.recipient, "simNumber": 1} if message.recipient else {}
    kind = _type(message)
    instead = {"MMS": "MMS notification", "MMS_DOWNLOADED": "MMS content"}.get(kind, "")
    row = {
        "id": message.message_id,
        "type": kind,
        "sender": message.sender,
        **known,
        "contentPreview": (message.text or instead) if message.data is None else _preview(message.data),
        "createdAt": iso(message.received_at, account),
        "attachments": [_file()] if with_files and kind == "MMS_DOWNLOADED" else [],
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _file() -> dict[str, Any]:
    return {"partId": 1, "contentType": "image/jpeg", "name": "picture.jpg", "size": len(PICTURE)}


def _type(message: Message) -> str:
    if message.wire in (MMS, MMS_NOTIFICATION):
        return "MMS" if message.wire == MMS_NOTIFICATION else "MMS_DOWNLOADED"
    return "SMS" if message.data is None else "DATA_SMS"


def _source(message: Message) -> str:
    """What the network calls an MMS, from which the app makes its id."""
    known = f"{message.wire} {message.sender} {_milliseconds(message)} {message.text}"
    return f"mms_{sha256(known.encode()).hexdigest()[:10]}"


def _hash(message: Message) -> int:
    """The app's hash of an SMS, by the rules of Java."""
    time = _milliseconds(message)
    subscription = 1 if message.recipient else 0
    content = message.text if message.data is None else message.data.hex()
    parts = (_java_hash(message.sender), time ^ time >> 32, subscription, _java_hash(content))
    return _signed(reduce(lambda value, part: 31 * value + part, parts))


def _hash_in(message: Message) -> int:
    """The hash in an id of the inbox, without a sign; of an id that was given otherwise another one."""
    found = re.fullmatch(r"(?:text|data):(-?[0-9]{1,10})", message.message_id)
    return (int(found[1]) if found else _hash(message)) & 0xFFFFFFFF


def _java_hash(text: str) -> int:
    units = text.encode("utf-16-be")
    pairs = zip(units[::2], units[1::2], strict=True)
    return _signed(reduce(lambda value, pair: (31 * value + (pair[0] << 8 | pair[1])) % (1 << 32), pairs, 0))


def _signed(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def _milliseconds(message: Message) -> int:
    return (message.received_at - EPOCH) // timedelta(milliseconds=1)


def _preview(data: bytes) -> str:
    return data[:SHOWN_BYTES].hex() + ("..." if len(data) > SHOWN_BYTES else "")


def _is_of(message: Message, kind: str) -> bool:
    if message.raw is not None:
        return True
    return not message.sent and kind in ("", _type(message))


def _shown(moment: datetime) -> datetime:
    """A time as precise as the phone keeps it."""
    return moment - timedelta(microseconds=moment.microsecond % 1000)


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
