"""The emulated providers in a process of their own."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import count
from pathlib import Path
import re
import sys
from tempfile import TemporaryDirectory
import time
from typing import Any

import aiohttp

from tests.live.child import Child, ChildError, until

REPOSITORY = Path(__file__).parents[1]
START_LIMIT = 30.0  # seconds
ADDRESS = re.compile(r": http://\S+$")
TEXT = "Your parcel waits at locker 17, Harbour Street. The code is 482913; it is valid until Sunday evening. Number"
PASSWORD = "secret"  # noqa: S105


class Emulator:
    """The admin interface of a running emulator."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Take a session at its address."""
        self._session = session
        self._names = count(1)
        self._webhook_requests = 0

    async def add(self, provider: str) -> dict[str, Any]:
        """Make an account, and return the data of its config entry."""
        username = f"user{next(self._names)}"
        fields = {"provider": provider, "username": username, "password": PASSWORD}
        account = await self._request("POST", "/admin/accounts", json=fields)
        return {**fields, "url": account["url"], "time_zone": account["time_zone"], "deliver_existing": False}

    async def send(
        self, account: dict[str, Any], number: int, *, sent: bool = False, received_at: datetime | None = None
    ) -> None:
        """Send numbered messages to an account, or let it have sent them; now, or at a time."""
        fields = {"provider": account["provider"], "username": account["username"], "text": TEXT, "count": number}
        fields |= {"sent": True} if sent else {}
        fields |= {"received_at": received_at.isoformat()} if received_at else {}
        await self._request("POST", "/admin/messages", json=fields)

    async def send_one(self, account: dict[str, Any], text: str) -> str:
        """Send one message to an account, and return its id."""
        fields = {"provider": account["provider"], "username": account["username"], "text": text}
        return str((await self._request("POST", "/admin/messages", json=fields))["message_id"])

    async def sent_at(self, provider: str) -> dict[str, float]:
        """Return when a provider's messages arrived there (`perf_counter`), by text."""
        messages = (await self._request("GET", f"/admin/messages?provider={provider}"))["messages"]
        return {message["text"]: _on_our_clock(message["sent_at"]) for message in messages}

    async def times(self, account: dict[str, Any]) -> list[tuple[float, float]]:
        """Return when each message of an account arrived and was handed over (seconds since the epoch)."""
        query = {"provider": account["provider"], "username": account["username"]}
        messages = (await self._request("GET", "/admin/messages", params=query))["messages"]
        return [(_epoch(message["sent_at"]), _epoch(message["fetched_at"])) for message in messages]

    async def send_webhooks(self, account: dict[str, Any], url: str) -> None:
        """Have an account's vendor send webhook requests to a URL."""
        fields = {"provider": account["provider"], "username": account["username"], "url": url}
        await self._request("POST", "/admin/callback", json=fields)

    async def webhook_requested_at(self, message_id: str) -> float:
        """Return when the latest webhook request began (`perf_counter`), once it is answered.

        It must be for this message.
        """
        while True:
            found = await self._request("GET", f"/admin/calls?since={self._webhook_requests}")
            if found["entries"]:
                break
            await asyncio.sleep(0.002)
        self._webhook_requests = found["last"]
        [request] = found["entries"]
        if request["message_id"] != message_id or request["status"] != HTTPStatus.OK:
            raise RuntimeError(f"A webhook request was answered {request['status']}, or came late.")
        return _on_our_clock(request["time"])

    async def requests(self) -> int:
        """Return how many requests there were."""
        return int((await self._request("GET", "/admin/requests?since=999999999"))["last"])

    async def methods(self, since: int) -> list[str]:
        """Return the methods of the requests after a number of them."""
        entries = (await self._request("GET", f"/admin/requests?since={since}"))["entries"]
        return [entry["method"] for entry in entries]

    async def set_clock(self, ahead: timedelta) -> None:
        """Set how far the vendors' clock is ahead of ours."""
        await self._request("POST", "/admin/clock", json={"seconds": ahead.total_seconds()})

    async def until_held(self) -> None:
        """Return when the latest request is held."""
        while True:
            requests = await self._request("GET", f"/admin/requests?since={max(0, await self.requests() - 1)}")
            if requests["entries"] and requests["entries"][-1]["status"] is None:
                return
            await asyncio.sleep(0.002)

    async def reset(self) -> None:
        """Have it forget everything."""
        await self._request("POST", "/admin/reset", json={})

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        async with self._session.request(method, path, **options) as response:
            if not response.ok:
                raise RuntimeError(f"The emulator answered {response.status}: {await response.text()}")
            return await response.json()


def _epoch(at: str) -> float:
    """Return the seconds since the epoch at a time of day."""
    return datetime.fromisoformat(at).timestamp()


def _on_our_clock(at: str) -> float:
    """Return a time of day as `perf_counter` would have told it."""
    return _epoch(at) - time.time() + time.perf_counter()


@asynccontextmanager
async def emulator(*, latency: float = 0.0, hold: float = 0.0) -> AsyncGenerator[Emulator]:
    """Run the emulator in another process.

    Args:
        latency: Seconds before every answer.
        hold: Seconds of a long poll.
    """
    async with server("emulator", "--port", "0", "--latency", str(latency), "--hold", str(hold)) as (session, _):
        yield Emulator(session)


@asynccontextmanager
async def server(module: str, *arguments: str) -> AsyncGenerator[tuple[aiohttp.ClientSession, str]]:
    """Run a server of ours in another process, and return a session at its address, and the address.

    Args:
        module: What Python runs; it prints one line, which ends with its address, once it can be asked.
        arguments: What it gets on its command line.
    """
    with TemporaryDirectory() as folder:
        child = await Child.start([sys.executable, "-m", module, *arguments], Path(folder, "log"), cwd=REPOSITORY)

        async def is_up() -> bool:
            if child.exit_code is not None:
                raise ChildError(f"{module} ended by itself: {child.tail()}")
            return bool(ADDRESS.search(child.tail()))

        try:
            async with asyncio.timeout(START_LIMIT):
                await until(is_up)
            url = child.tail().split()[-1]
            async with aiohttp.ClientSession(url) as session:
                yield session, url
        finally:
            await child.stop()
