"""Sending by BulkSMS: odd answers; what all vendors have in common is in `test_sending.py`."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from custom_components.sms_inbox.model import Outgoing, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.bulksms import BulkSms
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import ProtocolError
from custom_components.sms_inbox.providers.sending import Sending, sending_of

from .conftest import PASSWORD, USERNAME, CannedAnswers

NOW = datetime.now(UTC)
ROW = {"id": "7", "numberOfParts": 2, "creditCost": 1.5}


@pytest.fixture
def sending(session: aiohttp.ClientSession, canned: CannedAnswers) -> Sending:
    """Return what sends from an account that gets canned answers."""
    sending = sending_of(BulkSms(session, Account(username=USERNAME, password=PASSWORD, url=canned.url("/v1"))))
    assert sending
    return sending


def accepted(provider_id: str | None = "7") -> Outgoing:
    """Return a text that the vendor has taken."""
    return Outgoing(
        key=str(uuid4()),
        recipient="+447700900321",
        sender=None,
        text="Hello",
        parts=1,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
        provider_id=provider_id,
    )


def answer(content: Any) -> dict[str, Any]:
    """Return an answer with JSON."""
    return {"text": json.dumps(content)}


@pytest.mark.parametrize(
    ("profile", "senders"),
    [
        ({"originAddresses": {"allowed": [{"type": "INTERNATIONAL", "address": "447700900999"}]}}, ("447700900999",)),
        ({"originAddresses": {}}, ()),
        ([], ()),
    ],
)
async def test_senders(canned: CannedAnswers, sending: Sending, profile: Any, senders: tuple[str, ...]) -> None:
    """The profile lists what may be a sender; one without a list lists none."""
    canned.answer = answer(profile)
    assert await sending.senders() == senders


@pytest.mark.parametrize(
    ("status", "reports"),
    [
        (
            {"type": "FAILED", "subtype": "BLOCKED"},
            [
                Report(
                    status=SendStatus.FAILED,
                    provider_id="7",
                    reason=Reason.OPTED_OUT,
                    parts=2,
                    cost=1.5,
                    currency="credits",
                )
            ],
        ),
        ({"type": "UNKNOWN"}, []),
        ("DELIVERED", []),
        (None, []),
    ],
)
async def test_state(canned: CannedAnswers, sending: Sending, status: Any, reports: list[Report]) -> None:
    """A state that is none of the documented ones says nothing, and keeps no other from being read."""
    delivered = {"id": "8", "status": {"type": "DELIVERED"}}
    canned.answer = answer([{**ROW, "status": status}, "no row", {**ROW, "id": "9"}, delivered])
    found = await sending.reports([accepted(), accepted("8")])
    assert [*found] == [*reports, Report(status=SendStatus.DELIVERED, provider_id="8")]


async def test_nothing_to_ask_for(canned: CannedAnswers, sending: Sending) -> None:
    """Without an id of the vendor's there is no request; a list that is none is an error."""
    assert await sending.reports([accepted(None)]) == ()
    assert canned.asked == []
    canned.answer = answer({})
    with pytest.raises(ProtocolError):
        await sending.reports([accepted()])
