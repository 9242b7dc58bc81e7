"""Signatures of webhook requests, for the presets and for what a person describes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from .contract import WebhookRequest
from .errors import RefusedWebhookError


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One way in which webhook requests are signed."""

    replay_seconds: ClassVar[float] = 300.0

    def verify(self, request: WebhookRequest, key: str) -> None:
        """Refuse a request that isn't signed with the key, or was signed too long ago.

        Raises:
            RefusedWebhookError: It is not the sender's.
        """
        del request, key
        raise RefusedWebhookError("wrong signature")


def described(signature: Mapping[str, str]) -> Signature:
    """Return the signature that a person has described, see `Account.signature`."""
    del signature
    return Signature()


ALGORITHMS = ("sha256", "sha1", "sha512")
ENCODINGS = ("hex", "base64")
SIGNED = ("body", "body_time", "time_body", "time_dot_body", "url_body", "token")
