"""Gammu gateway: a list without ids, deletion by place, and long messages that come part by part."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import aiohttp
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.sms_inbox.model import Cursor, Page
from custom_components.sms_inbox.providers.contract import Account
from custom_components.sms_inbox.providers.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    TemporaryError,
)
from custom_components.sms_inbox.providers.gammu import Gammu
from emulator import Account as Modem, Emulator
from emulator.protocol import Answer, Call

from .conftest import PASSWORD, USERNAME, CannedAnswers, drain, new, poll

FIXTURES = Path(__file__).parents[1] / "fixtures/gammu"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LISTED: Cursor = {"listed": True}
FULL_PART = "x" * 153


@pytest.fixture
def modem(emulator: Emulator) -> Modem:
    """Return the modem at the emulator."""
    return emulator.add_account("gammu", USERNAME, PASSWORD)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    """Return the account that reads the modem."""
    return Account(username=USERNAME, password=PASSWORD, url=emulator.url("gammu"))


@pytest.fixture
def gateway(session: aiohttp.ClientSession, account: Account, modem: Modem) -> Gammu:
    """Return the provider that reads the modem."""
    del modem
    return Gammu(session, account)


@pytest.fixture
def reader(session: aiohttp.ClientSession, canned: CannedAnswers) -> Gammu:
    """Return a provider that gets canned answers, whose network is in Johannesburg."""
    zone = ZoneInfo("Africa/Johannesburg")
    url = canned.url()
    return Gammu(session, Account(username="john", password=PASSWORD, url=url, time_zone=zone))


def asked(emulator: Emulator) -> list[str]:
    """Return what the gateway was asked."""
    return [f"{request.method} {request.url.partition('/gammu')[2]}" for request in emulator.requests]


def texts(page: Page) -> list[str]:
    """Return the texts of a page."""
    return [message.text for message in page.messages]


def on_sim(modem: Modem) -> list[str]:
    """Return the texts that the modem still has."""
    return [message.text for message in modem.messages]


async def read(gateway: Gammu) -> Page:
    """Fetch until nothing new comes, acknowledge what was new, and return the last page: now something is deleted."""
    page = await gateway.fetch({})
    while page.messages:
        await gateway.acknowledge(page)
        page = await gateway.fetch(page.cursor)
    return page


async def listed(reader: Gammu, canned: CannedAnswers, *rows: Any) -> Page:
    """Return the page of a list with these rows."""
    canned.answer = {"text": json.dumps(rows), "content_type": "application/json"}
    return await reader.fetch({})


async def test_real_answer(reader: Gammu, canned: CannedAnswers) -> None:
    """An answer as captured, with a long text in place of the one that was not kept (G2): JSON is decoded once."""
    canned.answer = {"body": (FIXTURES / "sms").read_bytes(), "content_type": "application/json"}
    page = await reader.fetch({})
    plain, emoji, long = page.messages
    assert (plain.sender, plain.text, plain.encoding) == ("+4412345678", r"Hi there | pipe \n end", "text")
    assert (plain.recipient, plain.in_reply_to, plain.data) == (None, None, None)
    assert plain.received_at == datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert (emoji.text, emoji.encoding) == ("Emoji 😀 ok", "unicode")
    assert len(long.text) == 204
    assert (page.unreadable, page.more) == ((), False)


async def test_unauthorized(reader: Gammu, canned: CannedAnswers) -> None:
    """A refusal comes as a page for people (G1)."""
    canned.answer = {"status": 401, "text": "Unauthorized Access", "content_type": "text/html"}
    for call in (reader.validate(), reader.fetch({})):
        with pytest.raises(AuthenticationError):
            await call


async def test_never_asks_for_what_deletes_at_once(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """`/getsms` takes a message away before it is stored (G3)."""
    modem.send("Hello")
    await gateway.validate()
    await drain(gateway)
    assert asked(emulator) == ["GET /sms/2147483647", "GET /sms", "GET /sms", "DELETE /sms/0", "GET /sms"]


@pytest.mark.parametrize("nothing", ["", None])
async def test_nothing(reader: Gammu, canned: CannedAnswers, nothing: str | None) -> None:
    """A row with nothing in it is no message (G4), one with anything in it is."""
    empty = dict.fromkeys(("Date", "Number", "State", "Text"), nothing)
    page = await listed(reader, canned, empty, {**empty, "Number": "+447700900123"})
    assert [message.sender for message in page.messages] == ["+447700900123"]
    assert page.unreadable == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "text": """{"message": "Sms with id '2147483647' not found"}"""},
        {"status": 200, "text": "[]"},
    ],
)
async def test_validate(reader: Gammu, canned: CannedAnswers, answer: dict[str, Any]) -> None:
    """That a message isn't there proves the credentials (G5); so does a list."""
    canned.answer = answer
    identity = await reader.validate()
    assert identity.account_id == "server.example:443 john"


async def test_another_server(reader: Gammu, canned: CannedAnswers) -> None:
    """One that has never heard of messages is none."""
    canned.answer = {"status": 404, "text": "<html>Not Found</html>"}
    with pytest.raises(ConfigurationError):
        await reader.validate()


async def test_gateways_are_told_apart(session: aiohttp.ClientSession, emulator: Emulator) -> None:
    """Everybody's user is `admin`, so the server is part of the account; upper case is not."""
    emulator.add_account("gammu", "Admin", PASSWORD)
    account = Account(username="Admin", password=PASSWORD, url=emulator.url("gammu"))
    identity = await Gammu(session, account).validate()
    assert identity.account_id == f"127.0.0.1:{emulator.port} admin"


@pytest.mark.parametrize("body", ['{"message": "Hello"}', "null", "[", ""])
async def test_no_list(reader: Gammu, canned: CannedAnswers, body: str) -> None:
    """What is no list is not taken for an empty one."""
    canned.answer = {"text": body}
    with pytest.raises(ProtocolError):
        await reader.fetch({})


@pytest.mark.parametrize(
    ("date", "received_at"),
    [
        ("2026-11-21 12:00:05", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026-02-30 12:00:05", None),
        ("None", None),
        ("", None),
        (None, None),
    ],
)
async def test_date(reader: Gammu, canned: CannedAnswers, date: str | None, received_at: datetime | None) -> None:
    """It is the network's local time; a message without one is a message."""
    page = await listed(reader, canned, {"Date": date, "Number": "1", "State": "Read", "Text": "x"})
    assert [message.received_at for message in page.messages] == [received_at]


@pytest.mark.parametrize(
    ("date", "utc"),
    [
        ("2026-11-21T12:00:05", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026-11-21 12:00:05.250", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026-11-21 12:00:05+02:00", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026-11-21T10:00:05.000Z", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026-11-21 10:00:05+0000", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("26-11-21 12:00:05", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("26/11/21,12:00:05+08", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("26/11/21,06:00:05-16", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
        ("2026/11/21 12:00:05", datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)),
    ],
)
async def test_forms_of_a_date(reader: Gammu, canned: CannedAnswers, date: str, utc: datetime) -> None:
    """However a time is written, it is the same time, and the message the same one."""
    plain = {"Date": "2026-11-21 12:00:05", "Number": "1", "State": "Read", "Text": "x"}
    [first] = (await listed(reader, canned, plain)).messages
    [second] = (await listed(reader, canned, plain | {"Date": date})).messages
    assert (second.message_id, second.received_at) == (first.message_id, utc)


FORMS = ("iso", "fraction", "offset", "utc", "label", "short", "modem")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("is_new_object", [False, True])
async def test_update_of_the_gateway(
    session: aiohttp.ClientSession, emulator: Emulator, form: str, *, is_back: bool, is_new_object: bool
) -> None:
    """It writes times in another form, also while Home Assistant is down: nothing comes again, and what is new does."""
    modem = emulator.add_account("gammu", USERNAME, PASSWORD, time_zone="Africa/Johannesburg")
    zone = ZoneInfo("Africa/Johannesburg")
    account = Account(
        username=USERNAME, password=PASSWORD, url=emulator.url("gammu"), time_zone=zone, delete_stored=False
    )
    for number in range(3):
        modem.send("Open", received_at=NOON + timedelta(minutes=number // 2))
    gateway = Gammu(session, account)
    before, page = await drain(gateway)
    if is_new_object:
        gateway = Gammu(session, account)
    for change in (form, "plain") if is_back else (form,):
        for message in modem.messages:
            message.wire = change
        after, page = await drain(gateway, page.cursor)
        assert new(after, before) == []
    if is_new_object:
        gateway = Gammu(session, account)
    modem.send("Open", received_at=NOON + timedelta(hours=1), wire="plain" if is_back else form)
    after, _ = await drain(gateway, page.cursor)
    assert [message.received_at for message in new(after, before)] == [NOON + timedelta(hours=1)]


@pytest.mark.parametrize("text", ["[MMS or binary message]", "[MMS or binary message - cannot display]"])
async def test_no_text(gateway: Gammu, modem: Modem, text: str) -> None:
    """What stands in the place of a text is none."""
    modem.send(text)
    [message] = (await drain(gateway))[0]
    assert (message.text, message.encoding, message.data, message.channel) == ("", "binary", None, None)
    assert text.encode() in message.raw
    assert on_sim(modem) == []


@pytest.mark.parametrize("text", ["[Decoding error]", "[Message decoding failed]"])
async def test_text_that_the_gateway_can_not_decode(gateway: Gammu, modem: Modem, text: str) -> None:
    """It is kept, here and on the card: once the gateway can, it is a message."""
    modem.send("Other")
    sent = modem.send(text)
    pages = await poll(gateway)
    assert [json.loads(record)["Text"] for page in pages for record in page.unreadable] == [text]
    assert on_sim(modem) == [text]
    sent.text = "Decoded"
    assert [message.text for message in (await drain(gateway, pages[-1].cursor))[0]] == ["Decoded"]
    assert on_sim(modem) == []


async def test_another_consumer(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """Another program takes or deletes messages meanwhile: what is gone is done, and nothing is delivered twice."""
    for text in ("First", "Second", "Third"):
        modem.send(text)
    page = await read(gateway)
    modem.messages.clear()
    assert await gateway.acknowledge(page)
    assert emulator.requests[-1].status == HTTPStatus.NOT_FOUND
    modem.send("Fourth")
    assert [message.text for message in (await drain(gateway, page.cursor))[0]] == ["Fourth"]
    assert on_sim(modem) == []


@pytest.mark.parametrize(("status", "word"), [(500, "Internal Server Error"), (503, "Service timed out")])
async def test_busy_modem(gateway: Gammu, modem: Modem, emulator: Emulator, status: int, word: str) -> None:
    """A gateway says in JSON that its modem doesn't answer in time: that passes."""
    modem.send("Hello")
    emulator.fault("gammu", "vendor_error", word=word, status=status)
    with pytest.raises(TemporaryError, match=str(status)):
        await gateway.fetch({})
    assert [message.text for message in (await drain(gateway))[0]] == ["Hello"]


@pytest.mark.parametrize("row", [None, "x", 5, [], {}, {"Number": "1"}, {"Number": "1", "Date": "", "Text": 5}])
async def test_what_is_no_message(reader: Gammu, canned: CannedAnswers, row: Any) -> None:
    """It is kept as it came, and takes nothing with it."""
    good = {"Date": "2026-11-21 12:00:05", "Number": "1", "State": "Read", "Text": "x"}
    page = await listed(reader, canned, row, good)
    assert texts(page) == ["x"]
    assert [json.loads(record) for record in page.unreadable] == [row]


async def test_half_a_character(reader: Gammu, canned: CannedAnswers) -> None:
    """A lone surrogate is replaced in the text and kept in the record."""
    page = await listed(reader, canned, {"Date": "", "Number": "1", "State": "Read", "Text": "a\ud83d"})
    assert texts(page) == ["a\ufffd"]
    assert rb"a\ud83d" in page.messages[0].raw


async def test_reading_changes_no_identity(gateway: Gammu, modem: Modem) -> None:
    """The modem notes that a message was read; it is the same one."""
    modem.send("Hello")
    first, second = [(await gateway.fetch({})).messages[0] for _ in range(2)]
    assert (b"UnRead" in first.raw, b"UnRead" in second.raw) == (True, False)
    assert first.message_id == second.message_id


async def test_oldest_first(gateway: Gammu, modem: Modem) -> None:
    """A new message takes whatever place is free."""
    for hours in (2, 0, 1):
        modem.send(f"{hours} hours later", received_at=NOON + timedelta(hours=hours))
    assert texts(await gateway.fetch({})) == ["0 hours later", "1 hours later", "2 hours later"]


async def test_what_was_written_here_is_left_alone(gateway: Gammu, modem: Modem) -> None:
    """The list has sent messages, too: they are neither delivered nor deleted."""
    modem.send("Sent", sent=True)
    modem.send("Received")
    messages, page = await drain(gateway)
    assert [message.text for message in messages] == ["Received"]
    assert page.unreadable == ()
    assert on_sim(modem) == ["Sent"]


async def test_deletes_what_is_stored(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """One at each step, from the highest place down; first comes what came meanwhile, and what can't be read stays."""
    modem.send("First")
    modem.send_raw(b'"nonsense"')
    modem.send("Second")
    page = await gateway.fetch({})
    modem.send("Third")
    assert await gateway.acknowledge(page)
    assert on_sim(modem) == ["First", '"nonsense"', "Second", "Third"]
    page = await gateway.fetch(page.cursor)
    assert texts(page) == ["Third"]
    while await gateway.acknowledge(page):
        page = await gateway.fetch(page.cursor)
    assert on_sim(modem) == ['"nonsense"']
    deletions = [line for line in asked(emulator) if "DELETE" in line]
    assert deletions == ["DELETE /sms/3", "DELETE /sms/2", "DELETE /sms/0"]


async def test_new_message_while_a_full_card_is_cleared(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """It is returned by the next list, since a slow modem takes long for each; the card is cleared all the same."""
    for number in range(40):
        modem.send(f"Message {number}")
    page = await gateway.fetch({})
    assert await gateway.acknowledge(page)
    for number in range(20):
        modem.send(f"New {number}")
        emulator.requests.clear()
        page = await gateway.fetch(page.cursor)
        assert texts(page) == [f"New {number}"]
        assert len(emulator.requests) == 1
        assert await gateway.acknowledge(page)
        assert len(emulator.requests) <= 3
    assert len(modem.messages) == 50
    emulator.requests.clear()
    await drain(gateway, page.cursor)
    assert on_sim(modem) == []
    assert len(emulator.requests) <= 2 * 50 + 2


async def test_list_that_is_too_old(gateway: Gammu, modem: Modem, freezer: FrozenDateTimeFactory) -> None:
    """No place is taken from it: another client may have deleted something meanwhile."""
    for text in ("First", "Second", "Third"):
        modem.send(text)
    page = await read(gateway)
    assert await gateway.acknowledge(page)
    page = await gateway.fetch(page.cursor)
    del modem.messages[0]
    modem.send("New")
    freezer.tick(1)
    assert await gateway.acknowledge(page)
    assert on_sim(modem) == ["New"]


async def test_equal_message_after_a_deletion(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """It is another one, also where the answer to the deletion was lost."""
    modem.send("Open", received_at=NOON)
    first = await gateway.fetch({})
    await gateway.acknowledge(first)
    page = await gateway.fetch(first.cursor)
    emulator.fault("gammu", "dropped", path="/sms/", consume=True)
    with pytest.raises(TemporaryError):
        await gateway.acknowledge(page)
    assert (await drain(gateway, first.cursor))[0] == []
    modem.send("Open", received_at=NOON)
    [message] = (await drain(gateway, first.cursor))[0]
    assert message.message_id != first.messages[0].message_id


async def test_another_client_deletes_too(gateway: Gammu, modem: Modem) -> None:
    """A place is another's then: what was never read stays."""
    modem.send("First")
    modem.send("Second")
    page = await gateway.fetch({})
    del modem.messages[0]
    modem.send("Third")
    messages: list[str] = []
    while await gateway.acknowledge(page):
        page = await gateway.fetch(page.cursor)
        messages += texts(page)
        del modem.messages[:1]
    assert messages == ["Third"]
    assert on_sim(modem) == []


async def test_gone_before_it_is_deleted(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """Somebody was faster: that is no error."""
    modem.send("First")
    page = await read(gateway)
    answer = modem.protocol.answer

    async def answer_too_late(call: Call, account: Modem) -> Answer:
        if call.method == "DELETE":
            modem.messages.clear()
        return await answer(call, account)

    with patch.object(modem.protocol, "answer", answer_too_late):
        await gateway.acknowledge(page)
    assert texts(await gateway.fetch(page.cursor)) == []
    assert asked(emulator)[-2:] == ["DELETE /sms/0", "GET /sms"]
    assert emulator.requests[-2].status == HTTPStatus.NOT_FOUND


async def test_gateway_that_only_says_that_it_deletes(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """A message that stays is not delivered again; deleting it is tried again at the next poll, after the others."""
    modem.send("Other")
    modem.send("Hello")
    with patch("emulator.gammu._delete"):
        messages, page = await drain(gateway)
        again, page = await drain(gateway, page.cursor)
    assert [message.text for message in (*messages, *again)] == ["Other", "Hello"]
    assert [line for line in asked(emulator) if "DELETE" in line] == ["DELETE /sms/1", "DELETE /sms/0"] * 2
    await drain(gateway, page.cursor)
    assert on_sim(modem) == []


async def test_deletion_is_never_repeated_by_itself(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """The connection breaks after a message was deleted: its place is now that of one that was never read."""
    modem.send("First")
    page = await read(gateway)
    modem.send("Second")
    emulator.fault("gammu", "dropped", path="/sms/", consume=True)
    with pytest.raises(TemporaryError):
        await gateway.acknowledge(page)
    assert on_sim(modem) == ["Second"]
    assert texts(await gateway.fetch(page.cursor)) == ["Second"]


async def test_deletion_that_fails_is_made_up_for(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """The message is deleted at the next poll, and not delivered again."""
    modem.send("Hello")
    page = await read(gateway)
    emulator.fault("gammu", "server_error", path="/sms/")
    with pytest.raises(TemporaryError):
        await gateway.acknowledge(page)
    assert on_sim(modem) == ["Hello"]
    assert (await drain(gateway, page.cursor))[0] == []
    assert on_sim(modem) == []


async def test_after_a_restart(session: aiohttp.ClientSession, account: Account, modem: Modem) -> None:
    """What could not be deleted before has the identity it had, also the second of two equal ones."""
    for _ in range(2):
        modem.send("Open", received_at=NOON)
    first = await Gammu(session, account).fetch({})
    second = await Gammu(session, account).fetch(first.cursor)
    ids = [message.message_id for message in first.messages]
    assert ids == [message.message_id for message in second.messages]
    assert len(set(ids)) == 2


async def test_without_deleting(
    session: aiohttp.ClientSession, account: Account, modem: Modem, emulator: Emulator
) -> None:
    """A person who said no keeps the messages; what is stored is not returned again and again."""
    gateway = Gammu(session, replace(account, delete_stored=False))
    modem.send("Hello")
    modem.send_raw(b'"nonsense"')
    messages, page = await drain(gateway)
    assert [message.text for message in messages] == ["Hello"]
    assert await drain(gateway, page.cursor) == ([], Page(messages=(), cursor=page.cursor, more=False))
    assert asked(emulator) == ["GET /sms", "GET /sms"]
    assert on_sim(modem) == ["Hello", '"nonsense"']


async def test_steady_polling_is_cheap(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """One request a poll, also while something lies there that can't be read."""
    modem.send_raw(b'"nonsense"')
    _, page = await drain(gateway)
    assert page.unreadable == (b'"nonsense"',)
    before = len(emulator.requests)
    for _ in range(3):
        assert await drain(gateway, page.cursor) == ([], Page(messages=(), cursor=page.cursor, more=False))
    assert len(emulator.requests) == before + 3


async def test_gateway_without_deletion(gateway: Gammu, modem: Modem, emulator: Emulator) -> None:
    """A refusal is an error, and loses nothing."""
    modem.send("Hello")
    page = await read(gateway)
    emulator.fault("gammu", "server_error", status=HTTPStatus.METHOD_NOT_ALLOWED, path="/sms/")
    with pytest.raises(ConfigurationError):
        await gateway.acknowledge(page)
    assert on_sim(modem) == ["Hello"]


@pytest.mark.parametrize(
    "part",
    [
        FULL_PART,
        "x" * 152,
        "x" * 306,
        "€" * 76,
        "{" + "x" * 151,
        "x" * 67,
        "ш" * 67,
        "ш" * 66,
        "😀" * 33,
        "ш" * 134,
    ],
)
async def test_long_message_that_is_still_coming(gateway: Gammu, modem: Modem, part: str) -> None:
    """A text that fills its parts waits, since it may go on."""
    first = modem.send(part, received_at=NOON)
    assert texts(await gateway.fetch(LISTED)) == []
    first.text += " and the rest"
    assert [message.text for message in (await drain(gateway, LISTED))[0]] == [f"{part} and the rest"]
    assert on_sim(modem) == []


async def test_message_that_fills_its_parts(gateway: Gammu, modem: Modem, freezer: FrozenDateTimeFactory) -> None:
    """One that was whole all the same comes after some seconds, however often the list is read; deleted it is later."""
    modem.send(FULL_PART)
    for _ in range(3):
        assert (await drain(gateway, LISTED))[0] == []
    freezer.tick(10)
    assert [message.text for message in (await drain(gateway, LISTED))[0]] == [FULL_PART]
    freezer.tick(280)
    assert (await drain(gateway, LISTED))[0] == []
    assert on_sim(modem) == [FULL_PART]
    freezer.tick(20)
    assert (await drain(gateway, LISTED))[0] == []
    assert on_sim(modem) == []


async def test_rest_that_comes_very_late(gateway: Gammu, modem: Modem, freezer: FrozenDateTimeFactory) -> None:
    """What came of a message was taken for all of it; it comes again as a whole, since nothing of it was deleted."""
    first = modem.send(FULL_PART)
    found: list[str] = []
    for seconds in (10, 10, 60):
        freezer.tick(seconds)
        found += [message.text for message in (await drain(gateway, LISTED))[0]]
    assert found == [FULL_PART]
    first.text += " and the rest"
    assert [message.text for message in (await drain(gateway, LISTED))[0]] == [f"{FULL_PART} and the rest"]
    assert on_sim(modem) == []


async def test_slow_card(gateway: Gammu, modem: Modem, freezer: FrozenDateTimeFactory) -> None:
    """A list that takes long shows what was there at its beginning: one alone proves nothing."""
    first = modem.send(FULL_PART)
    answer = modem.protocol.answer

    async def answer_slowly(call: Call, account: Modem) -> Answer:
        answered = await answer(call, account)
        freezer.tick(40)
        return answered

    with patch.object(modem.protocol, "answer", answer_slowly):
        assert texts(await gateway.fetch(LISTED)) == []
        first.text += " and the rest"
        assert texts(await gateway.fetch(LISTED)) == [f"{FULL_PART} and the rest"]


@pytest.mark.parametrize("text", ["x" * 150, "x" * 160, "x" * 301, "ш" * 70, "ш" * 64, "ш" * 129, ""])
async def test_message_that_is_whole(gateway: Gammu, modem: Modem, text: str) -> None:
    """Others don't wait."""
    modem.send(text)
    assert texts(await gateway.fetch(LISTED)) == [text]


async def test_first_list_is_complete(gateway: Gammu, modem: Modem) -> None:
    """What was there before the account was added must not look new afterwards."""
    modem.send(FULL_PART)
    page = await gateway.fetch({})
    assert texts(page) == [FULL_PART]
    assert page.cursor == LISTED
