"""46elks: sending, the numbers, and the histories of all SMS and MMS, which a client walks backwards."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
import json
import re
from typing import Any, override
from urllib.parse import urlencode
import zlib

from .alphabet import parts
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol

LIMIT = 100
NO_LOGIN = "API access requires Basic HTTP authentication. Read documentation or examples."
NOT_FOUND = "Not found"
NO_CREDIT = "Not enough credits"
WRONG_METHOD = "Method not allowed"
COST = 3500
"""Of a received message, and of a part of a sent one, in ten-thousandths of the currency."""
MMS = "mms"
NUMBER = "+44771234567"
SETTINGS = ("sms_url", "mms_url", "voice_start", "name")
"""What a customer sets at a number, and the API shows."""
CLEARED = ("none", " ")
ALLOCATED = datetime(2018, 2, 7, 14, 14, 14, 834000, UTC)


class BadRequestError(Exception):
    """A request with a parameter that is missing or isn't understood; the text is the answer."""

    def __init__(self, text: str, status: int = 400) -> None:
        """Answer with a status."""
        super().__init__(text)
        self.status = status


class Elks(Protocol):
    """`/sms`, `/mms`, `/numbers` and `/me`, by Basic authentication, and the calls to a number's addresses.

    The wire form `mms` makes a message an MMS.
    """

    key = "elks"
    name = "46elks"
    base_path = "/a1"
    content_type = "application/json"
    page_size = LIMIT
    replies = False
    binary = False
    wires = ("sms", MMS)
    images = 2
    """How many pictures an MMS has."""
    lists_settings = False
    """Whether the list of numbers shows what is set at each, as each alone does; the documents' sample doesn't."""
    opening = b'{"data": [{"id": "'
    errors: Mapping[str, int] = {
        "Invalid limit": 400,
        "Invalid start": 400,
        NO_LOGIN: 401,
        "Missing key from": 403,
        NO_CREDIT: 403,
        NOT_FOUND: 404,
        WRONG_METHOD: 405,
    }

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="46elks"'}
        return _text(401, NO_LOGIN, challenge)

    @override
    def not_found(self) -> Answer:
        return _text(404, NOT_FOUND)

    @override
    def wrong_method(self) -> Answer:
        return _text(405, WRONG_METHOD)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return _text(status, word)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"id"\s*:\s*"([^"]+)"', record)
        return found[1].decode() if found else None

    @override
    def registered(self, account: Account) -> list[str]:
        """The addresses that are set at the numbers."""
        return [row["sms_url"] for row in account.places if row["sms_url"]]

    @override
    def numbers_of(self, account: Account) -> list[str]:
        return [str(row["number"]) for row in account.places if row["active"] == "yes"]

    @override
    def first_places(self) -> list[dict[str, Any]]:
        """The numbers that an account has, with what is set at each: a number for all."""
        return [number(NUMBER)]

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        kind, _, id_ = call.path.removeprefix("/").partition("/")
        if kind == "numbers":
            return self._numbers(call, account, id_)
        if call.method != "GET":
            return self._submit(call, account) if call.path == "/sms" else self.wrong_method()
        if call.path == "/me":
            return self._json(json.dumps(_information(account)).encode())
        if call.path in ("/sms", "/mms"):
            return self._history(call, account, is_mms=kind == MMS)
        for message in account.messages:
            if (id_, kind == MMS) == (message.message_id, _is_mms(message)):
                return self._json(_row(message, self.images), (message,))
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form for the address at the number, and for the callback; of a raw record the text alone is known."""
        name = "mms_url" if _is_mms(message) else "sms_url"
        set_ = [row[name] for row in account.places if (row["active"], row["number"]) == ("yes", message.recipient)]
        form = {"direction": "incoming", "message": message.text}
        if message.raw is None:
            form |= {
                "id": message.message_id,
                "from": message.sender,
                "to": message.recipient,
                "created": _iso(message.received_at),
            }
        if _is_mms(message):
            images = _images(message, self.images)
            form |= {f"image{place if place > 1 else ''}": url for place, url in enumerate(images, start=1)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return [
            Outgoing(method="POST", url=url, headers=headers, body=urlencode(form).encode())
            for url in dict.fromkeys((account.callback, *set_))
            if url.startswith("http")
        ]

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form for the address that the request named."""
        if not message.callback:
            return []
        form = {"id": message.message_id, "status": _status(message)}
        if form["status"] == "delivered":
            form["delivered"] = _iso(account.now())
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return [Outgoing(method="POST", url=message.callback, headers=headers, body=urlencode(form).encode())]

    def _submit(self, call: Call, account: Account) -> Answer:
        """Take a text, or only say what it would cost."""
        try:
            sender, recipient, text = _checked(call, account)
        except BadRequestError as error:
            return _text(error.status, str(error))
        if call.fields.get("dryrun") == "yes":
            row = {"status": "created", "direction": "outgoing", "from": sender, "to": recipient, "message": text}
            return self._json(json.dumps(row | {"parts": parts(text), "estimated_cost": COST * parts(text)}).encode())
        callback = call.fields.get("whendelivered", "")
        return self._json(_row(account.submit(text, sender=sender, recipient=recipient, callback=callback)))

    @override
    def is_settled(self, status: int) -> bool:
        """Anything but 200 to 204 is tried again."""
        return 200 <= status <= 204

    def _history(self, call: Call, account: Account, *, is_mms: bool) -> Answer:
        """The newest rows first; `start` is the later of the two times, and both leave out their own moment.

        `next` is the time of the last row shown, so a client that takes it for `start` as it is misses its twins.
        """
        recipient = None if is_mms else call.fields.get("to")
        messages = [
            message
            for message in account.messages
            if _is_mms(message) is is_mms and recipient in (None, message.recipient)
        ]
        try:
            page, following = _page(call, messages, account.page_size, lambda message: message.received_at)
        except BadRequestError as error:
            return _text(400, str(error))
        return self._json(b'{"data": [' + b", ".join(map(_row, page)) + b"]" + following + b"}", tuple(page))

    def _numbers(self, call: Call, account: Account, id_: str) -> Answer:
        """List the numbers, the newest first, with those that were given back; or show or change one."""
        if not id_:
            if call.method != "GET":
                return self.wrong_method()
            try:
                page, following = _page(call, account.places, account.page_size, lambda row: _moment(row["created"]))
            except BadRequestError as error:
                return _text(400, str(error))
            rows = [_shown(row, settings=self.lists_settings) for row in page]
            return self._json(b'{"data": ' + json.dumps(rows).encode() + following + b"}")
        row = next((row for row in account.places if row["id"] == id_), None)
        if row is None:
            return self.not_found()
        if call.method == "POST":
            known = (*SETTINGS, "sms_replies", "active")
            row |= {name: "" if value in CLEARED else value for name, value in call.fields.items() if name in known}
            account.on_change()
        return self._json(json.dumps(_shown(row, settings=True)).encode())

    def _json(self, body: bytes, messages: tuple[Message, ...] = ()) -> Answer:
        return Answer(body=body, content_type=self.content_type, messages=messages)


def number(digits: str, **settings: Any) -> dict[str, Any]:
    """A number of an account, for `Account.places`."""
    return {
        "id": f"n{zlib.crc32(digits.encode()):08x}",
        "active": "yes",
        "country": "gb",
        "number": digits,
        "capabilities": ["sms", "mms", "voice"],
        "created": _iso(ALLOCATED),
        "sms_replies": "yes",
        **dict.fromkeys(SETTINGS, ""),
        **settings,
    }


def _shown(row: Mapping[str, Any], *, settings: bool) -> dict[str, Any]:
    """A number as the API shows it; whether it replies isn't shown, nor is what is not set."""
    hidden = ("sms_replies", *(() if settings else SETTINGS[:3]))
    return {name: value for name, value in row.items() if name not in hidden and value != ""}


def _page[Row](
    call: Call, rows: list[Row], page_size: int, moment: Callable[[Row], datetime]
) -> tuple[list[Row], bytes]:
    """The rows of a page, and what an answer says of the next one."""
    start, end = _time(call, "start"), _time(call, "end")
    limit = min(_limit(call), page_size)
    found = [row for row in rows if (not start or moment(row) < start) and (not end or moment(row) > end)]
    found.sort(key=moment)
    found.reverse()
    page = found[:limit]
    return page, f', "next": "{_iso(moment(page[-1]))}"'.encode() if len(found) > limit else b""


def _checked(call: Call, account: Account) -> tuple[str, str, str]:
    """The sender, the recipient and the text of a request."""
    if account.extra.get("credits") == 0:
        raise BadRequestError(NO_CREDIT, 403)
    for name in ("from", "to", "message"):
        if not call.fields.get(name):
            raise BadRequestError(f"Missing key {name}", 403)
    sender, recipient = call.fields["from"], call.fields["to"]
    if not re.fullmatch(r"\+[0-9]{7,15}|[A-Za-z][A-Za-z0-9 ]{0,10}", sender):
        raise BadRequestError("Invalid from")
    if not re.fullmatch(r"\+[0-9]{7,15}", recipient):
        raise BadRequestError("Invalid to")
    return sender, recipient, call.fields["message"]


def _status(message: Message) -> str:
    """The state of a sent text, by the vendor's name."""
    return "created" if message.status == "accepted" else message.status


def _is_mms(message: Message) -> bool:
    """Whether a message is an MMS; of a raw record its id says that."""
    return message.wire == MMS or (message.raw is not None and message.message_id.startswith("m"))


def _images(message: Message, count: int) -> list[str]:
    """The addresses of an MMS's pictures."""
    return [f"https://api.46elks.com/a1/images/{message.message_id}-i{place}" for place in range(count)]


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, body=text.encode(), content_type="text/plain; charset=utf-8", headers=headers or {})


def _time(call: Call, name: str) -> datetime | None:
    """A time of the query, which is in UTC without saying so."""
    if (value := call.fields.get(name)) is None:
        return None
    try:
        return _moment(value)
    except ValueError:
        raise BadRequestError(f"Invalid {name}") from None


def _moment(value: str) -> datetime:
    """A time in UTC that doesn't say so; ValueError for anything else."""
    time = datetime.fromisoformat(value)
    if time.tzinfo:
        raise ValueError("A time has no zone.")
    return time.replace(tzinfo=UTC)


def _limit(call: Call) -> int:
    limit = call.fields.get("limit", str(LIMIT))
    if not re.fullmatch("[1-9][0-9]{0,8}", limit):
        raise BadRequestError("Invalid limit")
    return min(int(limit), LIMIT)


def _row(message: Message, images: int = 0) -> bytes:
    """A row of a history, or with the number of its pictures a message alone."""
    if message.raw is not None:
        return message.raw
    row: dict[str, Any] = {
        "id": message.message_id,
        "created": _iso(message.received_at),
        "direction": "outgoing" if message.sent else "incoming",
        "from": message.sender,
        "to": message.recipient,
        "message": message.text,
        "cost": COST,
    }
    if message.sent:
        row |= {"status": _status(message), "parts": parts(message.text), "cost": COST * parts(message.text)}
        if row["status"] == "delivered":
            row["delivered"] = f"{message.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if images and _is_mms(message):
        row |= {"images": [f"{message.message_id}-i{place}" for place in range(images)]}
    return json.dumps(row, ensure_ascii=False).encode()


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _information(account: Account) -> dict[str, Any]:
    """What is known of an account; its id is the API username."""
    return {
        "mobilenumber": "+46700000000",
        "displayname": "Your name or company",
        "id": account.username,
        "currency": "SEK",
        "balance": 9670500,
        "email": "help@46elks.com",
    }
