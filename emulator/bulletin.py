"""Bulletin Messenger: one unread message a call, form-encoded, marked read as it is transmitted."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import groupby
import random
import re
from typing import override
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from .alphabet import is_plain
from .handsets import in_gsm
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, html_page

CONNECT = "/connect"
FEED_SIZE = 8
FEED_SIZE_MAX = 300
MOST = 480
"""How many characters of a text are sent, unless the request says otherwise."""
LONGEST_ID = 36
OWN_NUMBER = "+64215550100"
"""From what a text comes without a sender."""
CODES: Mapping[str, str] = {"accepted": "SNT", "sent": "SNT", "delivered": "RCV", "failed": "ERR"}
FAILURES: Mapping[str, str] = {"expired": "EXP", "unreachable": "NUR", "filtered": "NRC"}
JAVA_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-*_ ")
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ATOM = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:bulletin:feed</id><title>Messages</title>\
<subtitle>Balance: 100.00 NZD, prepaid</subtitle><updated>{updated}</updated>{entries}</feed>
"""
ATOM_ENTRY = """
<entry><id>urn:bulletin:message:{id}</id><title>{sender}</title><author><name>{sender}</name></author>\
<published>{time}</published><updated>{time}</updated><content type="text">{text}</content></entry>"""
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>Messages</title><link>https://www.bulletinmessenger.net</link>\
<description>Balance: 100.00 NZD, prepaid</description><lastBuildDate>{updated}</lastBuildDate>{entries}</channel></rss>
"""
RSS_ENTRY = """
<item><guid isPermaLink="false">urn:bulletin:message:{id}</guid><title>{sender}</title><author>{sender}</author>\
<pubDate>{time}</pubDate><description>{text}</description></item>"""


def _every_byte(data: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in data)


def _java(text: str) -> str:
    """What Java's URLEncoder makes of a text in UTF-16: a byte order mark before each run that needs escapes."""
    runs = ((safe, "".join(letters)) for safe, letters in groupby(text, JAVA_SAFE.__contains__))
    return "".join(run.replace(" ", "+") if safe else _every_byte(_with_mark(run)) for safe, run in runs)


def _with_mark(text: str) -> bytes:
    return ("\ufeff" + text).encode("utf-16-be")


WIRES: dict[str, Callable[[str], str]] = {
    "utf-8": quote_plus,
    "utf-16-bom": lambda text: _every_byte(_with_mark(text)),
    "utf-16-be": lambda text: _every_byte(text.encode("utf-16-be")),
    "utf-16-le": lambda text: _every_byte(text.encode("utf-16-le")),
    "java": _java,
    "hex": lambda text: text.encode("utf-16-be").hex().upper(),
}


class Bulletin(Protocol):
    """`/api/1/sms/in`, `/api/2/sms/list` and `/api/3/sms/out`; a user name and password by Basic, query or form.

    Below `/connect` is the sibling product for the same accounts: `/api/1/sms/in` and `/api/1/sms/queue`.
    `Account.extra` may have `senders`, those that are registered, and `address_book`, numbers by name.
    """

    connect_takes_basic = True
    """Whether it takes Basic there: nothing public says so."""
    connect_takes_post = True
    """Whether it takes anything but GET there: its one public client asks by GET alone."""

    key = "bulletin"
    name = "Bulletin Messenger"
    content_type = "application/x-www-form-urlencoded"
    binary = False
    wires = tuple(WIRES)
    opening = b"messageId=1&from=6421555001&body="
    errors: Mapping[str, int] = {
        "Bad Request": 400,
        "Unauthorized": 401,
        "Forbidden": 403,
        "Not Found": 404,
        "Internal Error": 500,
    }

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        if call.basic and (self.connect_takes_basic or not call.path.startswith(CONNECT)):
            return call.basic
        if "userId" in call.fields and "password" in call.fields:
            return call.fields["userId"], call.fields["password"]
        return None

    @override
    def unauthorized(self) -> Answer:
        return html_page(401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="Bulletin"'})

    @override
    def not_found(self) -> Answer:
        return html_page(404, "Not Found")

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return html_page(status, word)

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        if call.path.startswith(CONNECT):
            return await self._connect(call, account)
        match call.path:
            case "/api/1/sms/in":
                return await self._inbound(call, account)
            case "/api/2/sms/list":
                return self._feed(call, account)
            case "/api/3/sms/out":
                return self._submit(call, account)
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A callback: the address of the text that is answered, else the customer's, with its variables filled in."""
        if message.raw is not None:
            return []
        answered = (each for each in account.messages if each.sent and each.message_id == message.in_reply_to)
        template = next((each.callback for each in answered if each.callback), account.callback)
        values = {
            "messageid": message.in_reply_to or "",
            "body": message.text,
            "recipient.msisdn": message.sender,
            "recipient.displayname": message.sender,
        }
        return _filled(template, values)

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A callback: the address of the text, else the customer's if that is meant for states, too."""
        template = message.callback or account.callback
        if "{!status}" not in template.lower():
            return []
        status = FAILURES.get(message.error) if message.status == "failed" else None
        values = {
            "messageid": message.message_id,
            "recipient.msisdn": message.recipient.removeprefix("+"),
            "status": status or CODES[message.status],
        }
        return _filled(template, values)

    @override
    def is_settled(self, status: int) -> bool:
        """What is 400 or more is repeated for two days."""
        return status < 400

    async def _connect(self, call: Call, account: Account) -> Answer:
        """Hand out a message, or tell how many wait."""
        path = call.path.removeprefix(CONNECT)
        if path not in ("/api/1/sms/in", "/api/1/sms/queue"):
            return self.not_found()
        if call.method != "GET" and not self.connect_takes_post:
            return self.wrong_method()
        if path == "/api/1/sms/in":
            return await self._inbound(call, account)
        return Answer(body=f"statusCount=0&inCount={len(account.unread)}".encode(), content_type=self.content_type)

    async def _inbound(self, call: Call, account: Account) -> Answer:
        if not await call.wait_unread(account):
            return Answer(status=204)
        message = account.take_unread()
        return Answer(body=_form(message), content_type=self.content_type, messages=(message,))

    def _submit(self, call: Call, account: Account) -> Answer:
        """Send a text to each of the recipients, which spaces separate: numbers, or names of the address book.

        What is too long is cut, and letters are lost that the announced alphabet doesn't have.
        """
        fields = call.fields
        text, key = fields.get("body", ""), fields.get("messageId") or None
        known = account.extra.get("address_book", {})
        names = fields.get("to", "").split()
        numbers = [number for name in names for number in ([name] if name.isdecimal() else known.get(name, []))]
        if not text or not numbers:
            return html_page(400, "Missing or unknown to, or no body")
        if fields.get("from") and fields["from"] not in account.extra.get("senders", []):
            return html_page(400, "The sender is not registered")
        if key and len(key) > LONGEST_ID:
            return html_page(400, "The messageId is too long")
        cut = text if "fragmentationLimit" in fields else text[:MOST]
        shown = cut if is_plain(cut) or "utf-16" in fields.get("contentType", "").lower() else in_gsm(cut)
        for number in numbers:
            account.submit(
                text,
                sender=fields.get("from") or OWN_NUMBER,
                recipient=f"+{number}",
                shown=shown,
                message_id=key,
                key=key,
                callback=fields.get("callbackUrl", ""),
            )
        return Answer(content_type="text/plain")

    def _feed(self, call: Call, account: Account) -> Answer:
        size, kind, form = (call.fields.get(key) for key in ("size", "type", "format"))
        if kind not in (None, "out", "reply") or form not in (None, "ATOM", "RSS"):
            return html_page(400, "Unknown type or format")
        if size is not None and not re.fullmatch("[0-9]{1,9}", size):
            return html_page(400, "Bad size")
        messages = [
            message
            for message in account.messages
            if message.raw is None and (kind is None or message.sent == (kind == "out"))
        ]
        messages.sort(key=lambda message: message.received_at, reverse=True)
        shown = tuple(messages[: min(int(size or FEED_SIZE), FEED_SIZE_MAX)])
        make, content_type = (_rss, "application/rss+xml") if form == "RSS" else (_atom, "application/atom+xml")
        body = make(shown, account.now())
        return Answer(body=body, content_type=f"{content_type}; charset=utf-8", messages=shown, shown=True)


def _filled(template: str, values: Mapping[str, str]) -> list[Outgoing]:
    """The request to an address with its variables filled in; none where there is no address."""
    url = re.sub(r"\{!([\w.]+)\}", lambda found: quote(values.get(found[1].lower(), ""), safe=""), template)
    return [Outgoing(method="POST", url=url)] if url else []


def _form(message: Message) -> bytes:
    """A message as a form-encoded list; its fields have no fixed order, but each message keeps its own."""
    if message.raw is not None:
        return message.raw
    unicode = message.encoding == "unicode"
    fields = {
        "messageId": quote_plus(message.message_id),
        "from": quote_plus(message.sender),
        "body": WIRES[message.wire or "utf-8"](message.text),
        "messageDate": quote_plus(_iso(message.received_at)),
        "contentType": quote_plus("text/plain; charset=UTF-16" if unicode else "text/plain"),
    }
    if message.in_reply_to is None:
        fields["to"] = quote_plus(message.recipient)
    else:
        fields["inReplyToId"] = quote_plus(message.in_reply_to)
    pairs = [f"{key}={value}" for key, value in fields.items()]
    random.Random(message.message_id).shuffle(pairs)  # noqa: S311
    return "&".join(pairs).encode()


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rfc_822(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")


def _atom(messages: tuple[Message, ...], now: datetime) -> bytes:
    return _xml(ATOM, ATOM_ENTRY, messages, now, _iso)


def _rss(messages: tuple[Message, ...], now: datetime) -> bytes:
    return _xml(RSS, RSS_ENTRY, messages, now, _rfc_822)


def _xml(feed: str, entry: str, messages: tuple[Message, ...], now: datetime, show: Callable[[datetime], str]) -> bytes:
    entries = "".join(
        entry.format(
            id=_text(message.message_id),
            sender=_text(message.sender),
            time=show(message.received_at),
            text=_text(message.text),
        )
        for message in messages
    )
    return feed.format(updated=show(now), entries=entries).encode()


def _text(text: str) -> str:
    return escape(NOT_IN_XML.sub("\ufffd", text), {"\r": "&#13;"})
