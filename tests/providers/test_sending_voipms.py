"""Sending by VoIP.ms: numbers of ten digits, 160 bytes, words that refuse, and the list in which a text is found."""

from datetime import UTC, datetime, timedelta
import json
from typing import Any
from uuid import uuid4

import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import Sending, sending_of
from emulator import Account, Emulator
from emulator.voipms import make_number

from .conftest import PASSWORD, USERNAME, CannedServer, MakeProvider

PHONE, DID = "+12025550123", "2025550142"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return the account, which has one number."""
    return emulator.add_account("voipms", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: Account, make_provider: MakeProvider) -> Sending:
    """Return what sends from it."""
    sending = sending_of(make_provider(account.provider))
    assert sending
    return sending


def text_to(recipient: str = PHONE, text: str = "Hello", **changes: Any) -> Outgoing:
    """Return a text to send."""
    fields = {"sender": DID, "begun_at": NOW, "created_at": NOW, "expires_at": NOW + timedelta(hours=1)} | changes
    return Outgoing(key=str(uuid4()), recipient=recipient, text=text, parts=1, **fields)


@pytest.mark.parametrize("sender", [DID, f"1{DID}", f"+1{DID}"])
async def test_sends(emulator: Emulator, account: Account, sending: Sending, sender: str) -> None:
    """Numbers are sent with ten digits, however the account's dialing mode writes its own; the id is the list's."""
    accepted = await sending.send(text_to(text="It's 5 o'clock: é ☺ & 100%", sender=sender))
    [message], [shown] = account.messages, emulator.handsets.shown
    assert accepted == Accepted(provider_id=message.message_id)
    assert (shown.recipient, shown.sender, shown.text) == (PHONE, f"+1{DID}", "It's 5 o'clock: é ☺ & 100%")
    [request] = emulator.requests
    assert (request.method, request.url) == ("POST", "/voipms/api/v1/rest.php")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipient": "+447700900321"}, Reason.INVALID_RECIPIENT),
        ({"recipient": "+120255501234"}, Reason.INVALID_RECIPIENT),
        ({"sender": None}, Reason.SENDER_NOT_ALLOWED),
        ({"sender": "HOME"}, Reason.SENDER_NOT_ALLOWED),
        ({"sender": "+442025550142"}, Reason.SENDER_NOT_ALLOWED),
    ],
)
async def test_numbers_refused(emulator: Emulator, sending: Sending, changes: dict[str, Any], reason: Reason) -> None:
    """Where a number would be another one with ten digits, or none, nothing is requested."""
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to(**changes))
    assert error.value.reason is reason
    assert not emulator.requests


@pytest.mark.parametrize("text", ["a" * 160, "é" * 80, "😀" * 40], ids=["one", "two", "four"])
async def test_longest(emulator: Emulator, sending: Sending, text: str) -> None:
    """160 bytes are taken, and one more is refused: not characters are counted."""
    sending.check(text)
    await sending.send(text_to(text=text))
    assert [shown.text for shown in emulator.handsets.shown] == [text]
    with pytest.raises(NotSentError) as error:
        sending.check(f"{text}a")
    assert error.value.reason is Reason.TOO_LONG
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to(text=f"{text}a"))
    assert (error.value.reason, error.value.word) == (Reason.TOO_LONG, "sms_toolong")


async def test_daily_limit(emulator: Emulator, account: Account, sending: Sending) -> None:
    """The vendor sends so many in a day; that isn't for pausing some minutes, as with reading."""
    account.extra["daily_limit"] = 1
    await sending.send(text_to())
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to())
    assert error.value.reason is Reason.DAILY_LIMIT
    assert not error.value.reason.is_temporary
    assert len(emulator.handsets.shown) == 1


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("invalid_dst", Reason.INVALID_RECIPIENT),
        ("invalid_did", Reason.SENDER_NOT_ALLOWED),
        ("no_credits", Reason.NO_CREDIT),
        ("message_empty", Reason.EMPTY),
        ("invalid_credentials", Reason.INVALID_AUTH),
        ("ip_not_enabled", Reason.ACCOUNT),
        ("api_limit_exceeded", Reason.RATE_LIMITED),
        ("method_maintenance", Reason.CANNOT_CONNECT),
        ("sms_failed", Reason.REFUSED),
        ("sms_no_such_word", Reason.REFUSED),
    ],
)
async def test_refusals(emulator: Emulator, sending: Sending, word: str, reason: Reason) -> None:
    """Every status but success is a refusal, and 200 for HTTP."""
    emulator.fault("voipms", "vendor_error", word=word, status=200)
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to())
    assert (error.value.reason, error.value.word) == (reason, word)
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>Please wait</html>"),
        (200, "{}"),
        (200, '{"status":"success"}'),
        (200, '{"status":"success","sms":null}'),
        (200, '{"status":"tls_error"}'),
        (200, '{"status":"unavailable_info"}'),
        (200, '{"status":"It was not sent to 2025550123"}'),
        (522, '{"status":"invalid_dst"}'),
    ],
)
async def test_unknown(server: CannedServer, make_provider: MakeProvider, status: int, body: str) -> None:
    """What doesn't say that the text was refused may have sent it."""
    server.answer = {"status": status, "text": body}
    sending = sending_of(make_provider("voipms", url=server.url()))
    assert sending
    with pytest.raises(UnknownOutcomeError) as error:
        await sending.send(text_to())
    assert "2025550123" not in str(error.value)
    [request] = server.asked
    assert request.form == {
        "api_username": USERNAME,
        "api_password": PASSWORD,
        "method": "sendSMS",
        "did": DID,
        "dst": "2025550123",
        "message": "Hello",
    }
    assert request.headers["Content-Type"].startswith("multipart/form-data")


async def test_found_after_lost_answer(emulator: Emulator, account: Account, sending: Sending) -> None:
    """A text whose answer was lost is in the list."""
    emulator.fault("voipms", "dropped", consume=True)
    text = text_to(begun_at=datetime.now(UTC))
    with pytest.raises(UnknownOutcomeError):
        await sending.send(text)
    [message] = account.messages
    assert await sending.find_sent(text) == Accepted(provider_id=message.message_id)


SENT = {"text": "Hello", "sender": f"+1{DID}", "recipient": PHONE, "received_at": NOW, "sent": True}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"text": "Hello!"}, id="another text"),
        pytest.param({"recipient": "+12025550124"}, id="to another phone"),
        pytest.param({"sender": "+12025550143"}, id="from another number"),
        pytest.param({"received_at": NOW - timedelta(seconds=2)}, id="sent before"),
        pytest.param({"sent": False, "sender": "2025550123", "recipient": DID}, id="received"),
    ],
)
async def test_not_found(account: Account, sending: Sending, changes: dict[str, Any]) -> None:
    """Nothing but the text itself is taken for it."""
    account.send(**SENT | changes)
    assert await sending.find_sent(text_to()) is None


async def test_never_sent(emulator: Emulator, sending: Sending) -> None:
    """A text that no request can send, and of which a crash has left the outcome open, isn't looked for."""
    assert await sending.find_sent(text_to("+447700900321")) is None
    assert not emulator.requests


async def test_found_among_equal_ones(account: Account, sending: Sending) -> None:
    """Of equal texts it is the first one since the request began: another may have been sent meanwhile."""
    for number, seconds in ((7, -60), (9, 1), (10, 20)):
        account.send(**SENT | {"message_id": str(number), "received_at": NOW + timedelta(seconds=seconds)})
    assert await sending.find_sent(text_to()) == Accepted(provider_id="9")


async def test_found_by_the_vendors_clock(emulator: Emulator, account: Account, sending: Sending) -> None:
    """The list has the vendor's time, and the text was begun by ours."""
    emulator.clock_offset = timedelta(hours=-3)
    emulator.fault("voipms", "dropped", consume=True, skip=1)
    await sending.senders()
    text = text_to(begun_at=datetime.now(UTC))
    with pytest.raises(UnknownOutcomeError):
        await sending.send(text)
    [message] = account.messages
    assert await sending.find_sent(text) == Accepted(provider_id=message.message_id)


@pytest.mark.parametrize(
    ("listed", "text"),
    [(r"It\'s", "It's"), ("caf&eacute; & more", "café & more"), ("&eacute;", "&eacute;"), (r"C:\\", r"C:\\")],
)
async def test_found_with_escapes(account: Account, sending: Sending, listed: str, text: str) -> None:
    """The list may have the text escaped, as it has those that were received."""
    message = account.send(**SENT | {"text": listed})
    assert await sending.find_sent(text_to(text=text)) == Accepted(provider_id=message.message_id)


async def test_asks_for_the_days(server: CannedServer, make_provider: MakeProvider) -> None:
    """The days are those of New York, where the one before has not ended yet at four in the morning of UTC."""
    server.answer = {"text": json.dumps({"status": "no_sms"})}
    sending = sending_of(make_provider("voipms", url=server.url()))
    assert sending
    assert await sending.find_sent(text_to(begun_at=datetime(2026, 11, 21, 4, tzinfo=UTC))) is None
    form = server.asked[0].form
    assert form["from"] == "2026-11-20"
    assert {name: form[name] for name in ("method", "type", "timezone", "did", "contact")} == {
        "method": "getSMS",
        "type": "0",
        "timezone": "-5",
        "did": DID,
        "contact": "2025550123",
    }


async def test_senders(account: Account, sending: Sending) -> None:
    """A text can come from each number that has SMS enabled."""
    account.protocol.numbers(account).extend([make_number("2025550143"), make_number("2025550144", sms_enabled="0")])
    assert await sending.senders() == (DID, "2025550143")
