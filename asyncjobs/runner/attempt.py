"""One attempt: runs a claimed job to exactly one outcome.

Whoever stops an attempt writes the reason first, so that telling how it ended never guesses. It ends when its function has
returned, whatever was cancelled before; until then its row stays `running` and its slot is taken.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Any

from asyncjobs.clock import Clock, Timer
from asyncjobs.context import JobContext, enter, job_of
from asyncjobs.errors import ArgumentError
from asyncjobs.job import Error, Job, Progress
from asyncjobs.outcome import Cancel, Cancelled, Failed, Outcome, Released, RetryAfter, Snooze, Snoozed, Succeeded, TimedOut
from asyncjobs.runner.failure import MESSAGE_LIMIT, cut, error_of
from asyncjobs.runner.threads import Threads
from asyncjobs.runner.whereabouts import of_task, of_thread
from asyncjobs.spawn import context_of, spawn
from asyncjobs.task import Task

logger = logging.getLogger("asyncjobs.attempt")

CANCEL_GRACE = 5.0  # seconds a cancelled attempt has before it is called stuck and a replacement slot opens


class Stop(Enum):
    """Why an attempt was asked to end."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"


class Surroundings:
    """What all attempts of a runner share."""

    __slots__ = ("base", "clock", "max_result", "on_end", "on_stuck", "report", "state", "threads")

    def __init__(
        self,
        *,
        clock: Clock,
        threads: Threads,
        state: Mapping[str, Any],
        max_result: int,
        report: Callable[[Job, Progress], None],
        on_end: Callable[[Attempt, Outcome], None],
        on_stuck: Callable[[Attempt], None],
    ) -> None:
        self.clock = clock
        self.threads = threads
        self.state = state
        self.max_result = max_result  # bytes of JSON
        self.report = report  # where progress goes
        self.on_end = on_end  # called once an attempt, on the loop
        self.on_stuck = on_stuck  # called at most once an attempt, before on_end
        self.base = contextvars.copy_context()  # of the lifespan: a job must not inherit the context of a request


class Attempt:
    """One run of `job`, identified by (job.id, job.token)."""

    __slots__ = ("_around", "_context", "_grace", "_outcome", "_runs", "_stop", "_task", "_thread", "_timer", "job", "stuck")

    def __init__(self, job: Job, task: Task[..., Any, Any], around: Surroundings) -> None:
        self.job = job
        self.stuck = False  # set by _overstays
        self._task = task
        self._around = around
        self._context = JobContext(job, around.state, around.report)
        self._stop: Stop | None = None  # written by stop(), before the cancellation it explains
        self._timer: Timer | None = None  # the deadline
        self._grace: Timer | None = None
        self._runs: asyncio.Task[None] | None = None
        self._thread: int | None = None  # that a `def` runs in; written there
        self._outcome: Outcome | None = None  # written by _run; kept here, since a task's result is lost when it is cancelled

    def start(self) -> None:
        """Begin; `on_end` is called when the function has returned."""
        if self.job.policy.timeout is not None:
            self._timer = self._around.clock.call_later(self.job.policy.timeout, self._expire)
        self._runs = spawn(self._run(), name=f"asyncjobs job {self.job.name} {self.job.id}", context=self._around.base.copy())
        self._runs.add_done_callback(self.ended)

    @property
    def may_be_interrupted(self) -> bool:
        """Whether the end of the loop reaches into it: it is no thread's, and nobody had asked for its end for a reason."""
        return self._task.is_async and self._stop not in (Stop.TIMEOUT, Stop.CANCEL)

    @property
    def runs(self) -> asyncio.Task[None]:
        assert self._runs is not None, "start() comes first"
        return self._runs

    def started(self, task: asyncio.Task[Any]) -> bool:
        """Whether this task is one of those that the function has started, however far down."""
        return job_of(context_of(task)) is self._context

    @property
    def whereabouts(self) -> str:
        """Where the function is at this moment, as a traceback says it; "" between its lines and ours."""
        if self._thread is not None:
            return of_thread(self._thread, Attempt._call.__code__)
        return of_task(self.runs, Attempt._perform.__code__)

    def stop(self, reason: Stop) -> None:
        """Ask the function to end. The first reason stands, and it is asked once: a second cancellation would interrupt its
        cleaning up. Only the shutdown asks again."""
        if self._stop is None:
            self._stop = reason
            self._grace = self._around.clock.call_later(CANCEL_GRACE, self._overstays)
        elif reason is not Stop.SHUTDOWN:
            return
        self._context._stop()
        self.runs.cancel()

    def _expire(self) -> None:
        self.stop(Stop.TIMEOUT)

    def _overstays(self) -> None:
        self.stuck = True
        logger.error(
            "job %s (%s) still runs %g s after it was asked to stop (%s). It keeps its slot; a replacement slot opens. "
            "A job must let CancelledError through; a def job must look at ctx.cancelled.",
            self.job.id, self.job.name, CANCEL_GRACE, self._stop.value if self._stop else "",
        )  # fmt: skip
        self._around.on_stuck(self)

    def ended(self, runs: asyncio.Task[None]) -> None:
        """The function has returned: tell how."""
        for timer in (self._timer, self._grace):
            if timer is not None:
                timer.cancel()
        self._around.on_end(self, self._outcome or self._unbegun())

    def _unbegun(self) -> Outcome:
        """Cancelled before its first line."""
        return Cancelled("cancelled before it began") if self._stop is Stop.CANCEL else Released()

    async def _run(self) -> None:
        """Never raises: SystemExit and KeyboardInterrupt would end the server's loop, wherever user code raises them."""
        try:
            self._outcome = await self._perform()
        except BaseException as raised:  # user code, whose ends are all one to the loop: failures of this job
            self._outcome = Failed(error_of(raised))

    async def _perform(self) -> Outcome:
        task = self._task
        try:
            args, kwargs = task.arguments.decode(self.job.args)
        except ArgumentError as misfit:
            return Failed(error_of(misfit), retryable=task.retry.allows(misfit))
        if task.takes_context:
            args = (self._context, *args)
        enter(self._context)
        try:
            if task.is_async:
                value = await task.function(*args, **kwargs)
            else:
                value = await self._in_thread(lambda: self._call(args, kwargs))
                if inspect.isawaitable(value):  # a plain function around a coroutine function
                    value = await value
        except BaseException as raised:  # user code: see _run
            return self._outcome_of(raised)
        return self._success(value)

    async def _in_thread(self, function: Callable[[], object]) -> object:
        """The function's end, not the wait's: a cancellation only leaves its mark in ctx.cancelled."""
        future = self._around.threads.run(function)
        while not future.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({future})
        return future.result()

    def _call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> object:
        self._thread = threading.get_ident()
        try:
            return self._task.function(*args, **kwargs)
        finally:
            self._thread = None

    def _outcome_of(self, raised: BaseException) -> Outcome:
        match self._stop:
            case Stop.TIMEOUT:
                seconds = self.job.policy.timeout
                return TimedOut(Error("JobTimeout", f"ran longer than its timeout of {seconds:g} s", error_of(raised).traceback))
            case Stop.CANCEL:
                return Cancelled("cancelled while it ran")
            case Stop.SHUTDOWN:
                return Released()
        return self._verdict_on(raised)

    def _verdict_on(self, raised: BaseException) -> Outcome:
        """What the job itself said by raising."""
        match raised:
            case Snooze(seconds=seconds):
                return Snoozed(seconds)
            case Cancel(why=why):
                return Cancelled(cut(why, MESSAGE_LIMIT) or "the job raised Cancel")
            case RetryAfter(seconds=seconds):
                return Failed(error_of(raised), retry_after=seconds)
            case _:
                retry = self._task.retry
                return Failed(error_of(raised), retryable=retry.allows(raised), retry_after=retry.wait_after(raised))

    def _success(self, value: object) -> Outcome:
        if value is None or not self.job.policy.keep_result:
            return Succeeded()
        try:
            text = self._task.result.encode(value)
        except ArgumentError as error:  # the work is done: never run it again for this
            return Succeeded(note=Error("ResultNotKept", str(error)))
        if len(text) > self._around.max_result:
            return Succeeded(
                note=Error("ResultNotKept", f"{len(text):,} bytes of JSON, above the limit of {self._around.max_result:,}")
            )
        return Succeeded(text)
