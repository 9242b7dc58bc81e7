"""Accounts, the book, the requests and the data file, whatever the protocol."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import stat

from aiohttp import web
from aiohttp.test_utils import RawTestServer
import pytest

from emulator import Emulator
from emulator.ledger import KEPT, Ledger
from emulator.storage import DataFileError

from .conftest import BASIC, PASSWORD, PATIENCE, USERNAME, Client, serving, until

PAST = datetime(2026, 1, 1, tzinfo=UTC)


async def test_book(client: Client, emulator: Emulator) -> None:
    """Each handing over is booked, with its time."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    message = account.send("Hi", sender="MYBANK")
    assert (message.text, message.sender, message.fetched_at, message.fetches) == ("Hi", "MYBANK", None, 0)
    for _ in range(2):
        await client.get("bulksms", "/messages")
    time, *entry = emulator.book[0]
    assert entry == ["bulksms", USERNAME, message.message_id, "MYBANK", "Hi"]
    assert message.fetched_at == emulator.book[0].time == time
    assert message.sent_at <= emulator.book[0].time <= datetime.now(UTC)
    assert (len(emulator.book), message.fetches) == (2, 2)


async def test_calls(emulator: Emulator) -> None:
    """Each call is noted when it was answered, with the time at which it began."""
    account = emulator.add_account("bulksms_eapi", USERNAME, PASSWORD)
    arrived: list[datetime] = []

    async def answer(_: web.BaseRequest) -> web.Response:
        arrived.append(datetime.now(UTC))
        return web.Response(text="OK")

    async with RawTestServer(answer) as server:
        account.callback = str(server.make_url("/"))
        message = account.send("Hi")
        await until(lambda: emulator.calls)
    [call] = emulator.calls
    assert (call.message_id, call.status, call.body) == (message.message_id, 200, "OK")
    assert message.sent_at <= call.time <= arrived[0]


async def test_big_answer_is_booked_after_its_last_byte(client: Client, emulator: Emulator) -> None:
    """An answer larger than any buffer is booked when it is out, not before."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    message = account.send("x" * 20_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port, limit=1000)
    head = f"GET /bulletin/api/1/sms/in HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    assert message.read
    assert not emulator.book
    total = 0
    while total < 20_000_000:
        total += len(await reader.read(1_000_000))
    await client.get("bulletin", "/api/2/sms/list?size=1&type=out")
    assert len(emulator.book) == 1
    writer.close()
    await writer.wait_closed()


async def test_client_gone_before_the_last_byte(emulator: Emulator) -> None:
    """An answer of which the client took a part only is not booked."""
    message = emulator.add_account("bulletin", USERNAME, PASSWORD).send("x" * 20_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
    head = f"GET /bulletin/api/1/sms/in HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"\r\n\r\n")
    server_side = serving()
    writer.transport.abort()
    await asyncio.wait([server_side])
    assert (message.read, message.fetched_at, emulator.book) == (True, None, [])


async def test_requests(client: Client, emulator: Emulator) -> None:
    """Each request is noted as it came."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    message = account.send("Hi")
    await client.get("bulksms", "/messages?limit=5&sortOrder=ASCENDING")
    await client.get("bulksms", "/messages", headers={})
    _, *first = emulator.requests[0]
    path = "/bulksms/v1/messages?limit=5&sortOrder=ASCENDING"
    assert first == ["GET", path, "bulksms", USERNAME, 200, (message.message_id,)]
    _, *second = emulator.requests[1]
    assert second == ["GET", "/bulksms/v1/messages", "bulksms", None, 401, ()]


async def test_latency(emulator: Emulator, client: Client) -> None:
    """Every answer can be made to wait."""
    emulator.add_account("bulksms", USERNAME, PASSWORD)
    emulator.latency = 0.05
    before = asyncio.get_running_loop().time()
    await client.get("bulksms", "/profile")
    assert asyncio.get_running_loop().time() - before >= 0.05


def test_accounts(emulator: Emulator) -> None:
    """The same account twice is one; one user name has one password."""
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    assert emulator.add_account("bulletin", USERNAME, PASSWORD) is account
    assert emulator.add_account("bulksms", USERNAME, PASSWORD) is not account
    with pytest.raises(ValueError, match="another password"):
        emulator.add_account("bulletin", USERNAME, "other")
    with pytest.raises(ValueError, match="no time zone"):
        emulator.add_account("bulksms_eapi", "new", PASSWORD, time_zone="Nowhere/City")
    assert ("bulksms_eapi", "new") not in emulator.accounts


async def test_changed_password(client: Client, emulator: Emulator) -> None:
    """A password can be changed under a client's feet."""
    emulator.add_account("bulksms", USERNAME, PASSWORD).password = "new"
    assert (await client.get("bulksms", "/profile")).status == 401


@pytest.mark.parametrize(
    "fields", [{"encoding": "morse"}, {"encoding": "binary"}, {"data": b"x", "encoding": "text"}, {"sender": "a\x00"}]
)
def test_messages_refused(emulator: Emulator, fields: dict[str, object]) -> None:
    """A message that can't be is refused with a sentence."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    with pytest.raises(ValueError, match=r"\.$"):
        account.send("x", **fields)  # type: ignore[arg-type]


def test_messages_need_real_times_and_text(emulator: Emulator) -> None:
    """A time has a zone, and a text can be encoded."""
    account = emulator.add_account("bulksms", USERNAME, PASSWORD)
    with pytest.raises(ValueError, match="time zone"):
        account.send("x", received_at=PAST.replace(tzinfo=None))
    with pytest.raises(UnicodeEncodeError):
        account.send("\ud83d")


def test_ids_never_come_back(emulator: Emulator) -> None:
    """A new emulator goes on above the numbers of an older one, as a provider does."""
    first = emulator.add_account("bulksms", USERNAME, PASSWORD).send("x")
    second = Emulator().add_account("bulksms", USERNAME, PASSWORD).send("x")
    third = emulator.accounts["bulksms", USERNAME].send("x")
    assert int(first.message_id) < int(third.message_id)
    assert int(first.message_id) <= int(second.message_id)


async def test_reset(emulator: Emulator) -> None:
    """Everything is forgotten, and numbers go on."""
    emulator.add_account("bulksms", USERNAME, PASSWORD)
    emulator.fault("bulksms", "html")
    emulator.reset()
    assert (emulator.accounts, emulator.faults.pending, emulator.book, emulator.requests) == ({}, [], [], [])


def test_ledger() -> None:
    """A ledger forgets the oldest, and keeps its numbers."""
    ledger: Ledger[str] = Ledger()
    assert [ledger.note("a"), ledger.note("b")] == [1, 2]
    ledger.amend(2, "B")
    assert list(ledger.since(0)) == [(1, "a"), (2, "B")]
    assert list(ledger.since(1)) == [(2, "B")]
    assert list(ledger.since(9)) == []
    ledger.extend("c" for _ in range(2 * KEPT - 2))
    assert ledger.note("d") == ledger.last == 2 * KEPT + 1
    assert len(ledger) == KEPT + 1
    assert list(ledger.since(2 * KEPT)) == [(2 * KEPT + 1, "d")]
    ledger.amend(1, "gone")
    assert "gone" not in ledger
    ledger.forget()
    assert (list(ledger), ledger.note("e")) == ([], 2 * KEPT + 2)


async def test_survives_a_restart(tmp_path: Path, client: Client) -> None:
    """Accounts and messages are as they were, read ones included."""
    data = tmp_path / "new" / "data.json"
    emulator = Emulator(hold=0, data=data)
    await emulator.start()
    bulletin = emulator.add_account("bulletin", USERNAME, PASSWORD)
    bulletin.send("read")
    bulletin.send("unread ☺\n", wire="hex", in_reply_to="5", received_at=PAST, message_id="x1")
    other = emulator.add_account("bulksms", USERNAME, PASSWORD, page_size=3)
    other.send(data=b"\x00\xff")
    other.send_raw(b'{"id": "\xff"}')
    await client.ask("GET", emulator.url("bulletin") + "/api/1/sms/in")
    await emulator.stop()
    assert stat.S_IMODE(data.stat().st_mode) == 0o600

    again = Emulator(hold=0, data=data)
    await again.start()
    first, second = again.accounts["bulletin", USERNAME].messages
    assert (first.read, first.fetches, first.fetched_at) == (True, 1, bulletin.messages[0].fetched_at)
    for name in second.__slots__:
        assert getattr(second, name) == getattr(bulletin.messages[1], name)
    reply = await client.ask("GET", again.url("bulletin") + "/api/1/sms/in")
    assert b"messageId=x1" in reply.body
    assert (await client.ask("GET", again.url("bulletin") + "/api/1/sms/in")).status == 204
    kept = again.accounts["bulksms", USERNAME]
    assert [message.data or message.raw for message in kept.messages] == [b"\x00\xff", b'{"id": "\xff"}']
    assert kept.page_size == 3
    assert int(kept.send("x").message_id) > int(other.messages[-1].message_id)
    await again.stop()


async def test_saves_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes reach the file without a clean end."""
    monkeypatch.setattr("emulator.state.SAVE_DELAY", 0)
    data = tmp_path / "data.json"
    emulator = Emulator(data=data)
    await emulator.start()
    emulator.add_account("bulletin", USERNAME, PASSWORD).send("kept")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert Emulator(data=data).accounts["bulletin", USERNAME].messages[0].text == "kept"
    await emulator.stop()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"accounts": 5}', '{"accounts": [{"provider": "x"}]}', '{"accounts": ["x"]}']
)
def test_damaged_data_file(tmp_path: Path, content: str) -> None:
    """A file that isn't a data file is not overwritten."""
    data = tmp_path / "data.json"
    data.write_text(content)
    with pytest.raises(DataFileError, match=r"data\.json can't be read"):
        Emulator(data=data)
    assert data.read_text() == content


async def test_data_file_out_of_reach(tmp_path: Path) -> None:
    """A file that can't be written is told about before anything starts."""
    (tmp_path / "data.json.new").mkdir()
    with pytest.raises(DataFileError, match=r"data\.json can't be written"):
        await Emulator(data=tmp_path / "data.json").start()


async def test_broken_form(client: Client, emulator: Emulator) -> None:
    """A form that can't be read has no fields."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    url = emulator.url("bulksms_eapi") + "/user/get_credits/1/1.1"
    reply = await client.ask("POST", url, headers=headers, data=b"username=\xff")
    assert reply.text == "23|invalid credentials|"


async def test_stops_at_once_while_holding(client: Client) -> None:
    """Held calls don't delay the end, and lose nothing."""
    emulator = Emulator(hold=60)
    await emulator.start()
    account = emulator.add_account("bulletin", USERNAME, PASSWORD)
    poll = asyncio.create_task(client.ask("GET", emulator.url("bulletin") + "/api/1/sms/in"))
    await until(lambda: emulator.requests)
    async with asyncio.timeout(PATIENCE):
        await emulator.stop()
    with pytest.raises(OSError, match=r".*"):
        await poll
    await emulator.start(port=emulator.port)
    account.send("after")
    reply = await client.ask("GET", emulator.url("bulletin") + "/api/1/sms/in")
    assert b"body=after" in reply.body
    await emulator.stop()
