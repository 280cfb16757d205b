"""streaq on Redis. Settings: `aof`, see stores/redis.py."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from streaq import Worker

from tests.bench.peers.adapter import Adapter, ended
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import redis


class OnStreaq(Adapter):
    has_bulk = True

    async def open(self) -> None:
        self._url = redis.fresh(self.settings)
        self._client, self._job = self._made_worker()
        self._connected = AsyncExitStack()
        await self._connected.enter_async_context(self._client)

    def _made_worker(self) -> tuple[Worker[Any], Any]:
        worker: Worker[Any] = Worker(redis_url=self._url, handle_signals=False, concurrency=self.concurrency)

        @worker.task(name="job")
        async def job(number: int) -> None:
            PROBE.hit()

        return worker, job

    async def close(self) -> None:
        await self._connected.aclose()

    async def enqueue(self, number: int) -> None:
        await self._job.enqueue(number)

    async def enqueue_many(self, numbers: range) -> None:
        await self._client.enqueue_many([self._job.enqueue(number) for number in numbers])

    async def start_worker(self) -> None:
        self._worker, _ = self._made_worker()
        self._task = asyncio.create_task(self._worker.run_async())

    async def stop_worker(self) -> None:
        await ended(self._task)

    async def unfinished(self) -> int:
        return int(await self._client.queue_size() + self._worker.running())
