"""Sending by SMS Gateway for Android (capcom6), from the app's own server on a phone.

Source: the app's source code (`MessagesRoutes.kt`, `PostMessageRequest.kt`, `MessagesService.kt`) and its website. The
client chooses the id of a text; a repeat is answered 409 and not sent again, as long as the app keeps its log, which is
a day at least. The phone cuts a text into parts by itself, and sends the latest text first, so that a text is never cut
here. The app would refuse numbers that it takes for none of a mobile phone, after it has taken the text; it is told to
leave that to us. Assumed: it sends as many parts as one text can have (3GPP TS 23.040, 9.2.3.24.1).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason, Report, SendStatus
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from ..http import HttpResponse
from ..parsing import text_of
from ..smsgate import failure_of
from .contract import Limit, Sending

MOST_PARTS: Final = 255
SIM_NUMBERS: Final = ("1", "2", "3")
STATUSES: Final = {
    "Pending": SendStatus.ACCEPTED,
    "Processed": SendStatus.ACCEPTED,
    "Cancelling": SendStatus.ACCEPTED,
    "Sent": SendStatus.SENT,
    "Delivered": SendStatus.DELIVERED,
    "Failed": SendStatus.FAILED,
    "Cancelled": SendStatus.FAILED,
}
REFUSALS: Final[dict[int, Reason]] = {
    HTTPStatus.BAD_REQUEST: Reason.REFUSED,
    HTTPStatus.FORBIDDEN: Reason.ACCOUNT,
}


class SmsGateSending(Sending):
    """Sends by one phone; a sender is the number of a SIM card's slot, and without one the app's settings decide."""

    key = "smsgate"
    sender_use = "optional"
    limit = Limit(most=MOST_PARTS, unit="parts")
    deduplicates = timedelta(hours=23)
    finds_sent = True
    polls_reports = True

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the numbers of the slots that have a SIM card, as far as the version of the app tells them."""
        devices = (await self._provider.request("GET", "device", headers=self._provider.basic_auth())).json()
        device = devices[0] if isinstance(devices, list) and devices else {}
        cards = device.get("simCards") if isinstance(device, dict) else None
        numbers = [str(card.get("simNumber")) for card in cards or () if isinstance(card, dict)]
        return tuple(number for number in numbers if number in SIM_NUMBERS)

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text with our id as its id."""
        left = int((outgoing.expires_at - datetime.now(UTC)).total_seconds())
        response = await self.post(
            "messages",
            params={"skipPhoneValidation": "true"},
            json={
                "id": outgoing.key,
                "textMessage": {"text": outgoing.text},
                "phoneNumbers": [outgoing.recipient],
                "ttl": max(left, 1),
                "withDeliveryReport": True,
                **({"simNumber": int(outgoing.sender)} if outgoing.sender in SIM_NUMBERS else {}),
            },
            headers=self._provider.basic_auth(),
            accept=(HTTPStatus.CONFLICT,),
        )
        if response.status != HTTPStatus.CONFLICT and _state_of(response, outgoing.key) is None:
            raise UnknownOutcomeError("the answer to a submission was not understood")
        return Accepted(provider_id=outgoing.key)

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for the text by our id."""
        return Accepted(provider_id=outgoing.key) if await self._read(outgoing.key) else None

    @override
    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Read the texts one by one."""
        found = []
        for each in accepted:
            row = await self._read(each.key)
            if row and (status := STATUSES.get(text_of(row.get("state")))):
                reason = failure_of(_error(row)) if status is SendStatus.FAILED else None
                found.append(Report(status=status, key=each.key, provider_id=each.key, reason=reason))
        return tuple(found)

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what an error of the app says; its sentence may hold what was sent, so it isn't repeated."""
        try:
            is_ours = isinstance(response.json(), dict)
        except ProtocolError:
            is_ours = False
        reason = REFUSALS.get(response.status)
        return NotSentError(reason, word=f"HTTP status {response.status}") if is_ours and reason else None

    async def _read(self, key: str) -> dict[str, Any] | None:
        """Return a text as the app has it, None where it has none of that id."""
        gone = (HTTPStatus.NOT_FOUND,)
        headers = self._provider.basic_auth()
        response = await self._provider.request("GET", f"messages/{key}", headers=headers, accept=gone)
        if response.status in gone:
            return None
        if (row := _state_of(response, key)) is None:
            raise ProtocolError("the answer is no text of this id")
        return row


def _state_of(response: HttpResponse, key: str) -> dict[str, Any] | None:
    """Return the text that an answer is about, None where it isn't about the one with this id."""
    try:
        row = response.json()
    except ProtocolError:
        return None
    return row if isinstance(row, dict) and row.get("id") == key else None


def _error(row: dict[str, Any]) -> str:
    """Return why a text was not sent to its only recipient."""
    recipients = row.get("recipients")
    first = recipients[0] if isinstance(recipients, list) and recipients else {}
    return text_of(first.get("error")) if isinstance(first, dict) else ""
