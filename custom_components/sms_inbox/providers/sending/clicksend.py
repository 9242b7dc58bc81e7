"""Sending by ClickSend's REST API, version 3.

Source: the vendor's OpenAPI description, its client library (6.0.2), and its help page with the codes of delivery. They
document the request, that the answer has HTTP status 200 for each text and says in its `status` what became of it, that
an equal text to the same number is refused for some seconds (`THROTTLED`), that more than six parts are cut, and the
history of what was sent, whose rows have our `custom_string`. There is no key by which a repeat is recognised. What
they don't say is assumed here:

- A text with another `status` than `SUCCESS` was not sent if that is a documented refusal, or if nothing was queued, as
  in a recorded answer with `COUNTRY_NOT_ENABLED`. Any other one may have been sent.
- Status code 300 is permanent in the description, and will be retried on the help page, which is newer: it is taken for
  temporary, like 302.
- A text is in the history within two minutes.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason, Report, SendStatus
from ..clicksend import SUCCESS, ClickSend
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from ..http import VENDOR_WORD, HttpResponse
from ..parsing import text_of
from ..refusals import reason_of
from .contract import Limit, Sending

MOST_PARTS: Final = 6
HISTORY: Final = "sms/history"
MARGIN: Final = timedelta(minutes=5)
"""How much earlier and later than our clock says the history is read; a row is found by its id, not by its time."""
MOST_PAGES: Final = 10
REFUSALS: Final = {
    "BAD_REQUEST": Reason.REFUSED,
    "MISSING_REQUIRED_FIELDS": Reason.REFUSED,
    "TOO_MANY_RECIPIENTS": Reason.REFUSED,
    "MISSING_CREDENTIALS": Reason.INVALID_AUTH,
    "INVALID_CREDENTIALS": Reason.INVALID_AUTH,
    "UNAUTHORIZED": Reason.INVALID_AUTH,
    "FORBIDDEN": Reason.ACCOUNT,
    "ACCOUNT_NOT_ACTIVATED": Reason.ACCOUNT,
    "INSUFFICIENT_CREDIT": Reason.NO_CREDIT,
    "INVALID_RECIPIENT": Reason.INVALID_RECIPIENT,
    "INVALID_SENDER_ID": Reason.SENDER_NOT_ALLOWED,
    "COUNTRY_NOT_ENABLED": Reason.COUNTRY_NOT_ALLOWED,
    "EMPTY_MESSAGE": Reason.EMPTY,
    "THROTTLED": Reason.REPEATED,
    "TOO_MANY_REQUESTS": Reason.RATE_LIMITED,
}
"""The codes that refuse a request or a text."""
STATUSES: Final = {
    "200": SendStatus.SENT,
    "201": SendStatus.DELIVERED,
    "300": SendStatus.SENT,
    "301": SendStatus.FAILED,
    "302": SendStatus.SENT,
}
ENDED: Final = ("Failed", "Cancelled", "CancelledAfterReview")
QUEUED: Final = ("Queued", "Scheduled", "WaitApproval")
"""What is still at the vendor; its code is 200, too."""
FAILURES: Final = {
    "absent subscriber": Reason.UNREACHABLE,
    "anti-spam": Reason.FILTERED,
    "receipt expired": Reason.EXPIRED,
}
"""Why a text did not arrive, by words in the vendor's description of the error."""


class ClickSendSending(Sending):
    """Sends by ClickSend; without a sender of one's own the vendor chooses a number that can be answered."""

    key = "clicksend"
    sender_use = "optional"
    limit = Limit(most=MOST_PARTS, unit="parts")
    finds_sent = True
    polls_reports = True
    replies_are_certain = True
    _provider: ClickSend

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the account's own numbers."""
        rows, _ = await self._provider.list_page(1, "numbers")
        found = (text_of(row.get("dedicated_number")) for row in rows if isinstance(row, dict))
        return tuple(number for number in dict.fromkeys(found) if number)

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text; that the request was accepted doesn't mean that the text was."""
        message = {"source": "home_assistant", "to": outgoing.recipient, "body": outgoing.text}
        if outgoing.sender:
            message["from"] = outgoing.sender
        response = await self.post(
            "sms/send",
            json={"messages": [message | {"custom_string": outgoing.key}]},
            headers=self._provider.basic_auth(),
        )
        if refusal := self.refusal(response):
            raise refusal
        try:
            data = response.json()["data"]
            (row,) = data["messages"]
            status = text_of(row["status"])
            if status == SUCCESS:
                return _accepted(row, data.get("_currency") or data.get("currency"))
        except AttributeError, KeyError, TypeError, ValueError, ProtocolError:
            raise UnknownOutcomeError("the answer to a submission was not understood") from None
        word = status if VENDOR_WORD.fullmatch(status) else None
        if status in REFUSALS or data.get("queued_count") == 0:
            raise NotSentError(REFUSALS.get(status, Reason.REFUSED), word=word)
        raise UnknownOutcomeError(f"the status of a text is {word or 'not known'}")

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for the text by our id in the history."""
        async for row in self._history(outgoing.begun_at or outgoing.created_at):
            if row.get("custom_string") == outgoing.key and row.get("message_id"):
                return _accepted(row)
        return None

    @override
    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Read the history from the oldest of these texts on."""
        ids = {each.provider_id for each in accepted}
        since = min((each.begun_at or each.created_at for each in accepted), default=None)
        rows = [row async for row in self._history(since) if row.get("message_id") in ids] if since else []
        return tuple(report for row in rows if (report := _report(row)))

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what the code of an answer says, whatever its HTTP status is."""
        try:
            answer = response.json()
        except ProtocolError:
            return None
        code = text_of(answer.get("response_code")) if isinstance(answer, dict) else ""
        if code not in REFUSALS or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return None
        reason = reason_of(text_of(answer.get("response_msg"))) or REFUSALS[code]
        return NotSentError(reason, retry_after=response.retry_after, word=code)

    async def _history(self, since: datetime) -> AsyncGenerator[Mapping[str, Any]]:
        """Return the texts that were sent since a time by our clock, page by page."""
        offset = self._provider.clock_offset or timedelta()
        times = {
            "date_from": str(int((since + offset - MARGIN).timestamp())),
            "date_to": str(int((self._provider.now + MARGIN).timestamp())),
        }
        for number in range(1, MOST_PAGES + 1):
            rows, last = await self._provider.list_page(number, HISTORY, times)
            for row in rows:
                if isinstance(row, dict) and (row.get("direction") or "out") == "out":
                    yield row
            if number >= last or not rows:
                return


def _accepted(row: Mapping[str, Any], currency: Any = None) -> Accepted:
    """Return a text as it was accepted; what is said of parts and price is optional.

    Raises:
        KeyError: It has no id.
    """
    name = currency.get("currency_name_short") if isinstance(currency, dict) else None
    parts, price = _number(row.get("message_parts")), _number(row.get("message_price"))
    return Accepted(
        provider_id=str(row["message_id"]),
        parts=int(parts) if parts else None,
        cost=price,
        currency=text_of(name) or None,
    )


def _number(value: Any) -> float | None:
    """Return a number, which may come as a text; None for anything else."""
    try:
        return float(value)
    except TypeError, ValueError, OverflowError:
        return None


def _report(row: Mapping[str, Any]) -> Report | None:
    """Return what a row of the history says of its text, None where that is nothing new."""
    state, code = text_of(row.get("status")), text_of(row.get("status_code"))
    status = STATUSES.get(code)
    if state in QUEUED:
        status = None
    elif not status:
        status = SendStatus.FAILED if state in ENDED else SendStatus.SENT if state == "Sent" else None
    if not status:
        return None
    reason = None
    if status is SendStatus.FAILED:
        words = f"{text_of(row.get('error_text'))} {text_of(row.get('status_text'))}".casefold()
        found = (reason for begin, reason in FAILURES.items() if begin in words)
        reason = Reason.FILTERED if state == "CancelledAfterReview" else next(found, None)
    return Report(status=status, provider_id=str(row["message_id"]), reason=reason)
