"""Bulletin Messenger: the long poll, the form-encoded list, and the alphabets it may come in."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.sms_inbox.providers.bulletin import Bulletin, parse
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import AuthenticationError, ProtocolError, TemporaryError
from emulator import Emulator

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, drain

UTF_16 = b"&contentType=text%2Fplain%3B+charset%3DUTF-16"


def test_mobile_originated_message() -> None:
    """A message of a handset's own accord has a recipient and answers nothing (V1)."""
    message = parse(
        b"messageId=a1&from=6421555001&to=2345&body=Kia+ora+%7C+ok+%26+100%25+%3D+yes%0Aline2"
        b"&messageDate=2017-05-16T01%3A23%3A04.417Z&contentType=text%2Fplain"
    )
    assert message
    assert message.text == "Kia ora | ok & 100% = yes\nline2"
    assert message.recipient == "2345"
    assert message.received_at == datetime(2017, 5, 16, 1, 23, 4, 417000, UTC)
    assert message.in_reply_to is None
    assert message.encoding == "text"


def test_reply() -> None:
    """A reply has no recipient; the literal `default` stays (V2)."""
    message = parse(b"messageId=b2&from=6421555001&inReplyToId=default&body=a%2Bb%3Dc&xNew=7")
    assert message
    assert (message.text, message.recipient, message.in_reply_to) == ("a+b=c", None, "default")
    assert b"xNew=7" in message.raw


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(b"body=Hi+%E2%98%BA+%F0%9F%98%80" + UTF_16, "Hi ☺ 😀", id="UTF-8 despite the flag (V3)"),
        pytest.param(b"body=%FE%FF%00%48%00%69%00%20%26%3A" + UTF_16, "Hi ☺", id="big endian with mark (V4)"),
        pytest.param(b"body=%FF%FE%48%00%69%00%20%00%3A%26" + UTF_16, "Hi ☺", id="little endian with mark"),
        pytest.param(b"body=%00%48%00%69%00%20%26%3A" + UTF_16, "Hi ☺", id="big endian without mark (V5)"),
        pytest.param(b"body=%00%48%00%69%00%20%26%3A", "Hi ☺", id="big endian without mark or flag"),
        pytest.param(b"body=%48%00%69%00%20%00%3A%26" + UTF_16, "Hi ☺", id="little endian without mark"),
        pytest.param(b"body=Hi%FE%FF%00%20%26%3A" + UTF_16, "Hi ☺", id="as Java escapes"),
        pytest.param(b"body=%FE%FF%26%3A+and+%FE%FF%26%3A" + UTF_16, "☺ and ☺", id="as Java escapes, twice"),
        pytest.param(b"body=%FE%FF%00H%00i%00+%26%3A" + UTF_16, "Hi ☺", id="with mark, safe bytes left alone"),
        pytest.param(b"body=%FE%FFNA" + UTF_16, "乁", id="with mark, all bytes safe"),
        pytest.param(b"body=004800690020263A" + UTF_16, "Hi ☺", id="hexadecimal (V8)"),
        pytest.param(b"body=004800690020263A", "004800690020263A", id="digits without the flag (V8)"),
        pytest.param(b"body=D83D" + UTF_16, "D83D", id="hexadecimal of half a character"),
        pytest.param(b"body=00000001" + UTF_16, "00000001", id="hexadecimal of control characters"),
        pytest.param(b"body=%4E%C1%65%87" + UTF_16, "仁文", id="no mark, no NUL, no UTF-8"),
        pytest.param(b"body=%D8%00%00A" + UTF_16, "\ufffdA", id="half a character"),
        pytest.param(b"body=caf%E9", "café", id="Windows-1252"),
        pytest.param(b"body=%81", "\ufffd", id="nothing at all"),
        pytest.param(b"body=a%00b", "a\x00b", id="a NUL of its own"),
        pytest.param(b"body=abcdefg%00", "abcdefg\x00", id="a NUL of its own at the end"),
        pytest.param(b"body=%ED%A0%80", "í\xa0€", id="a lone surrogate, in what claims to be UTF-8"),
        pytest.param(b"body=caf\xc3\xa9", "café", id="not escaped at all"),
        pytest.param(b"body=", "", id="empty (V10)"),
        pytest.param(b"message=Hi", "Hi", id="another name"),
        pytest.param(b"TEXT=Hi", "Hi", id="yet another name, in capitals"),
    ],
)
def test_text(body: bytes, text: str) -> None:
    """Every form that the documentation leaves open is understood."""
    message = parse(b"messageId=a&from=1&" + body)
    assert message
    assert message.text == text
    assert message.encoding == ("unicode" if UTF_16 in body else "text")


@pytest.mark.parametrize("wire", [None, "utf-8", "utf-16-bom", "utf-16-be", "utf-16-le", "java", "hex"])
async def test_wire_forms_of_the_emulator(emulator: Emulator, make_provider: MakeProvider, wire: str | None) -> None:
    """An independent reading of the same forms agrees."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    account.send("Kia ora ☺ 😀, äöü | a+b", wire=wire)
    [message] = (await drain(make_provider("bulletin")))[0]
    assert message.text == "Kia ora ☺ 😀, äöü | a+b"


@pytest.mark.parametrize(
    ("field", "received_at"),
    [
        (b"timestamp=2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        (b"somethingElse=2026-11-21T10%3A00%3A00.5Z", datetime(2026, 11, 21, 10, 0, 0, 500000, UTC)),
        (b"messageDate=2026-02-30T10:00:00Z", None),
        (b"messageDate=yesterday", None),
        (b"", None),
    ],
)
def test_time(field: bytes, received_at: datetime | None) -> None:
    """The time is found under any name; an impossible one is none."""
    message = parse(b"messageId=a&body=2020-01-01T00:00:00Z&" + field)
    assert message
    assert message.received_at == received_at


def test_message_without_an_id_is_never_dropped() -> None:
    """It has been taken out of the inbox, so it gets an id of its own (V15); two equal ones are two."""
    first, second = parse(b"from=1&body=x"), parse(b"from=1&body=x")
    assert first
    assert second
    assert first.message_id != second.message_id


@pytest.mark.parametrize("body", [b"", b"OK", b"a=b", b"\xff\xfe", b"&&=="])
def test_what_is_no_message(body: bytes) -> None:
    """An answer without any field of a message is none."""
    assert parse(body) is None


async def test_unreadable_answer_is_kept_and_not_asked_for_at_once(
    emulator: Emulator, make_provider: MakeProvider
) -> None:
    """What a 200 brought is kept, but a server in trouble is not hammered."""
    emulator.add_account("bulletin", USERNAME, PASSWORD)
    emulator.fault("bulletin", "garbage")
    page = await make_provider("bulletin").fetch({})
    assert page.unreadable == (bytes(range(255, -1, -1)),)
    assert not page.more


async def test_web_page_is_kept_raw(emulator: Emulator, make_provider: MakeProvider) -> None:
    """A login page is no message, but whatever it is, it is handed on for keeping (V14)."""
    emulator.add_account("bulletin", USERNAME, PASSWORD)
    emulator.fault("bulletin", "html")
    with pytest.raises(Exception, match="web page") as raised:
        await make_provider("bulletin").fetch({})
    assert b"<h" in raised.value.raw


async def test_asks_as_documented(session: aiohttp.ClientSession, canned: CannedAnswers) -> None:
    """POST, Basic authorization, no parameters."""
    account = Account(username=USERNAME, password=PASSWORD, url=canned.url())
    page = await Bulletin(session, account).fetch({})
    assert (page.messages, page.more) == ((), False)
    [request] = canned.asked
    assert (request.method, request.url.path_qs, request.form) == ("POST", "/api/1/sms/in", {})
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth(USERNAME, PASSWORD)


@pytest.mark.parametrize(
    ("takes_basic", "takes_post", "requests"), [(True, True, 1), (True, False, 2), (False, True, 2)]
)
async def test_connect(
    emulator: Emulator,
    make_provider: MakeProvider,
    monkeypatch: pytest.MonkeyPatch,
    requests: int,
    *,
    takes_basic: bool,
    takes_post: bool,
) -> None:
    """The sibling product is added by its queue and read, whatever it takes; no address has the credentials."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    monkeypatch.setattr(account.protocol, "connect_takes_basic", takes_basic)
    monkeypatch.setattr(account.protocol, "connect_takes_post", takes_post)
    # There is no such page, whoever asks for it.
    emulator.fault("bulletin", "vendor_error", count=None, path="/api/2/", word="Not Found")
    account.send("Hello")
    url = f"{emulator.url('bulletin')}/connect"
    await make_provider("bulletin", url=url).validate()
    assert not account.messages[0].read
    emulator.requests.clear()
    provider = make_provider("bulletin", url=url)
    page = await provider.fetch({})
    assert [message.text for message in page.messages] == ["Hello"]
    assert len(emulator.requests) == requests
    assert (await provider.fetch({})).messages == ()
    assert len(emulator.requests) == requests + 1
    assert not any(PASSWORD[:4] in request.url for request in emulator.requests)
    with pytest.raises(ProtocolError, match="no message feed"):
        await provider.recover()
    wrong = make_provider("bulletin", url=url, password="wrong")
    for ask in (wrong.validate(), wrong.fetch({})):
        with pytest.raises(AuthenticationError):
            await ask


@pytest.mark.parametrize("body", ["", "<html></html>", "messageId=1&body=x"])
async def test_server_without_feed_and_queue(session: aiohttp.ClientSession, canned: CannedAnswers, body: str) -> None:
    """A server that answers anything else in place of the queue is none of Bulletin's."""
    canned.respond = lambda request: {"status": 404 if "list" in request.url.path else 200, "text": body}
    with pytest.raises(ProtocolError):
        await Bulletin(session, Account(username=USERNAME, password=PASSWORD, url=canned.url())).validate()


async def test_message_ends_the_long_poll(session: aiohttp.ClientSession) -> None:
    """A message that comes while the server holds the request is there at once, and known as new."""
    emulator = Emulator(hold=20.0)
    await emulator.start()
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    provider = Bulletin(session, Account(username=USERNAME, password=PASSWORD, url=emulator.url("bulletin")))
    account.send("old", received_at=datetime.now(UTC) - timedelta(minutes=1))
    assert not (await provider.fetch({})).arrived_during_poll
    fetch = asyncio.create_task(provider.fetch({}))
    while len(emulator.requests) < 2:
        await asyncio.sleep(0)
    account.send("new")
    page = await fetch
    await emulator.stop()
    assert [message.text for message in page.messages] == ["new"]
    assert page.arrived_during_poll
    assert page.more


async def test_is_receiving(session: aiohttp.ClientSession) -> None:
    """From an answer's headers to its end the provider says that it is receiving it."""
    body = asyncio.Event()
    headers = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        headers.set()
        await body.wait()
        await response.write(b"messageId=1&body=x")
        return response

    app = web.Application()
    app.router.add_post("/api/1/sms/in", answer)
    async with TestServer(app) as server:
        provider = Bulletin(session, Account(username=USERNAME, password=PASSWORD, url=str(server.make_url("/"))))
        assert not provider.is_receiving
        fetch = asyncio.create_task(provider.fetch({}))
        await headers.wait()
        while not provider.is_receiving:
            await asyncio.sleep(0)
        body.set()
        assert [message.text for message in (await fetch).messages] == ["x"]
        assert not provider.is_receiving


async def test_a_colon_in_the_user_id(session: aiohttp.ClientSession) -> None:
    """Basic authorization can't carry it, so it can't be right; the error doesn't repeat it."""
    provider = Bulletin(session, Account(username="an:na", password=PASSWORD, url="https://server.example"))
    with pytest.raises(Exception, match="character") as raised:
        await provider.validate()
    assert not isinstance(raised.value, TemporaryError)
    assert "an:na" not in str(raised.value)
