"""Twilio REST API 2010-04-01: an account, and the list of its messages, the newest first, page by page."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
import hmac
import json
import re
from typing import Any, override
from urllib.parse import urlencode
import uuid

from .alphabet import parts
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, number_of

VERSION = "2010-04-01"
PAGE_SIZES = range(1, 1001)
DEFAULT_PAGE_SIZE = 50
COMPARISONS: Mapping[str, Callable[[date, date], bool]] = {
    "DateSent": lambda sent, wanted: sent == wanted,
    "DateSent<": lambda sent, wanted: sent <= wanted,
    "DateSent>": lambda sent, wanted: sent >= wanted,
}
"""What follows the name in an address is `=`, so that `DateSent>` means later or on that day."""
FILTERS = ("To", "From", *COMPARISONS)
ERRORS = {
    10001: (403, "Account is not active"),
    20001: (400, "Unknown parameters"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20005: (401, "Account not active"),
    20403: (403, "Forbidden"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    90010: (403, "Account is not active"),
}
"""The vendor's codes; which HTTP status an account gets that is not active is not documented."""
CREATED = datetime(2020, 1, 1, tzinfo=UTC)


class BadRequestError(Exception):
    """A request with a parameter that isn't understood; the text goes into the answer."""


class Twilio(Protocol):
    """`/Accounts/{Sid}.json`, `/Accounts/{Sid}/Messages.json` and `/Accounts/{Sid}/Messages/{Sid}.json`, by Basic."""

    key = "twilio"
    name = "Twilio"
    content_type = "application/json"
    page_size = 1000
    replies = False
    signed = True
    username_in_path = True
    binary = False
    methods = ("GET",)
    opening = b'{"messages":[{"body":"'
    errors: Mapping[str, int] = {str(code): status for code, (status, _) in ERRORS.items()}

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="Twilio API"'}
        return _problem(20003, headers=challenge)

    @override
    def not_found(self) -> Answer:
        return _problem(20404)

    @override
    def wrong_method(self) -> Answer:
        return _problem(20004)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return _problem(number_of(word), status=status)

    @override
    def new_id(self) -> str:
        return f"SM{uuid.uuid4().hex}"

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"sid"\s*:\s*"([^"]+)"', record)
        return found[1].decode("utf-8", "replace") if found else None

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        base = f"/{VERSION}/Accounts/{account.username}"
        if call.path == f"{base}.json":
            return _json(json.dumps(_account(account)).encode())
        if call.path == f"{base}/Messages.json":
            return self._list(call, account)
        for message in account.messages:
            if call.path == f"{base}/Messages/{message.message_id}.json":
                return _json(_row(message, account), (message,))
        return self.not_found()

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form that tells of a received message, and no time."""
        if not account.callback:
            return []
        form = {"Body": message.text}
        if message.raw is None:
            form |= {
                "AccountSid": account.username,
                "ApiVersion": VERSION,
                "From": message.sender,
                "MessageSid": message.message_id,
                "NumMedia": "0",
                "NumSegments": str(parts(message.text)),
                "SmsMessageSid": message.message_id,
                "SmsSid": message.message_id,
                "SmsStatus": "received",
                "To": message.recipient,
            }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": _signature(account, form),
        }
        return [Outgoing(method="POST", url=account.callback, headers=headers, body=urlencode(form).encode())]

    @override
    def is_settled(self, status: int) -> bool:
        """Whatever is answered, the vendor doesn't call again."""
        return True

    def _list(self, call: Call, account: Account) -> Answer:
        try:
            found, size = _search(call.fields, account), min(_page_size(call.fields), account.page_size)
            start = _start(call.fields, found)
        except BadRequestError as error:
            return _problem(20001, str(error))
        page = tuple(found[start : start + size])
        rows = b",".join(_row(message, account) for message in page)
        head = json.dumps(_head(call.fields, account, found, start, size)).encode()
        return _json(head[:-1] + b', "messages": [' + rows + b"]}", page)


def _head(fields: Mapping[str, str], account: Account, found: list[Message], start: int, size: int) -> dict[str, Any]:
    """What stands around the rows; addresses are relative to the base address."""
    number = _page_number(fields)
    kept = {name: fields[name] for name in FILTERS if name in fields}

    def address(number: int, start: int) -> str:
        token = {"PageToken": f"PA{found[start - 1].message_id}"} if start else {}
        query = urlencode({**kept, "PageSize": _page_size(fields), "Page": number, **token})
        return f"/{VERSION}/Accounts/{account.username}/Messages.json?{query}"

    return {
        "end": max(min(start + size, len(found)) - 1, 0),
        "first_page_uri": address(0, 0),
        "next_page_uri": address(number + 1, start + size) if start + size < len(found) else None,
        "page": number,
        "page_size": _page_size(fields),
        "previous_page_uri": address(number - 1, max(start - size, 0)) if start else None,
        "start": start,
        "uri": address(number, start),
    }


def _search(fields: Mapping[str, str], account: Account) -> list[Message]:
    """The messages that a filter finds, the newest first; raw records are looked up by the day they came."""
    days = [(COMPARISONS[name], _day(fields[name])) for name in COMPARISONS if fields.get(name)]
    found = [
        message
        for message in reversed(account.messages)
        if all(compare(message.received_at.astimezone(UTC).date(), day) for compare, day in days)
        and (message.raw is not None or _is_between(message, fields))
    ]
    return sorted(found, key=lambda message: message.received_at.replace(microsecond=0), reverse=True)


def _is_between(message: Message, fields: Mapping[str, str]) -> bool:
    return fields.get("To") in (None, "", message.recipient) and fields.get("From") in (None, "", message.sender)


def _day(value: str) -> date:
    """A day of GMT; a time of that day counts as the day."""
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        raise BadRequestError("DateSent is a date of GMT, YYYY-MM-DD.") from None


def _page_size(fields: Mapping[str, str]) -> int:
    value = fields.get("PageSize", str(DEFAULT_PAGE_SIZE))
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) not in PAGE_SIZES:
        raise BadRequestError("PageSize is a number from 1 to 1000.")
    return int(value)


def _page_number(fields: Mapping[str, str]) -> int:
    value = fields.get("Page", "0")
    return int(value) if re.fullmatch("[0-9]{1,9}", value) else 0


def _start(fields: Mapping[str, str], found: list[Message]) -> int:
    """Where a page begins: behind the message that its token names, whatever came since."""
    token = fields.get("PageToken")
    if token is None:
        return 0
    for index, message in enumerate(found):
        if token == f"PA{message.message_id}":
            return index + 1
    raise BadRequestError("The PageToken is unknown.")


def _row(message: Message, account: Account) -> bytes:
    if message.raw is not None:
        return message.raw
    base, time = f"/{VERSION}/Accounts/{account.username}/Messages/{message.message_id}", _rfc2822(message.received_at)
    row = {
        "account_sid": account.username,
        "api_version": VERSION,
        "body": message.text,
        "date_created": time,
        "date_sent": time,
        "date_updated": time,
        "direction": "outbound-api" if message.sent else "inbound",
        "error_code": None,
        "error_message": None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(parts(message.text)),
        "price": None,
        "price_unit": "USD",
        "sid": message.message_id,
        "status": "delivered" if message.sent else "received",
        "subresource_uris": {"media": f"{base}/Media.json", "feedback": f"{base}/Feedback.json"},
        "to": message.recipient,
        "uri": f"{base}.json",
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _account(account: Account) -> dict[str, Any]:
    """An account, which tells even its token."""
    base = f"/{VERSION}/Accounts/{account.username}"
    return {
        "auth_token": account.password,
        "date_created": _rfc2822(CREATED),
        "date_updated": _rfc2822(CREATED),
        "friendly_name": account.username,
        "owner_account_sid": account.username,
        "sid": account.username,
        "status": "active",
        "subresource_uris": {"messages": f"{base}/Messages.json"},
        "type": "Full",
        "uri": f"{base}.json",
    }


def _signature(account: Account, form: Mapping[str, str]) -> str:
    """The address and the form, sorted by its names, signed with the token of the account."""
    signed = account.callback + "".join(f"{name}{form[name]}" for name in sorted(form))
    return base64.b64encode(
        hmac.new((account.signing_key or account.password).encode(), signed.encode(), "sha1").digest()
    ).decode()


def _rfc2822(time: datetime) -> str:
    return format_datetime(time.astimezone(UTC))


def _json(body: bytes, messages: tuple[Message, ...] = ()) -> Answer:
    return Answer(body=body, content_type=Twilio.content_type, messages=messages)


def _problem(
    code: int, message: str = "", *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    documented, said = ERRORS.get(code, (400, f"Error {code}"))
    status, message = status or documented, message or said
    page = f"https://www.twilio.com/docs/errors/{code}"
    body = json.dumps({"code": code, "message": message, "more_info": page, "status": status}).encode()
    return Answer(status=status, body=body, content_type=Twilio.content_type, headers=headers or {})
