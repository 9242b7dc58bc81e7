"""Connections to the file: the one that writes, those that read, and the mark of a snapshot."""

from contextlib import closing
from pathlib import Path
import sqlite3
from typing import Final

from ..texts import plain
from . import accounts, schema, transitions

BUSY_TIMEOUT: Final = 10.0
LOG_LIMIT: Final = 4 * 1024 * 1024
# The file's application id: in use, or in a snapshot. A file that is opened as a snapshot was restored.
IN_USE: Final = 0x534D5349
SNAPSHOT: Final = 0x534D5342


def connect(path: Path, *, is_snapshot: bool) -> sqlite3.Connection:
    """Open a file for writing, check it, and bring it to the present version.

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
                transitions.doubt(db)
                db.execute(f"PRAGMA application_id = {IN_USE}")
        # The log is copied into the file beside this connection, see `checkpoint`; then it begins at its start again.
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT}")
    except BaseException:
        db.close()
        raise
    return db


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that can't be changed by this connection."""
    db = sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    db.row_factory = sqlite3.Row
    db.create_function("contains", 2, lambda text, part: part in plain(text), deterministic=True)
    return db


def connect_frozen(path: Path) -> sqlite3.Connection:
    """Return a connection that goes on reading a file as it is now."""
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        db.close()
        raise
    return db


def checkpoint(path: Path, mode: str) -> bool:
    """Copy the log into the file, as far as that is possible without waiting; return whether all of it was copied.

    Args:
        path: The file.
        mode: `PASSIVE` disturbs nobody; `TRUNCATE` empties the log, too, and needs that nobody else reads or writes.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None)) as db:
            is_busy, pages, copied = db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error:
        return False
    return not is_busy and pages == copied


def set_application_id(db: sqlite3.Connection, value: int) -> None:
    """Note in the file what it is."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"PRAGMA application_id = {value}")


def _check(db: sqlite3.Connection) -> None:
    """Raise the error of a damaged file where SQLite's own check finds one."""
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise schema.damage("the check of the file failed")
