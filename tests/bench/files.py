"""Database files to measure on: empty ones, and ones that have a million jobs already."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from enum import StrEnum
from pathlib import Path

from asyncjobs import Jobs
from asyncjobs.store.sqlite.transaction import Transaction

QUEUE = "default"
TASK = "noop"
LATER = 30 * 86_400.0  # seconds
LAST = 3  # the priority of what stands for depth, so that others may be first


class Kind(StrEnum):
    """What the jobs of a file are."""

    QUEUED = "queued"  # due
    FINISHED = "finished"
    SCHEDULED = "scheduled"  # due in a month
    HELD = "held"  # of a task that no process knows


class Files:
    """Makes each kind once, and copies it for each use. Every file is of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[Kind, int], tuple[Path, float]] = {}  # with the time of its making
        self._number = 0
        self.row = sample_row(self.new())

    def new(self) -> Path:
        """Where nothing is yet."""
        self._number += 1
        return self._folder / f"{self._number}.db"

    def empty(self) -> Path:
        """A file that has the tables and no jobs."""
        path = self.new()
        asyncio.run(_open_and_close(path))
        return path

    def of(self, kind: Kind, count: int) -> Path:
        """A file with `count` jobs of this kind."""
        if (kind, count) not in self._made:
            made = self.new()
            prefill(made, kind, count)
            self._made[kind, count] = made, time.time()
        path = self.new()
        shutil.copyfile(self._made[kind, count][0], path)
        _sync(path)
        return path

    def made_at(self, kind: Kind, count: int) -> float:
        """When that one was made, in seconds as time.time() has it: its jobs have been due since shortly before."""
        return self._made[kind, count][1]

    def drop(self, kind: Kind, count: int) -> None:
        """It is not needed any more: a million jobs are half a gigabyte."""
        if made := self._made.pop((kind, count), None):
            made[0].unlink()


def prefill(path: Path, kind: Kind, count: int) -> None:
    """Make `path`, with one job that the library has brought there, and copies of its row by SQL.

    Counters and history are multiplied, so that statistics tell the truth: whatever is known of the one holds for each.
    """
    asyncio.run(_one(path, kind))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(jobs)") if name not in ("seq", "id")]
        listed = ", ".join(columns)
        for pragma in ("synchronous = OFF", "cache_size = -400000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        # The library's own, for what it would count with the next change.
        counting = Transaction(connection, 0, counted_to=0, inserted_to=0)
        counting.count_inserts()
        counting.flush()
        connection.execute(
            f"""
            WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies LIMIT :count)
            INSERT INTO jobs (id, {listed})
            SELECT {_UUID}, {listed} FROM copies, jobs
            """,
            {"count": count - 1, "since": round(time.time() * 1000) - count},
        )
        connection.execute("UPDATE counters SET n = n * ? WHERE queue <> ''", (count,))
        connection.execute("UPDATE counters SET n = (SELECT max(seq) FROM jobs) WHERE key = 'counted'")
        connection.execute("UPDATE history SET n = n * ?", (count,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    _sync(path)


# UUID version 7, as the library's ids are, one a millisecond: they come before those of new jobs, in order.
_UUID = "printf('%08x-%04x-7000-a000-%s', (:since + n) >> 16, (:since + n) & 65535, lower(hex(randomblob(6))))"


async def _one(path: Path, kind: Kind) -> None:
    """Bring one job there, the way any job gets there."""
    jobs = Jobs(path, queues={QUEUE: 1})

    @jobs.task(name=TASK if kind is not Kind.HELD else "elsewhere", priority=LAST)
    async def noop(n: int) -> None: ...

    if kind is Kind.FINISHED:
        async with jobs.running():
            handle = await jobs.enqueue(noop, n=1)
            await handle.result(timeout=30)
        return
    async with jobs.running(work=()):
        await (noop.options(delay=LATER) if kind is Kind.SCHEDULED else noop).enqueue(n=1)
    if kind is Kind.HELD:
        await _hold(path)


async def _hold(path: Path) -> None:
    """Let a process that doesn't know the task find its job."""
    jobs = Jobs(path, queues={QUEUE: 1})
    async with jobs.running(), asyncio.timeout(30):
        while not (await jobs.stats()).queues[0].held:
            await asyncio.sleep(0.01)


async def _open_and_close(path: Path) -> None:
    async with Jobs(path, queues={QUEUE: 1}).running(work=()):
        pass


def sample_row(path: Path) -> Mapping[str, object]:
    """A stored job's columns, as the library itself writes them into a fresh file at `path`; without those that fill themselves."""
    asyncio.run(_sample(path))
    with closing(sqlite3.connect(path)) as connection:
        defaults = {name for _, name, _, _, default, _ in connection.execute("PRAGMA table_info(jobs)") if default is not None}
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM jobs").fetchone())
    return {name: value for name, value in row.items() if value is not None and name not in {*defaults, "seq"}}


async def _sample(path: Path) -> None:
    jobs = Jobs(path, queues={QUEUE: 1})

    @jobs.task(name=TASK)
    async def noop(n: int) -> None: ...

    async with jobs.running(work=()):
        await jobs.enqueue(noop, n=1)


def _sync(path: Path) -> None:
    """Have it on the disk now: the first commit measured must not wait for it. Nobody has it open, so we may."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
