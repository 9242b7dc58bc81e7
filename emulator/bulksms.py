"""BulkSMS JSON REST API v1: a filtered list of messages, which a client reads page by page."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
import json
import operator
import re
from typing import Any, override
import uuid

from .alphabet import is_plain, parts
from .handsets import in_gsm
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol

type Test = Callable[[Message], bool]

LIMIT = 1000
SEARCHED = timedelta(days=7)
"""How far back a search without a date goes."""
CLAUSE = re.compile(r"([A-Za-z.]+)(<=|>=|=|<|>)(.*)", re.DOTALL)
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DEDUPLICATED = timedelta(hours=12)
"""How long a repeat of a submission is recognised."""
TEMPLATE = re.compile(r"\{(F\d+|fn|sn)#+\}")
"""What is filled in from the vendor's address book, which is empty here."""
REPLIABLE = "+447800000000"
"""The vendor's own number that can be answered."""
SUBTYPES = {
    "expired": "EXPIRED",
    "unreachable": "HANDSET_ERROR",
    "filtered": "NOT_SENT",
    "opted_out": "BLOCKED",
}
UNTOLD = ("invokeOption",)
"""What a webhook is made with, and no answer has."""
NEW_WEBHOOK: dict[str, Any] = {
    "id": 0,
    "name": "",
    "url": "",
    "triggerScope": "",
    "active": True,
    "invokeOption": "ONE",
    "contactEmailAddress": None,
    "onWebApp": True,
}
ERRORS = {
    "bad-request": 400,
    "authentication-failed": 401,
    "forbidden": 403,
    "insufficient-credits": 403,
    "not-found": 404,
    "method-not-allowed": 405,
}
"""How the addresses of the vendor's pages on errors end, as clients have seen them; others can be made up."""


class BadRequestError(Exception):
    """A request with a parameter that isn't understood; the text goes into the answer."""


class BulkSms(Protocol):
    """`/messages`, `/messages/{id}`, `/profile` and `/webhooks`, by Basic authentication."""

    key = "bulksms"
    name = "BulkSMS"
    base_path = "/v1"
    content_type = "application/json"
    page_size = 100
    numeric_ids = True
    methods = ("GET", "POST", "DELETE")
    opening = b'[{"id":"1","type":"RECEIVED","body":"'
    errors: Mapping[str, int] = ERRORS

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        challenge = {"WWW-Authenticate": 'Basic realm="BulkSMS"'}
        return _problem("authentication-failed", "The credentials are missing or wrong.", headers=challenge)

    @override
    def not_found(self) -> Answer:
        return _problem("not-found", "There is nothing here.")

    @override
    def wrong_method(self) -> Answer:
        return _problem("method-not-allowed", "This address can't be asked in that way.")

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return _problem(word, "Something is wrong.", status)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"id"\s*:\s*"?(\d+)', record)
        return found[1].decode() if found else None

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        if call.path == "/webhooks" or call.path.startswith("/webhooks/"):
            return await self._webhooks(call, account)
        if call.path == "/messages" and call.method in ("GET", "POST"):
            return self._list(call, account) if call.method == "GET" else self._submit(call, account)
        if call.method != "GET":
            return self.wrong_method()
        if call.path == "/profile":
            return self._json(json.dumps(_profile(account)).encode())
        if call.path.startswith("/messages/"):
            return self._one(account, call.path.removeprefix("/messages/"))
        return self.not_found()

    async def _webhooks(self, call: Call, account: Account) -> Answer:
        """List, make, change and delete webhooks; an address must answer an empty list at once."""
        webhook_id = call.path.removeprefix("/webhooks").removeprefix("/")
        present = next((webhook for webhook in account.webhooks if str(webhook["id"]) == webhook_id), None)
        if webhook_id and present is None:
            return self.not_found()
        if call.method == "GET":
            return self._json(json.dumps(_told(present) if present else [*map(_told, account.webhooks)]).encode())
        if call.method == "DELETE":
            account.webhooks = [webhook for webhook in account.webhooks if webhook is not present]
            account.on_change()
            return self._json(b"") if present else self.wrong_method()
        try:
            webhook = {**(present or NEW_WEBHOOK), **_checked_webhook(call.body, account, webhook_id)}
        except BadRequestError as error:
            return _problem("bad-request", str(error))
        if webhook["active"] and not 200 <= await call.ask(_call_of(webhook, b"[]")) < 300:
            return _problem("bad-request", "The address does not answer.")
        webhook["id"] = webhook["id"] or max((other["id"] for other in account.webhooks), default=0) + 1
        account.webhooks = [other for other in account.webhooks if other is not present] + [webhook]
        account.on_change()
        return self._json(json.dumps(_told(webhook)).encode())

    @override
    def calls(self, message: Message, account: Account) -> list[Outgoing]:
        """One call for each webhook that is for received messages."""
        return [
            _call_of(webhook, b"[" + _row(message) + b"]")
            for webhook in account.webhooks
            if webhook["active"] and webhook["triggerScope"] == "RECEIVED"
        ]

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """One call for each webhook that is for sent messages."""
        return [
            _call_of(webhook, b"[" + _row(message) + b"]")
            for webhook in account.webhooks
            if webhook["active"] and webhook["triggerScope"] == "SENT"
        ]

    def _submit(self, call: Call, account: Account) -> Answer:
        """Take texts; a repeat with the same number is answered as before."""
        known = account.extra.setdefault("deduplication", {})
        try:
            number = _deduplication_id(call)
            if number in known and datetime.fromisoformat(known[number][1]) > account.now() - DEDUPLICATED:
                ids = known[number][0]
            else:
                wanted = _submissions(call, account)
                if account.extra.get("credits") == 0:
                    return _problem("insufficient-credits", "There are not enough credits.")
                ids = [account.submit(**each).message_id for each in wanted]
                if number:
                    known[number] = (ids, account.now().isoformat())
                    account.on_change()
        except BadRequestError as error:
            return _problem("bad-request", str(error))
        found = [message for message in account.messages if message.message_id in ids]
        body = b"[" + b",".join(_row(message, is_new=True) for message in found) + b"]"
        return Answer(status=201, body=body, content_type=self.content_type)

    @override
    def is_settled(self, status: int) -> bool:
        """2xx is taken, and 4xx discards the message for good."""
        return 200 <= status < 300 or 400 <= status < 500

    def _list(self, call: Call, account: Account) -> Answer:
        try:
            tests = _search(call.fields.get("filter", ""), account.now())
            limit, ascending = _limit(call), _ascending(call)
        except BadRequestError as error:
            return _problem("bad-request", str(error))
        found = [message for message in account.messages if all(test(message) for test in tests)]
        found.sort(key=lambda message: int(message.message_id), reverse=not ascending)
        page = tuple(found[: min(limit, account.page_size)])
        return self._json(b"[" + b",".join(map(_row, page)) + b"]", page)

    def _one(self, account: Account, message_id: str) -> Answer:
        for message in account.messages:
            if message.message_id == message_id:
                return self._json(_row(message), (message,))
        return self.not_found()

    def _json(self, body: bytes, messages: tuple[Message, ...] = ()) -> Answer:
        return Answer(body=body, content_type=self.content_type, messages=messages)


def _call_of(webhook: dict[str, Any], body: bytes) -> Outgoing:
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "BulkSMS Invoker"}
    return Outgoing(method="POST", url=webhook["url"], headers=headers, body=body)


def _told(webhook: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in webhook.items() if key not in UNTOLD}


def _checked_webhook(body: bytes, account: Account, webhook_id: str) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except ValueError:
        raise BadRequestError("The body is no JSON.") from None
    if not isinstance(fields, dict) or not {"name", "url", "triggerScope"} <= fields.keys():
        raise BadRequestError("A webhook needs a name, a url and a triggerScope.")
    if fields["triggerScope"] not in ("SENT", "RECEIVED") or fields.get("invokeOption", "ONE") not in ("ONE", "MANY"):
        raise BadRequestError("triggerScope is SENT or RECEIVED, invokeOption ONE or MANY.")
    if any(other["name"] == fields["name"] and str(other["id"]) != webhook_id for other in account.webhooks):
        raise BadRequestError("A webhook of this name exists.")
    return {key: value for key, value in fields.items() if key in NEW_WEBHOOK and key != "id"}


def _problem(error: str, detail: str, status: int | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    title, status = error.replace("-", " ").title(), status or ERRORS[error]
    page = f"https://www.bulksms.com/developer/json/v1/errors#{error}"
    body = json.dumps({"type": page, "title": title, "status": status, "detail": detail}).encode()
    return Answer(status=status, body=body, content_type=BulkSms.content_type, headers=headers or {})


def _limit(call: Call) -> int:
    limit = call.fields.get("limit", str(LIMIT))
    if not re.fullmatch("[1-9][0-9]{0,8}", limit):
        raise BadRequestError("limit must be a positive integer.")
    return min(int(limit), LIMIT)


def _ascending(call: Call) -> bool:
    order = call.fields.get("sortOrder")
    if order not in (None, "ASCENDING"):
        raise BadRequestError("sortOrder has one value only: ASCENDING.")
    return order is not None


def _search(expression: str, now: datetime) -> list[Test]:
    """The tests a filter stands for; without a date of its own it doesn't look far back."""
    clauses = [_clause(clause) for clause in expression.split("&")] if expression else []
    tests = [_test(*clause) for clause in clauses]
    if not any(field == "submission.date" for field, _, _ in clauses):
        earliest = now - SEARCHED
        tests.append(lambda message: message.received_at >= earliest)
    return tests


def _clause(clause: str) -> tuple[str, str, str]:
    found = CLAUSE.fullmatch(clause)
    if found is None:
        raise BadRequestError(f"The filter clause {clause!r} is not understood.")
    field, comparison, value = found.groups()
    if field not in FIELDS:
        raise BadRequestError(f"The filter field {field!r} is unknown.")
    if comparison not in FIELDS[field][0]:
        raise BadRequestError(f"The filter field {field!r} can't be compared by {comparison!r}.")
    return field, comparison, value


def _test(field: str, comparison: str, value: str) -> Test:
    _, read, of = FIELDS[field]
    wanted, compare = read(field, value), COMPARISONS[comparison]
    if field in ("id", "submission.date"):
        return lambda message: compare(of(message), wanted)
    return lambda message: message.raw is not None or compare(of(message), wanted)


def _integer(field: str, value: str) -> int:
    if not re.fullmatch("[0-9]{1,30}", value):
        raise BadRequestError(f"The value of {field} must be an integer.")
    return int(value)


def _date(field: str, value: str) -> datetime:
    try:
        if DATE.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise BadRequestError(f"The value of {field} must be a date like 2026-11-21T10:00:00Z, with its offset.")


def _one_of(*values: str) -> Callable[[str, str], str]:
    def read(field: str, value: str) -> str:
        if value not in values:
            raise BadRequestError(f"The value of {field} must be one of {', '.join(values)}.")
        return value

    return read


def _as_is(_field: str, value: str) -> str:
    return value


def _type(message: Message) -> str:
    return "SENT" if message.sent else "RECEIVED"


FIELDS: dict[str, tuple[tuple[str, ...], Callable[[str, str], Any], Callable[[Message], Any]]] = {
    "id": (("=", "<", ">"), _integer, lambda message: int(message.message_id)),
    "type": (("=",), _one_of("SENT", "RECEIVED"), _type),
    "submission.id": (("=",), _as_is, lambda message: f"1-{message.message_id}"),
    "submission.date": (("<", "<=", ">", ">="), _date, lambda message: message.received_at.replace(microsecond=0)),
    "status.type": (("=",), _one_of("ACCEPTED", "SENT", "DELIVERED", "FAILED"), lambda each: each.status.upper()),
    "status.id": (("=",), _as_is, lambda _: "DELIVERED.null"),
    "userSuppliedId": (("=",), _as_is, lambda message: message.key),
}


def _deduplication_id(call: Call) -> str:
    number = call.fields.get("deduplication-id", "")
    if number and not (re.fullmatch("[0-9]{1,10}", number) and int(number) <= 0x7FFFFFFF):
        raise BadRequestError("deduplication-id is an integer of 32 bits.")
    return number


def _submissions(call: Call, account: Account) -> list[dict[str, Any]]:
    """What a request wants to be sent: for each recipient the arguments of `Account.submit`."""
    try:
        body = json.loads(call.body)
    except ValueError:
        raise BadRequestError("The body is no JSON.") from None
    found = []
    for each in body if isinstance(body, list) else [body]:
        if not isinstance(each, dict) or not isinstance(each.get("body"), str) or not each["body"]:
            raise BadRequestError("A message needs a to and a body.")
        text, origin = each["body"], each.get("from") or {}
        if not isinstance(origin, dict):
            origin = {"type": "INTERNATIONAL", "address": str(origin)}
        if not (is_plain(text) or call.fields.get("auto-unicode") == "true" or each.get("encoding") == "UNICODE"):
            text = in_gsm(text)
        if parts(text) > each.get("longMessageMaxParts", 3):
            raise BadRequestError("The message has too many parts.")
        if (key := each.get("userSuppliedId")) and len(key) > 20:
            raise BadRequestError("userSuppliedId has at most 20 characters.")
        to = each.get("to")
        for recipient in to if isinstance(to, list) else [to]:
            address = str(recipient.get("address") if isinstance(recipient, dict) else recipient or "")
            if not re.fullmatch(r"\+?[0-9]{7,15}", address):
                raise BadRequestError("The recipient is no international number.")
            found.append(
                {
                    "text": each["body"],
                    "shown": TEMPLATE.sub("", text),
                    "sender": origin.get("address") or account.extra.get("repliable", REPLIABLE),
                    "recipient": f"+{address.removeprefix('+')}",
                    "key": key,
                }
            )
    return found


def _row(message: Message, *, is_new: bool = False) -> bytes:
    """A row of a list; the answer to a submission doesn't say yet what it costs."""
    if message.raw is not None:
        return message.raw
    status = message.status.upper() if message.sent else "DELIVERED"
    subtype = SUBTYPES.get(message.error) if status == "FAILED" else None
    row = {
        "id": message.message_id,
        "type": _type(message),
        "from": message.sender,
        "to": message.recipient,
        "body": message.text if message.data is None else message.data.hex().upper(),
        "encoding": message.encoding.upper(),
        "protocolId": 0,
        "messageClass": 2,
        "numberOfParts": parts(message.text),
        "creditCost": parts(message.text) * 1.0 if message.sent else 0,
        "submission": {"id": f"1-{message.message_id}", "date": _iso(message.received_at)},
        "status": {"id": f"{status}.{subtype or 'null'}", "type": status, "subtype": subtype},
        "relatedSentMessageId": message.in_reply_to,
        "userSuppliedId": message.key,
    }
    if is_new:
        del row["numberOfParts"], row["creditCost"]
    return json.dumps(row, ensure_ascii=False).encode()


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _profile(account: Account) -> dict[str, Any]:
    """A profile; its id is the account's for good and says nothing about the user name."""
    return {
        "id": uuid.uuid5(uuid.NAMESPACE_OID, f"bulksms {account.username}").hex,
        "username": account.username,
        "created": "2020-01-01T00:00:00Z",
        "credits": {"balance": 2101.15, "limit": 0, "isTransferAllowed": False},
        "quota": {"size": 10000, "remaining": 9999},
        "originAddresses": {"allowed": account.extra.get("senders", []), "isFullControlAllowed": False},
        "commerce": {"currency": "EUR"},
    }
