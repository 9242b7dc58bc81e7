"""Sinch's own library, which signs and verifies."""

from sinch.domains.authentication.sinch_events.v1.authentication_validation import (
    calculate_sinch_event_signature,
    compute_signed_data,
)
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent
from talk import talk

NONCE = "01FJA8B4A7BM43YGWSG9GBV067"


class Account:
    """An account."""

    def __init__(self, key: str) -> None:
        """Take the secret."""
        self._key = key

    def sign(self, body: str, time: int) -> dict[str, str]:
        """Sign a body."""
        signed = compute_signed_data(body, NONCE, str(time))
        headers = {
            "x-sinch-webhook-signature": calculate_sinch_event_signature(signed, self._key),
            "x-sinch-webhook-signature-nonce": NONCE,
            "x-sinch-webhook-signature-timestamp": str(time),
        }
        assert self.is_signed("", body, headers)
        return headers

    def is_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a body; where it is sent to doesn't matter."""
        del url
        return SmsSinchEvent(self._key).validate_authentication_header(headers, body)


if __name__ == "__main__":
    talk(Account)
