"""A gammu REST gateway: what lies on a SIM card, by its place in a list that closes up when something is deleted.

Texts to send go to the modem part by part. `Account.extra["failing_part"]` is the number of the part at which the modem
fails, for every text that has as many: the parts before it are sent, and the answer is 500.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
import json
import re
from typing import Any, override
import uuid

from .alphabet import BASIC, EXTENSION, split
from .model import Account, Message
from .protocol import Answer, Call, Protocol, html_page

WRONG_METHOD = "The method is not allowed for the requested URL."
SUBMITTED = "submitted-"
"""How the ids of texts begin that a client has sent: they are not on the SIM card."""
MOST_PARTS = 50
OWN_NUMBER = "+447700900999"
"""The number of the SIM card."""
NOTHING = {"Date": "", "Number": "", "State": "", "Text": ""}


DATES: Mapping[str, Callable[[datetime], str]] = {
    "plain": lambda local: f"{local:%Y-%m-%d %H:%M:%S}",
    "iso": lambda local: f"{local:%Y-%m-%dT%H:%M:%S}",
    "fraction": lambda local: f"{local:%Y-%m-%d %H:%M:%S}.000000",
    "offset": lambda local: local.isoformat(" ", "seconds"),
    "utc": lambda local: local.astimezone(UTC).isoformat(" ", "seconds"),
    "label": lambda local: f"{local:%Y-%m-%d %H:%M:%S}+00:00",
    "short": lambda local: f"{local:%y-%m-%d %H:%M:%S}",
    "modem": lambda local: f"{local:%y/%m/%d,%H:%M:%S}{_quarters(local):+03d}",
}
"""The forms of a time; `label` is local time which claims to be UTC."""


class Gammu(Protocol):
    """`/sms`, `/sms/{n}` and `/getsms`, by Basic authentication; those of the forks beside them.

    A real gateway has one modem, and most ask nobody who deletes; here the user name says whose modem it is.
    """

    key = "gammu"
    name = "Gammu gateway"
    content_type = "application/json"
    ids = False
    recipients = False
    replies = False
    binary = False
    methods = ("GET", "POST", "DELETE")
    wires = tuple(DATES)
    opening = b'[{"Date": "2026-11-21 10:00:00", "Number": "'
    errors: Mapping[str, int] = {
        "Sms with id '0' not found": 404,
        WRONG_METHOD: 405,
        "Internal Server Error": 500,
        "Service timed out": 503,
    }

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="Authentication Required"'}
        return Answer(status=401, body=b"Unauthorized Access", headers=challenge)

    @override
    def not_found(self) -> Answer:
        return html_page(404, "Not Found")

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        place = re.fullmatch(r"/sms/(\d+)", call.path)
        if place:
            return self._one(call, account, int(place[1]))
        if call.path == "/sms" and call.method == "POST":
            return self._submit(call, account)
        handlers: dict[str, tuple[str, Callable[[Account], Answer]]] = {
            "/sms": ("GET", lambda account: self._answer(account, _stored(account))),
            "/getsms": ("GET", self._take),
            "/sms/getsms": ("GET", self._take),
            "/sms/deleteall": ("DELETE", self._delete_all),
            "/status/sms_capacity": ("GET", self._capacity),
        }
        if call.path not in handlers:
            return self.not_found()
        method, handler = handlers[call.path]
        return handler(account) if call.method == method else self.wrong_method()

    @override
    def wrong_method(self) -> Answer:
        return _told(405, WRONG_METHOD)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return _told(status, word)

    def _delete_all(self, account: Account) -> Answer:
        """Delete all messages."""
        for message in _stored(account):
            _delete(account, message)
        return Answer(status=204)

    def _capacity(self, account: Account) -> Answer:
        """Tell how full the SIM card is."""
        capacity = {"SIMUsed": len(_stored(account)), "SIMSize": 50, "PhoneUsed": 0, "PhoneSize": 0, "TemplatesUsed": 0}
        return Answer(body=json.dumps(capacity).encode() + b"\n", content_type=self.content_type)

    def _one(self, call: Call, account: Account, place: int) -> Answer:
        """Show or delete what has a place in the list."""
        stored = _stored(account)
        if place >= len(stored):
            return _told(404, f"Sms with id '{place}' not found")
        if call.method == "POST":
            return self.wrong_method()
        if call.method == "GET":
            return self._answer(account, [stored[place]], one=True)
        _delete(account, stored[place])
        return Answer(status=204)

    def _take(self, account: Account) -> Answer:
        """Hand out the first message and delete it; without one there are only empty fields."""
        if not (stored := _stored(account)):
            return Answer(body=json.dumps(NOTHING).encode() + b"\n", content_type=self.content_type)
        answer = self._answer(account, stored[:1], one=True)
        _delete(account, stored[0])
        return answer

    def _submit(self, call: Call, account: Account) -> Answer:
        """Send a text to each of the recipients, which commas separate; nothing of them is checked."""
        fields = _fields(call)
        text, numbers = fields.get("text"), fields.get("number")
        if text is None or numbers is None:
            return _told(404, "Parameters 'text' and 'number' are required.")
        shown = _encoded(str(text), unicode=bool(fields.get("unicode")))
        parts = split(shown)
        if len(parts) > MOST_PARTS:
            return html_page(500, "Internal Server Error")
        failing = account.extra.get("failing_part", 0)
        for number in str(numbers).split(","):
            sent = parts[: failing - 1] if 0 < failing <= len(parts) else parts
            if sent:
                account.submit(
                    str(text),
                    sender=OWN_NUMBER,
                    recipient=number,
                    shown="".join(sent),
                    message_id=f"{SUBMITTED}{uuid.uuid4()}",
                )
            if sent != parts:
                return html_page(500, "Internal Server Error")
        told = {"status": 200, "message": str([255] * len(parts) * len(str(numbers).split(",")))}
        return Answer(body=json.dumps(told).encode() + b"\n", content_type=self.content_type)

    def _answer(self, account: Account, messages: list[Message], *, one: bool = False) -> Answer:
        rows = b", ".join(_row(message, account) for message in messages)
        received = tuple(message for message in messages if not message.sent)
        body = rows if one else b"[" + rows + b"]"
        return Answer(body=body + b"\n", content_type=self.content_type, messages=received)


def _fields(call: Call) -> dict[str, Any]:
    """What a request says, by JSON or by form."""
    try:
        fields = json.loads(call.body)
    except ValueError:
        return dict(call.fields)
    return fields if isinstance(fields, dict) else {}


def _stored(account: Account) -> list[Message]:
    """What is on the SIM card."""
    return [message for message in account.messages if not message.message_id.startswith(SUBMITTED)]


def _encoded(text: str, *, unicode: bool) -> str:
    """What gammu makes of a text: it ends at a NUL, and without Unicode some letters are others."""
    text = text.partition("\0")[0]
    if unicode:
        return text
    known = BASIC | EXTENSION
    letters = text.replace("ç", "c").encode("utf-16-be")
    units = [letters[place : place + 2].decode("utf-16-be", "surrogatepass") for place in range(0, len(letters), 2)]
    return "".join(unit if unit in known else "?" for unit in units)


def _delete(account: Account, message: Message) -> None:
    account.messages.remove(message)
    if message in account.unread:
        account.unread.remove(message)
    account.on_change()


def _told(status: int, message: str) -> Answer:
    body = json.dumps({"message": message}).encode() + b"\n"
    return Answer(status=status, body=body, content_type="application/json")


def _row(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw
    row = {
        "Date": DATES[message.wire or "plain"](message.received_at.astimezone(account.zone)),
        "Number": message.recipient if message.sent else message.sender,
        "State": "Sent" if message.sent else "Read" if message.fetches else "UnRead",
        "Text": message.text,
    }
    return json.dumps(row).encode()


def _quarters(local: datetime) -> int:
    """The offset as modems write it: in quarters of an hour."""
    return (local.utcoffset() or timedelta()) // timedelta(minutes=15)
