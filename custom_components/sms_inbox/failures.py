"""The reaction to each kind of error, as one table, and the count of failures of one account.

The reaction is the same at start-up as at any other time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
import random
from typing import Any, Final

from .const import DOMAIN
from .providers.errors import (
    AuthenticationError,
    ConfigurationError,
    InsecureAddressError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from .store import StoreError

type Failure = ProviderError | StoreError

LONGEST_PAUSE: Final = 5 * 60.0
LONG_OUTAGE: Final = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reaction:
    """The reaction to a kind of error: the poll is retried for ever, and a person is notified.

    If a provider can't be read for hours and neither of the two limits below is reached, a repair issue shows that.

    Attributes:
        key: Translation key of the message for a person.
        first_pause: Seconds until the first retry; each further one doubles it.
        longest_pause: Seconds between two retries at most. A longer `Retry-After` is kept all the same.
        login_from: How many such errors in a row lead to a request to log in; None for never.
        refused_from: How many such errors in a row lead to a repair issue about a refusal; None for never.
    """

    key: str
    first_pause: float = 30.0
    longest_pause: float = LONGEST_PAUSE
    login_from: int | None = None
    refused_from: int | None = None


REACTIONS: Final[dict[type[Failure], Reaction]] = {
    AuthenticationError: Reaction(key="invalid_auth", login_from=2),
    ConfigurationError: Reaction(key="invalid_configuration", refused_from=3),
    InsecureAddressError: Reaction(key="insecure_url", refused_from=3),
    TemporaryError: Reaction(key="cannot_connect"),
    ProtocolError: Reaction(key="unexpected_answer"),
    RateLimitedError: Reaction(key="rate_limited"),
    StoreError: Reaction(key="store_failed", first_pause=1.0, longest_pause=60.0),
}


def translated(failure: Failure, account: str) -> dict[str, Any]:
    """Return the arguments with which an error of Home Assistant is shown in a person's language."""
    return {
        "translation_domain": DOMAIN,
        "translation_key": REACTIONS[type(failure)].key,
        "translation_placeholders": {"account": account, "error": str(failure)},
    }


class Failures:
    """The failures of one account since its last success.

    Attributes:
        since: When the first failure of the provider was, maybe before a restart; None where there is none.
        last: The last failure, of the provider or the store.
        count: How many failures of the provider there were, without those before a restart.
        in_a_row: How many failures of the same kind as the last one there were in a row.
    """

    def __init__(self, since: datetime | None) -> None:
        """Begin with the outage that began before the start, if there is one."""
        self.since = since
        self.last: Failure | None = None
        self.count = 0
        self.in_a_row = 0

    def add(self, failure: Failure, now: datetime) -> None:
        """Count a failure."""
        self.in_a_row = self.in_a_row + 1 if type(failure) is type(self.last) else 1
        self.last = failure
        if isinstance(failure, ProviderError):
            self.count += 1
            self.since = self.since or now

    def clear(self) -> None:
        """Note a success."""
        self.since = self.last = None
        self.count = self.in_a_row = 0

    @property
    def asks_for_login(self) -> bool:
        """Whether a person must log in again."""
        return self._has_reached("login_from")

    @property
    def shows_refusal(self) -> bool:
        """Whether a repair issue shows that the provider refuses."""
        return self._has_reached("refused_from")

    def shows_outage(self, now: datetime) -> bool:
        """Whether a repair issue shows that the provider could not be read for hours, unless another one says why."""
        if not isinstance(self.last, ProviderError) or self.asks_for_login or self.shows_refusal:
            return False
        return self.since is not None and now - self.since >= LONG_OUTAGE

    @property
    def pause(self) -> float:
        """The seconds until the next try, never fewer than the provider asks for."""
        if self.last is None:
            return 0.0
        reaction = REACTIONS[type(self.last)]
        if self.asks_for_login:
            return max(reaction.longest_pause, self.retry_after + 1)
        number = self.count if isinstance(self.last, ProviderError) else self.in_a_row
        pause = min(reaction.first_pause * 2.0 ** min(number - 1, 10), reaction.longest_pause)
        # Random, so that not all clients return at once; plus 1, since a coordinator counts from the last full second.
        return max(pause * random.uniform(0.5, 1), self.retry_after + 1)  # noqa: S311

    @property
    def shortest_pause(self) -> float:
        """The seconds until a webhook request may cause a poll, if the provider asked to wait or refuses the login."""
        refused = REACTIONS[type(self.last)].first_pause if self.last and self.asks_for_login else 0.0
        return max(refused, self.retry_after)

    @property
    def retry_after(self) -> float:
        """The seconds that the provider asked us to wait, 0 if it didn't."""
        return (isinstance(self.last, ProviderError) and self.last.retry_after) or 0.0

    def _has_reached(self, limit: str) -> bool:
        """Whether the failures in a row have reached a limit in the table."""
        least: int | None = getattr(REACTIONS[type(self.last)], limit) if self.last else None
        return least is not None and self.in_a_row >= least
