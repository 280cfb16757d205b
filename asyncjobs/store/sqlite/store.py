"""The SQLite store: the verbs, each as an operation for the writer or a read."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from asyncjobs.clock import Clock, SystemClock, pause
from asyncjobs.errors import StoreClosed, StoreUnavailable
from asyncjobs.job import Job, NewJob, Progress, State
from asyncjobs.outcome import ABANDONED, Finish
from asyncjobs.spawn import spawn
from asyncjobs.store.base import (
    CLOCK_STEP,
    GENERATION_BITS,
    HISTORY_STEP,
    Act,
    Beat,
    Cancellation,
    Claim,
    Claimed,
    Condition,
    FailureGroup,
    HistoryBucket,
    Inserted,
    JobQuery,
    Page,
    RunnerInfo,
    Situation,
    Stats,
    Storage,
    Verdict,
)
from asyncjobs.store.sqlite import claiming, finishing, forking, operating, place, schema, uniques, upkeep
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.accepted import Accepted
from asyncjobs.store.sqlite.aside import Aside
from asyncjobs.store.sqlite.connection import BUSY_TIMEOUT, code_of, not_openable, refused
from asyncjobs.store.sqlite.liveness import Liveness, Process
from asyncjobs.store.sqlite.looking import Looker
from asyncjobs.store.sqlite.reader import SQLiteReader
from asyncjobs.store.sqlite.rows import (
    askable,
    condition_text,
    dumps,
    insert_of,
    progress_text,
)
from asyncjobs.store.sqlite.siblings import Gate, Waker
from asyncjobs.store.sqlite.timetable import SQLiteTimetable, last_version
from asyncjobs.store.sqlite.transaction import Rank, Transaction
from asyncjobs.store.sqlite.watching import Watch
from asyncjobs.store.sqlite.writer import Writer

logger = logging.getLogger("asyncjobs.store")

ACCEPTED_AT_ONCE = 10_000  # operations: how far unacknowledged inserts may run ahead of the disk
LOOK_ANYWAY = 1.0  # seconds between looks for what the dead have left, where no sign of anybody else's life is or was
OPEN_RETRY = 0.02  # seconds; SQLite doesn't wait for its busy timeout when a file is switched to WAL


class SQLiteStore:
    """One process's handle on a database file. Cheap to build; nothing is touched before open()."""

    def __init__(self, path: str | os.PathLike[str], *, clock: Clock | None = None, looks: bool = False) -> None:
        """looks: it only reads what is there, and changes nothing (see `Looker`); verbs that write raise StoreClosed."""
        self.path = place.resolved(path)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._liveness = Liveness(Path(self.path + ".runners"))
        self._waker = Waker(self._liveness.folder)
        self._gate = Gate(self._liveness, self._clock)
        self._writer: Writer | None = None  # while open
        self._closing: asyncio.Task[None] | None = None  # while it closes; written by close()
        self._looks = looks
        self._reader = (
            Looker(self.path, self._clock)
            if looks
            else SQLiteReader(self.path, f"file:{schema.quoted(self.path)}?mode=ro", self._clock)
        )
        self._aside = Aside(self.path, f"file:{schema.quoted(self.path)}?mode=ro")
        self._timetable = SQLiteTimetable(self._writing, self._reader)
        self._floor = 0  # the least token of this generation; written by open()
        self._latest_now = (
            0  # ms; the latest `now` that write verbs, or the file at open(), have seen since the last step of the clock
        )
        self._accepted = Accepted(self._clock)
        self._runners: dict[str, RunnerInfo] = {}  # registered through this handle
        # Nobody but these ran anything or had a sign of life, when the folder had changed last then (ns), and when that was
        # looked at (monotonic); written by orphans().
        self._alone_as_of: int | None = None
        self._alone_at = 0.0

    @property
    def timetable(self) -> SQLiteTimetable:
        return self._timetable

    # --- life

    async def open(self) -> None:
        if self._looks:
            await self._reader.open()
            return
        if self._closing is not None:
            await asyncio.shield(self._closing)
        if self._writer is not None:
            return
        place.prepare(self.path)
        forking.opening(self.path)
        try:
            await self._open()
        except BaseException:
            forking.closed(self.path)
            raise
        logger.info("asyncjobs keeps its jobs in %s (SQLite %s)", self.path, sqlite3.sqlite_version)

    async def _open(self) -> None:
        writer = Writer(self.path, self._gate, self._waker, self._clock)
        try:
            await writer.open(self._prepare)
            try:
                await self._reader.open()
            except BaseException:
                await writer.finish()
                await writer.close()
                raise
        except sqlite3.Error as error:
            raise not_openable(error, self.path) from error
        self._writer, self._accepted = writer, Accepted(self._clock)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        give_up = self._clock.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                schema.prepare(connection, self.path)
                break
            except sqlite3.OperationalError as error:
                if code_of(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or self._clock.monotonic() > give_up:
                    raise
                pause(OPEN_RETRY * (0.5 + self._clock.random()))
        connection.execute("PRAGMA synchronous = FULL")
        (generation,) = connection.execute("UPDATE generation SET number = number + 1 RETURNING number").fetchall()[0]
        self._floor = generation << GENERATION_BITS
        ((latest,),) = connection.execute(sql.NEWEST_MINUTE).fetchall()
        inserted = (at or 0 for _, _, at, _, _ in connection.execute(sql.NOT_COUNTED))  # a damaged file may have none
        self._latest_now = max([latest or 0, *inserted])

    async def close(self) -> None:
        if self._looks:
            await self._reader.close()
        writer, self._writer = self._writer, None
        if writer is not None:
            self._closing = spawn(self._close(writer), name="asyncjobs store closing")
        if self._closing is not None:  # who stops waiting doesn't stop it: what was accepted has still to be written
            await asyncio.shield(self._closing)

    async def _close(self, writer: Writer) -> None:
        try:
            # The last connection to close moves the log into the database and removes it, if it may write. Where that can't be
            # trusted (see Log.empty) it is the reader, which may not: the next start finds the log, and replays all of it.
            await self._aside.stop()
            self._accepted.close()
            whole = await writer.finish()
            first, last = (self._reader, writer) if whole else (writer, self._reader)
            try:
                await first.close()
            finally:
                await last.close()
        finally:
            self._gate.close()
            self._waker.close()
            forking.closed(self.path)
            self._closing = None

    def _writing(self, now: int = 0) -> Writer:
        if self._writer is None:
            raise StoreClosed
        self._latest_now = max(self._latest_now, now)
        return self._writer

    # --- producing

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        writer = self._writing(now)
        if not jobs:
            return []
        rows, promises = [insert_of(job, now) for job in jobs], {job.survives for job in jobs}
        special = any([job.max_waiting is not None or job.unique_for is not None or job.replaces for job in jobs])
        synced = "power" in promises
        if promises == {"nothing"} and not special and writer.backlog + len(self._accepted) <= ACCEPTED_AT_ONCE:
            self._accepted.take(jobs, lambda: writer.insert(rows, synced=False, now=now))
            return [Inserted(job.id, True) for job in jobs]
        return await writer.insert(
            rows, synced=synced, now=now, act=(lambda t: uniques.insert(t, jobs, now)) if special else None
        )

    # --- working

    async def register(self, runner: RunnerInfo, *, now: int) -> None:
        writer = self._writing(now)
        try:
            process = Process.this()
            self._liveness.acquire(runner.id)
        except OSError as error:
            sentence = (
                f"{self._liveness.folder} can't be used for this process's sign of life ({error}); check its owner and mode"
            )
            raise refused(error, sentence) from error
        row = (
            runner.id, runner.pid, runner.host, runner.version, runner.started_at, process.boot_id, process.started,
            json.dumps(dict(runner.queues)), json.dumps(sorted(runner.tasks)),
        )  # fmt: skip

        def act(transaction: Transaction) -> None:
            transaction.cursor.execute(sql.REGISTER, row)
            upkeep.unhold(transaction, runner)

        await writer.submit(Rank.CHANGE, act, synced=True, now=now)
        self._runners[runner.id] = runner

    async def retire(self, runner: str) -> None:
        writer = self._writing()
        try:
            await writer.submit(
                Rank.CHANGE,
                lambda t: t.cursor.execute("DELETE FROM runners WHERE id = ?", (askable(runner),)) and None,
                synced=False,
            )
        except StoreUnavailable:
            self._liveness.release(runner)  # its row stays, and is a dead one's from now on
            raise
        self._runners.pop(runner, None)
        self._liveness.retire(runner)

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        return await self._writing(now).submit(  # type: ignore[no-any-return]
            Rank.CLAIM,
            lambda t: claiming.claim(
                t, claim, now, floor=self._floor, foreign=lambda queue: self._tasks_elsewhere(t, claim.runner, queue)
            ),
            synced=False,
            rows=sum(claim.wants.values()),
        )

    async def claim_alone(self, claim: Claim, *, now: int) -> Claimed:
        return await self._writing(now).submit(  # type: ignore[no-any-return]
            Rank.CLAIM, lambda t: claiming.claim_alone(t, claim, now, floor=self._floor), synced=False
        )

    def _tasks_elsewhere(self, transaction: Transaction, runner: str, queue: str) -> frozenset[str]:
        """What living runners other than this one know that work this queue; on the thread."""
        rows = transaction.cursor.execute("SELECT id, tasks, queues FROM runners WHERE id <> ?", (runner,)).fetchall()
        alive = self._judge(transaction.cursor)
        return frozenset(
            name for id, tasks, queues in rows if queue in json.loads(queues) and alive(id) for name in json.loads(tasks)
        )

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        return await self._writing(now).submit(  # type: ignore[no-any-return]
            Rank.CHANGE,
            lambda transaction: finishing.finish(transaction, finishes, now),
            synced=any(finish.to is State.QUEUED for finish in finishes),
            now=now,
            rows=len(finishes),
        )

    async def beat(self, runner: str, *, now: int) -> Beat:
        writer = self._writing()
        stepped = self._latest_now - now > CLOCK_STEP
        info = self._runners.get(runner)

        def act(transaction: Transaction) -> Beat:
            self._liveness.renew()
            self._gate.refresh()
            if stepped:
                upkeep.make_due(transaction, now)
            if info is not None:
                upkeep.unhold(transaction, info)
            upkeep.unhold_resumed(transaction)
            expired = operating.expire(transaction, now)
            held = transaction.cursor.execute(sql.HELD, (askable(runner),)).fetchall()
            return Beat(
                held={id: token for id, token, _ in held},
                cancels=frozenset(id for id, _, cancel_requested in held if cancel_requested),
                paused=frozenset(queue for (queue,) in transaction.cursor.execute(sql.PAUSED)),
                schedules=last_version(transaction.cursor),
                limits=dict(transaction.cursor.execute(sql.KEPT_LIMITS).fetchall()),
                expired=expired,
            )

        beat: Beat = await writer.submit(Rank.CHANGE, act, synced=False)
        # Only now: a beat that failed has made nothing due, and the next must see the step again.
        self._latest_now = now if stepped else max(self._latest_now, now)
        return beat

    async def note(self, notes: Mapping[str, tuple[int, Progress]]) -> None:
        rows = [(progress_text(progress), askable(id), token) for id, (token, progress) in notes.items()]
        await self._writing().submit(
            Rank.CHANGE, lambda t: t.cursor.executemany(sql.NOTE, rows) and None, synced=False, rows=len(rows)
        )

    async def report(self, runner: str, condition: Condition) -> None:
        said = (condition_text(condition), askable(runner))
        await self._writing().submit(Rank.CHANGE, lambda t: t.cursor.execute(sql.REPORT, said) and None, synced=False)

    async def abandon(self, attempts: Mapping[str, int]) -> None:
        rows = [(ABANDONED, askable(id), token) for id, token in attempts.items()]
        await self._writing().submit(Rank.CHANGE, lambda t: t.cursor.executemany(sql.ABANDON, rows) and None, synced=False)

    async def orphans(self, limit: int) -> Sequence[Job]:
        self._writing()
        looked_at, as_of = self._clock.monotonic(), self._liveness.changed_at()
        if as_of == self._alone_as_of and looked_at - self._alone_at < LOOK_ANYWAY:
            return []
        found, running = await self._reader.orphans(limit, self._judge)
        alone = running | self._liveness.known() <= self._runners.keys()
        self._alone_as_of, self._alone_at = (as_of, looked_at) if alone else (None, 0.0)
        return found

    def _judge(self, cursor: sqlite3.Cursor) -> Callable[[str], bool]:
        """Who is alive, as the rows that this cursor sees have it."""
        processes = {id: Process(pid, boot, started) for id, pid, boot, started in cursor.execute(sql.PROCESSES).fetchall()}
        return lambda runner: self._liveness.is_alive(runner, processes.get(runner))

    # --- operating

    async def cancel(self, ids: Sequence[str], *, now: int, running: bool = True) -> Sequence[Cancellation]:
        return await self._writing(now).submit(  # type: ignore[no-any-return]
            Rank.CHANGE, lambda t: [operating.cancel(t, id, now, running) for id in ids], synced=True, now=now, rows=len(ids)
        )

    async def requeue(self, ids: Sequence[str], *, now: int, due: int | None = None, spread: int = 0) -> Sequence[bool]:
        first = now if due is None else due

        def act(transaction: Transaction) -> list[bool]:
            return [operating.requeue(transaction, id, first + spread * at // len(ids)) for at, id in enumerate(ids)]

        return await self._writing(now).submit(Rank.CHANGE, act, synced=True, now=now, rows=len(ids))  # type: ignore[no-any-return]

    async def discard(self, ids: Sequence[str]) -> Sequence[bool]:
        return await self._writing().submit(  # type: ignore[no-any-return]
            Rank.CHANGE, lambda t: [operating.discard(t, id) for id in ids], synced=False, rows=len(ids)
        )

    async def set_paused(self, queue: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        def act(transaction: Transaction) -> None:
            if paused:
                transaction.cursor.execute(sql.PAUSE, (queue, now, dumps([by, why])))
            else:
                transaction.cursor.execute(sql.RESUME, (now, queue))
                transaction.woken.add(queue)

        await self._writing(now).submit(Rank.CHANGE, act, synced=True)

    async def set_task_paused(self, task: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        def act(transaction: Transaction) -> None:
            if paused:
                transaction.cursor.execute(sql.PAUSE_TASK, (task, now, dumps([by, why])))
            else:
                transaction.cursor.execute(sql.RESUME_TASK, (now, task))
                upkeep.unhold_resumed(transaction)

        await self._writing(now).submit(Rank.CHANGE, act, synced=True)

    async def keep_limits(self, queue: str, limits: str | None, *, now: int) -> None:
        def act(transaction: Transaction) -> None:
            if limits is None:
                transaction.cursor.execute(sql.DROP_LIMITS, (queue,))
            else:
                transaction.cursor.execute(sql.KEEP_LIMITS, (queue, limits))

        await self._writing(now).submit(Rank.CHANGE, act, synced=True)

    async def record_act(self, act: Act) -> None:
        def record(transaction: Transaction) -> None:
            transaction.cursor.execute(sql.ACT, (act.at, dumps([act.who, act.verb, act.target]), act.count))
            transaction.cursor.execute(sql.FORGET_ACTS)

        await self._writing(act.at).submit(Rank.CHANGE, record, synced=True)

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        def act(transaction: Transaction) -> int:
            transaction.count_inserts()  # of what is removed here, too, and of history that is old
            gone = upkeep.prune(transaction, ended_before, limit)
            freed = upkeep.give_pages_back(transaction)
            if gone < limit:
                transaction.shrunk = bool(gone or freed)
                transaction.flush()
                self._forget_the_dead(transaction)
                upkeep.thin_history(transaction, self._latest_now)
                transaction.cursor.execute(sql.FREE, (self._latest_now,))
            return gone

        return await self._writing().submit(Rank.CHANGE, act, synced=False, rows=limit)  # type: ignore[no-any-return]

    def _forget_the_dead(self, transaction: Transaction) -> None:
        """Runners that are dead and have left nothing running: their rows, their files."""
        execute, alive = transaction.cursor.execute, self._judge(transaction.cursor)
        running = {runner for (runner,) in execute(sql.RUNNING_RUNNERS)}
        known = {id for (id,) in execute("SELECT id FROM runners")} | self._liveness.known()
        for runner in known - running:
            if not alive(runner):
                execute("DELETE FROM runners WHERE id = ?", (runner,))
                self._liveness.forget(runner)

    # --- looking

    async def get(self, ids: Sequence[str]) -> Sequence[Job | None]:
        await self._accepted.settled(ids)  # a handle may ask after what was acknowledged before it is written
        return await self._reader.get(ids)

    async def page(self, query: JobQuery, *, limit: int, after: str | None = None) -> Page:
        return await self._reader.page(query, limit=limit, after=after)

    async def stats(self, *, now: int) -> Stats:
        return await self._reader.stats(now=now, judge=self._judge)

    async def situation(self, id: str, *, now: int) -> Situation | None:
        await self._accepted.settled([id])
        return await self._reader.situation(id, now=now, judge=self._judge)

    async def history(
        self, *, since: int, until: int, queue: str | None = None, step: int = HISTORY_STEP
    ) -> Sequence[HistoryBucket]:
        return await self._reader.history(since=since, until=until, queue=queue, step=step)

    async def longest_running(self, limit: int) -> Sequence[Job]:
        return await self._reader.longest_running(limit)

    async def acts(self, limit: int) -> Sequence[Act]:
        return await self._reader.acts(limit)

    async def storage(self) -> Storage:
        return await self._reader.storage()

    async def failures(self, newest: int) -> Sequence[FailureGroup]:
        return await self._reader.failures(newest)

    # --- aside

    async def check(self) -> Sequence[str]:
        self._writing()
        return await self._aside.check()

    async def backup(self, to: str | None) -> str:
        self._writing()
        return await self._aside.backup(to)

    # --- waking

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[frozenset[str]]]:
        self._writing()
        watch = Watch(
            self._waker, next(reversed(self._runners), None), self._reader, lambda: bool(self._gate.siblings), self._clock
        )
        try:
            await watch.start()
            yield watch
        finally:
            await watch.stop()
