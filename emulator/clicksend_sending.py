"""What ClickSend sends: texts, their history, the account's numbers, and the rules for delivery reports."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
import json
import re
from typing import Any
from urllib.parse import urlencode
import uuid

from .alphabet import parts
from .clicksend_answers import failure, frame, place_of, success, user_id
from .model import Account, Message
from .protocol import Answer, Call, Outgoing

HISTORY, NUMBERS = "/sms/history", "/numbers"
RULES = "/automations/sms/receipts"
NO_CREDIT = "nocredit"
"""A username that the vendor's documents give for tests: all works but what costs something."""
FAR = "9999999999"
MOST_PARTS = 6
PRICE = 0.0792
"""Of a part."""
SHARED = "+61447238703"
NUMBER = "+61411000111"
"""The account's own number."""
CURRENCY = {
    "currency_name_short": "AUD",
    "currency_prefix_d": "$",
    "currency_prefix_c": "c",
    "currency_name_long": "Australian Dollars",
}
STATES = {
    "accepted": ("Completed", None),
    "sent": ("Sent", "200"),
    "delivered": ("Sent", "201"),
    "failed": ("Failed", "301"),
}
TEXTS = {
    "200": "Success: Message sent to the network.",
    "201": "Success: Message received on handset.",
    "301": "Failure: Message could not be delivered.",
}
ERRORS = {
    "expired": ("20", "Message delivery receipt expired"),
    "unreachable": ("12", "Absent Subscriber. Phone is out of range or switched off."),
    "filtered": ("19", "Anti-spam rejection by recipient network"),
    "opted_out": ("15", "Rejected by the recipient network."),
}


def has_credit(account: Account) -> bool:
    """Whether an account can pay for anything."""
    return account.username != NO_CREDIT and account.extra.get("credits") != 0


def answer_of(call: Call, account: Account, throttled: timedelta) -> Answer | None:
    """The answer to a call that is about sending, None for others; `throttled` is how long equal texts are refused."""
    match call.method, call.path.rstrip("/"):
        case "POST", "/sms/send":
            return _submit(call, account, throttled)
        case "GET", "/sms/history":
            return _history(call, account)
        case "GET", "/numbers":
            numbers = [{"dedicated_number": NUMBER, "country": "AU", "_country_name": "Australia", "price": "18.59"}]
            return _page(call, account, NUMBERS, numbers)
        case "GET", "/automations/sms/receipts":
            return _page(call, account, RULES, account.webhooks)
        case "POST", "/automations/sms/receipts":
            return _add_rule(call, account)
    return None


def status_calls(message: Message, account: Account) -> list[Outgoing]:
    """A form for the address of each rule that is for a text's state."""
    _, code = STATES[message.status]
    if code is None:
        return []
    number, words = ERRORS.get(message.error, ("", ""))
    form = {
        "message_id": message.message_id,
        "status_code": code,
        "status_text": TEXTS[code],
        "error_code": number,
        "error_text": words,
        "timestamp": str(int(account.now().timestamp())),
        "custom_string": message.key or "",
    }
    wanted = (0, 1 if message.status == "failed" else 2)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return [
        Outgoing(method="POST", url=rule["action_address"], headers=headers, body=urlencode(form).encode())
        for rule in account.webhooks
        if rule["action"] == "URL" and rule["enabled"] and rule["match_type"] in wanted
    ]


def _submit(call: Call, account: Account, throttled: timedelta) -> Answer:
    """Take texts; each one is refused by itself, with HTTP status 200."""
    try:
        rows = [_take(account, dict(each), throttled) for each in json.loads(call.body)["messages"]]
    except ValueError, TypeError, KeyError:
        return failure("BAD_REQUEST")
    taken = [row for row in rows if row["status"] == "SUCCESS"]
    data = {
        "total_price": round(sum(float(row["message_price"]) for row in taken), 4),
        "total_count": len(rows),
        "queued_count": len(taken),
        "messages": rows,
        "_currency": CURRENCY,
        "blocked_count": len(rows) - len(taken),
    }
    return success("Messages queued for delivery.", json.dumps(data, ensure_ascii=False).encode())


def _take(account: Account, wanted: Mapping[str, Any], throttled: timedelta) -> dict[str, Any]:
    """Take one text; its row says what became of it."""
    text, sender = str(wanted.get("body") or ""), str(wanted.get("from") or SHARED)
    recipient, key = str(wanted.get("to") or ""), str(wanted.get("custom_string") or "")
    is_shared = sender == SHARED
    if status := _refusal(account, text, sender, recipient, throttled):
        return {
            "to": recipient,
            "body": text,
            "from": sender,
            "schedule": "",
            "message_id": str(uuid.uuid4()).upper(),
            "message_parts": 0,
            "message_price": "0.0000",
            "custom_string": key,
            "is_shared_system_number": is_shared,
            "country": "AU",
            "carrier": "",
            "status": status,
        }
    id_ = str(uuid.uuid4()).upper()
    message = account.submit(_cut(text), sender=sender, recipient=recipient, message_id=id_, key=key)
    row = _row(message, account)
    schedule = {"schedule": row["date"], "is_shared_system_number": is_shared, "status": "SUCCESS"}
    hidden = ("status_code", "status_text", "error_code", "error_text")
    return {name: value for name, value in row.items() if name not in hidden} | schedule


def _refusal(account: Account, text: str, sender: str, recipient: str, throttled: timedelta) -> str | None:
    """Why a text isn't taken, None where it is."""
    since = account.now() - throttled
    checks = {
        "EMPTY_MESSAGE": not text,
        "INVALID_RECIPIENT": not re.fullmatch(r"\+[1-9][0-9]{6,14}", recipient),
        "INVALID_SENDER_ID": not re.fullmatch(r"\+[0-9]{7,15}|[A-Za-z0-9]{1,11}", sender),
        "COUNTRY_NOT_ENABLED": not recipient.startswith(tuple(account.extra.get("countries", ["+"]))),
        "INSUFFICIENT_CREDIT": not has_credit(account),
        "THROTTLED": any(
            each.sent and (each.recipient, each.text) == (recipient, _cut(text)) and each.received_at > since
            for each in account.messages
        ),
    }
    return next((status for status, is_so in checks.items() if is_so), None)


def _cut(text: str) -> str:
    """What is sent of a text: no more than six parts."""
    if parts(text) <= MOST_PARTS:
        return text
    text = text[: MOST_PARTS * 153]
    while parts(text) > MOST_PARTS:
        text = text[:-1]
    return text


def _history(call: Call, account: Account) -> Answer:
    """What was sent between two times, the oldest first."""
    try:
        start, end = (int(call.fields.get(name, fallback)) for name, fallback in (("date_from", "0"), ("date_to", FAR)))
    except ValueError:
        return failure("BAD_REQUEST")
    sent = [each for each in account.messages if each.sent and start <= int(each.received_at.timestamp()) <= end]
    sent.sort(key=lambda each: each.received_at)
    return _page(call, account, HISTORY, [_row(each, account) for each in sent])


def _row(message: Message, account: Account) -> dict[str, Any]:
    """A row of the history; the vendor's library, unlike its description, has numbers in some fields."""
    state, code = STATES[message.status]
    number, words = ERRORS.get(message.error, (None, None))
    at, count = int(message.received_at.timestamp()), parts(message.text)
    return {
        "direction": "out",
        "date": at,
        "to": message.recipient,
        "body": message.text,
        "status": state,
        "from": message.sender,
        "schedule": str(at),
        "status_code": code,
        "status_text": TEXTS[code] if code else None,
        "error_code": number,
        "error_text": words,
        "message_id": message.message_id,
        "message_parts": count,
        "message_price": f"{count * PRICE:.4f}",
        "from_email": None,
        "list_id": None,
        "custom_string": message.key or "",
        "contact_id": None,
        "user_id": user_id(account),
        "subaccount_id": user_id(account) + 1,
        "country": "AU",
        "carrier": "",
    }


def _add_rule(call: Call, account: Account) -> Answer:
    """Make a rule for delivery reports: for all (0), failures (1) or successes (2)."""
    try:
        given = json.loads(call.body)
        rule = {name: given[name] for name in ("rule_name", "match_type", "action", "action_address", "enabled")}
    except ValueError, TypeError, KeyError:
        return failure("BAD_REQUEST")
    rule["receipt_rule_id"] = len(account.webhooks) + 1
    account.webhooks = [*account.webhooks, rule]
    account.on_change()
    return success("Your new SMS receipt has been added.", json.dumps(rule).encode())


def _page(call: Call, account: Account, path: str, rows: Sequence[Mapping[str, Any]]) -> Answer:
    """A page of a list."""
    if (place := place_of(call, account)) is None:
        return failure("BAD_REQUEST")
    data = {**json.loads(frame(path, place, len(rows))), "data": rows[place]}
    return success("Here are your data.", json.dumps(data, ensure_ascii=False).encode())
