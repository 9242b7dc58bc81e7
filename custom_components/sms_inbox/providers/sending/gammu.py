"""Sending by a gammu gateway, `POST /sms`: the modem sends with its own SIM card.

Source: the code of the gateway (`run.py`) and of its forks. It documents what follows. `number` is split at commas, and
nothing of it is checked. Without `unicode` a letter outside the GSM alphabet becomes `?`; any value of it that is not
empty counts as true, so it is left out where it isn't wanted. The request is answered once the modem has sent every
part; if one fails, the answer is a status 5xx, and the parts before it are on the phone: so 5xx is never "not sent".
There is no id, no list of what was sent, and no delivery report. gammu itself loses what follows a NUL, and sends every
character of the GSM alphabet and its extension as it is (`tests/peers/test_gammu.py`). Assumed here:

- What isn't answered by JSON with `"status": 200` was answered by something else than the gateway.
- A gateway so old that it doesn't know `unicode` isn't used any more.
"""

import re
from typing import Final, override

from ...model import Accepted, Outgoing, Reason
from ..errors import NotSentError, ProtocolError, UnknownOutcomeError
from .contract import Limit, Sending
from .sizes import is_gsm

NUMBER: Final = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
SECONDS: Final = 60.0
SECONDS_EACH: Final = 10.0


class GammuSending(Sending):
    """Sends with the SIM card of a modem."""

    key = "gammu"
    sender_use = "none"
    limit = Limit(most=10, unit="parts")

    @override
    def check(self, text: str) -> int:
        """Refuse what gammu would cut."""
        if "\0" in text:
            raise NotSentError(Reason.UNSUITABLE_TEXT)
        return super().check(text)

    @override
    async def send(self, outgoing: Outgoing) -> Accepted:
        """Have the modem send one text; it is asked once, and takes its time."""
        if not NUMBER.fullmatch(outgoing.recipient):
            raise NotSentError(Reason.INVALID_RECIPIENT)
        unicode = {} if is_gsm(outgoing.text) else {"unicode": True}
        response = await self.post(
            "sms",
            json={"number": outgoing.recipient, "text": outgoing.text, **unicode},
            headers=self._provider.basic_auth(),
            wait=SECONDS + SECONDS_EACH * outgoing.parts,
        )
        try:
            answer = response.json()
        except ProtocolError:
            answer = None
        if not isinstance(answer, dict) or answer.get("status") != 200:
            raise UnknownOutcomeError("the answer to a submission was not understood")
        return Accepted()
