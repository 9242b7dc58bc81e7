"""46elks: the history of all SMS, sent and received, which a client walks backwards."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
import json
import re
from typing import Any, override
from urllib.parse import urlencode

from .alphabet import parts
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol

LIMIT = 100
NO_LOGIN = "API access requires Basic HTTP authentication. Read documentation or examples."
NOT_FOUND = "Not found"
WRONG_METHOD = "Method not allowed"
COST = 3500


class BadRequestError(Exception):
    """A request with a parameter that isn't understood; the text is the answer."""


class Elks(Protocol):
    """`/sms`, `/sms/{id}` and `/me`, by Basic authentication, and the call to a number's `sms_url`."""

    key = "elks"
    name = "46elks"
    base_path = "/a1"
    content_type = "application/json"
    page_size = LIMIT
    replies = False
    binary = False
    opening = b'{"data": [{"id": "'
    errors: Mapping[str, int] = {
        "Invalid limit": 400,
        "Invalid start": 400,
        NO_LOGIN: 401,
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
    async def answer(self, call: Call, account: Account) -> Answer:
        if call.method != "GET":
            return self.wrong_method()
        if call.path == "/me":
            return self._json(json.dumps(_information(account)).encode())
        if call.path == "/sms":
            return self._history(call, account)
        for message in account.messages:
            if call.path == f"/sms/{message.message_id}":
                return self._json(_row(message), (message,))
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form for the `sms_url`; of a raw record the text alone is known."""
        if not account.callback:
            return []
        form = {"direction": "incoming", "message": message.text}
        if message.raw is None:
            form |= {
                "id": message.message_id,
                "from": message.sender,
                "to": message.recipient,
                "created": _iso(message.received_at),
            }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return [Outgoing(method="POST", url=account.callback, headers=headers, body=urlencode(form).encode())]

    @override
    def is_settled(self, status: int) -> bool:
        """Anything but 200 to 204 is tried again."""
        return 200 <= status <= 204

    def _history(self, call: Call, account: Account) -> Answer:
        """The newest rows first; `start` is the later of the two times, and both leave out their own moment.

        `next` is the time of the last row shown, so a client that takes it for `start` as it is misses its twins.
        """
        try:
            start, end = _time(call, "start"), _time(call, "end")
            limit = min(_limit(call), account.page_size)
        except BadRequestError as error:
            return _text(400, str(error))
        recipient = call.fields.get("to")
        tests: list[Callable[[Message], bool]] = [
            lambda message: start is None or message.received_at < start,
            lambda message: end is None or message.received_at > end,
            lambda message: recipient in (None, message.recipient),
        ]
        found = [message for message in account.messages if all(test(message) for test in tests)]
        found.sort(key=lambda message: message.received_at)
        found.reverse()
        page = found[:limit]
        following = f', "next": "{_iso(page[-1].received_at)}"'.encode() if len(found) > limit else b""
        return self._json(b'{"data": [' + b", ".join(map(_row, page)) + b"]" + following + b"}", tuple(page))

    def _json(self, body: bytes, messages: tuple[Message, ...] = ()) -> Answer:
        return Answer(body=body, content_type=self.content_type, messages=messages)


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=status, body=text.encode(), content_type="text/plain; charset=utf-8", headers=headers or {})


def _time(call: Call, name: str) -> datetime | None:
    """A time of the query, which is in UTC without saying so."""
    if (value := call.fields.get(name)) is None:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise BadRequestError(f"Invalid {name}") from None
    if time.tzinfo:
        raise BadRequestError(f"Invalid {name}")
    return time.replace(tzinfo=UTC)


def _limit(call: Call) -> int:
    limit = call.fields.get("limit", str(LIMIT))
    if not re.fullmatch("[1-9][0-9]{0,8}", limit):
        raise BadRequestError("Invalid limit")
    return min(int(limit), LIMIT)


def _row(message: Message) -> bytes:
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
        row |= {"status": "delivered", "delivered": f"{message.received_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        row |= {"parts": parts(message.text)}
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
