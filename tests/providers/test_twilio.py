"""Twilio and SignalWire: pages, the days that are searched, credentials, and signed webhooks."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, override
from urllib.parse import urlencode

import aiohttp
from freezegun.api import FrozenDateTimeFactory
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import Page, PushResult, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.contract import Account, WebhookPlace, WebhookRequest, WebhookResponse
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    RefusedWebhookError,
    TemporaryError,
)
from custom_components.sms_inbox.providers.http import HttpClient, HttpResponse
from custom_components.sms_inbox.providers.twilio import Twilio
from custom_components.sms_inbox.providers.twilio_webhooks import messaging_url
import emulator as emulated
from emulator import Emulator, twilio_account

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, Request, by_time, new, poll

SID, TOKEN = "AC" + "a" * 32, "12345"
LIST = f"/2010-04-01/Accounts/{SID}/Messages.json"
PAGES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "fixtures/twilio/pages.json").read_text())
ROW: dict[str, Any] = PAGES[0]["messages"][-1]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ADDRESS = "https://ha.example/api/webhook/abc"
FORM = {"Body": "Hi | there", "From": "+447700900123", "MessageSid": "SM" + "0" * 32, "To": "+447700900999"}
SIGNATURE = "YYziaptGLy4UHY7QB1dAAqj5aB0="
"""Of V45, which was computed without this code."""


class Pages(CannedAnswers):
    """The pages of a list.

    Attributes:
        pages: What is answered, by the number of the page in the query.
    """

    def __init__(self) -> None:
        """Have the pages of the document."""
        super().__init__()
        self.pages: list[Any] = PAGES

    @override
    def respond(self, request: Request) -> dict[str, Any]:
        """Return a page."""
        page = self.pages[int(request.url.query.get("Page", "0"))]
        return {"text": page if isinstance(page, str) else json.dumps(page)}


@pytest.fixture
def canned() -> Iterator[Pages]:
    """Return pages instead of one answer."""
    with Pages() as canned:
        yield canned


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: Pages) -> Twilio:
    """Return the provider of an account that gets pages."""
    return Twilio(session, Account(username=SID, password=TOKEN, url=canned.url()))


async def fetch(provider: Twilio, canned: Pages, *rows: Any, cursor: Mapping[str, Any] | None = None) -> Page:
    """Fetch one page with these rows."""
    canned.pages = [{"messages": list(rows), "next_page_uri": None}]
    return await provider.fetch(cursor or {})


@pytest.mark.parametrize("path", ["", "/", "/api/laml", "/api/laml/"])
@pytest.mark.parametrize("is_whole", [False, True])
async def test_pages(session: aiohttp.ClientSession, canned: Pages, path: str, *, is_whole: bool) -> None:
    """All pages are read, at the same server; what was sent is left out (V44).

    The address of the next page may begin with that of the server, as SignalWire's does.
    """
    following = PAGES[0]["next_page_uri"]
    if is_whole:
        canned.pages = [PAGES[0] | {"next_page_uri": path.rstrip("/") + following}, PAGES[1]]
    url = canned.url(path)
    newest, oldest = await poll(Twilio(session, Account(username=SID, password=TOKEN, url=url)))
    assert [(message.message_id, message.text) for message in by_time([*newest.messages, *oldest.messages])] == [
        ("MM" + "2".zfill(32), ""),
        ("SM" + "3".zfill(32), "Hi | there"),
        ("SM" + "5".zfill(32), "Later 😀"),
    ]
    assert (newest.cursor, newest.more, oldest.more) == ({}, True, False)
    assert oldest.cursor == {"since": "2026-11-21T10:00:05+00:00"}
    first, second = canned.asked
    assert (first.url.path, second.url.path) == (path.rstrip("/") + LIST,) * 2
    assert dict(second.url.query) == dict(URL(following).query)
    assert second.headers["Authorization"] == first.headers["Authorization"] == aiohttp.encode_basic_auth(SID, TOKEN)


async def test_message(provider: Twilio, canned: Pages) -> None:
    """All fields of a received message."""
    [message] = (await fetch(provider, canned, ROW)).messages
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
        ({"num_media": "0"}, {"channel": None}),
        ({"body": None, "num_media": 1}, {"text": "", "channel": "mms"}),
        ({"num_media": "10"}, {"text": "Hi | there", "channel": "mms"}),
        ({"num_media": ["x"]}, {"channel": None}),
        ({"num_media": "2", "from": "whatsapp:+447700900123"}, {"channel": None}),
        ({"num_media": "2", "from": "messenger:123"}, {"sender": "messenger:123", "channel": None}),
        ({"body": "жук 😀"}, {"text": "жук 😀", "encoding": "unicode"}),
        ({"body": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"from": None, "to": None}, {"sender": "", "recipient": None}),
        ({"from": "whatsapp:+447700900123"}, {"sender": "whatsapp:+447700900123"}),
        ({"direction": None}, {"text": "Hi | there"}),
        ({"direction": "sideways", "status": "receiving"}, {"text": "Hi | there"}),
        ({"sid": "0a059168-ead0-41af-9d1f-343dae832527"}, {"message_id": "0a059168-ead0-41af-9d1f-343dae832527"}),
    ],
)
async def test_fields(provider: Twilio, canned: Pages, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch(provider, canned, ROW | change)).messages
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.parametrize("direction", ["outbound-api", "outbound-call", "outbound-reply", "outbound"])
async def test_sent_messages_are_dropped(provider: Twilio, canned: Pages, direction: str) -> None:
    """The list can't be narrowed to what was received; who only sends hasn't a month of it read each time."""
    page = await fetch(provider, canned, ROW | {"direction": direction}, {"direction": direction})
    assert (page.messages, page.unreadable) == ((), ())
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


async def test_incomplete_message(provider: Twilio, canned: Pages, freezer: FrozenDateTimeFactory) -> None:
    """A message that is still arriving isn't delivered without its text; after ten minutes it is complete."""
    freezer.move_to(datetime(2026, 11, 21, 10, 1, tzinfo=UTC))
    receiving = ROW | {"status": "receiving", "body": ""}
    page = await fetch(provider, canned, receiving)
    assert page.messages == ()
    page = await fetch(provider, canned, ROW | {"status": "received"}, cursor=page.cursor)
    assert [message.text for message in page.messages] == ["Hi | there"]
    other = receiving | {"sid": "SM" + "7" * 32}
    page = await fetch(provider, canned, other, cursor=page.cursor)
    assert page.messages == ()
    freezer.tick(600)
    page = await fetch(provider, canned, other, cursor=page.cursor)
    assert [message.text for message in page.messages] == [""]


@pytest.mark.parametrize("row", ["text", None, {"direction": "inbound", "body": "no sid"}, ["list"]])
async def test_row_that_is_no_message(provider: Twilio, canned: Pages, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch(provider, canned, row, ROW)
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]


@pytest.mark.parametrize("body", ["", "<html></html>", "[]", "null", "{}", '{"messages": {}}', '{"messages": null}'])
async def test_what_is_no_list(provider: Twilio, canned: Pages, body: str) -> None:
    """What the API never says is told apart."""
    canned.pages = [body]
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
    provider: Twilio, canned: Pages, following: str, error: type[Exception]
) -> None:
    """The credentials go nowhere else; the page that names it is delivered."""
    canned.pages = [PAGES[0] | {"next_page_uri": following}]
    page = await provider.fetch({})
    assert page.messages
    assert page.more
    with pytest.raises(error):
        await provider.fetch(page.cursor)
    assert len(canned.asked) == 1


async def test_pages_in_circles(provider: Twilio, canned: Pages) -> None:
    """A list without an end is given up."""
    canned.pages = [PAGES[0], PAGES[1] | {"next_page_uri": PAGES[0]["next_page_uri"]}]
    for _ in range(2):
        with pytest.raises(ProtocolError, match="circles"):
            await poll(provider)
    assert len(canned.asked) < 40


async def test_identity(provider: Twilio, canned: Pages) -> None:
    """The list is read, as polls do; the account is known by its SID, whatever its name is.

    Nothing is kept of the token that the vendor sends.
    """
    canned.pages = [{"messages": [], "sid": SID, "friendly_name": "My first account", "auth_token": TOKEN}]
    identity = await provider.validate()
    assert identity.account_id == SID.casefold()
    assert [request.url.path for request in canned.asked] == [LIST, f"/2010-04-01/Accounts/{SID}.json"]


@pytest.mark.parametrize("body", ["[]", "{}", "null", '{"auth_token": "12345"}', '{"messages": {}}'])
async def test_validate_without_a_list(provider: Twilio, canned: Pages, body: str) -> None:
    """An answer that has no list proves nothing."""
    canned.pages = [body]
    with pytest.raises(ProtocolError) as raised:
        await provider.validate()
    assert TOKEN not in repr(raised.value)


async def test_first_look(provider: Twilio, canned: Pages, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 30 days and two; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await fetch(provider, canned)
    [request] = canned.asked
    assert request.url.query == {"DateSent>": "2026-10-20", "PageSize": "200"}
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(provider: Twilio, canned: Pages, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin two days before the latest message, however long ago."""
    freezer.move_to(NOW)
    page = await fetch(provider, canned, ROW, cursor={"since": "2026-01-05T00:00:01+00:00"})
    [request] = canned.asked
    assert request.url.query["DateSent>"] == "2026-01-03"
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


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("queued", "", Report(status=SendStatus.ACCEPTED)),
        ("sent", "", Report(status=SendStatus.SENT)),
        ("partially_delivered", "", Report(status=SendStatus.SENT)),
        ("delivered", "", Report(status=SendStatus.DELIVERED)),
        ("failed", "", Report(status=SendStatus.FAILED)),
        ("undelivered", "30003", Report(status=SendStatus.FAILED, reason=Reason.UNREACHABLE)),
        ("undelivered", "30007", Report(status=SendStatus.FAILED, reason=Reason.FILTERED)),
        ("sent", "30003", Report(status=SendStatus.SENT)),
        ("unheard-of", "", None),
    ],
)
@pytest.mark.parametrize("text", [{}, {"Body": "What was sent"}])
def test_status_callback(
    provider: Twilio, status: str, code: str, expected: Report | None, text: dict[str, str]
) -> None:
    """It is no message, and says what became of a text that was sent."""
    sid = "SM" + "1" * 32
    form = {"MessageSid": sid, "MessageStatus": status, "SmsStatus": status, "ErrorCode": code, "To": "+447700900123"}
    reports = (replace(expected, provider_id=sid),) if expected else ()
    assert provider.read_webhook(signed(form | text)) == PushResult(reports=reports)
    assert provider.read_webhook(signed(form | text | {"MessageSid": "SM1"})) == PushResult()


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
    assert (message.text, message.channel) == ("", "mms")
    assert b"MediaUrl0" in message.raw


KEY, SECRET = "SK" + "b" * 32, "Secret"


def request_about(account: emulated.Account, message: emulated.Message) -> WebhookRequest:
    """Return the request that the emulator would send about a message."""
    account.callback = ADDRESS
    [outgoing] = account.protocol.calls(message, account)
    headers = CIMultiDict(outgoing.headers)
    return WebhookRequest(method="POST", url=URL(outgoing.url), headers=headers, body=outgoing.body, at=NOW)


@pytest.fixture
def account(emulator: Emulator) -> emulated.Account:
    """Return an account at the emulator."""
    return emulator.add_account("twilio", USERNAME, PASSWORD)


@pytest.fixture
def messaging(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the emulator's messaging services where Twilio has them at another host."""
    url = URL(emulator.url("twilio") + "/messaging")
    monkeypatch.setattr("custom_components.sms_inbox.providers.twilio.messaging_url", lambda _: url)


@pytest.mark.parametrize(
    ("kind", "may"),
    [("main", twilio_account.RIGHTS), ("standard", twilio_account.RIGHTS), ("restricted", ("messages",))],
)
async def test_api_key(
    account: emulated.Account,
    emulator: Emulator,
    make_provider: MakeProvider,
    kind: str,
    may: tuple[str, ...],
) -> None:
    """Whatever else it may read, the messages are enough; the account stays who it is (V66)."""
    twilio_account.add_key(account, KEY, SECRET, kind, may)
    account.send("Hello")
    provider = make_provider("twilio", password=SECRET, key_id=KEY)
    identity = await provider.validate()
    assert identity.account_id == USERNAME
    assert [message.text for page in await poll(provider) for message in page.messages] == ["Hello"]
    assert {request.username for _, request in emulator.requests.since(0)} == {KEY}


async def test_api_key_without_a_right(account: emulated.Account, make_provider: MakeProvider) -> None:
    """What it may not do is told apart from wrong credentials, also where the vendor's code is that of those."""
    twilio_account.add_key(account, KEY, SECRET, "restricted", ("numbers",))
    provider = make_provider("twilio", password=SECRET, key_id=KEY)
    for call in (provider.validate(), provider.fetch({})):
        await expect(call, ConfigurationError, "missing_permission")
    twilio_account.add_key(account, KEY, SECRET, "restricted", ("messages",))
    await expect(provider.webhook_places(""), ConfigurationError, "missing_permission")
    await expect(provider.set_webhook("PN1", ADDRESS), ConfigurationError, "missing_permission")


async def expect(call: Any, error: type[ProviderError], hint: str | None) -> ProviderError:
    """Await a call that fails, in this way."""
    with pytest.raises(error) as raised:
        await call
    assert (type(raised.value), raised.value.hint) == (error, hint)
    return raised.value


async def test_numbers_that_may_not_be_read(
    account: emulated.Account, emulator: Emulator, make_provider: MakeProvider
) -> None:
    """A refusal of the numbers alone is no wrong password; a refusal of all is one."""
    emulator.fault("twilio", "unauthorized", count=None, path="IncomingPhoneNumbers")
    provider = make_provider("twilio")
    await expect(provider.webhook_places(""), ConfigurationError, "missing_permission")
    account.password = "another"
    await expect(provider.webhook_places(""), AuthenticationError, None)


@pytest.mark.parametrize("username", [KEY, KEY.lower(), "SK1"])
async def test_api_key_as_user_name(session: aiohttp.ClientSession, canned: Pages, username: str) -> None:
    """It names no account: that is said before anything is sent."""
    provider = Twilio(session, Account(username=username, password=SECRET, url=canned.url()))
    for call in (provider.validate(), provider.fetch({}), provider.webhook_places("")):
        await expect(call, AuthenticationError, "key_without_account")
    assert canned.asked == []


def test_secret_of_an_api_key_signs_nothing(session: aiohttp.ClientSession) -> None:
    """Twilio signs with the Auth Token; without it a request only makes us poll (V66)."""
    account = {"username": SID, "key_id": KEY, "password": TOKEN, "url": "https://api.twilio.com"}
    assert Twilio(session, Account(**account)).read_webhook(signed(FORM)) == PushResult(poll=True)
    with pytest.raises(RefusedWebhookError):
        Twilio(session, Account(**account, signing_key="token")).read_webhook(signed(FORM))
    account["password"] = SECRET
    assert Twilio(session, Account(**account, signing_key=TOKEN)).read_webhook(signed(FORM)).messages


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("code", ["10001", "20005", "20403", "90010"])
async def test_account_that_is_not_active(
    emulator: Emulator, make_provider: MakeProvider, code: str, status: int
) -> None:
    """It is never taken for wrong credentials, whatever the HTTP status (V68)."""
    emulator.fault("twilio", "vendor_error", count=None, word=code, status=status)
    for call in (make_provider("twilio").validate(), make_provider("twilio").fetch({})):
        error = await expect(call, ConfigurationError, "account_suspended")
        assert code in str(error)


async def test_suspended_account_that_can_be_looked_at(account: emulated.Account, make_provider: MakeProvider) -> None:
    """That the account itself can be read proves nothing."""
    twilio_account.suspend(account)
    await expect(make_provider("twilio").validate(), ConfigurationError, "account_suspended")


async def test_suspended_account_whose_list_is_read(provider: Twilio, canned: Pages) -> None:
    """That the list can be read proves nothing either: nothing arrives in it."""
    canned.pages = [{"messages": [], "status": "suspended"}]
    await expect(provider.validate(), ConfigurationError, "account_suspended")


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [("20003", 403, AuthenticationError), ("20003", 500, AuthenticationError), ("20429", 503, RateLimitedError)],
)
async def test_code_counts_more_than_status(
    emulator: Emulator, make_provider: MakeProvider, code: str, status: int, error: type[ProviderError]
) -> None:
    """The vendor's code says what an error means."""
    emulator.fault("twilio", "vendor_error", word=code, status=status)
    await expect(make_provider("twilio").fetch({}), error, None)


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("api.twilio.com", None),
        ("api.us1.twilio.com", None),
        ("api.ashburn.us1.twilio.com", None),
        ("example.signalwire.com", None),
        ("api.dublin.ie1.twilio.com", "wrong_region"),
        ("api.sydney.au1.twilio.com", "wrong_region"),
        ("api.tokyo.jp1.twilio.com", "wrong_region"),
    ],
)
async def test_credentials_of_another_region(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, host: str, hint: str | None
) -> None:
    """A region refuses them like wrong ones; where the address names a region, that is worth a thought."""

    async def refuse(*_: Any, **_options: Any) -> None:
        raise AuthenticationError("HTTP status 401, 20003", word="20003")

    monkeypatch.setattr(HttpClient, "request", refuse)
    provider = Twilio(session, Account(username=SID, password=TOKEN, url=f"https://{host}"))
    await expect(provider.fetch({}), AuthenticationError, hint)


@pytest.mark.parametrize("region", ["ie1", "au1", "br1", "de1", "jp1", "sg1", "us2"])
async def test_server_that_was_switched_off(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """It is said at once, and nothing is sent."""
    monkeypatch.setattr(HttpClient, "request", None)
    provider = Twilio(session, Account(username=SID, password=TOKEN, url=f"https://api.{region}.twilio.com"))
    error = await expect(provider.validate(), ConfigurationError, "wrong_region")
    assert "switched off" in str(error)


async def test_message_that_arrives_slowly(account: emulated.Account, make_provider: MakeProvider) -> None:
    """It is delivered once, with its text and its channel (V69)."""
    message = account.send("Gate", sender="whatsapp:+15550001111")
    twilio_account.receive_slowly(account, message)
    provider = make_provider("twilio")
    page = await provider.fetch({})
    assert page.messages == ()
    twilio_account.finish_receiving(account)
    pages = [await provider.fetch(page.cursor) for _ in range(2)]
    assert [(found.text, found.sender) for page in pages for found in page.messages] == [
        ("Gate", "whatsapp:+15550001111")
    ]


async def test_picture(account: emulated.Account, make_provider: MakeProvider) -> None:
    """List and webhook say that it is an MMS."""
    request = request_about(account, account.send("", message_id="MM" + "1" * 32))
    provider = make_provider("twilio", signing_key="")
    [listed] = (await provider.fetch({})).messages
    [pushed] = provider.read_webhook(request).messages
    assert listed.channel == pushed.channel == "mms"
    assert listed.message_id == pushed.message_id


SHARED = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


@pytest.mark.parametrize(
    ("settings", "signature", "is_verified"),
    [
        (SHARED, "tpjVw9TdwNkqy85gCuCv0RSk1eAq7n1/tVplpUT4BlY=", True),
        ("algorithm = hmac_sha256 , key=k", "tpjVw9TdwNkqy85gCuCv0RSk1eAq7n1/tVplpUT4BlY=", True),
        (SHARED, SIGNATURE, False),
        (SHARED.replace("SHA256", "MD5"), "tpjVw9TdwNkqy85gCuCv0RSk1eAq7n1/tVplpUT4BlY=", False),
        ("", "tpjVw9TdwNkqy85gCuCv0RSk1eAq7n1/tVplpUT4BlY=", False),
        ("key=webhooks_sharedkey_1", "tpjVw9TdwNkqy85gCuCv0RSk1eAq7n1/tVplpUT4BlY=", False),
    ],
)
def test_shared_key(session: aiohttp.ClientSession, settings: str, signature: str, *, is_verified: bool) -> None:
    """The vendor's header says how it signs; what isn't known is refused (V67)."""
    account = Account(username=SID, password=TOKEN, url="https://api.twilio.com", signing_key="shared-secret")
    request = with_signature(signed(FORM), signature)
    request.headers["X-Twilio-Webhooks-Signature-Settings"] = settings  # type: ignore[index]
    if is_verified:
        assert Twilio(session, account).read_webhook(request).messages
        return
    with pytest.raises(RefusedWebhookError) as raised:
        Twilio(session, account).read_webhook(request)
    assert raised.value.status == 403


@pytest.mark.parametrize("algorithm", ["HMAC_SHA1", "HMAC_SHA256"])
def test_shared_key_of_the_emulator(account: emulated.Account, make_provider: MakeProvider, algorithm: str) -> None:
    """Both kinds are read."""
    account.extra["shared_key"] = {"sid": "webhooks_sharedkey_1", "secret": SECRET, "algorithm": algorithm}
    request = request_about(account, account.send("Hello"))
    assert make_provider("twilio", signing_key=SECRET).read_webhook(request).messages


@pytest.mark.parametrize(
    ("query", "of"),
    [
        ("a=it's", "a=it%27s"),
        ("a=it%27s", "a=it's"),
        ("b=2&a=1&b=3&c", "b=2&b=3&a=1&c="),
        ("a=x+y&d=[z]", "a=x%20y&d=%5Bz%5D"),
    ],
)
@pytest.mark.parametrize("port", ["", ":443"])
def test_address_written_in_another_way(provider: Twilio, query: str, of: str, port: str) -> None:
    """The vendor's library takes the address as a browser or as Node would write it, too."""
    signed_address = ADDRESS.replace("example", f"example{port}")
    assert provider.read_webhook(signed(FORM, f"{ADDRESS}?{query}", of=f"{signed_address}?{of}")).messages
    with pytest.raises(RefusedWebhookError):
        provider.read_webhook(signed(FORM, f"{ADDRESS}?{query}", of=f"{signed_address}?{of}1"))


@pytest.mark.parametrize("is_twilio", [True, False])
def test_name_that_occurs_twice(provider: Twilio, *, is_twilio: bool) -> None:
    """Twilio sorts its values and signs each once, SignalWire signs them as they are."""
    body = urlencode({**FORM, "Z": ""}).encode() + b"&X=2&X=1&X=1"
    values = "X1X2" if is_twilio else "X2X1X1"
    text = ADDRESS + "".join(f"{name}{FORM[name]}" for name in sorted(FORM)) + values + "Z"
    signature = b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha1")).decode()
    headers = CIMultiDict({"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature})
    request = WebhookRequest(method="POST", url=URL(ADDRESS), headers=headers, body=body, at=NOW)
    assert provider.read_webhook(request).messages


SWML = b'{"message":{"message_id":"4f7b","from":"+15550001111","to":"+15550002222","body":"Gate"}}'
SWML_SHA1 = "e5cb941c6993f8208c8914bace337cff0b0b9973"
SWML_SHA256 = "7837042400944178028b3a56d4d7a45dac9b178a901b630a95ec74d665dc2fa7"
EMPTY_DOCUMENT = WebhookResponse(body='{"version":"1.0.0","sections":{"main":[]}}', content_type="application/json")


def signalwire(session: aiohttp.ClientSession, key: str = "PSK_key") -> Twilio:
    """Return the provider of a project at SignalWire."""
    return Twilio(
        session,
        Account(username="0a05", password=TOKEN, url="https://example.signalwire.com/api/laml", signing_key=key),
    )


def swml(headers: Mapping[str, str], body: bytes = SWML) -> WebhookRequest:
    """Return a request for a document of SWML."""
    every = CIMultiDict({"Content-Type": "application/json", **headers})
    return WebhookRequest(method="POST", url=URL(ADDRESS), headers=every, body=body, at=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-SignalWire-Signature": SWML_SHA1},
        {"X-Signalwire-SHA256-Signature": SWML_SHA256},
        {"X-SignalWire-Signature": SWML_SHA1, "X-SignalWire-Sha256-Signature": "0"},
        {"X-SignalWire-Signature": "0", "X-SignalWire-Sha256-Signature": SWML_SHA256},
    ],
)
def test_swml(session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
    """Either signature proves it; its id need not be the list's, so it makes no event of its own (V71)."""
    assert signalwire(session).read_webhook(swml(headers)) == PushResult(poll=True, response=EMPTY_DOCUMENT)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, SWML),
        ({"X-SignalWire-Signature": ""}, SWML),
        ({"X-SignalWire-Signature": SWML_SHA256}, SWML),
        ({"X-SignalWire-Signature": SWML_SHA1.upper()}, SWML),
        ({"X-Twilio-Signature": SWML_SHA1}, SWML),
        ({"X-SignalWire-Signature": SWML_SHA1, "X-SignalWire-Sha256-Signature": SWML_SHA256}, SWML + b" "),
    ],
)
def test_forged_swml(session: aiohttp.ClientSession, headers: Mapping[str, str], body: bytes) -> None:
    """Without a right signature it is refused."""
    with pytest.raises(RefusedWebhookError) as raised:
        signalwire(session).read_webhook(swml(headers, body))
    assert raised.value.status == 403


def test_swml_without_a_key(session: aiohttp.ClientSession) -> None:
    """It is answered as it must be, and makes us poll; a form gets the usual answer."""
    assert signalwire(session, key="").read_webhook(swml({})) == PushResult(poll=True, response=EMPTY_DOCUMENT)
    assert signalwire(session, key="").read_webhook(signed(FORM)) == PushResult(poll=True)


def test_form_signed_like_swml(session: aiohttp.ClientSession) -> None:
    """A form is only believed with the signature of a form: the marks in it could have been in somebody's text."""
    body = urlencode(FORM).encode()
    signature = hmac.digest(b"PSK_key", ADDRESS.encode() + body, "sha1").hex()
    request = swml({"Content-Type": "application/x-www-form-urlencoded", "X-SignalWire-Signature": signature}, body)
    with pytest.raises(RefusedWebhookError):
        signalwire(session).read_webhook(request)


@pytest.mark.parametrize("header", ["X-SignalWire-Signature", "X-Twilio-Signature"])
def test_cxml(session: aiohttp.ClientSession, header: str) -> None:
    """SignalWire's form is signed like Twilio's, under either name (V71)."""
    request = signed(FORM, header=header)
    request.headers[header] = "rzL+S2uwWfWDdJt1rCLwIWtwZq4="  # type: ignore[index]
    assert signalwire(session).read_webhook(request).messages


@pytest.mark.parametrize(("handler", "messages"), [("cxml", 1), ("swml", 0)])
async def test_signalwire_of_the_emulator(
    account: emulated.Account, make_provider: MakeProvider, handler: str, messages: int
) -> None:
    """One SMS is one message, whatever its request was."""
    account.extra["handler"] = handler
    account.signing_key = SECRET
    request = request_about(account, account.send("Hello"))
    provider = make_provider("twilio", signing_key=SECRET)
    pushed = provider.read_webhook(request)
    assert (len(pushed.messages), pushed.poll) == (messages, not messages)
    listed = (await provider.fetch({})).messages
    assert len({message.message_id for message in (*pushed.messages, *listed)}) == 1


OTHER = "https://elsewhere.example/sms?a=b"


@pytest.mark.usefixtures("messaging")
async def test_places(account: emulated.Account, emulator: Emulator, make_provider: MakeProvider) -> None:
    """Where a URL decides something: numbers, and the services that others obey; all pages are read."""
    add = twilio_account.add_number
    account.extra["numbers"] = []
    free, taken = add(account, "+15550000001"), add(account, "+15550000002", sms_url=f"{OTHER}#rc=2")
    add(account, "+15550000003", sms_application_sid="AP1")
    add(account, "+15550000004", capabilities={"sms": False, "mms": False, "voice": True, "fax": False})
    obeying, deferred = add(account, "+15550000005"), add(account, "+15550000006")
    urls = {"inbound_request_url": f"{OTHER}#x"}
    twilio_account.add_service(account, "Own", [deferred], use_inbound_webhook_on_number=True, **urls)
    service = twilio_account.add_service(account, "Alarms", [obeying], **urls)
    account.page_size = 1
    places = await make_provider("twilio").webhook_places("SMS Inbox")
    assert places == (
        WebhookPlace(place_id=free["sid"], name="+15550000001"),
        WebhookPlace(place_id=taken["sid"], name="+15550000002", url=OTHER),
        WebhookPlace(place_id=deferred["sid"], name="+15550000006"),
        WebhookPlace(place_id=service["sid"], name="Messaging Service Alarms", url=OTHER),
    )
    assert not emulator.book


@pytest.mark.usefixtures("messaging")
@pytest.mark.parametrize("in_service", [False, True])
async def test_url_at_a_place(
    account: emulated.Account, emulator: Emulator, make_provider: MakeProvider, *, in_service: bool
) -> None:
    """It is set with the wish for retries, once, and nothing else changes; what is gone or was never there is told."""
    [number] = twilio_account.numbers_of(account)
    row, field = number, "sms_url"
    if in_service:
        row, field = twilio_account.add_service(account, "Alarms", [number]), "inbound_request_url"
    provider, before = make_provider("twilio"), dict(row)
    [place] = await provider.webhook_places("")
    for _ in range(2):
        await provider.set_webhook(place.place_id, ADDRESS)
    assert row == before | {field: f"{ADDRESS}#rc=5&rp=all"}
    assert [place.url for place in await provider.webhook_places("")] == [ADDRESS]
    row[field] = f"{ADDRESS}#rc=3"  # somebody's own wish
    await provider.set_webhook(place.place_id, ADDRESS)
    assert [request.method for _, request in emulator.requests.since(0)].count("POST") == 1
    row[field] = ADDRESS  # pasted by hand
    await provider.set_webhook(place.place_id, ADDRESS)
    assert row[field] == f"{ADDRESS}#rc=5&rp=all"
    for _ in range(2):
        await provider.set_webhook(place.place_id, "")
    assert not row[field]
    account.send("Hello")  # a service without a URL would drop it
    assert [message.text for page in await poll(provider) for message in page.messages] == ["Hello"]
    assert [request.method for _, request in emulator.requests.since(0)].count("POST") == 3
    account.extra |= {"numbers": [], "services": []}
    for gone in (place.place_id, "SMS Inbox", "PN1/../x", "MG1"):
        await provider.set_webhook(gone, "")
        await expect(provider.set_webhook(gone, ADDRESS), ConfigurationError, "webhook_place_gone")


async def test_url_at_signalwire(
    account: emulated.Account, make_provider: MakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only Twilio reads from a URL how often it is to try."""
    monkeypatch.setattr(Twilio, "_is_signalwire", True)
    [number] = twilio_account.numbers_of(account)
    provider = make_provider("twilio")
    [place] = await provider.webhook_places("")
    for _ in range(2):
        await provider.set_webhook(place.place_id, ADDRESS)
    assert number["sms_url"] == ADDRESS


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.twilio.com:8443/x", "https://messaging.twilio.com:8443"),
        ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
        ("https://example.signalwire.com/api/laml", None),
        ("https://api.twilio.com.example", None),
        ("https://api.example", None),
        ("https://api.eviltwilio.com", None),
        ("http://127.0.0.1:8125/twilio", None),
    ],
)
def test_server_of_messaging_services(api: str, expected: str | None) -> None:
    """It is the vendor's other host, of the same region: no credentials go anywhere else."""
    assert messaging_url(URL(api)) == (URL(expected) if expected else None)


@pytest.mark.usefixtures("messaging")
@pytest.mark.parametrize(
    ("fields", "has_numbers", "expected"),
    [
        ({}, True, ("service_without_webhook",)),
        ({}, False, ()),
        ({"use_inbound_webhook_on_number": True}, True, ()),
        ({"inbound_request_url": OTHER}, True, ()),
    ],
)
async def test_service_that_drops_messages(
    account: emulated.Account,
    make_provider: MakeProvider,
    fields: dict[str, Any],
    expected: tuple[str, ...],
    *,
    has_numbers: bool,
) -> None:
    """Neither webhook nor list shows what its numbers receive, so that is said."""
    numbers = twilio_account.numbers_of(account) if has_numbers else []
    account.send("Hello")
    twilio_account.add_service(account, "Alarms", numbers, **fields)
    provider = make_provider("twilio")
    assert await provider.problems() == expected
    assert bool((await provider.fetch({})).messages) is not bool(expected)


@pytest.mark.usefixtures("messaging")
async def test_services_that_may_not_be_read(account: emulated.Account, make_provider: MakeProvider) -> None:
    """The numbers are shown all the same."""
    twilio_account.add_key(account, KEY, SECRET, "restricted", ("messages", "numbers"))
    twilio_account.add_service(account, "Alarms")
    provider = make_provider("twilio", password=SECRET, key_id=KEY)
    assert [place.name for place in await provider.webhook_places("")] == [twilio_account.FIRST_NUMBER]
    assert await provider.problems() == ()


@pytest.mark.parametrize(("host", "is_told"), [("api.dublin.ie1.twilio.com", False), ("api.twilio.com", True)])
async def test_no_server_of_messaging_services(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, host: str, *, is_told: bool
) -> None:
    """A region may have none; elsewhere that is an outage. Each request goes to one of the two servers."""
    asked = []

    async def answer(http: HttpClient, *_: Any, **_options: Any) -> HttpResponse:
        asked.append(http.url.host)
        if http.url.host != host:
            raise TemporaryError("no answer")
        return HttpResponse(status=200, headers={}, body=b'{"incoming_phone_numbers":[{"sid":"PN1"}]}', elapsed=0.0)

    monkeypatch.setattr(HttpClient, "request", answer)
    provider = Twilio(session, Account(username=SID, password=TOKEN, url=f"https://{host}"))
    if is_told:
        await expect(provider.webhook_places(""), TemporaryError, None)
    else:
        assert [place.name for place in await provider.webhook_places("")] == ["PN1"]
    assert asked == [host, host.replace("api.", "messaging.")]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ([None, "x", [], {}, {"sid": None}, {"sid": "../x"}], []),
        ([{"sid": "PN1"}, {"sid": "PN2", "phone_number": None, "sms_url": 5, "capabilities": "all"}], ["PN1", "PN2"]),
        ([{"sid": "PN1", "capabilities": {"sms": None}, "sms_application_sid": None}], ["PN1"]),
    ],
)
async def test_odd_numbers(provider: Twilio, canned: Pages, rows: list[Any], names: list[str]) -> None:
    """A number that can't be understood hides no other."""
    canned.pages = [{"incoming_phone_numbers": rows, "next_page_uri": None}]
    assert [place.name for place in await provider.webhook_places("")] == names


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("[]", ProtocolError),
        ("<html></html>", ProtocolError),
        ({"incoming_phone_numbers": None}, ProtocolError),
        ({"incoming_phone_numbers": [], "next_page_uri": "/x"}, ProtocolError),
        ({"incoming_phone_numbers": [], "next_page_uri": ["http://["]}, ProtocolError),
        ({"incoming_phone_numbers": [], "next_page_uri": "https://elsewhere.example/x"}, ConfigurationError),
    ],
)
async def test_what_is_no_list_of_numbers(
    provider: Twilio, canned: Pages, answer: Any, error: type[ProviderError]
) -> None:
    """Nothing in an answer does more than fail; a list without an end is given up."""
    canned.pages = [answer]
    with pytest.raises(error):
        await provider.webhook_places("")
    assert len(canned.asked) <= 100
