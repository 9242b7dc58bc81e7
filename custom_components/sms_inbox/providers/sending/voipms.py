"""Sending by VoIP.ms, `sendSMS` of the REST API.

Source: the vendor's own text on the method, its list of status words, and what clients report of the live API. They
say that a text has at most 160 bytes in UTF-8 and is never divided, that numbers are national ones of the North
American numbering plan, that the answer has the id as `sms`, and that about a hundred texts a day can be sent by API.
Every answer that isn't `success` is a refusal, except for words that speak of a fault. Assumed here:

- `sendSMS` sends to no number outside that plan.
- Nothing recognises a repeat, so a request is never repeated. What became of one whose answer was lost is found in the
  list of sent texts (`getSMS` with `type=0`), which has it within a minute or so, with the text as it was sent or with
  escapes as in the list of received ones, and its time by the clock of the answers' `Date`.
- There are no delivery reports, and an answer doesn't say which text it answers.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
import re
from typing import Any, Final, override

from ...model import Accepted, Outgoing, Reason
from ..errors import NotSentError, ProtocolError, ProviderError, UnknownOutcomeError
from ..parsing import iso_time, text_of
from ..voipms import PATH, SLOW, VoipMs, read_answer
from ..voipms_rows import EASTERN, unescaped
from .contract import Limit, Sending

MOST_BYTES: Final = 160
PRECISION: Final = timedelta(seconds=1.5)
"""Times in the list are cut to the second, and the vendor's clock is known to half a second."""
LIMIT: Final = 1000
NATIONAL: Final = re.compile(r"(?:\+?1)?([2-9][0-9]{9})", re.ASCII)
INTERNATIONAL: Final = re.compile(r"\+1([2-9][0-9]{9})", re.ASCII)
REASONS: Final[Mapping[str, Reason]] = {
    "api_limit_exceeded": Reason.RATE_LIMITED,
    "api_not_enabled": Reason.ACCOUNT,
    "invalid_credentials": Reason.INVALID_AUTH,
    "invalid_did": Reason.SENDER_NOT_ALLOWED,
    "invalid_dst": Reason.INVALID_RECIPIENT,
    "ip_not_enabled": Reason.ACCOUNT,
    "limit_reached": Reason.DAILY_LIMIT,
    "message_empty": Reason.EMPTY,
    "missing_credentials": Reason.INVALID_AUTH,
    "missing_did": Reason.SENDER_NOT_ALLOWED,
    "missing_dst": Reason.INVALID_RECIPIENT,
    "missing_sms": Reason.EMPTY,
    "no_credits": Reason.NO_CREDIT,
    "sms_apply_regulations": Reason.ACCOUNT,
    "sms_toolong": Reason.TOO_LONG,
    # No method was called: these come and go when nothing is wrong with the request.
    "invalid_method": Reason.CANNOT_CONNECT,
    "method_maintenance": Reason.CANNOT_CONNECT,
    "missing_method": Reason.CANNOT_CONNECT,
}
"""What the status words mean; others are refusals for which there is no reason of ours."""
FAULTS: Final = ("tls_error", "unavailable_info")
"""Words that say that something went wrong, and not whether the text was sent before."""


class VoipMsSending(Sending):
    """Sends by VoIP.ms, from one of the account's numbers."""

    key = "voipms"
    sender_use = "required"
    limit = Limit(most=MOST_BYTES, unit="bytes")
    finds_sent = True
    _provider: VoipMs

    @override
    async def senders(self) -> tuple[str, ...]:
        """Return the account's numbers that have SMS enabled."""
        return tuple(place.place_id for place in await self._provider.webhook_places(""))

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text."""
        form = self._provider.form("sendSMS", **_numbers(outgoing), message=outgoing.text)
        response = await self.post(PATH, data=form, multipart=True, wait=SLOW)
        try:
            status, answer = read_answer(response)
        except ProviderError as err:
            raise UnknownOutcomeError(str(err)) from None
        if status in FAULTS:
            raise UnknownOutcomeError(f"status {status}")
        if status != "success":
            raise NotSentError(REASONS.get(status, Reason.REFUSED), word=status)
        if not (id_ := text_of(answer.get("sms"))):
            raise UnknownOutcomeError("the answer to a submission has no id")
        return Accepted(provider_id=id_)

    @override
    async def find_sent(self, outgoing: Outgoing) -> Accepted | None:
        """Look for the text in the list of those sent: the first equal one since the request began."""
        try:
            numbers = _numbers(outgoing)
        except NotSentError:
            return None
        now = self._provider.now
        begun_at = outgoing.begun_at or outgoing.created_at
        since = begun_at + (self._provider.clock_offset or timedelta()) - PRECISION
        answer = await self._provider.ask(
            "getSMS",
            did=numbers["did"],
            contact=numbers["dst"],
            type="0",
            timezone="-5",
            limit=str(LIMIT),
            **{
                "from": since.astimezone(EASTERN).date().isoformat(),
                "to": (now.astimezone(EASTERN).date() + timedelta(days=1)).isoformat(),
            },
        )
        rows = answer.get("sms", [] if answer["status"] == "no_sms" else None)
        if not isinstance(rows, list):
            raise ProtocolError("the messages are no list")
        found = [row for row in rows if isinstance(row, dict) and _is_sent(row, outgoing.text, since)]
        ids = [id_ for row in found if (id_ := text_of(row.get("id"))).isdecimal()]
        return Accepted(provider_id=min(ids, key=int)) if ids else None


def _numbers(outgoing: Outgoing) -> dict[str, str]:
    """Return sender and recipient as `did` and `dst`, which have ten digits.

    Raises:
        NotSentError: One of them is no number of the North American numbering plan.
    """
    if not (recipient := INTERNATIONAL.fullmatch(outgoing.recipient)):
        raise NotSentError(Reason.INVALID_RECIPIENT)
    if not (sender := NATIONAL.fullmatch(outgoing.sender or "")):
        raise NotSentError(Reason.SENDER_NOT_ALLOWED)
    return {"did": sender[1], "dst": recipient[1]}


def _is_sent(row: Mapping[str, Any], text: str, since: datetime) -> bool:
    """Whether a row is a text that was sent since then."""
    at = iso_time(row.get("date"), EASTERN) or datetime.min.replace(tzinfo=UTC)
    listed = text_of(row.get("message"))
    return text_of(row.get("type")) == "0" and at >= since and text in (listed, unescaped(listed))
