"""Sending by Twilio and SignalWire: the form, senders of other kinds, codes, and what a row says of its text."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import NotSentError, ProtocolError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending.twilio import TwilioSending
from custom_components.sms_inbox.providers.twilio import Twilio
from emulator import Account as EmulatedAccount, Emulator
from emulator.twilio_account import add_number, add_service, numbers_of

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider

NUMBER, PHONE = "+44771234567", "+447700900321"
SID = "SM" + "1" * 32
ADDRESS = "https://home.example/api/webhook/abc"
SMART = "\u201cIt\u2019s on\u201d \u2013 now\u2026"


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return the account at the emulator."""
    return emulator.add_account("twilio", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: EmulatedAccount, make_provider: MakeProvider) -> TwilioSending:
    """Return what sends from it."""
    return TwilioSending(make_provider(account.provider))


@pytest.fixture
def canned_sending(session: aiohttp.ClientSession, canned: CannedAnswers) -> TwilioSending:
    """Return what sends from an account that gets canned answers."""
    canned.answer = {"status": 201, "text": json.dumps({"sid": SID})}
    return TwilioSending(Twilio(session, Account(username="AC1", password=PASSWORD, url=canned.url("/api/laml"))))


def text_to(**changes: Any) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    times = {"created_at": now, "expires_at": now + timedelta(minutes=10), "begun_at": now}
    fields = {"key": str(uuid4()), "recipient": PHONE, "sender": NUMBER, "text": "Hello", "parts": 1}
    return Outgoing(**{**fields, **times, **changes})


@pytest.mark.parametrize(("seconds", "expected"), [(90.9, "90"), (100_000, "14400"), (0.3, "1"), (-5, "1")])
async def test_form(canned: CannedAnswers, canned_sending: TwilioSending, seconds: float, expected: str) -> None:
    """The text waits at the vendor no longer than here; SignalWire has the same path below its own."""
    text = text_to(expires_at=datetime.now(UTC) + timedelta(seconds=seconds))
    assert await canned_sending.send(text) == Accepted(provider_id=SID)
    [request] = canned.asked
    assert request.url.path == "/api/laml/2010-04-01/Accounts/AC1/Messages.json"
    assert request.form == {"To": PHONE, "From": NUMBER, "Body": "Hello", "ValidityPeriod": expected}


async def test_messaging_service(emulator: Emulator, account: EmulatedAccount, sending: TwilioSending) -> None:
    """A service chooses the number, and replaces no character by a similar one; its text is found, too."""
    service = add_service(account, "Home", numbers_of(account))
    text = text_to(sender=service["sid"], text=SMART)
    await sending.send(text)
    assert [(each.sender, each.text) for each in emulator.handsets.shown] == [(NUMBER, SMART)]
    with pytest.raises(NotSentError) as raised:
        await sending.send(text_to(sender="MG" + "0" * 32))
    assert raised.value.reason is Reason.REFUSED


async def test_find_text_of_a_service(canned: CannedAnswers, canned_sending: TwilioSending) -> None:
    """A row has the number that a service has chosen, and the service."""
    service, now = "MG" + "0" * 32, datetime.now(UTC)
    row = {
        "sid": SID,
        "body": "Hello",
        "to": PHONE,
        "from": NUMBER,
        "messaging_service_sid": service,
        "direction": "outbound-api",
        "date_created": f"{now:%a, %d %b %Y %H:%M:%S +0000}",
    }
    canned.answer = {"text": json.dumps({"messages": [row]})}
    assert await canned_sending.find_sent(text_to(sender=service)) == Accepted(provider_id=SID)
    assert await canned_sending.find_sent(text_to(sender="MG" + "1" * 32)) is None
    for change in ({"direction": "inbound"}, {"date_created": None}, {"body": "Hello "}, {"to": "+447700900322"}):
        canned.answer = {"text": json.dumps({"messages": [row | change, None]})}
        assert await canned_sending.find_sent(text_to(sender=service)) is None


@pytest.mark.parametrize("sender", ["whatsapp:+44771234567", "messenger:1", "", None])
async def test_senders_that_are_none(canned: CannedAnswers, canned_sending: TwilioSending, sender: str | None) -> None:
    """Nothing is sent by another channel, nor without a sender."""
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(text_to(sender=sender))
    assert raised.value.reason is Reason.SENDER_NOT_ALLOWED
    assert not canned.asked


async def test_senders(account: EmulatedAccount, sending: TwilioSending) -> None:
    """Numbers that can't send SMS are left out."""
    assert [number["phone_number"] for number in numbers_of(account)] == [NUMBER]
    add_number(account, "+44771234568")
    add_number(account, "+44771234569", capabilities={"sms": False, "voice": True})
    assert await sending.senders() == (NUMBER, "+44771234568")


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (400, 21610, Reason.OPTED_OUT),
        (403, 21610, Reason.OPTED_OUT),
        (429, 63038, Reason.DAILY_LIMIT),
        (429, 20429, Reason.RATE_LIMITED),
        (429, 99999, Reason.RATE_LIMITED),
        (401, 99999, Reason.INVALID_AUTH),
        (400, 20003, Reason.INVALID_AUTH),
        (401, 20005, Reason.ACCOUNT),
        (400, 99999, Reason.REFUSED),
    ],
)
async def test_codes(
    canned: CannedAnswers, canned_sending: TwilioSending, status: int, code: int, reason: Reason
) -> None:
    """The code counts, and where it says nothing, the status."""
    canned.answer = {"status": status, "text": json.dumps({"code": code, "message": f"to {PHONE}"})}
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(text_to())
    assert raised.value.reason is reason
    assert PHONE not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(400, "<html>Bad request</html>"), (403, "{}"), (500, '{"code": 21610}'), (201, "{}"), (201, '{"sid": "SM1"}')],
)
async def test_proves_nothing(canned: CannedAnswers, canned_sending: TwilioSending, status: int, answer: str) -> None:
    """A page of somebody else, a fault of the vendor, and a text without an id, leave the outcome unknown."""
    canned.answer = {"status": status, "text": answer}
    with pytest.raises(UnknownOutcomeError):
        await canned_sending.send(text_to())
    assert len(canned.asked) == 1


@pytest.mark.parametrize(
    ("row", "report"),
    [
        ({"status": "queued", "price": None}, Report(status=SendStatus.ACCEPTED)),
        (
            {"status": "sent", "num_segments": "2", "price": "-0.01500", "price_unit": "usd"},
            Report(status=SendStatus.SENT, parts=2, cost=0.015, currency="USD"),
        ),
        ({"status": "sent", "num_segments": "0"}, Report(status=SendStatus.SENT)),
        ({"status": "read"}, Report(status=SendStatus.DELIVERED)),
        ({"status": "canceled"}, Report(status=SendStatus.FAILED)),
        (
            {"status": "undelivered", "error_code": 30006},
            Report(status=SendStatus.FAILED, reason=Reason.INVALID_RECIPIENT),
        ),
        ({"status": "unheard-of"}, None),
        ({}, None),
    ],
)
async def test_report(
    canned: CannedAnswers, canned_sending: TwilioSending, row: dict[str, Any], report: Report | None
) -> None:
    """A row says what became of its text, and what it costs once that is known."""
    canned.answer = {"text": json.dumps(row)}
    found = await canned_sending.reports([text_to(provider_id=SID), text_to(provider_id="no id"), text_to()])
    assert [(each.status, each.reason, each.parts, each.cost, each.currency) for each in found] == (
        [(report.status, report.reason, report.parts, report.cost, report.currency)] if report else []
    )
    assert [request.url.name for request in canned.asked] == [f"{SID}.json"]


async def test_many_reports(canned: CannedAnswers, canned_sending: TwilioSending) -> None:
    """At most twenty are asked for at once."""
    canned.answer = {"text": '{"status": "sent"}'}
    texts = [text_to(provider_id=f"SM{number:032x}") for number in range(30)]
    assert [each.provider_id for each in await canned_sending.reports(texts)] == [
        each.provider_id for each in texts[:20]
    ]


@pytest.mark.parametrize("answer", ["[]", "{}", '{"messages": {}}'])
async def test_list_that_is_none(canned: CannedAnswers, canned_sending: TwilioSending, answer: str) -> None:
    """A list that isn't there doesn't say that a text wasn't sent."""
    canned.answer = {"text": answer}
    with pytest.raises(ProtocolError):
        await canned_sending.find_sent(text_to())


async def test_status_url(emulator: Emulator, account: EmulatedAccount, sending: TwilioSending) -> None:
    """Each text names where its reports go; a URL that the vendor refuses is left out, and no other refusal is."""
    sending.status_url = ADDRESS
    await sending.send(text_to())
    emulator.fault("twilio", "vendor_error", word="21609")
    await sending.send(text_to(text="Again"))
    assert [message.callback for message in account.messages] == [ADDRESS, ""]
    sending.status_url = ADDRESS
    emulator.fault("twilio", "vendor_error", word="21610")
    with pytest.raises(NotSentError):
        await sending.send(text_to(text="No more"))
    assert len(emulator.handsets.shown) == 2
