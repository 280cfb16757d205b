"""The reading half: a connection of its own, so that looking never waits behind a write, with a deadline."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeVar

from asyncjobs.clock import Clock
from asyncjobs.errors import StoreClosed
from asyncjobs.job import PRIORITIES, Job, State
from asyncjobs.pause import Pause
from asyncjobs.store.base import (
    COUNT_LIMIT,
    HISTORY_STEP,
    Act,
    FailureGroup,
    HistoryBucket,
    JobQuery,
    Metric,
    Page,
    QueueStats,
    RunnerStats,
    Situation,
    Stats,
    Storage,
)
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.aside import BACKUP
from asyncjobs.store.sqlite.connection import Hopper, unavailable
from asyncjobs.store.sqlite.files import DATABASE, LOG, Files, look
from asyncjobs.store.sqlite.paging import page
from asyncjobs.store.sqlite.rows import STATES, askable, condition_of, dumps, error_of, job_of, pause_of, runner_of
from asyncjobs.store.sqlite.situation import situation
from asyncjobs.store.tally import HELD, NO_BUCKET, RETRYING, TOTALS, buckets_of, total_of

V = TypeVar("V")
Judge = Callable[[sqlite3.Cursor], Callable[[str], bool]]  # who is alive, by the rows a cursor sees; on the reader's thread

DEADLINE = 1.0  # seconds of one hop; longer readers keep the log from being reused
CHECK_EVERY = 10_000  # SQLite's instructions between looks at the deadline, some 0.1 ms


class SQLiteReader:
    """Carries the read verbs out; each is one read transaction, so its numbers are of one moment."""

    def __init__(self, path: str, uri: str, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._hopper = Hopper(uri)
        self._open = False
        self._files = Files(path)  # noted by open()
        self.deadline = DEADLINE

    async def open(self) -> None:
        """Connect. sqlite3 errors come through, and nothing stays open then."""
        await self._hopper.open()
        try:
            await self._hopper.call(lambda connection: [connection.execute(f"PRAGMA {p}").fetchall() for p in _PRAGMAS])
        except BaseException:
            await self._hopper.close()
            raise
        self._files.note(DATABASE)
        self._open = True

    async def close(self) -> None:
        self._open = False
        await self._hopper.close()

    async def get(self, ids: Sequence[str]) -> list[Job | None]:
        rows = await self.read(lambda cursor: [cursor.execute(sql.JOB_BY_ID, (askable(id),)).fetchone() for id in ids])
        return [None if row is None else job_of(row) for row in rows]

    async def page(self, query: JobQuery, *, limit: int, after: str | None) -> Page:
        return await self.read(lambda cursor: page(cursor, query, limit, after, self._clock.monotonic))

    async def stats(self, *, now: int, judge: Judge) -> Stats:
        return await self.read(lambda cursor: _stats(cursor, now, judge(cursor)))

    async def situation(self, id: str, *, now: int, judge: Judge) -> Situation | None:
        def read(cursor: sqlite3.Cursor) -> Situation | None:
            return situation(cursor, id, now, lambda: _runners(cursor, judge(cursor)))

        return await self.read(read)

    async def longest_running(self, limit: int) -> Sequence[Job]:
        rows = await self.read(lambda cursor: cursor.execute(sql.LONGEST_RUNNING, (limit,)).fetchall())
        return [job_of(row) for row in rows]

    async def storage(self) -> Storage:
        def sizes(cursor: sqlite3.Cursor) -> tuple[int, ...]:
            return tuple(
                cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("user_version", "page_count", "freelist_count", "page_size")
            )

        schema, pages, unused, page = await self.read(sizes)
        copied, log = look(self._path + BACKUP), look(self._path + LOG)
        return Storage(
            kind=f"SQLite {sqlite3.sqlite_version}",
            path=self._path,
            schema=schema,
            size=pages * page,
            free=unused * page,
            log=0 if log is None else log.st_size,
            room=_room(self._path),
            backup_at=None if copied is None else copied.st_mtime_ns // 1_000_000,
            backup=None if copied is None else copied.st_size,
        )

    async def acts(self, limit: int) -> Sequence[Act]:
        rows = await self.read(lambda cursor: cursor.execute(sql.ACTS, (limit,)).fetchall())
        said_of = [(at, json.loads(said), count) for at, said, count in rows]
        return [Act(at, who, verb, target, count) for at, (who, verb, target), count in said_of]

    async def failures(self, newest: int) -> Sequence[FailureGroup]:
        rows = await self.read(lambda cursor: cursor.execute(sql.FAILED, (newest,)).fetchall())
        return FailureGroup.all_of((name, error_of(error), at) for name, error, at in rows)

    async def history(self, *, since: int, until: int, queue: str | None, step: int) -> list[HistoryBucket]:
        asked = {"since": since, "until": until, "step": step}

        def read(cursor: sqlite3.Cursor) -> list[HistoryBucket]:
            """Added up here and not on the app's loop, which would stand still for as long: rows are many."""
            counted = cursor.execute(sql.HISTORY if step == HISTORY_STEP else sql.HISTORY_IN_STEPS, asked).fetchall()
            uncounted = [
                (at - at % step, of, task, Metric.ENQUEUED, NO_BUCKET, n)
                for of, task, at, n, _ in cursor.execute(sql.NOT_COUNTED)
                if since <= at < until
            ]
            return buckets_of(row for row in chain(counted, uncounted) if queue in (None, row[1]))

        return await self.read(read)

    async def orphans(self, limit: int, judge: Judge) -> tuple[list[Job], set[str]]:
        """Jobs of dead runners, and every runner that has running jobs."""

        def find(cursor: sqlite3.Cursor) -> tuple[list[Any], set[str]]:
            alive = judge(cursor)
            running = {runner for (runner,) in cursor.execute(sql.RUNNING_RUNNERS)}
            dead = [runner for runner in running if not alive(runner)]
            return cursor.execute(sql.ORPHANS, (dumps(dead), limit)).fetchall() if dead else [], running

        # No deadline: large arguments make many bytes, and work that can't be read is work that is never taken over.
        rows, running = await self.read(find, bounded=False)
        return [job_of(row) for row in rows], running

    async def data_version(self) -> int:
        """Changes when another connection has committed."""
        return await self.read(lambda cursor: int(cursor.execute("PRAGMA data_version").fetchone()[0]))

    async def read(self, function: Callable[[sqlite3.Cursor], V], *, bounded: bool = True) -> V:
        """What this function finds, in one read transaction, within the deadline. Raises StoreClosed, StoreUnavailable."""
        if not self._open:
            raise StoreClosed

        def look(connection: sqlite3.Connection) -> V:
            if not self._files.all_stand:
                raise self._files.loss(rescued=False)
            return self.in_one_transaction(connection, function, bounded)

        try:
            return await self._hopper.call(look)
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error

    def in_one_transaction(self, connection: sqlite3.Connection, function: Callable[[sqlite3.Cursor], V], bounded: bool) -> V:
        """What this function finds, within the deadline; on the connection's thread. sqlite3 errors come through."""
        if bounded:
            give_up = self._clock.monotonic() + self.deadline
            connection.set_progress_handler(lambda: int(self._clock.monotonic() > give_up), CHECK_EVERY)
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        try:
            return function(cursor)
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                cursor.execute("COMMIT")


_PRAGMAS = ("query_only = 1", "busy_timeout = 5000", "wal_autocheckpoint = 0", "trusted_schema = 0", "temp_store = MEMORY")


def _room(path: str) -> int | None:
    """Bytes that are left on its disk for who is not root."""
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _stats(cursor: sqlite3.Cursor, now: int, alive: Callable[[str], bool]) -> Stats:
    counters: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for queue, key, n in cursor.execute(sql.COUNTERS):
        counters[queue][key] = n
    for queue, _, _, count, _ in cursor.execute(sql.NOT_COUNTED):
        for key in (State.QUEUED, total_of(Metric.ENQUEUED)):
            counters[queue][key] = counters[queue].get(key, 0) + count
    pauses = {queue: pause_of(at, said) if paused else None for queue, paused, at, said in cursor.execute(sql.PAUSES)}
    runners = _runners(cursor, alive)
    names = set(counters) | set(pauses) | {queue for runner in runners for queue in runner.info.queues}
    queues = {name: _queue_stats(cursor, name, counters[name], pauses.get(name), now) for name in sorted(names)}
    paused_tasks = {task: pause_of(at, said) for task, at, said in cursor.execute(sql.TASK_PAUSES)}
    return Stats(now, queues, runners, paused_tasks, dict(cursor.execute(sql.UNKNOWN_TASKS, (COUNT_LIMIT,)).fetchall()))


def _runners(cursor: sqlite3.Cursor, alive: Callable[[str], bool]) -> list[RunnerStats]:
    running: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for runner, queue, n in cursor.execute(sql.RUNNING):
        running[runner][queue] = n
    known = [(runner_of(row), condition_of(row[-1])) for row in cursor.execute(sql.RUNNERS)]
    return [RunnerStats(info, running.get(info.id, {}), alive(info.id), condition) for info, condition in known]


def _queue_stats(cursor: sqlite3.Cursor, queue: str, counters: dict[str, int], pause: Pause | None, now: int) -> QueueStats:
    states = {state: counters.get(state, 0) for state in STATES}
    held = counters.get(HELD, 0)
    claimable = states[STATES[0]] - held
    scheduled = _count(cursor, sql.SCHEDULED, queue, now)
    scheduled_more = scheduled > COUNT_LIMIT
    waiting = claimable - scheduled
    if scheduled_more:  # the rest can't be split exactly: count the due ones, which are what matters
        waiting = _count(cursor, sql.DUE, queue, now)
    oldest = [cursor.execute(sql.OLDEST, (queue, priority)).fetchone()[0] for priority in PRIORITIES]
    return QueueStats(
        states=states,
        held=held,
        retrying=counters.get(RETRYING, 0),
        waiting=min(waiting, COUNT_LIMIT),
        waiting_more=waiting > COUNT_LIMIT,
        scheduled=min(scheduled, COUNT_LIMIT),
        scheduled_more=scheduled_more,
        oldest_due=min((run_at for run_at in oldest if run_at is not None and run_at <= now), default=None),
        pause=pause,
        totals={metric: counters.get(total_of(metric), 0) for metric in TOTALS},
    )


def _count(cursor: sqlite3.Cursor, statement: str, queue: str, now: int) -> int:
    """How many jobs of all priorities, as far as COUNT_LIMIT + 1."""
    found = 0
    for priority in PRIORITIES:
        found += cursor.execute(statement, (queue, priority, now, COUNT_LIMIT + 1 - found)).fetchone()[0]
    return found
