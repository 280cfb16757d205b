"""Jobs: what an application holds. Registers tasks, stores jobs, runs them while the app's lifespan lasts."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from starlette.types import ASGIApp

from asyncjobs.clock import Clock, SystemClock, sleep
from asyncjobs.context import JobContext
from asyncjobs.cron import Cron, Every
from asyncjobs.diagnose import Finding, diagnose
from asyncjobs.endings import Endings
from asyncjobs.errors import (
    AlreadyEnqueued,
    AlreadyStarted,
    ArgumentError,
    ConfigurationError,
    NotStarted,
    OnLoopThread,
    PayloadTooLarge,
    QueueFull,
    Stopping,
    StoreClosed,
    StoreUnavailable,
    UnknownQueue,
    UsedAfterFork,
    WrongLoop,
)
from asyncjobs.explain import Explanation, explain
from asyncjobs.from_thread import FromThread
from asyncjobs.handle import JobHandle
from asyncjobs.job import DEFAULT_PRIORITY, Job, NewJob, Only, State, Survives
from asyncjobs.key import KeyFunction
from asyncjobs.life import Life
from asyncjobs.listing import listed
from asyncjobs.pause import checked_said
from asyncjobs.queue import Queue, queues_of
from asyncjobs.recent import RecentHistory
from asyncjobs.registry import AnyTask, Registry
from asyncjobs.retry import Retry
from asyncjobs.runner.runner import Runner
from asyncjobs.runner.slots import SlotStats
from asyncjobs.schedule import CatchUp, Overlap
from asyncjobs.schedules import Schedules
from asyncjobs.selection import Selection, checked_spread, query_of
from asyncjobs.stats import Snapshot, snapshot
from asyncjobs.store.base import Act, Cancellation, HistoryBucket, Page, RunnerInfo, Storage, Store
from asyncjobs.store.opening import open_store
from asyncjobs.task import PLAIN, Call, Configured, Task
from asyncjobs.unique import Unique
from asyncjobs.version import VERSION
from asyncjobs.vitals import FAILURES, LONGEST, DeclaredTask, Vitals
from asyncjobs.web.auth import Auth
from asyncjobs.web.opening import open_web

P = ParamSpec("P")
R = TypeVar("R")
A = TypeVar("A")

DAY = 86_400.0
RETENTION: Mapping[str, float] = {"succeeded": DAY, "cancelled": DAY, "failed": 14 * DAY}  # seconds
MAX_PAYLOAD = 256 * 1024  # bytes of JSON, arguments and metadata each
MAX_RESULT = 64 * 1024  # bytes of JSON
AT_ONCE = 500  # calls that enqueue_many encodes before it lets the loop go on, about 5 ms
DRAIN_LOOK = 0.2  # seconds between looks at what other processes still run: nothing tells of it
LIFE_GRACE = 0.5  # seconds beyond the shutdown that resources have to close


class TaskDecorator(Protocol):
    """`@jobs.task(...)`: strips the context parameter, and knows what the function results in."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[JobContext, P], R], /) -> Task[P, R, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


class ScheduleDecorator(Protocol):
    """`@jobs.cron(...)`: takes a task, or a function as `@jobs.task` does."""

    @overload  # a task is a function too, but this one comes first
    def __call__(self, task: Task[P, A, R], /) -> Task[P, A, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[JobContext, P], R], /) -> Task[P, R, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...


class Jobs:
    """Durable background jobs inside an ASGI app.

    url: where jobs are kept: a path, `sqlite:///path`, or `memory:` for jobs that end with the process.
    queues: name → how many of its jobs run at once in each process, or a `Queue`.
    work: which of the queues this process runs; None all, () none (it only enqueues). The environment variable
        ASYNCJOBS_WORK (names with commas; empty for none) says it where the argument doesn't.
    resources: called at start, an async context manager around the runner's life; what it yields is `ctx.state` in jobs.
    retention: state → seconds (or timedelta) that ended jobs are kept; unnamed states keep their default.
    shutdown_timeout: seconds within which the lifespan ends, whatever the jobs do; running ones get it less two.
    max_payload, max_result: bytes of JSON.

    Building one opens nothing and needs no event loop. It may be started, stopped and started again, on different loops.
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        *,
        queues: Mapping[str, int | Queue] | None = None,
        work: Iterable[str] | None = None,
        resources: Callable[[], AbstractAsyncContextManager[Mapping[str, Any]]] | None = None,
        retention: Mapping[str, float | timedelta] | None = None,
        shutdown_timeout: float = 10.0,
        max_payload: int = MAX_PAYLOAD,
        max_result: int = MAX_RESULT,
        clock: Clock | None = None,
    ) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        self._url = url
        self._store: Store = open_store(url, self._clock)
        self._recent = RecentHistory(lambda: self._store)
        self._queues = queues_of({"default": 10} if queues is None else queues)
        self._work = self._checked_work(_environment_work(self._queues) if work is None else work)
        self._resources = resources
        self._retention = _checked_retention(retention or {})
        if isinstance(shutdown_timeout, bool) or not isinstance(shutdown_timeout, (int, float)) or not 0 < shutdown_timeout < DAY:
            raise ConfigurationError(f"shutdown_timeout={shutdown_timeout!r}: give seconds above 0")
        self._shutdown_timeout = float(shutdown_timeout)
        self._max_payload = _checked_size("max_payload", max_payload)
        self._max_result = _checked_size("max_result", max_result)
        self._tasks = Registry()
        self._life: Life | None = None  # while started; everything that belongs to one event loop
        self._endings = Endings(self._clock)
        self.schedules = Schedules(
            lambda: self._store.timetable, self._clock, living=self._living, template=lambda call: self._new_job(call, 0),
            enqueue=self._enqueue_made,
        )  # fmt: skip
        self.from_thread = FromThread(self._loop_for_thread, self.enqueue, self.enqueue_many)

    def __repr__(self) -> str:
        return f"<Jobs {self._url} {'started' if self._life else 'not started'}>"

    # --- tasks -------------------------------------------------------------------------------------------------------

    @overload
    def task(
        self, function: Callable[Concatenate[JobContext, P], Coroutine[Any, Any, R]], /
    ) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Task[P, Coroutine[Any, Any, R], R]: ...
    @overload
    def task(self, function: Callable[Concatenate[JobContext, P], R], /) -> Task[P, R, R]: ...
    @overload
    def task(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    @overload
    def task(
        self,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        aliases: Sequence[str] = (),
        retry: Retry | None = None,
        timeout: float | timedelta | None = None,
        priority: int = DEFAULT_PRIORITY,
        unique: bool | str | Sequence[str] | KeyFunction | Unique | None = None,
        key: str | KeyFunction | None = None,
        key_limit: int = 1,
        on_dead: AnyTask | None = None,
        survives: Survives = "power",
        keep_result: bool = True,
    ) -> TaskDecorator: ...
    def task(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        aliases: Sequence[str] = (),
        retry: Retry | None = None,
        timeout: float | timedelta | None = None,
        priority: int = DEFAULT_PRIORITY,
        unique: bool | str | Sequence[str] | KeyFunction | Unique | None = None,
        key: str | KeyFunction | None = None,
        key_limit: int = 1,
        on_dead: AnyTask | None = None,
        survives: Survives = "power",
        keep_result: bool = True,
    ) -> Any:
        """Make a function a task: `@jobs.task`, or with options `@jobs.task(queue="mail", retry=Retry(attempts=8), timeout=30)`.

        The function stays callable as it was. `async def` runs on the event loop, `def` in a thread. A first parameter
        annotated `JobContext` is filled by the runner. queue: "default", or the only one there is. name: what the store
        calls it, `module:qualname` by default; aliases: names it had before. retry: see `Retry`. timeout: seconds an
        attempt may run, None for ever. priority: 0 (first) to 3. unique: True for one job
        of the same arguments at a time, queued or running; names of parameters, or a function of them, to compare; or a `Unique`. key: what
        tells its jobs apart, a parameter's name or a function of the arguments; of one key (also of one that options(key=) gives) no more than
        key_limit run at once, in all processes together, and other keys pass. on_dead: a task that is enqueued, in the same commit, when a job of this one has
        failed for good; it gets job_id, task, queue, error and attempts, as far as it has such parameters. survives: "power" (an enqueue returns when the job is
        synced to disk), "crash" (when a killed process can't lose it) or "nothing" (at once). keep_result: whether
        `handle.result()` can give what the function returned.
        Raises ConfigurationError, UnknownQueue: at import, where the mistake is.
        """

        def register(function: Callable[..., Any]) -> Task[..., Any, Any]:
            if isinstance(function, Task):
                raise ConfigurationError(
                    f"@jobs.task stands above what is task {function.name!r} already: put @jobs.cron(...) and @jobs.every(...) above "
                    "@jobs.task, and give a function one @jobs.task"
                )
            task: Task[..., Any, Any] = Task(
                function,
                self._enqueue_call,
                queue=self._queue_for_task(queue),
                name=name,
                aliases=aliases,
                retry=retry,
                timeout=timeout,
                priority=priority,
                unique=None if unique is False else unique,
                key=key,
                key_limit=key_limit,
                on_dead=on_dead,
                survives=survives,
                keep_result=keep_result,
            )
            if task.retry.queue is not None:
                self._check_queue(task.retry.queue)
            if task.on_dead is not None and self._tasks.get(task.on_dead.name) is not task.on_dead:
                raise ConfigurationError(
                    f"on_dead={task.on_dead!r} is a task of another Jobs; give one that is decorated with this one's task"
                )
            self._tasks.add(task)
            if self._life is not None and self._life.runner is not None:
                self._life.runner.learn(frozenset(self._tasks))
            return task

        return register if function is None else register(function)

    def cron(
        self,
        expression: str,
        *,
        tz: str = "UTC",
        catch_up: CatchUp = "latest",
        overlap: Overlap = "skip",
        jitter: float | timedelta = 0.0,
        name: str | None = None,
    ) -> ScheduleDecorator:
        """Enqueue a task by a crontab line: `@jobs.cron("0 9 * * mon-fri", tz="Europe/Berlin")`, or one of @hourly, @daily, @weekly,
        @monthly, @yearly. Above a plain function, which becomes a task, or above `@jobs.task(...)` with its options.

        Of all processes one enqueues it, once for each time; see `Cron` for what happens when clocks are set. The job's
        `ctx.meta["time"]` says for which time it is.
        catch_up: what becomes of times at which no process was up: "latest" makes the last of them good, "all" each, "skip" none
            (a minute's delay is none). overlap: "skip" enqueues nothing while the job before still waits or runs, "allow" does.
        jitter: seconds (or a timedelta) up to which each job is put off at random. name: the schedule's, the task's by default.
        Raises ConfigurationError.
        """
        return self._schedule(Cron(expression, tz), catch_up, overlap, jitter, name)

    def every(
        self,
        *,
        days: float = 0.0,
        hours: float = 0.0,
        minutes: float = 0.0,
        seconds: float = 0.0,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "skip",
        jitter: float | timedelta = 0.0,
        name: str | None = None,
    ) -> ScheduleDecorator:
        """Enqueue a task every so often, a second at least: `@jobs.every(minutes=5)`; the rest is as for `cron`.

        Counted from the epoch, so that all processes agree, whenever they start.
        """
        try:
            period = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        except (TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(f"every({days=}, {hours=}, {minutes=}, {seconds=}): give numbers ({error})") from None
        return self._schedule(Every(period), catch_up, overlap, jitter, name)

    def _schedule(
        self, times: Cron | Every, catch_up: CatchUp, overlap: Overlap, jitter: float | timedelta, name: str | None
    ) -> ScheduleDecorator:
        def declare(function: Any) -> Any:
            task = function if isinstance(function, Task) else self.task(function)
            self.schedules.declare(
                task.name if name is None else name, task.call(), times, catch_up=catch_up, overlap=overlap, jitter=jitter
            )
            if self._life is not None and self._life.runner is not None:
                self._life.runner.look_at_schedules()
            return task

        return declare

    def _queue_for_task(self, queue: str | None) -> str:
        if queue is None:
            queue = next(iter(self._queues)) if len(self._queues) == 1 else "default"
            if queue not in self._queues:
                raise UnknownQueue(queue, self._queues, "Say which one the task uses: @jobs.task(queue=...).")
        return self._check_queue(queue)

    def _check_queue(self, queue: str) -> str:
        if not isinstance(queue, str):
            raise ConfigurationError(
                f"queue={queue!r}: give the name of a configured queue, e.g. queue={next(iter(self._queues))!r}"
            )
        if queue not in self._queues:
            raise UnknownQueue(queue, self._queues)
        return queue

    # --- enqueueing --------------------------------------------------------------------------------------------------

    @overload
    async def enqueue(self, task: Task[P, Any, R] | Configured[P, R], /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...
    @overload
    async def enqueue(self, task: str, /, *args: Any, **kwargs: Any) -> JobHandle[Any]: ...
    async def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """Store a job that will call this task (or task name) with these arguments; returns when it is as safe as asked for.

        Safe by the task's `survives`: "power" by default, so what returned is on disk. The arguments are bound to the
        function's signature, checked and encoded first: a wrong call raises here, and stores nothing.
        Raises NotStarted, Stopping, WrongLoop, UnknownTask, UnknownQueue, ArgumentError, PayloadTooLarge, QueueFull, StoreUnavailable
        (StoreFull, OutcomeUnknown). Cancelled while it waits, it may have stored the job: `options(id=...)` makes trying
        again safe.
        """
        if isinstance(task, Configured):
            return await self._enqueue_call(task.call(*args, **kwargs))
        return await self._enqueue_call(Call(self._tasks.find(task), PLAIN, args, kwargs))

    async def enqueue_many(self, calls: Iterable[Call[Any]]) -> list[JobHandle[Any]]:
        """Store these calls (`task.call(...)`, `task.options(...).call(...)`) in one transaction: all, or none.

        One handle each, in order. Raises as `enqueue` does, but not AlreadyEnqueued: `created` tells.
        """
        runner = self._living()
        now = self._clock.now()
        new: list[NewJob] = []
        for call in calls:
            new.append(self._new_job(_checked_call(call), now))
            if len(new) % AT_ONCE == 0:
                await asyncio.sleep(0)
        if not new:
            return []
        inserted = await self._insert(runner, new, now)
        return [JobHandle(self, one.id, one.created) for one in inserted]

    async def _enqueue_call(self, call: Call[A]) -> JobHandle[A]:
        runner = self._living()
        now = self._clock.now()
        job = self._new_job(call, now)
        (inserted,) = await self._insert(runner, [job], now)
        if inserted.id != job.id and call.unique is not None and call.unique.unique.conflict == "raise":
            raise AlreadyEnqueued(inserted.id, job.unique_key or "")
        return JobHandle(self, inserted.id, inserted.created)

    async def _enqueue_made(self, job: NewJob) -> JobHandle[Any]:
        """This job, which a schedule has made. Raises UnknownTask for one that nobody here could have declared."""
        self._tasks.find(job.name)
        (inserted,) = await self._insert(self._living(), [job], self._clock.now())
        return JobHandle(self, inserted.id, inserted.created)

    async def _insert(self, runner: Runner, new: list[NewJob], now: int) -> Sequence[Any]:
        first_due: dict[str, int] = {}
        for job in new:
            first_due[job.queue] = min(job.run_at, first_due.get(job.queue, job.run_at))
        for queue, at in first_due.items():  # before the insert: the claim that this wakes then shares its commit
            runner.ring(queue, at)
        try:
            inserted = await self._store.insert(new, now=now)
        except StoreClosed:
            raise Stopping from None
        refused = [job for job, answer in zip(new, inserted, strict=True) if answer.refused]
        if refused:
            raise QueueFull(await self._full_of(refused))
        return inserted

    async def _full_of(self, refused: Sequence[NewJob]) -> dict[str, int]:
        """Which of the queues that refused these jobs are full, with their max_waiting; all of them where that can't be told any more."""
        limits = {job.queue: job.max_waiting for job in refused if job.max_waiting is not None}
        if len(limits) == 1:
            return limits
        try:
            queues = (await self._store.stats(now=self._clock.now())).queues
        except StoreUnavailable:
            return limits
        wanted = Counter(job.queue for job in refused)
        queued = {queue: queues[queue].states.get(State.QUEUED, 0) if queue in queues else 0 for queue in limits}
        return {queue: most for queue, most in limits.items() if queued[queue] + wanted[queue] > most} or limits

    def _new_job(self, call: Call[Any], now: int) -> NewJob:
        self._tasks.find(call.task)
        job = call.new_job(self._clock.new_id(), now)
        self._check_queue(job.queue)
        life = self._life
        max_waiting = (self._queues if life is None or life.runner is None else life.runner.limits)[job.queue].max_waiting
        if max_waiting is not None:
            job = replace(job, max_waiting=max_waiting)
        if job.policy.retry_queue is not None:
            self._check_queue(job.policy.retry_queue)
        if len(job.args) > self._max_payload:
            raise PayloadTooLarge(f"the arguments of {job.name}", len(job.args), self._max_payload)
        if len(job.meta) > self._max_payload:
            raise PayloadTooLarge(f"the metadata of {job.name}", len(job.meta), self._max_payload)
        return job

    # --- looking -----------------------------------------------------------------------------------------------------

    async def get(self, id: str) -> Job | None:
        """The job with this id, or None."""
        self._living()
        (job,) = await self._store.get(_ids([id]))
        return job

    async def list(
        self,
        *,
        state: State | str | None = None,
        queue: str | None = None,
        task: str | AnyTask | None = None,
        error: str | type[BaseException] | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        only: Only | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """Jobs that match, newest first; `page.next` given as `after` continues. See `where` for what may be asked.

        While there is a next the page may be short, even empty: it looks for a quarter of a second, and holds a megabyte at most. Those that
        `only` does not mean have no part in whether there is a next, and where, but by the time that they take.
        """
        self._living()
        if not 1 <= limit <= 1000:
            raise ConfigurationError(f"limit={limit!r}: give a number from 1 to 1,000, and go on with after=page.next")
        query = query_of(state, queue, task, error, text, since, until)
        return await listed(self._store, query, only, limit=limit, after=after, monotonic=self._clock.monotonic)

    async def explain(self, id: str) -> Explanation | None:
        """Why this job is not running, by the conditions of a claim; None for an unknown one. `str()` of it says all there is to say."""
        runner = self._living()
        (wanted,) = _ids([id])
        situation = await self._store.situation(wanted, now=self._clock.now())
        if situation is None:
            return None
        return explain(situation, runner.limits.over_all.get(situation.job.queue))

    def whereabouts(self, id: str) -> str | None:
        """Where this running job is at this moment, as a traceback says it: the lines in which it waits, or its thread works, outermost
        first. None where it doesn't run in this process."""
        return self._living().whereabouts(id)

    async def storage(self) -> Storage:
        """What keeps the jobs, and how large it is."""
        self._living()
        return await self._store.storage()

    async def diagnose(self) -> Sequence[Finding]:
        """What is wrong, if anything, by ordered rules over the numbers of all processes; nothing while all is well."""
        return diagnose(await self._vitals(self._living()))

    async def stats(self) -> Snapshot:
        """Where everything stands: queues, processes, health. Costs a few milliseconds, however many jobs there are."""
        runner = self._living()
        return snapshot(await self._vitals(runner), version=VERSION, runner=runner.info.id)

    async def _vitals(self, runner: Runner) -> Vitals:
        now = self._clock.now()
        return Vitals(
            await self._store.stats(now=now),
            await self._recent.get(now),
            await self._store.timetable.all(),
            await self._store.failures(FAILURES),
            await self._store.longest_running(LONGEST),
            {queue: slots.stuck for queue, slots in runner.slot_stats().items()},
            runner.limits.over_all,
            self._max_waiting(runner),
            {
                task.name: DeclaredTask(task.queue, task.policy.max_attempts, task.policy.timeout, task.aliases)
                for task in self._tasks.values()
            },
            self.schedules.declared.keys(),
            runner.problems,
            self._queues.keys(),
        )

    def _max_waiting(self, runner: Runner) -> dict[str, int]:
        return {queue: most for queue in self._queues if (most := runner.limits[queue].max_waiting) is not None}

    async def history(
        self, *, since: float | timedelta = 3600.0, queue: str | None = None, step: float | timedelta = 60.0
    ) -> Sequence[HistoryBucket]:
        """What happened, minute by minute, since so many seconds (or a timedelta) ago; older than 26 hours, hour by hour.

        step: seconds (or a timedelta) that one bucket covers, in whole minutes; the first is the one in which that time lies. Raises ConfigurationError for times that can't be.
        """
        self._living()
        seconds = since.total_seconds() if isinstance(since, timedelta) else since
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 100 * 366 * DAY:
            raise ConfigurationError(f"since={since!r}: give seconds ago, or a timedelta")
        wide = step.total_seconds() if isinstance(step, timedelta) else step
        if isinstance(wide, bool) or not isinstance(wide, (int, float)) or not 60 <= wide <= 366 * DAY or wide % 60:
            raise ConfigurationError(f"step={step!r}: give whole minutes, as seconds or a timedelta")
        now, width = self._clock.now(), round(wide * 1000)
        begin = now - round(seconds * 1000)
        return await self._store.history(since=begin - begin % width, until=now + 1, queue=queue, step=width)

    @property
    def started(self) -> bool:
        """Whether the runner is up in this process."""
        return self._life is not None and self._life.pid == os.getpid()

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with this process's runner, part by part; empty when it is well. Not started is a problem too."""
        runner = self._life.runner if self._life is not None and self.started else None
        if runner is None or self._life is None:
            return {"runner": str(NotStarted())}
        if self._life.ended:
            return {"runner": "the runner's main task has ended; restart the app, and report the error in the log"}
        return runner.problems

    @property
    def slots(self) -> Mapping[str, SlotStats]:
        """How many slots of each queue are taken in this process."""
        return self._living().slot_stats()

    # --- acting ------------------------------------------------------------------------------------------------------

    async def cancel(self, ids: str | Iterable[str]) -> dict[str, Cancellation]:
        """Cancel queued jobs, ask for the end of running ones, here or in another process. What became of each."""
        runner = self._living()
        wanted = _ids(ids)
        verdicts = await self._store.cancel(wanted, now=self._clock.now())
        runner.beat()
        for id in wanted:
            self._endings.tell(id)
        return dict(zip(wanted, verdicts, strict=True))

    async def retry(self, ids: str | Iterable[str], *, spread: float | timedelta = 0.0) -> dict[str, bool]:
        """Put ended jobs back to be run from their first attempt, without an expiry; False for what is unknown, has not ended, or whose
        unique key another one holds.

        spread: evenly over so many seconds (or a timedelta), instead of all at once. A queue's max_waiting is not asked: they were
        taken once.
        """
        runner = self._living()
        wanted = _ids(ids)
        done = await self._store.requeue(wanted, now=self._clock.now(), spread=checked_spread(spread))
        runner.ring_all()
        return dict(zip(wanted, done, strict=True))

    async def discard(self, ids: str | Iterable[str]) -> dict[str, bool]:
        """Remove ended jobs, and what is known of them; False for what is unknown or has not ended."""
        self._living()
        wanted = _ids(ids)
        return dict(zip(wanted, await self._store.discard(wanted), strict=True))

    def where(
        self,
        *,
        state: State | str | None = None,
        queue: str | None = None,
        task: str | AnyTask | None = None,
        error: str | type[BaseException] | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        only: Only | None = None,
        everything: bool = False,
    ) -> Selection:
        """The jobs that match, to be acted on together: `await jobs.where(state="failed", error="ConnectionError").retry(spread=600)`.

        state: one of the five stored ones. error: the type of the last error, its name or the class. text: in the id, the key, or, as JSON
        has it, the arguments or the last error; capital or small. since, until: aware datetimes, at or after and before which they were put in.
        only: asked of each that matches otherwise, and must be quick. everything: all jobs, in place of a
        condition. Raises ArgumentError where nothing is asked: a variable that is None by mistake would mean all.
        """
        if everything is not all(condition is None for condition in (state, queue, task, error, text, since, until, only)):
            raise ArgumentError(
                "where() wants a condition (state=, queue=, task=, error=, text=, since=, until= or only=, not None), or everything=True alone "
                "for all jobs"
            )
        query = query_of(state, queue, task, error, text, since, until)
        return Selection(self._store, self._clock, self._living, query, only, self._endings.tell)

    async def pause(self, queue: str | None = None, *, task: str | AnyTask | None = None, by: str = "", why: str = "") -> None:
        """Start no more jobs of this queue, or of this task, in any process, until `resume`; kept over restarts. Running ones go on.

        by, why: for who looks later, 500 characters each at most. Without either, what is paused already keeps what was said then. A
        task's aliases are paused with it. Raises UnknownQueue, UnknownTask, ArgumentError.
        """
        await self._set_paused(queue, task, True, checked_said("by", by), checked_said("why", why))

    async def resume(self, queue: str | None = None, *, task: str | AnyTask | None = None) -> None:
        """Start jobs of this queue, or of this task (by its name also where the code has it no more), again.

        Raises UnknownQueue, UnknownTask for what is neither known nor paused.
        """
        await self._set_paused(queue, task, False, "", "")

    async def _set_paused(self, queue: str | None, task: str | AnyTask | None, paused: bool, by: str, why: str) -> None:
        runner = self._living()
        if (queue is None) == (task is None):
            both = "pause and resume want a queue or a task, not both; give one: "
            neither = "pause and resume want a queue or a task: "
            raise ArgumentError((neither if queue is None else both) + "jobs.pause('mail') or jobs.pause(task='mail.send')")
        queues: Sequence[str] = () if queue is None else (self._check_queue(queue),)
        now = self._clock.now()
        tasks: Sequence[str] = () if task is None else await self._names_of(task, paused, now)
        if paused and not by and not why:  # nothing new to say: who paused it first, when and why stays
            stats = await self._store.stats(now=now)
            queues = tuple(name for name in queues if name not in stats.queues or not stats.queues[name].paused)
            tasks = tuple(name for name in tasks if name not in stats.paused_tasks)
        for name in queues:
            await self._store.set_paused(name, paused, now=now, by=by, why=why)
        for name in tasks:
            await self._store.set_task_paused(name, paused, now=now, by=by, why=why)
        runner.beat()

    async def _names_of(self, task: str | AnyTask, paused: bool, now: int) -> tuple[str, ...]:
        """Under which its jobs are stored. What was paused may be resumed when the code has it no more."""
        if not paused and task not in self._tasks and task in (await self._store.stats(now=now)).paused_tasks:
            return (str(task),)
        found = self._tasks.find(task)
        return (found.name, *found.aliases)

    def limits(self, queue: str) -> Queue:
        """What holds for this queue now, in this process."""
        runner = self._life.runner if self._life is not None else None
        self._check_queue(queue)
        return self._queues[queue] if runner is None else runner.limits[queue]

    async def set_limits(self, queue: str, limits: int | Queue | None, *, keep: bool = False) -> None:
        """Have these limits hold for this queue: `await jobs.set_limits("mail", Queue(limit=10, rate="5/s"))`, or a number of slots.

        In this process until its next start; with keep=True in every process (within a second) and over restarts, wherever the code
        configures the queue as it does here and now. limits=None: as configured again. What runs beyond a limit goes on.
        Raises ConfigurationError, UnknownQueue.
        """
        runner = self._living()
        self._check_queue(queue)
        wanted = limits if limits is None or isinstance(limits, Queue) else Queue(limits)
        if keep or limits is None:
            text = None if wanted is None else runner.limits.text_of(queue, wanted)
            await self._store.keep_limits(queue, text, now=self._clock.now())
            runner.keep_limits(queue, text)
        runner.set_limits(queue, None if keep else wanted)

    async def check(self) -> Sequence[str]:
        """What is wrong with the file that keeps the jobs, a sentence each; nothing where it is whole. Reads all of it, while jobs go on."""
        self._living()
        return await self._store.check()

    async def backup(self, to: str | os.PathLike[str] | None = None) -> str:
        """Copy all that is stored at this moment into a file, while jobs go on; its path. It is whole, with nothing beside it that belongs to it, and for its
        owner alone to read.

        to: the file, in place of what was there; by default the store's own path with ".backup". Raises ConfigurationError, StoreUnavailable (StoreFull).
        """
        self._living()
        return await self._store.backup(None if to is None else os.fspath(to))

    async def record_act(self, who: str, verb: str, target: str, count: int) -> None:
        """Keep what was done by hand, and by whom; the page does that for its own buttons. See `acts`."""
        self._living()
        await self._store.record_act(Act(self._clock.now(), who, verb, target, count))

    async def acts(self, limit: int = 50) -> Sequence[Act]:
        """What was done by hand, newest first."""
        self._living()
        return await self._store.acts(limit)

    async def drain(self, queue: str, *, timeout: float | None = None, by: str = "", why: str = "") -> None:
        """Pause this queue, and return when nothing of it runs any more, in any process. Raises TimeoutError; the pause stays."""
        await self.pause(queue, by=by, why=why)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    stats = (await self._store.stats(now=self._clock.now())).queues.get(queue)
                    if stats is None or not stats.states.get(State.RUNNING):
                        return
                    await sleep(self._clock, DRAIN_LOOK)
        except TimeoutError:
            if timeout is None:
                raise
            raise TimeoutError(f"queue {queue!r} still runs jobs after {timeout:g} s; it stays paused") from None

    def web(self, *, auth: Auth | None = None, redact: Collection[str] = ()) -> ASGIApp:
        """The page and its JSON, to be mounted: `app.mount("/jobs", jobs.web())` serves /jobs/stats and /jobs/health.

        auth: a function (`def` or `async def`) of the request that returns None (nobody), "read", "act", a set of acts (to look, and do these), or one
        of these with a name: ("read", "ada"); or "basic": who gives the name and password in ASYNCJOBS_WEB_USER and ASYNCJOBS_WEB_PASSWORD may act;
        or "local". Without it only a browser on this very machine may look; with "local" such a one may act. redact: names of arguments, and
        of what is in arguments, results and meta, whose values are shown nowhere, beside those that say that they are secret
        (password, token, ...). The runner's life is not the page's: give the app `lifespan=jobs.lifespan` as well.
        """
        return open_web(self, auth=auth, redact=redact, clock=self._clock)

    # --- what handles need -------------------------------------------------------------------------------------------

    async def wait_ended(self, id: str, timeout: float | None) -> Job:
        """The job once it has ended; see `JobHandle.result`."""
        try:
            async with asyncio.timeout(timeout):
                return await self._endings.wait(id, self.get)
        except TimeoutError:
            if timeout is None:
                raise
            raise TimeoutError(f"job {id} has not ended within {timeout:g} s; it goes on") from None

    async def cancel_one(self, id: str) -> bool:
        """Cancel this job; whether that was of use."""
        verdict = (await self.cancel(id))[id]
        return verdict in (Cancellation.CANCELLED, Cancellation.REQUESTED)

    def decode_result(self, job: Job) -> object:
        """The job's result as its task's return annotation has it; None where none was kept."""
        if job.result is None:
            return None
        task = self._tasks.get(job.name)
        return job.result if task is None else task.result.decode(job.result)

    # --- three ways in -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """An ASGI lifespan that does nothing else: `FastAPI(lifespan=jobs.lifespan)`."""
        async with self.running(app):
            yield

    def wrap(self, lifespan: Callable[[Any], AbstractAsyncContextManager[A]]) -> Callable[[Any], AbstractAsyncContextManager[A]]:
        """Your lifespan with the runner inside it: jobs start after your resources are open, and end before they close."""

        @asynccontextmanager
        async def wrapped(app: Any) -> AsyncIterator[A]:
            async with lifespan(app) as state, self.running(app):
                yield state

        return wrapped

    @asynccontextmanager
    async def running(self, app: object = None, *, work: Iterable[str] | None = None) -> AsyncGenerator[Jobs]:
        """Start the runner, and stop it at the end: inside your own lifespan, or in a script.

        work: as for `Jobs`, for this time; `async with jobs.running(work=())` only enqueues. `app` is for symmetry with a
        lifespan, nothing is asked of it.
        Raises StoreMismatch, ConfigurationError, AlreadyStarted, UsedAfterFork. A store that is busy, full or failing starts degraded
        instead, and recovers by itself.
        """
        if self._life is not None:
            raise AlreadyStarted if self._life.pid == os.getpid() else UsedAfterFork(self._life.pid, os.getpid())
        life = Life(self._work if work is None else self._checked_work(work))
        self._life = life
        try:
            await life.up(self._run)
            yield self
        finally:
            # Until its main task has ended this life holds the store: a second start must not find it free before.
            await life.down(self._shutdown_timeout + LIFE_GRACE, lambda: self._forget(life))

    def _forget(self, life: Life) -> None:
        if self._life is life:
            self._life = None

    async def _run(self, life: Life) -> None:
        """The runner's whole life, in one task of its own: resources that hold a cancel scope are left where they were entered."""
        resources = nullcontext({}) if self._resources is None else self._resources()
        async with resources as state:
            life.runner = runner = Runner(
                self._store,
                self._clock,
                self._runner_info(life.work),
                self._tasks,
                self.schedules.declared,
                self._queues,
                state=state,
                retention=self._retention,
                max_result=self._max_result,
                shutdown_timeout=self._shutdown_timeout,
                on_settled=self._endings.tell,
            )
            await runner.start()
            life.is_up()
            try:
                await life.wait_until_over()
            finally:
                await runner.stop()

    def _runner_info(self, work: Sequence[str]) -> RunnerInfo:
        return RunnerInfo(
            id=self._clock.new_id(),
            pid=os.getpid(),
            host=socket.gethostname(),
            version=VERSION,
            started_at=self._clock.now(),
            queues={name: self._queues[name].limit for name in work},
            tasks=frozenset(self._tasks),
        )

    def _checked_work(self, work: Iterable[str] | None) -> tuple[str, ...]:
        if work is None:
            return tuple(self._queues)
        names = (work,) if isinstance(work, str) else tuple(work)
        return tuple(self._check_queue(name) for name in names)

    # --- where a call may come from ----------------------------------------------------------------------------------

    def _living(self) -> Runner:
        """This process's runner, if the call comes from its loop. Raises what to do instead."""
        life = self._life
        if life is None or life.runner is None:
            raise NotStarted
        if life.pid != os.getpid():
            raise UsedAfterFork(life.pid, os.getpid())
        if life.loop is not asyncio.get_running_loop():
            raise WrongLoop("Jobs", in_thread=life.thread != threading.get_ident())
        if not life.runner.ready:
            raise StoreUnavailable(f"the store is not open yet ({life.runner.health.reasons.get('store', 'starting')})")
        return life.runner

    def _loop_for_thread(self) -> asyncio.AbstractEventLoop:
        life = self._life
        if life is None:
            raise NotStarted
        if life.pid != os.getpid():
            raise UsedAfterFork(life.pid, os.getpid())
        if life.thread == threading.get_ident():
            raise OnLoopThread
        return life.loop


def _environment_work(configured: Mapping[str, Queue]) -> tuple[str, ...] | None:
    """ASYNCJOBS_WORK: names with commas, empty for none, unset for what the code says."""
    value = os.environ.get("ASYNCJOBS_WORK")
    if value is None:
        return None
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in configured:
            raise UnknownQueue(name, configured, "The environment variable ASYNCJOBS_WORK names it: correct it there.")
    return names


def _checked_retention(given: Mapping[str, float | timedelta]) -> dict[State, float]:
    seconds = dict(RETENTION)
    for state, value in given.items():
        number = value.total_seconds() if isinstance(value, timedelta) else value
        if (
            state not in RETENTION
            or isinstance(number, bool)
            or not isinstance(number, (int, float))
            or not 0 <= number <= 100 * 366 * DAY
        ):
            raise ConfigurationError(
                f"retention={{{state!r}: {value!r}}}: give seconds or a timedelta for 'succeeded', 'cancelled' or 'failed'"
            )
        seconds[state] = float(number)
    return {State(state): value for state, value in seconds.items()}


def _ids(ids: str | Iterable[str]) -> list[str]:
    wanted = [ids] if isinstance(ids, str) else list(ids) if isinstance(ids, Iterable) else [ids]
    for id in wanted:
        if not isinstance(id, str):
            raise ArgumentError(f"{id!r} is no job id; give the text that enqueue's handle has as .id, or several of them")
    return wanted


def _checked_call(call: Call[Any]) -> Call[Any]:
    if not isinstance(call, Call):
        raise ArgumentError(f"enqueue_many takes calls such as task.call(1), task.options(delay=5).call(2); {call!r} is none")
    return call


def _checked_size(name: str, size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ConfigurationError(f"{name}={size!r}: give a number of bytes from 1")
    return size
