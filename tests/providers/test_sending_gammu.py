"""Sending by a gammu gateway: what is asked for, what the phone shows, and what an answer proves."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import web
from aiohttp.test_utils import TestServer
import pytest

from custom_components.sms_inbox.model import Accepted, Outgoing, Reason
from custom_components.sms_inbox.providers.errors import NotSentError, UnknownOutcomeError
from custom_components.sms_inbox.providers.sending import Sending, sending_of
from emulator import Account, Emulator

from .conftest import PASSWORD, USERNAME, CannedServer, MakeProvider

PHONE = "+447700900321"


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return the modem."""
    return emulator.add_account("gammu", USERNAME, PASSWORD)


@pytest.fixture
def sending(account: Account, make_provider: MakeProvider) -> Sending:
    """Return what sends with it."""
    sending = sending_of(make_provider(account.provider))
    assert sending
    return sending


def text_to(recipient: str, text: str, parts: int = 1) -> Outgoing:
    """Return a text to send."""
    now = datetime.now(UTC)
    return Outgoing(
        key=str(uuid4()),
        recipient=recipient,
        sender=None,
        text=text,
        parts=parts,
        created_at=now,
        expires_at=now + timedelta(hours=1),
        begun_at=now,
    )


@pytest.fixture
async def asked() -> AsyncGenerator[tuple[str, list[Any]]]:
    """Run a gateway that takes everything; return its address, and the bodies of what it was asked."""
    bodies: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"status": 200, "message": "[255]"})

    app = web.Application()
    app.router.add_post("/sms", take)
    async with TestServer(app) as server:
        yield str(server.make_url("")), bodies


@pytest.mark.parametrize(
    ("text", "unicode"),
    [
        pytest.param("Hello {[~^|€]} \\ é Ç", {}, id="plain"),
        pytest.param("ç", {"unicode": True}, id="cedilla"),
        pytest.param("“Hi”… 😀", {"unicode": True}, id="typographic"),
    ],
)
async def test_request(
    asked: tuple[str, list[Any]], make_provider: MakeProvider, text: str, unicode: dict[str, bool]
) -> None:
    """Unicode is a JSON boolean and asked for where it is needed; the gateway takes the text "false" for true."""
    url, bodies = asked
    sending = sending_of(make_provider("gammu", url=url))
    assert sending
    assert await sending.send(text_to(PHONE, text)) == Accepted()
    assert bodies == [{"number": PHONE, "text": text, **unicode}]


@pytest.mark.parametrize("text", ["ж ☺ 😀 ç", "a" * 161, "ж" * 66 + "😀 and more", "two\r\nlines\f", "€" * 81])
async def test_arrives_unaltered(emulator: Emulator, sending: Sending, text: str) -> None:
    """The phone shows the text, in as many parts as were announced; without Unicode it would show `? ? ?? c`."""
    parts = sending.check(text)
    await sending.send(text_to(PHONE, text, parts))
    [shown] = emulator.handsets.shown
    assert (shown.recipient, shown.text, shown.parts) == (PHONE, text, parts)


async def test_one_recipient(emulator: Emulator, sending: Sending) -> None:
    """The gateway takes a comma for one between recipients, so that is never sent."""
    with pytest.raises(NotSentError) as error:
        await sending.send(text_to(f"{PHONE},+447700900322", "Hello"))
    assert error.value.reason is Reason.INVALID_RECIPIENT
    assert not emulator.requests


def test_nul(sending: Sending) -> None:
    """What gammu would cut is refused."""
    with pytest.raises(NotSentError) as error:
        sending.check("before\0after")
    assert error.value.reason is Reason.UNSUITABLE_TEXT


async def test_second_part_fails(emulator: Emulator, account: Account, sending: Sending) -> None:
    """Where the modem fails between two parts, the first one is on the phone: that is not "not sent"."""
    account.extra["failing_part"] = 2
    text = "a" * 200
    with pytest.raises(UnknownOutcomeError):
        await sending.send(text_to(PHONE, text, sending.check(text)))
    assert [shown.text for shown in emulator.handsets.shown] == ["a" * 153]
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500, "text": "<h1>Internal Server Error</h1>"},
        {"status": 503, "text": '{"message": "Service timed out"}'},
        {"status": 400, "text": '{"message": "odd"}'},
        {"status": 200, "text": "<h1>Please log in</h1>"},
        {"status": 200, "text": '{"status": 500, "message": "no"}'},
        {"status": 200, "text": '["255"]'},
    ],
)
async def test_unknown(server: CannedServer, make_provider: MakeProvider, answer: dict[str, Any]) -> None:
    """Nothing else than the gateway's own answer says that the text was sent, or that it wasn't."""
    server.answer = answer
    sending = sending_of(make_provider("gammu", url=server.url()))
    assert sending
    with pytest.raises(UnknownOutcomeError):
        await sending.send(text_to(PHONE, "Hello"))
    assert len(server.asked) == 1


async def test_takes_its_time(sending: Sending, account: Account, make_provider: MakeProvider) -> None:
    """A modem needs some seconds for each part, and is waited for."""
    provider = make_provider(account.provider)
    waits: list[float] = []
    post_once = provider.post_once

    async def noted(path: str, **options: Any) -> Any:
        waits.append(options["wait"])
        return await post_once(path, **options)

    provider.post_once = noted
    sending = sending_of(provider) or sending
    for parts in (1, 3):
        await sending.send(text_to(PHONE, "Hello", parts))
    assert waits == [70, 90]
