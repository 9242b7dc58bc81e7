"""SMS Gateway for Android: texts that a client submits, and what the app tells of them."""

import json
import re
from typing import Any
import uuid

from .alphabet import parts
from .model import Account, Message
from .protocol import Call
from .smsgate_phone import OWN_NUMBER, BadRequestError, device_id, iso

NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
STATES = {"accepted": "Pending", "sent": "Sent", "delivered": "Delivered", "failed": "Failed"}
"""The states of a submitted text; each has an event, but the first."""
FAILURES = {
    "expired": "TTL expired",
    "unreachable": "Delivery result from SC +44770090: 70",
    "filtered": "Send result: RESULT_NETWORK_REJECT (Failed because of network rejection)",
    "opted_out": "Send result: RESULT_ERROR_GENERIC_FAILURE (Generic failure cause)",
    "invalid": "sendSMS: Invalid phone number",
}
CONFLICT = "Message with the same ID already exists"


def checked_submission(call: Call) -> dict[str, Any]:
    """What a request wants to be sent: the arguments of `Account.submit`."""
    try:
        fields = json.loads(call.body)
        numbers, text, old = fields["phoneNumbers"], fields.get("textMessage"), fields.get("message")
        content = text["text"] if text else old
    except ValueError, TypeError, KeyError, AttributeError:
        raise BadRequestError("Failed to convert request body to class PostMessageRequest") from None
    if text and old:
        raise BadRequestError("Cannot specify multiple message types simultaneously")
    if not isinstance(content, str) or not content:
        raise BadRequestError("Text message is empty")
    if not isinstance(numbers, list) or len(numbers) != 1 or not isinstance(numbers[0], str):
        raise BadRequestError("Empty phone numbers list")
    if fields.get("ttl") is not None and fields.get("validUntil") is not None:
        raise BadRequestError("fields conflict: ttl and validUntil")
    if not isinstance(ttl := fields.get("ttl", 1), int) or ttl < 0:
        raise BadRequestError("message already expired")
    if (number := fields.get("simNumber")) is not None and (not isinstance(number, int) or number < 1):
        raise BadRequestError("SIM number cannot be less than 1")
    return {
        "text": content,
        "sender": OWN_NUMBER if number in (None, 1) else f"SIM {number}",
        "recipient": numbers[0],
        "message_id": fields.get("id") or uuid.uuid4().hex[:21],
        "key": fields.get("id"),
        "is_checked": call.fields.get("skipPhoneValidation") != "true",
    }


def submit(wanted: dict[str, Any], account: Account) -> Message:
    """Take a text; if its number was to be looked at and is wrong, it arrives nowhere."""
    is_checked = wanted.pop("is_checked")
    if not is_checked or NUMBER.fullmatch(wanted["recipient"]):
        return account.submit(**wanted)
    now = account.now()
    message = Message(**wanted, received_at=now, sent_at=now, sent=True, status="failed", error="invalid")
    account.add(message)
    return message


def submission(message: Message, account: Account) -> dict[str, Any]:
    """A submitted text, as the app shows it."""
    state, error = STATES[message.status], FAILURES.get(message.error) if message.status == "failed" else None
    return {
        "id": message.message_id,
        "deviceId": device_id(account),
        "state": state,
        "isHashed": False,
        "isEncrypted": False,
        "textMessage": {"text": message.text},
        "recipients": [{"phoneNumber": message.recipient, "state": state, "error": error}],
        "states": {state: iso(message.received_at, account)},
    }


def status_payload(message: Message, account: Account) -> dict[str, Any]:
    """What a call says of the state of a submitted text."""
    now = iso(account.now(), account)
    told: dict[str, dict[str, Any]] = {
        "sent": {"partsCount": parts(message.text), "sentAt": now},
        "delivered": {"deliveredAt": now},
        "failed": {"failedAt": now, "reason": FAILURES.get(message.error, "Unknown")},
    }
    return {
        "messageId": message.message_id,
        "sender": message.sender,
        "recipient": message.recipient,
        "simNumber": 1,
        "phoneNumber": message.recipient,
        **told.get(message.status, {}),
    }
