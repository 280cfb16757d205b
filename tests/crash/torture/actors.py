"""What an application does while it is tortured: at random, by seed, and all of it told to the ledger."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from asyncjobs import Jobs
from asyncjobs.errors import OutcomeUnknown, StoreUnavailable
from asyncjobs.job import State
from tests.crash.torture.ledger import Ledger
from tests.crash.torture.tasks import LONG, RESERVED, SURVIVES, Kind, Tasks, stamp_of

CALM = "calm"  # a file in the torture's folder: from its coming on there is no more load
PAUSED_NOW_AND_THEN = ("default", "side")
PRODUCERS = 4
PAUSE = 0.04  # seconds between two acts of one producer, in the mean
# Seconds between two `long` jobs of a process: with what they last, about four run in each, so a kill nearly always orphans some.
LONG_EVERY = 0.35


class Actors:
    """One process's callers."""

    def __init__(
        self, jobs: Jobs, tasks: Tasks, ledger: Ledger, folder: Path, name: str, chance: random.Random, kinds: Mapping[str, Kind]
    ) -> None:
        self._jobs = jobs
        self._tasks = tasks
        self._ledger = ledger
        self._calm = folder / CALM
        self._name = name
        self._chance = chance
        self._kinds = kinds
        self._count = 0
        self._acts: Mapping[Callable[[], Awaitable[None]], float] = {
            self._enqueue: 80,
            self._enqueue_many: 4,
            self._cancel: 6,
            self._requeue: 4,
            self._pause: 0.5,
            self._look: 2,
        }

    async def act(self) -> None:
        """Until there is to be calm."""
        async with asyncio.TaskGroup() as together:
            for _ in range(PRODUCERS):
                together.create_task(self._produce())
            together.create_task(self._produce_long())
            together.create_task(self._watch_health())
        for queue in PAUSED_NOW_AND_THEN:  # somebody may have died between a pause and its end
            await self._jobs.resume(queue)

    @property
    def _goes_on(self) -> bool:
        return not self._calm.exists()

    async def _produce(self) -> None:
        acts, weights = list(self._acts), list(self._acts.values())
        while self._goes_on:
            (act,) = self._chance.choices(acts, weights)
            try:
                await act()
            except StoreUnavailable as error:
                self._ledger.write("refused", str(error))
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE))

    async def _produce_long(self) -> None:
        while self._goes_on:
            await self._put([(LONG, RESERVED, self._chance.uniform(0.8, 2.0))])
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * LONG_EVERY)

    async def _watch_health(self) -> None:
        while self._goes_on:
            if problems := dict(self._jobs.problems):
                self._ledger.write("unwell", problems)
            await asyncio.sleep(0.25)

    # --- the acts

    async def _enqueue(self) -> None:
        await self._put([self._any()])

    async def _enqueue_many(self) -> None:
        await self._put([self._any() for _ in range(self._chance.randint(2, 20))])

    def _any(self) -> tuple[str, str, float]:
        (kind,) = self._chance.choices(list(self._kinds), [kind.weight for kind in self._kinds.values()])
        seconds = self._chance.uniform(0.05, 0.4) if kind in ("blocks", "thinks") else self._chance.expovariate(1 / 0.02)
        return kind, self._chance.choice(("default", "default", "side")), round(seconds, 4)

    async def _put(self, wanted: list[tuple[str, str, float]]) -> None:
        """Ask, and tell what was answered. A batch shares its promise of survival."""
        survives = self._chance.choice(SURVIVES)
        calls, ids = [], []
        for kind, queue, seconds in wanted:
            self._count += 1
            id = f"{self._name}-{self._count}"
            padding = "x" * self._chance.randrange(200)
            stamp = stamp_of(id, kind, seconds, padding)
            task = self._tasks.of(kind, survives)
            priority, delay = self._chance.randrange(4), self._chance.choice((0, 0, 0, 0.3))
            options = task.options(id=id, queue=queue, priority=priority, delay=delay)
            calls.append(options.call(kind, seconds, padding, stamp))
            self._ledger.write("asked", id, stamp)
            ids.append(id)
        try:
            await self._jobs.enqueue_many(calls)
        except OutcomeUnknown as error:
            self._ledger.write("unknown", ids, str(error))
        except StoreUnavailable:
            self._ledger.write("turned-away", ids)
            raise
        else:
            self._ledger.write("acknowledged", ids)

    async def _cancel(self) -> None:
        """One that is queued or running, whoever put or runs it."""
        for id in await self._some(self._chance.choice((State.QUEUED, State.RUNNING))):
            self._ledger.write("cancelling", id)
            answers = await self._jobs.cancel(id)
            self._ledger.write("cancel", id, answers[id])

    async def _requeue(self) -> None:
        for id in await self._some(self._chance.choice((State.FAILED, State.CANCELLED, State.SUCCEEDED))):
            asked = self._ledger.write("requeuing", id)
            answers = await self._jobs.retry(id)
            self._ledger.write("requeue", id, asked, answers[id])

    async def _some(self, state: State) -> list[str]:
        """The id of one job in this state, if there is any."""
        jobs = [job for job in (await self._jobs.list(state=state, limit=50)).jobs if job.queue != RESERVED]
        return [self._chance.choice(jobs).id] if jobs else []

    async def _pause(self) -> None:
        queue = self._chance.choice(PAUSED_NOW_AND_THEN)
        await self._jobs.pause(queue)
        await asyncio.sleep(self._chance.uniform(0.05, 0.3))
        await self._jobs.resume(queue)

    async def _look(self) -> None:
        await self._jobs.stats()
