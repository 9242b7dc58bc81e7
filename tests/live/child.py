"""Processes that never outlive the one which started them."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
import contextlib
import os
from pathlib import Path
import shutil
import signal
import socket
from typing import Self

PAUSE = 0.1  # seconds between two looks at something
STOP_LIMIT = 60.0  # seconds
TAIL = 20  # lines


class ChildError(Exception):
    """A child process died, or doesn't do what it is asked; says so in words for a person."""


def port_is_free(port: int) -> bool:
    """Return whether a server can listen on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition holds; it is looked at again and again."""
    while not await condition():
        await asyncio.sleep(PAUSE)


class Startable(ABC):
    """Something that `async with` starts and stops."""

    @abstractmethod
    async def start(self) -> None:
        """Start it, and return when it is ready."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop it."""

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it."""
        await self.stop()


class Child:
    """One run of a program, its output in a file."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        """Take over a process; use `start` to make one."""
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], log: Path, *, cwd: Path, environment: Mapping[str, str] | None = None
    ) -> Child:
        """Start a program; its output is added to the log."""
        # Where there is setpriv, the kernel ends the child even when this process is killed.
        prefix = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *prefix,
                *command,
                cwd=cwd,
                env={**os.environ, **(environment or {})},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the parent, which then stops its children in order
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None while it runs; negative after a signal."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end and return the exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and kills it if it doesn't."""
        self._send(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await self._process.wait()
        except BaseException:
            self._send(signal.SIGKILL)
            raise

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._send(signal.SIGKILL)
        await self._process.wait()

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-TAIL:])

    def _send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
