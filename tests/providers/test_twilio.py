"""Twilio and SignalWire: pages, the days that are searched, and signed webhooks."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from freezegun.api import FrozenDateTimeFactory
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Page, PushResult
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest, WebhookResponse
from custom_components.sms_inbox.providers.errors import ConfigurationError, ProtocolError, RefusedWebhookError
from custom_components.sms_inbox.providers.twilio import Twilio
from emulator import Emulator

from .conftest import PASSWORD, USERNAME, MakeProvider, by_time, new, poll

SID, TOKEN = "AC" + "a" * 32, "12345"
LIST = f"/2010-04-01/Accounts/{SID}/Messages.json"
PAGES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "fixtures/twilio/pages.json").read_text())
ROW: dict[str, Any] = PAGES[0]["messages"][-1]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADDRESS = "https://ha.example/api/webhook/abc"
FORM = {"Body": "Hi | there", "From": "+447700900123", "MessageSid": "SM" + "0" * 32, "To": "+447700900999"}
SIGNATURE = "YYziaptGLy4UHY7QB1dAAqj5aB0="
"""Of V45, which was computed without this code."""


class Pages(TestServer):
    """A server whose answers are the pages of a list.

    Attributes:
        pages: What it answers, by the number of the page in the query.
        requests: What it was asked.
    """

    def __init__(self) -> None:
        """Have the pages of the document."""
        app = web.Application()
        app.router.add_get("/{path:.*}", self._handle)
        super().__init__(app)
        self.pages: list[Any] = PAGES
        self.requests: list[web.Request] = []

    async def _handle(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        page = self.pages[int(request.query.get("Page", "0"))]
        return web.Response(text=page if isinstance(page, str) else json.dumps(page))


@pytest.fixture
async def server() -> AsyncGenerator[Pages]:
    """Run a server of pages."""
    async with Pages() as server:
        yield server


@pytest.fixture
def provider(session: aiohttp.ClientSession, server: Pages) -> Twilio:
    """Return the provider of an account at the server."""
    return Twilio(session, Account(username=SID, password=TOKEN, url=str(server.make_url("/"))))


async def fetch(provider: Twilio, server: Pages, *rows: Any, cursor: Mapping[str, Any] | None = None) -> Page:
    """Fetch one page with these rows."""
    server.pages = [{"messages": list(rows), "next_page_uri": None}]
    return await provider.fetch(cursor or {})


@pytest.mark.parametrize("path", ["", "/", "/api/laml", "/api/laml/"])
@pytest.mark.parametrize("is_whole", [False, True])
async def test_pages(session: aiohttp.ClientSession, server: Pages, path: str, *, is_whole: bool) -> None:
    """All pages are read, at the same server; what was sent is left out (V44).

    The address of the next page may begin with that of the server, as SignalWire's does.
    """
    following = PAGES[0]["next_page_uri"]
    if is_whole:
        server.pages = [PAGES[0] | {"next_page_uri": path.rstrip("/") + following}, PAGES[1]]
    url = str(server.make_url("/")).rstrip("/") + path
    newest, oldest = await poll(Twilio(session, Account(username=SID, password=TOKEN, url=url)))
    assert [(message.message_id, message.text) for message in by_time([*newest.messages, *oldest.messages])] == [
        ("MM" + "2".zfill(32), ""),
        ("SM" + "3".zfill(32), "Hi | there"),
        ("SM" + "5".zfill(32), "Later 😀"),
    ]
    assert (newest.cursor, newest.more, oldest.more) == ({}, True, False)
    assert oldest.cursor == {"since": "2026-11-21T10:00:05+00:00"}
    first, second = server.requests
    assert (first.path, second.path) == (path.rstrip("/") + LIST,) * 2
    assert second.query == URL(following).query
    assert second.headers["Authorization"] == first.headers["Authorization"] == aiohttp.encode_basic_auth(SID, TOKEN)


async def test_message(provider: Twilio, server: Pages) -> None:
    """All fields of a received message."""
    [message] = (await fetch(provider, server, ROW)).messages
    assert (message.sender, message.recipient, message.text) == ("+447700900123", "+447700900999", "Hi | there")
    assert (message.encoding, message.data, message.in_reply_to) == ("text", None, None)
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert json.loads(message.raw) == ROW


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"date_sent": None}, {"received_at": datetime(2026, 11, 21, 9, 59, 59, tzinfo=UTC)}),
        ({"date_sent": None, "date_created": None}, {"received_at": None}),
        ({"date_sent": 5, "date_created": "soon"}, {"received_at": None}),
        ({"date_sent": "Sat, 30 Feb 2026 10:00:00 +0000", "date_created": ""}, {"received_at": None}),
        ({"date_sent": "Fri, 31 Dec 9999 23:59:59 -1400", "date_created": ""}, {"received_at": None}),
        ({"date_sent": "1 Jan 99999999999999999999 00:00:00 +0000", "date_created": ""}, {"received_at": None}),
        ({"date_sent": "1 Jan 2026 00:00:00 +9999999", "date_created": ""}, {"received_at": None}),
        (
            {"date_sent": "Sat, 21 Nov 2026 12:00:00 +0200"},
            {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)},
        ),
        (
            {"date_sent": "Sat, 21 Nov 2026 10:00:00 -0000"},
            {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)},
        ),
        ({"body": None, "num_media": 1}, {"text": ""}),
        ({"body": "жук 😀"}, {"text": "жук 😀", "encoding": "unicode"}),
        ({"body": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"from": None, "to": None}, {"sender": "", "recipient": None}),
        ({"from": "whatsapp:+447700900123"}, {"sender": "whatsapp:+447700900123"}),
        ({"direction": None}, {"text": "Hi | there"}),
        ({"direction": "sideways", "status": "receiving"}, {"text": "Hi | there"}),
        ({"sid": "0a059168-ead0-41af-9d1f-343dae832527"}, {"message_id": "0a059168-ead0-41af-9d1f-343dae832527"}),
    ],
)
async def test_fields(provider: Twilio, server: Pages, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch(provider, server, ROW | change)).messages
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.parametrize("direction", ["outbound-api", "outbound-call", "outbound-reply", "outbound"])
async def test_sent_messages_are_dropped(provider: Twilio, server: Pages, direction: str) -> None:
    """The list can't be narrowed to what was received; who only sends hasn't a month of it read each time."""
    page = await fetch(provider, server, ROW | {"direction": direction}, {"direction": direction})
    assert (page.messages, page.unreadable) == ((), ())
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


async def test_incomplete_message(provider: Twilio, server: Pages, freezer: FrozenDateTimeFactory) -> None:
    """A message that is still arriving isn't delivered without its text; after ten minutes it is complete."""
    freezer.move_to(datetime(2026, 11, 21, 10, 1, tzinfo=UTC))
    receiving = ROW | {"status": "receiving", "body": ""}
    page = await fetch(provider, server, receiving)
    assert page.messages == ()
    page = await fetch(provider, server, ROW | {"status": "received"}, cursor=page.cursor)
    assert [message.text for message in page.messages] == ["Hi | there"]
    other = receiving | {"sid": "SM" + "7" * 32}
    page = await fetch(provider, server, other, cursor=page.cursor)
    assert page.messages == ()
    freezer.tick(600)
    page = await fetch(provider, server, other, cursor=page.cursor)
    assert [message.text for message in page.messages] == [""]


@pytest.mark.parametrize("row", ["text", None, {"direction": "inbound", "body": "no sid"}, ["list"]])
async def test_row_that_is_no_message(provider: Twilio, server: Pages, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch(provider, server, row, ROW)
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]


@pytest.mark.parametrize("body", ["", "<html></html>", "[]", "null", "{}", '{"messages": {}}', '{"messages": null}'])
async def test_what_is_no_list(provider: Twilio, server: Pages, body: str) -> None:
    """What the API never says is told apart."""
    server.pages = [body]
    with pytest.raises(ProtocolError):
        await provider.fetch({})


@pytest.mark.parametrize(
    ("following", "error"),
    [
        ("https://elsewhere.example/2010-04-01", ConfigurationError),
        ("//elsewhere.example/2010-04-01", ConfigurationError),
        ("http://127.0.0.1:1/2010-04-01", ConfigurationError),
        ("http://[", ProtocolError),
        ("mailto:someone", ProtocolError),
    ],
)
async def test_next_page_at_another_server(
    provider: Twilio, server: Pages, following: str, error: type[Exception]
) -> None:
    """The credentials go nowhere else; the page that names it is delivered."""
    server.pages = [PAGES[0] | {"next_page_uri": following}]
    page = await provider.fetch({})
    assert page.messages
    assert page.more
    with pytest.raises(error):
        await provider.fetch(page.cursor)
    assert len(server.requests) == 1


async def test_pages_in_circles(provider: Twilio, server: Pages) -> None:
    """A list without an end is given up."""
    server.pages = [PAGES[0], PAGES[1] | {"next_page_uri": PAGES[0]["next_page_uri"]}]
    for _ in range(2):
        with pytest.raises(ProtocolError, match="circles"):
            await poll(provider)
    assert len(server.requests) < 40


async def test_identity(provider: Twilio, server: Pages) -> None:
    """The list is read, as polls do; the account is known by its SID, whatever its name is.

    Nothing is kept of the token that the vendor sends.
    """
    server.pages = [{"messages": [], "sid": SID, "friendly_name": "My first account", "auth_token": TOKEN}]
    identity = await provider.validate()
    assert (identity.account_id, identity.name) == (SID.casefold(), "My first account")
    assert [request.path for request in server.requests] == [LIST, f"/2010-04-01/Accounts/{SID}.json"]
    server.pages = [{"messages": [], "friendly_name": None}]
    assert (await provider.validate()).name == SID


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"auth_token": "12345"}', '{"messages": {}}'])
async def test_validate_without_a_list(provider: Twilio, server: Pages, body: str) -> None:
    """An answer that has no list proves nothing."""
    server.pages = [body]
    with pytest.raises(ProtocolError) as raised:
        await provider.validate()
    assert TOKEN not in repr(raised.value)


async def test_first_look(provider: Twilio, server: Pages, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 30 days and two; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await fetch(provider, server)
    [request] = server.requests
    assert request.query == {"DateSent>": "2026-10-20", "PageSize": "200"}
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(provider: Twilio, server: Pages, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin two days before the latest message, however long ago."""
    freezer.move_to(NOW)
    page = await fetch(provider, server, ROW, cursor={"since": "2026-01-05T00:00:01+00:00"})
    [request] = server.requests
    assert request.query["DateSent>"] == "2026-01-03"
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


async def test_nothing_new(emulator: Emulator, make_provider: MakeProvider) -> None:
    """While nothing comes, a poll is one request, and the cursor stays."""
    account = emulator.add_account("twilio", USERNAME, PASSWORD)
    account.send("Hello")
    provider = make_provider("twilio")
    first = await provider.fetch({})
    second = await provider.fetch(first.cursor)
    assert second.cursor == first.cursor
    assert len(emulator.requests) == 2


async def test_late_message(emulator: Emulator, make_provider: MakeProvider) -> None:
    """A message that appears behind later ones is found, for two days."""
    account = emulator.add_account("twilio", USERNAME, PASSWORD)
    account.send("Now")
    provider = make_provider("twilio")
    first = await provider.fetch({})
    account.send("Late", received_at=datetime.now(UTC) - timedelta(days=2))
    second = await provider.fetch(first.cursor)
    assert [message.text for message in new(second.messages, first.messages)] == ["Late"]


def signed(
    content: Mapping[str, str] | bytes, url: str = ADDRESS, *, header: str = "X-Twilio-Signature", of: str | None = None
) -> WebhookRequest:
    """Return a request with a form, or with JSON, signed as the vendor would, for another URL if one is given."""
    if isinstance(content, bytes):
        body, kind, text = content, "application/json", ""
    else:
        body, kind = urlencode(content).encode(), "application/x-www-form-urlencoded; charset=UTF-8"
        text = "".join(f"{name}{content[name]}" for name in sorted(content))
    signature = hmac.new(TOKEN.encode(), ((of or url) + text).encode(), "sha1").digest()
    headers = CIMultiDict({"Content-Type": kind, header: b64encode(signature).decode()})
    return WebhookRequest(method="POST", url=URL(url, encoded=True), headers=headers, body=body, at=NOW)


def with_signature(request: WebhookRequest, signature: str) -> WebhookRequest:
    """Return a request with another signature."""
    headers = CIMultiDict(request.headers)
    headers["X-Twilio-Signature"] = signature
    return WebhookRequest(method=request.method, url=request.url, headers=headers, body=request.body, at=request.at)


def test_webhook(provider: Twilio) -> None:
    """A form with a signature that is known to be right (V45)."""
    request = with_signature(signed(FORM), SIGNATURE)
    assert request.headers == signed(FORM).headers
    [message] = provider.read_webhook(request).messages
    assert (message.message_id, message.text) == ("SM" + "0" * 32, "Hi | there")
    assert (message.sender, message.recipient) == ("+447700900123", "+447700900999")
    assert (message.received_at, message.raw) == (NOW, request.body)
    assert provider.webhook_response == WebhookResponse(status=200, body="<Response/>", content_type="text/xml")


@pytest.mark.parametrize(
    ("change", "signature"),
    [
        ({"Body": "Hi | There"}, SIGNATURE),
        ({"More": ""}, SIGNATURE),
        ({}, "YYziaptGLy4UHY7QB1dAAqj5aB1="),
        ({}, ""),
        ({}, "é\udce9"),
    ],
)
def test_forged_webhook(provider: Twilio, change: dict[str, str], signature: str) -> None:
    """One byte more or other, and it is refused."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(with_signature(signed(FORM | change), signature))
    assert raised.value.status == 403


@pytest.mark.parametrize(
    ("url", "of"),
    [
        ("https://ha.example/api/webhook/abc", "https://ha.example:443/api/webhook/abc"),
        ("https://ha.example:443/api/webhook/abc", "https://ha.example/api/webhook/abc"),
        ("https://ha.example:8123/api/webhook/abc", "https://ha.example/api/webhook/abc"),
        ("https://ha.example:8123/api/webhook/abc", "https://ha.example:8123/api/webhook/abc"),
        ("http://ha.example/api/webhook/abc", "http://ha.example:80/api/webhook/abc"),
        ("https://[::1]:8123/api/webhook/abc", "https://[::1]/api/webhook/abc"),
        ("https://ha.example/api/webhook/abc?a=%7Eb+c", "https://ha.example:443/api/webhook/abc?a=%7Eb+c"),
    ],
)
@pytest.mark.parametrize("header", ["X-Twilio-Signature", "x-signalwire-signature"])
def test_signed_address(provider: Twilio, url: str, of: str, header: str) -> None:
    """The vendor signs the address with its port or without, and its query; SignalWire's header has another name."""
    assert provider.read_webhook(signed(FORM, url, of=of, header=header)).messages


@pytest.mark.parametrize(
    "of", ["http://ha.example/api/webhook/abc", "https://ha.example/api/webhook/abd", f"{ADDRESS}?"]
)
def test_signed_for_another_address(provider: Twilio, of: str) -> None:
    """A signature is for the address that the vendor knows."""
    with pytest.raises(RefusedWebhookError):
        provider.read_webhook(signed(FORM, of=of))


def test_webhook_by_get(provider: Twilio) -> None:
    """With GET, all that is signed is in the address."""
    request = signed(b"", f"{ADDRESS}?{urlencode(FORM)}")
    [message] = provider.read_webhook(
        WebhookRequest(method="GET", url=request.url, headers=request.headers, body=b"", at=NOW)
    ).messages
    assert (message.text, message.raw) == ("Hi | there", urlencode(FORM).encode())


def json_request(body: bytes, hashed: bytes | None = None) -> WebhookRequest:
    """Return a request with JSON, whose URL has the hash of its body."""
    return signed(body, f"{ADDRESS}?bodySHA256={hashlib.sha256(body if hashed is None else hashed).hexdigest()}")


def test_webhook_with_json(provider: Twilio) -> None:
    """The hash of the body is in the address, and so signed."""
    [message] = provider.read_webhook(json_request(json.dumps(FORM).encode())).messages
    assert (message.message_id, message.text) == ("SM" + "0" * 32, "Hi | there")


@pytest.mark.parametrize("body", [b"[]", b"null", b"nonsense", b"{}", b"[" * 100_000], ids=lambda body: str(body[:8]))
def test_webhook_with_other_json(provider: Twilio, body: bytes) -> None:
    """The vendor's, and yet nothing of a message in it."""
    assert provider.read_webhook(json_request(body)) == PushResult()


def test_forged_json(provider: Twilio) -> None:
    """A body that nothing vouches for is refused, whatever the query says."""
    body = json.dumps(FORM).encode()
    for request in (json_request(body, hashed=b"another"), signed(body), signed(body, f"{ADDRESS}?{urlencode(FORM)}")):
        with pytest.raises(RefusedWebhookError) as raised:
            provider.read_webhook(request)
        assert raised.value.status == 403


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "queued"])
@pytest.mark.parametrize("text", [{}, {"Body": "What was sent"}])
def test_status_callback(provider: Twilio, status: str, text: dict[str, str]) -> None:
    """What became of a message that was sent is no message."""
    form = {"MessageSid": "SM1", "MessageStatus": status, "SmsStatus": status, "To": "+447700900123"}
    assert provider.read_webhook(signed(form | text)) == PushResult()


def test_webhook_without_a_text(provider: Twilio) -> None:
    """The list has the text."""
    form = {"MessageSid": "SM" + "1" * 32, "SmsStatus": "received", "From": "1"}
    assert provider.read_webhook(signed(form)) == PushResult(poll=True)


@pytest.mark.parametrize(
    "sid", ["", "SM1", "SM" + "A" * 32, "SM" + "0" * 33, "CA" + "0" * 32, "SM" + "0" * 32 + "NumMedia0", "x" * 36]
)
def test_id_that_the_vendor_never_gave(provider: Twilio, sid: str) -> None:
    """It is refused: a signed request may have been changed so that its signature is still right."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(signed(FORM | {"MessageSid": sid}))
    assert raised.value.status == 403


def test_field_folded_into_another(provider: Twilio) -> None:
    """A request that was seen makes no second message, though names and values can be moved under its signature."""
    seen = signed(FORM)
    forms = [
        {key: value for key, value in FORM.items() if key != "To"}
        | {"MessageSid": FORM["MessageSid"] + "To" + FORM["To"]},
        {"Body": FORM["Body"], "From": FORM["From"] + "MessageSid" + FORM["MessageSid"] + "To" + FORM["To"]},
    ]
    for form in forms:
        request = signed(form)
        assert request.headers == seen.headers  # the signature is right
        with pytest.raises(RefusedWebhookError, match="id"):
            provider.read_webhook(request)


@pytest.mark.parametrize("form", [{"CallSid": "CA1", "From": "+447700900123"}, {"EventType": "onMessageAdded"}])
def test_webhook_about_something_else(provider: Twilio, form: dict[str, str]) -> None:
    """It is taken, and brings nothing."""
    assert provider.read_webhook(signed(form)) == PushResult()


@pytest.mark.parametrize(
    ("url", "signing_key", "is_verified"),
    [
        ("https://example.signalwire.com/api/laml", "", False),
        ("https://example.signalwire.com/api/laml", TOKEN, True),
        ("https://api.twilio.com", "", True),
        ("https://api.dublin.ie1.twilio.com", "", True),
    ],
)
def test_key(session: aiohttp.ClientSession, url: str, signing_key: str, *, is_verified: bool) -> None:
    """SignalWire doesn't sign with the password: without its key a request only makes us poll."""
    password = "wrong" if signing_key else TOKEN
    account = Account(username=SID, password=password, url=url, signing_key=signing_key)
    result = Twilio(session, account).read_webhook(signed(FORM, header="X-SignalWire-Signature"))
    assert bool(result.messages) == is_verified
    assert result.poll != is_verified
    unsigned = with_signature(signed(FORM), "")
    if is_verified:
        with pytest.raises(RefusedWebhookError):
            Twilio(session, account).read_webhook(unsigned)
    else:
        assert Twilio(session, account).read_webhook(unsigned) == PushResult(poll=True)


def test_webhook_with_a_picture(provider: Twilio) -> None:
    """Of an MMS the text is delivered, all else is kept."""
    request = signed(
        FORM | {"Body": "", "NumMedia": "1", "MediaUrl0": "https://api.example/media", "SmsStatus": "received"}
    )
    [message] = provider.read_webhook(request).messages
    assert message.text == ""
    assert b"MediaUrl0" in message.raw
