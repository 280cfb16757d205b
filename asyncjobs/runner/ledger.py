"""Outcomes on their way to the store: settled by policy, written in batches, kept until they are written.

A failing store loses nothing here: outcomes wait in memory, and land when it is back. They are few: the dispatcher stops
claiming while more than HIGH_WATER wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from asyncjobs.clock import Clock, sleep
from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import Error, Job, Progress, State
from asyncjobs.outcome import Failed, Finish, Outcome, Succeeded, TimedOut, settle
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.dead_letter import Follow
from asyncjobs.runner.failure import error_of
from asyncjobs.runner.health import Health
from asyncjobs.runner.supervise import pause_after
from asyncjobs.store.base import Store, Verdict

logger = logging.getLogger("asyncjobs.attempt")

HIGH_WATER = 1_000  # outcomes; far above what a healthy commit gathers, far below what would be felt in memory
PART = "outcomes"  # in health; the loop itself is the part "ledger", whose well-being says nothing of these
UNWRITABLE = "UnwritableEnd"  # the error type of an attempt whose end no store could hold


class Ledger:
    """The one way an attempt's end reaches the store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        health: Health,
        on_settled: Callable[[Job, Finish], None],
        last_note: Callable[[Job], Progress | None],
        on_empty: Callable[[], None] = lambda: None,
        follow: Follow = lambda job, finish: finish,
    ) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._last_note = last_note  # what an attempt said of its progress and is not stored yet
        self._follow = follow
        self._on_empty = on_empty  # called when everything is in the store
        self._on_settled = on_settled  # called for each finish that the store applied
        self._pending: list[tuple[Job, Outcome]] = []  # appended by add(), emptied by _write()
        self._writing: dict[str, int] = {}  # id → token, of the batch under way; written by _write() only
        self._bell = Bell(clock)  # rung when something is pending, or the end has come
        self._empty = asyncio.Event()  # set while there is no backlog
        self._empty.set()
        self._closing = False

    @property
    def full(self) -> bool:
        return len(self._pending) > HIGH_WATER

    @property
    def backlog(self) -> int:
        """Outcomes that are not in the store yet."""
        return len(self._pending) + len(self._writing)

    def holds(self, id: str, token: int) -> bool:
        """Whether this attempt's outcome is here, not yet in the store."""
        return self._writing.get(id) == token or any(job.id == id and job.token == token for job, _ in self._pending)

    def add(self, job: Job, outcome: Outcome) -> None:
        """Take this outcome; from here on it is on its way."""
        self._pending.append((job, outcome))
        self._empty.clear()
        self._bell.ring()

    async def run(self) -> None:
        """Write what comes, until close() and nothing is left."""
        while True:
            while self._pending:  # before the first wait too: what an earlier run() could not write is still here
                await self._write()
            self._empty.set()
            self._on_empty()
            if self._closing:
                return
            await self._bell.wait()

    async def flushed(self) -> None:
        """Wait until everything is in the store."""
        await self._empty.wait()

    def close(self) -> None:
        """Let run() return once it has written what is here."""
        self._closing = True
        self._bell.ring()

    async def _write(self) -> None:
        batch, self._pending = self._pending, []
        self._writing = {job.id: job.token for job, _ in batch}
        try:
            await self._record(batch)
        except BaseException:  # a bug, or the end: what is not written stays here
            self._pending = batch + self._pending
            raise
        finally:
            self._writing = {}

    async def _record(self, batch: Sequence[tuple[Job, Outcome]]) -> None:
        """Settle these, and write them; where a value can't be written, each by itself, so that it fails its own job alone."""
        now = self._clock.now()
        finishes = [self._finish(job, outcome, now) for job, outcome in batch]
        try:
            verdicts = await self._persist(finishes, now)
        except (ValueError, TypeError, OverflowError) as error:
            if len(batch) > 1:
                for one in batch:
                    await self._record([one])
                return
            ((job, outcome),) = batch
            if isinstance(outcome, Failed) and outcome.error.type == UNWRITABLE:
                raise
            logger.exception("job %s (%s): its end could not be written", job.id, job.name)
            await self._record([(job, Failed(Error(UNWRITABLE, f"the end of the attempt could not be written: {error}")))])
            return
        for (job, outcome), finish, verdict in zip(batch, finishes, verdicts, strict=True):
            if verdict is Verdict.APPLIED:
                _log(job, outcome, finish, now)
                self._on_settled(job, finish)
            elif verdict is Verdict.LOST:
                logger.warning("job %s (%s): attempt %d was superseded; its outcome is dropped", job.id, job.name, job.attempt)

    def _finish(self, job: Job, outcome: Outcome, now: int) -> Finish:
        finish, note = self._follow(job, self._settle(job, outcome, now)), self._last_note(job)
        return finish if note is None else replace(finish, progress=note)

    def _settle(self, job: Job, outcome: Outcome, now: int) -> Finish:
        """By policy; what policy can't digest (values that a job subclassed or overwrote) is that job's failure alone."""
        try:
            return settle(job, outcome, now=now, chance=self._clock.random())
        except Exception as error:
            logger.exception("job %s (%s): its end could not be settled", job.id, job.name)
            return settle(job, Failed(error_of(error)), now=now, chance=self._clock.random())

    async def _persist(self, finishes: Sequence[Finish], now: int) -> Sequence[Verdict]:
        """Until it is done: finish is idempotent, and giving up would run finished work again."""
        failures = 0
        while True:
            try:
                verdicts = await self._store.finish(finishes, now=now)
            except StoreUnavailable as error:
                failures += 1
                self._health.bad(PART, f"{len(finishes)} outcomes wait in memory: {error.reason}")
                await sleep(self._clock, pause_after(failures, self._clock.random()))
            else:
                self._health.good(PART)
                return verdicts


def _log(job: Job, outcome: Outcome, finish: Finish, now: int) -> None:
    if isinstance(outcome, Succeeded) and outcome.note is not None:
        logger.warning("job %s (%s) succeeded, but its result was not kept: %s", job.id, job.name, outcome.note.message)
    if not isinstance(outcome, (Failed, TimedOut)):
        return
    error = outcome.error
    facts = {"job_id": job.id, "queue": job.queue, "task": job.name, "attempt": job.attempt}
    if finish.to is State.QUEUED and finish.run_at is not None:
        logger.warning(
            "job %s (%s) failed in attempt %d of %d, next in %.1f s: %s: %s\n%s",
            job.id, job.name, job.attempt, job.policy.max_attempts, (finish.run_at - now) / 1000, error.type, error.message,
            error.traceback, extra=facts,
        )  # fmt: skip
    else:
        logger.error(
            "job %s (%s) failed for good in attempt %d of %d: %s: %s\n%s",
            job.id, job.name, job.attempt, job.policy.max_attempts, error.type, error.message, error.traceback, extra=facts,
        )  # fmt: skip
