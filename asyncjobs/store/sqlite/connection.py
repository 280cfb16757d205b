"""A connection on a thread of its own, and what its errors mean to us."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite

from asyncjobs.errors import StoreClosed, StoreError, StoreFull, StoreMismatch, StoreUnavailable

V = TypeVar("V")

BUSY_TIMEOUT = 5.0  # seconds
ENDING = 1.0  # seconds at most; a thread that has answered its last call has only to return, which takes microseconds

_AWAY = {
    sqlite3.SQLITE_BUSY: "the database is locked by another program",
    sqlite3.SQLITE_LOCKED: "the database is locked by another program",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an I/O error",
    sqlite3.SQLITE_CANTOPEN: "the database file can't be opened",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_PROTOCOL: "the database's lock is contended",
    sqlite3.SQLITE_NOMEM: "SQLite is out of memory",
    sqlite3.SQLITE_INTERRUPT: "the read took too long",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged; keep it, and restore it with `sqlite3 FILE .recover`",
    sqlite3.SQLITE_NOTADB: "the database file was overwritten with something else",
    sqlite3.SQLITE_PERM: "the database may not be accessed",
}
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_LATER = (errno.EIO, errno.EAGAIN, errno.EBUSY, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE)


class Call(str):
    """A statement that is a function: how one hop to the connection's thread carries many.

    aiosqlite has no public way to run a function there, but it calls `execute` of the class given as its `factory=`. A hop
    costs ten times what a statement does.
    """

    function: Callable[[sqlite3.Connection], Any]

    def __new__(cls, function: Callable[[sqlite3.Connection], Any]) -> Call:
        call = super().__new__(cls, "a call")
        call.function = function
        return call


class _Answer:
    """Stands where a cursor would."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def fetchall(self) -> list[Any]:
        return [self._value]


class _Connection(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        if isinstance(sql, Call):
            return _Answer(sql.function(self))
        return super().execute(sql, parameters)


class Hopper:
    """One SQLite connection with its thread."""

    def __init__(self, database: str) -> None:
        self._database = database  # a file: URI
        self._connection: aiosqlite.Connection | None = None

    async def open(self) -> None:
        connection = aiosqlite.connect(
            self._database, uri=True, factory=_Connection, isolation_level=None, timeout=BUSY_TIMEOUT, cached_statements=256
        )
        # aiosqlite's thread is no daemon: stuck in a write to a stuck disk, it would keep the process from ending for ever. It
        # has no public switch for that; without the attribute we lose that promise only (aiosqlite is bound below 0.23).
        thread = getattr(connection, "_thread", None)
        if thread is not None:
            thread.daemon = True
        self._connection = await connection

    async def call(self, function: Callable[[sqlite3.Connection], V]) -> V:
        """Run `function` on the thread, with nothing in between. Whether the waiter is cancelled or not, it runs to its end."""
        if self._connection is None:
            raise StoreClosed
        answer: list[Any] = list(await self._connection.execute_fetchall(Call(function)))
        value: V = answer[0]
        return value

    async def close(self) -> None:
        """Close, and end the thread. Waits once: aiosqlite's own close() would go on waiting for a stuck disk when cancelled."""
        connection, self._connection = self._connection, None
        stopped = None if connection is None else connection.stop()
        if stopped is not None:
            await stopped
            thread: threading.Thread | None = getattr(connection, "_thread", None)
            if thread is not None:
                thread.join(ENDING)


def code_of(error: sqlite3.Error) -> int:
    """The primary result code; 0 where the driver gave none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def is_away(error: sqlite3.Error) -> bool:
    """Whether it is the store that failed, not the data."""
    return code_of(error) in _AWAY


def unavailable(error: sqlite3.Error, path: str) -> StoreUnavailable:
    """This error as what callers know."""
    kind = StoreFull if code_of(error) == sqlite3.SQLITE_FULL else StoreUnavailable
    return kind(f"{path}: {_AWAY.get(code_of(error), 'SQLite failed')} ({error})")


def refused(error: OSError, sentence: str) -> StoreError:
    """What the file system's refusal means, told in this sentence: try again, or wrong for good."""
    if error.errno in _NO_SPACE:
        return StoreFull(sentence)
    return StoreUnavailable(sentence) if error.errno in _LATER else StoreMismatch(sentence)


def not_openable(error: sqlite3.Error, path: str) -> StoreError:
    """What an error while opening means: refused for good, or try again."""
    match code_of(error):
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR if _is_full(os.path.dirname(path)):  # no room for the log beside it
            return StoreFull(f"{path}: the disk is full ({error})")
        case sqlite3.SQLITE_NOTADB:
            return StoreMismatch(
                f"{path} is not an SQLite database. Give asyncjobs a file of its own; this one was left as it is."
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreMismatch(
                f"{path} can't be opened for writing ({error}); check the folder's owner and mode, and the mount."
            )
        case _:
            return unavailable(error, path)


def _is_full(folder: str) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return not found.f_bavail or bool(found.f_files and not found.f_favail)
