"""SMS Gateway for Android (capcom6): the inbox of the app's own server on a phone.

Source: the app's API description and source code, and its documentation on webhooks; the inbox came with version 1.59.
What they don't say is assumed here:

- `contentPreview` is the whole text of an SMS, and at most the first 64 bytes of a data SMS, in hexadecimal; the rest
  can't be read there. Of an MMS it is the text or subject; its notification (`MMS`) and its content (`MMS_DOWNLOADED`)
  are two messages.
- `createdAt` is when the network took the message, so one that comes late appears below others. A week of that is
  searched again; a message without that time has 1970, and is not found.
- `id` is a hash of sender, time, SIM card and text, so two equal messages of one second are one to the app. It stays
  the same as long as the app keeps the message, and the list has the newest messages first.
- If the app sees one message in two ways that differ in the time or the SIM card, or imports its messages again after
  the SIM card was changed, the message is in its inbox twice, under two ids. These are two messages here, too: they
  can't be told from two equal ones that were really sent.
- Numbers are those of the mobile network: some write all of them with `+`, others national ones of their country.
- A webhook request has the same hash in another notation, see `_list_id`. So however often one is sent, and whether it
  comes before or after a poll, it is one message.
- A user whose token may not do something is answered 403. The app's servers in the internet have no inbox (501), nor
  have versions of the app before 1.59 (404).
- The id of `/device` is the phone's, as long as the app is not installed anew.
"""

import base64
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
import re
from typing import Any, override
import uuid

import aiohttp

from ..model import UNKNOWN, Cursor, Message, Page, PushResult, Reason, Report, SendStatus
from .contract import Account, Identity, Provider, WebhookPlace, WebhookRequest
from .errors import ConfigurationError, ProtocolError, RefusedWebhookError
from .http import HttpResponse
from .parsing import in_turns, iso_time, printable, record_of, text_of
from .vendor_signatures import SMSGATE
from .window import Next, Row, Walk

OVERLAP = timedelta(days=7)
LIMIT = 500
REPLAY_SECONDS = 300
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
RECEIVED = "sms:received"
STATUSES = {"sms:sent": SendStatus.SENT, "sms:delivered": SendStatus.DELIVERED, "sms:failed": SendStatus.FAILED}
"""The events about texts that were sent."""
REGISTERED = (RECEIVED, "sms:data-received", "mms:downloaded", *STATUSES)
"""The events for which there is a webhook, the main one first. Of an MMS that is not downloaded the list has a row."""
EVENTS = {
    RECEIVED: ("text", "messageId"),
    "sms:data-received": ("data", "messageId"),
    "mms:received": ("mms-header", "transactionId"),
    "mms:downloaded": ("mms", "messageId"),
}
"""What the ids of each event's messages begin with in the inbox, and the field from which the rest follows."""
HINTS: dict[int, str] = {
    HTTPStatus.FORBIDDEN: "missing_permission",
    HTTPStatus.NOT_FOUND: "no_inbox",
    HTTPStatus.NOT_IMPLEMENTED: "no_inbox",
}
"""What a person can do, by the status of a refusal."""
FAILURES = {
    "TTL expired": Reason.EXPIRED,
    "Delivery result": Reason.UNREACHABLE,
    "sendSMS: Invalid phone number": Reason.INVALID_RECIPIENT,
}
"""Why a text was not sent, by how the app's sentence begins."""
HASH = re.compile(r"[0-9a-f]{1,8}", re.ASCII)
MMS_TYPES = ("MMS", "MMS_DOWNLOADED")
MMS_WITHOUT_SUBJECT = "MMS notification"
MMS_WITHOUT_TEXT = "MMS content"


class SmsGate(Provider):
    """One phone, read by the app's local server. Cursor: see `window`."""

    key = "smsgate"
    name = "SMS Gateway for Android"
    default_url = ""
    number_format = UNKNOWN
    interval = timedelta(seconds=15)
    is_own_server = True
    chooses_password = True
    receives_webhooks = True
    pushes = True
    registers = True
    signs = True
    needs_https = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start with nothing read."""
        super().__init__(session, account)
        self._walk = Walk[int](lambda: self.now, OVERLAP)

    @override
    async def validate(self) -> Identity:
        """Read a part of the inbox in which nothing is (not every server has one), and the phone's id."""
        await self._list("inbox", {**_window(LONG_AGO, LONG_AGO), "limit": "1"})
        devices, _ = await self._list("device")
        device_id = next((text_of(device.get("id")) for device in devices if isinstance(device, dict)), "")
        if not device_id:
            raise ProtocolError("the phone has no id")
        return Identity(account_id=device_id.casefold())

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read one page of what was received since a week before the latest message."""
        return await self._walk.fetch(cursor, self._page)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the message of a request, or what became of a sent one.

        A message without the app's hash is only found in the list.
        """
        if not self._account.signing_key:
            return PushResult(poll=True)
        request = SMSGATE.verify(request, self._account.signing_key)
        try:
            event = json.loads(request.body)
        except ValueError, RecursionError:
            event = None
        if not isinstance(event, dict):
            raise RefusedWebhookError("no event", status=HTTPStatus.BAD_REQUEST)
        name = text_of(event.get("event"))
        if name in STATUSES:
            return PushResult(reports=_reports(name, event))
        if name not in EVENTS:
            return PushResult()
        message = _pushed(name, event, request)
        return PushResult(messages=(message,)) if message else PushResult(poll=True)

    @override
    async def webhook_places(self, name: str) -> tuple[WebhookPlace, ...]:
        """Return the webhooks whose ids we make of a name, one for each kind of message, as one place."""
        url = text_of((await self._webhooks(name)).get(RECEIVED, {}).get("url"))
        return (WebhookPlace(place_id=name, name=name, url=url),)

    @override
    async def set_webhook(self, place_id: str, url: str) -> None:
        """Make the webhooks, replace those that are not right, or delete them; the app refuses a URL that is not https.

        A version of the app that doesn't know all kinds of messages gets webhooks for the others.
        """
        present = await self._webhooks(place_id)
        for event in REGISTERED:
            id_ = _webhook_id(place_id, event)
            if not url:
                if event in present:
                    await self._ask("DELETE", f"webhooks/{id_}")
                continue
            wanted = {"id": id_, "url": url, "event": event}
            if present.get(event, {}).items() >= wanted.items():
                continue
            try:
                await self._ask("POST", "webhooks", json=wanted)
            except ConfigurationError as err:
                if event == RECEIVED or err.hint:
                    raise

    @override
    def vendor_word(self, response: HttpResponse) -> str | None:
        """Return the code, which not every error has; the message beside it is a sentence."""
        return response.word("code", "error")

    async def _page(self, offset: int | None) -> tuple[list[Row], Next[int]]:
        """Read the rows from a place on.

        What comes while a walk is under way shifts the others down, so some are read twice.
        """
        # No clock decides where the window ends: the phone's own would, if no end were given.
        params = {**_window(self._walk.begin, NEVER), "limit": str(LIMIT)}
        rows, total = await self._list("inbox", params | ({"offset": str(offset)} if offset else {}))
        read = (offset or 0) + len(rows)
        is_last = not rows or (len(rows) < LIMIT if total is None else read >= total)
        # Of several with the same time, the order is all that says which was first.
        return await in_turns(_row, reversed(rows)), None if is_last else read

    async def _list(self, path: str, params: dict[str, str] | None = None) -> tuple[list[Any], int | None]:
        """Read a list; return it, and how long it is in all, None where the answer doesn't say."""
        answer = await self._ask("GET", path, params=params)
        rows = answer.json()
        if not isinstance(rows, list):
            raise ProtocolError(f"the {path} is no list")
        return rows, _number(answer.headers.get("X-Total-Count", ""))

    async def _webhooks(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the webhooks of a name by their events."""
        rows, _ = await self._list("webhooks")
        by_id = {text_of(row.get("id")): row for row in rows if isinstance(row, dict)}
        return {event: by_id[id_] for event in REGISTERED if (id_ := _webhook_id(name, event)) in by_id}

    async def _ask(self, method: str, path: str, **options: Any) -> HttpResponse:
        """Send a request; say of a refusal what a person can do, as far as that is known."""
        response = await self.request(method, path, headers=self.basic_auth(), accept=HINTS, **options)
        if hint := HINTS.get(response.status):
            word = self.vendor_word(response)
            reason = f"HTTP status {response.status}" + (f", {word}" if word else "")
            is_known = hint == "missing_permission" or path == "inbox"
            raise ConfigurationError(reason, hint=hint if is_known else None)
        return response


def failure_of(error: str) -> Reason | None:
    """Return why a text was not sent or did not arrive, as far as the app's sentence tells."""
    return next((reason for start, reason in FAILURES.items() if error.startswith(start)), None)


def _webhook_id(name: str, event: str) -> str:
    """Return the id of a webhook for an event, which the client chooses: at most 36 characters."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name if event == RECEIVED else f"{name} {event}"))


def _window(start: datetime, end: datetime) -> dict[str, str]:
    """Return the clauses for what was received from start to end, both included."""
    return {name: f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, time in (("from", start), ("to", end))}


def _number(value: str) -> int | None:
    """Return a number of a header, None for anything else."""
    return int(value) if value.isdecimal() and len(value) <= 18 else None


def _row(row: Any) -> Row:
    """Return a row of the inbox; one without an id, which can't be distinguished from others, is unreadable."""
    record = record_of(row)
    if not isinstance(row, dict):
        return Row(key=record, unreadable=record)
    id_, time = text_of(row.get("id")), iso_time(row.get("createdAt"))
    if not id_:
        return Row(key=record, time=time, unreadable=record)
    content, is_binary = text_of(row.get("contentPreview")), row.get("type") == "DATA_SMS"
    data = _data(content) if is_binary else None
    message = Message(
        message_id=id_,
        sender=text_of(row.get("sender")),
        recipient=text_of(row.get("recipient")) or None,
        text=content if data is None else printable(data),
        encoding="binary" if is_binary else "text" if content.isascii() else "unicode",
        data=data,
        received_at=time,
        in_reply_to=None,
        raw=record,
        channel="mms" if row.get("type") in MMS_TYPES else None,
    )
    return Row(key=id_, time=time, message=message)


def _data(content: str) -> bytes | None:
    """Return the bytes of a data SMS, as many as are shown; None for what is not hexadecimal."""
    try:
        return bytes.fromhex(content.removesuffix("..."))
    except ValueError:
        return None


def _reports(name: str, event: dict[str, Any]) -> tuple[Report, ...]:
    """Return what an event says of a text that was sent; its id is ours."""
    payload = event.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    status, id_, parts = STATUSES[name], payload.get("messageId"), payload.get("partsCount")
    if not isinstance(id_, str) or not id_:
        return ()
    return (
        Report(
            status=status,
            key=id_,
            provider_id=id_,
            reason=failure_of(text_of(payload.get("reason"))) if status is SendStatus.FAILED else None,
            parts=parts if isinstance(parts, int) and parts > 0 else None,
        ),
    )


def _pushed(name: str, event: dict[str, Any], request: WebhookRequest) -> Message | None:
    """Return the message of an event, None where it doesn't hold all of one."""
    payload = event.get("payload")
    if not isinstance(payload, dict) or not (id_ := _list_id(name, payload)):
        return None
    data, text = None, _text(name, payload)
    if name == "sms:data-received":
        try:
            data = base64.b64decode(text_of(payload.get("data")), validate=True)
        except ValueError:
            return None
        text = printable(data)
    if text is None:
        return None
    return Message(
        message_id=id_,
        sender=text_of(payload.get("sender") or payload.get("phoneNumber")),
        recipient=text_of(payload.get("recipient")) or None,
        text=text,
        encoding="binary" if data is not None else "text" if text.isascii() else "unicode",
        data=data,
        received_at=iso_time(payload.get("receivedAt")) or request.at,
        in_reply_to=None,
        raw=_without_files(event, payload) or request.record,
        channel="mms" if name.startswith("mms:") else None,
    )


def _without_files(event: dict[str, Any], payload: dict[str, Any]) -> bytes | None:
    """Return an event without what is in its attachments, which can be large; None where it has none."""
    files = payload.get("attachments")
    if not isinstance(files, list) or not files:
        return None
    named = [{key: file[key] for key in file if key != "data"} for file in files if isinstance(file, dict)]
    return record_of({**event, "payload": {**payload, "attachments": named}})


def _text(event: str, payload: dict[str, Any]) -> str | None:
    """Return the text that the inbox shows of a message; of an MMS what stands in for a missing one, too."""
    match event:
        case "sms:received":
            return text_of(payload["message"]) if isinstance(payload.get("message"), str) else None
        case "mms:received":
            return text_of(payload.get("subject")) or MMS_WITHOUT_SUBJECT
        case "mms:downloaded":
            return text_of(payload.get("body")) or text_of(payload.get("subject")) or MMS_WITHOUT_TEXT
    return None


def _list_id(event: str, payload: dict[str, Any]) -> str | None:
    """Return the id that the inbox shows for a message, None where it can't be known.

    The app numbers messages by a hash of 32 bits. The inbox shows it in decimal, with a sign, behind the kind of the
    message; a request about an SMS has it in hexadecimal, without a sign; one about an MMS has what it is made of.
    """
    kind, source = EVENTS[event]
    value = payload.get(source)
    if not isinstance(value, str) or not value:
        return None
    if not event.startswith("sms:"):
        return f"{kind}:{_java_hash(value)}"
    return f"{kind}:{_signed(int(value, 16))}" if HASH.fullmatch(value) else None


def _java_hash(text: str) -> int:
    """Return the hash of a text as Java defines it (`String.hashCode`), over its units of UTF-16."""
    units = text.encode("utf-16-be", "surrogatepass")
    value = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        value = (31 * value + (high << 8 | low)) & 0xFFFFFFFF
    return _signed(value)


def _signed(value: int) -> int:
    """Return an unsigned number of 32 bits as the signed one of the same bits."""
    return value - (1 << 32) if value >= 1 << 31 else value
