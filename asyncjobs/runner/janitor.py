"""Takes over what dead processes left, and removes what has been kept long enough."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence

from asyncjobs.clock import Clock, sleep
from asyncjobs.job import Job, State
from asyncjobs.outcome import Finish, Lost, settle
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.dead_letter import Follow
from asyncjobs.store.base import Store, Verdict

logger = logging.getLogger("asyncjobs.runner")

ORPHAN_INTERVAL = 0.5  # seconds: with the second that a job waits after a crash, a take-over stays below two
LEFT_TO_OTHERS = (
    60.0  # seconds for which a job whose last crash it was, and whose task is unknown here, is left to who knows `on_dead`
)
PRUNE_INTERVAL = 60.0
ORPHAN_BATCH = 500
PRUNE_BATCH = 500  # rows of one commit, so that no enqueue waits long behind it
PRUNE_PAUSE = 0.05  # seconds between such commits; leaves most of the disk's time to others


class Janitor:
    """No leader is elected: orphans are settled through the fenced `finish`, so of two janitors one wins each job."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        retention: Mapping[State, float],
        on_settled: Callable[[Job, Finish], None],
        follow: Follow,
        tasks: Container[str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention = dict(retention)  # seconds that ended jobs are kept
        self._on_settled = on_settled
        self._follow = follow
        self._tasks = tasks  # names that are known here
        self._left: dict[str, float] = {}  # job id → since when it is left to others, monotonic
        self._bell = Bell(clock)
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True
        self._bell.ring()

    async def run(self) -> None:
        """Look for orphans until stop()."""
        while not self._stopping:
            await self.replay()
            await self._bell.wait(ORPHAN_INTERVAL)

    async def tidy(self) -> None:
        """Remove what is too old, now and then, until stop(). A loop of its own: however much there is, no take-over waits."""
        while not self._stopping:
            await sleep(self._clock, PRUNE_INTERVAL)
            await self.prune()

    async def replay(self) -> int:
        """Put back every job whose runner is dead; how many there were."""
        total = 0
        while True:
            orphans = await self._store.orphans(ORPHAN_BATCH)
            are_all = len(orphans) < ORPHAN_BATCH
            if are_all:  # what else was left to others they have settled
                there = {job.id for job in orphans}
                self._left = {id: since for id, since in self._left.items() if id in there}
            settled = await self._settle(orphans)
            total += settled
            if are_all or not settled:
                return total

    async def _settle(self, orphans: Sequence[Job]) -> int:
        """Put these back, or end them; how many that were."""
        now = self._clock.now()
        ends = [(job, self._follow(job, settle(job, Lost(), now=now, chance=self._clock.random()))) for job in orphans]
        ours = [(job, finish) for job, finish in ends if not self._is_left(job, finish)]
        verdicts = await self._store.finish([finish for _, finish in ours], now=now) if ours else []
        settled = [end for end, verdict in zip(ours, verdicts, strict=True) if verdict is Verdict.APPLIED]
        for job, finish in settled:
            _log(job, finish)
            self._on_settled(job, finish)
        return len(settled)

    def _is_left(self, job: Job, finish: Finish) -> bool:
        """Whether somebody who knows its task should settle it, since something may have to follow."""
        if finish.to is not State.FAILED or job.name in self._tasks:
            return False
        now = self._clock.monotonic()
        if now - self._left.setdefault(job.id, now) < LEFT_TO_OTHERS:
            return True
        logger.warning(
            "job %s (%s) killed its process, and no process that knows its task has come for %.0f s: if it has an on_dead=, that is not "
            "enqueued", job.id, job.name, LEFT_TO_OTHERS,
        )  # fmt: skip
        return False

    async def prune(self) -> int:
        """Remove ended jobs past their retention, a batch at a time; how many went."""
        now = self._clock.now()
        before = {state: now - round(seconds * 1000) for state, seconds in self._retention.items()}
        total = 0
        while not self._stopping:
            gone = await self._store.prune(before, limit=PRUNE_BATCH)
            total += gone
            if gone < PRUNE_BATCH:
                break
            await sleep(self._clock, PRUNE_PAUSE)
        return total


def _log(job: Job, finish: Finish) -> None:
    if finish.to is State.FAILED:
        logger.error("job %s (%s) %s", job.id, job.name, finish.error.message if finish.error else "failed")
    else:
        logger.warning("job %s (%s): the process that ran it is gone; it runs again (crash %d)", job.id, job.name, finish.crashes)
