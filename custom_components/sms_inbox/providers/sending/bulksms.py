"""Sending by the BulkSMS JSON API.

Source: the vendor's OpenAPI description (version 1.0.0), `POST /messages`. It documents the request, that a repeat with
the same `deduplication-id` is answered in the same way and not sent again for about twelve hours, that texts may hold
templates (`{fn#}`, `{F001#}`) which are filled in, the states with their subtypes, and errors in the form of RFC 7807.
Assumed: a text of more parts than `longMessageMaxParts` is refused; ours never has more.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
import re
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason, Report, SendStatus
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from ..http import HttpResponse
from .contract import Limit, Sending

MOST_PARTS: Final = 10
TEMPLATE: Final = re.compile(r"\{(F\d+|fn|sn)#+\}")
LONGEST_ID: Final = 20
STATUSES: Final = {
    "ACCEPTED": SendStatus.ACCEPTED,
    "SCHEDULED": SendStatus.ACCEPTED,
    "SENT": SendStatus.SENT,
    "DELIVERED": SendStatus.DELIVERED,
    "FAILED": SendStatus.FAILED,
}
FAILURES: Final = {
    "BLOCKED": Reason.OPTED_OUT,
    "EXPIRED": Reason.EXPIRED,
    "HANDSET_ERROR": Reason.UNREACHABLE,
    "NOT_SENT": Reason.REFUSED,
}
REFUSALS: Final = {
    "insufficient-credits": Reason.NO_CREDIT,
    "forbidden": Reason.ACCOUNT,
    "authentication-failed": Reason.INVALID_AUTH,
}
REFUSED: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED)


class BulkSmsSending(Sending):
    """Sends by BulkSMS; without a sender of one's own an answer of the recipient comes back."""

    key = "bulksms"
    sender_use = "optional"
    limit = Limit(most=MOST_PARTS, unit="parts")
    deduplicates = timedelta(hours=11)
    finds_sent = True
    polls_reports = True

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the senders that the profile allows."""
        profile = (await self._provider.request("GET", "profile", headers=self._provider.basic_auth())).json()
        try:
            return tuple(str(each["address"]) for each in profile["originAddresses"]["allowed"])
        except KeyError, TypeError:
            return ()

    @override
    def check(self, text: str) -> int:
        """Refuse what the vendor would take for a template."""
        if TEMPLATE.search(text):
            raise NotSentError(Reason.UNSUITABLE_TEXT)
        return super().check(text)

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text; a repeat with the same number is answered in the same way, and is not sent again."""
        response = await self.post(
            "messages",
            params={"deduplication-id": str(outgoing.number), "auto-unicode": "true"},
            json={
                "to": {"type": "INTERNATIONAL", "address": outgoing.recipient.removeprefix("+")},
                "from": _origin(outgoing.sender),
                "body": outgoing.text,
                "longMessageMaxParts": MOST_PARTS,
                "deliveryReports": "ALL",
                "userSuppliedId": _own_id(outgoing),
            },
            headers=self._provider.basic_auth(),
        )
        try:
            (row,) = response.json()
            return _accepted(row)
        except KeyError, TypeError, ValueError, ProtocolError:
            raise UnknownOutcomeError("the answer to a submission was not understood") from None

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for the text by our id."""
        wanted = _own_id(outgoing)
        rows = await self._rows(f"userSuppliedId={wanted}")
        return next((_accepted(row) for row in rows if row.get("userSuppliedId") == wanted), None)

    @override
    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Read the list of sent texts from the oldest of these on."""
        ids = {each.provider_id for each in accepted if each.provider_id and each.provider_id.isdecimal()}
        if not ids:
            return ()
        first = min(int(each) for each in ids if each)
        rows = await self._rows(f"type=SENT&id>{first - 1}")
        return tuple(report for row in rows if row.get("id") in ids and (report := _report(row)))

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what a problem of RFC 7807 says; its type ends with the vendor's word."""
        word = self._provider.vendor_word(response)
        if response.status not in REFUSED or not word:
            return None
        return NotSentError(REFUSALS.get(word, Reason.REFUSED), word=word)

    async def _rows(self, search: str) -> list[Mapping[str, Any]]:
        """Return the rows of a list, oldest first."""
        params = {"filter": search, "sortOrder": "ASCENDING", "limit": "1000"}
        response = await self._provider.request("GET", "messages", params=params, headers=self._provider.basic_auth())
        rows = response.json()
        if not isinstance(rows, list):
            raise ProtocolError("the list of sent texts is none")
        return [row for row in rows if isinstance(row, dict)]


def _own_id(outgoing: Outgoing) -> str:
    """Return our id in the form that the vendor takes."""
    return outgoing.key.replace("-", "")[:LONGEST_ID]


def _origin(sender: str | None) -> dict[str, str]:
    """Return the sender as the vendor wants it; without one, the text comes from a number that can be answered."""
    if sender is None:
        return {"type": "REPLIABLE"}
    digits = sender.removeprefix("+")
    if not digits.isdecimal():
        return {"type": "ALPHANUMERIC", "address": sender}
    return {"type": "INTERNATIONAL" if len(digits) >= 7 else "SHORTCODE", "address": digits}


def _accepted(row: Mapping[str, Any]) -> Accepted:
    """Return the text of a row as it was accepted."""
    cost = row.get("creditCost")
    return Accepted(
        provider_id=str(row["id"]),
        parts=row.get("numberOfParts"),
        cost=float(cost) if isinstance(cost, int | float) else None,
        currency="credits" if cost else None,
    )


def _report(row: Mapping[str, Any]) -> Report | None:
    """Return what a row says of its text, None where its state is none that is known."""
    state = row.get("status")
    state = state if isinstance(state, dict) else {}
    status = STATUSES.get(state.get("type", ""))
    if not status:
        return None
    accepted = _accepted(row)
    return Report(
        status=status,
        provider_id=accepted.provider_id,
        reason=FAILURES.get(state.get("subtype") or "") if status is SendStatus.FAILED else None,
        parts=accepted.parts,
        cost=accepted.cost,
        currency=accepted.currency,
    )
