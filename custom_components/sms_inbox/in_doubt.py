"""Texts that may have been sent: when each is looked into, and what the vendor says of it."""

from dataclasses import dataclass
from datetime import timedelta
import logging
from typing import Final

from homeassistant.util import dt as dt_util

from .model import Accepted, Reason, SendStatus, SentText
from .providers.errors import ProviderError
from .providers.sending import Sending
from .store import Store, outgoing

_LOGGER = logging.getLogger(__name__)

LOOKS: Final = (2.0, 8.0, 20.0, 30.0, 60.0)
"""Pauses between the attempts to find out what became of a text, in seconds; the last one is repeated."""
LOOK_SECONDS: Final = sum(LOOKS)
"""A text that the vendor doesn't know so long after the last request with it is not looked for again."""
CLOCK_STEP: Final = timedelta(minutes=1)
"""How far the clock may be set back while a repeat of a request is still safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of a request, until it is stored; `QUEUED` puts the text back into the queue."""

    key: str
    status: SendStatus
    accepted: Accepted | None = None
    reason: Reason | None = None


@dataclass(kw_only=True, slots=True)
class InDoubt:
    """A text that may have been sent; times are by the event loop's clock, in seconds.

    Attributes:
        text: The text.
        tried_at: When the last request with it began, or when it was found in the store at a start.
        due: When it is looked into next.
        looks: How often it was looked into.
        may_repeat: Whether the same request may be sent again, as far as the vendor has not refused that.
    """

    text: SentText
    tried_at: float
    due: float
    looks: int = 0
    may_repeat: bool = True

    def plan(self, now: float) -> None:
        """Plan the next look."""
        self.due = now + LOOKS[min(self.looks, len(LOOKS) - 1)]
        self.looks += 1

    def is_repeatable(self, sending: Sending) -> bool:
        """Whether the vendor takes a repeat for the text that it may have, and it is not too late to send it."""
        text = self.text.outgoing
        if not self.may_repeat or not sending.deduplicates:
            return False
        begun_at = text.begun_at or text.created_at
        return begun_at - CLOCK_STEP <= dt_util.utcnow() < min(begun_at + sending.deduplicates, text.expires_at)

    async def async_look_for(self, sending: Sending, store: Store, now: float) -> Answer | None:
        """Return what became of it, as far as the vendor tells; None where it is to be looked for once more.

        A vendor that can't be asked is asked again until the text's time is over. An equal text that has the id of
        another one of ours isn't this one.

        Raises:
            StoreError: The store can't be read.
        """
        text, is_over = self.text.outgoing, now - self.tried_at >= LOOK_SECONDS
        if sending.finds_sent:
            try:
                found = await sending.find_sent(text)
            except ProviderError as err:
                _LOGGER.debug("A text could not be looked for: %s", err)
                is_over = is_over and text.expires_at <= dt_util.utcnow()
            else:
                if found and not await store.read(
                    outgoing.is_of_another, self.text.account, text.key, found.provider_id
                ):
                    return Answer(key=text.key, status=SendStatus.ACCEPTED, accepted=found)
            if not is_over:
                return None
        return Answer(key=text.key, status=SendStatus.UNKNOWN, reason=Reason.NO_ANSWER)
