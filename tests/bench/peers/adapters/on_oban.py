"""oban-py on PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import Any

from oban import Oban, worker
from oban.schema import install

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import postgres

DATABASE = "peer_oban"
UNFINISHED = "SELECT count(*) FROM oban_jobs WHERE state IN ('available', 'executing')"
COLUMNS = "args, inserted_at, max_attempts, meta, priority, queue, scheduled_at, state, tags, worker"


@worker(queue="default")
class Job:
    async def process(self, job: Any) -> None:
        PROBE.hit()


class OnOban(Adapter):
    has_bulk = True

    async def open(self) -> None:
        self._pool = await Oban.create_pool(postgres.fresh(DATABASE), min_size=4, max_size=16)
        await install(self._pool)
        self._client = Oban(pool=self._pool, name="client")

    async def close(self) -> None:
        await self._pool.close()

    async def enqueue(self, number: int) -> None:
        await self._client.enqueue(Job.new({"number": number}))

    async def enqueue_many(self, numbers: range) -> None:
        await self._client.enqueue_many([Job.new({"number": number}) for number in numbers])

    async def start_worker(self) -> None:
        self._worker = Oban(pool=self._pool, name="worker", queues={"default": self.concurrency})
        await self._worker.start()

    async def stop_worker(self) -> None:
        await asyncio.wait_for(self._worker.stop(), 10)

    async def unfinished(self) -> int:
        async with self._pool.connection() as connection:
            (count,) = await (await connection.execute(UNFINISHED)).fetchone()
        return int(count)

    async def fill(self, count: int) -> None:
        """One job by oban and copies of its row, since 200,000 through its own call would take minutes."""
        if count < 1:
            return
        await self.enqueue(0)
        one = "(SELECT * FROM oban_jobs ORDER BY id DESC LIMIT 1) AS one"
        postgres.execute(
            DATABASE,
            f"INSERT INTO oban_jobs ({COLUMNS}) SELECT {COLUMNS} FROM {one}, generate_series(1, {count - 1})",
        )

    async def rest(self) -> None:
        postgres.rest(DATABASE)
