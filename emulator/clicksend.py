"""ClickSend REST API v3: a list from which messages vanish when a client marks them read, and its rules.

What is sent is in `clicksend_sending`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import json
import re
from typing import Any, override
from urllib.parse import urlencode
import uuid

from . import clicksend_sending as sending
from .clicksend_answers import CONTENT_TYPE, ERRORS, failure, frame, place_of, success, user_id
from .model import Account, Message
from .protocol import Answer, Call, Outgoing, Protocol, with_query

INBOUND = "/sms/inbound"
READ = "/sms/inbound-read/"
RULES = "/automations/sms/inbound"
PAGE_MAX = 100
TYPES = ("post", "get", "json")
ACTIONS = (
    *("AUTO_REPLY", "EMAIL_USER", "EMAIL_FIXED", "URL", "SMS", "POLL", "GROUP_SMS", "MOVE_CONTACT", "SMPP", "NONE"),
    *("CREATE_CONTACT", "CREATE_CONTACT_PLUS_EMAIL", "CREATE_CONTACT_PLUS_NAME", "CREATE_CONTACT_PLUS_NAME_EMAIL"),
)
RULES_AT_ONCE = 10
"""How many of the rules that match a message act on it; the oldest do."""
NEEDED = ("dedicated_number", "message_search_type", "message_search_term", "action", "action_address", "enabled")
TEST_LOGINS = {"notactive": ("UNAUTHORIZED", "Your account is not active."), "banned": ("FORBIDDEN", "Account banned.")}
"""Usernames that the vendor's documents give for tests, whatever the password; how it words its refusal they don't."""


class ClickSend(Protocol):
    """The account, the list of received messages and the rules that fill it, by Basic authentication."""

    key = "clicksend"
    name = "ClickSend"
    base_path = "/v3"
    content_type = CONTENT_TYPE
    page_size = PAGE_MAX
    ids = False
    binary = False
    methods = ("GET", "POST", "PUT", "DELETE")
    opening = b'{"http_code":200,"data":{"data":[{"body":"'
    errors: Mapping[str, int] = {code: status for code, (status, _) in ERRORS.items()}
    hides_read = True
    """Whether the list leaves out what was marked read one by one; the documents say so of marking all."""
    newest_first = True
    """Whether the list is sorted so; the documents only show it."""
    rule_id = "inbound_rule_id"
    """What a rule's id is called; a sample in the documents has `sms_inbound_rule_id`."""
    shows_webhook_type = True
    """Whether a rule shows the form of its requests; some samples don't."""
    throttled = timedelta(seconds=5)
    """How long an equal text to the same number is refused; the documents say "a few seconds"."""
    fault_options: Mapping[str, Mapping[str, Any]] = {"refused": {"http": 403, "code": "FORBIDDEN", "message": ""}}
    """A refusal in the vendor's words, of which only the code is documented; `http` is the status."""

    @override
    def credentials(self, call: Call) -> tuple[str, str] | None:
        return call.basic

    @override
    def unauthorized(self) -> Answer:
        return failure("UNAUTHORIZED")

    @override
    def not_found(self) -> Answer:
        return failure("NOT_FOUND")

    @override
    def wrong_method(self) -> Answer:
        return failure("NOT_FOUND", 405)

    @override
    def vendor_error(self, word: str, status: int) -> Answer:
        return failure(word, status)

    @override
    def raw_id(self, record: bytes) -> str | None:
        found = re.search(rb'"message_id"\s*:\s*"([^"]+)"', record)
        return found[1].decode() if found else None

    @override
    def first_places(self) -> list[dict[str, Any]]:
        """The rule that lists every message; without one, none is listed."""
        rule = {"dedicated_number": "*", "rule_name": "Poll", "message_search_type": 0, "message_search_term": "*"}
        return [{"id": 1, **rule, "action": "POLL", "action_address": "", "body": None, "enabled": 1}]

    @override
    def fault(self, kind: str, options: Mapping[str, Any]) -> Answer:
        return failure(options["code"], options["http"], options["message"])

    @override
    async def answer(self, call: Call, account: Account) -> Answer:
        if account.username in TEST_LOGINS:
            code, said = TEST_LOGINS[account.username]
            answer = failure(code, said=said)
        elif call.path.rstrip("/") == RULES:
            answer = self._rules(call, account)
        elif call.path.startswith(f"{RULES}/"):
            answer = self._rule(call, account, call.path.removeprefix(f"{RULES}/"))
        else:
            answer = sending.answer_of(call, account, self.throttled) or await self._inbox(call, account)
        return answer

    async def _inbox(self, call: Call, account: Account) -> Answer:
        """The account, and its received messages."""
        match call.method, call.path:
            case "GET", "/account":
                return success("Here's your account", json.dumps(_profile(account)).encode())
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
        """A request for each rule with the action URL, and to the callback, by a form; a raw record is sent as JSON."""
        rules = [rule for rule in _matching(account, message) if rule["action"] == "URL"]
        wanted = [(rule["action_address"], rule.get("webhook_type") or "post") for rule in rules]
        if account.callback and account.callback not in dict(wanted):
            wanted.append((account.callback, "post"))
        row = _row(message, account)
        return [_outgoing(url, form if message.raw is None else "json", row) for url, form in wanted]

    @override
    def status_calls(self, message: Message, account: Account) -> list[Outgoing]:
        """A form for the address of each rule for delivery reports."""
        return sending.status_calls(message, account)

    @override
    def registered(self, account: Account) -> list[str]:
        return [rule["action_address"] for rule in account.places if rule["action"] == "URL"]

    def _list(self, call: Call, account: Account) -> Answer:
        """A row for each unread message and each rule that lists it."""
        shown = [
            message
            for message in account.messages
            if not message.sent and not (message.read and self.hides_read)
            for _ in range(_listings(account, message))
        ]
        shown.sort(key=lambda message: message.received_at)
        if self.newest_first:
            shown.reverse()
        if (place := place_of(call, account)) is None:
            return failure("BAD_REQUEST")
        part = tuple(shown[place])
        rows = b",".join(_row(message, account) for message in part)
        around = frame(INBOUND, place, len(shown))
        return success("Here are your data.", around[:-1] + b', "data": [' + rows + b"]}", part)

    def _rules(self, call: Call, account: Account) -> Answer:
        """List the rules, the newest first, or make one."""
        if call.method == "POST":
            number = max((rule["id"] for rule in account.places), default=0) + 1
            return self._save(call, account, {"id": number, "body": None})
        if call.method != "GET":
            return self.wrong_method()
        if (place := place_of(call, account)) is None:
            return failure("BAD_REQUEST")
        rules = account.places[::-1]
        data = json.loads(frame(RULES, place, len(rules)))
        data["data"] = [self._shown(rule) for rule in rules[place]]
        return success("Your list of inbound rules.", json.dumps(data).encode())

    def _rule(self, call: Call, account: Account, rule_id: str) -> Answer:
        """Show, change or delete a rule."""
        rule = next((rule for rule in account.places if str(rule["id"]) == rule_id), None)
        if rule is None:
            return self.not_found()
        if call.method == "PUT":
            return self._save(call, account, rule)
        if call.method == "DELETE":
            account.places = [other for other in account.places if other is not rule]
            account.on_change()
            return success("Your record has been deleted.", b"[]")
        if call.method != "GET":
            return self.wrong_method()
        return success("Your inbound rule.", json.dumps(self._shown(rule)).encode())

    def _save(self, call: Call, account: Account, rule: dict[str, Any]) -> Answer:
        """Change a rule, or add a new one."""
        if (fields := _fields(call.body, is_new="action" not in rule)) is None:
            return failure("BAD_REQUEST")
        rule |= fields
        if rule not in account.places:
            account.places = [*account.places, rule]
        account.on_change()
        return success("Your record has been saved.", json.dumps(self._shown(rule)).encode())

    def _shown(self, rule: Mapping[str, Any]) -> dict[str, Any]:
        """A rule as the API shows it."""
        hidden = ("id",) if self.shows_webhook_type else ("id", "webhook_type")
        return {self.rule_id: rule["id"], **{name: value for name, value in rule.items() if name not in hidden}}

    def _mark_read(self, message_id: str, account: Account) -> Answer:
        """All rows of an id, however many rules list them; the answer is how many were unread."""
        found = [message for message in account.messages if message.message_id == message_id]
        unread = [message for message in found if not message.read]
        for message in unread:
            message.read = True
            if message in account.unread:
                account.unread.remove(message)
        account.on_change()
        if not found:
            return self.not_found()
        rows = sum(_listings(account, message) for message in unread)
        return success("Inbound messages have been marked as read.", str(rows).encode())


def _matching(account: Account, message: Message) -> list[dict[str, Any]]:
    """The rules that act on a message."""
    return [rule for rule in account.places if rule["enabled"] and _matches(rule, message)][:RULES_AT_ONCE]


def _matches(rule: Mapping[str, Any], message: Message) -> bool:
    """Whether a rule is for a message; of a raw record nothing is known, so each is."""
    if message.raw is not None:
        return True
    text, term = message.text.casefold(), str(rule["message_search_term"]).casefold()
    found = (True, text.startswith(term), term in text, term not in text)[rule["message_search_type"]]
    return found and rule["dedicated_number"] in ("*", message.recipient)


def _listings(account: Account, message: Message) -> int:
    """How many rules list a message."""
    return sum(rule["action"] == "POLL" for rule in _matching(account, message))


def _fields(body: bytes, *, is_new: bool) -> dict[str, Any] | None:
    """What a rule is made of, None where something is missing or wrong."""
    needed = (*NEEDED, "rule_name") if is_new else NEEDED
    try:
        given = json.loads(body)
        fields = {name: given[name] for name in needed}
        fields |= {name: given[name] for name in ("rule_name", "body", "webhook_type") if name in given}
    except ValueError, TypeError, KeyError:
        return None
    is_wrong = (
        any(fields[name] in (None, "") for name in needed)
        or fields["action"] not in ACTIONS
        or fields["message_search_type"] not in range(4)
        or fields["enabled"] not in (0, 1)
        or fields.get("webhook_type", "post") not in TYPES
    )
    return None if is_wrong else fields


async def _pretend(call: Call, account: Account) -> Answer:
    """Make up a message: for the list where the address is `poll`, else for a call to that address alone."""
    try:
        wanted = json.loads(call.body)
        url, webhook_type = wanted["url"], wanted.get("webhook_type") or "post"
    except ValueError, TypeError, KeyError, AttributeError:
        return failure("BAD_REQUEST")
    if not isinstance(url, str) or not url or webhook_type not in TYPES:
        return failure("BAD_REQUEST")
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
    return success("Here are your incoming messages.", json.dumps(said).encode())


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
        "user_id": user_id(account),
    }
    return json.dumps(row, ensure_ascii=False).encode()


def _profile(account: Account) -> Mapping[str, Any]:
    """An account, with as much of it as a client may want."""
    return {
        "user_id": user_id(account),
        "username": account.username,
        "user_email": "user@example.com",
        "active": 1,
        "banned": 0,
        "balance": "0.000000" if not sending.has_credit(account) else "1117.461060",
        "user_first_name": "First",
        "user_last_name": "Last",
        "account_name": "Example",
        "country": "AU",
        "default_country_sms": "AU",
        "timezone": account.time_zone,
        "_currency": {"currency_name_short": "AUD", "currency_prefix_d": "$", "currency_prefix_c": "c"},
        "_subaccount": {"subaccount_id": user_id(account) + 1, "api_username": account.username, "access_sms": 1},
    }
