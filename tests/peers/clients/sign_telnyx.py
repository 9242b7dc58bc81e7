"""Telnyx's own library, which verifies, and PyNaCl, which signs."""

import base64

from nacl.signing import SigningKey
from talk import talk
from telnyx import Telnyx, TelnyxError


class Account:
    """An account."""

    def __init__(self, seed: str) -> None:
        """Take the seed of its key, in hexadecimal."""
        self._key = SigningKey(bytes.fromhex(seed))
        self._client = Telnyx(api_key="none", public_key=self.public_key())

    def public_key(self) -> str:
        """Return the key that verifies."""
        return base64.b64encode(bytes(self._key.verify_key)).decode()

    def sign(self, body: str, time: int) -> dict[str, str]:
        """Sign a body."""
        signature = base64.b64encode(self._key.sign(f"{time}|{body}".encode()).signature).decode()
        headers = {"telnyx-signature-ed25519": signature, "telnyx-timestamp": str(time)}
        assert self.is_signed("", body, headers)
        return headers

    def is_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a body; where it is sent to doesn't matter."""
        del url
        try:
            self._client.webhooks.unwrap(body, headers=headers)
        except ValueError, TelnyxError:
            return False
        return True


if __name__ == "__main__":
    talk(Account)
