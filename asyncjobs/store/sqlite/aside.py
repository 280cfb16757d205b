"""What takes long, beside the store's work: on connections of their own, which read, and give up when the store closes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from asyncjobs.errors import ConfigurationError, StoreClosed
from asyncjobs.spawn import spawn
from asyncjobs.store.sqlite.connection import Hopper, refused, unavailable
from asyncjobs.store.sqlite.files import DATABASE, LOCKS, LOG

V = TypeVar("V")

CHECK_EVERY = 10_000  # SQLite's instructions between looks whether to give up, some 0.1 ms
FAULTS = 100  # that an integrity check names at most
BACKUP = ".backup"  # beyond the database's own path, where nothing else is said


class Aside:
    """Of one store; see there."""

    def __init__(self, path: str, database: str) -> None:
        self._path = path
        self._database = database  # a file: URI, to read
        self._over = threading.Event()  # read on the threads of those that are under way
        self._under_way: set[asyncio.Task[object]] = set()

    async def check(self) -> list[str]:
        """What is wrong with the file, by SQLite's own account; nothing where it is whole. Reads all of it."""
        said = await self._run(lambda connection: connection.execute(f"PRAGMA integrity_check({FAULTS})").fetchall())
        return [fault for (fault,) in said if fault != "ok"]

    async def backup(self, to: str | None) -> str:
        """Copy what is stored at this moment into a file, in place of one that was there, and say which. Raises ConfigurationError for a
        path that can't be one."""
        return await self._run(lambda connection: _copy(connection, self._target(to)))

    def _target(self, to: str | None) -> str:
        target = os.path.realpath(self._path + BACKUP if to is None else to)
        if os.path.isdir(target) or target in {os.path.realpath(self._path) + suffix for suffix in (DATABASE, LOG, LOCKS)}:
            raise ConfigurationError(f"backup(to={to!r}): give the path of a file, and not of the database's own")
        return target

    async def stop(self) -> None:
        """Those under way give up, and have ended when it returns."""
        self._over.set()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._over = threading.Event()

    async def _run(self, function: Callable[[sqlite3.Connection], V]) -> V:
        """A task of its own, so that whoever waits for it may stop waiting."""
        task = spawn(self._carried_out(function, self._over), name="asyncjobs store aside")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _carried_out(self, function: Callable[[sqlite3.Connection], V], over: threading.Event) -> V:
        def until_over(connection: sqlite3.Connection) -> V:
            connection.set_progress_handler(lambda: int(over.is_set()), CHECK_EVERY)
            return function(connection)

        hopper = Hopper(self._database)
        try:
            await hopper.open()
            try:
                return await hopper.call(until_over)
            finally:
                await hopper.close()
        except sqlite3.Error as error:
            if over.is_set():
                raise StoreClosed from error
            raise unavailable(error, self._path) from error
        except OSError as error:
            raise refused(error, f"the backup can't be written: {error}; check the folder's owner, mode and room") from error


def _copy(connection: sqlite3.Connection, target: str) -> str:
    """Whole, or not at all: what was there stays until the copy is on disk."""
    part = target + ".part"
    with suppress(FileNotFoundError):
        os.unlink(part)  # of one that was broken off
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite would leave it to be read by others
    try:
        connection.execute("VACUUM INTO ?", (part,)).fetchall()
        _sync(part)
        os.replace(part, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise
    _sync(os.path.dirname(target))
    return target


def _sync(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
