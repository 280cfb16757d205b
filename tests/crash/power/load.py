"""The load at the seam: many callers of one store, every verb, with checkpoints every few commits; closed and opened in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from asyncjobs.job import Job, NewJob, State, Survives
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Cancellation
from tests.crash.power.marked import MarkedStore
from tests.store import acts

SESSIONS = 3  # between open and close
PRODUCERS, CLAIMERS, OPERATORS = 8, 3, 2
ROUNDS = 12  # of each producer, in each session
LULL = 15  # jobs
LARGE = 30_000  # characters of an argument that fills pages of its own
QUEUES = {"default": 5, "other": 3}
SHELF = "shelf"  # a queue that nobody works: what is cancelled and put back there
SURVIVES: Sequence[Survives] = ("power", "power", "power", "crash", "crash", "nothing")


class Time:
    """Milliseconds, one for each look: no two changes of a job have the same."""

    def __init__(self) -> None:
        self._now = acts.NOW

    def next(self) -> int:
        self._now += 1
        return self._now


class Session:
    """One handle's callers."""

    def __init__(self, store: MarkedStore, name: str, chance: random.Random, time: Time) -> None:
        self.store = store
        self.name = name
        self.chance = chance
        self.time = time
        self.producing = PRODUCERS

    async def run(self) -> None:
        await acts.sign_on(self.store, self.name, queues=QUEUES)
        await asyncio.gather(
            *(self._produce(f"{self.name}-{n}") for n in range(PRODUCERS)),
            *(self._work() for _ in range(CLAIMERS)),
            *(self._operate(f"{self.name}-op{n}") for n in range(OPERATORS)),
            self._keep_house(),
        )
        await self._lull()

    def _new(self, id: str, survives: Survives, **fields: object) -> NewJob:
        size = self.chance.choice((0, 0, 40, 400, LARGE)) if self.chance.random() < 0.3 else 20
        later = self.chance.choice((0, 0, 0, 30, 200))
        queue = self.chance.choice(tuple(QUEUES))
        args = self.chance.randbytes(size // 2).hex()
        key = f"key of {id}" if self.chance.random() < 0.3 else None
        return acts.new(
            id, **{"queue": queue, "run_at": self.time.next() + later, "args": args, "unique_key": key, "survives": survives, **fields}
        )  # fmt: skip

    async def _produce(self, name: str) -> None:
        for n in range(ROUNDS):
            survives = self.chance.choice(SURVIVES)
            count = self.chance.choice((1, 1, 1, 2, 6))
            await self.store.insert([self._new(f"{name}-{n}-{i}", survives) for i in range(count)], now=self.time.next())
        self.producing -= 1

    async def _work(self) -> None:
        empty = 0
        while self.producing or empty < 3:
            claimed = await acts.claim(self.store, self.name, QUEUES, now=self.time.next())
            empty = 0 if claimed.jobs else empty + 1
            if claimed.jobs and self.chance.random() < 0.3:
                await self.store.cancel([claimed.jobs[0].id], now=self.time.next())
            ends = [self._end(job) for job in claimed.jobs if self.chance.random() < 0.95]  # the rest is left to the next session
            if ends:
                await self.store.finish(ends, now=self.time.next())
            if self.chance.random() < 0.1:
                await self.store.requeue([end.id for end in ends[:1] if end.to.ended], now=self.time.next())

    def _end(self, job: Job) -> Finish:
        match self.chance.random():
            case luck if luck < 0.6:
                return acts.success(job, result=str(luck))
            case luck if luck < 0.7:
                return acts.failure(job)
            case luck:
                return acts.retry(job, self.time.next() + self.chance.choice((0, 20, 100)), give_back=luck < 0.8)

    async def _operate(self, name: str) -> None:
        """What a person does at the page: cancel what waits, put back what has ended."""
        for n in range(ROUNDS):
            id = f"{name}-{n}"
            await self.store.insert([self._new(id, self.chance.choice(SURVIVES[:-1]), queue=SHELF)], now=self.time.next())
            for _ in range(self.chance.randrange(3)):
                answer = await self.store.cancel([id], now=self.time.next())
                assert list(answer) == [Cancellation.CANCELLED]
                if self.chance.random() < 0.7:
                    await self.store.requeue([id], now=self.time.next())
                else:
                    break

    async def _keep_house(self) -> None:
        while self.producing:
            await self.store.beat(self.name, now=self.time.next())
            await self.store.prune({state: self.time.next() - 150 for state in State if state.ended}, limit=10)

    async def _lull(self) -> None:
        """Work without a synced commit: claims and ends alone, which a cut may undo."""
        await self.store.insert([self._new(f"{self.name}-lull-{n}", "crash") for n in range(LULL)], now=self.time.next())
        for _ in range(LULL):
            claimed = await acts.claim(self.store, self.name, {"default": 1, "other": 1}, now=self.time.next())
            ends = [acts.success(job) for job in claimed.jobs if self.chance.random() < 0.7]
            await self.store.finish(ends, now=self.time.next())


async def work(path: Path, chance: random.Random) -> None:
    """Carry the load out on the recorded disk."""
    time, before = Time(), None
    for number in range(SESSIONS):
        store = MarkedStore(path)
        await store.open()
        if before is not None:
            await _take_over(store, before, time)
        session = Session(store, f"s{number}", chance, time)
        await session.run()
        await store.close()
        store._liveness.release(session.name)  # as its process's death does
        before = session.name


async def _take_over(store: MarkedStore, dead: str, time: Time) -> None:
    while orphans := await store.orphans(100):
        assert {job.runner for job in orphans} == {dead}
        now = time.next()
        await store.finish([acts.retry(job, now, outcome="lost", give_back=True, crashes=1) for job in orphans], now=now)
