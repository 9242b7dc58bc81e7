"""46elks: the row of the history, and the pages that are walked backwards."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import Any, override

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Page
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.elks import Elks
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    ProviderError,
    RateLimitedError,
    TemporaryError,
)
from emulator import Account as Emulated, Emulator
from emulator.elks import NO_LOGIN, Elks as Protocol, number

from .conftest import PASSWORD, USERNAME, CannedAnswers, MakeProvider, Request, by_time, drain, poll

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
PLACE = "SMS Inbox 1a2b3c4d"
URL_A, URL_B = "https://home.example/api/webhook/abc", "https://home.example/api/webhook/def"

type Fetch = Callable[..., Awaitable[Page]]


class Histories(CannedAnswers):
    """No MMS, and one answer to everything else."""

    @override
    def respond(self, request: Request) -> dict[str, Any]:
        """Return the answer of a history."""
        return {"text": '{"data": []}'} if request.url.path == "/a1/mms" else super().respond(request)


@pytest.fixture
def canned() -> Iterator[CannedAnswers]:
    """Return such answers."""
    with Histories() as canned:
        yield canned


@pytest.fixture
def account(emulator: Emulator) -> Emulated:
    """Return the account at the emulator."""
    return emulator.add_account("elks", USERNAME, PASSWORD)


@pytest.fixture
def provider(session: aiohttp.ClientSession, canned: CannedAnswers) -> Elks:
    """Return the provider of an account that gets canned answers."""
    return Elks(session, Account(username="uAbc", password=PASSWORD, url=canned.url("/a1")))


@pytest.fixture
def fetch(provider: Elks, canned: CannedAnswers) -> Fetch:
    """Return what fetches one canned answer: rows, or anything else."""

    async def fetch(rows: Any, cursor: dict[str, Any] | None = None) -> Page:
        canned.answer = {"text": rows if isinstance(rows, str) else json.dumps({"data": rows})}
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
    assert message.channel is None
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00", "mms": ""}


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


async def test_account(provider: Elks, canned: CannedAnswers) -> None:
    """The API username is the account's id at its server, however it is typed."""
    canned.answer = {"text": '{"id": "uabc", "displayname": "Anna", "email": "anna@example.com"}'}
    identity = await provider.validate()
    assert identity.account_id == "server.example uabc"
    request, listed = canned.asked
    assert (request.url.path, listed.url.path) == ("/a1/me", "/a1/sms")
    assert dict(listed.url.query) == {"start": "2000-01-01T00:00:00.000000", "limit": "1"}
    assert request.headers["Authorization"] == aiohttp.encode_basic_auth("uAbc", PASSWORD)


@pytest.mark.parametrize("answer", ["[]", '{"displayname": "Anna"}', "null"])
async def test_account_without_an_id(provider: Elks, canned: CannedAnswers, answer: str) -> None:
    """What is no account's information proves nothing."""
    canned.answer = {"text": answer}
    with pytest.raises(ProtocolError):
        await provider.validate()


async def test_refused(provider: Elks, canned: CannedAnswers) -> None:
    """A request that the API refuses is no reason to hurry."""
    canned.answer = {"status": 403, "text": "Missing key"}
    with pytest.raises(ConfigurationError, match="403"):
        await provider.validate()


async def test_first_look(fetch: Fetch, canned: CannedAnswers, freezer: FrozenDateTimeFactory) -> None:
    """The first look goes back 32 days and has no end, in case our clock is behind; an empty one leaves no trace."""
    freezer.move_to(NOW)
    page = await fetch([])
    request, mms = canned.asked
    assert (request.method, request.url.path, mms.url.path) == ("GET", "/a1/sms", "/a1/mms")
    assert dict(request.url.query) == {"end": "2026-10-20T12:00:00.000000", "limit": "100"}
    assert (page.cursor, page.more) == ({}, False)


async def test_later_looks(provider: Elks, fetch: Fetch, canned: CannedAnswers, freezer: FrozenDateTimeFactory) -> None:
    """Later ones begin two days before the latest message, however long ago, and stay there."""
    freezer.move_to(NOW)
    cursor = {"since": "2026-01-05T10:00:00+00:00"}
    page = await fetch([ROW | {"created": "2026-01-05T10:00:00.900000"}], cursor)
    [request] = canned.asked
    assert request.url.query["end"] == "2026-01-03T10:00:00.000000"
    assert page.cursor == cursor | {"mms": cursor["since"]}
    page = await provider.fetch(page.cursor)
    assert not page.more
    assert (await fetch([ROW | {"id": "another"}], page.cursor)).cursor["since"] == "2026-11-21T10:00:00+00:00"


async def test_sent_messages_move_the_window(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """Who only sends doesn't have a month of it read every time."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"direction": "outgoing"}])
    assert page.messages == ()
    assert page.cursor == {"since": "2026-11-21T10:00:00+00:00", "mms": ""}


async def test_message_from_the_future(fetch: Fetch, freezer: FrozenDateTimeFactory) -> None:
    """It is delivered, and must not hide those that come after it (V53)."""
    freezer.move_to(NOW)
    page = await fetch([ROW | {"created": "2026-11-21T12:05:00.000000"}])
    assert len(page.messages) == 1
    assert page.cursor == {"since": NOW.isoformat(), "mms": ""}


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
    for place, seconds in enumerate((0, 10, 20, 20, 20, 30, 40)):
        account.send(f"Message {place}", received_at=now + timedelta(seconds=seconds))
    messages, _ = await drain(make_provider("elks"))
    assert len(messages) == 7
    assert {message.text for message in messages} == {f"Message {place}" for place in range(7)}
    times = [message.received_at for message in by_time(messages)]
    assert times == [now + timedelta(seconds=seconds) for seconds in (0, 10, 20, 20, 20, 30, 40)]


async def test_more_in_a_second_than_a_page_holds(emulator: Emulator, make_provider: MakeProvider) -> None:
    """What is sent in masses doesn't stop what is received."""
    account = emulator.add_account("elks", USERNAME, PASSWORD)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    account.send("Received", received_at=now)
    for place in range(350):
        account.send("Sent", sent=True, received_at=now + timedelta(seconds=1, milliseconds=place))
    messages, _ = await drain(make_provider("elks"))
    assert [message.text for message in messages] == ["Received"]
    assert len(emulator.requests) == 5


@pytest.mark.parametrize(("twins", "microseconds"), [(1, 1000), (1, 9), (3, 8000)])
async def test_many_in_a_second_at_once(
    make_provider: MakeProvider, account: Emulated, twins: int, microseconds: int
) -> None:
    """All of them come with the next poll, and none only with the hourly check, also of some at the same time."""
    provider = make_provider("elks")
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    account.send("Before", received_at=now)
    _, page = await drain(provider)
    for place in range(350):
        at = now + timedelta(minutes=1, microseconds=place // twins * microseconds)
        account.send(f"Message {place}", received_at=at)
    messages, _ = await drain(provider, page.cursor)
    assert sorted(message.text for message in messages) == sorted(f"Message {place}" for place in range(350))


async def test_steady_polling(emulator: Emulator, make_provider: MakeProvider) -> None:
    """It takes a request for each history, and the cursor stays while nothing comes."""
    emulator.add_account("elks", USERNAME, PASSWORD).send("Hello")
    _, page = await drain(make_provider("elks"))
    emulator.requests.forget()
    _, again = await drain(make_provider("elks"), page.cursor)
    assert again.cursor == page.cursor
    assert len(emulator.requests) == 2


@pytest.mark.parametrize("following", [ROW["created"], "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"])
async def test_pages_in_circles(provider: Elks, canned: CannedAnswers, following: str) -> None:
    """A server that shows the same page for ever is told apart."""
    canned.answer = {"text": json.dumps({"data": [ROW], "next": following})}
    with pytest.raises(ProtocolError, match="circles"):
        await poll(provider)
    assert len(canned.asked) < 20


async def test_mms(make_provider: MakeProvider, account: Emulated) -> None:
    """They come beside the SMS, which don't wait for them; one without a text is one, and ids don't clash."""
    account.send("Text", message_id="s1", received_at=datetime.now(UTC) - timedelta(minutes=1))
    account.send("", message_id="m1", wire="mms", received_at=datetime.now(UTC) - timedelta(minutes=2))
    account.send("With text", message_id="s1", wire="mms")
    account.send("Sent", wire="mms", sent=True)
    provider = make_provider("elks")
    sms, mms, *rest = await poll(provider)
    assert [(message.message_id, message.text, message.channel) for message in sms.messages] == [("s1", "Text", None)]
    assert [(message.message_id, message.text, message.channel) for message in mms.messages] == [
        ("m1", "", "mms"),
        ("mms:s1", "With text", "mms"),
    ]
    assert (sms.more, mms.more, rest) == (True, False, [])
    account.send("Another", wire="mms")
    messages, _ = await drain(provider, mms.cursor)
    assert [message.text for message in messages] == ["Another"]


async def test_row_of_an_mms(make_provider: MakeProvider, account: Emulated) -> None:
    """One that is odd is kept, and the others come."""
    account.send_raw(b'{"id": "m2", "created": "2026-02-30T10:00:00", "direction": "incoming", "message": null}')
    account.send_raw(b'{"id": "m3", "created": 5, "images": ["m3-i0"]}')
    [first, second] = (await drain(make_provider("elks")))[0]
    assert {first.message_id, second.message_id} == {"m2", "m3"}
    assert (first.text, first.channel, first.received_at) == ("", "mms", second.received_at)


async def test_new_object_between_the_histories(make_provider: MakeProvider, account: Emulated) -> None:
    """What is left follows from the cursor."""
    account.send("Text")
    account.send("Picture", wire="mms", received_at=datetime.now(UTC) - timedelta(days=20))
    page = await make_provider("elks").fetch({})
    assert ([message.text for message in page.messages], page.more) == (["Text"], True)
    messages, _ = await drain(make_provider("elks"), page.cursor)
    assert "Picture" in [message.text for message in messages]


async def test_cursor_of_sms_alone(make_provider: MakeProvider, account: Emulated) -> None:
    """From it on MMS are read, and none that are much older."""
    now = datetime.now(UTC)
    account.send("Long ago", wire="mms", received_at=now - timedelta(days=9))
    account.send("New", wire="mms")
    messages, page = await drain(make_provider("elks"), {"since": now.isoformat(timespec="seconds")})
    assert [message.text for message in messages] == ["New"]
    assert page.cursor.keys() == {"since", "mms"}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
async def test_account_without_mms(
    emulator: Emulator, make_provider: MakeProvider, account: Emulated, freezer: FrozenDateTimeFactory, status: int
) -> None:
    """That its MMS are refused is no error; once an hour they are asked for again."""
    emulator.fault("elks", "vendor_error", count=None, path="/mms", word="Forbidden", status=status)
    provider = make_provider("elks")
    page = await provider.fetch({})
    assert (page.messages, page.more) == ((), False)
    emulator.requests.clear()
    account.send("Text")
    messages, page = await drain(provider, page.cursor)
    assert [message.text for message in messages] == ["Text"]
    assert {request.url.partition("?")[0] for request in emulator.requests} == {"/elks/a1/sms"}
    emulator.clear_faults()
    account.send("Picture", wire="mms")
    freezer.tick(3601)
    messages, page = await drain(provider, page.cursor)
    assert [message.text for message in messages] == ["Picture"]


@pytest.mark.parametrize(
    ("fault", "options", "error"),
    [("server_error", {"status": 500}, TemporaryError), ("bad_json", {}, ProtocolError), ("cut", {}, TemporaryError)],
)
@pytest.mark.parametrize(("path", "wire", "other"), [("/mms", "sms", "mms"), ("/sms", "mms", "sms")])
async def test_one_history_that_fails(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: Emulated,
    *,
    fault: str,
    options: dict[str, Any],
    error: type[ProviderError],
    path: str,
    wire: str,
    other: str,
) -> None:
    """What the other one brings is delivered at each poll; then the error is told, and nothing is lost or repeated."""
    provider = make_provider("elks")
    _, page = await drain(provider)
    emulator.fault("elks", fault, count=None, path=path, **options)
    account.send("Waiting", wire=other)
    for place in range(3):
        account.send(f"Message {place}", wire=wire)
        emulator.requests.clear()
        page = await provider.fetch(page.cursor)
        assert ([message.text for message in page.messages], page.more) == ([f"Message {place}"], True)
        with pytest.raises(error):
            await provider.fetch(page.cursor)
        assert len(emulator.requests) == 2
    with pytest.raises(error):
        await provider.fetch(page.cursor)
    emulator.clear_faults()
    assert [message.text for message in (await drain(provider, page.cursor))[0]] == ["Waiting"]


@pytest.mark.parametrize(
    ("fault", "error"), [("unauthorized", AuthenticationError), ("rate_limited", RateLimitedError)]
)
async def test_no_more_requests(
    emulator: Emulator, make_provider: MakeProvider, account: Emulated, fault: str, error: type[ProviderError]
) -> None:
    """Where the whole account is refused, the other history is not asked for."""
    account.send("Picture", wire="mms")
    emulator.fault("elks", fault)
    provider = make_provider("elks")
    with pytest.raises(error):
        await provider.fetch({})
    assert len(emulator.requests) == 1
    assert [message.text for message in (await drain(provider))[0]] == ["Picture"]


@pytest.mark.parametrize(
    ("status", "words", "error", "hint", "reason"),
    [
        (401, NO_LOGIN, AuthenticationError, None, "HTTP status 401, authentication_required"),
        (401, "Wrong password", AuthenticationError, None, "HTTP status 401"),
        (401, "Account is not active", ConfigurationError, "account_suspended", "HTTP status 401"),
        (403, "Your account has been closed.", ConfigurationError, "account_suspended", "HTTP status 403"),
        (403, "API access is disabled for this user", ConfigurationError, "api_not_enabled", "HTTP status 403"),
        (403, "Missing key from", ConfigurationError, None, "HTTP status 403, missing_key"),
        (403, "Not enough credits", ConfigurationError, "no_credit", "HTTP status 403, not_enough_credits"),
        (403, "<html>Account disabled</html>", ConfigurationError, None, "HTTP status 403"),
        (403, "Account disabled " * 100, ConfigurationError, None, "HTTP status 403"),
        (404, "Not found", ConfigurationError, None, "HTTP status 404, not_found"),
    ],
)
@pytest.mark.parametrize("call", ["validate", "fetch"])
async def test_words_of_refusal(
    emulator: Emulator,
    make_provider: MakeProvider,
    account: Emulated,
    *,
    status: int,
    words: str,
    error: type[ProviderError],
    hint: str | None,
    reason: str,
    call: str,
) -> None:
    """What is wrong with the account is no matter of the credentials."""
    emulator.fault("elks", "vendor_error", count=None, word=words, status=status)
    provider = make_provider("elks")
    with pytest.raises(error) as raised:
        await (provider.validate() if call == "validate" else provider.fetch({}))
    assert (type(raised.value), raised.value.hint, str(raised.value)) == (error, hint, reason)
    assert not account.messages


async def test_validation_reads_the_history(emulator: Emulator, make_provider: MakeProvider, account: Emulated) -> None:
    """Credentials are only accepted if the history can be read with them."""
    emulator.fault("elks", "vendor_error", path="/sms", word="Forbidden", status=403)
    with pytest.raises(ConfigurationError, match="403"):
        await make_provider("elks").validate()
    assert not account.messages


@pytest.mark.parametrize("lists_settings", [True, False])
async def test_places(
    make_provider: MakeProvider, account: Emulated, monkeypatch: pytest.MonkeyPatch, *, lists_settings: bool
) -> None:
    """They are the active numbers that receive SMS, on any page, with what is set there, whatever it is."""
    monkeypatch.setattr(Protocol, "lists_settings", lists_settings)
    forward = '{"forward":"+46700000000"}'
    account.page_size = 2
    rows = [
        number("+461", name="Gate", sms_url=URL_A),
        number("+462", active="no"),
        number("+463", capabilities=["voice"]),
        number("+464", capabilities="sms, voice", sms_url=forward),
        number("+465", sms_url="none"),
    ]
    created = datetime(2018, 2, 7, tzinfo=UTC)
    account.places = [
        row | {"created": f"{created + timedelta(days=day):%Y-%m-%dT%H:%M:%S.%f}"} for day, row in enumerate(rows)
    ]
    places = await make_provider("elks").webhook_places(PLACE)
    assert {place.name: place.url for place in places} == {"+461 (Gate)": URL_A, "+464": forward, "+465": ""}
    assert {place.place_id for place in places} == {rows[place]["id"] for place in (0, 3, 4)}


async def test_register(emulator: Emulator, make_provider: MakeProvider, account: Emulated) -> None:
    """The addresses for SMS and MMS are set, and no answer is sent back (V72); what is as wanted is left alone."""
    account.places = [number("+461", voice_start="https://elsewhere.example/call", name="Gate"), number("+462")]
    [mine, other] = account.places
    before = dict(mine)
    provider = make_provider("elks")
    await provider.set_webhook(mine["id"], URL_A)
    assert mine == before | {"sms_url": URL_A, "mms_url": URL_A, "sms_replies": "no"}
    assert other == number("+462")
    emulator.requests.clear()
    await provider.set_webhook(mine["id"], URL_A)
    assert [request.method for request in emulator.requests] == ["GET"]
    await provider.set_webhook(mine["id"], URL_B)
    assert mine == before | {"sms_url": URL_B, "mms_url": URL_B, "sms_replies": "no"}
    await provider.set_webhook(mine["id"], "")
    assert mine == before | {"sms_replies": "no"}
    emulator.requests.clear()
    await provider.set_webhook(mine["id"], "")
    assert [request.method for request in emulator.requests] == ["GET"]
    assert other == number("+462")


@pytest.mark.parametrize(
    ("mms_url", "capabilities", "sms_url"),
    [
        ("https://elsewhere.example/mms", ["sms", "mms"], ""),
        ("https://elsewhere.example/hook", ["sms", "mms"], "https://elsewhere.example/hook"),
        ('{"forward":"+46700000000"}', ["sms", "mms"], ""),
        ("", ["sms", "voice"], ""),
    ],
)
async def test_address_for_mms_of_another(
    make_provider: MakeProvider, account: Emulated, mms_url: str, capabilities: list[str], sms_url: str
) -> None:
    """It is never touched, nor that of a number without MMS."""
    account.places = [number("+461", sms_url=sms_url, mms_url=mms_url, capabilities=capabilities)]
    [row] = account.places
    provider = make_provider("elks")
    await provider.set_webhook(row["id"], URL_A)
    assert (row["sms_url"], row["mms_url"]) == (URL_A, mms_url)
    await provider.set_webhook(row["id"], "")
    assert (row["sms_url"], row["mms_url"]) == ("", mms_url)


@pytest.mark.parametrize("place_id", ["n404", PLACE, "", "..", "n1/../n2"])
async def test_number_that_is_gone(make_provider: MakeProvider, account: Emulated, place_id: str) -> None:
    """That is told when a URL is to be set there, and needs no removing."""
    provider = make_provider("elks")
    with pytest.raises(ConfigurationError) as raised:
        await provider.set_webhook(place_id, URL_A)
    assert raised.value.hint == "webhook_place_gone"
    await provider.set_webhook(place_id, "")
    assert account.places == [number("+44771234567")]


async def test_number_that_was_given_back(make_provider: MakeProvider, account: Emulated) -> None:
    """Nothing is set at it."""
    account.places = [number("+461", active="no")]
    with pytest.raises(ConfigurationError) as raised:
        await make_provider("elks").set_webhook(account.places[0]["id"], URL_A)
    assert raised.value.hint == "webhook_place_gone"


@pytest.mark.parametrize("rows", [["x", None, 5, [], {}, {"id": "n/1"}, {"id": ["n1"]}], []])
async def test_odd_numbers(provider: Elks, canned: CannedAnswers, rows: list[Any]) -> None:
    """They are passed over."""
    canned.answer = {"text": json.dumps({"data": [*rows, {"id": "n1", "number": 461, "sms_url": 5}]})}
    [place] = await provider.webhook_places(PLACE)
    assert (place.place_id, place.name, place.url) == ("n1", "461", "5")


@pytest.mark.parametrize("border", ["soon", 5, "2018-02-07T14:14:14", "2018-02-07T14:14:14.834000"])
async def test_numbers_without_end(provider: Elks, canned: CannedAnswers, border: Any) -> None:
    """A list that shows the same page for ever ends."""
    canned.answer = {"text": json.dumps({"data": [{"id": "n1", "number": "+461", "sms_url": ""}], "next": border})}
    assert len(await provider.webhook_places(PLACE)) == 1
    assert len(canned.asked) <= 2
