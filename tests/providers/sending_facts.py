"""What differs between the vendors that send, as far as their tests must know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from custom_components.sms_inbox.model import Reason


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one vendor.

    Attributes:
        sender: A sender of the account; None where the vendor has only one, or chooses one.
        shown_sender: The sender that a phone shows of it; None where any will do.
        wrong_sender: A sender that is none of the account's, and is refused; None where none is.
        wrong_sender_reason: How that is refused.
        senders: What `senders` returns.
        refuses: The names of the texts in `test_sending` that are refused, beside those that nobody sends.
        refusals: The vendor's words for what it refuses.
        failures: Why a text that was taken has failed, by the reasons of `emulator.handsets.ERRORS`.
        phone: Whom the vendor can reach.
        has_ids: Whether the vendor gives ids.
        reads_answers: Whether the answer to a text is documented, so that any other one leaves the outcome unknown;
            where it isn't, only a web page does.
        refuses_repeats: Whether an equal text to the same number is refused for some seconds.
    """

    sender: str | None = None
    shown_sender: str | None = None
    wrong_sender: str | None = None
    wrong_sender_reason: Reason = Reason.SENDER_NOT_ALLOWED
    senders: tuple[str, ...] = ()
    refuses: frozenset[str] = frozenset()
    refusals: Mapping[str, Reason] = field(default_factory=dict)
    failures: Mapping[str, Reason | None] = field(default_factory=dict)
    phone: str = "+447700900321"
    has_ids: bool = True
    reads_answers: bool = True
    refuses_repeats: bool = False


NUMBER = "+44771234567"
FACTS: Mapping[str, Facts] = {
    "bulksms": Facts(
        sender=NUMBER,
        shown_sender="44771234567",
        refuses=frozenset({"template", "2,000 characters"}),
        refusals={
            "insufficient-credits": Reason.NO_CREDIT,
            "forbidden": Reason.ACCOUNT,
            "bad-request": Reason.REFUSED,
        },
        failures={
            "expired": Reason.EXPIRED,
            "unreachable": Reason.UNREACHABLE,
            "filtered": Reason.REFUSED,
            "opted_out": Reason.OPTED_OUT,
        },
    ),
    "bulletin": Facts(
        wrong_sender="+15005550001",
        wrong_sender_reason=Reason.REFUSED,
        refuses=frozenset({"2,000 characters"}),
        failures={"unreachable": Reason.UNREACHABLE},
        reads_answers=False,
    ),
    "clicksend": Facts(
        sender="+61411000111",
        shown_sender="+61411000111",
        wrong_sender="A name too long",
        senders=("+61411000111",),
        refuses=frozenset({"2,000 characters"}),
        refusals={
            "ACCOUNT_NOT_ACTIVATED": Reason.ACCOUNT,
            "BAD_REQUEST": Reason.REFUSED,
            "FORBIDDEN": Reason.ACCOUNT,
            "INSUFFICIENT_CREDIT": Reason.NO_CREDIT,
            "TOO_MANY_REQUESTS": Reason.RATE_LIMITED,
        },
        failures={
            "expired": Reason.EXPIRED,
            "unreachable": Reason.UNREACHABLE,
            "filtered": Reason.FILTERED,
            "opted_out": None,
        },
        refuses_repeats=True,
    ),
    "elks": Facts(
        sender=NUMBER,
        shown_sender=NUMBER,
        wrong_sender="A name that is too long",
        senders=(NUMBER,),
        refuses=frozenset({"2,000 characters"}),
        refusals={"Not enough credits": Reason.NO_CREDIT},
        failures={"unreachable": None},
    ),
    "gammu": Facts(refuses=frozenset({"2,000 characters"}), has_ids=False),
    "smsgate": Facts(
        sender="2",
        shown_sender="SIM 2",
        senders=("1", "2"),
        refusals={"Invalid type": Reason.REFUSED, "Insufficient permissions": Reason.ACCOUNT},
        failures={"expired": Reason.EXPIRED, "unreachable": Reason.UNREACHABLE, "filtered": None, "opted_out": None},
    ),
    "twilio": Facts(
        sender=NUMBER,
        shown_sender=NUMBER,
        wrong_sender="+15005550001",
        senders=(NUMBER,),
        refuses=frozenset({"2,000 characters"}),
        refusals={
            "20003": Reason.INVALID_AUTH,
            "20005": Reason.ACCOUNT,
            "20404": Reason.REFUSED,
            "20429": Reason.RATE_LIMITED,
            "21211": Reason.INVALID_RECIPIENT,
            "21408": Reason.COUNTRY_NOT_ALLOWED,
            "21606": Reason.SENDER_NOT_ALLOWED,
            "21608": Reason.ACCOUNT,
            "21610": Reason.OPTED_OUT,
            "21612": Reason.COUNTRY_NOT_ALLOWED,
            "21614": Reason.INVALID_RECIPIENT,
            "21617": Reason.TOO_LONG,
            "21624": Reason.REFUSED,
            "21659": Reason.SENDER_NOT_ALLOWED,
            "21661": Reason.SENDER_NOT_ALLOWED,
            "63038": Reason.DAILY_LIMIT,
            "70051": Reason.ACCOUNT,
        },
        failures={
            "expired": Reason.EXPIRED,
            "unreachable": Reason.UNREACHABLE,
            "filtered": Reason.FILTERED,
            "opted_out": Reason.OPTED_OUT,
        },
    ),
    "voipms": Facts(
        sender="2025550142",
        shown_sender="+12025550142",
        wrong_sender="2025550199",
        senders=("2025550142",),
        refuses=frozenset({"161 letters", "euro sign", "2,000 characters"}),
        refusals={
            "api_limit_exceeded": Reason.RATE_LIMITED,
            "api_not_enabled": Reason.ACCOUNT,
            "invalid_credentials": Reason.INVALID_AUTH,
            "invalid_did": Reason.SENDER_NOT_ALLOWED,
            "invalid_dst": Reason.INVALID_RECIPIENT,
            "ip_not_enabled": Reason.ACCOUNT,
            "limit_reached": Reason.DAILY_LIMIT,
            "message_empty": Reason.EMPTY,
            "no_credits": Reason.NO_CREDIT,
            "sms_failed": Reason.REFUSED,
            "sms_toolong": Reason.TOO_LONG,
        },
        phone="+12025550123",
    ),
}
