"""What the witness inside Home Assistant notes, received outside."""

import asyncio
from contextlib import suppress
import fcntl
import json
import os
from pathlib import Path
from typing import Any, Self

LARGEST = 1024 * 1024  # bytes


class Witness:
    """A pipe in which each note is safe as soon as it is written: from a kill, a full disk, and a restored backup.

    Attributes:
        pipe: Its path.
        notes: All notes, the oldest first.
    """

    def __init__(self, pipe: Path) -> None:
        """Name the pipe, which is made on entering."""
        self.pipe = pipe
        self.notes: list[dict[str, Any]] = []
        self._descriptor = -1
        self._rest = b""
        self._noted = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Make the pipe, and listen for as long as Home Assistant may start again."""
        os.mkfifo(self.pipe, 0o600)
        # Open for writing, too, so that it has no end while nobody else has it open.
        self._descriptor = os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK)
        with suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_SETPIPE_SZ, LARGEST)
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    async def next_note(self) -> None:
        """Wait until there is one more."""
        self._noted.clear()
        await self._noted.wait()

    def _read(self) -> None:
        *lines, self._rest = (self._rest + os.read(self._descriptor, LARGEST)).split(b"\n")
        for line in lines:
            # A kill may have torn a line; an empty one begins each run, so that the next line is whole.
            with suppress(ValueError):
                self.notes.append(json.loads(line))
        self._noted.set()
