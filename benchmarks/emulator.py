"""The emulated providers in a process of their own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from scripts.lib.child import Child, ChildError, until

REPOSITORY = Path(__file__).parents[1]
START_LIMIT = 30.0  # seconds
TEXT = "Your parcel waits at locker 17, Harbour Street. The code is 482913; it is valid until Sunday evening. Number"
PASSWORD = "secret"  # noqa: S105


class Emulator:
    """The admin interface of a running emulator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Take a session at its address."""
        self._session = session
        self._names = count(1)

    async def add(self, provider: str) -> dict[str, Any]:
        """Make an account, and return the data of its config entry."""
        username = f"user{next(self._names)}"
        fields = {"provider": provider, "username": username, "password": PASSWORD}
        account = await self._request("POST", "/admin/accounts", json=fields)
        return {**fields, "url": account["url"], "time_zone": account["time_zone"], "deliver_existing": False}

    async def send(self, account: dict[str, Any], number: int, text: str = TEXT) -> None:
        """Send numbered messages to an account."""
        fields = {"provider": account["provider"], "username": account["username"], "text": text, "count": number}
        await self._request("POST", "/admin/messages", json=fields)

    async def send_one(self, account: dict[str, Any], text: str) -> None:
        """Send one message to an account."""
        fields = {"provider": account["provider"], "username": account["username"], "text": text}
        await self._request("POST", "/admin/messages", json=fields)

    async def requests(self) -> int:
        """Return how many requests there were."""
        return int((await self._request("GET", "/admin/requests?since=999999999"))["last"])

    async def until_held(self) -> None:
        """Return when the latest request is held."""
        while True:
            requests = await self._request("GET", f"/admin/requests?since={await self.requests() - 1}")
            if requests["entries"] and requests["entries"][-1]["status"] is None:
                return
            await asyncio.sleep(0.002)

    async def reset(self) -> None:
        """Have it forget everything."""
        await self._request("POST", "/admin/reset", json={})

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(method, path, raise_for_status=True, **options) as response:
            return await response.json()


@asynccontextmanager
async def emulator(*, latency: float = 0.0, hold: float = 0.0) -> AsyncGenerator[Emulator]:
    """Run the emulator in another process.

    Args:
        latency: Seconds before every answer.
        hold: Seconds of a long poll.
    """
    command = [sys.executable, "-m", "emulator", "--port", "0", "--latency", str(latency), "--hold", str(hold)]
    with TemporaryDirectory() as folder:
        log = Path(folder, "log")
        child = await Child.start(command, log, cwd=REPOSITORY)

        async def is_up() -> bool:
            if child.exit_code is not None:
                raise ChildError(f"The emulator ended by itself: {child.tail()}")
            return child.tail().startswith("SMS emulator: ")

        try:
            async with asyncio.timeout(START_LIMIT):
                await until(is_up)
            async with aiohttp.ClientSession(child.tail().split()[-1]) as session:
                yield Emulator(session)
        finally:
            await child.stop()
