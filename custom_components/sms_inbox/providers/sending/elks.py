"""Sending by 46elks.

Source: the vendor's pages "Send an SMS", "SMS delivery reports", "SMS history" and "Get SMS by ID". They document the
form and its answer, the states, and the history of what was sent. There is no key by which a repeat is recognised, so
a lost text is looked for by recipient, text and time; `dontlog` would keep the text out of the history, and is never
used. What they don't say is assumed here:

- A text may have ten parts.
- An invalid recipient or sender is refused by a sentence that begins with `Invalid to` or `Invalid from`, as other
  fields are.
- A text is in the history within two minutes, as it was sent.
"""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
import re
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason, Report, SendStatus
from ..elks import PAGE_SIZE, SMS, Elks, sentence_of, stamp
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from ..http import HttpResponse
from ..parsing import iso_time, text_of
from ..refusals import reason_of
from .contract import Limit, Sending

MOST_PARTS: Final = 10
MARGIN: Final = timedelta(seconds=2)
"""How much the vendor's clock may differ from what its answers say of it."""
ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
UNIT: Final = 10_000
"""How many units of a cost are one of the currency."""
STATUSES: Final = {
    "created": SendStatus.ACCEPTED,
    "sent": SendStatus.SENT,
    "delivered": SendStatus.DELIVERED,
    "failed": SendStatus.FAILED,
}
REFUSALS: Final = {
    "invalid_to": Reason.INVALID_RECIPIENT,
    "invalid_from": Reason.SENDER_NOT_ALLOWED,
}
REFUSED: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ElksSending(Sending):
    """Sends by 46elks, from a number of the account or by a name."""

    key = "elks"
    sender_use = "required"
    limit = Limit(most=MOST_PARTS, unit="parts")
    finds_sent = True
    polls_reports = True
    takes_status_url = True
    _provider: Elks
    _currency: str | None = None

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the account's numbers."""
        return tuple(text_of(number["number"]) for number in await self._provider.numbers() if number.get("number"))

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text."""
        form = {"from": outgoing.sender or "", "to": outgoing.recipient, "message": outgoing.text}
        if self.status_url:
            form["whendelivered"] = self.status_url
        response = await self.post("sms", data=form, headers=self._provider.basic_auth())
        try:
            return self._accepted(response.json())
        except KeyError, TypeError, ValueError, ProtocolError:
            raise UnknownOutcomeError("the answer to a submission was not understood") from None

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for an equal text to the same number that was sent since; the first one, if there are several."""
        since = (outgoing.begun_at or outgoing.created_at) + (self._provider.clock_offset or timedelta()) - MARGIN
        # The vendor's names look backwards: `end` is the earlier time.
        params = {"to": outgoing.recipient, "end": stamp(since), "limit": PAGE_SIZE}
        rows, _ = await self._provider.list_page(SMS, params)
        found = [
            (time, row)
            for row in rows
            if isinstance(row, dict) and row.get("id") and row.get("direction") == "outgoing"
            if (row.get("to"), row.get("message")) == (outgoing.recipient, outgoing.text)
            if (time := iso_time(row.get("created"))) and time >= since
        ]
        return self._accepted(min(found, key=lambda each: each[0])[1]) if found else None

    @override
    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Ask for each text; with its state come its parts and its cost, in the account's currency."""
        if self._currency is None:
            information = (await self._provider.ask("GET", "me")).json()
            self._currency = text_of(information.get("currency")) if isinstance(information, dict) else ""
        ids = (each.provider_id for each in accepted if each.provider_id and ID.fullmatch(each.provider_id))
        found = [await self._report(id_) for id_ in ids]
        return tuple(report for report in found if report)

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what the sentence of a refusal says."""
        sentence = sentence_of(response)
        if response.status not in REFUSED or not sentence:
            return None
        word = self._provider.vendor_word(response)
        usual = Reason.INVALID_AUTH if response.status == HTTPStatus.UNAUTHORIZED else Reason.REFUSED
        return NotSentError(reason_of(sentence) or REFUSALS.get(word or "", usual), word=word)

    async def _report(self, id_: str) -> Report | None:
        """Return what has become of a text, None where that isn't known."""
        response = await self._provider.ask("GET", f"{SMS}/{id_}", accept=(HTTPStatus.NOT_FOUND,))
        row = response.json() if response.status != HTTPStatus.NOT_FOUND else None
        if not isinstance(row, dict) or not (status := STATUSES.get(text_of(row.get("status")))):
            return None
        now = self._accepted({**row, "id": id_})
        return Report(status=status, provider_id=id_, parts=now.parts, cost=now.cost, currency=now.currency)

    def _accepted(self, row: Any) -> Accepted:
        """Return a text as it was accepted.

        Raises:
            KeyError: It has no id.
            TypeError: It is no object.
        """
        if not isinstance(row, dict):
            raise TypeError
        cost, parts = row.get("cost"), row.get("parts")
        return Accepted(
            provider_id=str(row["id"]),
            parts=parts if isinstance(parts, int) else None,
            cost=cost / UNIT if isinstance(cost, int | float) else None,
            currency=self._currency or None,
        )
