"""BulkSMS JSON API: the message object, pages, and the filter that finds what is new."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.bulksms import BulkSms
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
)
from emulator import Account as EmulatedAccount, Emulator

from .conftest import PASSWORD, USERNAME, CannedAnswers, CannedServer, MakeProvider, drain

ROW: dict[str, Any] = {
    "id": "4023457654",
    "type": "RECEIVED",
    "from": "447700900123",
    "to": "44771234567",
    "body": "Hi|\n😀",
    "encoding": "UNICODE",
    "protocolId": 0,
    "messageClass": 2,
    "numberOfParts": 1,
    "creditCost": 0,
    "submission": {"id": "x", "date": "2026-11-21T10:00:00Z"},
    "status": {"id": "DELIVERED.null", "type": "DELIVERED", "subtype": None},
    "relatedSentMessageId": None,
    "userSuppliedId": None,
    "brandNew": {"a": 1},
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


type Fetch = Callable[..., Awaitable[Page]]


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: CannedAnswers) -> BulkSms:
    """Return the provider of an account that gets canned answers."""
    return BulkSms(session, Account(username="token", password=PASSWORD, url=canned.url("/v1")))


@pytest.fixture
def fetch(provider: BulkSms, canned: CannedAnswers) -> Fetch:
    """Return what fetches one canned answer: rows, or anything else."""

    async def fetch(rows: Any, cursor: dict[str, Any] | None = None) -> Page:
        canned.answer = {"text": rows if isinstance(rows, str) else json.dumps(rows)}
        return await provider.fetch(cursor or {})

    return fetch


def asked(canned: CannedAnswers) -> str:
    """Return the filter of the one request."""
    [request] = canned.asked
    assert (request.method, request.url.path) == ("GET", "/v1/messages")
    assert request.url.query["sortOrder"] == "ASCENDING"
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth("token", PASSWORD)
    return request.url.query["filter"]


async def test_message(fetch: Fetch) -> None:
    """All fields of a received message (V35)."""
    page = await fetch([ROW])
    [message] = page.messages
    assert (message.message_id, message.sender, message.recipient) == ("4023457654", "447700900123", "44771234567")
    assert (message.text, message.encoding, message.data) == ("Hi|\n😀", "unicode", None)
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert json.loads(message.raw) == ROW
    assert page.more


async def test_long_id_as_a_number(fetch: Fetch, canned: CannedAnswers) -> None:
    """An id of 19 digits is read to its last digit, also as a number, and the next page begins behind it."""
    page = await fetch([ROW | {"id": 1234567890123456789}])
    assert [message.message_id for message in page.messages] == ["1234567890123456789"]
    canned.asked.clear()
    await fetch([], page.cursor)
    assert asked(canned).endswith("&id>1234567890123456789")


async def test_only_the_required_fields(fetch: Fetch) -> None:
    """Sender and time may be missing (V36)."""
    page = await fetch([{"id": 7, "type": "RECEIVED", "to": "1", "body": "x", "status": {}}])
    [message] = page.messages
    assert (message.message_id, message.sender, message.received_at, message.encoding) == ("7", "", None, "text")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"encoding": "BINARY", "body": "234f"}, {"encoding": "binary", "data": b"#O", "text": "#O"}),
        ({"encoding": "BINARY", "body": "00FF"}, {"encoding": "binary", "data": b"\x00\xff", "text": ""}),
        ({"encoding": "BINARY", "body": "no hex"}, {"encoding": "binary", "data": None, "text": "no hex"}),
        ({"encoding": "NEW"}, {"encoding": "text", "text": "Hi|\n😀"}),
        ({"body": None}, {"text": ""}),
        ({"body": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"body": "a\x00b"}, {"text": "a\x00b"}),
        ({"from": None}, {"sender": ""}),
        ({"submission": None}, {"received_at": None}),
        ({"submission": {"date": "2026-02-30T10:00:00Z"}}, {"received_at": None}),
        ({"submission": {"date": "0001-01-01T00:00:00+14:00"}}, {"received_at": None}),
        (
            {"submission": {"date": "2026-11-21T12:00:00+02:00"}},
            {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)},
        ),
        ({"submission": {"date": "2026-11-21T10:00:00"}}, {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
        ({"relatedSentMessageId": 12}, {"in_reply_to": "12"}),
    ],
)
async def test_fields(fetch: Fetch, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch([ROW | change])).messages
    assert {name: getattr(message, name) for name in expected} == expected


async def test_sent_messages_are_dropped(fetch: Fetch) -> None:
    """A server that ignores the filter doesn't make us deliver what the person sent (V39)."""
    page = await fetch([ROW | {"type": "SENT", "id": "4023457655"}, ROW])
    assert [message.message_id for message in page.messages] == ["4023457654"]
    assert page.unreadable == ()
    assert page.more


@pytest.mark.parametrize("row", ["text", None, {"type": "RECEIVED", "body": "no id"}, ["list"]])
async def test_row_that_is_no_message(fetch: Fetch, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch([row, ROW])
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]


async def test_id_that_is_no_number(fetch: Fetch) -> None:
    """It is delivered once; where a page goes on is decided by the others."""
    page = await fetch([ROW | {"id": "abc"}, ROW])
    assert [message.message_id for message in page.messages] == ["abc", "4023457654"]
    page = await fetch([ROW | {"id": "abc"}], page.cursor)
    assert (page.messages, page.more) == ((), False)


@pytest.mark.parametrize("body", ["", "<html></html>", '{"id": 1}', pytest.param("[" * 100_000, id="deep"), "nul"])
async def test_what_is_no_list(fetch: Fetch, body: str) -> None:
    """What the API never says is told apart, and the answer is in no error."""
    with pytest.raises(ProtocolError):
        await fetch(body)


@pytest.mark.parametrize("body", ["[]", '{"username": "anna"}', "null"])
async def test_profile_without_an_id(provider: BulkSms, canned: CannedAnswers, body: str) -> None:
    """A profile that names no account proves nothing."""
    canned.answer = {"text": body}
    with pytest.raises(ProtocolError):
        await provider.validate()


async def test_first_look(fetch: Fetch, canned: CannedAnswers, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 30 days, past the seven that the server takes; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await fetch([])
    assert asked(canned) == "type=RECEIVED&submission.date>=2026-10-22T11:00:00Z"
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(fetch: Fetch, canned: CannedAnswers, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin an hour before the latest message, however long ago; it moves at the end of the list."""
    freezer.move_to(NOW)
    cursor = {"since": "2026-01-01T10:00:00+00:00"}
    page = await fetch([ROW], cursor)
    assert asked(canned) == "type=RECEIVED&submission.date>=2026-01-01T09:00:00Z"
    assert (page.cursor, page.more) == (cursor, True)
    page = await fetch([], page.cursor)
    assert (page.cursor, page.more) == ({"since": "2026-11-21T10:00:00+00:00"}, False)


async def test_cursor_of_a_move(fetch: Fetch, canned: CannedAnswers) -> None:
    """An account that was read by the older API is read from an hour before a time on."""
    await fetch([], dict(BulkSms.cursor_since(NOW)))
    assert asked(canned) == "type=RECEIVED&submission.date>=2026-11-21T11:00:00Z"


async def test_message_from_the_future(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """It must not hide those that come after it."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"submission": {"date": "9999-12-31T23:59:59Z"}}])
    assert (await fetch([], page.cursor)).cursor["since"] == NOW.isoformat()


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return the account at the emulator."""
    return emulator.add_account("bulksms", USERNAME, PASSWORD)


async def test_short_pages(emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """A page that is shorter than asked for is not the end; an empty one is."""
    account.page_size = 3
    for number in range(7):
        account.send(f"Message {number}", received_at=datetime.now(UTC) - timedelta(days=20))
    account.send("Sent", sent=True)
    messages, _ = await drain(make_provider("bulksms"))
    assert [message.text for message in messages] == [f"Message {number}" for number in range(7)]
    assert len(emulator.requests) == 4


@pytest.mark.parametrize("minutes", [0, 1, 59])
async def test_lower_id_that_appears_late(
    account: EmulatedAccount, make_provider: MakeProvider, minutes: float
) -> None:
    """It is found within an hour, by the object that has read higher ids and by a new one (V73)."""
    at = datetime.now(UTC)
    account.send("Second", message_id="100", received_at=at)
    provider = make_provider("bulksms")
    messages, page = await drain(provider)
    account.send("First", message_id="99", received_at=at - timedelta(minutes=minutes, seconds=1))
    for reader, expected in ((provider, ["First"]), (make_provider("bulksms"), ["First", "Second"])):
        assert [message.text for message in (await drain(reader, page.cursor))[0]] == expected
    assert [message.text for message in messages] == ["Second"]


async def test_quiet_poll(emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """It takes two requests, since only an empty page is the end, and brings nothing again."""
    account.send("Hello")
    provider = make_provider("bulksms")
    _, page = await drain(provider)
    for _ in range(3):
        emulator.requests.clear()
        assert await drain(provider, page.cursor) == ([], Page(messages=(), cursor=page.cursor, more=False))
        assert len(emulator.requests) == 2


async def test_quiet_poll_of_a_busy_account(
    emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider
) -> None:
    """With 10,000 messages in an hour it takes three, and a low id that appears late is found soon all the same."""
    account.page_size = 1000
    at = datetime.now(UTC)
    for number in range(1, 10_001):
        account.send("x", message_id=str(2 * number), received_at=at - timedelta(seconds=(10_000 - number) / 3))
    provider = make_provider("bulksms")
    messages, page = await drain(provider)
    assert len(messages) == 10_000
    account.send("Low", message_id="9001", received_at=at - timedelta(minutes=20))
    account.send("High", message_id="19901", received_at=at - timedelta(minutes=1))
    account.send("New", message_id="30001", received_at=at)
    found: list[str] = []
    for _ in range(25):
        emulator.requests.clear()
        messages, page = await drain(provider, page.cursor)
        assert len(emulator.requests) <= 4 if "New" not in found else len(emulator.requests) == 3
        found += [message.text for message in messages]
    assert found == ["High", "New", "Low"]


async def test_page_that_is_refused(emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """The next walk starts from its beginning: what follows the refused page may have been wrong."""
    account.page_size = 2
    for number in range(5):
        account.send(f"Message {number}")
    provider = make_provider("bulksms")
    page = await provider.fetch({})
    messages = list(page.messages)
    emulator.fault("bulksms", "server_error", status=400)
    with pytest.raises(ConfigurationError):
        await provider.fetch(page.cursor)
    messages += (await drain(provider, page.cursor))[0]
    assert [message.text for message in messages] == [f"Message {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("status", "word", "error", "hint"),
    [
        (401, "authentication-failed", AuthenticationError, None),
        (401, "account-suspended", ConfigurationError, "account_suspended"),
        (403, "forbidden", ConfigurationError, None),
        (403, "insufficient-credits", ConfigurationError, None),
        (403, "account-blocked", ConfigurationError, "account_suspended"),
        (403, "trial-expired", ConfigurationError, "expired"),
    ],
)
@pytest.mark.usefixtures("account")
async def test_refusal(
    emulator: Emulator,
    make_provider: MakeProvider,
    status: int,
    word: str,
    error: type[ProviderError],
    hint: str | None,
) -> None:
    """Wrong credentials, and an account that the vendor has shut, are different things (V40)."""
    emulator.fault("bulksms", "vendor_error", count=None, word=word, status=status)
    provider = make_provider("bulksms")
    for ask in (provider.validate(), provider.fetch({}), provider.webhook_places("SMS Inbox")):
        with pytest.raises(error, match=f"^HTTP status {status}, {word}$") as raised:
            await ask
        assert raised.value.hint == hint


async def test_problem(provider: BulkSms, canned: CannedAnswers) -> None:
    """A request that the API refuses is no reason to hurry (V40)."""
    problem = {"type": "#bad-request", "title": "Bad Request", "status": 400, "detail": "id"}
    canned.answer = {"status": 400, "text": json.dumps(problem), "content_type": "application/problem+json"}
    with pytest.raises(ConfigurationError, match="400"):
        await provider.validate()


async def test_rate_limit_without_a_body(provider: BulkSms, canned: CannedAnswers) -> None:
    """429 with nothing else (V41)."""
    canned.answer = {"status": 429}
    with pytest.raises(RateLimitedError) as raised:
        await provider.validate()
    assert raised.value.retry_after is None


async def test_registering_again(make_provider: MakeProvider, emulator: Emulator, server: CannedServer) -> None:
    """A webhook that is right is left alone, and one that was switched off is put right; ids are numbers."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    provider = make_provider("bulksms")
    server.answer = {"status": 200}
    url = server.url("/api/webhook/abc")
    for _ in range(2):
        await provider.set_webhook("SMS Inbox", url)
    assert len(server.asked) == 1
    account.webhooks[0]["active"] = False
    await provider.set_webhook("SMS Inbox", url)
    assert [webhook["active"] for webhook in account.webhooks] == [True]
    assert [type(webhook["id"]) for webhook in account.webhooks] == [int]
