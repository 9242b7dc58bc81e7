"""Bulletin Messenger: the polling API, which hands out one message a request and marks it read.

Source: the vendor's developer guide, "Receiving Incoming Messages via Polling", "Message Feed" and "Callbacks". It
documents the request, its status codes, the 30 s wait, the meaning of the fields, that a sender is a number "in
International format", and that the messages of callbacks appear here, too. What it doesn't say is assumed here:

- Names of the fields. Certain: `messageId`, `to`, `inReplyToId`. Seen in the vendor's sibling product: `from`, `body`,
  `contentType`. Assumed: `messageDate`. Names are compared without case, known synonyms are accepted, and the time is
  at worst any value that looks like one.
- The wire form of `contentType=text/plain; charset=UTF-16`: five are understood, see `decode_text`.
- User names don't differ by case; the same name at another server is another account.
- The sibling product, Bulletin Connect, hands out messages at the same address in the same form, but has no message
  feed. It is recognised by that, and its credentials are proven by the length of its queue (`/api/1/sms/queue`), which
  its one public client reads. That client sends the credentials in the address, which would show them to every log, so
  that is never done: Basic authorization is assumed, and POST or, where that method is refused, GET; where Basic is
  refused, a form.
- In a callback, `{!status}` becomes one of the codes of the guide's "Status Codes". Callbacks aren't signed. One that
  names a text that we have sent proves itself by that: its id is random, and only the vendor has it from us. Of any
  other nothing is believed.
- The message feed is ATOM 1.0 with `type=reply`: an entry's `published` (else `updated`) is the time of receipt, its
  `author/name` the sender, its `content` (else `summary`) the text, and the last part of its `id` the message's id. The
  feed is only believed where known messages are found in it, see `recovery`.
"""

from binascii import a2b_qp
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import re
from typing import Any, override
from urllib.parse import unquote_to_bytes
import uuid
import xml.etree.ElementTree as ET

import aiohttp

from ..model import INTERNATIONAL, SYNTHETIC_ID, Cursor, Message, Page, PushResult, Reason, Report, SendStatus
from .contract import Account, Identity, Provider, WebhookRequest
from .errors import AuthenticationError, ConfigurationError, ProtocolError, ProviderError
from .http import HttpResponse
from .parsing import well_formed

HOLD = 30.0
ESCAPED_MARK = re.compile(r"%(?:FE%FF|FF%FE)", re.IGNORECASE)
LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
ESCAPED_RUN = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
HEX_UNITS = re.compile(r"(?:[0-9A-Fa-f]{4})+")
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)")
KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MIN = datetime.min.replace(tzinfo=UTC)
BYTE_ORDER_MARKS = (b"\xfe\xff", b"\xff\xfe")
TEXT_FIELDS = ("body", "message", "text")
TIME_FIELDS = ("messagedate", "timestamp", "date", "receiveddate", "sentdate")
MESSAGE_FIELDS = {"messageid", "from", *TEXT_FIELDS}
QUEUE_FIELDS = {"incount", "statuscount"}
WAYS = (("POST", False), ("GET", False), ("POST", True))
"""Methods, and whether the credentials are sent as a form instead of by Basic authorization, in the order of trial."""
FEED_SIZE = 300
STATUSES = {
    "SNT": SendStatus.SENT,
    "RCV": SendStatus.DELIVERED,
    "NUR": SendStatus.FAILED,
    "NRC": SendStatus.FAILED,
    "NRCV": SendStatus.FAILED,
    "EXP": SendStatus.FAILED,
    "ERR": SendStatus.FAILED,
    "INF": SendStatus.FAILED,
}
FAILURES = {"NUR": Reason.UNREACHABLE, "EXP": Reason.EXPIRED, "INF": Reason.NO_CREDIT}
PRECISION = timedelta(seconds=1)  # of a date of HTTP


class Bulletin(Provider):
    """One account at Bulletin Messenger. Reading takes the message out of the inbox; there is no cursor."""

    key = "bulletin"
    name = "Bulletin Messenger"
    default_url = "https://www.bulletinmessenger.net"
    number_format = INTERNATIONAL
    interval = timedelta(seconds=30)
    chooses_password = True
    consumes = True
    receives_webhooks = True
    pushes = True

    def __init__(self, session: aiohttp.ClientSession, account: Account) -> None:
        """Start as with Bulletin Messenger, which takes what its guide recommends."""
        super().__init__(session, account)
        self._ways: tuple[tuple[str, bool], ...] = WAYS
        """The ways to ask that come into question; one, once the server has taken it."""

    @override
    async def validate(self) -> Identity:
        """Read one entry of the message feed, or where there is none the length of the queue: both change nothing."""
        if await self._read_feed(1) is None:
            await self._check_queue()
        return Identity(account_id=self.account_at_server(self._account.username))

    @override
    async def fetch(self, cursor: Cursor) -> Page:
        """Ask for one unread message; the server waits up to 30 s for one."""
        answer = await self._ask("api/1/sms/in", wait=HOLD)
        if answer.status == HTTPStatus.NO_CONTENT:
            self.read_until = answer.date - PRECISION
            return Page(messages=(), cursor=cursor, more=False)
        if answer.is_html:
            raise ProtocolError("a web page instead of a message", raw=answer.body)
        if (message := parse(answer.body)) is None:
            return Page(messages=(), cursor=cursor, more=False, unreadable=(answer.body,))
        asked_at = answer.date - timedelta(seconds=answer.elapsed)
        at = message.received_at
        arrived_during_poll = at is not None and asked_at <= at <= answer.date + PRECISION
        if arrived_during_poll:
            self.read_until = asked_at - PRECISION
        return Page(messages=(message,), cursor=cursor, more=True, arrived_during_poll=arrived_during_poll)

    @override
    async def recover(self) -> tuple[Message, ...]:
        """Read the message feed, which marks nothing as read; without one nothing can be recovered."""
        if (feed := await self._read_feed(FEED_SIZE)) is None:
            raise ProtocolError("the server has no message feed")
        return tuple(sorted(map(parse_entry, _children(feed, "entry")), key=lambda message: message.received_at or MIN))

    @override
    def read_webhook(self, request: WebhookRequest) -> PushResult:
        """Read what has become of a text that we have sent; any other callback only makes us poll."""
        fields = {name.casefold(): value.strip() for name, value in request.fields.items()}
        code, key = fields.get("status", "").upper(), fields.get("messageid", "").lower()
        if code not in STATUSES or not KEY.fullmatch(key):
            return PushResult(poll=True)
        return PushResult(reports=(Report(status=STATUSES[code], key=key, reason=FAILURES.get(code)),))

    async def _read_feed(self, size: int) -> ET.Element | None:
        """Return the message feed with the latest messages received, None where the server has none."""
        form = {"type": "reply", "size": str(size), "format": "ATOM"}
        path, accept = "api/2/sms/list", (HTTPStatus.NOT_FOUND,)
        answer = await self.request("POST", path, data=form, headers=self.basic_auth(), accept=accept)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        try:
            feed = ET.fromstring(answer.body)  # noqa: S314 - expat itself refuses documents that explode
        except ET.ParseError:
            raise ProtocolError("the message feed is no XML") from None
        if _name(feed) != "feed":
            raise ProtocolError("the message feed is none")
        return feed

    async def _check_queue(self) -> None:
        """Read how many messages wait at Bulletin Connect, which proves the credentials."""
        answer = await self._ask("api/1/sms/queue")
        if not QUEUE_FIELDS & _split(answer.body).keys():
            raise ProtocolError("the length of the queue is none")

    async def _ask(self, path: str, wait: float = 0.0) -> HttpResponse:
        """Send a request with the credentials, in the first way that the server takes."""
        form = {"userId": self._account.username, "password": self._account.password}
        refusal: ProviderError | None = None
        for method, by_form in self._ways:
            if isinstance(refusal, AuthenticationError) and not by_form:
                continue
            options: dict[str, Any] = {"data": form} if by_form else {"headers": self.basic_auth()}
            try:
                answer = await self.request(method, path, **options, wait=wait, accept=(HTTPStatus.METHOD_NOT_ALLOWED,))
            except AuthenticationError as err:
                refusal = err
                continue
            if answer.status != HTTPStatus.METHOD_NOT_ALLOWED:
                self._ways = ((method, by_form),)
                return answer
            refusal = refusal or ConfigurationError(f"HTTP status {answer.status}")
        raise refusal or ConfigurationError("no way to ask")


def parse(body: bytes) -> Message | None:
    """Return the message in a form-encoded list, None where the body holds none.

    A message without an id gets one of its own: it has been taken out of the inbox, so it can't come again.
    """
    fields = _split(body)
    if not MESSAGE_FIELDS & fields.keys():
        return None
    values = {name: decode_text(value) for name, value in fields.items() if name not in TEXT_FIELDS}
    wide = "utf-16" in values.get("contenttype", "").lower()
    text = next((fields[name] for name in TEXT_FIELDS if name in fields), "")
    return Message(
        message_id=values.get("messageid") or f"{SYNTHETIC_ID}{uuid.uuid4()}",
        sender=values.get("from", ""),
        recipient=values.get("to") or None,
        text=decode_text(text, wide=wide),
        encoding="unicode" if wide else "text",
        data=None,
        received_at=_received_at(values),
        in_reply_to=values.get("inreplytoid") or None,
        raw=body,
    )


def parse_entry(entry: ET.Element) -> Message:
    """Return the message of an entry of the feed.

    Raises:
        ProtocolError: A part that a message can't be without is missing.
    """
    author = next(iter(_children(entry, "author")), None)
    sender = None if author is None else _text(author, "name")
    text = _text(entry, "content", "summary")
    entry_id, received_at = _text(entry, "id"), _time(_text(entry, "published", "updated") or "")
    if not entry_id or sender is None or text is None or received_at is None:
        raise ProtocolError("an entry of the message feed has not the parts that were expected")
    return Message(
        message_id=re.split(r"[:/#?=]", entry_id)[-1],
        sender=sender.strip(),
        recipient=None,
        text=text,
        encoding="text" if text.isascii() else "unicode",
        data=None,
        received_at=received_at,
        in_reply_to=None,
        raw=ET.tostring(entry),
    )


def _name(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2].lower()


def _children(element: ET.Element, *names: str) -> list[ET.Element]:
    """Return the children of these names, those of the first name first."""
    return [child for name in names for child in element if _name(child) == name]


def _text(element: ET.Element, *names: str) -> str | None:
    """Return the text of the first child of these names, None where there is no such child."""
    children = _children(element, *names)
    return "".join(children[0].itertext()) if children else None


def _split(body: bytes) -> dict[str, str]:
    """Return the fields of a form-encoded list by lower-case name, their values still escaped."""
    fields: dict[str, str] = {}
    for pair in body.decode("utf-8", "surrogateescape").strip("\r\n").split("&"):
        name, separator, value = pair.partition("=")
        if separator:
            fields.setdefault(name.strip().lower(), value.replace("+", " "))
    return fields


def _received_at(values: dict[str, str]) -> datetime | None:
    """Return the time of receipt: of the fields that may carry it, else of any value that looks like a time."""
    named = [values[name] for name in TIME_FIELDS if name in values]
    return next((time for value in (*named, *values.values()) if (time := _time(value))), None)


def _time(value: str) -> datetime | None:
    """Return a time of ISO 8601 with a zone, in UTC, None for anything else."""
    if not ISO_TIME.fullmatch(value.strip()):
        return None
    try:
        return datetime.fromisoformat(value.strip()).astimezone(UTC)
    except ValueError, OverflowError:
        return None


def decode_text(value: str, *, wide: bool = False) -> str:
    """Return the text of an escaped value; `wide` says that it is announced as UTF-16.

    The documentation promises URL encoding and no more. Understood are, in this order: runs of escaped UTF-16 that
    begin with a byte order mark, the rest left as it is (Java's encoder); the whole as UTF-16 with a mark, or without
    one where NULs show it; hexadecimal UTF-16BE where UTF-16 is announced; UTF-8; Windows-1252. Never fails.
    """
    data = _unescaped(value)
    text = (
        _decode_marked_runs(value)
        or _decode_utf16(data, wide=wide)
        or (_decode_hex(value) if wide else None)
        or _decode_narrow(data, wide=wide)
    )
    return well_formed(text)


def _unescaped(value: str) -> bytes:
    """Return what is escaped by percent signs (RFC 3986); a percent sign that escapes nothing stands for itself.

    Quoted-printable (RFC 2045) is the same with another sign, and its decoder takes a fraction of the time that the
    standard library's function for this takes, which holds up the event loop for long texts.
    """
    data = LONE_PERCENT.sub(b"%25", value.encode("utf-8", "surrogateescape"))
    return a2b_qp(data.replace(b"=", b"%3D").replace(b"%", b"="))


def _decode_marked_runs(value: str) -> str | None:
    """Decode each run of escapes that begins with a byte order mark as UTF-16; None where that doesn't fit."""
    if not ESCAPED_MARK.search(value):
        return None
    marked = [run for run in map(unquote_to_bytes, ESCAPED_RUN.findall(value)) if run.startswith(BYTE_ORDER_MARKS)]
    if not marked or any(len(run) % 2 or len(run) == 2 for run in marked):
        return None

    def decode_run(match: re.Match[str]) -> str:
        run = unquote_to_bytes(match[0])
        return run.decode("utf-16" if run.startswith(BYTE_ORDER_MARKS) else "utf-8", "replace")

    return ESCAPED_RUN.sub(decode_run, value)


def _decode_utf16(data: bytes, *, wide: bool) -> str | None:
    """Decode what shows itself as UTF-16 by a byte order mark or by NULs; None for anything else."""
    if len(data) % 2:
        return None
    if data.startswith(BYTE_ORDER_MARKS):
        return data.decode("utf-16", "surrogatepass")
    high, low = data[::2].count(0), data[1::2].count(0)
    # A NUL of the text's own must not make it UTF-16: unannounced, at least half of the units must have one.
    if max(high, low) < (1 if wide else max(len(data) // 4, 1)) or (high and low and not wide):
        return None
    return data.decode("utf-16-be" if high >= low else "utf-16-le", "surrogatepass")


def _decode_hex(value: str) -> str | None:
    """Decode hexadecimal UTF-16BE; None where it isn't, or where it spells no text."""
    if not HEX_UNITS.fullmatch(value):
        return None
    text = bytes.fromhex(value).decode("utf-16-be", "surrogatepass")
    spells_text = well_formed(text) == text and all(character >= " " or character in "\n\r\t" for character in text)
    return text if spells_text else None


def _decode_narrow(data: bytes, *, wide: bool) -> str:
    """Decode UTF-8; what is none is UTF-16 where that is announced, else Windows-1252."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        if wide and len(data) % 2 == 0:
            return data.decode("utf-16-be", "surrogatepass")
        return data.decode("cp1252", "replace")
