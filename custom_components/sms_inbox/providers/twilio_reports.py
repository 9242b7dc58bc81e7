"""What Twilio and SignalWire say of a text that was sent: the words of its states, and the codes of failures.

Source: the vendor's OpenAPI description `twilio_api_v2010` (schema `message_enum_status`), the pages of its errors, and
"Outbound Message Status in Status Callbacks". `partially_delivered` is not delivered: a part of the text is missing.
"""

from typing import Any, Final

from ..model import Reason, Report, SendStatus
from .parsing import text_of

STATUSES: Final = {
    "accepted": SendStatus.ACCEPTED,
    "scheduled": SendStatus.ACCEPTED,
    "queued": SendStatus.ACCEPTED,
    "sending": SendStatus.ACCEPTED,
    "sent": SendStatus.SENT,
    "partially_delivered": SendStatus.SENT,
    "delivered": SendStatus.DELIVERED,
    "read": SendStatus.DELIVERED,
    "undelivered": SendStatus.FAILED,
    "failed": SendStatus.FAILED,
    "canceled": SendStatus.FAILED,
}
REASONS: Final = {
    "21610": Reason.OPTED_OUT,
    "30001": Reason.EXPIRED,
    "30002": Reason.ACCOUNT,
    "30003": Reason.UNREACHABLE,
    "30004": Reason.FILTERED,
    "30005": Reason.INVALID_RECIPIENT,
    "30006": Reason.INVALID_RECIPIENT,
    "30007": Reason.FILTERED,
    "30034": Reason.SENDER_NOT_ALLOWED,
    "30036": Reason.EXPIRED,
    "63038": Reason.DAILY_LIMIT,
}
"""Why a text failed, by the vendor's code; others say no more than that it did."""


def report_of(sid: str, status: str, code: Any = None, **charged: Any) -> Report | None:
    """Return what a state says of a text, None where it is none that is known.

    Args:
        sid: The vendor's id of the text.
        status: The vendor's word.
        code: The vendor's code of what went wrong, as a number or as text.
        charged: Parts, cost and currency, as in `Report`.
    """
    if not (found := STATUSES.get(status)):
        return None
    reason = REASONS.get(text_of(code) if isinstance(code, str) else str(code))
    return Report(status=found, provider_id=sid, reason=reason if found is SendStatus.FAILED else None, **charged)
