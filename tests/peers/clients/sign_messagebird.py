"""MessageBird's own library, which verifies, and PyJWT, which signs."""

import hashlib

import jwt
from messagebird import RequestValidator
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
        token = jwt.encode(claims, self._key, algorithm)
        RequestValidator(self._key).validate_signature(token, url, body.encode())  # raises where it doesn't accept it
        return {"MessageBird-Signature-JWT": token}


if __name__ == "__main__":
    talk(Account)
