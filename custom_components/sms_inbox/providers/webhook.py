"""Webhook: any app or service that can send a form or JSON, or request a URL with a query.

There is no vendor and no document. A person names the fields; those without a name are looked for under the names that
are usual. Assumed is:

- A JSON list holds several messages. A field inside another is named with a dot: `data.text`.
- Where the body is announced as plain text, it is the text, and the other fields are in the query (as Kannel does it).
  Without a query it may be JSON all the same: browsers announce that as plain text.
- Text is UTF-8, else Windows-1252; of a plain text, the charset may be announced. Times are ISO 8601, seconds or
  milliseconds since 1970; without a zone they are UTC.
- Each sender writes numbers in its own way, a channel in front of them included.
- A signature is HMAC-SHA256 of the body (without one of the query; where both are read of the query, a line feed and
  the body) in hexadecimal or base64, `sha256=` may stand before it. Where there is a time beside it (seconds since
  1970), it is signed, too, behind the body, and no older than five minutes; it must be there once a person has named
  its header.
- A message without an id is new each time. One with an id that comes again is the same.
"""

import base64
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
import hmac
from http import HTTPStatus
import json
import re
from typing import Any, override
from urllib.parse import parse_qsl, urlencode
import uuid

from ..model import SYNTHETIC_ID, Cursor, Message, NumberFormat, Page, PushResult
from .contract import Identity, Provider, WebhookRequest
from .errors import RefusedWebhookError
from .parsing import record_of, text_of, utc, well_formed

NAMES = {
    "sender": ("from", "sender", "number", "msisdn", "phonenumber", "phone", "originator", "src", "source"),
    "text": ("text", "message", "body", "content", "msg", "sms"),
    "message_id": ("messageid", "id", "smsid", "msgid", "messagesid", "smssid", "uuid"),
    "recipient": ("to", "recipient", "destination", "dst", "receiver"),
    "received_at": ("receivedat", "receivedtime", "timestamp", "epoch", "sentat", "sentstamp", "date", "time", "ts"),
}
REPLAY_SECONDS = 300
MILLISECONDS = 100_000_000_000
LONGEST_PATH = 200
# Not all that Python knows: some take seconds for a large body.
CHARSET = re.compile(r'(?ai)charset="?((utf-?(16|32)|ucs|iso|windows|cp|latin|koi8|gb|big5|euc|shift)[\w.:-]*)')
UCS2 = ("utf-16", "ucs-2", "iso-10646-ucs-2")


class Webhook(Provider):
    """One app or service, which can't be polled; there is no cursor."""

    key = "webhook"
    name = "Webhook"
    default_url = ""
    number_format = NumberFormat(has_channels=True)
    interval = None
    receives_webhooks = True
    pushes = True
    signs = True

    @override
    async def validate(self) -> Identity:
        """Return the name that a person has given it."""
        name = self._account.username.strip()
        return Identity(account_id=name.casefold(), name=name)

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Read nothing: there is no server."""
        return Page(messages=(), cursor=cursor, more=False)

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read the messages of a request; a record without a text is unreadable until a person names its field."""
        if self._account.signing_key:
            self._verify(request)
        records = _records(request)
        if not any(fields_of(record) for record in records):
            raise RefusedWebhookError("no fields", status=HTTPStatus.BAD_REQUEST)
        parsed = [(record, self.read_again(record)) for record in records]
        return PushResult(
            messages=tuple(message for _, message in parsed if message),
            unreadable=tuple(record for record, message in parsed if not message),
        )

    @override
    def read_again(self, record: bytes) -> Message | None:
        """Read a record with the names that a person has given since."""
        return parse(record, self._account.fields)

    def _verify(self, request: WebhookRequest) -> None:
        """Refuse what isn't signed, or was signed too long ago."""
        headers, fields = request.headers, self._account.fields
        at = headers.get(fields.get("timestamp_header") or "X-Timestamp", "")
        digest = hmac.digest(self._account.signing_key.encode(), _signed(request) + _as_sent(at), "sha256")
        signature = _as_sent(headers.get(fields.get("signature_header") or "X-Signature", "")).removeprefix(b"sha256=")
        hexadecimal, base_64 = digest.hex().encode(), base64.b64encode(digest)
        if not (hmac.compare_digest(signature.lower(), hexadecimal) or hmac.compare_digest(signature, base_64)):
            raise RefusedWebhookError("wrong signature")
        if fields.get("timestamp_header") and not at:
            raise RefusedWebhookError("signed without a time")
        if at and abs(request.at.timestamp() - (float(at) if at.isdecimal() else 0.0)) > REPLAY_SECONDS:
            raise RefusedWebhookError("signed too long ago")


def parse(record: bytes, names: Mapping[str, str]) -> Message | None:
    """Return the message of a record, None where no text is found in it.

    Args:
        record: A JSON object or a form.
        names: The names of the fields, as a person has given them.
    """
    fields = fields_of(record)
    found = {name: _find(name, fields, names) for name in NAMES}
    if (text := found["text"]) is None:
        return None
    return Message(
        message_id=found["message_id"] or f"{SYNTHETIC_ID}{uuid.uuid4()}",
        sender=found["sender"] or "",
        recipient=found["recipient"] or None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=_time(found["received_at"] or ""),
        in_reply_to=None,
        raw=record,
    )


def _find(name: str, fields: Mapping[str, str], names: Mapping[str, str]) -> str | None:
    """Return the value of a field: under the name that was given, else under the first usual one that isn't empty."""
    if given := names.get(name):
        return fields.get(given)
    plain = {_plain(path): value for path, value in reversed(list(fields.items()))}
    found = [plain[usual] for usual in NAMES[name] if usual in plain]
    return next(filter(None, found), "" if found else None)


def fields_of(record: bytes) -> dict[str, str]:
    """Return the fields of a record by name, those inside others with a dot; empty where there are none."""
    if _opening(record) in (b"{", b"[", b'"'):
        row = _json(record)
        return dict(_flat(row)) if isinstance(row, dict) else {}
    pairs = parse_qsl(record.decode("utf-8", "surrogateescape"), keep_blank_values=True, errors="surrogateescape")
    return {_decoded(_as_sent(name)): _decoded(_as_sent(value)) for name, value in pairs}


def _records(request: WebhookRequest) -> list[bytes]:
    """Return the messages of a request, as they came: JSON objects or forms."""
    kind = request.headers.get("Content-Type", "")
    if _is_text(request):
        return [_text_record(kind, request)]
    if kind.startswith("multipart/form-data"):
        return [_form_of(kind, request.body)]
    if _opening(request.body) == b"[" and isinstance(rows := _json(request.body), list):
        return [record_of(row) for row in rows]
    return [request.record]


def _is_text(request: WebhookRequest) -> bool:
    """Whether the body is a text, and no form or JSON."""
    if not request.headers.get("Content-Type", "").startswith("text/plain"):
        return False
    return bool(request.url.raw_query_string or (request.body and not isinstance(_json(request.body), dict | list)))


def _signed(request: WebhookRequest) -> bytes:
    """Return what a signature covers: all that is read."""
    query = request.url.raw_query_string
    return _as_sent(query) + b"\n" + request.body if query and _is_text(request) else request.record


def _text_record(kind: str, request: WebhookRequest) -> bytes:
    """Return a text and the fields beside it as one form; an empty text yields to one in the query."""
    text, query = urlencode({"text": _text(kind, request.body)}), request.url.raw_query_string
    return _as_sent("&".join(filter(None, (query, text) if request.body else (text, query))))


def _text(kind: str, body: bytes) -> str:
    """Return a body in the charset that is announced."""
    if not (announced := CHARSET.search(kind)):
        return _decoded(body)
    charset = announced[1].lower()
    if charset in UCS2:
        charset = "utf-16" if body.startswith((BOM_UTF16_BE, BOM_UTF16_LE)) else "utf-16-be"
    try:
        return well_formed(body.decode(charset, "replace"))
    except LookupError:
        return _decoded(body)


def _opening(record: bytes) -> bytes:
    """Return the character that a record begins with."""
    return record.removeprefix(BOM_UTF8).lstrip()[:1]


def _json(record: bytes) -> Any:
    """Return what a record says in JSON, its numbers as they are written, and None where it says nothing.

    Line breaks inside texts do no harm.
    """
    try:
        return json.loads(_decoded(record.removeprefix(BOM_UTF8)), strict=False, parse_float=str, parse_int=str)
    except ValueError, RecursionError:
        return None


def _form_of(kind: str, body: bytes) -> bytes:
    """Return a form in parts (RFC 7578) as an ordinary one."""
    parts = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + _as_sent(kind) + b"\r\n\r\n" + body)
    fields = [
        (part.get_param("name", "", "Content-Disposition"), part.get_payload(decode=True))
        for part in parts.iter_parts()
    ]
    return urlencode([(str(name), value) for name, value in fields if isinstance(value, bytes)]).encode()


def _flat(value: Any, path: str | None = None) -> Iterator[tuple[str, str]]:
    """Return the fields of JSON by their paths, but for those that are so long or deep that nobody names them."""
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            longer = str(name) if path is None else f"{path}.{name}"
            if len(longer) <= LONGEST_PATH:
                yield from _flat(inner, longer)
    else:
        yield well_formed(path or ""), text_of(value)


def _plain(path: str) -> str:
    """Return the last part of a path as it is compared: small letters and digits."""
    return re.sub(r"[^a-z0-9]", "", path.rpartition(".")[2].lower())


def _as_sent(value: str) -> bytes:
    """Return the bytes of something that was read as UTF-8, though it may be none."""
    return value.encode("utf-8", "surrogateescape")


def _decoded(data: bytes) -> str:
    """Return a text in UTF-8; what is none is Windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return well_formed(data.decode("cp1252", "replace"))


def _time(value: str) -> datetime | None:
    """Return a time in UTC, None for what is none."""
    try:
        if re.fullmatch(r"\d{9,14}(\.\d+)?", value, re.ASCII):
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
        return utc(datetime.fromisoformat(value.strip()))
    except ValueError, OverflowError, OSError:
        return None
