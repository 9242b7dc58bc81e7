"""Home Assistant's websocket interface."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any, Self

import aiohttp

from .child import ChildError

type Listener = Callable[[Any], None]


class WebSocketError(ChildError):
    """A command failed, or the connection is gone."""


class WebSocket:
    """One authenticated connection: commands with their results, and subscriptions."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Take over an authenticated connection; use `connect` to make one."""
        self._socket = socket
        self._ids = count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Listener] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, session: aiohttp.ClientSession, token: str) -> WebSocket:
        """Connect to the session's server and authenticates."""
        socket = await session.ws_connect("/api/websocket", max_msg_size=0)
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        answer = await socket.receive_json()
        if answer["type"] != "auth_ok":
            await socket.close()
            raise WebSocketError(f"Home Assistant refuses the connection: {answer}")
        return cls(socket)

    async def __aenter__(self) -> Self:
        """Is used as it is."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection."""
        await self.close()

    async def command(self, command: str, **data: Any) -> Any:
        """Send a command and return its result."""
        return await self._send(next(self._ids), command, data)

    async def subscribe(self, listener: Listener, command: str, **data: Any) -> None:
        """Send a command whose events go to the listener from then on."""
        number = next(self._ids)
        self._listeners[number] = listener
        await self._send(number, command, data)

    async def wait(self) -> None:
        """Wait for the connection's end; raise what a listener raised."""
        await asyncio.shield(self._reader)

    async def close(self) -> None:
        """Close the connection."""
        await self._socket.close()
        await asyncio.wait([self._reader])

    async def _send(self, number: int, command: str, data: dict[str, Any]) -> Any:
        if self._reader.done():
            raise WebSocketError("The connection to Home Assistant is closed")
        self._results[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"id": number, "type": command, **data})
            return await self._results[number]
        finally:
            del self._results[number]

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._take(message.json())
        finally:
            for result in self._results.values():
                if not result.done():
                    result.set_exception(WebSocketError("The connection to Home Assistant was closed"))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "event":
            self._listeners[message["id"]](message["event"])
        elif (result := self._results.get(message["id"])) and not result.done():
            if message.get("success", True):
                result.set_result(message.get("result"))
            else:
                result.set_exception(WebSocketError(message["error"]["message"]))
