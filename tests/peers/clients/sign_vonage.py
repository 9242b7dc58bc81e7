"""Vonage's own libraries, which sign and verify: that of now with HMAC, and that of before by a hash alone, too."""

from urllib.parse import parse_qsl

import nexmo
from talk import talk
from vonage_http_client import Auth


class Account:
    """An account."""

    def __init__(self, key: str) -> None:
        """Take the signature secret."""
        self._key = key

    def sign(self, body: str, method: str | None) -> dict[str, str]:
        """Return what signs a form, by HMAC with a hash of this name, or by MD5 without HMAC."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        if method is None:
            client = nexmo.Client(key="key", secret="none", signature_secret=self._key)
            signature = client.signature({**form})
            assert client.check_signature({**form, "sig": signature})
        else:
            auth = Auth(api_key="key", signature_secret=self._key, signature_method=method)
            signature = auth.sign_params({**form})
            assert auth.check_signature({**form, "sig": signature})
        return {"sig": signature}

    def is_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a form by HMAC with SHA-256; where it is sent to doesn't matter."""
        del url, headers
        auth = Auth(api_key="key", signature_secret=self._key, signature_method="sha256")
        return auth.check_signature(dict(parse_qsl(body, keep_blank_values=True)))


if __name__ == "__main__":
    talk(Account)
