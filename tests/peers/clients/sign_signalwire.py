"""The module of SignalWire's own library that verifies; it is loaded alone, since the others need a web server."""

import hashlib
import hmac
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from talk import talk

FOLDER = Path(next(iter(find_spec("signalwire").submodule_search_locations)))
SPEC = spec_from_file_location("webhook_validator", FOLDER / "core" / "security" / "webhook_validator.py")
validator = module_from_spec(SPEC)
SPEC.loader.exec_module(validator)


class Project:
    """A project."""

    def __init__(self, key: str) -> None:
        """Take the signing key."""
        self._key = key

    def sign(self, url: str, body: str) -> dict[str, str]:
        """Sign a JSON body, by both hashes."""
        sha1, sha256 = (
            hmac.digest(self._key.encode(), (url + body).encode(), name).hex()
            for name in (hashlib.sha1, hashlib.sha256)
        )
        assert validator.validate_webhook_signature(self._key, sha1, url, body)
        assert validator.validate_webhook_signature_sha256(self._key, sha256, url, body)
        return {"X-SignalWire-Signature": sha1, "X-SignalWire-Sha256-Signature": sha256}


if __name__ == "__main__":
    talk(Project)
