"""What can go wrong at a provider. No error holds anything of a person: errors are logged and shown in diagnostics."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from ..model import Reason


class ProviderError(Exception):
    """A provider could not do what it was asked to do.

    The text says why in a few words, with the vendor's own code or word where it sent one.

    Attributes:
        key: Translation key of the message for a person.
        hint: Translation key of what a person can do about it, where the vendor's reason is known; else None.
        placeholders: Values for the placeholders in the text of the hint; nothing of a person.
        retry_after: Seconds to wait before the next request, None where the provider doesn't say.
        raw: Body of an answer that was not understood, for providers whose reads consume.
        word: The vendor's own code or word, None where it sent none.
    """

    key: ClassVar[str]

    def __init__(
        self,
        reason: str,
        *,
        hint: str | None = None,
        placeholders: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        raw: bytes | None = None,
        word: str | None = None,
    ) -> None:
        """Take the reason in a few words."""
        super().__init__(reason)
        self.hint = hint
        self.placeholders = placeholders or {}
        self.retry_after = retry_after
        self.raw = raw
        self.word = word


class AuthenticationError(ProviderError):
    """The provider refuses the user name or the password."""

    key = "invalid_auth"


class RateLimitedError(ProviderError):
    """The provider asks for fewer requests."""

    key = "rate_limited"


class TemporaryError(ProviderError):
    """The provider can't be reached or has a fault of its own; trying later may help."""

    key = "cannot_connect"


class ProtocolError(ProviderError):
    """The provider's answer is not what its documentation describes."""

    key = "unexpected_answer"


class ConfigurationError(ProviderError):
    """The provider refuses this request, or the server address is wrong; usually a person must change something."""

    key = "invalid_configuration"


class InsecureAddressError(ConfigurationError):
    """The server address would send the password unencrypted over the internet."""

    key = "insecure_url"


class RefusedWebhookError(Exception):
    """A webhook request is not the vendor's, or has nothing in it. The text holds nothing of a person.

    Attributes:
        status: The HTTP status to answer with.
    """

    def __init__(self, reason: str, *, status: int = HTTPStatus.FORBIDDEN) -> None:
        """Take the reason in a few words for the log."""
        super().__init__(reason)
        self.status = status


class NotSentError(Exception):
    """A text was surely not sent. The error holds nothing of a person.

    Attributes:
        reason: Why.
        retry_after: Seconds after which the vendor takes it, None where it doesn't say.
        word: The vendor's own code or word, None where it sent none.
    """

    def __init__(self, reason: Reason, *, retry_after: float | None = None, word: str | None = None) -> None:
        """Take the reason."""
        super().__init__(f"{reason}" + (f" ({word})" if word else ""))
        self.reason = reason
        self.retry_after = retry_after
        self.word = word


class UnknownOutcomeError(Exception):
    """A text may have been sent, or not. The error says in a few words why, and holds nothing of a person."""
