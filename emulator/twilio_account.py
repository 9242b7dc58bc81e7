"""What belongs to an account at Twilio beside its messages: its state, API keys, phone numbers and messaging services.

All of it is in `Account.extra`:

- `status`: `active`, `suspended` or `closed`; `error` is the code that everything but the account then answers.
- `friendly_name`: the account's name for people; it is its SID at first.
- `keys`: API keys by their SID, each with `secret`, `kind` (`main`, `standard` or `restricted`) and what it `may`.
- `numbers` and `services`: as the API shows them; a service has the SIDs of its `numbers`, too.
- `handler`: how received messages are reported: `twilio`, or, as SignalWire does it, `cxml` or `swml`.
- `shared_key`: the SharedKey that signs, with `sid`, `secret` and `algorithm`; none where the token signs.
- `receiving`: the ids of messages that are still arriving, whose texts aren't shown.
"""

from collections.abc import Collection
from typing import Any
import uuid

from .model import Account, Message

RIGHTS = ("messages", "numbers", "services")
KINDS = ("main", "standard", "restricted")
HANDLERS = ("twilio", "cxml", "swml")
FIRST_NUMBER = "+44771234567"


def status_of(account: Account) -> str:
    """The state of the account, as its resource tells it."""
    return str(account.extra.get("status", "active"))


def error_of(account: Account) -> int | None:
    """The code that everything but the account itself answers, None where the account is active."""
    return None if status_of(account) == "active" else int(account.extra.get("error", 20005))


def suspend(account: Account, error: int = 20005, status: str = "suspended") -> None:
    """Suspend or close an account."""
    account.extra |= {"status": status, "error": error}
    account.on_change()


def add_key(account: Account, sid: str, secret: str, kind: str = "standard", may: Collection[str] = RIGHTS) -> None:
    """Make an API key; only a restricted one may do less than the others of these rights."""
    if kind not in KINDS or not set(may) <= set(RIGHTS):
        raise ValueError(f"A key is one of {', '.join(KINDS)}, and has rights of {', '.join(RIGHTS)}.")
    account.extra.setdefault("keys", {})[sid] = {"secret": secret, "kind": kind, "may": [*may]}
    account.on_change()


def has_secret(account: Account, sid: str, secret: str) -> bool:
    """Whether this is the secret of one of the account's API keys."""
    key = account.extra.get("keys", {}).get(sid)
    return key is not None and key["secret"] == secret


def refusal(account: Account, username: str, right: str) -> int | None:
    """The code of the error for somebody who lacks a right, None where he has it; `account` is for the account."""
    key = account.extra.get("keys", {}).get(username)
    if key is None or key["kind"] == "main":
        return None
    if right == "account":
        return 20003
    return 70051 if key["kind"] == "restricted" and right not in key["may"] else None


def numbers_of(account: Account) -> list[dict[str, Any]]:
    """The account's phone numbers; a new account has one."""
    if "numbers" not in account.extra:
        account.extra["numbers"] = []
        add_number(account, FIRST_NUMBER)
    numbers: list[dict[str, Any]] = account.extra["numbers"]
    return numbers


def add_number(account: Account, phone_number: str, **fields: Any) -> dict[str, Any]:
    """Buy a phone number."""
    sid = f"PN{uuid.uuid4().hex}"
    number = {
        "account_sid": account.username,
        "capabilities": {"fax": False, "mms": True, "sms": True, "voice": True},
        "friendly_name": phone_number,
        "phone_number": phone_number,
        "sid": sid,
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "status": "in-use",
        "uri": f"/2010-04-01/Accounts/{account.username}/IncomingPhoneNumbers/{sid}.json",
        **fields,
    }
    account.extra.setdefault("numbers", []).append(number)
    account.on_change()
    return number


def services_of(account: Account) -> list[dict[str, Any]]:
    """The account's messaging services."""
    services: list[dict[str, Any]] = account.extra.setdefault("services", [])
    return services


def add_service(account: Account, name: str, numbers: Collection[dict[str, Any]] = (), **fields: Any) -> dict[str, Any]:
    """Make a messaging service with some of the numbers, which obey it from now on; at first it drops messages."""
    service = {
        "account_sid": account.username,
        "friendly_name": name,
        "inbound_method": "POST",
        "inbound_request_url": None,
        "numbers": [number["sid"] for number in numbers],
        "sid": f"MG{uuid.uuid4().hex}",
        "use_inbound_webhook_on_number": False,
        **fields,
    }
    services_of(account).append(service)
    account.on_change()
    return service


def receive_slowly(account: Account, message: Message) -> None:
    """Let a message be still arriving."""
    account.extra.setdefault("receiving", []).append(message.message_id)
    account.on_change()


def finish_receiving(account: Account) -> None:
    """Let all messages have arrived."""
    account.extra["receiving"] = []
    account.on_change()


def is_receiving(account: Account, message: Message) -> bool:
    """Whether a message is still arriving."""
    return message.message_id in account.extra.get("receiving", ())


def is_dropped(account: Account, message: Message) -> bool:
    """Whether a messaging service drops what its numbers receive: no list shows it."""
    if message.sent or message.raw is not None:
        return False
    return (service := _service(account, message)) is not None and not service["inbound_request_url"]


def address_of(account: Account, message: Message) -> str:
    """Where a message is reported, empty for nowhere: at its service, else its number, else where the customer said."""
    if (service := _service(account, message)) is not None:
        url = service["inbound_request_url"] or ""
    else:
        number = _number(account, message) or {}
        url = "" if number.get("sms_application_sid") else number.get("sms_url") or account.callback
    return str(url).partition("#")[0]


def _number(account: Account, message: Message) -> dict[str, Any] | None:
    return next((row for row in numbers_of(account) if row["phone_number"] == message.recipient), None)


def _service(account: Account, message: Message) -> dict[str, Any] | None:
    """The messaging service that decides about a message."""
    number = _number(account, message)
    for service in services_of(account):
        if number and number["sid"] in service["numbers"] and not service["use_inbound_webhook_on_number"]:
            return service
    return None
