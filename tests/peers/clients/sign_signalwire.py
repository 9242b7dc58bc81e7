"""The module of SignalWire's own library that verifies; it is loaded alone, since the others need a web server."""

import base64
import hmac
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import parse_qsl

from talk import talk

FOLDER = Path(next(iter(find_spec("signalwire").submodule_search_locations)))
SPEC = spec_from_file_location("webhook_validator", FOLDER / "core" / "security" / "webhook_validator.py")
library = module_from_spec(SPEC)
SPEC.loader.exec_module(library)
HEADERS = {"sha1": "X-SignalWire-Signature", "sha256": "X-SignalWire-Sha256-Signature"}
VALIDATORS = {"sha1": library.validate_webhook_signature, "sha256": library.validate_webhook_signature_sha256}


class Project:
    """A project."""

    def __init__(self, key: str) -> None:
        """Take the signing key."""
        self._key = key

    def sign(self, url: str, body: str, algorithm: str) -> dict[str, str]:
        """Sign a body of JSON."""
        signature = hmac.digest(self._key.encode(), (url + body).encode(), algorithm).hex()
        assert VALIDATORS[algorithm](self._key, signature, url, body)
        return {HEADERS[algorithm]: signature}

    def sign_form(self, url: str, body: str) -> dict[str, str]:
        """Sign a form."""
        text = url + "".join(name + value for name, value in sorted(parse_qsl(body, keep_blank_values=True)))
        signature = base64.b64encode(hmac.digest(self._key.encode(), text.encode(), "sha1")).decode()
        assert VALIDATORS["sha1"](self._key, signature, url, body)
        return {HEADERS["sha1"]: signature}

    def is_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a call with JSON by both signatures."""
        return all(VALIDATORS[algorithm](self._key, headers[name], url, body) for algorithm, name in HEADERS.items())

    def is_form_signed(self, url: str, body: str, headers: dict[str, str]) -> bool:
        """Check a call with a form."""
        return VALIDATORS["sha1"](self._key, headers[HEADERS["sha1"]], url, body)


if __name__ == "__main__":
    talk(Project)
