"""Sending by ClickSend: a text can be refused with HTTP status 200, and is found again by our id."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.clicksend import ClickSend
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import Sending, sending_of
import emulator as emulation
from emulator import Emulator

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, drain

PHONE = "+447700900321"
PRICE = 0.0792
ROW = {"message_id": "A-1", "direction": "out", "custom_string": ""}


@pytest.fixture
def account(emulator: Emulator) -> emulation.Account:
    """Return the account at the emulator."""
    return emulator.add_account("clicksend", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: emulation.Account, make_provider: MakeProvider) -> Sending:
    """Return what sends from that account."""
    sending = sending_of(make_provider(account.provider))
    assert sending
    return sending


@pytest.fixture
def canned_sending(session: aiohttp.ClientSession, canned: CannedAnswers) -> Sending:
    """Return what sends from an account that gets canned answers."""
    sending = sending_of(ClickSend(session, Account(username=USERNAME, password=PASSWORD, url=canned.url("/v3"))))
    assert sending
    return sending


def outgoing(text: str = "Hello", *, begun_at: datetime | None = None, **fields: Any) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    defaults: dict[str, Any] = {"key": str(uuid4()), "recipient": PHONE, "sender": None, "parts": 1}
    times = {"created_at": now, "expires_at": now + timedelta(minutes=10), "begun_at": begun_at or now}
    return Outgoing(text=text, **{**defaults, **times, **fields})


def listed(*rows: Any) -> dict[str, Any]:
    """Return a list of one page as an answer."""
    data = {"total": len(rows), "current_page": 1, "last_page": 1, "data": rows}
    return {"text": json.dumps({"http_code": 200, "response_code": "SUCCESS", "data": data})}


def submitted(status: str, **data: Any) -> dict[str, Any]:
    """Return the answer to a submission of one text."""
    data = {"messages": [ROW | {"status": status}], **data}
    return {"text": json.dumps({"http_code": 200, "response_code": "SUCCESS", "data": data})}


@pytest.mark.parametrize(
    ("sender", "shown"), [(None, "+61447238703"), ("+61411000111", "+61411000111"), ("Gate", "Gate")]
)
async def test_accepted(
    emulator: Emulator, account: emulation.Account, sending: Sending, sender: str | None, shown: str
) -> None:
    """The answer has the id, the parts, the price and its currency; without a sender the vendor chooses one."""
    text = outgoing("☺" * 71, sender=sender)
    accepted = await sending.send(text)
    [message] = account.messages
    assert accepted == Accepted(provider_id=message.message_id, parts=2, cost=2 * PRICE, currency="AUD")
    assert (message.key, message.sender) == (text.key, shown)
    assert [each.text for each in emulator.handsets.shown] == [text.text]


async def test_longest(emulator: Emulator, sending: Sending) -> None:
    """Six parts arrive whole; of more the vendor would cut off the rest, so they are not submitted."""
    longest = "x" * (6 * 153)
    assert sending.check(longest) == 6
    await sending.send(outgoing(longest))
    await sending.send(outgoing(f"{longest}y", recipient="+447700900322"))
    assert [each.text for each in emulator.handsets.shown] == [longest, longest]
    with pytest.raises(NotSentError) as raised:
        sending.check(f"{longest}y")
    assert raised.value.reason is Reason.TOO_LONG


async def test_equal_text(emulator: Emulator, sending: Sending) -> None:
    """An equal text to the same number right after the first one is refused, and says that it is a repeat."""
    await sending.send(outgoing())
    with pytest.raises(NotSentError) as raised:
        await sending.send(outgoing())
    assert (raised.value.reason, raised.value.word) == (Reason.REPEATED, "THROTTLED")
    await sending.send(outgoing(recipient="+447700900322"))
    assert len(list(emulator.handsets.shown)) == 2


@pytest.mark.parametrize(
    ("setting", "fields", "reason"),
    [
        ({"credits": 0}, {}, Reason.NO_CREDIT),
        ({"countries": ["+61"]}, {}, Reason.COUNTRY_NOT_ALLOWED),
        ({}, {"recipient": "+1"}, Reason.INVALID_RECIPIENT),
        ({}, {"sender": "A name too long"}, Reason.SENDER_NOT_ALLOWED),
    ],
)
async def test_refused_with_status_200(
    emulator: Emulator,
    account: emulation.Account,
    sending: Sending,
    setting: dict[str, Any],
    fields: dict[str, Any],
    reason: Reason,
) -> None:
    """That the request was taken doesn't mean that the text was."""
    account.extra |= setting
    with pytest.raises(NotSentError) as raised:
        await sending.send(outgoing(**fields))
    assert raised.value.reason is reason
    assert [request.status for request in emulator.requests] == [200]
    assert list(emulator.handsets.shown) == account.messages == []


async def test_status_that_is_not_known(canned: CannedAnswers, canned_sending: Sending) -> None:
    """A text that was not queued is refused, whatever the word; otherwise it may have been sent."""
    canned.answer = submitted("SENDER_NOT_REGISTERED", queued_count=0)
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(outgoing())
    assert (raised.value.reason, raised.value.word) == (Reason.REFUSED, "SENDER_NOT_REGISTERED")
    for data in ({}, {"queued_count": 1}):
        canned.answer = submitted("SOMETHING_IS_WRONG", **data)
        with pytest.raises(UnknownOutcomeError):
            await canned_sending.send(outgoing())


@pytest.mark.parametrize(
    ("status", "code", "words", "reason"),
    [
        (401, "UNAUTHORIZED", "Authorization failed.", Reason.INVALID_AUTH),
        (401, "UNAUTHORIZED", "Your account is not active.", Reason.ACCOUNT),
        (403, "FORBIDDEN", "Account banned.", Reason.ACCOUNT),
        (403, "ACCOUNT_NOT_ACTIVATED", "", Reason.ACCOUNT),
        (200, "INSUFFICIENT_CREDIT", "", Reason.NO_CREDIT),
        (400, "BAD_REQUEST", "", Reason.REFUSED),
        (429, "TOO_MANY_REQUESTS", "", Reason.RATE_LIMITED),
    ],
)
async def test_refused_request(
    canned: CannedAnswers, canned_sending: Sending, status: int, code: str, words: str, reason: Reason
) -> None:
    """A code refuses the whole request, whatever the HTTP status is."""
    answer = {"http_code": status, "response_code": code, "response_msg": words, "data": None}
    canned.answer = {"status": status, "text": json.dumps(answer), "headers": {"Retry-After": "7"}}
    with pytest.raises(NotSentError) as raised:
        await canned_sending.send(outgoing())
    assert (raised.value.reason, raised.value.retry_after) == (reason, 7.0)


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"response_code": "INSUFFICIENT_CREDIT"}),
        (200, {"response_code": "INTERNAL_ERROR", "data": None}),
        (200, {"response_code": "SUCCESS", "data": {"messages": []}}),
        (200, {"response_code": "SUCCESS", "data": {"messages": [{"status": "SUCCESS"}]}}),
        (200, {"response_code": "SUCCESS", "data": []}),
        (200, []),
    ],
)
async def test_answer_that_proves_nothing(
    canned: CannedAnswers, canned_sending: Sending, status: int, answer: Any
) -> None:
    """A fault of the vendor, and what can't be understood, is neither a refusal nor an acceptance."""
    canned.answer = {"status": status, "text": json.dumps(answer)}
    with pytest.raises(UnknownOutcomeError):
        await canned_sending.send(outgoing())


async def test_found_by_our_id(account: emulation.Account, sending: Sending) -> None:
    """An equal text of another program is not ours; ours is found on any page, whatever time the vendor's clock has."""
    account.page_size = 2
    lost = outgoing()
    begun_at = lost.created_at
    for number in range(3):
        other = account.submit(lost.text, sender="+1", recipient=PHONE, key=str(number))
        other.received_at = begun_at - timedelta(seconds=100)
    assert await sending.find_sent(lost) is None
    message = account.submit(lost.text, sender="+1", recipient=PHONE, key=lost.key)
    message.received_at = begun_at - timedelta(seconds=90)
    found = await sending.find_sent(lost)
    assert found == Accepted(provider_id=message.message_id, parts=1, cost=PRICE)


@pytest.mark.parametrize(
    ("row", "status", "reason"),
    [
        ({"status": "Completed", "status_code": None}, None, None),
        ({"status": "Queued", "status_code": "200"}, None, None),
        ({"status": "WaitApproval", "status_code": "200"}, None, None),
        ({"status": "Sent", "status_code": None}, SendStatus.SENT, None),
        ({"status": "Sent", "status_code": "200"}, SendStatus.SENT, None),
        ({"status": "Sent", "status_code": 201}, SendStatus.DELIVERED, None),
        ({"status": "Failed", "status_code": "300"}, SendStatus.SENT, None),
        ({"status": "Failed", "status_code": "302"}, SendStatus.SENT, None),
        ({"status": "Failed", "status_code": "301"}, SendStatus.FAILED, None),
        ({"status": "Failed", "status_code": None}, SendStatus.FAILED, None),
        (
            {"status": "Failed", "status_code": "301", "error_text": "Absent Subscriber. Phone is switched off."},
            SendStatus.FAILED,
            Reason.UNREACHABLE,
        ),
        ({"status": "Cancelled", "status_code": "301"}, SendStatus.FAILED, None),
        ({"status": "CancelledAfterReview"}, SendStatus.FAILED, Reason.FILTERED),
    ],
)
async def test_state(
    canned: CannedAnswers,
    canned_sending: Sending,
    row: dict[str, Any],
    status: SendStatus | None,
    reason: Reason | None,
) -> None:
    """What the history says of a text; that a failure is temporary doesn't end the wait."""
    canned.answer = listed(ROW | row, ROW | row | {"message_id": "of another program"}, "no row")
    reports = await canned_sending.reports([outgoing(provider_id="A-1")])
    expected = Report(status=status, provider_id="A-1", reason=reason) if status else None
    assert reports == ((expected,) if expected else ())


async def test_reports_of_the_oldest(emulator: Emulator, account: emulation.Account, sending: Sending) -> None:
    """One request is enough for all texts that are open, and it reaches back to the oldest one."""
    long_ago = datetime.now(UTC) - timedelta(hours=70)
    old = account.submit("old", sender="+1", recipient=PHONE)
    old.received_at, old.status = long_ago, "delivered"
    young = account.submit("young", sender="+1", recipient=PHONE)
    young.status, young.error = "failed", "unreachable"
    reports = await sending.reports(
        [outgoing(provider_id=young.message_id), outgoing(provider_id=old.message_id, begun_at=long_ago)]
    )
    assert reports == (
        Report(status=SendStatus.DELIVERED, provider_id=old.message_id),
        Report(status=SendStatus.FAILED, provider_id=young.message_id, reason=Reason.UNREACHABLE),
    )
    assert len(list(emulator.requests)) == 1


async def test_reply(account: emulation.Account, sending: Sending, make_provider: MakeProvider) -> None:
    """A reply names the very text that it answers, and what was sent isn't taken for a message."""
    first, _ = [await sending.send(outgoing(text)) for text in ("first", "second")]
    account.send("Yes", in_reply_to=first.provider_id)
    messages, _ = await drain(make_provider(account.provider))
    assert [(message.text, message.in_reply_to) for message in messages] == [("Yes", first.provider_id)]
    assert sending.replies_are_certain


async def test_senders(sending: Sending) -> None:
    """The account's own numbers can be the sender."""
    assert await sending.senders() == ("+61411000111",)
