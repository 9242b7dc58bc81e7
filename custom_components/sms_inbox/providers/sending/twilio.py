"""Sending by Twilio and SignalWire.

Source: the vendor's OpenAPI description `twilio_api_v2010`, `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`, and
the pages of its errors; SignalWire's "Compatibility API", which documents the same request. What they don't say is
assumed here:

- There is no key with which a repeat is recognised, so that each request is another SMS.
- The list of messages shows a text as soon as it is accepted, the newest first; a text that still waits has no
  `DateSent`, so that the list is searched by the recipient alone.
- `SmartEncoded`, which replaces characters by similar ones, is off unless a messaging service has it on.
- Which HTTP status comes with a code isn't relied on, but only a documented form of an error proves a refusal.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import re
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason, Report
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from ..http import DATE_PRECISION, HttpResponse
from ..parsing import mail_time, text_of
from ..twilio import MESSAGE_SID, NOT_ACTIVE, NOT_PERMITTED, TOO_MANY_REQUESTS, WRONG_CREDENTIALS
from ..twilio_reports import report_of
from ..twilio_webhooks import has_sms
from .contract import Limit, Sending

MOST_CHARACTERS: Final = 1600
LONGEST_VALIDITY: Final = 14_400
REPORTS_AT_ONCE: Final = 20
SEARCHED: Final = "200"
ALL_NUMBERS: Final = "1000"
MESSAGING_SERVICE: Final = re.compile(r"MG[0-9a-f]{32}")
WRONG_STATUS_URL: Final = "21609"
REFUSED: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.TOO_MANY_REQUESTS,
)
REFUSALS: Final = {
    **dict.fromkeys((*NOT_ACTIVE, *NOT_PERMITTED), Reason.ACCOUNT),
    WRONG_CREDENTIALS: Reason.INVALID_AUTH,
    "21211": Reason.INVALID_RECIPIENT,
    "21212": Reason.SENDER_NOT_ALLOWED,
    "21408": Reason.COUNTRY_NOT_ALLOWED,
    "21606": Reason.SENDER_NOT_ALLOWED,
    "21608": Reason.ACCOUNT,
    "21610": Reason.OPTED_OUT,
    "21612": Reason.COUNTRY_NOT_ALLOWED,
    "21614": Reason.INVALID_RECIPIENT,
    "21617": Reason.TOO_LONG,
    "21659": Reason.SENDER_NOT_ALLOWED,
    "21661": Reason.SENDER_NOT_ALLOWED,
    "63038": Reason.DAILY_LIMIT,
}


class TwilioSending(Sending):
    """Sends by Twilio or SignalWire, from one of the account's numbers or by a messaging service."""

    key = "twilio"
    sender_use = "required"
    limit = Limit(most=MOST_CHARACTERS, unit="characters")
    finds_sent = True
    polls_reports = True
    takes_status_url = True

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the account's numbers that can send SMS."""
        answer = await self._get("IncomingPhoneNumbers.json", {"PageSize": ALL_NUMBERS})
        rows = answer.get("incoming_phone_numbers")
        found = [row for row in rows if isinstance(row, dict) and has_sms(row)] if isinstance(rows, list) else []
        return tuple(number for row in found if (number := text_of(row.get("phone_number"))))

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text; if its only fault is our address for reports, it is submitted again without it."""
        try:
            return await self._submit(outgoing)
        except NotSentError as err:
            if err.word != WRONG_STATUS_URL or not self.status_url:
                raise
        self.status_url = ""
        return await self._submit(outgoing)

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for the first text with the same recipient, sender and content that was made since the request began.

        Both clocks count whole seconds, so one that was made in the second before may be it, too.
        """
        begun_at = outgoing.begun_at or outgoing.created_at
        since = begun_at + (self._provider.clock_offset or timedelta()) - 2 * DATE_PRECISION
        answer = await self._get("Messages.json", {"To": outgoing.recipient, "PageSize": SEARCHED})
        rows = answer.get("messages")
        if not isinstance(rows, list):
            raise ProtocolError("no list of messages")
        found = (row for row in reversed(rows) if isinstance(row, dict) and _is_of(row, outgoing, since))
        return next(map(_accepted, found), None)

    @override
    async def reports(self, accepted: Sequence[Outgoing]) -> tuple[Report, ...]:
        """Read the latest of these texts one by one."""
        sids = [each.provider_id for each in accepted if MESSAGE_SID.fullmatch(each.provider_id or "")]
        found = []
        for sid in sids[:REPORTS_AT_ONCE]:
            row = await self._get(f"Messages/{sid}.json")
            found.append(report_of(str(sid), text_of(row.get("status")), row.get("error_code"), **_charged(row)))
        return tuple(filter(None, found))

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what a code means; too many requests, and what has no code, is left to its HTTP status."""
        word = self._provider.vendor_word(response)
        if response.status not in REFUSED or not word or word == TOO_MANY_REQUESTS:
            return None
        if reason := REFUSALS.get(word):
            return NotSentError(reason, word=word)
        is_of_text = response.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)
        return NotSentError(Reason.REFUSED, word=word) if is_of_text else None

    async def _submit(self, outgoing: Outgoing) -> Accepted:
        """Send one request."""
        left = int((outgoing.expires_at - datetime.now(UTC)).total_seconds())
        response = await self.post(
            f"{self._path}/Messages.json",
            data={
                "To": outgoing.recipient,
                **_origin(outgoing.sender),
                "Body": outgoing.text,
                "ValidityPeriod": str(min(max(left, 1), LONGEST_VALIDITY)),
                **({"StatusCallback": self.status_url} if self.status_url else {}),
            },
            headers=self._provider.basic_auth(),
        )
        try:
            return _accepted(response.json())
        except KeyError, TypeError, ValueError, AttributeError, ProtocolError:
            raise UnknownOutcomeError("the answer to a submission was not understood") from None

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return an object that belongs to the account."""
        headers = self._provider.basic_auth()
        answer = (await self._provider.request("GET", f"{self._path}/{path}", params=params, headers=headers)).json()
        if not isinstance(answer, dict):
            raise ProtocolError("the answer is no object")
        return answer

    @property
    def _path(self) -> str:
        """The path of the account."""
        return f"2010-04-01/Accounts/{self._provider.account.username}"


def _origin(sender: str | None) -> dict[str, str]:
    """Return the fields that name the sender: a number or a name, or a messaging service, which leaves the text as is.

    Raises:
        NotSentError: It is of a channel that isn't SMS, or there is none.
    """
    if not sender or ":" in sender:
        raise NotSentError(Reason.SENDER_NOT_ALLOWED)
    if MESSAGING_SERVICE.fullmatch(sender):
        return {"MessagingServiceSid": sender, "SmartEncoded": "false"}
    return {"From": sender}


def _is_of(row: Mapping[str, Any], outgoing: Outgoing, since: datetime) -> bool:
    """Whether a row is a text as we have sent it."""
    created = mail_time(text_of(row.get("date_created")))
    sender = outgoing.sender or ""
    return (
        row.get("direction") == "outbound-api"
        and row.get("body") == outgoing.text
        and row.get("to") == outgoing.recipient
        and (row.get("from") == sender or row.get("messaging_service_sid") == sender)
        and created is not None
        and created >= since
    )


def _accepted(row: Mapping[str, Any]) -> Accepted:
    """Return the text of a row as it was accepted.

    Raises:
        ValueError: The row has no id.
    """
    sid = text_of(row.get("sid"))
    if not MESSAGE_SID.fullmatch(sid):
        raise ValueError("no id of a message")
    return Accepted(provider_id=sid, **_charged(row))


def _charged(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return parts, cost and currency of a row; at first the vendor knows no price, and it writes costs as negative."""
    parts, price = text_of(row.get("num_segments")), text_of(row.get("price"))
    try:
        cost = abs(float(price))
    except ValueError:
        cost = None
    return {
        "parts": int(parts) if parts.isdecimal() and 0 < int(parts) <= MOST_CHARACTERS else None,
        "cost": cost,
        "currency": text_of(row.get("price_unit")).upper() or None if cost is not None else None,
    }
