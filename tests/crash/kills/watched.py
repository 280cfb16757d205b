"""A store between the runner and the real one: its verbs are points, and what it tells goes to the ledger and the gauge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from asyncjobs.job import Job, NewJob, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Beat, Cancellation, Claim, Claimed, Inserted, RunnerInfo, Store, Verdict
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.ledger import Ledger
from tests.crash.kills.points import Trap

ECHO_AFTER = 0.03  # seconds


class WatchedStore:
    """Everything that is not named here is the inner store's.

    echo: tell it the end of each attempt twice, the second time a little later: what the contract calls harmless, since an
    attempt's end is recorded once.
    """

    def __init__(self, inner: Store, ledger: Ledger, gauge: Gauge, trap: Trap, *, echo: bool) -> None:
        self._inner = inner
        self._ledger = ledger
        self._gauge = gauge
        self._trap = trap
        self._echo = echo
        self._echoes: set[asyncio.Task[None]] = set()
        self._taken: dict[tuple[str, int], Job] = {}  # what runs, here or under the dead, as claim and orphans told
        self.starting = True  # until the app serves; written by the lifespan

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def open(self) -> None:
        self._trap.passing("before open")
        await self._inner.open()
        self._trap.passing("after open")

    async def close(self) -> None:
        self._trap.passing("before close")
        await self._inner.close()
        self._trap.passing("after close")

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        self._trap.passing("before insert")
        inserted = await self._inner.insert(jobs, now=now)
        for job, answer in zip(jobs, inserted, strict=True):
            if answer.created and job.run_at <= now:
                self._gauge.add(f"due {job.queue}", 1)
        self._trap.passing("after insert")
        return inserted

    async def register(self, runner: RunnerInfo, *, now: int) -> None:
        self._trap.passing("before register")
        await self._inner.register(runner, now=now)
        self._trap.passing("after register")

    async def retire(self, runner: str) -> None:
        self._trap.passing("before retire")
        await self._inner.retire(runner)
        self._trap.passing("after retire")

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        self._trap.passing("before claim")
        claimed = await self._inner.claim(claim, now=now)
        for job in claimed.jobs:
            self._gauge.add(f"due {job.queue}", -1)
            self._taken[job.id, job.token] = job
        self._trap.passing("after claim")
        return claimed

    async def claim_alone(self, claim: Claim, *, now: int) -> Claimed:
        self._trap.passing("before claim_alone")
        claimed = await self._inner.claim_alone(claim, now=now)
        self._taken.update({(job.id, job.token): job for job in claimed.jobs})
        self._trap.passing("after claim_alone")
        return claimed

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        if self.starting:
            self._trap.passing("replay: between orphans and finish")
        kinds = {"finish (requeue)" if finish.to is State.QUEUED else "finish (terminal)" for finish in finishes}
        for kind in kinds:
            self._trap.passing(f"before {kind}")
        verdicts = await self._inner.finish(finishes, now=now)
        applied = [finish for finish, verdict in zip(finishes, verdicts, strict=True) if verdict is Verdict.APPLIED]
        self._ledger.recorded((self._taken.pop((finish.id, finish.token)), finish) for finish in applied)
        if self._echo:
            self._repeat(finishes, now)
        for kind in kinds:
            self._trap.passing(f"after {kind}")
        if self.starting:
            self._trap.passing("replay: after finish")
        return verdicts

    def _repeat(self, finishes: Sequence[Finish], now: int) -> None:
        async def later() -> None:
            await asyncio.sleep(ECHO_AFTER)
            await self._inner.finish(finishes, now=now)

        echo = asyncio.create_task(later())
        self._echoes.add(echo)
        echo.add_done_callback(self._echoes.discard)

    async def beat(self, runner: str, *, now: int) -> Beat:
        self._trap.passing("before beat")
        beat = await self._inner.beat(runner, now=now)
        self._trap.passing("after beat")
        return beat

    async def note(self, notes: Mapping[str, Any]) -> None:
        self._trap.passing("before note")
        await self._inner.note(notes)
        self._trap.passing("after note")

    async def abandon(self, attempts: Mapping[str, int]) -> None:
        self._trap.passing("before abandon")
        await self._inner.abandon(attempts)
        self._trap.passing("after abandon")

    async def orphans(self, limit: int) -> Sequence[Job]:
        self._trap.passing("before orphans")
        orphans = await self._inner.orphans(limit)
        self._taken.update({(job.id, job.token): job for job in orphans})
        self._trap.passing("after orphans")
        return orphans

    async def cancel(self, ids: Sequence[str], *, now: int, running: bool = True) -> Sequence[Cancellation]:
        self._trap.passing("before cancel")
        answers = await self._inner.cancel(ids, now=now, running=running)
        self._trap.passing("after cancel")
        return answers

    async def requeue(self, ids: Sequence[str], *, now: int, due: int | None = None, spread: int = 0) -> Sequence[bool]:
        self._trap.passing("before requeue")
        answers = await self._inner.requeue(ids, now=now, due=due, spread=spread)
        self._trap.passing("after requeue")
        return answers

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        self._trap.passing("before prune")
        gone = await self._inner.prune(ended_before, limit=limit)
        self._trap.passing("after prune")
        return gone
