"""Sending by SMS Gateway for Android: the body of a request, SIM cards, what the app refuses, and its states."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, SendStatus
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import NotSentError, ProtocolError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending.smsgate import SmsGateSending
from custom_components.sms_inbox.providers.smsgate import SmsGate
from emulator import Account as EmulatedAccount, Emulator

from .conftest import PASSWORD, USERNAME, CannedAnswers, CannedServer, MakeProvider

PHONE = "+447700900321"
KEY = "0b5a4a34-6c1e-4a52-9d5b-2f7a0c1d2e3f"


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return the account at the emulator."""
    return emulator.add_account("smsgate", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: EmulatedAccount, make_provider: MakeProvider) -> SmsGateSending:
    """Return what sends from it."""
    return SmsGateSending(make_provider(account.provider))


@pytest.fixture
def canned_sending(session: aiohttp.ClientSession, canned: CannedAnswers) -> SmsGateSending:
    """Return what sends from a phone that gives canned answers."""
    return SmsGateSending(SmsGate(session, Account(username="sms", password=PASSWORD, url=canned.url())))


def text_to(**changes: Any) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    times = {"created_at": now, "expires_at": now + timedelta(minutes=10), "begun_at": now}
    fields = {"key": KEY, "recipient": PHONE, "sender": None, "text": "Hello", "parts": 1}
    return Outgoing(**{**fields, **times, **changes})


@pytest.mark.parametrize(
    ("sender", "seconds", "expected"),
    [
        (None, 90.9, {"ttl": 90}),
        ("1", 0.3, {"ttl": 1, "simNumber": 1}),
        ("2", -5, {"ttl": 1, "simNumber": 2}),
        ("+447700900999", 90.9, {"ttl": 90}),
        ("0", 90.9, {"ttl": 90}),
    ],
)
async def test_body(
    server: CannedServer,
    session: aiohttp.ClientSession,
    sender: str | None,
    seconds: float,
    expected: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The id is ours, the phone keeps the text no longer than may be, and only the number of a slot chooses a card."""
    asked: list[dict[str, Any]] = []
    provider = SmsGate(session, Account(username="sms", password=PASSWORD, url=server.url()))
    post_once = provider.post_once

    async def note(path: str, **options: Any) -> Any:
        asked.append({"path": path, **options})
        return await post_once(path, **options)

    monkeypatch.setattr(provider, "post_once", note)
    server.answer = {"status": 202, "text": json.dumps({"id": KEY, "state": "Pending"})}
    text = text_to(sender=sender, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))
    assert await SmsGateSending(provider).send(text) == Accepted(provider_id=KEY)
    [request] = asked
    assert (request["path"], request["params"]) == ("messages", {"skipPhoneValidation": "true"})
    assert request["json"] == {
        "id": KEY,
        "textMessage": {"text": "Hello"},
        "phoneNumbers": [PHONE],
        "withDeliveryReport": True,
        **expected,
    }


async def test_number_that_the_app_would_not_take(emulator: Emulator, sending: SmsGateSending) -> None:
    """Which numbers are sent to is decided here: the app would take the text, and let it fail."""
    await sending.send(text_to(recipient="85258"))
    assert [each.recipient for each in emulator.handsets.shown] == ["85258"]


@pytest.mark.parametrize(
    ("status", "answer", "reason"),
    [
        (400, '{"message": "Text message is empty"}', Reason.REFUSED),
        (403, '{"message": "Insufficient permissions"}', Reason.ACCOUNT),
        (404, "", Reason.REFUSED),
    ],
)
async def test_refused(
    canned: CannedAnswers, canned_sending: SmsGateSending, status: int, answer: str, reason: Reason
) -> None:
    """The app says no before it has taken the text."""
    canned.answer = {"status": status, "text": answer}
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(text_to())
    assert raised.value.reason is reason


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (202, "{}"),
        (202, "[]"),
        (202, json.dumps({"id": "0f0e0d0c-0b0a-4908-8706-050403020100"})),
        (400, "<html>Bad request</html>"),
        (403, "Forbidden"),
        (500, '{"message": "database is locked"}'),
    ],
)
async def test_proves_nothing(canned: CannedAnswers, canned_sending: SmsGateSending, status: int, answer: str) -> None:
    """What isn't the app's answer about this text leaves the outcome unknown."""
    canned.answer = {"status": status, "text": answer}
    with pytest.raises(UnknownOutcomeError):
        await canned_sending.send(text_to())


@pytest.mark.parametrize(
    ("state", "error", "expected"),
    [
        ("Pending", None, (SendStatus.ACCEPTED, None)),
        ("Processed", None, (SendStatus.ACCEPTED, None)),
        ("Sent", None, (SendStatus.SENT, None)),
        ("Delivered", "Delivery result from SC +44: 1", (SendStatus.DELIVERED, None)),
        ("Failed", "TTL expired", (SendStatus.FAILED, Reason.EXPIRED)),
        ("Failed", "sendSMS: Invalid phone number type", (SendStatus.FAILED, Reason.INVALID_RECIPIENT)),
        ("Failed", "Send result: RESULT_ERROR_RADIO_OFF", (SendStatus.FAILED, None)),
        ("Failed", None, (SendStatus.FAILED, None)),
        ("Cancelled", None, (SendStatus.FAILED, None)),
        ("Unheard-of", None, None),
    ],
)
async def test_states(
    canned: CannedAnswers,
    canned_sending: SmsGateSending,
    state: str,
    error: str | None,
    expected: tuple[SendStatus, Reason | None] | None,
) -> None:
    """Each state of the app says what became of a text, and of a failed one why, as far as its sentence is known."""
    row = {"id": KEY, "state": state, "recipients": [{"phoneNumber": PHONE, "state": state, "error": error}]}
    canned.answer = {"text": json.dumps(row)}
    found = await canned_sending.reports([text_to()])
    assert [(each.status, each.reason) for each in found] == ([expected] if expected else [])


async def test_log_that_was_shortened(canned: CannedAnswers, canned_sending: SmsGateSending) -> None:
    """A text that the app knows no more has no report; an answer that isn't about it is no answer."""
    canned.answer = {"status": 404}
    assert await canned_sending.reports([text_to()]) == ()
    assert await canned_sending.find_sent(text_to()) is None
    canned.answer = {"text": json.dumps({"id": "another", "state": "Sent"})}
    with pytest.raises(ProtocolError):
        await canned_sending.find_sent(text_to())


@pytest.mark.parametrize("answer", ["[]", "{}", '[{"id": "1"}]', '[{"simCards": [null, {"simNumber": 7}]}]'])
async def test_app_that_tells_no_cards(canned: CannedAnswers, canned_sending: SmsGateSending, answer: str) -> None:
    """There is nothing to choose from then."""
    canned.answer = {"text": answer}
    assert await canned_sending.senders() == ()
