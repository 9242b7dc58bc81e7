"""Kannel hands what its simulated networks bring to Home Assistant, by GET and by POST."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from ..live.child import Child, port_is_free, until
from .conftest import PATIENCE, Account, Server
from .programs import HOST, Programs, free_ports

pytestmark = pytest.mark.asyncio(loop_scope="session")

SENDER, RECIPIENT = "447700900123", "44771234567"
SPECIAL = "a & b = 100% + more | \\n #1? <x> \"y\" 'z' /"
FORGED = ("from=4400&text=other", '{"from": "4400", "text": "other"}', '[{"text": "other"}]')
EMOJI = "Grüße an alle 😀👩‍👩‍👧 שלום"
LONG = "The quick brown fox jumps over the lazy dog, " * 20 + "and smiles 😀"
PART = 67  # UTF-16 code units that fit beside the header of a part

# omit-empty: an empty answer means no reply, any other text would be sent to the sender.
CONFIGURATION = """\
group = core
admin-port = {admin}
admin-interface = {host}
admin-password = secret
smsbox-port = {box}
smsbox-interface = {host}
box-allow-ip = {host}

group = smsc
smsc = fake
smsc-id = fake
port = {fake}
connect-allow-ip = {host}

group = smsc
smsc = http
smsc-id = http
system-type = kannel
port = {http}
connect-allow-ip = {host}
smsc-username = network
smsc-password = secret
send-url = http://{host}:{http}/
allowed-prefix = none

group = smsbox
bearerbox-host = {host}
mo-recode = {recode}
http-request-retry = 100
http-queue-delay = 1

group = sms-service
keyword = default
omit-empty = true
{service}

group = sms-service
keyword = ping
text = pong
"""
SERVICES = {
    "get": 'get-url = "{url}?id=%I&from=%p&to=%P&text=%a&ts=%T"',
    "post": 'post-url = "{url}?id=%I&from=%p&to=%P&ts=%T"',
}


class Kannel:
    """A running Kannel, and the simulated networks before it."""

    def __init__(
        self, account: Account, phone: tuple[asyncio.StreamReader, asyncio.StreamWriter], http_port: int
    ) -> None:
        """Take the account it calls, a connection to the network of lines, and the port of the one of HTTP."""
        self.account = account
        self._replies, self._messages = phone
        self._url = f"http://{HOST}:{http_port}/sms"

    async def text(self, text: str) -> None:
        """Send a message that the network hands over in UTF-8."""
        await self._send("text", text)

    async def ucs2(self, text: str) -> None:
        """Send a message that the network hands over in UCS-2, as it goes through the air."""
        await self._send("ucs2", quote(text.encode("utf-16-be")))

    async def parts(self, text: str) -> None:
        """Send a long message in parts, the last one first; Kannel joins them."""
        units = text.encode("utf-16-be")
        parts = [units[begin : begin + 2 * PART] for begin in range(0, len(units), 2 * PART)]
        message = {"username": "network", "password": "secret", "from": SENDER, "to": RECIPIENT, "coding": "2"}
        message["charset"] = "UTF-16BE"
        async with aiohttp.ClientSession() as session:
            for number, part in reversed([*enumerate(parts, 1)]):
                header = bytes([5, 0, 3, 77, len(parts), number])
                url = f"{self._url}?{urlencode(message | {'udh': header, 'text': part})}"
                async with session.get(URL(url, encoded=True)) as answer:
                    assert answer.ok, await answer.text()

    async def replies(self) -> list[str]:
        """Return what was sent to the phone, until the answer to a message that Kannel answers itself."""
        await self.text("ping")
        replies: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not replies or "pong" not in replies[-1]:
                replies.append((await self._replies.readline()).decode())
        return replies[:-1]

    async def _send(self, kind: str, data: str) -> None:
        self._messages.write(f"{SENDER} {RECIPIENT} {kind} {data}\n".encode())
        await self._messages.drain()


@pytest_asyncio.fixture(loop_scope="session")
async def kannel(
    request: pytest.FixtureRequest, server: Server, programs: Programs, tmp_path: Path
) -> AsyncGenerator[Kannel]:
    """Run Kannel with a Home Assistant's account as its service, by GET or as the test wants it."""
    method, recode = getattr(request, "param", ("get", True))
    admin, box, fake, http = free_ports(4)
    account = await server.add_account(f"Kannel {tmp_path.name}", "kannel")
    file = tmp_path / "kannel.conf"
    service = SERVICES[method].format(url=account.url)
    ports = {"admin": admin, "box": box, "fake": fake, "http": http}
    file.write_text(CONFIGURATION.format(host=HOST, service=service, recode=str(recode).lower(), **ports))

    async def is_up() -> bool:
        return not any(port_is_free(port) for port in (box, fake, http))

    async with AsyncExitStack() as stack:
        for name in ("bearerbox", "smsbox"):
            command = programs.command(f"usr/sbin/{name}", str(file))
            child = await Child.start(command, tmp_path / f"{name}.log", cwd=tmp_path)
            stack.push_async_callback(child.kill)  # asked to end, it now and then waits for ever
            async with asyncio.timeout(PATIENCE):
                await until(is_up)
        phone = await asyncio.open_connection(HOST, fake)
        stack.callback(phone[1].close)
        yield Kannel(account, phone, http)


@pytest.mark.parametrize(
    "kannel",
    [("get", True), ("post", True), ("post", False)],
    ids=["GET in UTF-8", "POST in UTF-8", "POST in UCS-2"],
    indirect=True,
)
async def test_arrives_in_home_assistant(server: Server, kannel: Kannel) -> None:
    """Each message becomes one event with its whole text, and no reply goes back."""
    for send in (kannel.text, kannel.ucs2):
        for text in ("plain", SPECIAL, *FORGED, EMOJI, LONG, ""):
            await send(text)
            event = await server.next()
            assert event["text"] == text
            assert (event["provider"], event["sender"], event["recipient"]) == ("webhook", SENDER, RECIPIENT)
            assert abs(datetime.fromisoformat(event["received_at"]) - datetime.now(UTC)) < timedelta(seconds=PATIENCE)
    await kannel.parts(LONG)
    assert (await server.next())["text"] == LONG
    assert await kannel.replies() == []
    assert server.events.empty()


@pytest.mark.parametrize("kannel", [("post", False)], indirect=True)
async def test_what_no_query_may_hold(server: Server, kannel: Kannel) -> None:
    """Home Assistant refuses some texts in a query, whoever asks; by POST they come."""
    for text in ("two\nlines", "../secrets", "<script>alert(1)</script>"):
        await kannel.ucs2(text)
        assert (await server.next())["text"] == text


async def test_same_text_twice(server: Server, kannel: Kannel) -> None:
    """Two equal messages are two events."""
    await kannel.text("same")
    await kannel.text("same")
    events = [await server.next(), await server.next()]
    assert [event["text"] for event in events] == ["same", "same"]
    assert events[0]["message_id"] != events[1]["message_id"]


async def test_account_is_not_loaded(server: Server, kannel: Kannel) -> None:
    """What comes while the account isn't loaded isn't taken for delivered: Kannel brings it again."""
    await server.command("config_entries/disable", entry_id=kannel.account.entry_id, disabled_by="user")
    await kannel.text("Anybody there? 😀")
    await server.logged(f"{kannel.account.name} was refused")
    await server.command("config_entries/disable", entry_id=kannel.account.entry_id, disabled_by=None)
    event = await server.next()
    assert (event["text"], event["redelivered"]) == ("Anybody there? 😀", False)
    assert await kannel.replies() == []
    assert server.events.empty()
