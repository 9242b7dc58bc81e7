"""What the tests with real programs share: the programs, and a Home Assistant of its own process for what is pushed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
import os
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import pytest_socket

from ..live.child import until
from ..live.home_assistant import HomeAssistant
from .programs import Programs, free_ports

PATIENCE = 30.0  # seconds


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Return the programs that scripts/test-peers has unpacked."""
    if "PEERS" not in os.environ:
        pytest.fail("Run scripts/test-peers, which fetches the programs.")
    return Programs(Path(os.environ["PEERS"]))


@dataclass(frozen=True)
class Account:
    """An account that a sender calls at an address, with the id of its config entry."""

    name: str
    entry_id: str
    url: str


class Server:
    """A real Home Assistant, and what it fires for messages."""

    def __init__(self, home_assistant: HomeAssistant) -> None:
        """Take one that runs."""
        self.home_assistant = home_assistant
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def add_account(self, name: str, preset: str) -> Account:
        """Add an account for a program."""
        flow = await self.home_assistant.flow("sms_inbox")
        await flow.choose("webhook")
        await flow.submit({"preset": preset, "name": name})
        await flow.submit({})  # at home
        result = await flow.submit({})  # the address is shown
        assert result["type"] == "create_entry", result
        hooks = await self.command("webhook/list")
        webhook_id = next(hook["webhook_id"] for hook in hooks if hook["name"] == result["title"])
        return Account(name, result["result"]["entry_id"], f"{self.home_assistant.url}/api/sms_inbox/{webhook_id}")

    async def command(self, command: str, **data: Any) -> Any:
        """Send a command to the websocket interface and return the result."""
        async with await self.home_assistant.websocket() as websocket:
            return await websocket.command(command, **data)

    async def logged(self, what: str) -> None:
        """Wait until something is in the log."""
        await is_logged(self.home_assistant.log, what)

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Put what is fired into the queue."""
        async with await self.home_assistant.websocket() as websocket:
            await websocket.subscribe(
                lambda event: self.events.put_nowait(event["data"]), "subscribe_events", event_type="sms_received"
            )
            yield

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE):
            return await self.events.get()


async def is_logged(log: Path, what: str) -> None:
    """Wait until something is in a log."""

    async def is_there() -> bool:
        return log.exists() and what in log.read_text()

    async with asyncio.timeout(PATIENCE):
        await until(is_there)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def home_assistant(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[HomeAssistant]:
    """Run a Home Assistant for all tests that push to it."""
    pytest_socket.enable_socket()
    async with HomeAssistant(tmp_path_factory.mktemp("peers") / "home-assistant", *free_ports(1)) as home_assistant:
        yield home_assistant


@pytest_asyncio.fixture(loop_scope="session")
async def server(home_assistant: HomeAssistant) -> AsyncGenerator[Server]:
    """Return the server while its events are listened to."""
    server = Server(home_assistant)
    async with server.listening():
        yield server
