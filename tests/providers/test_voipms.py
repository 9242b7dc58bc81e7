"""VoIP.ms: the rows of `getSMS`, its status codes, its days, and the zone of New York."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
import json
from pathlib import Path
import time
from typing import Any, override
from unittest.mock import Mock

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Cursor, Message, Page
from custom_components.sms_inbox.providers.contract import Account, Provider, WebhookPlace
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from custom_components.sms_inbox.providers.voipms import VoipMs
from custom_components.sms_inbox.providers.voipms_rows import unescaped
from emulator import Account as EmulatedAccount, Emulator
from emulator.voipms import Number, make_number

from .conftest import PASSWORD, USERNAME, CannedAnswers, CannedServer, MakeProvider, Request, by_time, drain, new, poll

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

OUR_MISTAKES = (
    *("invalid_daterange", "invalid_date", "invalid_timezone", "invalid_type"),
    *("missing_from_date", "missing_to_date"),
)

type Fetch = Callable[..., Awaitable[Page]]


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: CannedAnswers) -> VoipMs:
    """Return the provider of an account that gets canned answers."""
    return at(session, canned.url("/api/v1"))


def at(session: aiohttp.ClientSession, url: str) -> VoipMs:
    """Return the provider of an account at a server."""
    return VoipMs(session, Account(username="Anna@example.com", password=PASSWORD, url=url))


@pytest.fixture
def fetch(provider: VoipMs, canned: CannedAnswers) -> Fetch:
    """Return what fetches one canned answer: rows, or anything else."""

    async def fetch(rows: Any, cursor: dict[str, Any] | None = None) -> Page:
        text = json.dumps({"status": "success", "sms": rows}) if isinstance(rows, list) else rows
        canned.answer = {"text": text}
        return await provider.fetch(cursor or {})

    return fetch


def asked(canned: CannedAnswers) -> list[tuple[date, date]]:
    """Return the days that were asked for."""
    forms = [request.form for request in canned.asked if request.form["method"] == "getSMS"]
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
    assert message.channel is None


async def test_asks_as_documented(
    session: aiohttp.ClientSession, server: CannedServer, freezer: FrozenDateTimeFactory
) -> None:
    """POST with a form in parts, as the server takes no other; what was received, in Eastern time, and two lists."""
    freezer.move_to(NOW)
    cursor = {"since": "2026-11-20T03:00:00+00:00", "mms_since": "2026-11-17T03:00:00+00:00"}
    provider = at(session, server.url("/api/v1"))
    server.answer = {"text": json.dumps({"status": "success", "sms": [ROW]})}
    page = await provider.fetch(cursor)
    server.answer = {"text": '{"status":"no_sms"}'}
    await provider.fetch(page.cursor)
    first, second = server.asked
    assert (first.method, first.url.path_qs) == ("POST", "/api/v1/rest.php")
    assert first.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert first.headers["Content-Length"]
    assert first.form == {
        "api_username": "Anna@example.com",
        "api_password": PASSWORD,
        "method": "getSMS",
        "from": "2026-11-18",
        "to": "2026-11-22",
        "type": "1",
        "all_messages": "0",
        "timezone": "-5",
        "limit": "1000",
    }
    assert second.form == first.form | {"method": "getMMS", "from": "2026-11-15"}


async def test_validate(provider: VoipMs, canned: CannedAnswers) -> None:
    """The balance is asked for; an account is known by its user name and server, however it is written."""
    canned.answer = {"text": '{"status":"success","balance":{"current_balance":"112.192790"}}'}
    identity = await provider.validate()
    assert identity.account_id == "server.example anna@example.com"
    assert [request.form["method"] for request in canned.asked] == ["getBalance"]


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
    cursor = {"since": "2026-11-20T03:00:00+00:00", "mms_since": "2026-11-20T03:00:00+00:00"}
    for before in ({}, cursor):
        for word in ("no_sms", "no_mms"):
            answer = json.dumps({"status": word})
            assert await fetch(answer, before) == Page(messages=(), cursor=before, more=True)
            assert await fetch(answer, before) == Page(messages=(), cursor=before, more=False)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("invalid_credentials", AuthenticationError),
        ("missing_credentials", AuthenticationError),
        ("api_not_enabled", ConfigurationError),
        ("ip_not_enabled", ConfigurationError),
        ("sms_apply_regulations", ConfigurationError),
        ("missing_method", TemporaryError),
        ("invalid_method", TemporaryError),
        ("api_limit_exceeded", RateLimitedError),
        ("limit_reached", RateLimitedError),
        ("sms_wait_message", RateLimitedError),
        ("method_maintenance", TemporaryError),
        ("tls_error", TemporaryError),
        ("unavailable_info", TemporaryError),
        *((word, ProtocolError) for word in OUR_MISTAKES),
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
    ],
)
async def test_what_is_no_answer(fetch: Fetch, body: str) -> None:
    """What the API never says is told apart, and is in no error."""
    with pytest.raises(ProtocolError) as raised:
        await fetch(body)
    assert "Anna" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 500, 521, 522])
@pytest.mark.parametrize(
    "body",
    [
        "<!DOCTYPE html><title>Anna</title>",
        "\ufeff\r\n <html>",
        '<?xml version="1.0"?><SOAP-ENV:Envelope/>',
        "<soap:Fault/>",
    ],
)
async def test_page_instead_of_an_answer(provider: VoipMs, canned: CannedAnswers, status: int, body: str) -> None:
    """What stands before the server has pages of its own, which pass (V64); so do the server's SOAP faults."""
    canned.answer = {"status": status, "text": body}
    for ask in (provider.validate(), provider.fetch({}), provider.fetch({})):
        with pytest.raises(TemporaryError) as raised:
            await ask
        assert "Anna" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "asked_for"),
    [
        ("https://www.voip.ms/api/v1", "https://voip.ms/api/v1/rest.php"),
        ("HTTPS://WWW.VoIP.ms/api/v1/", "https://voip.ms/api/v1/rest.php"),
        ("https://www.voip.ms:443/api/v1", "https://voip.ms/api/v1/rest.php"),
        ("https://www.voip.ms.example/api/v1", "https://www.voip.ms.example/api/v1/rest.php"),
    ],
)
async def test_host_with_www(url: str, asked_for: str) -> None:
    """It redirects to the one without, by which the form would be lost."""
    session = Mock(spec=aiohttp.ClientSession)
    session.request.side_effect = aiohttp.ClientError
    provider = VoipMs(session, Account(username="anna", password=PASSWORD, url=url))
    with pytest.raises(TemporaryError):
        await provider.validate()
    assert str(session.request.call_args.args[1]) == asked_for


async def test_message_from_the_future(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """It must not hide those that come after it."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"date": "9999-12-30 23:59:59"}])
    assert page.cursor == {"since": NOW.isoformat()}


@pytest.mark.parametrize("clock", [NOW - timedelta(days=400), NOW, NOW + timedelta(days=400)])
async def test_clock(
    provider: VoipMs, canned: CannedAnswers, fetch: Fetch, freezer: FrozenDateTimeFactory, clock: datetime
) -> None:
    """Once the vendor has told what day it is, ours doesn't matter."""
    freezer.move_to(clock)
    date_of_answer = {"Date": NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    canned.answer = {"text": '{"status":"success"}', "headers": date_of_answer}
    await provider.validate()
    await fetch([], {"since": "2026-11-20T12:00:00+00:00"})
    assert asked(canned) == [(date(2026, 11, 19), date(2026, 11, 22))]


@pytest.mark.parametrize(
    ("since", "first"),
    [("2026-11-20T04:59:59+00:00", date(2026, 11, 18)), ("2026-11-20T05:00:00+00:00", date(2026, 11, 19))],
)
async def test_days_are_eastern(
    fetch: Fetch, canned: CannedAnswers, freezer: FrozenDateTimeFactory, since: str, first: date
) -> None:
    """A day begins at midnight in New York."""
    freezer.move_to("2026-11-22T04:59:59+00:00")
    await fetch([], {"since": since})
    assert asked(canned) == [(first, date(2026, 11, 22))]


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
    assert len(emulator.requests) == before + 2


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
    """Where more was received since yesterday than an answer has, a quiet poll is one request a list all the same."""
    account = emulator.add_account("voipms", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    for number in range(1800):
        account.send(f"Message {number}", received_at=now - timedelta(minutes=(1800 - number) / 2))
    provider = make_provider("voipms")
    messages, page = await drain(provider)
    assert len(new(messages)) == 1800
    await drain(provider, page.cursor)  # which may find out how many messages an answer must have
    emulator.requests.clear()
    assert (await drain(provider, page.cursor))[0] == []
    assert len(emulator.requests) == 2
    account.send("Another")
    assert [message.text for message in (await drain(provider, page.cursor))[0]] == ["Another"]


async def test_a_year_of_silence(emulator: Emulator, make_provider: MakeProvider) -> None:
    """The vendor answers about 92 days at once: all of a year are read, then only the latest, by a request a list."""
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
    assert len(emulator.requests) == before + 2
    account.send("At last")
    assert [message.text for message in (await drain(provider, page.cursor))[0]] == ["At last"]


class Api(CannedAnswers):
    """Canned answers, one for each method.

    Attributes:
        answers: Rows, numbers, or another answer, by method; without one, there is nothing.
        methods: The methods that were called.
    """

    def __init__(self) -> None:
        """Have nothing to tell."""
        super().__init__()
        self.answers: dict[str, Any] = {}
        self.methods: list[str] = []

    @override
    def respond(self, request: Request) -> dict[str, Any]:
        """Return the answer of a method."""
        method = request.form["method"]
        self.methods.append(method)
        answer = self.answers.get(method, {"status": "no_sms"})
        return {"text": json.dumps({"status": "success", "sms": answer} if isinstance(answer, list) else answer)}


@pytest.fixture
def api() -> Iterator[Api]:
    """Return the API."""
    with Api() as api:
        yield api


@pytest.fixture
def reader(session: aiohttp.ClientSession, api: Api) -> VoipMs:
    """Return the provider of an account at that API."""
    return VoipMs(session, Account(username="anna", password=PASSWORD, url=api.url("/api/v1")))


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return an account at the emulator."""
    return emulator.add_account("voipms", USERNAME, PASSWORD)


async def texts(provider: Provider, cursor: Cursor | None = None) -> list[str]:
    """Poll; return the texts that came."""
    return [message.text for message in (await drain(provider, cursor))[0]]


async def read_until_it_fails(provider: Provider, cursor: Cursor) -> tuple[list[Message], Cursor]:
    """Return the messages of a poll that fails, and the cursor behind them."""
    found: list[Message] = []
    try:
        while True:
            page = await provider.fetch(cursor)
            assert page.more
            found += page.messages
            cursor = page.cursor
    except TemporaryError:
        return found, cursor


async def test_mms(api: Api, reader: VoipMs) -> None:
    """Of an MMS the text is delivered, even where it has none; its pictures stay in what is kept."""
    api.answers["getMMS"] = json.loads((FIXTURES / "getMMS.json").read_text())
    [message], page = await drain(reader)
    assert (message.message_id, message.text, message.channel) == ("mms:15601", "", "mms")
    assert b"media.php" in message.raw
    assert page.cursor.keys() == {"mms_since"}
    assert api.methods == ["getSMS", "getMMS"]


async def test_same_number_in_both_lists(api: Api, reader: VoipMs) -> None:
    """SMS and MMS are numbered apart, so one number may be two messages (V60)."""
    mms = ROW | {"id": "102", "message": None, "col_media1": "", "media": []}
    api.answers |= {"getSMS": [ROW | {"id": "102"}], "getMMS": [mms]}
    messages, page = await drain(reader)
    assert [(message.message_id, message.text, message.channel) for message in messages] == [
        ("102", ROW["message"], None),
        ("mms:102", "", "mms"),
    ]
    assert {message.received_at for message in messages} == {datetime(2026, 11, 21, 10, tzinfo=UTC)}
    assert (await drain(reader, page.cursor))[0] == []


async def test_message_of_both_lists(api: Api, reader: VoipMs) -> None:
    """A server that mixes them all the same doesn't make one message two, whichever list it reads first."""
    rows = [ROW | {"id": "2", "message": "mixed"}, ROW]
    api.answers |= {"getSMS": rows, "getMMS": [row | {"media": []} for row in rows]}
    messages, page = await drain(reader)
    assert [message.message_id for message in messages] == ["2", "111121"]
    api.answers["getSMS"] = {"status": "tls_error"}
    with pytest.raises(TemporaryError):
        await reader.fetch(page.cursor)
    api.answers["getSMS"] = [ROW | {"id": "3", "message": "new"}, *rows]
    api.answers["getMMS"] = api.answers["getSMS"]
    messages, page = await drain(reader, page.cursor)
    assert [message.text for message in messages] == ["new"]
    assert await texts(reader, page.cursor) == []


@pytest.mark.parametrize("failing", ["getSMS", "getMMS"])
async def test_list_that_fails(
    emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider, failing: str
) -> None:
    """It keeps nothing of the other list waiting, and what it has comes once it can be read."""
    provider, kinds, cursor = make_provider("voipms"), {"getSMS": "sms", "getMMS": "mms"}, {}
    emulator.fault("voipms", "vendor_error", count=None, word="method_maintenance", where={"method": failing})
    waiting: list[str] = []
    found: list[Message] = []
    for number in range(3):
        for method, wire in kinds.items():
            account.send(f"{method} {number}", wire=wire)
        waiting.append(f"{failing} {number}")
        for _ in range(2):
            messages, cursor = await read_until_it_fails(provider, cursor)
            found += messages
        assert len(found) == number + 1
    emulator.clear_faults()
    messages, page = await drain(provider, cursor)
    assert [message.text for message in messages] == waiting
    assert len(new([*found, *messages])) == 6
    emulator.requests.clear()
    assert await texts(provider, page.cursor) == []
    assert len(emulator.requests) == 2


async def test_each_list_has_its_time(
    emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider
) -> None:
    """What came to one list is no reason to forget how far the other one was read."""
    emulator.fault("voipms", "vendor_error", word="method_maintenance", where={"method": "getMMS"})
    now = datetime.now(UTC)
    account.send("old", wire="mms", received_at=now - timedelta(days=20))
    account.send("new", received_at=now)
    provider = make_provider("voipms")
    page = await provider.fetch({})
    with pytest.raises(TemporaryError):
        await provider.fetch(page.cursor)
    assert await texts(make_provider("voipms"), page.cursor) == ["new", "old"]


@pytest.mark.parametrize(
    ("media", "is_whole"),
    [
        ({"col_media1": "https://voip.ms/media.php?map=x", "media": []}, True),
        ({"col_media3": "https://voip.ms/x", "media": None}, True),
        ({"media": ["", "https://voip.ms/x"]}, True),
        ({"media": {"1": "https://voip.ms/x", "2": ""}}, True),
        ({"media": "/media/x.png"}, True),
        ({"message": "text"}, True),
        ({"col_media1": "", "col_media2": None, "media": []}, False),
        ({"media": {"1": ""}}, False),
        ({"media": [[]]}, False),
    ],
)
async def test_media(
    api: Api, reader: VoipMs, freezer: FrozenDateTimeFactory, media: dict[str, Any], *, is_whole: bool
) -> None:
    """A picture makes an MMS whole, in whatever form it is listed; until there is one, the row is read again."""
    freezer.move_to("2026-11-21T10:00:30+00:00")
    api.answers["getMMS"] = [{**ROW, "message": None, **media}]
    assert len((await drain(reader))[0]) == is_whole


@pytest.mark.parametrize("message", [{"message": ""}, {"message": None}, {}])
@pytest.mark.parametrize("method", ["getSMS", "getMMS"])
async def test_row_without_content(
    api: Api, reader: VoipMs, freezer: FrozenDateTimeFactory, method: str, message: dict[str, Any]
) -> None:
    """It is no message as long as its text may come (V63); one that stays empty is delivered after ten minutes."""
    empty = {name: value for name, value in ROW.items() if name != "message"} | message
    other = empty | {"id": "111122"}
    freezer.move_to("2026-11-21T10:00:05+00:00")
    api.answers[method] = [other, empty]
    messages, page = await drain(reader)
    assert (messages, page.unreadable) == ([], ())
    freezer.tick(60)
    api.answers[method] = [other, empty | {"message": "The gate code is 7781"}]
    messages, page = await drain(reader, page.cursor)
    assert [message.text for message in messages] == ["The gate code is 7781"]
    freezer.tick(timedelta(minutes=8))
    assert await texts(reader, page.cursor) == []
    freezer.tick(timedelta(minutes=2))
    messages, page = await drain(reader, page.cursor)
    assert [(message.message_id.removeprefix("mms:"), message.text) for message in messages] == [("111122", "")]
    assert await texts(reader, page.cursor) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"l\\\'acces", "l'acces"),
        (r"l\'acces \\\"x\\\"", 'l\'acces "x"'),
        (r"C:\new \"x\"", 'C:\\new "x"'),
        ("\\\\server\\x \\", "\\\\server\\x \\"),
        ("1+1=2 100%", "1+1=2 100%"),
        ("hello+john", "hello+john"),
        ("caf&eacute; &amp; bar", "café & bar"),
        ("it&#39;s &lt;b&gt; &#x1F600;", "it's <b> 😀"),
        ("&amp;eacute; &nbsp;", "&eacute; \xa0"),
        ("AT&amp;T &lt;3 &quot;x&QUOT;", "AT&amp;T &lt;3 &quot;x&QUOT;"),
        ("x&notit; a&b; &copy", "x&notit; a&b; &copy"),
        ("&eacute; x&notit; &#1;", "é x&notit; &#1;"),
        ("caf%C3%A9%20%2B1+1", "café +1+1"),
        ("100%25", "100%"),
        ("caf%E9", "caf%E9"),
        ("caf%C3%A9 bar", "caf%C3%A9 bar"),
        ("100%", "100%"),
        ("%zz%41", "%zzA"),
    ],
)
@pytest.mark.parametrize("method", ["getSMS", "getMMS"])
async def test_escapes(api: Api, reader: VoipMs, method: str, text: str, expected: str) -> None:
    """A text is delivered as it was typed (V61), and kept as it came."""
    api.answers[method] = [ROW | {"message": text}]
    [message] = (await drain(reader))[0]
    assert message.text == expected
    assert json.loads(message.raw)["message"] == text


@pytest.mark.parametrize("part", ["\\", "\\'", "&", "&#", "&eacute;", "%41", "&a" * 15, "'\\"])
async def test_escapes_take_no_time(part: str) -> None:
    """However long a stranger's text is."""
    began = time.process_time()
    unescaped(part * (200_000 // len(part)))
    assert time.process_time() - began < 1


async def test_parts_of_a_long_sms(api: Api, reader: VoipMs) -> None:
    """Nothing says that they are one message, so they are several, in the order of their times and numbers."""
    parts = (("11", "05:00:00", "one "), ("9", "05:00:01", "three"), ("12", "05:00:00", "two "))
    api.answers["getSMS"] = [ROW | {"id": id_, "date": f"2026-11-21 {at}", "message": text} for id_, at, text in parts]
    assert await texts(reader) == ["one ", "two ", "three"]


@pytest.mark.parametrize(
    ("getip", "address"),
    [
        ({"status": "success", "ip": "203.0.113.42"}, "203.0.113.42"),
        ({"status": "success", "ip": "2001:db8::1"}, "2001:db8::1"),
        ({"status": "success", "ip": "<b>Anna</b>"}, "?"),
        ({"status": "success", "ip": None}, "?"),
        ({"status": "ip_not_enabled"}, "?"),
        ([], "?"),
    ],
)
async def test_address_that_is_not_enabled(api: Api, reader: VoipMs, getip: Any, address: str) -> None:
    """The error says which one is to be enabled, as far as the vendor says so (V64); a success needs nobody."""
    api.answers |= {"getBalance": {"status": "ip_not_enabled"}, "getSMS": {"status": "ip_not_enabled"}, "getIP": getip}
    for ask in (reader.validate(), reader.fetch({})):
        with pytest.raises(ConfigurationError) as raised:
            await ask
        assert (raised.value.hint, raised.value.placeholders) == ("ip_not_enabled", {"address": address})
    api.answers["getSMS"] = [ROW]
    assert await texts(reader) == [ROW["message"]]


async def test_address_without_an_answer(
    emulator: Emulator, account: EmulatedAccount, make_provider: MakeProvider
) -> None:
    """If the vendor doesn't even say who we are, it is still the address that is refused."""
    emulator.fault(account.provider, "refused", where={"method": "getBalance"})
    emulator.fault(account.provider, "dropped", where={"method": "getIP"})
    with pytest.raises(ConfigurationError) as raised:
        await make_provider("voipms").validate()
    assert raised.value.placeholders == {"address": "?"}


async def test_hints(fetch: Fetch) -> None:
    """A person can enable the API; what passes needs nobody."""
    hints = {}
    for status in ("api_not_enabled", "missing_method", "invalid_credentials"):
        with pytest.raises(ProviderError) as raised:
            await fetch(json.dumps({"status": status}))
        hints[status] = raised.value.hint
    assert hints == {"api_not_enabled": "api_not_enabled", "missing_method": None, "invalid_credentials": None}


async def test_answer_that_is_too_large(account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """It is asked for in parts; of a day that is too large as a whole, the latest messages come, and a note."""
    now = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0) - timedelta(days=10)
    account.send("before", received_at=now - timedelta(days=9))
    for number in range(1300):
        account.send(f"{number:04} " + "é" * 600, received_at=now + timedelta(seconds=number))
    account.send("after", received_at=now + timedelta(days=9))
    provider = make_provider("voipms")
    pages = await poll(provider)
    messages = [message for page in pages for message in page.messages]
    found = [message.text.partition(" ")[0] for message in by_time(messages)]
    assert found == ["before", *(f"{number:04}" for number in range(1300 - 625, 1300)), "after"]
    [note] = [record for page in pages for record in page.unreadable]
    assert f"{now:%Y-%m-%d}".encode() in note
    account.send("Another")
    pages = await poll(provider, pages[-1].cursor)
    assert [message.text for page in pages for message in page.messages] == ["Another"]
    assert not any(page.unreadable for page in pages)


def test_webhook_response() -> None:
    """The vendor sends the request again unless it reads these two letters."""
    response = VoipMs.webhook_response
    assert (response.status, response.body, response.content_type) == (200, "ok", "text/plain")
    assert (VoipMs.receives_webhooks, VoipMs.pushes) == (True, False)


URL_HERE = "https://home.example/api/webhook/abc"
SET = {"sms_url_callback": URL_HERE, "sms_url_callback_enabled": "1", "sms_url_callback_retry": "1"}


@pytest.fixture
def number(account: EmulatedAccount) -> Number:
    """Return the account's number, with all that it can do."""
    [number] = account.protocol.numbers(account)
    number.settings |= {
        "description": "Home",
        "sms_email": "a@example.com",
        "sms_email_enabled": "1",
        "sms_forward": "2025550100",
        "sms_forward_enabled": "1",
        "webhook": "https://pbx.example/{FROM}",
        "webhook_enabled": "1",
        "dialmode": "2",
        "smpp_enabled": "1",
        "smpp_url": "ssmpp://x",
        "smpp_user": "u",
        "smpp_pass": "p",
        "sms_sipaccount": "100001_x",
        "sms_sipaccount_enabled": "1",
    }
    return number


@pytest.mark.usefixtures("number")
async def test_places(account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """Each number that receives SMS is a place, with the URL callback if it is switched on."""
    others = [
        make_number("2025550143", description="", sms_url_callback="http://x/?to={TO}", sms_url_callback_enabled="1"),
        make_number("2025550144", sms_enabled="0"),
        make_number("2025550145", description="Off", sms_url_callback="http://x"),
    ]
    account.protocol.numbers(account).extend(others)
    provider = make_provider("voipms")
    assert await provider.webhook_places("SMS Inbox") == (
        WebhookPlace(place_id="2025550142", name="2025550142 (Home)"),
        WebhookPlace(place_id="2025550143", name="2025550143", url="http://x/?to={TO}"),
        WebhookPlace(place_id="2025550145", name="2025550145 (Off)"),
    )
    account.protocol.numbers(account).clear()
    assert await provider.webhook_places("SMS Inbox") == ()


async def test_url_callback(account: EmulatedAccount, number: Number, make_provider: MakeProvider) -> None:
    """Only the URL callback changes (V65); one that is as wanted is left alone, and it is only switched off again."""
    provider, before = make_provider("voipms"), number.settings.copy()
    account.on_change = Mock()
    await provider.set_webhook("2025550142", URL_HERE)
    assert number.settings == before | SET
    [place] = await provider.webhook_places("")
    assert place.url == URL_HERE
    await provider.set_webhook("2025550142", URL_HERE)
    assert account.on_change.call_count == 1
    await provider.set_webhook("2025550142", "https://home.example/new")
    assert number.settings == before | SET | {"sms_url_callback": "https://home.example/new"}
    for _ in range(2):
        await provider.set_webhook("2025550142", "")
    assert number.settings["sms_url_callback_enabled"] == "0"
    assert {name: value for name, value in number.settings.items() if name not in SET} == {
        name: value for name, value in before.items() if name not in SET
    }
    assert account.on_change.call_count == 3


@pytest.mark.usefixtures("number")
async def test_number_that_is_gone(make_provider: MakeProvider) -> None:
    """A URL can't be stored at it; there is nothing to remove."""
    provider = make_provider("voipms")
    with pytest.raises(ConfigurationError) as raised:
        await provider.set_webhook("2025550999", URL_HERE)
    assert raised.value.hint == "webhook_place_gone"
    await provider.set_webhook("2025550999", "")


async def test_change_too_soon(emulator: Emulator, make_provider: MakeProvider, number: Number) -> None:
    """The vendor wants a minute between two changes (V65)."""
    emulator.fault("voipms", "refused", reason="sms_wait_message", where={"method": "setSMS"})
    provider = make_provider("voipms")
    with pytest.raises(RateLimitedError) as raised:
        await provider.set_webhook("2025550142", URL_HERE)
    assert raised.value.retry_after == 61
    await provider.set_webhook("2025550142", URL_HERE)
    assert number.url == URL_HERE


@pytest.mark.parametrize("url", [URL_HERE, ""])
async def test_success_that_is_none(emulator: Emulator, make_provider: MakeProvider, number: Number, url: str) -> None:
    """What setSMS says isn't believed."""
    if not url:
        number.settings |= SET
    options = {"word": "success", "status": 200}
    emulator.fault("voipms", "vendor_error", where={"method": "setSMS"}, **options)
    with pytest.raises(ProtocolError, match="URL callback"):
        await make_provider("voipms").set_webhook("2025550142", url)


async def test_change_of_something_else(make_provider: MakeProvider, number: Number) -> None:
    """Everything is set back, and the error says what it was."""
    before = number.settings.copy()
    number.resets = ("webhook_enabled",)
    with pytest.raises(ProtocolError, match="setSMS has changed webhook_enabled, too"):
        await make_provider("voipms").set_webhook("2025550142", URL_HERE)
    assert number.settings == before | {"webhook_enabled": "0"}


async def test_change_that_is_set_back_later(emulator: Emulator, make_provider: MakeProvider, number: Number) -> None:
    """Where the vendor wants a minute before it, the next change does it."""
    before, provider = number.settings.copy(), make_provider("voipms")
    number.resets = ("webhook_enabled",)
    emulator.fault("voipms", "refused", skip=1, reason="sms_wait_message", where={"method": "setSMS"})
    with pytest.raises(RateLimitedError, match=r"webhook_enabled.*sms_wait_message") as raised:
        await provider.set_webhook("2025550142", URL_HERE)
    assert raised.value.retry_after == 61
    assert number.settings["webhook_enabled"] == "0"
    number.resets = ()
    await provider.set_webhook("2025550142", URL_HERE)
    assert number.settings == before | SET


@pytest.mark.parametrize(
    "dids",
    [
        {"status": "success"},
        {"status": "success", "dids": {"did": "2025550142"}},
        {"status": "success", "dids": None},
    ],
)
async def test_numbers_that_are_no_list(api: Api, reader: VoipMs, dids: dict[str, Any]) -> None:
    """That is not what the vendor describes."""
    api.answers["getDIDsInfo"] = dids
    for ask in (reader.webhook_places(""), reader.set_webhook("2025550142", URL_HERE)):
        with pytest.raises(ProtocolError):
            await ask


async def test_odd_numbers(api: Api, reader: VoipMs) -> None:
    """What is odd about one doesn't matter to the others; a flag may be a number, and the retry needn't be there."""
    good = {"did": 2025550142, "description": None, "sms_enabled": 1, "sms_url_callback": URL_HERE}
    rows = [None, "x", [], {}, {"did": {}, "sms_enabled": "x"}, good | {"sms_url_callback_enabled": 1}]
    api.answers["getDIDsInfo"] = {"status": "success", "dids": rows}
    assert await reader.webhook_places("") == (WebhookPlace(place_id="2025550142", name="2025550142", url=URL_HERE),)
    await reader.set_webhook("2025550142", URL_HERE)
    assert api.methods == ["getDIDsInfo"] * 2
