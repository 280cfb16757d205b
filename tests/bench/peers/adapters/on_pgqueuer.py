"""pgqueuer on PostgreSQL, through asyncpg's pool."""

from __future__ import annotations

import asyncio

import asyncpg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import postgres

DATABASE = "peer_pgqueuer"
UNFINISHED = "SELECT count(*) FROM pgqueuer WHERE status IN ('queued', 'picked')"


class OnPgQueuer(Adapter):
    has_bulk = True

    async def open(self) -> None:
        self._url = postgres.fresh(DATABASE)
        self._pool = await asyncpg.create_pool(self._url, min_size=4, max_size=16)
        self._queries = Queries(AsyncpgPoolDriver(self._pool))
        await self._queries.install()

    async def close(self) -> None:
        self._pool.terminate()

    async def enqueue(self, number: int) -> None:
        await self._queries.enqueue("job", b'{"n": %d}' % number)

    async def enqueue_many(self, numbers: range) -> None:
        payloads: list[bytes | None] = [b'{"n": %d}' % number for number in numbers]
        await self._queries.enqueue(["job"] * len(payloads), payloads, [0] * len(payloads))

    async def start_worker(self) -> None:
        self._worker_pool = await asyncpg.create_pool(self._url, min_size=4, max_size=16)
        self._worker = PgQueuer.from_asyncpg_pool(self._worker_pool)

        @self._worker.entrypoint("job")
        async def job(job: Job) -> None:
            PROBE.hit()

        # It takes no less room than two batches, so up to twice the concurrency of the others.
        running = self._worker.run(batch_size=self.concurrency, max_concurrent_tasks=2 * self.concurrency)
        self._task = asyncio.create_task(running)

    async def stop_worker(self) -> None:
        self._worker.shutdown.set()
        await asyncio.wait({self._task}, timeout=5)
        self._worker_pool.terminate()

    async def unfinished(self) -> int:
        return int(await self._pool.fetchval(UNFINISHED))

    async def rest(self) -> None:
        postgres.rest(DATABASE)
