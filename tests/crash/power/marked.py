"""The SQLite store, unchanged, with every verb that changes a job noted in the recording: when it was asked, and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar, TypeVar

from asyncjobs.errors import StoreError
from asyncjobs.job import NewJob, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Cancellation, Claim, Claimed, Inserted, RunnerInfo, Verdict
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.crash.power.recording import Recorder

V = TypeVar("V")


class MarkedStore(SQLiteStore):
    """Notes what ladder.py reads."""

    recorder: ClassVar[Recorder]  # of this process; written once, before the first store is built

    async def _marked(
        self, verb: str, what: object, work: Awaitable[V], answer: Callable[[V], object] = lambda value: value
    ) -> V:
        call = self.recorder.asked(verb, what)
        try:
            value = await work
        except StoreError as error:
            self.recorder.refused(call, error)
            raise
        self.recorder.answered(call, answer(value))
        return value

    async def open(self) -> None:
        await self._marked("open", None, super().open())

    async def register(self, runner: RunnerInfo, *, now: int) -> None:
        await self._marked("register", None, super().register(runner, now=now))

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        return await self._marked("insert", (list(jobs), now), super().insert(jobs, now=now))

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        return await self._marked("claim", None, super().claim(claim, now=now), _tokens)

    async def claim_alone(self, claim: Claim, *, now: int) -> Claimed:
        return await self._marked("claim", None, super().claim_alone(claim, now=now), _tokens)

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        return await self._marked("finish", (list(finishes), now), super().finish(finishes, now=now))

    async def cancel(self, ids: Sequence[str], *, now: int, running: bool = True) -> Sequence[Cancellation]:
        return await self._marked("cancel", (list(ids), now), super().cancel(ids, now=now, running=running))

    async def requeue(self, ids: Sequence[str], *, now: int, due: int | None = None, spread: int = 0) -> Sequence[bool]:
        return await self._marked("requeue", (list(ids), now), super().requeue(ids, now=now, due=due, spread=spread))

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        return await self._marked("prune", dict(ended_before), super().prune(ended_before, limit=limit))


def _tokens(claimed: Claimed) -> list[tuple[str, int, int | None]]:
    return [(job.id, job.token, job.started_at) for job in claimed.jobs]
