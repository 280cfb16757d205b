"""One process's claim on work: composes the loops, and brings them up and down in the right order.

Up: open the store, register, put orphans back, then let the app serve, then claim. Down: no claims, wait for what runs, cancel
it, give back what has ended, flush the ledger, close the store, drop the evidence of life. A job that still runs at the end
keeps its row `running` and this runner's evidence until the process exits: giving it back while it runs would run it twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from asyncjobs.clock import Clock, sleep
from asyncjobs.errors import StoreClosed, StoreUnavailable
from asyncjobs.job import Job, State
from asyncjobs.outcome import EXPIRED, Cancelled, Finish, Outcome, Released
from asyncjobs.queue import Queue
from asyncjobs.runner.attempt import Attempt, Stop, Surroundings
from asyncjobs.runner.condition import Reporter
from asyncjobs.runner.dead_letter import follow_up
from asyncjobs.runner.dispatcher import Dispatcher
from asyncjobs.runner.health import Health
from asyncjobs.runner.janitor import Janitor
from asyncjobs.runner.ledger import Ledger
from asyncjobs.runner.limits import QueueLimits
from asyncjobs.runner.pulse import Pulse
from asyncjobs.runner.scheduler import Scheduler
from asyncjobs.runner.slots import Slots, SlotStats
from asyncjobs.runner.supervise import keep
from asyncjobs.runner.threads import Threads
from asyncjobs.runner.watchdog import Watchdog
from asyncjobs.schedule import Schedule
from asyncjobs.spawn import let_go, spawn
from asyncjobs.store.base import RunnerInfo, Store
from asyncjobs.task import Task

logger = logging.getLogger("asyncjobs.runner")

# A server that finds its port taken runs the lifespan's start and end around that discovery; a process that lives for less
# than this claims nothing. Only the first claim after a start waits for it.
FIRST_CLAIM_AFTER = 0.05
SILENCE = 10.0  # seconds without an answer from the store; twice what it waits for a lock
RESERVE = 2.0  # seconds of the shutdown that cancel, settle and close share (at most half of it)
CANCEL_WAIT = 0.6  # of the reserve: how much of it cancelled attempts have to end


class Runner:
    """Started once, stopped once, on one event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        info: RunnerInfo,
        tasks: Mapping[str, Task[..., Any, Any]],
        schedules: Mapping[str, Schedule],
        queues: Mapping[str, Queue],
        *,
        state: Mapping[str, Any],
        retention: Mapping[State, float],
        max_result: int,
        shutdown_timeout: float,
        on_settled: Callable[[str], None],
    ) -> None:
        self.info = info
        self.health = Health()
        self._store = store
        self._clock = clock
        self._tasks = tasks
        self._shutdown_timeout = shutdown_timeout
        self._told = on_settled  # called with the id of each job whose attempt's end is in the store
        self._attempts: dict[str, Attempt] = {}  # by job id; written by _begin() and _ended()
        self._idle = asyncio.Event()  # set while there are no attempts
        self._idle.set()
        self.limits = QueueLimits(queues)
        self._slots = Slots(info.queues)
        self._threads = Threads()
        self._watchdog = Watchdog(clock)
        follow = follow_up(tasks, clock)
        self._ledger = Ledger(
            store,
            clock,
            self.health,
            self._settled,
            lambda job: self._pulse.last_note(job),
            on_empty=lambda: self._dispatcher.slot_freed(),
            follow=follow,
        )
        self._dispatcher = Dispatcher(
            store, clock, self._slots, runner=info.id, queues=tuple(info.queues), tasks=info.tasks, limits=self.limits.over_all,
            start=self._begin, held_up=lambda: self._ledger.full, settled=lambda: not self._ledger.backlog,
        )  # fmt: skip
        self._pulse = Pulse(
            store, clock, self._dispatcher, self._ledger, runner=info.id,
            running=lambda: {id: attempt.job.token for id, attempt in self._attempts.items()}, cancel=self._cancel,
            before=self._sign_on, condition=Reporter(clock, self._watchdog.lag).due, schedules=lambda version: self._scheduler.tell(version),
            limits=self._limits_kept, expired=on_settled,
        )  # fmt: skip
        self._scheduler = Scheduler(store, clock, self.health, declared=schedules, tasks=tasks, ring=self.ring)
        self._janitor = Janitor(store, clock, retention, self._settled, follow, tasks)
        self._around = Surroundings(
            clock=clock, threads=self._threads, state=state, max_result=max_result, report=self._pulse.note,
            on_end=self._ended, on_stuck=lambda attempt: self._slots.mark_stuck(attempt.job.queue),
        )  # fmt: skip
        self._main: asyncio.Task[None] | None = None
        self._entering: asyncio.Task[None] | None = None  # the start's own attempt to enter; _serve() takes it over
        self._loops: dict[str, asyncio.Task[None]] = {}  # written by _serve()
        self._entered = False  # the store is open, we are registered, orphans are back
        self._signed_on = False  # the store knows `info` as it is
        self._draining = False

    # --- what the application asks ---

    def ring(self, queue: str, at: int) -> None:
        """A job of this queue is about to be due at `at` (ms)."""
        self._dispatcher.ring((queue,), at)

    def ring_all(self) -> None:
        """Anything may have become claimable."""
        self._dispatcher.ring()

    def learn(self, tasks: frozenset[str]) -> None:
        """A task was registered while the runner is up: claim its jobs too, and say so at the next beat."""
        self.info = replace(self.info, tasks=tasks)
        self._dispatcher.learn(tasks)
        self._signed_on = False
        self._pulse.ring()
        self._scheduler.look()

    def set_limits(self, queue: str, limits: Queue | None) -> None:
        """In this process, until the next start; None: no more."""
        self.limits.set_here(queue, limits)
        self._apply_limits()

    def keep_limits(self, queue: str, text: str | None) -> None:
        """The store has been told of these: here they hold at once, elsewhere from the next beat on."""
        self._limits_kept(self.limits.with_kept(queue, text))
        self._pulse.ring()

    def _limits_kept(self, texts: Mapping[str, str]) -> None:
        if self.limits.keep(texts):
            self._apply_limits()

    def _apply_limits(self) -> None:
        """Have the slots, the claims and what others know of this process go by them."""
        slots = {queue: self.limits[queue].limit for queue in self.info.queues}
        self._slots.set_limits(slots)
        self._dispatcher.set_limits(self.limits.over_all)
        if slots != self.info.queues:
            self.info = replace(self.info, queues=slots)
            self._signed_on = False
            self._pulse.ring()

    async def _sign_on(self) -> None:
        """Make known who runs here, where that is not known yet."""
        if not self._signed_on:
            self._signed_on = True
            await self._store.register(self.info, now=self._clock.now())

    def beat(self) -> None:
        """Look now for what was changed: cancel requests, pauses."""
        self._pulse.ring()

    def look_at_schedules(self) -> None:
        """They have changed."""
        self._scheduler.look()

    def slot_stats(self) -> dict[str, SlotStats]:
        return self._slots.stats()

    def whereabouts(self, id: str) -> str | None:
        """Where the attempt of this job is at this moment; None where none of it runs here."""
        attempt = self._attempts.get(id)
        return None if attempt is None else attempt.whereabouts

    @property
    def ready(self) -> bool:
        """Whether the store has let us in: False while a start is degraded."""
        return self._entered

    @property
    def problems(self) -> dict[str, str]:
        """Part → what is wrong with it; a store that neither answers nor fails included."""
        problems = self.health.reasons
        answered_at = self._pulse.answered_at
        if answered_at is not None and (silent := self._clock.monotonic() - answered_at) > SILENCE:
            problems.setdefault("store", f"has not answered for {silent:.0f} s; a disk may hang")
        return problems

    @property
    def backlog(self) -> int:
        """Outcomes that wait to be written."""
        return self._ledger.backlog

    # --- up ---

    async def start(self) -> None:
        """Ready to serve when it returns. Raises StoreMismatch; a store that is busy, full or failing starts degraded."""
        self._main = asyncio.current_task()
        self._entering = spawn(self._enter(), name="asyncjobs entering")
        try:
            await self._entered_in_time()
        except StoreUnavailable as error:
            self.health.bad("store", error.reason)
        except BaseException:
            self._entering.cancel()
            if self._signed_on:
                await self._within(self._retire(), self._clock.monotonic() + 1.0)
            await self._close_store(self._shutdown_timeout)
            raise
        self._watchdog.start()
        self._loops["start"] = self._spawn("start", self._serve)

    async def _entered_in_time(self) -> None:
        """Raises what entering raises. A store that hangs doesn't keep the app from serving: it may answer later, and then what
        dead processes ran is put back while the app serves."""
        assert self._entering is not None
        await asyncio.wait({self._entering}, timeout=SILENCE)
        if self._entering.done():
            self._entering.result()
        else:
            self.health.bad(
                "store", f"has not let the runner in within {SILENCE:g} s; a disk may hang, or another program hold its lock"
            )

    async def _enter(self) -> None:
        await self._store.open()
        self._signed_on = False
        await self._pulse.beat()  # signs on, and learns of pauses and limits before anything is claimed
        replayed = await self._janitor.replay()
        if self.info.queues:
            await self._scheduler.declare()
        self._entered = True
        logger.info(
            "asyncjobs runner %s: pid %d works %s; %d unfinished jobs of dead processes put back",
            self.info.id, self.info.pid, ", ".join(f"{q} ({n})" for q, n in self.info.queues.items()) or "no queues", replayed,
        )  # fmt: skip

    async def _serve(self) -> None:
        """Bring the loops up, once the store has let us in."""
        if self._entering is not None:
            entering, self._entering = self._entering, None
            await entering
        if not self._entered:
            await self._enter()
        self.health.good("store")
        self._loops["ledger"] = self._spawn("ledger", self._ledger.run)
        self._loops["pulse"] = self._spawn("pulse", self._pulse.run)
        self._loops["janitor"] = self._spawn("janitor", self._janitor.run)
        self._loops["prune"] = self._spawn("prune", self._janitor.tidy)
        self._loops["watch"] = self._spawn("watch", self._watch)
        await sleep(self._clock, FIRST_CLAIM_AFTER)
        if self.info.queues and not self._draining:
            self._loops["dispatcher"] = self._spawn("dispatcher", self._dispatcher.run)
            self._loops["scheduler"] = self._spawn("scheduler", self._scheduler.run)

    def _spawn(self, part: str, loop: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return spawn(keep(part, loop, self._clock, self.health), name=f"asyncjobs {part}")

    async def _watch(self) -> None:
        async with self._store.watch() as changes:
            async for queues in changes:
                self._dispatcher.ring(queues or None)

    # --- attempts ---

    def _begin(self, job: Job) -> None:
        task = self._tasks.get(job.name)
        if self._draining or task is None:  # claimed in the moment of stopping: it has not begun, so it goes back whole
            self._slots.give_back(job.queue, stuck=False)
            self._ledger.add(job, Released())
            return
        if job.expires_at is not None and self._clock.now() >= job.expires_at:
            self._slots.give_back(job.queue, stuck=False)
            self._ledger.add(job, Cancelled(EXPIRED))
            return
        attempt = Attempt(job, task, self._around)
        self._attempts[job.id] = attempt
        self._idle.clear()
        attempt.start()

    def _ended(self, attempt: Attempt, outcome: Outcome) -> None:
        if attempt.may_be_interrupted and self._torn_down():
            outcome = Released()  # tasks that it had started were cancelled: what it makes of that is no verdict on the job
        del self._attempts[attempt.job.id]
        self._ledger.add(attempt.job, outcome)
        self._slots.give_back(attempt.job.queue, stuck=attempt.stuck)
        self._dispatcher.slot_freed()
        if not self._attempts:
            self._idle.set()

    def _settled(self, job: Job, finish: Finish) -> None:
        """The store has recorded the end of an attempt, ours or a dead runner's."""
        if finish.run_at is not None:
            self._dispatcher.ring((finish.queue or job.queue,), finish.run_at)
        if finish.follow is not None:
            self._dispatcher.ring((finish.follow.queue,), finish.follow.run_at)
        if job.key is not None:  # its end may let others begin, in any queue
            self._dispatcher.ring()
        elif job.queue in self.limits.over_all:
            self._dispatcher.ring((job.queue,))
        self._told(job.id)

    def _cancel(self, id: str) -> None:
        attempt = self._attempts.get(id)
        if attempt is not None:
            attempt.stop(Stop.CANCEL)

    def _torn_down(self) -> bool:
        """Whether the loop cancels everything on it, our own main task and the tasks that jobs have started included."""
        return self._main is not None and self._main.cancelling() > 0

    # --- down ---

    async def stop(self) -> None:
        """Within `shutdown_timeout`, whatever jobs, threads and disk do. Correct even if it never gets to its end."""
        reserve = min(RESERVE, self._shutdown_timeout / 2)
        deadline = self._clock.monotonic() + (reserve if self._torn_down() else self._shutdown_timeout)
        self._draining = True
        self._scheduler.stop()
        try:
            await self._end_dispatcher(deadline - reserve)
            if self._attempts:
                logger.warning(
                    "asyncjobs waits up to %.0f s for %d running jobs (%s); what runs longer is cancelled and runs again",
                    deadline - reserve - self._clock.monotonic(), len(self._attempts),
                    ", ".join(sorted({attempt.job.name for attempt in self._attempts.values()})),
                )  # fmt: skip
            await self._within(self._idle.wait(), deadline - reserve)
            await self._cancel_attempts(deadline - reserve * (1 - CANCEL_WAIT))
            await self._within(self._flush(), deadline - reserve / 10)
            await self._within(self._abandon(), deadline - reserve / 20)
        finally:
            self._end_loops()
            self._watchdog.stop()
            self._threads.close()
            self._name_stuck()
            await self._leave_store(deadline)

    async def _end_dispatcher(self, until: float) -> None:
        self._dispatcher.stop()
        self._loops["start"].cancel()
        dispatcher = self._loops.get("dispatcher")
        if dispatcher is not None:  # a claim that is under way comes back to be released, not to be forgotten
            await self._within(asyncio.shield(dispatcher), until)

    async def _cancel_attempts(self, until: float) -> None:
        for attempt in self._attempts.values():
            attempt.stop(Stop.SHUTDOWN)
        await self._within(self._idle.wait(), until)

    async def _flush(self) -> None:
        if not self._entered:
            return
        if (dispatcher := self._loops.get("dispatcher")) is not None:  # a claim that a busy store answers late
            await asyncio.wait({dispatcher})
        ledger = self._loops.get("ledger")
        if ledger is not None and not ledger.done():
            await self._ledger.flushed()
        else:  # stopped before the loops were up
            self._ledger.close()
            await self._ledger.run()

    async def _abandon(self) -> None:
        if self._entered and self._attempts:
            await self._store.abandon({id: attempt.job.token for id, attempt in self._attempts.items()})

    def _end_loops(self) -> None:
        self._pulse.stop()
        self._janitor.stop()
        self._ledger.close()
        if self._entering is not None:
            self._entering.cancel()
        for loop in self._loops.values():
            loop.cancel()

    def _name_stuck(self) -> None:
        """Say which jobs outlive us, before the end of the loop says that their tasks were forgotten."""
        for attempt in self._attempts.values():
            logger.error(
                "job %s (%s) did not end within the shutdown; its row stays running and it runs again when this process is gone",
                attempt.job.id, attempt.job.name,
            )  # fmt: skip
            attempt.runs.remove_done_callback(attempt.ended)
            attempt.runs._log_destroy_pending = False  # type: ignore[attr-defined]  # it is, and we have said so
            let_go(lambda task, stuck=attempt: stuck.started(task))  # type: ignore[misc]

    async def _leave_store(self, deadline: float) -> None:
        left = max(deadline - self._clock.monotonic(), 0.1)
        if self._entered and not self._attempts:
            await self._within(self._retire(), deadline - left / 2)
        await self._close_store(max(deadline - self._clock.monotonic(), 0.1))

    async def _retire(self) -> None:
        try:
            await self._store.retire(self.info.id)
        except (StoreUnavailable, StoreClosed) as error:
            logger.warning("asyncjobs could not sign off (%s); the next start finds out by itself", error)

    async def _close_store(self, seconds: float) -> None:
        if not await self._within(self._store.close(), self._clock.monotonic() + seconds):
            logger.error("asyncjobs: the store did not close within the shutdown; what was not acknowledged may be lost")

    async def _within(self, what: Awaitable[object], until: float) -> bool:
        """Wait for it until then at most; whether it has ended. What doesn't end is left behind, not waited for."""
        task = asyncio.ensure_future(what)
        await asyncio.wait({task}, timeout=max(until - self._clock.monotonic(), 0.0))
        if not task.done():
            task.cancel()
            return False
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("asyncjobs: a step of the shutdown failed", exc_info=error)
        return True
