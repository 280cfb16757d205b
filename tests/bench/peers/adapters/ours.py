"""asyncjobs on an SQLite file, every job synced to disk before its enqueue returns."""

from __future__ import annotations

from contextlib import AsyncExitStack

from asyncjobs import Jobs
from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import sqlite


class OurJobs(Adapter):
    has_bulk = True

    async def open(self) -> None:
        self._jobs = Jobs(sqlite.fresh(self.folder, "asyncjobs"), queues={"default": self.concurrency})

        async def job(n: int) -> None:
            PROBE.hit()

        self._job = self._jobs.task(name="job", survives="power")(job)
        self._started = AsyncExitStack()
        await self._started.enter_async_context(self._jobs.running(work=()))

    async def close(self) -> None:
        await self._started.aclose()

    async def enqueue(self, number: int) -> None:
        await self._jobs.enqueue(self._job, n=number)

    async def enqueue_many(self, numbers: range) -> None:
        await self._jobs.enqueue_many([self._job.call(n=number) for number in numbers])

    async def start_worker(self) -> None:
        await self._started.aclose()
        await self._started.enter_async_context(self._jobs.running())

    async def stop_worker(self) -> None:
        await self._started.aclose()

    async def unfinished(self) -> int:
        # Two looks at an index, where stats() would count and read the hour's history. No job comes back to queued behind the first.
        for state in ("queued", "running"):
            page = await self._jobs.list(state=state, limit=1)
            if page.jobs:
                return 1
        return 0
