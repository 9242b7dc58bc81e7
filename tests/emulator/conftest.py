"""An emulator on a port of its own, and a client that talks to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

import aiohttp
import pytest

from emulator import Emulator

USERNAME, PASSWORD = "user", "pass:word"
BASIC = {"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)}
PATIENCE = 20
"""Seconds until something counts as never happening; what is held is held for longer."""


class Reply(NamedTuple):
    """A whole answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Client:
    """Asks the emulator, by default as the account `user`."""

    def __init__(self, session: aiohttp.ClientSession, emulator: Emulator) -> None:
        """Ask one emulator."""
        self._session = session
        self._emulator = emulator

    async def get(self, provider: str, path: str, **options: Any) -> Reply:
        """GET below a provider's base address."""
        return await self.ask("GET", self._emulator.url(provider) + path, **options)

    async def ask(self, method: str, url: str, **options: Any) -> Reply:
        """Ask, and read the whole answer; redirects are not followed."""
        options = {"headers": BASIC, "allow_redirects": False, **options}
        async with self._session.request(method, url, **options) as response:
            return Reply(response.status, await response.read(), response.headers)

    async def poll(self, **options: Any) -> Reply:
        """Ask Bulletin for a message."""
        return await self.get("bulletin", "/api/1/sms/in", **options)


async def until(condition: Callable[[], object]) -> None:
    """Let others work until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0)


def serving() -> asyncio.Task[Any]:
    """The server's task of the only open connection: it ends when the server has seen the client leave."""
    (task,) = [task for task in asyncio.all_tasks() if "RequestHandler.start" in repr(task.get_coro())]
    return task


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """Allow real connections, on loopback."""


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator that holds calls for a moment only."""
    emulator = Emulator(hold=0.02)
    await emulator.start()
    yield emulator
    await emulator.stop()


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[Client]:
    """A client with one connection a request."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Client(session, emulator)
