"""Sending by Bulletin Messenger: what is submitted, what a callback says, and reading that goes on meanwhile."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
from yarl import URL

from custom_components.sms_inbox.compose import Order, async_send, recipient_of
from custom_components.sms_inbox.model import Accepted, Outgoing, PushResult, Reason, Report, SendStatus
from custom_components.sms_inbox.providers.contract import Provider, WebhookRequest
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import Sending, sending_of
from emulator import Account, Emulator
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from tests.conftest import make_entry, set_up, settle

from .conftest import PASSWORD, USERNAME, CannedServer, MakeProvider

PHONE = "+6421555001"
KEY = "0b5a4a34-6c1e-4a52-9d5b-2f7a0c1d2e3f"
CALLBACK = "https://home.example/api/webhook/abc"
WEBHOOK_ID = "5ecre7" * 8


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return the account."""
    return emulator.add_account("bulletin", USERNAME, PASSWORD)


@pytest.fixture
def provider(make_provider: MakeProvider) -> Provider:
    """Return what reads it."""
    return make_provider("bulletin")


@pytest.fixture
def sending(account: Account, provider: Provider) -> Sending:
    """Return what sends from it."""
    del account
    sending = sending_of(provider)
    assert sending
    return sending


def text_to(recipient: str = PHONE, text: str = "Hello", **changes: Any) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    fields = {"key": KEY, "sender": None, "created_at": now, "expires_at": now + timedelta(hours=1)} | changes
    return Outgoing(recipient=recipient, text=text, parts=1, **fields)


def callback_of(query: str = "", *, body: bytes = b"") -> WebhookRequest:
    """Return a request to our callback."""
    url = URL(f"{CALLBACK}?{query}", encoded=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    return WebhookRequest(method="POST", url=url, headers=headers, body=body, at=datetime.now(UTC))


@pytest.mark.parametrize(
    ("text", "changes", "form"),
    [
        pytest.param("a & b = 100% + é €", {}, {}, id="plain"),
        pytest.param("ç ☺ 😀", {}, {"contentType": "text/plain; charset=UTF-16"}, id="unicode"),
        pytest.param("Hello", {"sender": "HOME"}, {"from": "HOME"}, id="name"),
        pytest.param("Hello", {"sender": "+64215550100"}, {"from": "64215550100"}, id="number"),
    ],
)
async def test_request(
    server: CannedServer, make_provider: MakeProvider, text: str, changes: dict[str, Any], form: dict[str, str]
) -> None:
    """A recipient is digits alone, a text is announced by its alphabet, and its id is our key."""
    server.answer = {"status": 200, "text": "whatever it is"}
    sending = sending_of(make_provider("bulletin", url=server.url()))
    assert sending
    assert await sending.send(text_to(text=text, **changes)) == Accepted(provider_id=KEY)
    [request] = server.asked
    assert (request.method, request.url.path, request.url.query_string) == ("POST", "/api/3/sms/out", "")
    assert request.headers["Authorization"].startswith("Basic ")
    assert request.form == {"to": "6421555001", "body": text, "messageId": KEY, **form}


@pytest.mark.parametrize("recipient", ["+6421555001 6421555002", "Family", "+064215550", "12345", ""])
async def test_one_recipient(emulator: Emulator, sending: Sending, account: Account, recipient: str) -> None:
    """Spaces separate recipients, and a name is one or a whole group: neither is ever sent."""
    account.extra["address_book"] = {"Family": ["6421555001", "6421555002"]}
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to(recipient))
    assert error.value.reason is Reason.INVALID_RECIPIENT
    assert not emulator.requests


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 306, 2),
        ("a" * 459, 3),
        ("a" * 480, 4),
        ("é☺" * 35, 1),
        ("é☺" * 67, 2),
        ("é☺" * 100 + "é", 3),
        ("😀" * 240, 8),
    ],
    ids=lambda value: str(value)[:8],
)
async def test_lengths(emulator: Emulator, sending: Sending, text: str, parts: int) -> None:
    """Up to 480 units of UTF-16 arrive whole, in as many parts as were announced."""
    assert sending.check(text) == parts
    await sending.send(text_to(text=text))
    [shown] = emulator.handsets.shown
    assert (shown.recipient, shown.text, shown.parts) == (PHONE, text, parts)


@pytest.mark.parametrize("text", ["a" * 481, "😀" * 240 + "a"], ids=["letters", "units"])
def test_too_long(sending: Sending, text: str) -> None:
    """What would be cut is refused."""
    with pytest.raises(NotSentError) as error:
        sending.check(text)
    assert error.value.reason is Reason.TOO_LONG


@pytest.mark.parametrize(
    ("status", "reason"), [(400, Reason.REFUSED), (401, Reason.INVALID_AUTH), (403, Reason.ACCOUNT)]
)
async def test_refused(server: CannedServer, make_provider: MakeProvider, status: int, reason: Reason) -> None:
    """The reason is a sentence, which is not read: only Basic is tried, and no other way."""
    server.answer = {"status": status, "text": "<html><h1>Bad number 6421555001</h1></html>"}
    sending = sending_of(make_provider("bulletin", url=server.url()))
    assert sending
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to())
    assert error.value.reason is reason
    assert "6421555001" not in str(error.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(("status", "text"), [(200, "<html>Please log in</html>"), (500, ""), (409, "")])
async def test_unknown(server: CannedServer, make_provider: MakeProvider, status: int, text: str) -> None:
    """What isn't documented may have sent the text."""
    server.answer = {"status": status, "text": text}
    sending = sending_of(make_provider("bulletin", url=server.url()))
    assert sending
    with pytest.raises(UnknownOutcomeError):
        await sending.send(text_to())
    assert len(server.asked) == 1


async def test_accepted_without_a_body(server: CannedServer, make_provider: MakeProvider) -> None:
    """The sibling product answers 204."""
    sending = sending_of(make_provider("bulletin", url=server.url()))
    assert sending
    assert await sending.send(text_to()) == Accepted(provider_id=KEY)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("SNT", SendStatus.SENT, None),
        ("RCV", SendStatus.DELIVERED, None),
        ("rcv", SendStatus.DELIVERED, None),
        ("NUR", SendStatus.FAILED, Reason.UNREACHABLE),
        ("NRC", SendStatus.FAILED, None),
        ("NRCV", SendStatus.FAILED, None),
        ("EXP", SendStatus.FAILED, Reason.EXPIRED),
        ("ERR", SendStatus.FAILED, None),
        ("INF", SendStatus.FAILED, Reason.NO_CREDIT),
    ],
)
def test_report(provider: Provider, code: str, status: SendStatus, reason: Reason | None) -> None:
    """A callback that names one of our texts says what has become of it; its key is the proof."""
    expected = PushResult(reports=(Report(status=status, key=KEY, reason=reason),))
    assert provider.read_webhook(callback_of(f"messageId={KEY}&status={code}")) == expected
    assert provider.read_webhook(callback_of(body=f"messageid={KEY.upper()}&Status={code}".encode())) == expected


@pytest.mark.parametrize(
    "query",
    [
        "",
        f"messageId={KEY}",
        f"messageId={KEY}&status=",
        f"messageId={KEY}&status=DONE",
        f"messageId={KEY}&status={{!status}}",
        "messageId=default&status=RCV",
        f"messageId={KEY}%25&status=RCV",
        "status=RCV",
        "msg=x&from=6421555001&body=Hello",
    ],
)
def test_other_callbacks(provider: Provider, query: str) -> None:
    """Nothing of any other callback is believed; the inbox is read at once."""
    assert provider.read_webhook(callback_of(query)) == PushResult(poll=True)


async def test_callback_of_a_text(emulator: Emulator, account: Account, provider: Provider, sending: Sending) -> None:
    """A text can name our callback: states come there, and that somebody has answered."""
    sending.status_url = CALLBACK
    await sending.send(text_to())
    [message] = account.messages
    message.status, message.error = "failed", "unreachable"
    [outgoing] = account.protocol.status_calls(message, account)
    request = callback_of(URL(outgoing.url, encoded=True).raw_query_string)
    report = Report(status=SendStatus.FAILED, key=KEY, reason=Reason.UNREACHABLE)
    assert provider.read_webhook(request) == PushResult(reports=(report,))
    reply = account.send("Yes", in_reply_to=KEY)
    [outgoing] = account.protocol.calls(reply, account)
    assert outgoing.url.startswith(f"{CALLBACK}?")
    assert provider.read_webhook(callback_of(URL(outgoing.url, encoded=True).raw_query_string)) == PushResult(poll=True)
    assert len(emulator.requests) == 1


async def test_send_during_a_held_read(
    emulator: Emulator, account: Account, provider: Provider, sending: Sending
) -> None:
    """A text is sent while the server holds a read, which then brings its message; nothing counts as arriving."""
    emulator.hold = 30.0
    reading = asyncio.create_task(provider.fetch({}))
    async with asyncio.timeout(10):
        while not emulator.requests:
            await asyncio.sleep(0)
        await sending.send(text_to())
        assert not provider.is_receiving
        assert not reading.done()
        account.send("Yes", in_reply_to=KEY)
        page = await reading
    assert [(message.text, message.in_reply_to) for message in page.messages] == [("Yes", KEY)]
    assert len(emulator.requests) == 2


class SlowServer(TestServer):
    """A server whose message arrives slowly, and that takes texts.

    Attributes:
        goes_on: Set to let the rest of the message come.
    """

    def __init__(self) -> None:
        """Begin with half of it."""
        app = web.Application()
        app.router.add_post("/api/1/sms/in", self._inbound)
        app.router.add_post("/api/3/sms/out", self._take)
        super().__init__(app)
        self.goes_on = asyncio.Event()

    async def _inbound(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"messageId=a1&from=6421555001&body=He")
        await self.goes_on.wait()
        await response.write(b"llo")
        return response

    async def _take(self, _: web.Request) -> web.Response:
        return web.Response()


@pytest.fixture
async def slow() -> AsyncGenerator[SlowServer]:
    """Run it."""
    async with SlowServer() as server:
        yield server


async def test_send_while_a_message_arrives(slow: SlowServer, make_provider: MakeProvider) -> None:
    """That a text is sent meanwhile doesn't end the arrival, so that unloading still waits for the message."""
    provider = make_provider("bulletin", url=str(slow.make_url("")))
    sending = sending_of(provider)
    assert sending
    reading = asyncio.create_task(provider.fetch({}))
    async with asyncio.timeout(10):
        while not provider.is_receiving:
            await asyncio.sleep(0)
        await sending.send(text_to())
        assert provider.is_receiving
        slow.goes_on.set()
        page = await reading
    assert [message.text for message in page.messages] == ["Hello"]
    assert not provider.is_receiving


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, account: Account) -> MockConfigEntry:
    """Return the account's config entry, which sends and has a webhook."""
    hass.config.country = "NZ"
    entry = make_entry(emulator, account)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={"sending": {}, "webhook_id": WEBHOOK_ID})
    await set_up(hass, entry)
    return entry


@pytest.fixture
async def client(hass: HomeAssistant, hass_client_no_auth: ClientSessionGenerator) -> TestClient[Any, Any]:
    """Return somebody in the internet."""
    assert await async_setup_component(hass, "webhook", {})
    return await hass_client_no_auth()


async def test_reported_by_callback(
    hass: HomeAssistant, emulator: Emulator, client: TestClient[Any, Any], entry: MockConfigEntry
) -> None:
    """A callback with the key of a text changes its state, and causes no poll; one with a made-up key does nothing."""
    status = async_capture_events(hass, "sms_status")
    order = Order(recipients=[recipient_of(hass, entry, PHONE)], text="Hello")
    [text] = await async_send(entry, order)
    await settle(hass)
    asked = len(emulator.requests)
    for key, code in ((str(uuid4()), "RCV"), (text.outgoing.key, "SNT"), (KEY, "ERR"), (text.outgoing.key, "RCV")):
        answer = await client.post(f"/api/webhook/{WEBHOOK_ID}?messageId={key}&status={code}")
        assert answer.status == 200
    async with asyncio.timeout(10):
        while not status:
            await asyncio.sleep(0)
    await settle(hass)
    assert [(event.data["previous"], event.data["status"]) for event in status] == [("sent", "delivered")]
    assert len(emulator.requests) == asked
