"""The limits: the same rows in the same tables, with nothing around them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiosqlite

from asyncjobs.clock import SystemClock

AT_MOST = 150_000  # rows a second that any bare loop here has written, with room: so many are made before the clock starts

# As the library has it, so that what differs is what is around the rows: synced, 4 MiB of log between checkpoints (SQLite's own
# default, too), 16 MiB of page cache.
PRAGMAS = ("PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 1024", "PRAGMA cache_size = -16384")


class Bare:
    """A raw connection on a file that the library made. Its rows are made beforehand; its commits are synced, as ours are."""

    def __init__(self, path: Path, row: Mapping[str, object]) -> None:
        self.path = path
        self._row = row
        self._clock = SystemClock()  # its ids sort as they were made, which spares the index of ids most of its pages
        columns = list(row)
        self.insert = f"INSERT INTO jobs ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"

    def rows(self, count: int) -> list[tuple[object, ...]]:
        return [tuple({**self._row, "id": self._clock.new_id()}.values()) for _ in range(count)]

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(pragma).fetchall()
        return connection

    @asynccontextmanager
    async def committing(self) -> AsyncIterator[aiosqlite.Connection]:
        """Each execute() of `insert` on it is one commit."""
        async with aiosqlite.connect(self.path, isolation_level=None) as connection:
            for pragma in PRAGMAS:
                await connection.execute_fetchall(pragma)
            yield connection

    async def one_caller(self, connection: aiosqlite.Connection, seconds: float) -> float:
        """Commits a second: one row each, one after the other, on a connection of committing()."""
        rows = iter(self.rows(int(seconds * 20_000) + 100))
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            await connection.execute(self.insert, next(rows))
            done += 1
        return done / (time.perf_counter() - began)

    async def group_commit(self, connection: sqlite3.Connection, seconds: float, callers: int = 64) -> float:
        """Rows a second: `callers` await, one task writes whatever has come in one transaction and one hop."""
        rows = self.rows(int(seconds * AT_MOST) + callers)
        return await _Group(connection, self.insert, iter(rows)).run(seconds, callers)

    def batches(self, connection: sqlite3.Connection, seconds: float, size: int = 1000) -> float:
        """Rows a second in transactions of `size`."""
        batches = [self.rows(size) for _ in range(int(seconds * AT_MOST / size) + 1)]
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds and batches:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(self.insert, batches.pop())
            connection.execute("COMMIT")
            done += size
        return done / (time.perf_counter() - began)

    def drain(self, count: int, limit: int = 100) -> float:
        """Jobs a second: `limit` to running and the `limit` before to succeeded, in one transaction each time.

        Not synced (NORMAL), as claims and ends of ours are not: a power cut lets jobs run again, and loses none.
        """
        with closing(self.connect()) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(self.insert, self.rows(count))
            connection.execute("COMMIT")
            began, done = time.perf_counter(), 0
            running: list[tuple[int]] = []
            while done < count:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(_END, running)
                done += len(running)
                running = connection.execute(_DUE, (limit,)).fetchall()
                connection.executemany(_START, running)
                connection.execute("COMMIT")
            return done / (time.perf_counter() - began)


_END = "UPDATE jobs SET state = 2, finished_at = 1, result = NULL WHERE seq = ? AND state = 1"
_START = "UPDATE jobs SET state = 1, attempt = 1, token = token + 1, runner = 'x', started_at = 1 WHERE seq = ?"
_DUE = "SELECT seq FROM jobs WHERE queue = 'default' AND priority = 1 AND state = 0 AND hold = 0 ORDER BY run_at, seq LIMIT ?"


class _Group:
    """Group commit at its leanest: callers leave a row and a future, one task writes what lies there."""

    def __init__(self, connection: sqlite3.Connection, insert: str, rows: Iterator[tuple[object, ...]]) -> None:
        self._connection = connection
        self._insert = insert
        self._rows = rows
        self._waiting: list[tuple[tuple[object, ...], asyncio.Future[None]]] = []  # filled by callers, emptied by the writer
        self._arrived = asyncio.Event()
        self._done = 0

    async def run(self, seconds: float, callers: int) -> float:
        writer = asyncio.create_task(self._write())
        began = time.perf_counter()
        await asyncio.gather(*(self._call(began + seconds) for _ in range(callers)))
        rate = self._done / (time.perf_counter() - began)
        writer.cancel()
        return rate

    async def _call(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        while time.perf_counter() < until:
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append((next(self._rows), future))
            self._arrived.set()
            await future
            self._done += 1

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await loop.run_in_executor(None, self._commit, [row for row, _ in batch])
                for _, future in batch:
                    future.set_result(None)

    def _commit(self, batch: list[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._insert, batch)
        self._connection.execute("COMMIT")
