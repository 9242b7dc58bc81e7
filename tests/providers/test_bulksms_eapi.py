"""BulkSMS EAPI: the grammar of `get_inbox`, its status codes, pages and local times."""

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.bulksms_eapi import BulkSmsEapi
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    TemporaryError,
)
from emulator import Emulator

from .conftest import PASSWORD, TIME_ZONE, USERNAME, CannedAnswers, MakeProvider, drain

type Fetch = Callable[..., Awaitable[Page]]


def make(session: aiohttp.ClientSession, canned: CannedAnswers, time_zone: str = TIME_ZONE) -> BulkSmsEapi:
    """Return the provider of an account at the server."""
    url = canned.url("/eapi")
    return BulkSmsEapi(session, Account(username="john", password=PASSWORD, url=url, time_zone=ZoneInfo(time_zone)))


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: CannedAnswers) -> BulkSmsEapi:
    """Return the provider of an account that gets canned answers."""
    return make(session, canned)


@pytest.fixture
def fetch(provider: BulkSmsEapi, canned: CannedAnswers) -> Fetch:
    """Return what fetches one canned answer."""

    async def fetch(body: str | bytes, last_id: int = 18) -> Page:
        canned.answer = {"body": body if isinstance(body, bytes) else body.encode()}
        return await provider.fetch({"last_retrieved_id": last_id})

    return fetch


@pytest.fixture
def fetch_record(fetch: Fetch) -> Fetch:
    """Return what fetches one record."""
    return lambda record: fetch(f"0|records to follow|1\n\n{record}\n")


async def test_documented_sample(fetch: Fetch) -> None:
    """The vendor's own sample (V19)."""
    page = await fetch((Path(__file__).parent.parent / "fixtures/get_inbox.txt").read_text())
    text, binary, wide = page.messages
    assert (text.message_id, text.sender, text.text) == ("19", "4412312345", "Hi there")
    assert (text.recipient, text.encoding, text.in_reply_to) == ("44771234567", "text", None)
    assert text.received_at == datetime(2011, 1, 20, 14, 6, 40, tzinfo=UTC)
    assert (binary.encoding, binary.data, binary.text) == ("binary", b"#O4Z2KkR:", "#O4Z2KkR:")
    assert (wide.encoding, wide.text) == ("unicode", "This is a Unicode message ☺")
    assert page.cursor == {"last_retrieved_id": 21}
    assert page.more


async def test_asks_as_documented(provider: BulkSmsEapi, canned: CannedAnswers) -> None:
    """POST with a form: user name, password, the last id, which is 0 at the very first."""
    canned.answer = {"text": "0|records to follow|0\n\n"}
    page = await provider.fetch({})
    [request] = canned.asked
    assert (request.method, request.url.path_qs) == ("POST", "/eapi/reception/get_inbox/1/1.1")
    assert request.form == {"username": "john", "password": PASSWORD, "last_retrieved_id": "0"}
    assert (page.messages, page.cursor) == ((), {"last_retrieved_id": 0})


async def test_empty_inbox_keeps_the_cursor(fetch: Fetch) -> None:
    """Nothing new leaves the last id alone (V20)."""
    page = await fetch("0|records to follow|0\n\n")
    assert page.cursor == {"last_retrieved_id": 18}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("23|invalid credentials|", AuthenticationError),
        ("23|whatever words|\n", AuthenticationError),
        ("22|internal fatal error|", TemporaryError),
        ("40|temporarily unavailable|\n", TemporaryError),
        ("24|data validation failed|", ConfigurationError),
        ("25|insufficient credits|", ConfigurationError),
        ("26|upstream credits not available|", TemporaryError),
        ("27|daily quota exceeded|", ConfigurationError),
        ("28|upstream quota exceeded|", TemporaryError),
        ("99|unheard of|", ProtocolError),
        ("<html>maintenance</html>", ProtocolError),
        ("", ProtocolError),
        ("0|records to follow|2\n\n", ProtocolError),
    ],
)
async def test_status_code(fetch: Fetch, body: str, error: type[Exception]) -> None:
    """Only the number counts (V21, V22, V32)."""
    with pytest.raises(error) as raised:
        await fetch(body)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        ("a|b||c", "7bit", "a|b||c"),
        (r"line1\nline2\r\nend", "7bit", "line1\nline2\r\nend"),
        ("", "7bit", ""),
        ("deadbeef", "7bit", "deadbeef"),
        ("D83DDE00", "16bit", "😀"),
        ("D83D", "16bit", "D83D"),
        ("☺ 😀", "16bit", "☺ 😀"),
        ("x|2020-01-01 00:00:00|1|0|7bit", "7bit", "x|2020-01-01 00:00:00|1|0|7bit"),
        ("a\u2028b\u0085c", "16bit", "a\u2028b\u0085c"),
    ],
)
async def test_text(fetch_record: Fetch, text: str, encoding: str, expected: str) -> None:
    """Pipes, escapes and alphabets (V23, V25, V26)."""
    record = f"22|447700900123|{text}|2026-11-21 10:00:00|44771234567|0|{encoding}"
    page = await fetch_record(record)
    [message] = page.messages
    assert message.text == expected
    assert message.raw == record.encode()
    assert page.unreadable == ()


async def test_binary_that_is_not_hexadecimal(fetch_record: Fetch) -> None:
    """It is delivered as it came."""
    [message] = (await fetch_record("22|1|no hex|2026-11-21 10:00:00|2|0|8bit")).messages
    assert (message.text, message.data, message.encoding) == ("no hex", None, "binary")


async def test_binary_that_spells_nothing(fetch_record: Fetch) -> None:
    """Bytes that are no text make no text."""
    [message] = (await fetch_record("22|1|00ff|2026-11-21 10:00:00|2|0|8bit")).messages
    assert (message.text, message.data) == ("", b"\x00\xff")


@pytest.mark.parametrize("tail", ["", "|7bit", "|7bit|", "|7bit|later|fields", "|"])
async def test_versions_of_the_record(fetch_record: Fetch, tail: str) -> None:
    """Version 1.0 has no encoding (V29); a trailing pipe and later fields do no harm."""
    page = await fetch_record(rf"22|1|Hello\nagain|2026-11-21 10:00:00|2|7{tail}")
    [message] = page.messages
    assert (message.text, message.recipient, message.in_reply_to) == ("Hello\nagain", "2", "7")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-07-01 12:00:00", datetime(2026, 7, 1, 11, tzinfo=UTC)),
        ("2026-12-01 12:00:00", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        ("2026-10-25 01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29 01:30:00", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2026-02-30 01:30:00", None),
        ("0000-00-00 00:00:00", None),
    ],
)
async def test_local_time(
    session: aiohttp.ClientSession, canned: CannedAnswers, local: str, utc: datetime | None
) -> None:
    """Times are the account's: in autumn the first of the two hours, in spring the hour after the gap."""
    canned.answer = {"text": f"0|records to follow|1\n\n22|1|x|{local}|2|0|7bit\n"}
    [message] = (await make(session, canned, "Europe/London").fetch({})).messages
    assert message.received_at == utc


async def test_windows_line_ends(fetch: Fetch) -> None:
    """A proxy that changes line ends does no harm."""
    page = await fetch("0|records to follow|1\r\n\r\n19|1|x|2011-01-20 16:06:40|2|0|7bit\r\n")
    assert [message.text for message in page.messages] == ["x"]


async def test_undecodable_text(fetch: Fetch) -> None:
    """Bytes that are no UTF-8 are replaced in the text and kept in the record."""
    page = await fetch(b"0|records to follow|1\n\n19|1|a\xffb|2011-01-20 16:06:40|2|0|7bit\n")
    [message] = page.messages
    assert message.text == "a\ufffdb"
    assert b"a\xffb" in message.raw


async def test_bad_record_is_passed(fetch: Fetch) -> None:
    """A record that doesn't fit the grammar is kept as it came, and the cursor goes on behind it."""
    good = "19|1|x|2011-01-20 16:06:40|2|0|7bit"
    page = await fetch(f"0|records to follow|2\n\n20|what is this\n{good}\n")
    assert [message.message_id for message in page.messages] == ["19"]
    assert page.unreadable == (b"20|what is this",)
    assert page.cursor == {"last_retrieved_id": 20}


def answer(*ids: int, announced: int | None = None, tail: str = "") -> str:
    """Return an answer with records of these ids."""
    records = "".join(f"{id_}|1|x|2011-01-20 16:06:40|2|0|7bit\n" for id_ in ids)
    return f"0|records to follow|{len(ids) if announced is None else announced}\n\n{records}{tail}"


async def test_cursor_is_the_highest_id(fetch: Fetch) -> None:
    """Ids are numbers, and need not come in order; messages are returned in theirs."""
    page = await fetch(answer(100, 99, 120, 20))
    assert page.cursor == {"last_retrieved_id": 120}
    assert [message.message_id for message in page.messages] == ["20", "99", "100", "120"]


async def test_fewer_records_than_announced(fetch: Fetch, provider: BulkSmsEapi, canned: CannedAnswers) -> None:
    """Those that are there are delivered, and the others are asked for."""
    page = await fetch(answer(19, 20, 21, 22, announced=5))
    assert [message.message_id for message in page.messages] == ["19", "20", "21", "22"]
    assert (page.cursor, page.more) == ({"last_retrieved_id": 22}, True)
    canned.answer = {"text": answer(23)}
    assert [message.message_id for message in (await provider.fetch(page.cursor)).messages] == ["23"]
    assert canned.asked[-1].form["last_retrieved_id"] == "22"


async def test_fewer_records_in_no_order(fetch: Fetch) -> None:
    """The missing one may have a lower id: the next poll, and not an endless loop, asks for all of them again."""
    page = await fetch(answer(22, 19, announced=3))
    assert [message.message_id for message in page.messages] == ["19", "22"]
    assert (page.cursor, page.more) == ({"last_retrieved_id": 18}, False)


async def test_record_that_is_cut_off(fetch: Fetch) -> None:
    """It is asked for again; once it comes again as it was, it is kept as unreadable."""
    for announced in (2, 3):
        page = await fetch(answer(19, announced=announced, tail="20|4477009|Half a te"))
        assert [message.message_id for message in page.messages] == ["19"]
        assert (page.cursor, page.unreadable) == ({"last_retrieved_id": 19}, ())
        page = await fetch(answer(20, 21), last_id=19)
        assert [message.message_id for message in page.messages] == ["20", "21"]
        await fetch(answer(19, announced=announced, tail="20|another half"))
    page = await fetch(answer(announced=1, tail="20|4477009|Half a te"), last_id=19)
    assert (page.unreadable, page.more) == ((), False)
    page = await fetch(answer(announced=1, tail="20|4477009|Half a te"), last_id=19)
    assert page.unreadable == (b"20|4477009|Half a te",)
    assert page.cursor == {"last_retrieved_id": 20}


async def test_pages(emulator: Emulator, make_provider: MakeProvider) -> None:
    """After 1000 records it is asked again at once (V31), until there are none."""
    account = emulator.add_account("bulksms_eapi", USERNAME, PASSWORD)
    for number in range(2500):
        account.send(f"Message {number}")
    messages, page = await drain(make_provider("bulksms_eapi"))
    assert [message.text for message in messages] == [f"Message {number}" for number in range(2500)]
    assert len(emulator.requests) == 4
    assert not page.more


async def test_a_page_that_repeats_is_no_reason_to_ask_again(fetch: Fetch) -> None:
    """A server that ignores the last id can't keep us asking for ever."""
    records = "".join(f"{number}|1|x|2011-01-20 16:06:40|2|0|7bit\n" for number in range(1, 1001))
    page = await fetch(f"0|records to follow|1000\n\n{records}", last_id=1000)
    assert not page.more


@pytest.mark.parametrize(
    ("body", "error"), [("0|2101.15", None), ("0|2101.15|", None), ("23|invalid credentials|", AuthenticationError)]
)
async def test_validate(provider: BulkSmsEapi, canned: CannedAnswers, body: str, error: type[Exception] | None) -> None:
    """The credits prove the credentials (V33)."""
    canned.answer = {"text": body}
    with pytest.raises(error) if error else nullcontext():
        assert (await provider.validate()).account_id == "server.example john"
    [request] = canned.asked
    assert request.url.path_qs == "/eapi/user/get_credits/1/1.1"
    assert request.form == {"username": "john", "password": PASSWORD}
