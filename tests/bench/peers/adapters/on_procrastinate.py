"""procrastinate on PostgreSQL, through psycopg's pool."""

from __future__ import annotations

import asyncio

import procrastinate

from tests.bench.peers.adapter import Adapter, ended
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import postgres

DATABASE = "peer_procrastinate"
UNFINISHED = "SELECT count(*) AS jobs FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


class OnProcrastinate(Adapter):
    has_bulk = True

    async def open(self) -> None:
        connector = procrastinate.PsycopgConnector(conninfo=postgres.fresh(DATABASE), min_size=4, max_size=16)
        self._app = procrastinate.App(connector=connector)

        @self._app.task(name="job")
        async def job(number: int) -> None:
            PROBE.hit()

        self._job = job
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()

    async def close(self) -> None:
        await self._app.close_async()

    async def enqueue(self, number: int) -> None:
        await self._job.defer_async(number=number)

    async def enqueue_many(self, numbers: range) -> None:
        await self._job.batch_defer_async(*({"number": number} for number in numbers))

    async def start_worker(self) -> None:
        worker = self._app.run_worker_async(
            concurrency=self.concurrency, install_signal_handlers=False, wait=True, shutdown_graceful_timeout=1
        )
        self._task = asyncio.create_task(worker)

    async def stop_worker(self) -> None:
        await ended(self._task)

    async def unfinished(self) -> int:
        row = await self._app.connector.execute_query_one_async(UNFINISHED)
        return int(row["jobs"])

    async def rest(self) -> None:
        postgres.rest(DATABASE)
