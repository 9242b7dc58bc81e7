"""Twilio REST API 2010-04-01: an account, its phone numbers, and its messages, the newest first, page by page.

Below `/messaging` is what the vendor has at another host: the messaging services. What an account has beside messages,
`twilio_account` says.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from email.utils import format_datetime
import json
import re
from typing import Any, override
from urllib.parse import urlencode, urlsplit
import uuid

from . import twilio_account as state, twilio_sending as sending
from .alphabet import parts
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, number_of
from .twilio_calls import form_call, media_of, swml_call

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
    21502: (400, "The SmsUrl is not valid"),
    70051: (401, "Authorization Failed"),
    90010: (403, "Account is not active"),
    **sending.ERRORS,
}
"""The vendor's codes; the HTTP status of an account that is not active, or of a key without a right, is unknown."""
MESSAGING = "/messaging/v1/Services"
SETTINGS = {"SmsUrl": "sms_url", "SmsMethod": "sms_method", "SmsFallbackUrl": "sms_fallback_url"}
SERVICE_SETTINGS = {
    "InboundRequestUrl": "inbound_request_url",
    "InboundMethod": "inbound_method",
    "UseInboundWebhookOnNumber": "use_inbound_webhook_on_number",
}
CREATED = datetime(2020, 1, 1, tzinfo=UTC)


class BadRequestError(Exception):
    """A request with a parameter that isn't understood; the text goes into the answer."""


class Twilio(Protocol):
    """The account, its messages, numbers and services, by Basic with the account's token or an API key."""

    key = "twilio"
    name = "Twilio"
    content_type = "application/json"
    page_size = 1000
    replies = False
    signed = True
    username_in_path = True
    binary = False
    methods = ("GET", "POST")
    opening = b'{"messages":[{"body":"'
    errors: Mapping[str, int] = {str(code): status for code, (status, _) in ERRORS.items()}

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def account_of(self, username: str, password: str, accounts: Iterable[Account]) -> Account | None:
        """With an API key, too."""
        accounts = list(accounts)
        by_key = (account for account in accounts if state.has_secret(account, username, password))
        return super().account_of(username, password, accounts) or next(by_key, None)

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
        base, username = f"/{VERSION}/Accounts/{account.username}", call.username or ""
        areas = {
            f"{base}.json": "account",
            f"{base}/Messages": "messages",
            f"{base}/IncomingPhoneNumbers": "numbers",
            MESSAGING: "services",
        }
        right = next((right for area, right in areas.items() if call.path.startswith(area)), "")
        code = (state.error_of(account) if right != "account" else None) or state.refusal(account, username, right)
        if code:
            return _problem(code)
        match right:
            case "account":
                return self._asked(call, lambda: _json(json.dumps(_account(account)).encode()))
            case "messages":
                return self._messages(call, account, base)
            case "numbers":
                return self._numbers(call, account, f"{base}/IncomingPhoneNumbers")
            case "services":
                return self._services(call, account)
        return self.not_found()

    def _asked(self, call: Call, answer: Callable[[], Answer]) -> Answer:
        """The answer to a GET; nothing else is possible here."""
        return answer() if call.method == "GET" else self.wrong_method()

    def _messages(self, call: Call, account: Account, base: str) -> Answer:
        if call.path == f"{base}/Messages.json":
            return self._list(call, account) if call.method == "GET" else _submitted(call, account)
        if call.method != "GET":
            return self.wrong_method()
        for message in account.messages:
            if call.path == f"{base}/Messages/{message.message_id}.json":
                return _json(_row(message, account), (message,))
        return self.not_found()

    def _numbers(self, call: Call, account: Account, base: str) -> Answer:
        numbers = state.numbers_of(account)
        if call.path == f"{base}.json":
            return self._asked(call, lambda: _number_page(call, account, numbers))
        number = next((row for row in numbers if call.path == f"{base}/{row['sid']}.json"), None)
        if number is None:
            return self.not_found()
        return _changed(call, account, number, SETTINGS)

    def _services(self, call: Call, account: Account) -> Answer:
        services = state.services_of(account)
        if call.path == MESSAGING:
            return self._asked(call, lambda: _meta_page(call, account, "services", services))
        sid, _, rest = call.path.removeprefix(f"{MESSAGING}/").partition("/")
        service = next((row for row in services if row["sid"] == sid), None)
        if service is not None and not rest:
            return _changed(call, account, service, SERVICE_SETTINGS)
        if service is None or rest != "PhoneNumbers":
            return self.not_found()
        members = [row for row in state.numbers_of(account) if row["sid"] in service["numbers"]]
        rows = [
            {
                "account_sid": account.username,
                "capabilities": [name.upper() for name, can in row["capabilities"].items() if can],
                "phone_number": row["phone_number"],
                "service_sid": sid,
                "sid": row["sid"],
            }
            for row in members
        ]
        return self._asked(call, lambda: _meta_page(call, account, "phone_numbers", rows))

    @override
    def numbers_of(self, account: Account) -> list[str]:
        return [str(row["phone_number"]) for row in state.numbers_of(account)]

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form that tells of a received message, and no time; or JSON, as SignalWire has it for SWML."""
        if not (url := state.address_of(account, message)):
            return []
        if account.extra.get("handler") == "swml":
            return [swml_call(message, account, url)]
        form = {"Body": message.text}
        if message.raw is None:
            media = {"MediaContentType0": "image/jpeg", "MediaUrl0": f"https://api.example/{message.message_id}"}
            form |= {
                "AccountSid": account.username,
                "ApiVersion": VERSION,
                "From": message.sender,
                "MessageSid": message.message_id,
                "NumMedia": media_of(message),
                "NumSegments": str(parts(message.text)),
                "SmsMessageSid": message.message_id,
                "SmsSid": message.message_id,
                "SmsStatus": "received",
                "To": message.recipient,
                **(media if media_of(message) != "0" else {}),
            }
        return [form_call(account, url, form)]

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form, at the address that the submission named."""
        form = sending.status_form(message, account)
        return [form_call(account, message.callback, form)] if message.callback else []

    @override
    def registered(self, account: Account) -> list[str]:
        """Without what says how often the vendor tries again."""
        urls = [row["sms_url"] for row in state.numbers_of(account)]
        urls += [row["inbound_request_url"] for row in state.services_of(account)]
        return [url.partition("#")[0] for url in urls if url]

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
        if not state.is_dropped(account, message)
        and all(compare(message.received_at.astimezone(UTC).date(), day) for compare, day in days)
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
    arriving = state.is_receiving(account, message)
    row = {
        "account_sid": account.username,
        "api_version": VERSION,
        "body": "" if arriving else message.text,
        "date_created": time,
        "date_sent": time,
        "date_updated": time,
        "direction": "inbound",
        "error_code": None,
        "error_message": None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": media_of(message),
        "num_segments": str(parts(message.text)),
        "price": None,
        "price_unit": "USD",
        "sid": message.message_id,
        "status": "receiving" if arriving else "received",
        "subresource_uris": {"media": f"{base}/Media.json", "feedback": f"{base}/Feedback.json"},
        "to": message.recipient,
        "uri": f"{base}.json",
        **(sending.described(message) if message.sent else {}),
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _submitted(call: Call, account: Account) -> Answer:
    """What a submission gets."""
    try:
        message = sending.submit(call, account)
    except sending.RefusedTextError as error:
        return _problem(error.code)
    return _json(_row(message, account), status=201)


def _account(account: Account) -> dict[str, Any]:
    """An account, which tells even its token."""
    base = f"/{VERSION}/Accounts/{account.username}"
    return {
        "auth_token": account.password,
        "date_created": _rfc2822(CREATED),
        "date_updated": _rfc2822(CREATED),
        "friendly_name": account.extra.get("friendly_name", account.username),
        "owner_account_sid": account.username,
        "sid": account.username,
        "status": state.status_of(account),
        "subresource_uris": {"messages": f"{base}/Messages.json"},
        "type": "Full",
        "uri": f"{base}.json",
    }


def _number_page(call: Call, account: Account, rows: list[dict[str, Any]]) -> Answer:
    try:
        size, number = min(_page_size(call.fields), account.page_size), _page_number(call.fields)
    except BadRequestError as error:
        return _problem(20001, str(error))
    start, address = number * size, call.path

    def page(number: int) -> str:
        return f"{address}?PageSize={_page_size(call.fields)}&Page={number}"

    return _json(
        json.dumps(
            {
                "end": max(min(start + size, len(rows)) - 1, 0),
                "first_page_uri": page(0),
                "incoming_phone_numbers": rows[start : start + size],
                "next_page_uri": page(number + 1) if start + size < len(rows) else None,
                "page": number,
                "page_size": _page_size(call.fields),
                "previous_page_uri": page(number - 1) if number else None,
                "start": start,
                "uri": page(number),
            }
        ).encode()
    )


def _meta_page(call: Call, account: Account, key: str, rows: list[dict[str, Any]]) -> Answer:
    """A page as the newer APIs have it, with whole addresses."""
    try:
        size, number = min(_page_size(call.fields), account.page_size), _page_number(call.fields)
    except BadRequestError as error:
        return _problem(20001, str(error))

    def page(number: int) -> str:
        host = call.headers.get("Host", "")
        return f"http://{host}/{Twilio.key}{call.path}?PageSize={_page_size(call.fields)}&Page={number}"

    shown = [{name: value for name, value in row.items() if name != "numbers"} for row in rows]
    meta = {
        "first_page_url": page(0),
        "key": key,
        "next_page_url": page(number + 1) if (number + 1) * size < len(rows) else None,
        "page": number,
        "page_size": _page_size(call.fields),
        "previous_page_url": page(number - 1) if number else None,
        "url": page(number),
    }
    return _json(json.dumps({"meta": meta, key: shown[number * size : (number + 1) * size]}).encode())


def _changed(call: Call, account: Account, row: dict[str, Any], settings: Mapping[str, str]) -> Answer:
    """A number or a service, after what a POST changes; what it leaves out stays as it was."""
    given = {name: call.fields[name] for name in settings if name in call.fields} if call.method == "POST" else {}
    for name, value in given.items():
        if name.endswith("Url") and value and urlsplit(value).scheme not in ("http", "https"):
            return _problem(21502)
    for name, value in given.items():
        field = settings[name]
        if field.startswith("use_"):
            row[field] = value == "true"
        else:
            row[field] = value or (None if field == "inbound_request_url" else "")
    account.on_change()
    return _json(json.dumps({name: value for name, value in row.items() if name != "numbers"}).encode())


def _rfc2822(time: datetime) -> str:
    return format_datetime(time.astimezone(UTC))


def _json(body: bytes, messages: tuple[Message, ...] = (), *, status: int = 200) -> Answer:
    return Answer(status=status, body=body, content_type=Twilio.content_type, messages=messages)


def _problem(
    code: int, message: str = "", *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    documented, said = ERRORS.get(code, (400, f"Error {code}"))
    status, message = status or documented, message or said
    page = f"https://www.twilio.com/docs/errors/{code}"
    body = json.dumps({"code": code, "message": message, "more_info": page, "status": status}).encode()
    return Answer(status=status, body=body, content_type=Twilio.content_type, headers=headers or {})
