"""A server to which automations report."""

import time
from typing import Any, Self

from aiohttp import web


class Recorder:
    """Keeps every JSON object that is posted to it, with the time at which it came (seconds since the epoch)."""

    def __init__(self) -> None:
        """Begin with none."""
        self.url = ""
        self.reports: list[tuple[float, dict[str, Any]]] = []
        app = web.Application()
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        """Listen on a port of its own."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.reports.append((time.time(), await request.json()))
        return web.Response()
