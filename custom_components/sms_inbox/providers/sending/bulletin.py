"""Sending by Bulletin Messenger, `POST /api/3/sms/out`.

Source: the vendor's developer guide, "Sending Messages", "Status Codes" and "Callbacks". It documents the parameters,
that spaces separate recipients and a name of the address book is one, the limit of 480 characters, the status codes,
and that a reply carries the `messageId` of the text that it answers. What it doesn't say is assumed here:

- A text outside the GSM alphabet is announced as `text/plain; charset=UTF-16`. Its wire form is nevertheless that of
  every other form: UTF-8, percent-encoded, as the vendor's sample in Java writes it.
- The limit counts UTF-16 units, so that an emoji is two of 480.
- A repeat with the same `messageId` is sent again, so nothing is ever repeated. Nothing sent can be looked for.
- Whatever is in the answer to an accepted text, it is no web page; the id is the one that we have given.
- 400 and 403 are refusals. The reason is a sentence in a web page, so it isn't read.
- The address in `callbackUrl` is that of replies to the text, too, with `{!status}` left empty.
- Credentials are taken by Basic authorization, as the guide has it. A server that wants them otherwise answers 401.
"""

from collections.abc import Mapping
from http import HTTPStatus
import re
from typing import Final, override

from ...model import Accepted, Outgoing, Reason
from ..errors import NotSentError, UnknownOutcomeError
from ..http import HttpResponse
from .contract import Limit, Sending
from .sizes import is_gsm

MOST: Final = 480
RECIPIENT: Final = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
UNICODE: Final = "text/plain; charset=UTF-16"
CALLBACK: Final = "messageId={!messageId}&status={!status}"
REFUSALS: Final[Mapping[int, Reason]] = {HTTPStatus.BAD_REQUEST: Reason.REFUSED, HTTPStatus.FORBIDDEN: Reason.ACCOUNT}


class BulletinSending(Sending):
    """Sends by Bulletin Messenger; the id of a text is our key."""

    key = "bulletin"
    sender_use = "optional"
    limit = Limit(most=MOST, unit="characters")
    takes_status_url = True
    replies_are_certain = True

    @override
    def check(self, text: str) -> int:
        """Refuse what the vendor would cut."""
        parts = super().check(text)
        if len(text.encode("utf-16-le")) > 2 * MOST:
            raise NotSentError(Reason.TOO_LONG)
        return parts

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Submit one text under our key."""
        recipient = outgoing.recipient.removeprefix("+")
        if not RECIPIENT.fullmatch(recipient):
            raise NotSentError(Reason.INVALID_RECIPIENT)
        form = {"to": recipient, "body": outgoing.text, "messageId": outgoing.key}
        if outgoing.sender:
            form["from"] = outgoing.sender.removeprefix("+")
        if not is_gsm(outgoing.text):
            form["contentType"] = UNICODE
        if self.status_url:
            form["callbackUrl"] = f"{self.status_url}?{CALLBACK}"
        response = await self.post("api/3/sms/out", data=form, headers=self._provider.basic_auth())
        if response.is_html:
            raise UnknownOutcomeError("a web page instead of an answer")
        return Accepted(provider_id=outgoing.key)

    @override
    def refusal(self, response: HttpResponse) -> NotSentError | None:
        """Return what a status says."""
        reason = REFUSALS.get(response.status)
        return NotSentError(reason, word=f"HTTP status {response.status}") if reason else None
