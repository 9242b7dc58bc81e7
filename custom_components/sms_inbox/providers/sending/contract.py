"""The contract of sending: what the outbox asks of a vendor.

A vendor that can send has one class here, in a file of its own, beside the `Provider` that reads its inbox. It sends
one text in one request, says what became of it, and never repeats a request by itself: whether a text may be sent again
is decided by the outbox, from what is documented here of each vendor.

Three outcomes are kept apart. *Accepted*: the vendor says so. *Not sent*: that is proven, since no connection was made,
or since the vendor refused the text in the way that it documents. *Unknown*: everything else, such as an answer that
was lost, a status 5xx, a redirect, or an answer that can't be understood.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, ClassVar, Literal

from ...model import Accepted, Outgoing, Reason, Report
from ..contract import Provider
from ..errors import NotSentError, UnknownOutcomeError
from ..http import HttpResponse
from .sizes import parts_of

type SenderUse = Literal["none", "optional", "required"]

SEND_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """How long one text may be at a vendor.

    Attributes:
        most: The number.
        unit: What is counted: `parts`, `characters` (Unicode code points), or `bytes` (of UTF-8).
    """

    most: int
    unit: Literal["parts", "characters", "bytes"]


class Sending(ABC):
    """Sends texts from one account at one vendor.

    Attributes:
        key: Key of the provider that reads the same account.
        sender_use: Whether a request names the sender: `none` where the vendor has only one, such as the SIM card;
            `optional`; or `required`.
        limit: How long a text may be; what is longer is refused before it is sent.
        deduplicates: How long the vendor takes a repeat with the same key for the text that it has accepted already,
            so that the same request may be sent again; None where each request is another SMS.
        finds_sent: Whether `find_sent` can tell what became of a request whose answer was lost.
        polls_reports: Whether `reports` can ask what became of accepted texts.
        takes_status_url: Whether a request can name where the vendor sends its delivery reports.
        replies_are_certain: Whether `Message.in_reply_to` names the very text that a person has answered. Otherwise it
            is only the latest one that was sent to them.
        status_url: Where the vendor may send its delivery reports; empty where the account has no webhook.
    """

    key: ClassVar[str]
    sender_use: ClassVar[SenderUse]
    limit: ClassVar[Limit]
    deduplicates: ClassVar[timedelta | None] = None
    finds_sent: ClassVar[bool] = False
    polls_reports: ClassVar[bool] = False
    takes_status_url: ClassVar[bool] = False
    replies_are_certain: ClassVar[bool] = False

    def __init__(self, provider: Provider) -> None:
        """Take the provider of the account, whose address and credentials are used."""
        self._provider = provider
        self.status_url = ""

    async def senders(self) -> tuple[str, ...]:
        """Return what the account may use as the sender, for the options; empty where that can't be asked.

        Raises:
            ProviderError: One of its kinds.
        """
        return ()

    def check(self, text: str) -> int:
        """Return how many parts a text takes.

        Raises:
            NotSentError: The text is empty or too long, or the vendor would alter it.
        """
        if not text.strip():
            raise NotSentError(Reason.EMPTY)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise NotSentError(Reason.UNSUITABLE_TEXT)
        parts = self.parts(text)
        sizes = {"parts": parts, "characters": len(text), "bytes": len(text.encode())}
        if sizes[self.limit.unit] > self.limit.most:
            raise NotSentError(Reason.TOO_LONG)
        return parts

    def parts(self, text: str) -> int:
        """Return how many parts the vendor makes of a text."""
        return parts_of(text)

    @abstractmethod
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Send one text with one request; it is stored already, see `Outgoing`.

        Raises:
            NotSentError: It was surely not sent.
            UnknownOutcomeError: It may have been sent.
        """

    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Return the text as the vendor has accepted it, None where the vendor doesn't know it (yet).

        Only used where `finds_sent` is set. A text without an id of ours is found by recipient, text and time.

        Raises:
            ProviderError: It could not be looked for.
        """
        raise NotImplementedError

    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Return what has become of texts that were accepted, as far as the vendor says.

        Only used where `polls_reports` is set. Nothing is returned of those of which nothing is known.

        Raises:
            ProviderError: One of its kinds.
        """
        raise NotImplementedError

    async def post(
        self, path: str, *, wait: float = SEND_SECONDS, accept: Collection[int] = (), **options: Any
    ) -> HttpResponse:
        """Send one request on a connection of its own, and return its answer if that is 2xx or expected.

        A refusal by status is recognised here, and with `refusal` by what the vendor writes.

        Args:
            path: Below the server's address, without a leading slash.
            wait: Seconds that the answer may take.
            accept: Statuses beside 2xx that are an answer.
            options: Query, body and headers, see `HttpClient.post_once`.

        Raises:
            NotSentError: No connection was made, or the vendor has refused the text.
            UnknownOutcomeError: For everything else.
        """
        response = await self._provider.post_once(path, wait=wait, **options)
        if 200 <= response.status < 300 or response.status in accept:
            return response
        if refusal := self.refusal(response):
            raise refusal
        match response.status:
            case HTTPStatus.UNAUTHORIZED:
                raise NotSentError(Reason.INVALID_AUTH)
            case HTTPStatus.TOO_MANY_REQUESTS:
                raise NotSentError(Reason.RATE_LIMITED, retry_after=response.retry_after)
            case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED | HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                raise NotSentError(Reason.REFUSED, word=f"HTTP status {response.status}")
        raise UnknownOutcomeError(f"HTTP status {response.status}")

    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return the refusal that an answer is, in the way that the vendor documents; None for any other answer."""
        del response
        return None
