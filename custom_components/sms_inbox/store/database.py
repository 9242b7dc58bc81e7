"""The file: one thread that writes, one that reads, damage, and the snapshot for a backup."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
import sqlite3
import time
from typing import Concatenate, Final

from . import accounts, schema

BUSY_TIMEOUT: Final = 10.0
LONGEST_BACKUP: Final = 12 * 3600.0
LOG_LIMIT: Final = 4 * 1024 * 1024
DAMAGED: Final = ".damaged-"
PARTS: Final = ("", "-wal", "-shm")
# The file's application id: in use, or in a snapshot. A file that is opened as a snapshot was restored.
IN_USE: Final = 0x534D5349
SNAPSHOT: Final = 0x534D5342


class StoreError(Exception):
    """The store could not read or write; nothing of the transaction happened. Holds no text of a message."""


class _Thread:
    """Runs functions one after the other in a thread of its own, which lives from the first use to `close`."""

    def __init__(self, name: str) -> None:
        """Take the thread's name."""
        self._name = name
        self._executor: ThreadPoolExecutor | None = None

    async def run[T](self, function: Callable[[], T]) -> T:
        """Run a function and return its result; it runs to its end even if nobody waits for it any more."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, self._name)
        future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise

    def close(self) -> None:
        """End the thread."""
        if self._executor:
            self._executor.shutdown()
            self._executor = None


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
        self._writer = _Thread("sms_inbox write")
        self._reader = _Thread("sms_inbox read")
        self._connection: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._reading_identity: tuple[int, int] | None = None
        self._frozen: sqlite3.Connection | None = None
        self._freezes = 0
        self._frozen_at = 0.0
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
        if log_size > LOG_LIMIT:
            self._checkpoint_soon()
        return result

    async def write_in_batches(self, work: Callable[[sqlite3.Connection], bool]) -> bool:
        """Repeat a function, in a transaction each, until it returns False; return whether it ever returned True.

        Whatever else is to be written comes between two batches.

        Raises:
            StoreError: The last batch did not happen.
        """
        repeated = False
        while await self.write(work):
            repeated = True
        return repeated

    async def read[**P, T](
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function on the reading connection, in a transaction.

        Raises:
            StoreError: It could not be read.
        """
        if not self._connection or self._identity != _identity(self.path):
            await self.open()  # the file need not be there yet

        def run() -> T:
            with self._opened_for_reading() as db:
                db.execute("BEGIN")
                try:
                    return work(db, *args, **kwargs)
                finally:
                    db.execute("ROLLBACK")

        return await self._reader.run(run)

    async def empty_log(self) -> None:
        """Remove what was erased from SQLite's log, too; while the file is frozen, that waits."""
        await self._reader.run(lambda: self._run_checkpoint("TRUNCATE"))

    async def freeze(self) -> None:
        """Keep the file as it is, so that it can be copied together with its log, where all changes go meanwhile.

        The copy is marked as a snapshot. It stays so until `thaw` was called as often, but for no longer than a backup
        takes.

        Raises:
            StoreError: The file could not be frozen.
        """
        await self._writer.run(self._freeze)

    async def thaw(self) -> None:
        """Let changes into the file again.

        Raises:
            StoreError: The mark of the snapshot could not be removed; the next start takes the file for a restored one.
        """
        await self._writer.run(self._thaw)

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
        if not self._checkpoint or self._checkpoint.done():
            run = self._reader.run(lambda: self._run_checkpoint("PASSIVE"))
            self._checkpoint = asyncio.get_running_loop().create_task(run)

    def _run_checkpoint(self, mode: str) -> None:
        """Copy the log into the file, as far as that is possible without waiting."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.path, timeout=0, isolation_level=None)) as db:
            db.execute(f"PRAGMA wal_checkpoint({mode})")

    def _log_size(self) -> int:
        """Return the size of the log in bytes."""
        try:
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size
        except OSError:
            return 0

    def _freeze(self) -> None:
        """Mark the file, empty the log into it, and let a reader keep SQLite from changing it."""
        self._freezes += 1
        self._frozen_at = time.monotonic()
        with self._opened() as db:
            if self._frozen:
                return
            _set_application_id(db, SNAPSHOT)
            try:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                # While the log is empty, a reader reads the file itself, in which SQLite then changes nothing.
                self._frozen = _connect_frozen(self.path)
            except sqlite3.Error:
                _set_application_id(db, IN_USE)
                raise

    def _thaw(self) -> None:
        """Remove the mark of the snapshot, and the reader that keeps SQLite from changing the file."""
        self._freezes = max(self._freezes - 1, 0)
        if not self._freezes:
            self._let_go()

    def _let_go(self) -> None:
        """Freeze the file no longer."""
        self._freezes = 0
        if self._frozen:
            self._frozen.close()
            self._frozen = None
            with self._opened() as db:
                _set_application_id(db, IN_USE)

    def _close(self) -> None:
        """Close the file; only then may a failure be ignored."""
        with suppress(StoreError):
            self._let_go()
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
            if self._frozen and time.monotonic() - self._frozen_at > LONGEST_BACKUP:
                self._let_go()
            self._connection = self._connection or self._open()
            yield self._connection
        except (sqlite3.Error, OSError, ValueError, OverflowError) as err:
            if not _is_harmless(err, self._connection):
                # The next use opens the file anew, and sees what has become of it.
                self._disconnect()
            raise StoreError(f"{type(err).__name__}: {_reason(err)}") from err

    @contextmanager
    def _opened_for_reading(self) -> Iterator[sqlite3.Connection]:
        """Yield the reading connection, opened if need be; whatever goes wrong is a StoreError."""
        try:
            if self._reading and self._reading_identity != _identity(self.path):
                self._close_reading()
            if not self._reading:
                self._reading_identity = _identity(self.path)
                self._reading = _connect_for_reading(self.path)
            yield self._reading
        except (sqlite3.Error, OSError, ValueError, OverflowError) as err:
            self._close_reading()
            raise StoreError(f"{type(err).__name__}: {_reason(err)}") from err

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
            file.chmod(0o600)
        connection = _connect(self.path, is_snapshot=not self._frozen)
        self._identity = _identity(self.path)
        return connection


def _nothing(_: sqlite3.Connection) -> None:
    """Do nothing, in a transaction."""


def _connect(path: Path, *, is_snapshot: bool) -> sqlite3.Connection:
    """Open a file, check it, and bring it to the present version.

    Args:
        path: The file.
        is_snapshot: Whether its mark, if it has one, is that of a restored snapshot, and not that of a backup which we
            are making.
    """
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.row_factory = sqlite3.Row
        # Every commit is on the disk before it returns; what is erased is overwritten.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = ON")
        schema.prepare(db)
        _check(db)
        if is_snapshot and db.execute("PRAGMA application_id").fetchone()[0] == SNAPSHOT:
            with db:
                db.execute("BEGIN IMMEDIATE")
                accounts.doubt_all(db)
                db.execute(f"PRAGMA application_id = {IN_USE}")
        # The log is copied into the file by another connection, see `Store._checkpoint_soon`.
        db.execute("PRAGMA wal_autocheckpoint = 0")
    except BaseException:
        db.close()
        raise
    return db


def _check(db: sqlite3.Connection) -> None:
    """Raise the error of a damaged file where SQLite's own check finds one."""
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise schema.damage("the check of the file failed")


def _connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that can't be changed by this connection."""
    db = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    db.row_factory = sqlite3.Row
    db.create_function("contains", 2, lambda text, part: part in text.casefold(), deterministic=True)
    return db


def _connect_frozen(path: Path) -> sqlite3.Connection:
    """Return a connection that goes on reading a file as it is now."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def _set_application_id(db: sqlite3.Connection, value: int) -> None:
    """Note in the file what it is."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA application_id = {value}")


def _is_harmless(err: Exception, db: sqlite3.Connection | None) -> bool:
    """Whether a connection is as good as before: a full disk or a value that can't be stored changed nothing."""
    code = getattr(err, "sqlite_errorcode", None)
    known = code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_TOOBIG)
    return bool(db and not db.in_transaction and (known or isinstance(err, (ValueError, OverflowError))))


def _reason(err: Exception) -> str:
    """Return what went wrong, without the path, which may hold a person's name, and without any text."""
    if isinstance(err, OSError):
        return err.strerror or str(err.errno)
    if isinstance(err, sqlite3.Error):
        return getattr(err, "sqlite_errorname", None) or str(err)
    return "a value can't be stored"


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another in its place, None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
