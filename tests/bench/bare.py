"""The limits: the same rows in the same tables, with nothing around them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

import aiosqlite

from asyncjobs import Jobs


async def sample_row(path: Path) -> dict[str, object]:
    """A stored job's columns, as the library itself writes them into a fresh file at `path`."""
    jobs = Jobs(path, queues={"default": 100})

    @jobs.task(name="noop")
    async def noop(n: int) -> None: ...

    async with jobs.running(work=()):
        await jobs.enqueue(noop, n=1)
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM jobs").fetchone())
    connection.close()
    del row["seq"]
    return row


class Bare:
    """A raw connection on a file that the library made."""

    def __init__(self, path: Path, row: dict[str, object], synchronous: str = "FULL") -> None:
        self.path = path
        self._row = row
        self._synchronous = synchronous
        columns = list(row)
        self.insert = f"INSERT INTO jobs ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})"

    def rows(self, count: int) -> list[tuple[object, ...]]:
        return [tuple({**self._row, "id": str(uuid4())}.values()) for _ in range(count)]

    def connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        return connection

    async def one_caller(self, seconds: float) -> float:
        """Commits a second: one row each, one after the other, through aiosqlite."""
        rows = iter(self.rows(20_000))
        async with aiosqlite.connect(self.path, isolation_level=None) as connection:
            await connection.execute(f"PRAGMA synchronous={self._synchronous}")
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < seconds:
                await connection.execute(self.insert, next(rows))
                done += 1
            return done / (time.perf_counter() - began)

    async def group_commit(self, seconds: float, callers: int = 64) -> float:
        """Rows a second: `callers` await, one task writes whatever has come in one transaction and one hop."""
        rows = iter(self.rows(60_000))
        connection = self.connect()
        waiting: list[tuple[tuple[object, ...], asyncio.Future[None]]] = []
        arrived = asyncio.Event()
        loop = asyncio.get_running_loop()

        def write(batch: list[tuple[object, ...]]) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(self.insert, batch)
            connection.execute("COMMIT")

        async def writer() -> None:
            nonlocal waiting
            while True:
                await arrived.wait()
                arrived.clear()
                while waiting:
                    batch, waiting = waiting, []
                    await loop.run_in_executor(None, write, [row for row, _ in batch])
                    for _, future in batch:
                        future.set_result(None)

        done = 0
        began = time.perf_counter()

        async def caller() -> None:
            nonlocal done
            while time.perf_counter() - began < seconds:
                future: asyncio.Future[None] = loop.create_future()
                waiting.append((next(rows), future))
                arrived.set()
                await future
                done += 1

        task = asyncio.create_task(writer())
        await asyncio.gather(*(caller() for _ in range(callers)))
        rate = done / (time.perf_counter() - began)
        task.cancel()
        connection.close()
        return rate

    def batches(self, seconds: float, size: int = 1000) -> float:
        """Rows a second in transactions of `size`."""
        prepared = [self.rows(size) for _ in range(40)]
        connection = self.connect()
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds and prepared:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(self.insert, prepared.pop())
            connection.execute("COMMIT")
            done += size
        rate = done / (time.perf_counter() - began)
        connection.close()
        return rate

    def drain(self, count: int, limit: int = 100) -> float:
        """Jobs a second: `limit` to running and the `limit` before to succeeded, in one transaction each time."""
        connection = self.connect()
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(self.insert, self.rows(count))
        connection.execute("COMMIT")
        running: list[tuple[int]] = []
        began = time.perf_counter()
        done = 0
        while True:
            connection.execute("BEGIN IMMEDIATE")
            if running:
                connection.executemany(
                    "UPDATE jobs SET state = 2, finished_at = 1, result = NULL WHERE seq = ? AND state = 1", running
                )
                done += len(running)
            running = connection.execute(
                "SELECT seq FROM jobs WHERE queue = 'default' AND priority = 1 AND state = 0 AND hold = 0 "
                "ORDER BY run_at, seq LIMIT ?",
                (limit,),
            ).fetchall()
            connection.executemany(
                "UPDATE jobs SET state = 1, attempt = 1, token = token + 1, runner = 'x', started_at = 1 WHERE seq = ?", running
            )
            connection.execute("COMMIT")
            if not running:
                break
        rate = done / (time.perf_counter() - began)
        connection.close()
        return rate
