"""The reading half for a file that is only looked at: whoever owns it, in use or at rest, and wherever nothing may be written.

Nothing is held between two reads: each has a connection of its own, so the app whose file it is finds itself alone when it stops, and
moves its log away as ever; and a file that was put in the place of another is seen.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from asyncjobs.clock import Clock
from asyncjobs.errors import StoreClosed, StoreError, StoreMismatch
from asyncjobs.store.sqlite import place, schema
from asyncjobs.store.sqlite.connection import Hopper, code_of, unavailable
from asyncjobs.store.sqlite.files import LOG
from asyncjobs.store.sqlite.reader import SQLiteReader

V = TypeVar("V")

TRIES = 3  # at a file at rest that changes while it is read; then it is in use
# In use: by SQLite's locks, which want the memory beside the log (-shm), and make it where it is missing. At rest: as it stands on disk,
# without any lock and without a file being made, which SQLite would leave behind: it may remove neither where it may not write.
IN_USE, AT_REST = "mode=ro", "mode=ro&immutable=1"
_PRAGMAS = ("query_only = 1", "trusted_schema = 0", "temp_store = MEMORY")


class Looker(SQLiteReader):
    """Changes nothing, and makes nothing that was not there, except -shm beside a log that its process has left behind."""

    def __init__(self, path: str, clock: Clock) -> None:
        super().__init__(path, _uri(path, IN_USE), clock)

    async def open(self) -> None:
        """Find that there is something to look at. Raises StoreMismatch, StoreUnavailable."""
        place.check_there(self._path)
        try:
            await self._look(lambda cursor: None, True)
        except sqlite3.Error as error:
            raise _not_readable(error, self._path) from error
        self._open = True

    async def close(self) -> None:
        self._open = False

    async def read(self, function: Callable[[sqlite3.Cursor], V], *, bounded: bool = True) -> V:
        """As for every reader; StoreMismatch too, for a file that has become another one."""
        if not self._open:
            raise StoreClosed
        try:
            return await self._look(function, bounded)
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    async def _look(self, function: Callable[[sqlite3.Cursor], V], bounded: bool) -> V:
        """What was read without locks holds if the file was at rest before and is the same, and at rest, after."""
        for _ in range(TRIES):
            before = _at_rest(self._path)
            if before is None:
                break
            try:
                found = await self._once(AT_REST, function, bounded)
            except (sqlite3.Error, StoreMismatch):  # half of a change looks like damage
                if _at_rest(self._path) == before:
                    raise
                continue
            if _at_rest(self._path) == before:
                return found
        return await self._once(IN_USE, function, bounded)

    async def _once(self, mode: str, function: Callable[[sqlite3.Cursor], V], bounded: bool) -> V:
        def look(connection: sqlite3.Connection) -> V:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").fetchall()
            schema.check_current(connection, self._path)  # each time: its app may have moved on to a newer one
            return self.in_one_transaction(connection, function, bounded)

        hopper = Hopper(_uri(self._path, mode))
        await hopper.open()
        try:
            return await hopper.call(look)
        finally:
            await hopper.close()


def _uri(path: str, mode: str) -> str:
    return f"file:{schema.quoted(path)}?{mode}"


def _at_rest(path: str) -> tuple[int, int, int] | None:
    """Which file it is and as it was last written, where all that it holds is in it; None where some may be in a log beside it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if _size(path + LOG) or _size(path + "-journal"):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _not_readable(error: sqlite3.Error, path: str) -> StoreError:
    match code_of(error):
        case sqlite3.SQLITE_NOTADB:
            return StoreMismatch(f"{path} is not an SQLite database")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM if _size(path + LOG):
            folder, name = os.path.split(path)
            return StoreMismatch(
                f"{path}: what was stored last is in its log, {name}{LOG}, which can be read only where this user (uid {os.getuid()}) may "
                f"write, and {folder} is no such place ({error}). Copy both files to a folder of yours, and look there."
            )
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return StoreMismatch(f"{path} can't be opened ({error}); check the owner and mode of it and its folder")
        case _:
            return unavailable(error, path)
