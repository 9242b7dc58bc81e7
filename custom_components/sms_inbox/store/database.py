"""The file: one thread that writes, one that reads, damage, and the snapshot for a backup."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
import sqlite3
import time
from typing import Concatenate, Final

from . import connections
from .connections import IN_USE, LOG_LIMIT, SNAPSHOT
from .thread import Thread

LONGEST_BACKUP: Final = 12 * 3600.0
DAMAGED: Final = ".damaged-"
PARTS: Final = ("", "-wal", "-shm")


class StoreError(Exception):
    """The store could not read or write; nothing of the transaction happened. Holds no text of a message."""


class _NotOpenError(StoreError):
    """The file is to be opened for writing before it can be read."""


class Store:
    """The store of all accounts, opened at its first use.

    Writes run one after the other in the order in which they are asked for. Reads see the last commit; they neither
    wait for writes nor make them wait. Each is one transaction.

    Attributes:
        path: The file.
        set_aside: Where a damaged file was moved, None where there was none.
        damaged_at: When that was written to for the last time.
        lost: The file was deleted or replaced while it was in use.
    """

    def __init__(self, path: Path) -> None:
        """Take the path; a damaged file is moved aside, next to it."""
        self.path = path
        self.set_aside: Path | None = None
        self.damaged_at: datetime | None = None
        self.lost = False
        self._writer = Thread("sms_inbox write")
        self._reader = Thread("sms_inbox read")
        self._connection: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._log = path.with_name(f"{path.name}-wal")
        self._identity: tuple[int, int] | None = None
        self._log_identity: tuple[int, int] | None = None
        self._reading_identity: tuple[int, int] | None = None
        self._frozen: sqlite3.Connection | None = None
        self._freezes = 0
        self._frozen_at = 0.0
        self._is_marked = False
        self._is_log_to_be_emptied = False
        self._checkpoint: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file, if it isn't open.

        Raises:
            StoreError: It can't be opened.
        """
        await self.write(_nothing)

    async def write[**P, T](
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the connection in a transaction, which is on the disk when this returns.

        Raises:
            StoreError: Nothing of it happened.
        """

        def run() -> tuple[T, int]:
            with self._opened() as db, db:
                db.execute("BEGIN IMMEDIATE")
                result = work(db, *args, **kwargs)
            return result, self._log_size()

        result, log_size = await self._writer.run(run)
        if log_size > LOG_LIMIT or self._is_log_to_be_emptied:
            self._checkpoint_soon()
        return result

    async def _write_batch(self, work: Callable[[sqlite3.Connection], bool]) -> bool:
        """Write a batch after the log was copied, so that many of them don't make it grow."""
        if self._checkpoint:
            await asyncio.wait({self._checkpoint})
        return await self.write(work)

    async def write_in_batches(self, work: Callable[[sqlite3.Connection], bool]) -> bool:
        """Repeat a function, in a transaction each, until it returns False; return whether it ever returned True.

        Whatever else is to be written comes between two batches.

        Raises:
            StoreError: The last batch did not happen.
        """
        repeated = False
        while await self._write_batch(work):
            repeated = True
        return repeated

    async def read[**P, T](
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the reading connection, in a transaction.

        Raises:
            StoreError: It could not be read.
        """

        def run() -> T:
            with self._opened_for_reading() as db:
                db.execute("BEGIN")
                try:
                    return work(db, *args, **kwargs)
                finally:
                    db.execute("ROLLBACK")

        try:
            return await self._reader.run(run)
        except _NotOpenError:
            await self.open()
        return await self._reader.run(run)

    async def empty_log(self) -> None:
        """Remove what was erased from SQLite's log, too; what prevents that now, such as a backup, puts it off."""
        self._is_log_to_be_emptied = True
        await self._reader.run(self._empty_log)

    async def freeze(self) -> None:
        """Keep the file as it is, so that it can be copied together with its log, where all changes go meanwhile.

        The copy is marked as a snapshot. It stays so until `thaw` was called as often, but for no longer than a backup
        takes.

        Raises:
            StoreError: The file could not be frozen.
        """
        self._freezes += 1
        self._frozen_at = time.monotonic()

        def freeze() -> None:
            connections.checkpoint(self.path, "PASSIVE")
            self._writer.call(self._freeze)

        # Nothing is read meanwhile, since a reader keeps the log from being emptied.
        await self._reader.run(freeze)

    async def thaw(self) -> None:
        """Let changes into the file again.

        Raises:
            StoreError: The mark of the snapshot could not be removed yet; as long as it can't, nothing can be written.
        """
        self._freezes = max(self._freezes - 1, 0)
        if not self._freezes and self._is_marked:
            await self._writer.run(self._thaw)
            await self._reader.run(self._copy_log)

    async def close(self) -> None:
        """Close the file and end the threads; the next use opens it again."""
        if self._checkpoint:
            await asyncio.wait({self._checkpoint})
        await self._reader.run(self._close_reading)
        await self._writer.run(self._close)
        self._reader.close()
        self._writer.close()

    def sizes(self) -> dict[str, int]:
        """Return how many bytes the file and its log have.

        Raises:
            OSError: There is no file.
        """
        return {"bytes": self.path.stat().st_size, "log_bytes": self._log_size()}

    def settle_damaged(self, path: Path, *, delete: bool) -> None:
        """Be done with a damaged file that was moved aside; on request delete it, if it really is one. Blocks.

        Raises:
            OSError: It could not be deleted.
        """
        if delete and path.parent == self.path.parent and path.name.startswith(f"{self.path.name}{DAMAGED}"):
            for suffix in PARTS:
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        if self.set_aside == path:
            self.set_aside = None

    def _checkpoint_soon(self) -> None:
        """Copy the log into the file beside the writer, which would have to wait for it."""
        if not self._frozen and (not self._checkpoint or self._checkpoint.done()):
            loop = asyncio.get_running_loop()
            self._checkpoint = asyncio.Task(self._reader.run(self._copy_log), loop=loop, eager_start=True)

    def _copy_log(self) -> None:
        """Copy the log into the file, and empty it where that is due; in the thread that reads."""
        if self._is_log_to_be_emptied:
            self._empty_log()
        elif not self._frozen:
            connections.checkpoint(self.path, "PASSIVE")
            if self._log_size() > 2 * LOG_LIMIT:
                # What came meanwhile is copied while nothing comes, so that the log can begin anew.
                self._writer.call(lambda: connections.checkpoint(self.path, "PASSIVE"))

    def _empty_log(self) -> None:
        """Empty the log; in the thread that reads, so that nothing is read meanwhile."""

        def empty() -> None:
            if not self._frozen and connections.checkpoint(self.path, "TRUNCATE"):
                self._is_log_to_be_emptied = False

        if not self._frozen:
            # Most of the work is done beside the writer, so that the writer waits for a moment only.
            connections.checkpoint(self.path, "PASSIVE")
            self._writer.call(empty)

    def _log_size(self) -> int:
        """Return the size of the log in bytes."""
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _freeze(self) -> None:
        """Mark the file, empty the log into it, and let a reader keep SQLite from changing it."""
        with self._opened() as db:
            if self._frozen:
                return
            self._is_marked = True
            connections.set_application_id(db, SNAPSHOT)
            if not connections.checkpoint(self.path, "TRUNCATE"):
                raise sqlite3.OperationalError("another program reads the store")
            # While the log is empty, a reader reads the file itself, in which SQLite then changes nothing.
            self._frozen = connections.connect_frozen(self.path)

    def _thaw(self) -> None:
        """Let SQLite change the file again, and remove the mark of the snapshot."""
        self._unfreeze()
        if self._is_marked:
            with self._opened():
                pass

    def _unfreeze(self) -> None:
        """Remove the reader that keeps SQLite from changing the file."""
        self._freezes = 0
        if self._frozen:
            self._frozen.close()
            self._frozen = None

    def _close(self) -> None:
        """Close the file; only then may a failure be ignored."""
        with suppress(StoreError):
            self._thaw()
        self._disconnect()

    def _close_reading(self) -> None:
        """Close the reading connection."""
        if self._reading:
            self._reading.close()
            self._reading = None

    def _disconnect(self) -> None:
        """Close the writing connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Yield the writing connection, opened if need be; whatever goes wrong is a StoreError."""
        try:
            if self._connection and _identity(self.path) != self._identity:
                # Somebody deleted or replaced the file: what is written to it would be gone.
                self.lost = True
                self._disconnect()
                self._remove_log()
            if self._frozen and time.monotonic() - self._frozen_at > LONGEST_BACKUP:
                self._unfreeze()
            self._connection = self._connection or self._open()
            if self._is_marked and not self._frozen:
                connections.set_application_id(self._connection, IN_USE)
                self._is_marked = False
            yield self._connection
        except Exception as err:
            if not _is_harmless(err, self._connection):
                # The next use opens the file anew, and sees what has become of it.
                self._disconnect()
            raise StoreError(_reason(err)) from err

    @contextmanager
    def _opened_for_reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the reading connection, opened if need be; whatever goes wrong is a StoreError."""
        identity = self._find_opened()
        try:
            if self._reading and self._reading_identity != identity:
                self._close_reading()
            if not self._reading:
                self._reading = connections.connect_for_reading(self.path)
                self._reading_identity = identity
            yield self._reading
        except Exception as err:
            self._close_reading()
            raise StoreError(_reason(err)) from err

    def _find_opened(self) -> tuple[int, int]:
        """Return which file is open for writing.

        Raises:
            StoreError: None is, or there is another one in its place by now.
        """
        if not self._connection or not self._identity or self._identity != _identity(self.path):
            raise _NotOpenError("the file is not open")
        return self._identity

    def _open(self) -> sqlite3.Connection:
        """Open the file; move a damaged one aside and begin a new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect()
        except sqlite3.DatabaseError as err:
            if getattr(err, "sqlite_errorcode", None) not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
        self.set_aside = self.path.with_name(f"{self.path.name}{DAMAGED}{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
        self.damaged_at = datetime.fromtimestamp(self.path.stat().st_mtime, UTC)
        for suffix in PARTS:
            part = self.path.with_name(self.path.name + suffix)
            if part.exists():
                self.damaged_at = max(self.damaged_at, datetime.fromtimestamp(part.stat().st_mtime, UTC))
                part.rename(self.set_aside.with_name(self.set_aside.name + suffix))
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        """Connect to the file, readable by its owner alone like all files beside it, and remember which file it is."""
        self.path.touch(mode=0o600)
        for file in self.path.parent.glob(f"{self.path.name}*"):
            with suppress(OSError):  # somebody else's file that we may write, but not change the mode of
                if file.is_file():
                    file.chmod(0o600)
        connection = connections.connect(self.path, is_snapshot=not self._is_marked)
        self._identity = _identity(self.path)
        self._log_identity = _identity(self._log)
        return connection

    def _remove_log(self) -> None:
        """Remove the log of a file that is gone, which SQLite would take for that of the file in its place."""
        if self._log_identity and _identity(self._log) == self._log_identity:
            for suffix in PARTS[1:]:
                self.path.with_name(f"{self.path.name}{suffix}").unlink(missing_ok=True)


def _nothing(_: sqlite3.Connection) -> None:
    """Do nothing, in a transaction."""


def _is_harmless(err: Exception, db: sqlite3.Connection | None) -> bool:
    """Whether a connection is as good as before: a full disk or a value that can't be stored changed nothing."""
    code = getattr(err, "sqlite_errorcode", None)
    known = code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT)
    return bool(db and not db.in_transaction and (known or not isinstance(err, (sqlite3.Error, OSError))))


def _reason(err: Exception) -> str:
    """Return what went wrong, without the path, which may hold a person's name, and without any text."""
    name = type(err).__name__
    if isinstance(err, OSError):
        return f"{name}: {err.strerror or err.errno}"
    if isinstance(err, sqlite3.Error):
        return f"{name}: {getattr(err, 'sqlite_errorname', None) or err}"
    return f"{name}: a value can't be stored"


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another in its place, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
