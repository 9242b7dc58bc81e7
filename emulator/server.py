"""The server that clients talk to."""

from datetime import timedelta
from pathlib import Path

from aiohttp import web

from .admin import Admin
from .exchange import Exchanges
from .state import State
from .storage import DataFileError


class Emulator(State):
    """Every provider in one server; all of it lives in one event loop."""

    def __init__(
        self,
        hold: float = 30.0,
        latency: float = 0.0,
        data: str | Path | None = None,
        repeat: float = 5.0,
        clock_offset: timedelta = timedelta(),
    ) -> None:
        """Set the seconds of a long poll, seconds before any answer, and the file that survives a restart.

        `repeat` is after how many seconds a webhook is requested again that has not taken a message, and
        `clock_offset` how far the vendors' clock is ahead of ours.

        Raises:
            DataFileError: the file is damaged.
        """
        super().__init__(hold, latency, data, repeat, clock_offset)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; OSError if the port is in use, DataFileError if the data file can't be written."""
        app = web.Application()
        Admin(self).add_to(app)
        app.router.add_route("*", "/{provider}/{path:.*}", Exchanges(self).handle)
        # Clients wait for long: cancel what is held at once, both when they leave and when the server does.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            self.save()
        except OSError, DataFileError:
            await runner.cleanup()
            raise
        self._runner, self.running = runner, True
        self.host, self.port = host, runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection and save."""
        self.handsets.stop()
        await self.caller.stop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner, self.running = None, False
        self.save()
