"""Free slots to running attempts: claims never more than can start at once, when something may be due.

Per queue it keeps the time from which a claim may find something. A ring (an enqueue here, a sibling's datagram, a retry)
moves that time forward, a claim's answer back; a queue is asked only when its time has come and a slot is free.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from asyncjobs.clock import Clock
from asyncjobs.job import Job
from asyncjobs.queue import Limits
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.slots import Slots
from asyncjobs.store.base import Claim, Claimed, Store

logger = logging.getLogger("asyncjobs.runner")

# A job that must run alone makes a busy runner stop claiming for so long, then claim again for as long, and so on: with jobs
# that end within a minute it waits a minute at most; with longer ones, neither it nor the others starve.
ALONE_PATIENCE = 60.0
ALONE_LOOK = 1_000  # ms between looks at whether that job is still there
NEVER = math.inf
STARTS_AT_ONCE = 20  # attempts that begin in one turn of the loop, which with their first steps take it about a millisecond


class Dispatcher:
    """Turns free slots into claims, and claims into attempts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        slots: Slots,
        *,
        runner: str,
        queues: Sequence[str],
        tasks: frozenset[str],
        limits: Mapping[str, Limits],
        start: Callable[[Job], None],
        held_up: Callable[[], bool],
        settled: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._slots = slots
        self._runner = runner
        self._queues = tuple(queues)
        self._tasks = tasks
        self._limits = limits  # of the queues that have some over all processes
        self._start = start  # begins an attempt of a claimed job
        self._held_up = held_up  # whether outcomes pile up: no claims then
        self._settled = settled  # whether the end of every attempt is in the store
        self._due: dict[str, float] = dict.fromkeys(queues, 0.0)  # ms; written by ring() and _learn()
        self._rung: set[str] = set()  # queues rung since the claim under way was submitted
        self._alone_due: float = NEVER  # ms; written by _learn()
        self._alone_since: float | None = None  # monotonic; a job that must run alone runs since
        self._yielding_since: float | None = None  # monotonic; when claims stopped, or began again, for a job to run alone
        self._named: set[str] = set()  # unknown tasks that the log has named
        self._looked_at = 0  # ms; when the last claim was answered
        self._paused: frozenset[str] = frozenset()
        self._bell = Bell(clock)
        self._stopping = False
        self.claiming_since: float | None = None  # monotonic; a claim is under way since

    def ring(self, queues: Iterable[str] | None = None, at: float = 0.0) -> None:
        """These queues (None: all) may have a job due at `at` (ms)."""
        for queue in self._queues if queues is None else queues:
            if queue in self._due:
                self._due[queue] = min(self._due[queue], at)
                self._rung.add(queue)
        self._bell.ring()

    def slot_freed(self) -> None:
        """An attempt has ended, or the last end has been written.

        A suspect is alone until its end is in the store: its row says so, and a death in that commit would be blamed on it.
        """
        if self._alone_since is not None and not self._slots.busy and self._settled():
            self._alone_since = None
        self._bell.ring()

    def learn(self, tasks: frozenset[str]) -> None:
        """Claim jobs of these tasks from now on."""
        self._tasks = tasks
        self.ring()

    def set_limits(self, limits: Mapping[str, Limits]) -> None:
        """Over all processes, from now on."""
        self._limits = limits
        self.ring()

    def set_paused(self, paused: frozenset[str]) -> None:
        resumed = self._paused - paused
        self._paused = paused
        if resumed:
            self.ring(resumed)

    def stop(self) -> None:
        """No claims any more; run() returns once the one under way is answered."""
        self._stopping = True
        self._bell.ring()

    async def run(self) -> None:
        """Claim and start until stop()."""
        while not self._stopping:
            self._bell.quiet()
            now = self._clock.now()
            if self._alone_due <= now and self._wants_quiet():
                if not self._slots.busy and self._settled():
                    await self._claim_alone(now)
                    continue
                if now - self._looked_at >= ALONE_LOOK:  # a sibling may have taken it meanwhile
                    await self._claim(dict.fromkeys(self._queues, 0), now)
                    continue
            elif wants := self._wants(now):
                await self._claim(wants, now)
                continue
            await self._bell.wait(self._seconds_to_next(now))

    def _wants(self, now: int) -> dict[str, int]:
        if self._held_up() or self._runs_alone():
            return {}
        return {
            queue: free
            for queue in self._queues
            if self._due[queue] <= now and queue not in self._paused and (free := self._slots.free(queue)) > 0
        }

    def _seconds_to_next(self, now: int) -> float | None:
        """Until a queue with a free slot has something due, or quiet begins or ends. None: nothing is known to come."""
        times = [self._due[q] for q in self._queues if q not in self._paused and self._slots.free(q) > 0 and self._due[q] > now]
        if self._alone_due > now:
            times.append(self._alone_due)
        seconds = (min(times) - now) / 1000 if times else NEVER
        if self._yielding_since is not None or self._alone_since is not None:
            seconds = min(seconds, ALONE_LOOK / 1000)
        return None if seconds == NEVER else seconds

    async def _claim(self, wants: dict[str, int], now: int) -> None:
        with self._claiming(now):
            claimed = await self._store.claim(Claim(self._runner, wants, self._tasks, self._limits), now=now)
            taken = dict.fromkeys(wants, 0)
            for job in claimed.jobs:
                taken[job.queue] += 1
                self._slots.take(job.queue)
            self._learn(wants, taken, claimed, now)
            await self._start_all(claimed.jobs)
        for name in claimed.unknown - self._named:
            logger.warning(
                "jobs of task %r are held: no living process that works their queue knows it. Bring it back, or name it in aliases= of the task that took "
                "its place; they run then", name,
            )  # fmt: skip
        self._named |= claimed.unknown

    async def _start_all(self, jobs: Sequence[Job]) -> None:
        """A few in each turn of the loop, so that the app's own work comes in between."""
        waiting = deque(jobs)
        try:
            while waiting:
                for _ in range(min(STARTS_AT_ONCE, len(waiting))):
                    self._start(waiting.popleft())
                await asyncio.sleep(0)
        finally:  # cancelled, at the end of a shutdown: what has not begun is given back, which start knows
            while waiting:
                self._start(waiting.popleft())

    async def _claim_alone(self, now: int) -> None:
        """The runner is idle, and a job is due that must have it for itself."""
        wants = {queue: 1 for queue in self._queues if queue not in self._paused}
        with self._claiming(now):
            claimed = await self._store.claim_alone(Claim(self._runner, wants, self._tasks, self._limits), now=now)
        self._yielding_since = None
        self._alone_due = NEVER if claimed.alone_due is None else claimed.alone_due
        if not claimed.jobs and self._alone_due <= now:  # a sibling has it, or its queue is not for us: don't ask again at once
            self._alone_due = now + 1_000
        for job in claimed.jobs:
            self._alone_since = self._clock.monotonic()
            self._slots.take(job.queue)
            self._start(job)

    @contextmanager
    def _claiming(self, now: int) -> Iterator[None]:
        """Until what the claim takes has begun: before, the store knows of attempts here that nobody here does."""
        self._rung.clear()
        self.claiming_since = self._clock.monotonic()
        try:
            yield
        finally:
            self.claiming_since = None
            self._looked_at = now

    def _learn(self, wants: dict[str, int], taken: dict[str, int], claimed: Claimed, now: int) -> None:
        """When to ask each queue again. The answer's next_due is for all wanted queues together."""
        upcoming = NEVER if claimed.next_due is None else claimed.next_due
        someone_full = any(taken[queue] == wants[queue] for queue in wants)
        for queue in wants:
            if queue in self._rung or taken[queue] == wants[queue]:
                self._due[queue] = now
            elif queue in claimed.blocked:
                self._due[queue] = NEVER  # until an attempt of it ends here, or a beat, since one may have ended elsewhere
            elif upcoming <= now and someone_full:
                # What is due may be the full one's alone: ask this queue once more, by itself, to learn its own time.
                self._due[queue] = now
            else:
                self._due[queue] = upcoming
        if claimed.alone_due is not None:
            self._alone_due = claimed.alone_due
        elif wants.keys() >= {queue for queue in self._queues if queue not in self._paused}:  # else it may be another queue's
            self._alone_due = NEVER
            self._yielding_since = None

    def _runs_alone(self) -> bool:
        """Whether everything waits for a job that must run alone: while it runs, but not longer than others may be kept waiting."""
        return self._alone_since is not None and self._clock.monotonic() - self._alone_since < ALONE_PATIENCE

    def _wants_quiet(self) -> bool:
        """Whether claims pause now for the job that must run alone: for a while, and not for the same while after."""
        now = self._clock.monotonic()
        if self._yielding_since is None or now - self._yielding_since >= 2 * ALONE_PATIENCE:
            self._yielding_since = now
        return now - self._yielding_since < ALONE_PATIENCE
