"""Sending by 46elks: what refuses a text, how a lost one is found, and what it costs."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.elks import Elks
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import Sending, sending_of
from emulator import Account as Emulated, Emulator, Message
from emulator.elks import COST, NUMBER, number

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, drain

PHONE = "+46704508449"
PRICE = COST / 10_000


@pytest.fixture
def account(emulator: Emulator) -> Emulated:
    """Return the account at the emulator."""
    return emulator.add_account("elks", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: Emulated, make_provider: MakeProvider) -> Sending:
    """Return what sends from that account."""
    sending = sending_of(make_provider(account.provider))
    assert sending
    return sending


@pytest.fixture
def canned_sending(session: aiohttp.ClientSession, canned: CannedAnswers) -> Sending:
    """Return what sends from an account that gets canned answers."""
    sending = sending_of(Elks(session, Account(username="uAbc", password=PASSWORD, url=canned.url("/a1"))))
    assert sending
    return sending


def outgoing(text: str = "Hello", **fields: Any) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {"key": str(uuid4()), "recipient": PHONE, "sender": NUMBER, "parts": 1}
    times = {"created_at": now, "expires_at": now + timedelta(minutes=10), "begun_at": now}
    return Outgoing(text=text, **{**defaults, **times, **fields})


@pytest.mark.parametrize("sender", [NUMBER, "My House"])
async def test_accepted(emulator: Emulator, account: Emulated, sending: Sending, sender: str) -> None:
    """The text arrives from the sender; the answer has the parts and the price, whose currency isn't known yet."""
    text = "a&b=c+%\r\n" + "☺" * 70
    accepted = await sending.send(outgoing(text, sender=sender))
    [message] = account.messages
    assert accepted == Accepted(provider_id=message.message_id, parts=2, cost=2 * PRICE)
    assert [(each.sender, each.text) for each in emulator.handsets.shown] == [(sender, text)]


@pytest.mark.parametrize("url", ["", "https://home.example/api/webhook/abc?a=1&b=%2B"])
async def test_request(canned: CannedAnswers, canned_sending: Sending, url: str) -> None:
    """The vendor is told where to report, if there is such an address, and never to keep no text."""
    canned.answer = {"text": '{"id": "s1"}'}
    canned_sending.status_url = url
    await canned_sending.send(outgoing())
    [request] = canned.asked
    assert (request.method, request.url.path) == ("POST", "/a1/sms")
    expected = {"from": NUMBER, "to": PHONE, "message": "Hello"}
    assert request.form == expected | ({"whendelivered": url} if url else {})


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, "API access requires Basic HTTP authentication.", Reason.INVALID_AUTH),
        (401, "", Reason.INVALID_AUTH),
        (401, "Your account is closed", Reason.ACCOUNT),
        (403, "Not enough credits", Reason.NO_CREDIT),
        (403, '{"error": "Not enough credits"}', Reason.NO_CREDIT),
        (403, "Missing key from", Reason.REFUSED),
        (400, "Invalid to", Reason.INVALID_RECIPIENT),
        (400, '{"error": "Invalid from: +46700000000"}', Reason.SENDER_NOT_ALLOWED),
        (400, "Something else about +46700000000", Reason.REFUSED),
    ],
)
async def test_refused(canned: CannedAnswers, canned_sending: Sending, status: int, body: str, reason: Reason) -> None:
    """A sentence refuses the text, and nothing of it is passed on."""
    canned.answer = {"status": status, "text": body}
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(outgoing())
    assert raised.value.reason is reason
    assert "+46" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, "<html>Blocked</html>"), (400, ""), (500, "Not enough credits"), (200, "[]"), (200, "{}"), (200, "created")],
)
async def test_answer_that_proves_nothing(
    canned: CannedAnswers, canned_sending: Sending, status: int, body: str
) -> None:
    """A page of somebody else, a fault of the vendor, and what can't be understood, prove nothing."""
    canned.answer = {"status": status, "text": body}
    with pytest.raises(UnknownOutcomeError):
        await canned_sending.send(outgoing())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"recipient": "+1"}, Reason.INVALID_RECIPIENT),
        ({"sender": "A name too long"}, Reason.SENDER_NOT_ALLOWED),
        ({"sender": None}, Reason.REFUSED),
    ],
)
async def test_refused_by_the_emulator(account: Emulated, sending: Sending, fields: Any, reason: Reason) -> None:
    """The emulator refuses as the vendor does."""
    with pytest.raises(NotSentError) as raised:
        await sending.send(outgoing(**fields))
    assert raised.value.reason is reason
    assert account.messages == []


async def test_found_by_text(account: Emulated, sending: Sending) -> None:
    """The first equal text to the same number since then, and nothing that only looks like it."""
    lost = outgoing()

    def submit(text: str = lost.text, recipient: str = PHONE, seconds: float = 1.0) -> Message:
        message = account.submit(text, sender=NUMBER, recipient=recipient)
        message.received_at = lost.created_at + timedelta(seconds=seconds)
        return message

    submit("Hello!")
    submit(recipient="+46704508440")
    submit(seconds=-30)
    account.send(lost.text, sender=NUMBER, recipient=PHONE)
    assert await sending.find_sent(lost) is None
    submit(seconds=2)
    first = submit()
    submit(seconds=3)
    assert await sending.find_sent(lost) == Accepted(provider_id=first.message_id, parts=1, cost=PRICE)


async def test_what_is_not_ours(canned: CannedAnswers, canned_sending: Sending) -> None:
    """Neither an answer that the vendor has sent to somebody, nor a text of before, even if it is listed."""
    row = {"id": "s1", "to": PHONE, "message": "Hello", "created": "2999-01-01T00:00:00.000000"}
    rows = [row | {"direction": "outgoing-reply"}, row | {"direction": "outgoing", "created": "2000-01-01"}, "no row"]
    canned.answer = {"text": json.dumps({"data": rows})}
    assert await canned_sending.find_sent(outgoing()) is None
    canned.answer = {"text": json.dumps({"data": [row | {"direction": "outgoing"}]})}
    assert await canned_sending.find_sent(outgoing()) == Accepted(provider_id="s1")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("accepted", SendStatus.ACCEPTED),
        ("sent", SendStatus.SENT),
        ("delivered", SendStatus.DELIVERED),
        ("failed", SendStatus.FAILED),
    ],
)
async def test_state(emulator: Emulator, account: Emulated, sending: Sending, state: str, status: SendStatus) -> None:
    """Each text is asked for; a report says in which currency it is paid. One that is gone keeps no other waiting."""
    message = account.submit("Hello", sender=NUMBER, recipient=PHONE)
    message.status = state
    ids = ("s0", "../me", None, message.message_id)
    reports = await sending.reports([outgoing(provider_id=id_) for id_ in ids])
    assert reports == (Report(status=status, provider_id=message.message_id, parts=1, cost=PRICE, currency="SEK"),)
    assert [request.url.removeprefix("/elks/a1/") for request in emulator.requests] == [
        "me",
        "sms/s0",
        f"sms/{message.message_id}",
    ]


async def test_currency_is_asked_for_once(emulator: Emulator, account: Emulated, sending: Sending) -> None:
    """From then on, each answer has it."""
    message = account.submit("Hello", sender=NUMBER, recipient=PHONE)
    for _ in range(2):
        await sending.reports([outgoing(provider_id=message.message_id)])
    assert [request.url.rpartition("/")[2] for request in emulator.requests].count("me") == 1
    assert (await sending.send(outgoing())).currency == "SEK"


async def test_sent_texts_are_no_messages(account: Emulated, sending: Sending, make_provider: MakeProvider) -> None:
    """The same history has what was received."""
    account.send("received")
    await sending.send(outgoing())
    messages, _ = await drain(make_provider(account.provider))
    assert [message.text for message in messages] == ["received"]


async def test_senders(account: Emulated, sending: Sending) -> None:
    """A number that receives SMS, and was not given back, can be the sender."""
    account.places += [number("+461", active="no"), number("+462", capabilities=["voice"]), number("+463")]
    assert set(await sending.senders()) == {"+463", NUMBER}
