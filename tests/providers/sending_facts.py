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
        senders: What `senders` returns.
        refuses: The names of the texts in `test_sending` that are refused, beside those that nobody sends.
        refusals: The vendor's words for what it refuses.
        failures: Why a text that was taken has failed, by the reasons of `emulator.handsets.ERRORS`.
        has_ids: Whether the vendor gives ids.
        reads_answers: Whether an answer 200 that isn't the documented one leaves the outcome unknown.
    """

    sender: str | None = None
    shown_sender: str | None = None
    wrong_sender: str | None = None
    senders: tuple[str, ...] = ()
    refuses: frozenset[str] = frozenset()
    refusals: Mapping[str, Reason] = field(default_factory=dict)
    failures: Mapping[str, Reason | None] = field(default_factory=dict)
    has_ids: bool = True
    reads_answers: bool = True


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
}
