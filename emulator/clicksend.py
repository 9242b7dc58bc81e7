"""ClickSend REST API v3: a list from which messages vanish when a client marks them read."""

from collections.abc import Mapping
from datetime import UTC, datetime
import json
import re
from typing import Any, override
from urllib.parse import urlencode
import uuid
import zlib

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, with_query

INBOUND = "/sms/inbound"
READ = "/sms/inbound-read/"
PAGE_MAX = 100
TYPES = ("post", "get", "json")
ERRORS = {
    "BAD_REQUEST": (400, "The request was invalid."),
    "UNAUTHORIZED": (401, "Authorization failed."),
    "FORBIDDEN": (403, "Access is denied."),
    "NOT_FOUND": (404, "There is nothing here."),
    "TOO_MANY_REQUESTS": (429, "There were too many requests."),
    "INTERNAL_SERVER_ERROR": (500, "Something went wrong at our end."),
}


class ClickSend(Protocol):
    """`/account`, `/sms/inbound` and `/sms/inbound-read/{message_id}`, by Basic authentication."""

    key = "clicksend"
    name = "ClickSend"
    base_path = "/v3"
    content_type = "application/json"
    page_size = PAGE_MAX
    ids = False
    binary = False
    methods = ("GET", "POST", "PUT")
    opening = b'{"http_code":200,"data":{"data":[{"body":"'
    errors: Mapping[str, int] = {code: status for code, (status, _) in ERRORS.items()}
    hides_read = True
    """Whether the list leaves out what was marked read one by one; the documents say so of marking all."""
    newest_first = True
    """Whether the list is sorted so; the documents only show it."""

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        return _error("UNAUTHORIZED")

    @override
    def not_found(self) -> Answer:
        return _error("NOT_FOUND")

    @override
    def wrong_method(self) -> Answer:
        return _error("NOT_FOUND", 405)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return _error(word, status)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"message_id"\s*:\s*"([^"]+)"', record)
        return found[1].decode() if found else None

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        match call.method, call.path:
            case "GET", "/account":
                return _answer("Here's your account", json.dumps(_profile(account)).encode())
            case "GET", "/sms/inbound":
                return self._list(call, account)
            case "POST", "/sms/inbound":
                return await _pretend(call, account)
            case "PUT", path if path.startswith(READ):
                return self._mark_read(path.removeprefix(READ), account)
            case _, "/account" | "/sms/inbound":
                return self.wrong_method()
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form, as an inbound rule with the action URL has it by default; a raw record is sent as JSON."""
        if not account.callback:
            return []
        if message.raw is not None:
            return [_outgoing(account.callback, "json", message.raw)]
        return [_outgoing(account.callback, "post", _row(message, account))]

    def _list(self, call: Call, account: Account) -> Answer:
        page, limit = call.fields.get("page", "1"), call.fields.get("limit", "15")
        if not re.fullmatch("[1-9][0-9]{0,8}", page) or not re.fullmatch("1[5-9]|[2-9][0-9]|100", limit):
            return _error("BAD_REQUEST")
        shown = [each for each in account.messages if not each.sent and not (each.read and self.hides_read)]
        shown.sort(key=lambda message: message.received_at)
        if self.newest_first:
            shown.reverse()
        size, number = min(int(limit), account.page_size), int(page)
        start = (number - 1) * size
        part = tuple(shown[start : start + size])
        pages = {
            "total": len(shown),
            "per_page": size,
            "current_page": number,
            "last_page": -(-len(shown) // size),
            "next_page_url": f"{INBOUND}?page={number + 1}" if start + size < len(shown) else None,
            "prev_page_url": f"{INBOUND}?page={number - 1}" if number > 1 else None,
            "from": start + 1 if part else None,
            "to": start + len(part) if part else None,
        }
        rows = b",".join(_row(message, account) for message in part)
        return _answer("Here are your data.", json.dumps(pages)[:-1].encode() + b', "data": [' + rows + b"]}", part)

    def _mark_read(self, message_id: str, account: Account) -> Answer:
        """All rows of an id, however many; the answer is how many were unread."""
        found = [message for message in account.messages if message.message_id == message_id]
        unread = [message for message in found if not message.read]
        for message in unread:
            message.read = True
            if message in account.unread:
                account.unread.remove(message)
        account.on_change()
        if not found:
            return self.not_found()
        return _answer("Inbound messages have been marked as read.", str(len(unread)).encode())


async def _pretend(call: Call, account: Account) -> Answer:
    """Make up a message: for the list where the address is `poll`, else for a call to that address alone."""
    try:
        wanted = json.loads(call.body)
        url, webhook_type = wanted["url"], wanted.get("webhook_type") or "post"
    except ValueError, TypeError, KeyError, AttributeError:
        return _error("BAD_REQUEST")
    if not isinstance(url, str) or not url or webhook_type not in TYPES:
        return _error("BAD_REQUEST")
    message = Message(
        message_id=str(uuid.uuid4()).upper(),
        text="This is a test incoming SMS.",
        sender="+61468460249",
        recipient="+61411111111",
        received_at=account.now(),
        sent_at=datetime.now(UTC),
        in_reply_to="F35B6DF1-0C9E-488F-954E-2F603B6192F5",
    )
    row = _row(message, account)
    if url == "poll":
        account.add(message)
    else:
        await call.ask(_outgoing(url, webhook_type, row))
    said = {**json.loads(row), "timestamp_send": int(message.received_at.timestamp())}
    return _answer("Here are your incoming messages.", json.dumps(said).encode())


def _outgoing(url: str, webhook_type: str, row: bytes) -> Outgoing:
    """The request of a rule; what is null in JSON is empty in a form."""
    if webhook_type == "json":
        return Outgoing(method="POST", url=url, headers={"Content-Type": "application/json"}, body=row)
    fields = {key: "" if value is None else str(value) for key, value in json.loads(row).items()}
    if webhook_type == "get":
        return Outgoing(method="GET", url=with_query(url, fields))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Outgoing(method="POST", url=url, headers=headers, body=urlencode(fields).encode())


def _row(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw
    words = message.text.split()
    row = {
        "timestamp": int(message.received_at.timestamp()),
        "from": message.sender,
        "body": message.text,
        "original_body": None,
        "original_message_id": message.in_reply_to,
        "to": message.recipient,
        "custom_string": "",
        "message_id": message.message_id,
        "_keyword": words[0] if words else "",
        "user_id": _number(account),
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _profile(account: Account) -> Mapping[str, Any]:
    """An account, with as much of it as a client may want."""
    return {
        "user_id": _number(account),
        "username": account.username,
        "user_email": "user@example.com",
        "active": 1,
        "banned": 0,
        "balance": "1117.461060",
        "user_first_name": "First",
        "user_last_name": "Last",
        "account_name": "Example",
        "country": "AU",
        "default_country_sms": "AU",
        "timezone": account.time_zone,
        "_currency": {"currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "c"},
        "_subaccount": {"subaccount_id": _number(account) + 1, "api_username": account.username, "access_sms": 1},
    }


def _number(account: Account) -> int:
    """An id that is the account's for good; user names don't differ by case."""
    return zlib.crc32(f"clicksend {account.username.casefold()}".encode())


def _answer(said: str, data: bytes, messages: tuple[Message, ...] = ()) -> Answer:
    body = {"http_code": 200, "response_code": "SUCCESS", "response_msg": said}
    whole = json.dumps(body)[:-1].encode() + b', "data": ' + data + b"}"
    return Answer(body=whole, content_type=ClickSend.content_type, messages=messages)


def _error(code: str, status: int | None = None) -> Answer:
    documented, said = ERRORS.get(code, (400, code))
    status = status or documented
    body = {"http_code": status, "response_code": code, "response_msg": said, "data": None}
    return Answer(status=status, body=json.dumps(body).encode(), content_type=ClickSend.content_type)
