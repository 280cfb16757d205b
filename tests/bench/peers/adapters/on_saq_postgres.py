"""saq on PostgreSQL."""

from __future__ import annotations

from saq.queue.postgres import PostgresQueue

from tests.bench.peers.adapters.on_saq_redis import OnSaqRedis
from tests.bench.peers.stores import postgres

DATABASE = "peer_saq"


class OnSaqPostgres(OnSaqRedis):
    async def open(self) -> None:
        self._queue = PostgresQueue(url=postgres.fresh(DATABASE), min_size=4, max_size=20)
        await self._queue.connect()

    async def rest(self) -> None:
        postgres.rest(DATABASE)
