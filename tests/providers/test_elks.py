"""46elks: the row of the history, and the pages that are walked backwards."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.elks import Elks
from custom_components.sms_inbox.providers.errors import ConfigurationError, ProtocolError
from emulator import Emulator

from .conftest import PASSWORD, USERNAME, CannedServer, MakeProvider, by_time, drain, poll

HISTORY = (Path(__file__).parents[1] / "fixtures/elks/history.json").read_text()
ROW: dict[str, Any] = {
    "id": "sf8425555e5d8db61dda7a7b3f1b91bdb",
    "created": "2026-11-21T10:00:00.123000",
    "direction": "incoming",
    "from": "+46706861004",
    "to": "+46706860000",
    "message": "Hello how are you?",
    "cost": 3500,
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)

type Fetch = Callable[..., Awaitable[Page]]


@pytest.fixture
def provider(session: aiohttp.ClientSession, server: CannedServer) -> Elks:
    """Return the provider of an account at the canned server."""
    return Elks(session, Account(username="uAbc", password=PASSWORD, url=str(server.make_url("/a1"))))


@pytest.fixture
def fetch(provider: Elks, server: CannedServer) -> Fetch:
    """Return what fetches one canned answer: rows, or anything else."""

    async def fetch(rows: Any, cursor: dict[str, Any] | None = None) -> Page:
        server.answer = {"text": rows if isinstance(rows, str) else json.dumps({"data": rows})}
        return await provider.fetch(cursor or {})

    return fetch


async def test_message(fetch: Fetch) -> None:
    """All fields of a received message; its time is in UTC without saying so (V52)."""
    page = await fetch([ROW])
    [message] = page.messages
    assert (message.message_id, message.sender, message.recipient) == (ROW["id"], ROW["from"], ROW["to"])
    assert (message.text, message.encoding, message.data) == (ROW["message"], "text", None)
    assert message.received_at == datetime(2026, 11, 21, 10, 0, 0, 123000, tzinfo=UTC)
    assert message.in_reply_to is None
    assert json.loads(message.raw) == ROW
    assert (page.cursor, page.more) == ({"since": "2026-11-21T10:00:00+00:00"}, False)


async def test_documented_answer(fetch: Fetch) -> None:
    """Of the vendor's sample, what was sent and what was answered is dropped (V52)."""
    page = await fetch(HISTORY)
    assert [(message.message_id, message.text) for message in page.messages] == [
        ("s292d2a459e967945fb1c9ea431eed9d8", "Hours?")
    ]
    assert page.unreadable == ()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"message": None}, {"text": ""}),
        ({"message": "Kia ora ☺"}, {"text": "Kia ora ☺", "encoding": "unicode"}),
        ({"message": "\ud83d half"}, {"text": "\ufffd half", "encoding": "unicode"}),
        ({"from": None}, {"sender": ""}),
        ({"to": None}, {"recipient": None}),
        ({"direction": None}, {"text": ROW["message"]}),
        ({"created": None}, {"received_at": None}),
        ({"created": "2026-02-30T10:00:00.000000"}, {"received_at": None}),
        ({"created": 5}, {"received_at": None}),
        ({"created": "2026-11-21T10:00:00"}, {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
        ({"created": "2026-11-21T10:00:00Z"}, {"received_at": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
    ],
)
async def test_fields(fetch: Fetch, change: dict[str, Any], expected: dict[str, Any]) -> None:
    """Odd values of a field are delivered as well as they can be."""
    [message] = (await fetch([ROW | change])).messages
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.parametrize("row", ["text", None, {"direction": "incoming", "message": "no id"}, ["list"]])
async def test_row_that_is_no_message(fetch: Fetch, row: Any) -> None:
    """It is kept, and the others come."""
    page = await fetch([row, ROW])
    assert len(page.messages) == 1
    assert [json.loads(raw) for raw in page.unreadable] == [row]


@pytest.mark.parametrize("answer", ["", "<html></html>", "[]", "null", "{}", '{"data": {}}'])
async def test_what_is_no_history(fetch: Fetch, answer: str) -> None:
    """What the API never says is told apart."""
    with pytest.raises(ProtocolError):
        await fetch(answer)


@pytest.mark.parametrize("following", ["soon", 5, ["2026-11-21T10:00:00"]])
async def test_page_that_leads_nowhere(provider: Elks, fetch: Fetch, following: Any) -> None:
    """It is delivered, and doesn't count as the last."""
    page = await fetch(json.dumps({"data": [ROW], "next": following}))
    assert len(page.messages) == 1
    assert page.more
    with pytest.raises(ProtocolError):
        await provider.fetch(page.cursor)


async def test_account(provider: Elks, server: CannedServer) -> None:
    """The API username is the account's id, however it is typed."""
    server.answer = {"text": '{"id": "uabc", "displayname": "Anna", "email": "anna@example.com"}'}
    identity = await provider.validate()
    assert (identity.account_id, identity.name) == ("uabc", "uAbc")
    [(request, _)] = server.requests
    assert request.path == "/a1/me"
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth("uAbc", PASSWORD)


@pytest.mark.parametrize("answer", ["[]", '{"displayname": "Anna"}', "null"])
async def test_account_without_an_id(provider: Elks, server: CannedServer, answer: str) -> None:
    """What is no account's information proves nothing."""
    server.answer = {"text": answer}
    with pytest.raises(ProtocolError):
        await provider.validate()


async def test_refused(provider: Elks, server: CannedServer) -> None:
    """A request that the API refuses is no reason to hurry."""
    server.answer = {"status": 403, "text": "Missing key"}
    with pytest.raises(ConfigurationError, match="403"):
        await provider.validate()


async def test_first_look(fetch: Fetch, server: CannedServer, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 32 days and has no end, in case our clock is behind; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await fetch([])
    [(request, _)] = server.requests
    assert (request.method, request.path) == ("GET", "/a1/sms")
    assert dict(request.query) == {"end": "2026-10-20T12:00:00.000000", "limit": "100"}
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(fetch: Fetch, server: CannedServer, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin two days before the latest message, however long ago, and stay there."""
    freezer.move_to(NOW)
    cursor = {"since": "2026-01-05T10:00:00+00:00"}
    page = await fetch([ROW | {"created": "2026-01-05T10:00:00.900000"}], cursor)
    [(request, _)] = server.requests
    assert request.query["end"] == "2026-01-03T10:00:00.000000"
    assert page.cursor == cursor
    assert (await fetch([ROW | {"id": "another"}], cursor)).cursor == {"since": "2026-11-21T10:00:00+00:00"}


async def test_sent_messages_move_the_window(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """Who only sends doesn't have a month of it read every time."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"direction": "outgoing"}])
    assert page.messages == ()
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00"}


async def test_message_from_the_future(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """It is delivered, and must not hide those that come after it (V53)."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"created": "2026-11-21T12:05:00.000000"}])
    assert len(page.messages) == 1
    assert page.cursor == {"since": NOW.isoformat()}


async def test_late_message(emulator: Emulator, make_provider: MakeProvider) -> None:
    """One that appears a day behind the latest is still found."""
    account = emulator.add_account("elks", USERNAME, PASSWORD)
    now = datetime.now(UTC)
    account.send("Latest", received_at=now)
    _, page = await drain(make_provider("elks"))
    account.send("Late", received_at=now - timedelta(days=1))
    assert [message.text for message in (await drain(make_provider("elks"), page.cursor))[0]] == ["Late", "Latest"]


async def test_webhook_response() -> None:
    """It is empty: a text would be sent to the sender, and billed."""
    assert (Elks.webhook_response.status, Elks.webhook_response.body) == (200, "")


async def test_border_of_pages(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Messages of one moment on both sides of it all come, once, and in the order in which they arrived."""
    account = emulator.add_account("elks", USERNAME, PASSWORD, page_size=4)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    for number, seconds in enumerate((0, 10, 20, 20, 20, 30, 40)):
        account.send(f"Message {number}", received_at=now + timedelta(seconds=seconds))
    messages, _ = await drain(make_provider("elks"))
    assert len(messages) == 7
    assert {message.text for message in messages} == {f"Message {number}" for number in range(7)}
    times = [message.received_at for message in by_time(messages)]
    assert times == [now + timedelta(seconds=seconds) for seconds in (0, 10, 20, 20, 20, 30, 40)]


async def test_more_in_a_second_than_a_page_holds(emulator: Emulator, make_provider: MakeProvider) -> None:
    """Then `next` is followed as it is, and what is sent in masses doesn't stop what is received."""
    account = emulator.add_account("elks", USERNAME, PASSWORD)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    account.send("Received", received_at=now)
    for number in range(350):
        account.send("Sent", sent=True, received_at=now + timedelta(seconds=1, milliseconds=number))
    messages, _ = await drain(make_provider("elks"))
    assert [message.text for message in messages] == ["Received"]
    assert len(emulator.requests) == 5


async def test_steady_polling(emulator: Emulator, make_provider: MakeProvider) -> None:
    """It takes one request, and the cursor stays while nothing comes."""
    emulator.add_account("elks", USERNAME, PASSWORD).send("Hello")
    _, page = await drain(make_provider("elks"))
    emulator.requests.forget()
    _, again = await drain(make_provider("elks"), page.cursor)
    assert again.cursor == page.cursor
    assert len(emulator.requests) == 1


@pytest.mark.parametrize("following", [ROW["created"], "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"])
async def test_pages_in_circles(provider: Elks, server: CannedServer, following: str) -> None:
    """A server that shows the same page for ever is told apart."""
    server.answer = {"text": json.dumps({"data": [ROW], "next": following})}
    with pytest.raises(ProtocolError, match="circles"):
        await poll(provider)
    assert len(server.requests) < 20
