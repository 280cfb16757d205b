"""The machine is worth something only if it finds faults: each store here has one, and it must be found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from asyncjobs.job import Hold, NewJob, State
from asyncjobs.outcome import Finish
from asyncjobs.schedule import Fire, Schedule
from asyncjobs.store.base import Claim, Claimed, Inserted, Verdict
from asyncjobs.store.memory import MemoryStore
from asyncjobs.store.memory_data import MemoryData
from asyncjobs.store.tally import Tally
from tests.property.store_machine import Disagreement, StoreMachine
from tests.store.worlds import MemoryWorld, World

# Seeded, so that it is the same search every time; without shrinking, since only the fact counts.
SEARCH = settings(
    max_examples=1_500,
    stateful_step_count=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class ClaimUnsorted(MemoryStore):
    """RETURNING gives rows in no order."""

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        claimed = await super().claim(claim, now=now)
        return replace(claimed, jobs=list(reversed(claimed.jobs)))


class FinishUnfenced(MemoryStore):
    """Any finish ends whatever runs under that id."""

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        jobs = self._data.jobs
        return await super().finish([replace(f, token=jobs[f.id].token) if f.id in jobs else f for f in finishes], now=now)


class RetryIgnoresCancel(MemoryStore):
    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        for finish in finishes:
            job = self._data.jobs.get(finish.id)
            if job is not None and job.cancel_requested:
                self._data.put(replace(job, cancel_requested=False))
        return await super().finish(finishes, now=now)


class ClaimWhilePaused(MemoryStore):
    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        paused, self._data.paused = self._data.paused, {}
        try:
            return await super().claim(claim, now=now)
        finally:
            self._data.paused = paused


class PruneTheNewest(MemoryStore):
    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        old = [
            job
            for job in self._data.jobs.values()
            if job.finished_at is not None and job.finished_at < ended_before.get(job.state, 0)
        ]
        going = sorted(old, key=lambda job: (job.finished_at or 0, self._data.seqs[job.id]), reverse=True)[:limit]
        return await self._remove(going)

    async def _remove(self, going: Sequence[object]) -> int:
        tally = Tally()
        for job in going:
            self._data.remove(job)  # type: ignore[arg-type]
            tally.pruned(job.queue, job.state, 1)  # type: ignore[attr-defined]
        self._data.add(tally)
        await super().prune({}, limit=1)
        return len(going)


class PruneTheLiving(PruneTheNewest):
    """Retention by age, whatever the state."""

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        old = [job for job in self._data.jobs.values() if job.enqueued_at < ended_before.get(job.state, 0)]
        return await self._remove(old[:limit])


class GiveBackLost(MemoryStore):
    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        return await super().finish([replace(finish, give_back=False) for finish in finishes], now=now)


class UniqueKeyKept(MemoryStore):
    """The key is free only when the job is pruned."""

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        keys = {finish.id: job.unique_key for finish in finishes if (job := self._data.jobs.get(finish.id)) and job.unique_key}
        verdicts = await super().finish(finishes, now=now)
        for id, key in keys.items():
            self._data.holders.setdefault(key, id)
        return verdicts


class TokenNotGrown(MemoryStore):
    """The token counts opens only: a job claimed again gets the one it had."""

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        before = {id: job.token for id, job in self._data.jobs.items()}
        claimed = await super().claim(claim, now=now)
        jobs = [replace(job, token=before[job.id] or job.token) for job in claimed.jobs]
        for job in jobs:
            self._data.put(job)
        return replace(claimed, jobs=jobs)


class CountersDrift(MemoryStore):
    """A retry into another queue is not counted out of its old one."""

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        verdicts = await super().finish(finishes, now=now)
        for finish, verdict in zip(finishes, verdicts, strict=True):
            if verdict is Verdict.APPLIED and finish.queue is not None:
                self._data.counters[finish.queue, State.QUEUED] += 1
        return verdicts


class HoldIgnored(MemoryStore):
    """A job under suspicion is claimed among the others."""

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        return await super().finish([replace(finish, hold=Hold.NONE) for finish in finishes], now=now)


class InsertInParts(MemoryStore):
    """Each job has a commit of its own, and a cancelled caller leaves the rest out."""

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        answers: list[Inserted] = []
        for job in jobs:
            answers += await super().insert([job], now=now)
            await asyncio.sleep(0)
        return answers


class OrphansByAge(MemoryStore):
    """A runner that has not beaten for ten seconds is taken for dead."""

    async def orphans(self, limit: int) -> Sequence[object]:  # type: ignore[override]
        orphans = await super().orphans(limit)
        running = [job for job in self._data.jobs.values() if job.state is State.RUNNING]
        return [job for job in running if (job.started_at or 0) < self._latest_now - 10_000 or job in orphans]


class ClockStepForgotten(MemoryStore):
    def _make_due_again(self, now: int) -> None:
        pass


class FiresTwice(MemoryStore):
    """Whoever comes first, the second fires too."""

    def __init__(self, data: MemoryData | None = None) -> None:
        super().__init__(data)
        fire = self._timetable.fire

        async def whatever_its_version(fires: Sequence[Fire], *, now: int) -> Sequence[bool]:
            fired: list[bool] = []
            for one in fires:
                known = self._data.schedules.get(one.name)
                fired += await fire([one if known is None else replace(one, version=known.version)], now=now)
            return fired

        self._timetable.fire = whatever_its_version  # type: ignore[method-assign]


class PauseForgotten(MemoryStore):
    """What the code declares anew runs on."""

    def __init__(self, data: MemoryData | None = None) -> None:
        super().__init__(data)
        declare = self._timetable.declare

        async def unpaused(schedules: Sequence[Schedule], *, now: int) -> None:
            before = dict(self._data.schedules)
            await declare(schedules, now=now)
            for name, schedule in self._data.schedules.items():
                if before.get(name) not in (None, schedule):
                    self._data.schedules[name] = replace(schedule, paused=None)

        self._timetable.declare = unpaused  # type: ignore[method-assign]


class LimitOfOneProcess(MemoryStore):
    """The limit over all processes counts the asking runner's attempts only."""

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        counters, running = self._data.counters, self._data.running[claim.runner]
        before = {queue: counters[queue, State.RUNNING] for queue in claim.limits}
        for queue in claim.limits:
            counters[queue, State.RUNNING] = sum(self._data.jobs[id].queue == queue for id in running)
        mine = dict.fromkeys(claim.limits, 0) | {queue: counters[queue, State.RUNNING] for queue in claim.limits}
        claimed = await super().claim(claim, now=now)
        for queue, count in before.items():
            counters[queue, State.RUNNING] += count - mine[queue]
        return claimed


class RateOfOneProcess(MemoryStore):
    """What a sibling has spent is not known."""

    def __init__(self, data: MemoryData | None = None) -> None:
        super().__init__(data)
        self._spent: dict[str, float] = {}

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        self._data.spent = self._spent
        return await super().claim(claim, now=now)


class KeysOfOneProcess(MemoryStore):
    """Of a key, only the asking runner's attempts count."""

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        data = self._data
        data.running_of = lambda key: sum(data.jobs[id].key == key for id in data.running[claim.runner])  # type: ignore[method-assign]
        try:
            return await super().claim(claim, now=now)
        finally:
            del data.running_of


class NobodyLetGo(MemoryStore):
    """A cancelled job leaves those behind it where they are."""

    def _make_room(self, ids: Sequence[str], tally: Tally, now: int) -> None:
        if any(job.state is not State.CANCELLED for id in ids if (job := self._data.jobs.get(id)) is not None):
            super()._make_room(ids, tally, now)


FAULTS = [
    ClaimUnsorted, FinishUnfenced, RetryIgnoresCancel, ClaimWhilePaused, PruneTheNewest, PruneTheLiving, GiveBackLost, UniqueKeyKept,
    TokenNotGrown, CountersDrift, HoldIgnored, InsertInParts, OrphansByAge, ClockStepForgotten, FiresTwice, PauseForgotten,
    LimitOfOneProcess, RateOfOneProcess, KeysOfOneProcess, NobodyLetGo,
]  # fmt: skip


def machine(store: type[MemoryStore]) -> type[StoreMachine]:
    class Machine(StoreMachine):
        def subject(self) -> World:
            return MemoryWorld(store)

    return Machine


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_machine_finds(fault: type[MemoryStore]) -> None:
    with pytest.raises(Disagreement):
        run_state_machine_as_test(machine(fault), settings=SEARCH)


def test_the_machine_finds_nothing_in_a_store_without_a_fault() -> None:
    run_state_machine_as_test(machine(MemoryStore), settings=settings(SEARCH, max_examples=60))
