"""VoIP.ms REST API: one address, a method in the fields, and a status in every answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
import json
import re
from typing import Any, override
from urllib.parse import quote
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, html_page

ZONE = ZoneInfo("America/New_York")
"""The zone of days, and of times where -5 is asked for; summer time is in every time, whatever is asked for."""
LONGEST = 92
MOST_BYTES = 160
DAILY_LIMIT = 100
DESCRIPTIONS = {
    "api_limit_exceeded": "API requests limit per minute has been reached",
    "api_not_enabled": "API has not been enabled or has been disabled",
    "invalid_callback": "This is not a valid Callback",
    "invalid_callback_enable": "This is not a valid Callback enable value",
    "invalid_callback_retry": "This is not a valid Callback retry",
    "invalid_credentials": "Username or Password is incorrect",
    "invalid_date": "This is not a valid date Format is: yyyy-mm-dd",
    "invalid_daterange": "Date Range should be 92 days or less",
    "invalid_did": "This is not a valid DID",
    "invalid_limit": "This is not a valid Limit",
    "invalid_method": "This is not a valid Method",
    "invalid_timezone": "This is not a valid Timezone",
    "invalid_type": "This is not a valid Type",
    "invalid_dst": "This is not a valid Destination Number",
    "ip_not_enabled": "This IP is not enabled for API use",
    "limit_reached": "You have reached the maximum number of messages allowed per day",
    "message_empty": "The SMS Message is empty",
    "method_maintenance": "This API method is under maintenance",
    "missing_credentials": "Username or Password was not provided",
    "missing_method": "Method must be provided when using the REST/JSON API",
    "missing_sms": "The SMS message was not provided",
    "no_credits": "There is not enough balance",
    "no_did": "There are no DIDs",
    "no_sms": "There are no SMS messages",
    "sms_apply_regulations": "The number was not updated due to SMS regulations",
    "sms_failed": "The SMS message was not sent",
    "sms_toolong": "The SMS message exceeds 160 characters",
    "sms_wait_message": "SMS was not (Enabled/Disabled) for this DID, please wait a minute before you try again.",
    "tls_error": "There was a TLS error, please try later",
    "unavailable_info": "The information you requested is unavailable at this moment",
}


SETTINGS = {
    "sms_enabled": "enable",
    "sms_email": "email_address",
    "sms_email_enabled": "email_enabled",
    "sms_forward": "sms_forward",
    "sms_forward_enabled": "sms_forward_enable",
    "sms_url_callback": "url_callback",
    "sms_url_callback_enabled": "url_callback_enable",
    "sms_url_callback_retry": "url_callback_retry",
    "webhook": "webhook",
    "webhook_enabled": "webhook_enable",
    "dialmode": "dialmode",
    "smpp_enabled": "smpp_enabled",
    "smpp_url": "smpp_url",
    "smpp_user": "smpp_user",
    "smpp_pass": "smpp_pass",
    "sms_sipaccount": "sms_sipaccount",
    "sms_sipaccount_enabled": "sms_sipaccount_enabled",
}
"""The names of a number's settings in `getDIDsInfo`, and in `setSMS`."""
FLAGS = {name for name in SETTINGS if name.endswith(("_enabled", "_retry"))}
CHOICES = {"dialmode": ("1", "2"), **dict.fromkeys(FLAGS, ("0", "1"))}
SOAP_FAULT = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/'
    b'envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>Bad Request'
    b"</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>"
)


class InvalidError(Exception):
    """A request with a parameter that isn't understood; the text is the status."""


@dataclass(eq=False, kw_only=True)
class Number:
    """A phone number (DID) of an account.

    Its settings are those of `getDIDsInfo`. Each `setSMS` switches off `resets`, whatever it says of them.
    """

    settings: dict[str, str]
    resets: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The URL callback, empty where it is switched off."""
        return self.settings["sms_url_callback"] if self.settings["sms_url_callback_enabled"] == "1" else ""


def make_number(did: str, **settings: str) -> Number:
    """A number that receives SMS and MMS, with nothing else switched on but what is given."""
    off = {name: "0" if name in FLAGS else "" for name in SETTINGS}
    known = {"did": did, "description": "MIAMI, FL", "sms_available": "1", "mms_available": "1", "dialmode": "1"}
    return Number(settings={**off, **known, "sms_enabled": "1", **settings})


class VoipMs(Protocol):
    """`rest.php` by query or by form in parts.

    The methods are `getSMS`, `getMMS`, `getBalance`, `getIP`, `getDIDsInfo`, `setSMS` and `sendSMS`. A message whose
    wire form is `mms` is an MMS, and so is a raw row with a field for pictures; SMS and MMS may have the same ids.
    `Account.extra` may have `credits`, of which 0 means none, and `daily_limit`, how many texts can be sent in a day.
    """

    key = "voipms"
    name = "VoIP.ms"
    base_path = "/api/v1"
    content_type = "application/json"
    page_size = 50
    time_zone = "America/New_York"
    numeric_ids = True
    replies = False
    binary = False
    wires = ("sms", "mms")
    opening = b'{"status":"success","sms":[{"id":"1","message":"'
    errors: Mapping[str, int] = {word: 200 for word in DESCRIPTIONS if word not in ("no_sms", "no_did")}
    fault_options: Mapping[str, Mapping[str, Any]] = {"refused": {"reason": "ip_not_enabled"}, "soap": {}}

    def __init__(self) -> None:
        """Begin without knowing an account's numbers."""
        self._numbers: WeakKeyDictionary[Account, list[Number]] = WeakKeyDictionary()

    def numbers(self, account: Account) -> list[Number]:
        """The numbers of an account, which may be changed: at first one."""
        if account not in self._numbers:
            number = make_number("2025550142")
            for webhook in account.webhooks:
                number.settings |= {"sms_url_callback": webhook["url"], "sms_url_callback_enabled": "1"}
            self._numbers[account] = [number]
        return self._numbers[account]

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
        return _soap_fault() if kind == "soap" else self._status(options["reason"])

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
        if call.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            return _soap_fault()
        methods: dict[str, Callable[[Call, Account], Answer]] = {
            "getSMS": self._list,
            "getMMS": self._list,
            "getBalance": lambda *_: self._json({"status": "success", "balance": {"current_balance": "112.192790"}}),
            "getIP": lambda *_: self._json({"status": "success", "ip": "127.0.0.1"}),
            "getDIDsInfo": self._describe_numbers,
            "setSMS": self._set_number,
            "sendSMS": self._submit,
        }
        method = call.fields.get("method")
        if not method:
            return self._status("missing_method")
        if method not in methods:
            return self._status("invalid_method")
        try:
            return methods[method](call, account)
        except InvalidError as error:
            return self._status(str(error))

    @override
    def numbers_of(self, account: Account) -> list[str]:
        return [number.settings["did"] for number in self.numbers(account)]

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """What a number has: a URL callback, whose variables are filled in, and a webhook, whose address stays.

        The account's URL callback is that of numbers without one. If there is but one number, all messages are for it.
        """
        if message.raw is not None:
            return []
        numbers = self.numbers(account)
        own = [number for number in numbers if len(numbers) == 1 or number.settings["did"] == message.recipient]
        urls = [number.url for number in own if number.url] or [account.callback]
        webhooks = [number.settings["webhook"] for number in own if number.settings["webhook_enabled"] == "1"]
        return [_url_callback(url, message) for url in urls if url] + [_webhook(url, message) for url in webhooks]

    @override
    def is_taken(self, status: int, body: str) -> bool:
        """Only `ok` says that a message was taken; the retry is switched on."""
        return self.is_settled(status) and body.strip() == "ok"

    def _list(self, call: Call, account: Account) -> Answer:
        """The newest messages of some days: of SMS or of MMS, or with `all_messages` of both, mixed."""
        is_mms = call.fields["method"] == "getMMS"
        first, last = _days(call.fields, account.now())
        limit = _number(call.fields, "limit", account.page_size, range(1, 10**9))
        zone = _number(call.fields, "timezone", -5, range(-12, 14))
        kind = _number(call.fields, "type", None, range(2))
        has_all = call.fields.get("all_messages") == "1"
        found = [
            message
            for message in account.messages
            if first <= message.received_at.astimezone(ZONE).date() <= last
            and (has_all or _is_mms(message) == is_mms)
            and (message.raw is not None or _fits(message, call.fields, kind, "mms" if is_mms else "sms"))
        ]
        if not found:
            return self._status("no_sms")
        found.sort(key=lambda message: (message.received_at, int(message.message_id)), reverse=True)
        page = tuple(found[:limit])
        rows = b",".join(_row(message, zone, has_media=is_mms) for message in page)
        body = b'{"status":"success","sms":[' + rows + b"]}"
        return Answer(body=body, content_type=self.content_type, messages=page)

    def _describe_numbers(self, call: Call, account: Account) -> Answer:
        """All numbers, or the one that is asked for."""
        did = call.fields.get("did")
        found = [number.settings for number in self.numbers(account) if did in (None, "", number.settings["did"])]
        return self._json({"status": "success", "dids": found}) if found else self._status("no_did")

    def _set_number(self, call: Call, account: Account) -> Answer:
        """A form with boxes to tick: what is left out is switched off."""
        numbers = self.numbers(account)
        number = next((each for each in numbers if each.settings["did"] == call.fields.get("did")), None)
        if number is None:
            raise InvalidError("invalid_did")
        wanted = {name: call.fields.get(given, "0" if name in FLAGS else "") for name, given in SETTINGS.items()}
        wanted["dialmode"] = wanted["dialmode"] or "1"
        for name, choices in CHOICES.items():
            if wanted[name] not in choices:
                raise InvalidError("invalid_callback_retry" if name.endswith("retry") else "invalid_callback_enable")
        if wanted["sms_url_callback_enabled"] == "1" and not re.match("https?://.", wanted["sms_url_callback"]):
            raise InvalidError("invalid_callback")
        number.settings |= wanted | dict.fromkeys(number.resets, "0")
        account.webhooks = [{"did": each.settings["did"], "url": each.url} for each in numbers if each.url]
        account.on_change()
        return self._json({"status": "success"})

    def _submit(self, call: Call, account: Account) -> Answer:
        """Send a text from one of the numbers to a number of North America; there is no text of several parts."""
        did, dst, text = (call.fields.get(name, "") for name in ("did", "dst", "message"))
        if not any(
            each.settings["did"] == did and each.settings["sms_enabled"] == "1" for each in self.numbers(account)
        ):
            raise InvalidError("invalid_did")
        if not re.fullmatch("[2-9][0-9]{9}", dst):
            raise InvalidError("invalid_dst")
        if not text:
            raise InvalidError("message_empty" if "message" in call.fields else "missing_sms")
        if len(text.encode()) > MOST_BYTES:
            raise InvalidError("sms_toolong")
        if account.extra.get("credits") == 0:
            raise InvalidError("no_credits")
        today = account.now().astimezone(ZONE).date()
        sent = [each for each in account.messages if each.sent and each.received_at.astimezone(ZONE).date() == today]
        if len(sent) >= account.extra.get("daily_limit", DAILY_LIMIT):
            raise InvalidError("limit_reached")
        message = account.submit(text, sender=f"+1{did}", recipient=f"+1{dst}")
        return self._json({"status": "success", "sms": int(message.message_id)})

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


def _is_mms(message: Message) -> bool:
    if message.raw is not None:
        return b'"col_media' in message.raw or b'"media"' in message.raw
    return message.wire == "mms"


def _fits(message: Message, fields: Mapping[str, str], kind: int | None, id_name: str) -> bool:
    """Whether a message is of the kind and has the values that are asked for."""
    values = {id_name: message.message_id, "did": _did(message), "contact": _contact(message)}
    return kind in (None, int(not message.sent)) and all(
        fields.get(name) in (None, "", "0", values[name]) for name in values
    )


def _did(message: Message) -> str:
    return message.sender.removeprefix("+1") if message.sent else message.recipient


def _contact(message: Message) -> str:
    return message.recipient.removeprefix("+1") if message.sent else message.sender


def _time(message: Message, zone: int) -> str:
    local = message.received_at.astimezone(ZONE).replace(tzinfo=None) + timedelta(hours=zone + 5)
    return local.strftime("%Y-%m-%d %H:%M:%S")


def _row(message: Message, zone: int, *, has_media: bool) -> bytes:
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
    if has_media:
        media = _media(message)
        row |= {f"col_media{number}": url for number, url in enumerate((*media, "", "", "")[:3], 1)} | {"media": media}
    return json.dumps(row).encode()


def _media(message: Message) -> list[str]:
    """The pictures of an MMS: one without a text has one."""
    return [f"https://voip.ms/media/{message.message_id}/media.png"] if _is_mms(message) and not message.text else []


def _url_callback(url: str, message: Message) -> Outgoing:
    """The customer's address, with its variables filled in; what is no variable stays."""
    values = {
        "ID": message.message_id,
        "TIMESTAMP": _time(message, -5),
        "FROM": message.sender,
        "TO": message.recipient,
        "MESSAGE": message.text,
        "MEDIA": ",".join(_media(message)),
    }
    filled = re.sub(r"\{([A-Z]+)\}", lambda found: quote(values.get(found[1], found[0]), safe=""), url)
    return Outgoing(method="GET", url=filled)


def _webhook(url: str, message: Message) -> Outgoing:
    """The webhook for telephone systems: JSON, and the address as it was typed, with all that is in braces."""
    payload = {
        "id": int(message.message_id),
        "type": "MMS" if _is_mms(message) else "SMS",
        "record_type": "message",
        "from": {"phone_number": message.sender},
        "to": [{"status": "webhook_delivered", "phone_number": message.recipient}],
        "text": message.text,
        "media": [{"url": url} for url in _media(message)],
        "received_at": message.received_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    data = {"id": payload["id"], "event_type": "message.received", "record_type": "event", "payload": payload}
    body = json.dumps({"data": data}).encode()
    return Outgoing(method="POST", url=url, headers={"Content-Type": "application/json"}, body=body)


def _soap_fault() -> Answer:
    """What the server says to what it takes for SOAP."""
    return Answer(body=SOAP_FAULT, content_type="text/xml; charset=utf-8")
