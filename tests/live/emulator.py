"""The provider emulator as a child process."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any, override

import aiohttp

from .child import Child, ChildError, Startable, port_is_free, until

REPOSITORY = Path(__file__).parents[2]
START_LIMIT = 30.0  # seconds


class EmulatorError(ChildError):
    """The emulator died, or doesn't do what it is asked."""


@dataclass(frozen=True)
class Account:
    """One account at an emulated provider; `inbox` is where its messages are read, `page_size` of them at a time."""

    provider: str
    inbox: str
    time_zone: str | None = None
    page_size: int | None = None
    password: str = "demo"
    name: str | None = None

    @property
    def username(self) -> str:
        """The account's name; if none was chosen, one that contains the provider's name."""
        return self.name or f"demo-{self.provider.replace('_', '-')}"

    @property
    def label(self) -> str:
        """A name that no other account has: the provider and the user name."""
        return f"{self.provider}/{self.username}"


ACCOUNTS = (
    Account("bulletin", "/sms/in"),
    Account("bulksms_eapi", "/reception/get_inbox", time_zone="Africa/Johannesburg"),
    Account("bulksms", "/v1/messages"),
)


class Emulator(Startable):
    """The emulator on a port of 127.0.0.1, and its admin interface."""

    def __init__(self, port: int, data: Path, *, latency: float = 0.0, repeat: float = 5.0) -> None:
        """Take the port, the data file, and how fast it answers and repeats webhook requests.

        Args:
            port: The port.
            data: The file that keeps the accounts and their messages.
            latency: Seconds before each answer.
            repeat: Seconds until a webhook request that failed is sent again.
        """
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._latency = latency
        self._repeat = repeat
        self._data = data
        self._log = data.with_suffix(".log")
        self._child: Child | None = None
        self._session: aiohttp.ClientSession | None = None

    @override
    async def start(self) -> None:
        """Start it and return when it answers."""
        if not port_is_free(self._port):
            raise EmulatorError(f"Port {self._port} is in use.")
        command = [sys.executable, "-m", "emulator", "--port", str(self._port), "--data", str(self._data.resolve())]
        command += ["--latency", str(self._latency), "--repeat", str(self._repeat)]
        self._child = await Child.start(command, self._log, cwd=REPOSITORY)
        self._session = aiohttp.ClientSession(self.url)
        try:
            async with asyncio.timeout(START_LIMIT):
                await until(self._is_up)
        except BaseException:
            await self.stop()
            raise

    @override
    async def stop(self) -> None:
        """End it."""
        if self._session:
            await self._session.close()
        if self._child:
            await self._child.stop()
        self._session = self._child = None

    async def wait(self) -> None:
        """Wait as long as it runs; raise EmulatorError when it ends by itself."""
        await self._running.wait()
        raise self._died()

    async def get(self, path: str) -> Any:
        """Ask the admin interface."""
        return await self._request("GET", path)

    async def post(self, path: str, data: dict[str, Any]) -> Any:
        """Have the admin interface do something."""
        return await self._request("POST", path, json=data)

    async def delete(self, path: str) -> Any:
        """Have the admin interface delete something."""
        return await self._request("DELETE", path)

    async def add(self, account: Account) -> str:
        """Make an account, or give one that is there its page size, and return the server address for its clients."""
        data: dict[str, Any] = {
            "provider": account.provider,
            "username": account.username,
            "password": account.password,
            "time_zone": account.time_zone,
            "page_size": account.page_size,
        }
        return str((await self.post("/admin/accounts", data))["url"])

    async def send(self, account: Account, text: str, sender: str) -> None:
        """Send an SMS to an account."""
        message = {"provider": account.provider, "username": account.username, "text": text, "sender": sender}
        await self.post("/admin/messages", message)

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise EmulatorError("The emulator isn't started.")
        return self._child

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        if self._session is None:
            raise EmulatorError("The emulator isn't started.")
        try:
            async with self._session.request(method, path, **options) as response:
                if not response.ok:
                    raise EmulatorError(f"{method} {path} was answered {response.status}: {await response.text()}")
                return await response.json()
        except aiohttp.ClientError as error:
            raise EmulatorError(f"The emulator doesn't answer ({error}); see {self._log}") from error

    async def _is_up(self) -> bool:
        if self._running.exit_code is not None:
            raise self._died()
        try:
            await self.get("/admin/accounts")
        except EmulatorError:
            return False
        return True

    def _died(self) -> EmulatorError:
        return EmulatorError(
            f"The emulator ended by itself (exit code {self._running.exit_code}). "
            f"Its log, {self._log}, ends with:\n{self._running.tail()}"
        )
