"""The local Bot API server in a process of its own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from .emulator import TEXT, server


class Bot:
    """The admin interface of a running Bot API server.

    Attributes:
        url: The server's address.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Take a session at its address."""
        self.url = url
        self._session = session
        self._known = 0

    async def send(self, number: int) -> float:
        """Send numbered messages, all at once, and return when they were there (seconds since the epoch)."""
        return float((await self._request("POST", "/admin/messages", json={"text": TEXT, "count": number}))["at"])

    async def until_held(self) -> None:
        """Return when a request is held, and nothing waits."""
        await self._request("GET", "/admin/held")

    async def handed_over(self) -> list[float]:
        """Return when each message was handed over since this was asked last (seconds since the epoch)."""
        answer = await self._request("GET", "/admin/handed_over", params={"since": self._known})
        self._known = answer["last"]
        times: list[float] = answer["times"]
        return times

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(method, path, raise_for_status=True, **options) as response:
            return await response.json()


@asynccontextmanager
async def bot_api() -> AsyncGenerator[Bot]:
    """Run the server in another process."""
    async with server("benchmarks.bot_api") as (session, url):
        yield Bot(session, url)
