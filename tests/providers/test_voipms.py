"""VoIP.ms: the rows of `getSMS`, its status codes, its days, and the zone of New York."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from custom_components.sms_inbox.providers.voipms import VoipMs
from emulator import Emulator

from .conftest import PASSWORD, USERNAME, CannedServer, MakeProvider, drain, new, poll

FIXTURES = Path(__file__).parents[1] / "fixtures/voipms"
ROW: dict[str, Any] = {
    "id": "111121",
    "date": "2026-11-21 05:00:00",
    "type": "1",
    "did": "8574884828",
    "contact": "8577884821",
    "message": "Hi|\n😀",
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

type Fetch = Callable[..., Awaitable[Page]]


@pytest.fixture
def provider(session: aiohttp.ClientSession, server: CannedServer) -> VoipMs:
    """Return the provider of an account at the canned server."""
    return VoipMs(session, Account(username="Anna@example.com", password=PASSWORD, url=str(server.make_url("/api/v1"))))


@pytest.fixture
def fetch(provider: VoipMs, server: CannedServer) -> Fetch:
    """Return what fetches one canned answer: rows, or anything else."""

    async def fetch(rows: Any, cursor: dict[str, Any] | None = None) -> Page:
        text = json.dumps({"status": "success", "sms": rows}) if isinstance(rows, list) else rows
        server.answer = {"text": text}
        return await provider.fetch(cursor or {})

    return fetch


def asked(server: CannedServer) -> list[tuple[date, date]]:
    """Return the days that were asked for."""
    forms = [form for _, form in server.requests if form["method"] == "getSMS"]
    return [(date.fromisoformat(form["from"]), date.fromisoformat(form["to"])) for form in forms]


async def test_documented_answer(fetch: Fetch) -> None:
    """The vendor's own sample: what was received is delivered, what was sent is not, and texts are as they come."""
    page = await fetch((FIXTURES / "getSMS.json").read_text())
    [message] = page.messages
    assert (message.message_id, message.sender, message.recipient) == ("111121", "8577884821", "8574884828")
    assert (message.text, message.encoding, message.in_reply_to) == ("hello+john", "text", None)
    assert message.received_at == datetime(2014, 3, 30, 14, 24, 50, tzinfo=UTC)
    assert json.loads(message.raw)["carrier_status"] == "Information not available"
    assert page.unreadable == ()
    assert not page.more


async def test_mms(fetch: Fetch) -> None:
    """Of an MMS the text is delivered, even where it has none; its pictures stay in what is kept."""
    [message] = (await fetch((FIXTURES / "getMMS.json").read_text())).messages
    assert (message.message_id, message.text) == ("15601", "")
    assert b"media.php" in message.raw


async def test_asks_as_documented(fetch: Fetch, server: CannedServer, freezer: FrozenDateTimeFactory) -> None:
    """POST with a form in parts, as the server takes no other; received SMS and MMS, in Eastern time."""
    freezer.move_to(NOW)
    await fetch([ROW], {"since": "2026-11-20T03:00:00+00:00"})
    [(request, form)] = server.requests
    assert (request.method, request.path_qs) == ("POST", "/api/v1/rest.php")
    assert request.content_type == "multipart/form-data"
    assert request.content_length
    assert form == {
        "api_username": "Anna@example.com",
        "api_password": PASSWORD,
        "method": "getSMS",
        "from": "2026-11-18",
        "to": "2026-11-22",
        "type": "1",
        "all_messages": "1",
        "timezone": "-5",
        "limit": "1000",
    }


async def test_validate(provider: VoipMs, server: CannedServer) -> None:
    """The balance is asked for; an account is known by its user name, however it is written."""
    server.answer = {"text": '{"status":"success","balance":{"current_balance":"112.192790"}}'}
    identity = await provider.validate()
    assert (identity.account_id, identity.name) == ("anna@example.com", "Anna@example.com")
    assert [form["method"] for _, form in server.requests] == ["getBalance"]


@pytest.mark.parametrize(
    ("value", "received_at"),
    [
        ("2026-11-21 05:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-07-01 05:00:00", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("2026-11-01 01:30:00", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-02-30 05:00:00", None),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, 4, 56, 2, tzinfo=UTC)),
        ("9999-12-31 23:00:00", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
async def test_time(fetch: Fetch, value: Any, received_at: datetime | None) -> None:
    """Times are those of New York, in winter and in summer (V46); of the hour that comes twice, the first."""
    [message] = (await fetch([ROW | {"date": value}])).messages
    assert message.received_at == received_at


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": 7}, {"message_id": "7"}),
        ({"message": "a\x00b"}, {"text": "a\x00b"}),
        ({"message": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"contact": None}, {"sender": ""}),
        ({"contact": "MYBANK", "did": "+18574884828"}, {"sender": "MYBANK", "recipient": "+18574884828"}),
        ({"did": ""}, {"recipient": None}),
        ({"type": 1}, {"text": "Hi|\n😀"}),
        ({"type": None}, {"text": "Hi|\n😀"}),
    ],
)
async def test_fields(fetch: Fetch, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch([ROW | change])).messages
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.parametrize("row", ["text", None, {"type": "1", "message": "no id"}, ["list"]])
async def test_row_that_is_no_message(fetch: Fetch, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch([row, ROW])
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]


async def test_order(fetch: Fetch) -> None:
    """The newest comes first; within a second only the numbers tell."""
    later = ROW | {"id": "5", "date": "2026-11-21 05:00:01"}
    rows = [later, *(ROW | {"id": id_} for id_ in ("100", "20", "9"))]
    assert [message.message_id for message in (await fetch(rows)).messages] == ["9", "20", "100", "5"]


async def test_nothing(fetch: Fetch) -> None:
    """An empty inbox has a status of its own (V46), and changes nothing."""
    answer = '{"status":"no_sms"}'
    assert await fetch(answer) == Page(messages=(), cursor={}, more=False)
    cursor = {"since": "2026-11-20T03:00:00+00:00"}
    assert await fetch(answer, cursor) == Page(messages=(), cursor=cursor, more=False)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("invalid_credentials", AuthenticationError),
        ("missing_credentials", AuthenticationError),
        ("api_not_enabled", ConfigurationError),
        ("ip_not_enabled", ConfigurationError),
        ("missing_method", ConfigurationError),
        ("invalid_method", ConfigurationError),
        ("api_limit_exceeded", RateLimitedError),
        ("limit_reached", RateLimitedError),
        ("method_maintenance", TemporaryError),
        ("tls_error", TemporaryError),
        ("unavailable_info", TemporaryError),
        ("invalid_daterange", ProtocolError),
        ("something_new", ProtocolError),
    ],
)
async def test_status(fetch: Fetch, status: str, error: type[ProviderError]) -> None:
    """HTTP says 200 to everything; the status tells what is wrong (V46)."""
    with pytest.raises(error, match=status) as raised:
        await fetch(json.dumps({"status": status, "message": "Anna"}))
    assert type(raised.value) is error
    assert "Anna" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"status":5}',
        '{"status":"Anna +447700900123"}',
        '{"status":"success"}',
        '{"status":"success","sms":{"id":"1"}}',
        "<soap:Fault/>",
    ],
)
async def test_what_is_no_answer(fetch: Fetch, body: str) -> None:
    """What the API never says is told apart, and is in no error."""
    with pytest.raises(ProtocolError) as raised:
        await fetch(body)
    assert "Anna" not in str(raised.value)


async def test_redirect_to_another_host(provider: VoipMs, server: CannedServer) -> None:
    """The host with www sends elsewhere, where the form would be lost."""
    server.answer = {"status": 301, "headers": {"Location": "https://elsewhere.example/api/v1/rest.php"}}
    with pytest.raises(ConfigurationError):
        await provider.validate()


async def test_message_from_the_future(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """It must not hide those that come after it."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"date": "9999-12-30 23:59:59"}])
    assert page.cursor == {"since": NOW.isoformat()}


@pytest.mark.parametrize("clock", [NOW - timedelta(days=400), NOW, NOW + timedelta(days=400)])
async def test_clock(
    provider: VoipMs, server: CannedServer, fetch: Fetch, freezer: FrozenDateTimeFactory, clock: datetime
) -> None:
    """Once the vendor has told what day it is, ours doesn't matter."""
    freezer.move_to(clock)
    date_of_answer = {"Date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    server.answer = {"text": '{"status":"success"}', "headers": date_of_answer}
    await provider.validate()
    await fetch([], {"since": "2026-11-20T12:00:00+00:00"})
    assert asked(server) == [(date(2026, 11, 19), date(2026, 11, 22))]


@pytest.mark.parametrize(
    ("since", "first"),
    [("2026-11-20T04:59:59+00:00", date(2026, 11, 18)), ("2026-11-20T05:00:00+00:00", date(2026, 11, 19))],
)
async def test_days_are_eastern(
    fetch: Fetch, server: CannedServer, freezer: FrozenDateTimeFactory, since: str, first: date
) -> None:
    """A day begins at midnight in New York."""
    freezer.move_to("2026-11-22T04:59:59+00:00")
    await fetch([], {"since": since})
    assert asked(server) == [(first, date(2026, 11, 22))]


async def test_more_than_an_answer_holds(emulator: Emulator, make_provider: MakeProvider) -> None:
    """There are no pages: days that are too many for one answer are halved, and one day is asked for more."""
    account = emulator.add_account("voipms", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    for number in range(2600):
        # In minutes: 1100 on one day, the others spread over a month.
        back = 15 * 1440 + number % 60 if 1000 <= number < 2100 else (2600 - number) * 17
        account.send(f"Message {number}", received_at=now - timedelta(minutes=back))
    provider = make_provider("voipms")
    pages = await poll(provider)
    messages = [message for page in pages for message in page.messages]
    assert len(new(messages)) == len(messages) == 2600
    for page in pages:
        times = [message.received_at for message in page.messages]
        assert times == sorted(times)  # type: ignore[type-var]
    before = len(emulator.requests)
    account.send("Another")
    assert [message.text for message in (await drain(provider, pages[-1].cursor))[0]] == ["Another"]
    assert len(emulator.requests) == before + 1


async def test_range_that_fails(emulator: Emulator, make_provider: MakeProvider) -> None:
    """The ranges that were read before are delivered, and the one that failed is read next."""
    account = emulator.add_account("voipms", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    for number in range(1500):
        account.send(f"Message {number}", received_at=now - timedelta(minutes=(1500 - number) * 20))
    provider, cursor, messages, failures = make_provider("voipms"), {}, [], 0
    while True:
        page = await provider.fetch(cursor)
        messages += page.messages
        cursor = dict(page.cursor)
        if not page.more:
            break
        if page.messages and failures < 3:
            failures += 1
            emulator.fault("voipms", "refused", reason="ip_not_enabled")
            with pytest.raises(ConfigurationError, match="ip_not_enabled"):
                await provider.fetch(cursor)
    assert failures
    assert len(messages) == len(new(messages)) == 1500


async def test_busy_window(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Where more was received since yesterday than an answer has, a quiet poll is still a few requests."""
    account = emulator.add_account("voipms", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    for number in range(1800):
        account.send(f"Message {number}", received_at=now - timedelta(minutes=(1800 - number) / 2))
    provider = make_provider("voipms")
    messages, page = await drain(provider)
    assert len(new(messages)) == 1800
    emulator.requests.clear()
    assert (await drain(provider, page.cursor))[0] == []
    assert len(emulator.requests) <= 5
    account.send("Another")
    assert [message.text for message in (await drain(provider, page.cursor))[0]] == ["Another"]


async def test_a_year_of_silence(emulator: Emulator, make_provider: MakeProvider) -> None:
    """The vendor answers about 92 days at once: all of a year are read, and then only the latest, by one request."""
    account = emulator.add_account("voipms", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    for days in (400, 300, 200, 95, 3):
        account.send(f"{days} days ago", received_at=now - timedelta(days=days))
    messages, _ = await drain(make_provider("voipms"), {"since": (now - timedelta(days=400)).isoformat()})
    assert {message.text for message in messages} == {f"{days} days ago" for days in (300, 200, 95, 3)}
    account.messages[2:] = []
    provider = make_provider("voipms")
    _, page = await drain(provider, {"since": (now - timedelta(days=300)).isoformat()})
    before = len(emulator.requests)
    assert (await drain(provider, page.cursor))[0] == []
    assert len(emulator.requests) == before + 1
    account.send("At last")
    assert [message.text for message in (await drain(provider, page.cursor))[0]] == ["At last"]


def test_webhook_response() -> None:
    """The vendor sends the request again unless it reads these two letters."""
    response = VoipMs.webhook_response
    assert (response.status, response.body, response.content_type) == (200, "ok", "text/plain")
