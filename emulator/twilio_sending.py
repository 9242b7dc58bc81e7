"""Texts that a client submits to Twilio or SignalWire, and what is told of them.

What an account refuses is in `Account.extra`, too: `opted_out` are the recipients who want nothing more, and
`countries` the beginnings of the only numbers to which the account may send, such as `+44`.
"""

from collections.abc import Mapping
import re
from typing import Any
from urllib.parse import urlsplit

from . import twilio_account as state
from .alphabet import parts
from .model import Account, Message
from .protocol import Call

ERRORS = {
    21211: (400, "The 'To' number is not a valid phone number."),
    21212: (400, "The 'From' number is not a valid phone number."),
    21408: (403, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number is not a valid, SMS-capable phone number for this account."),
    21608: (400, "The number is unverified. Trial accounts cannot send messages to unverified numbers."),
    21609: (400, "The 'StatusCallback' URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21612: (400, "The 'To' phone number is not currently reachable via SMS."),
    21614: (400, "'To' number is not a valid mobile number."),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21624: (400, "The ValidityPeriod is not valid."),
    21659: (400, "'From' is not a Twilio phone number or Short Code country mismatch"),
    21661: (400, "The 'From' number is not SMS-capable"),
    21703: (400, "The Messaging Service does not have a phone number."),
    63038: (429, "Account exceeded the daily messages limit"),
}
"""The vendor's codes for a text that is not taken."""
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
LONGEST = 1600
VALIDITIES = range(1, 14_401)
PRICE = 0.0075
STATES = {"accepted": "queued", "sent": "sent", "delivered": "delivered", "failed": "undelivered"}
FAILURES = {"expired": 30036, "unreachable": 30003, "filtered": 30007, "opted_out": 21610}
SIMILAR = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2026": "..."})
"""What smart encoding replaces: quotes, dashes and the ellipsis."""


class RefusedTextError(Exception):
    """A text that is not taken."""

    def __init__(self, code: int) -> None:
        """Take the vendor's code."""
        super().__init__(code)
        self.code = code


def submit(call: Call, account: Account) -> Message:
    """Take a text and send it.

    Raises:
        RefusedTextError: It is not taken.
    """
    fields = call.fields
    recipient, text = fields.get("To", ""), fields.get("Body", "")
    sender, is_smart = _sender(fields, account)
    validity, callback = fields.get("ValidityPeriod", "14400"), fields.get("StatusCallback", "")
    problems = {
        21604: not recipient,
        21211: not NUMBER.fullmatch(recipient),
        21602: not text,
        21617: len(text) > LONGEST,
        21408: not recipient.startswith(tuple(account.extra.get("countries", ("+",)))),
        21610: recipient in account.extra.get("opted_out", ()),
        21624: not validity.isdecimal() or int(validity) not in VALIDITIES,
        21609: bool(callback) and urlsplit(callback).scheme not in ("http", "https"),
    }
    if code := next((code for code, is_so in problems.items() if is_so), None):
        raise RefusedTextError(code)
    shown = text.translate(SIMILAR) if is_smart else text
    return account.submit(text, sender=sender, recipient=recipient, shown=shown, callback=callback)


def described(message: Message) -> dict[str, Any]:
    """The fields of a sent text's row that say what became of it."""
    is_priced = message.status != "accepted"
    return {
        "direction": "outbound-api",
        "error_code": error_of(message),
        "price": f"-{parts(message.text) * PRICE:.5f}" if is_priced else None,
        "status": STATES[message.status],
    }


def error_of(message: Message) -> int | None:
    """The code of why a text failed."""
    return FAILURES.get(message.error) if message.status == "failed" else None


def status_form(message: Message, account: Account) -> dict[str, str]:
    """What a call says of the state of a sent text."""
    code, status = error_of(message), STATES[message.status]
    return {
        "AccountSid": account.username,
        "ApiVersion": "2010-04-01",
        "From": message.sender,
        "MessageSid": message.message_id,
        "MessageStatus": status,
        "SmsSid": message.message_id,
        "SmsStatus": status,
        "To": message.recipient,
        **({"ErrorCode": str(code)} if code else {}),
    }


def _sender(fields: Mapping[str, str], account: Account) -> tuple[str, bool]:
    """The sender's number, and whether similar characters replace others, which services do unless told otherwise."""
    is_smart = fields.get("SmartEncoded")
    if service_sid := fields.get("MessagingServiceSid"):
        service = next((row for row in state.services_of(account) if row["sid"] == service_sid), None)
        members = [row for row in state.numbers_of(account) if service and row["sid"] in service["numbers"]]
        if not members:
            raise RefusedTextError(21703)
        return str(members[0]["phone_number"]), is_smart != "false"
    if not (sender := fields.get("From", "")):
        raise RefusedTextError(21603)
    number = next((row for row in state.numbers_of(account) if row["phone_number"] == sender), None)
    if number is None:
        raise RefusedTextError(21659)
    if not number["capabilities"]["sms"]:
        raise RefusedTextError(21661)
    return sender, is_smart == "true"
