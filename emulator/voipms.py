"""VoIP.ms REST API: one address, a method in the fields, and a status in every answer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
import json
import re
from typing import Any, override
from urllib.parse import quote
from zoneinfo import ZoneInfo

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, html_page

ZONE = ZoneInfo("America/New_York")
"""The zone of days, and of times where -5 is asked for; summer time is in every time, whatever is asked for."""
LONGEST = 92
DESCRIPTIONS = {
    "api_limit_exceeded": "API requests limit per minute has been reached",
    "api_not_enabled": "API has not been enabled or has been disabled",
    "invalid_credentials": "Username or Password is incorrect",
    "invalid_date": "This is not a valid date Format is: yyyy-mm-dd",
    "invalid_daterange": "Date Range should be 92 days or less",
    "invalid_limit": "This is not a valid Limit",
    "invalid_method": "This is not a valid Method",
    "invalid_timezone": "This is not a valid Timezone",
    "invalid_type": "This is not a valid Type",
    "ip_not_enabled": "This IP is not enabled for API use",
    "limit_reached": "You have reached the maximum number of messages allowed per day",
    "method_maintenance": "This API method is under maintenance",
    "missing_credentials": "Username or Password was not provided",
    "missing_method": "Method must be provided when using the REST/JSON API",
    "no_sms": "There are no SMS messages",
    "tls_error": "There was a TLS error, please try later",
    "unavailable_info": "The information you requested is unavailable at this moment",
}


class InvalidError(Exception):
    """A request with a parameter that isn't understood; the text is the status."""


class VoipMs(Protocol):
    """`rest.php` with the methods `getSMS`, `getMMS`, `getBalance` and `getIP`, by query, form, or form in parts."""

    key = "voipms"
    name = "VoIP.ms"
    base_path = "/api/v1"
    content_type = "application/json"
    page_size = 50
    time_zone = "America/New_York"
    numeric_ids = True
    replies = False
    binary = False
    opening = b'{"status":"success","sms":[{"id":"1","message":"'
    errors: Mapping[str, int] = {word: 200 for word in DESCRIPTIONS if word != "no_sms"}
    fault_options: Mapping[str, Mapping[str, Any]] = {"refused": {"reason": "ip_not_enabled"}}

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.fields.get("api_username", ""), call.fields.get("api_password", "")

    @override
    def unauthorized(self) -> Answer:
        return self._status("invalid_credentials")

    @override
    def not_found(self) -> Answer:
        return html_page(404, "Not Found")

    @override
    def fault(self, kind: str, options: Mapping[str, Any]) -> Answer:
        return self._status(options["reason"])

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return replace(self._status(word), status=status)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"id"\s*:\s*"?(\d+)', record)
        return found[1].decode() if found else None

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        if call.path != "/rest.php":
            return self.not_found()
        match call.fields.get("method"):
            case "getSMS" | "getMMS" as method:
                return self._list(call, account, method)
            case "getBalance":
                return self._json({"status": "success", "balance": {"current_balance": "112.192790"}})
            case "getIP":
                return self._json({"status": "success", "ip": "127.0.0.1"})
            case None:
                return self._status("missing_method")
        return self._status("invalid_method")

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """The SMS URL callback: the customer's address, with its variables filled in."""
        if not account.callback or message.raw is not None:
            return []
        values = {
            "ID": message.message_id,
            "TIMESTAMP": _time(message, -5),
            "FROM": message.sender,
            "TO": message.recipient,
            "MESSAGE": message.text,
            "MEDIA": "",
        }
        url = re.sub(r"\{([A-Z]+)\}", lambda found: quote(values.get(found[1], found[0]), safe=""), account.callback)
        return [Outgoing(method="GET", url=url)]

    def _list(self, call: Call, account: Account, method: str) -> Answer:
        """The newest messages of some days; all of ours are SMS, so `getMMS` shows them with `all_messages` only."""
        try:
            first, last = _days(call.fields, account.now())
            limit = _number(call.fields, "limit", account.page_size, range(1, 10**9))
            zone = _number(call.fields, "timezone", -5, range(-12, 14))
            kind = _number(call.fields, "type", None, range(2))
        except InvalidError as error:
            return self._status(str(error))
        found = [
            message
            for message in account.messages
            if first <= message.received_at.astimezone(ZONE).date() <= last
            and (message.raw is not None or _fits(message, call.fields, kind))
        ]
        if not found or (method == "getMMS" and call.fields.get("all_messages") != "1"):
            return self._status("no_sms")
        found.sort(key=lambda message: (message.received_at, int(message.message_id)), reverse=True)
        page = tuple(found[:limit])
        rows = b",".join(_row(message, zone, method) for message in page)
        body = b'{"status":"success","sms":[' + rows + b"]}"
        return Answer(body=body, content_type=self.content_type, messages=page)

    def _status(self, status: str) -> Answer:
        """What is no success, which is 200 in HTTP's eyes."""
        return self._json({"status": status, "message": DESCRIPTIONS.get(status, status)})

    def _json(self, content: dict[str, Any]) -> Answer:
        return Answer(body=json.dumps(content).encode(), content_type=self.content_type)


def _days(fields: Mapping[str, str], now: datetime) -> tuple[date, date]:
    first, last = (_date(fields.get(name), now) for name in ("from", "to"))
    if not timedelta() <= last - first <= timedelta(days=LONGEST):
        raise InvalidError("invalid_daterange")
    return first, last


def _date(value: str | None, now: datetime) -> date:
    """A day, by default today."""
    if not value:
        return now.astimezone(ZONE).date()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise InvalidError("invalid_date")


def _number[Default](fields: Mapping[str, str], name: str, default: Default, allowed: range) -> int | Default:
    value = fields.get(name)
    if not value:
        return default
    if not re.fullmatch(r"-?[0-9]{1,10}", value) or int(value) not in allowed:
        raise InvalidError(f"invalid_{name}")
    return int(value)


def _fits(message: Message, fields: Mapping[str, str], kind: int | None) -> bool:
    """Whether a message is of the kind and has the values that are asked for."""
    values = {"sms": message.message_id, "did": _did(message), "contact": _contact(message)}
    return kind in (None, int(not message.sent)) and all(
        fields.get(name) in (None, "", "0", values[name]) for name in values
    )


def _did(message: Message) -> str:
    return message.sender if message.sent else message.recipient


def _contact(message: Message) -> str:
    return message.recipient if message.sent else message.sender


def _time(message: Message, zone: int) -> str:
    local = message.received_at.astimezone(ZONE).replace(tzinfo=None) + timedelta(hours=zone + 5)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _row(message: Message, zone: int, method: str) -> bytes:
    if message.raw is not None:
        return message.raw
    row: dict[str, Any] = {
        "id": message.message_id,
        "date": _time(message, zone),
        "type": str(int(not message.sent)),
        "did": _did(message),
        "contact": _contact(message),
        "message": message.text,
        "carrier_status": "Information not available",
    }
    media = {"col_media1": "", "col_media2": "", "col_media3": "", "media": []} if method == "getMMS" else {}
    return json.dumps(row | media).encode()
