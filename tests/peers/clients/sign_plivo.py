"""Plivo's own library, which signs as version 3 has it, and verifies both versions."""

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlsplit

from plivo.utils import validate_signature
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3, validate_v3_signature
from talk import talk

NONCE = "77123"


class Plivo:
    """An account."""

    def __init__(self, key: str) -> None:
        """Take the token."""
        self._key = key

    def version_3(self, url: str, body: str, header: str) -> dict[str, str]:
        """Sign a form, in a header of this name."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        base = construct_post_url(url, form).decode()
        signature = get_signature_v3(self._key.encode(), base, NONCE).decode()
        headers = {header: signature, "X-Plivo-Signature-V3-Nonce": NONCE}
        assert self.is_signed(url, body, headers, header)
        return headers

    def is_signed(self, url: str, body: str, headers: dict[str, str], header: str = "X-Plivo-Signature-V3") -> bool:
        """Check a form."""
        form = dict(parse_qsl(body, keep_blank_values=True))
        nonce = headers["X-Plivo-Signature-V3-Nonce"]
        return validate_v3_signature("POST", url, nonce, self._key, headers[header], form)

    def version_2(self, url: str) -> dict[str, str]:
        """Sign an address."""
        base = urlsplit(url)._replace(query="").geturl() + NONCE
        digest = hmac.digest(self._key.encode(), base.encode(), hashlib.sha256)
        signature = base64.b64encode(digest).decode()
        assert validate_signature(url, NONCE, signature, self._key)
        return {"X-Plivo-Signature-V2": signature, "X-Plivo-Signature-V2-Nonce": NONCE}


if __name__ == "__main__":
    talk(Plivo)
