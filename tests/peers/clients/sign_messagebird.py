"""MessageBird's own library, which verifies, and PyJWT, which signs."""

import hashlib

import jwt
from messagebird import RequestValidator
from messagebird.error import ValidationError
from talk import talk


class Account:
    """An account."""

    def __init__(self, key: str) -> None:
        """Take the signing key."""
        self._key = key

    def sign(self, url: str, body: str, time: int, algorithm: str) -> dict[str, str]:
        """Sign a request."""
        claims = {
            "iss": "MessageBird",
            "nbf": time - 1,
            "exp": time + 60,
            "jti": "9a9ae4ab",
            "url_hash": hashlib.sha256(url.encode()).hexdigest(),
        }
        if body:
            claims["payload_hash"] = hashlib.sha256(body.encode()).hexdigest()
        headers = {"MessageBird-Signature-JWT": jwt.encode(claims, self._key, algorithm)}
        assert self.is_signed(url, body, headers)
        return headers

    def is_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a request."""
        token = headers["MessageBird-Signature-JWT"]
        try:
            RequestValidator(self._key).validate_signature(token, url, body.encode())
        except ValidationError:
            return False
        return True


if __name__ == "__main__":
    talk(Account)
