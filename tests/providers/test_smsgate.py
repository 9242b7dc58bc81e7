"""SMS Gateway for Android: rows of the inbox, the window that is read again, and calls with their signature."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
import hmac
import json
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from freezegun.api import FrozenDateTimeFactory
from multidict import CIMultiDict
import pytest
from yarl import URL

from custom_components.sms_inbox.model import SYNTHETIC_ID, Page, PushResult
from custom_components.sms_inbox.providers.contract import Account, WebhookRequest
from custom_components.sms_inbox.providers.errors import ConfigurationError, ProtocolError, RefusedWebhookError
from custom_components.sms_inbox.providers.smsgate import SmsGate
from emulator import Account as EmulatedAccount, Emulator

from .conftest import PASSWORD, SIGNING_KEY, USERNAME, CannedServer, MakeProvider, drain, new

ROW: dict[str, Any] = {
    "id": "text:-1843019376",
    "type": "SMS",
    "sender": "+447700900123",
    "recipient": "+44771234567",
    "simNumber": 1,
    "contentPreview": "Hi|\n😀",
    "createdAt": "2026-11-21T11:00:00.000+01:00",
    "attachments": [],
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SIGNED_AT = 1795250000
SIGNED_BODY = b'{"deviceId":"d","event":"sms:received","id":"1","payload":{"message":"Hi"},"webhookId":"w"}'
SIGNATURE = "9d2e968348927690038457ab7e7d4e9dd4dfc78c0cb23c5870d4add96da15e05"
PAYLOAD: dict[str, Any] = {
    "messageId": "9228efd0",
    "message": "Hi ☺",
    "sender": "MYBANK",
    "recipient": "+44771234567",
    "simNumber": 1,
    "receivedAt": "2026-11-21T11:00:00.000+01:00",
    "phoneNumber": "MYBANK",
}


class Phone(TestServer):
    """A phone whose inbox changes while it is read.

    Attributes:
        rows: The inbox, newest first.
        limit: How many rows an answer holds at most.
        tells_total: Whether an answer tells how many rows there are.
        arrivals: What comes after each answer.
        asked: The queries.
    """

    def __init__(self) -> None:
        """Begin with an empty inbox."""
        app = web.Application()
        app.router.add_get("/inbox", self._inbox)
        super().__init__(app)
        self.rows: list[dict[str, Any]] = []
        self.limit = 500
        self.tells_total = True
        self.arrivals: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []

    async def _inbox(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        offset = int(request.query.get("offset", 0))
        page, total = self.rows[offset : offset + self.limit], len(self.rows)
        if self.arrivals:
            self.rows.insert(0, self.arrivals.pop(0))
        return web.json_response(page, headers={"X-Total-Count": str(total)} if self.tells_total else {})


@pytest.fixture
async def phone() -> AsyncGenerator[Phone]:
    """Run a phone."""
    async with Phone() as phone:
        yield phone


def provider_at(session: aiohttp.ClientSession, server: TestServer, signing_key: str = SIGNING_KEY) -> SmsGate:
    """Return the provider that reads a server."""
    url = str(server.make_url("")).rstrip("/")
    return SmsGate(session, Account(username="sms", password=PASSWORD, url=url, signing_key=signing_key))


@pytest.fixture
def provider(session: aiohttp.ClientSession, phone: Phone) -> SmsGate:
    """Return the provider that reads the phone."""
    return provider_at(session, phone)


def row(number: int, **fields: Any) -> dict[str, Any]:
    """Return a row that is a number of minutes old."""
    at = NOW - timedelta(minutes=number)
    return ROW | {"id": f"text:{number}", "contentPreview": str(number), "createdAt": at.isoformat()} | fields


def texts(page: Page) -> list[str]:
    """Return the texts on a page."""
    return [message.text for message in page.messages]


async def test_message(provider: SmsGate, phone: Phone) -> None:
    """All fields of a message; its time has the phone's offset (V47)."""
    phone.rows = [ROW]
    page = await provider.fetch({})
    [message] = page.messages
    assert (message.message_id, message.sender, message.recipient) == (ROW["id"], "+447700900123", "+44771234567")
    assert (message.text, message.encoding, message.data) == ("Hi|\n😀", "unicode", None)
    assert message.received_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    assert json.loads(message.raw) == ROW
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"contentPreview": "Hello"}, {"encoding": "text", "text": "Hello"}),
        ({"contentPreview": None}, {"text": ""}),
        ({"contentPreview": "\ud83d half"}, {"text": "\ufffd half"}),
        ({"recipient": None}, {"recipient": None}),
        ({"sender": "MYBANK"}, {"sender": "MYBANK"}),
        ({"sender": None}, {"sender": ""}),
        ({"type": "DATA_SMS", "contentPreview": "234f"}, {"encoding": "binary", "data": b"#O", "text": "#O"}),
        (
            {"type": "DATA_SMS", "contentPreview": "ff" * 64 + "..."},
            {"encoding": "binary", "data": b"\xff" * 64, "text": ""},
        ),
        (
            {"type": "DATA_SMS", "contentPreview": "Empty data"},
            {"encoding": "binary", "data": None, "text": "Empty data"},
        ),
        ({"contentPreview": "234f"}, {"encoding": "text", "data": None, "text": "234f"}),
        ({"type": "MMS", "contentPreview": "Holiday"}, {"text": "Holiday", "data": None}),
        ({"type": "MMS_DOWNLOADED", "contentPreview": "A picture"}, {"text": "A picture"}),
        ({"type": "RCS"}, {"text": "Hi|\n😀"}),
        ({"createdAt": "2026-11-21T10:00:00.000Z"}, {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
        ({"createdAt": "2026-11-21T07:00:00.000+-3:00"}, {"received_at": None}),
        ({"createdAt": "0001-01-01T00:00:00.000+14:00"}, {"received_at": None}),
        ({"createdAt": None}, {"received_at": None}),
    ],
)
async def test_fields(provider: SmsGate, phone: Phone, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each type is a message, and odd values are delivered as well as they can be."""
    phone.rows = [ROW | change]
    [message] = (await provider.fetch({})).messages
    assert {name: getattr(message, name) for name in expected} == expected


async def test_row_that_is_no_message(provider: SmsGate, phone: Phone) -> None:
    """It is kept, and the others come."""
    phone.rows = [ROW, {"type": "SMS", "contentPreview": "no id"}]
    page = await provider.fetch({})
    assert texts(page) == ["Hi|\n😀"]
    assert [json.loads(record) for record in page.unreadable] == [phone.rows[1]]


async def test_equal_times_and_a_late_message(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Messages of one moment, and one that comes late within a week, come once each (V47)."""
    account = emulator.add_account("smsgate", USERNAME, PASSWORD)
    provider, now = make_provider("smsgate"), datetime.now(UTC)
    for text in ("First", "Second"):
        account.send(text, received_at=now)
    messages, page = await drain(provider)
    account.send("Late", received_at=now - timedelta(days=6, hours=23))
    later, page = await drain(provider, page.cursor)
    last, _ = await drain(provider, page.cursor)
    assert sorted(message.text for message in messages) == ["First", "Second"]
    assert [message.text for message in new(later, messages)] == ["Late"]
    assert new(last, [*messages, *later]) == []


async def test_first_look(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 30 days and the overlap, and has no end; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await provider.fetch({})
    assert phone.asked == [{"from": "2026-10-15T12:00:00Z", "to": "9999-12-31T00:00:00Z", "limit": "500"}]
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin a week before the latest message; while nothing comes, one request is all they cost."""
    freezer.move_to(NOW)
    phone.rows = [row(number) for number in range(3)]
    page = await provider.fetch({"since": "2026-11-01T10:00:00+00:00"})
    again = await provider.fetch(page.cursor)
    assert [asked["from"] for asked in phone.asked] == ["2026-10-25T10:00:00Z", "2026-11-14T12:00:00Z"]
    assert again.cursor == page.cursor == {"since": NOW.isoformat()}


async def test_message_from_the_future(provider: SmsGate, phone: Phone, freezer: FrozenDateTimeFactory) -> None:
    """It must not hide those that come after it."""
    freezer.move_to(NOW)
    phone.rows = [row(-60)]
    page = await provider.fetch({})
    assert texts(page) == ["-60"]
    assert page.cursor == {"since": NOW.isoformat()}


@pytest.mark.parametrize("total", [True, False])
async def test_several_pages(provider: SmsGate, phone: Phone, *, total: bool) -> None:
    """All pages are read, oldest first in the end; the first one once more."""
    phone.rows, phone.tells_total = [row(number) for number in range(1200)], total
    page = await provider.fetch({})
    assert texts(page) == [str(number) for number in reversed(range(1200))]
    assert [asked.get("offset") for asked in phone.asked] == [None, "500", "1000", None]
    assert not page.more


async def test_short_pages(provider: SmsGate, phone: Phone) -> None:
    """A page that is shorter than asked for is not the end while there is more in all."""
    phone.rows, phone.limit = [row(number) for number in range(7)], 3
    assert len((await provider.fetch({})).messages) == 7
    assert [asked.get("offset") for asked in phone.asked] == [None, "3", "6", None]


async def test_arrivals_while_pages_are_read(provider: SmsGate, phone: Phone) -> None:
    """A message that comes meanwhile shifts the others: none is missed, and none is there twice."""
    phone.rows, phone.limit = [row(number) for number in range(1, 5)], 2
    phone.arrivals = [row(0), row(-1)]
    page = await provider.fetch({})
    assert texts(page) == ["4", "3", "2", "1", "0", "-1"]


@pytest.mark.parametrize("body", ["", "{}", "null", '{"message": "no"}'])
async def test_what_is_no_list(session: aiohttp.ClientSession, server: CannedServer, body: str) -> None:
    """What the API never says is told apart."""
    server.answer = {"text": body}
    for ask in (provider_at(session, server).validate(), provider_at(session, server).fetch({})):
        with pytest.raises(ProtocolError):
            await ask


@pytest.mark.parametrize("devices", [[], [{}], ["phone"], [{"id": None}]])
async def test_phone_without_an_id(session: aiohttp.ClientSession, server: CannedServer, devices: list[Any]) -> None:
    """A phone that can't be told from others is no account."""
    server.answer = {"text": json.dumps(devices)}
    with pytest.raises(ProtocolError):
        await provider_at(session, server).validate()


async def test_identity_is_the_phones(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Two phones have the same user name at first, so that is not what tells them apart."""
    emulator.add_account("smsgate", USERNAME, PASSWORD)
    identity = await make_provider("smsgate").validate()
    assert USERNAME not in identity.account_id


@pytest.mark.parametrize("call", ["validate", "fetch"])
async def test_server_without_an_inbox(session: aiohttp.ClientSession, server: CannedServer, call: str) -> None:
    """The app's servers on the internet have none: it is found when the account is added (V47)."""
    server.answer = {"status": 501, "text": '{"message": "Not implemented"}'}
    provider = provider_at(session, server)
    with pytest.raises(ConfigurationError, match="501"):
        await (provider.validate() if call == "validate" else provider.fetch({}))
    assert server.requests[0][0].path == "/inbox"


def call(
    body: bytes = SIGNED_BODY, *, signature: str = SIGNATURE, at: float = SIGNED_AT, **headers: str
) -> WebhookRequest:
    """Return a call with its signature."""
    return WebhookRequest(
        method="POST",
        url=URL("https://home.example/api/webhook/abc"),
        headers=CIMultiDict({"X-Timestamp": str(SIGNED_AT), "X-Signature": signature, **headers}),
        body=body,
        at=datetime.fromtimestamp(at, UTC),
    )


def signed(body: bytes) -> WebhookRequest:
    """Return a call with another body, signed by the app."""
    message = body + str(SIGNED_AT).encode()
    return call(body, signature=hmac.new(SIGNING_KEY.encode(), message, "sha256").hexdigest())


def event(payload: Any, name: str = "sms:received") -> WebhookRequest:
    """Return a call about an event."""
    return signed(
        json.dumps({"id": "1", "webhookId": "w", "deviceId": "d", "event": name, "payload": payload}).encode()
    )


@pytest.mark.parametrize("seconds", [-290, 0, 290])
def test_signature(provider: SmsGate, seconds: int) -> None:
    """The signature is over the body as it came and the time, which may be five minutes off (V48)."""
    [message] = provider.read_webhook(call(at=SIGNED_AT + seconds)).announced
    assert (message.text, message.sender, message.recipient) == ("Hi", "", None)
    assert message.received_at == datetime.fromtimestamp(SIGNED_AT + seconds, UTC)


@pytest.mark.parametrize(
    "forged",
    [
        call(at=SIGNED_AT + 600),
        call(at=SIGNED_AT - 600),
        call(SIGNED_BODY.replace(b"Hi", b"Ho")),
        call(signature=""),
        call(signature="\udcff\u00e9"),
        call(signature=SIGNATURE[:-1]),
        call(**{"X-Timestamp": str(SIGNED_AT + 1)}),
        call(**{"X-Timestamp": ""}),
        call(**{"X-Timestamp": "soon"}),
        call(**{"X-Timestamp": "9" * 5000}),
    ],
)
def test_forged_call(provider: SmsGate, forged: WebhookRequest) -> None:
    """What the app didn't sign, or signed at another time, is refused (V48)."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(forged)
    assert raised.value.status == 403


async def test_call_without_a_key(session: aiohttp.ClientSession, phone: Phone) -> None:
    """Where no key was told, anybody could sign, so nothing is taken."""
    provider = provider_at(session, phone, signing_key="")
    signature = hmac.new(b"", SIGNED_BODY + str(SIGNED_AT).encode(), "sha256").hexdigest()
    with pytest.raises(RefusedWebhookError):
        provider.read_webhook(call(signature=signature))


def test_call(provider: SmsGate) -> None:
    """All fields of a message that is announced; the id is not the inbox's."""
    pushed = provider.read_webhook(event(PAYLOAD))
    [message] = pushed.announced
    assert pushed == PushResult(announced=(message,))
    assert message.message_id.startswith(SYNTHETIC_ID)
    assert (message.sender, message.recipient, message.text) == ("MYBANK", "+44771234567", "Hi ☺")
    assert (message.encoding, message.received_at) == ("unicode", datetime(2026, 11, 21, 10, tzinfo=UTC))
    assert json.loads(message.raw)["payload"] == PAYLOAD


def test_call_of_an_older_app(provider: SmsGate) -> None:
    """Before it told sender and recipient, it told the sender as a phone number."""
    payload = {name: value for name, value in PAYLOAD.items() if name not in ("sender", "recipient")}
    [message] = provider.read_webhook(event(payload)).announced
    assert (message.sender, message.recipient) == ("MYBANK", None)


@pytest.mark.parametrize("name", ["sms:sent", "sms:delivered", "system:ping", "mms:received", "sms:data-received"])
def test_other_events(provider: SmsGate, name: str) -> None:
    """A call about anything else brings nothing."""
    assert provider.read_webhook(event(PAYLOAD, name)) == PushResult()


@pytest.mark.parametrize("payload", [None, [], {}, {"message": None, "sender": "1"}, {"messageId": "1"}])
def test_message_that_is_not_understood(provider: SmsGate, payload: Any) -> None:
    """A call about a message without one in it is kept."""
    made = event(payload)
    assert provider.read_webhook(made) == PushResult(unreadable=(made.body,))


@pytest.mark.parametrize("body", [b"", b"text", b"[]", b"[" * 100_000], ids=["empty", "text", "list", "deep"])
def test_call_with_nothing_in_it(provider: SmsGate, body: bytes) -> None:
    """It is refused."""
    with pytest.raises(RefusedWebhookError) as raised:
        provider.read_webhook(signed(body))
    assert raised.value.status == 400


@pytest.fixture
def account(emulator: Emulator) -> EmulatedAccount:
    """Return the account at the emulator."""
    return emulator.add_account("smsgate", USERNAME, PASSWORD)


async def test_registering(account: EmulatedAccount, make_provider: MakeProvider) -> None:
    """The id is ours, short enough for the app and another for each name; other webhooks stay."""
    account.webhooks = [{"id": "mine", "url": "https://elsewhere.example/", "event": "sms:received", "source": "Local"}]
    provider = make_provider("smsgate")
    for name in ("SMS Inbox", "SMS Inbox / the long name of another account of the same person"):
        await provider.register(name, "https://home.example/api/webhook/abc")
    _, first, second = account.webhooks
    assert first["id"] != second["id"]
    assert all(len(webhook["id"]) <= 36 and webhook["event"] == "sms:received" for webhook in (first, second))
    await provider.unregister("SMS Inbox")
    assert [webhook["id"] for webhook in account.webhooks] == ["mine", second["id"]]


@pytest.mark.parametrize("url", ["http://192.168.1.5:8123/api/webhook/abc", "http://homeassistant.local/"])
@pytest.mark.usefixtures("account")
async def test_address_that_is_not_secure(make_provider: MakeProvider, url: str) -> None:
    """The app refuses plain http, so there is something to set right."""
    with pytest.raises(ConfigurationError):
        await make_provider("smsgate").register("SMS Inbox", url)
