"""Calling clients when a message comes, and again until they take it, as vendors do."""

import asyncio
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from .ledger import Called, Ledger
from .model import Account, Message
from .protocol import Outgoing, Protocol
from .registry import PROTOCOLS

TIMEOUT = aiohttp.ClientTimeout(total=30)


class Caller:
    """Makes the requests of the vendors; vendors differ in what they take for a settled call."""

    def __init__(self, calls: Ledger[Called], repeat: float) -> None:
        """Note each request in a ledger; after `repeat` seconds one that was not settled is made again."""
        self._calls = calls
        self.repeat = repeat
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether somebody has not taken a message yet."""
        return bool(self._tasks)

    def tell(self, account: Account, message: Message) -> None:
        """Tell an account's clients of a message."""
        if message.sent:
            return
        protocol = PROTOCOLS[account.provider]
        self._begin(protocol, account, message, protocol.calls(message, account))

    def report(self, account: Account, message: Message) -> None:
        """Tell an account's clients what has become of a text that they submitted."""
        protocol = PROTOCOLS[account.provider]
        self._begin(protocol, account, message, protocol.status_calls(message, account))

    async def ask(self, outgoing: Outgoing) -> int:
        """Make a request; the status of the answer, 0 without one."""
        return (await self._ask(outgoing))[0]

    def _begin(self, protocol: Protocol, account: Account, message: Message, requests: list[Outgoing]) -> None:
        for outgoing in requests:
            task = asyncio.get_running_loop().create_task(self._repeat(protocol, account, message, outgoing))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Call nobody any more."""
        self.forget()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def forget(self) -> None:
        """Forget what nobody has taken."""
        for task in self._tasks:
            task.cancel()

    async def _repeat(self, protocol: Protocol, account: Account, message: Message, outgoing: Outgoing) -> None:
        while True:
            began = datetime.now(UTC)
            status, body = await self._ask(outgoing)
            message.webhook_status, message.webhook_at = status, datetime.now(UTC)
            account.on_change()
            self._calls.note(Called(began, account.provider, account.username, message.message_id, status, body))
            if status and protocol.is_taken(status, body):
                return
            await asyncio.sleep(self.repeat)

    async def _ask(self, outgoing: Outgoing) -> tuple[int, str]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        url = URL(outgoing.url, encoded=True)
        try:
            async with self._session.request(
                outgoing.method, url, headers=outgoing.headers, data=outgoing.body or None, allow_redirects=False
            ) as response:
                return response.status, await response.text("utf-8", "replace")
        except aiohttp.ClientError, TimeoutError, OSError:
            return 0, ""
