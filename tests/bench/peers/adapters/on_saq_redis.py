"""saq on Redis. Settings: `aof`, see stores/redis.py."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Queue, Worker

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import redis


async def job(context: Any, *, number: int) -> None:
    PROBE.hit()


class OnSaqRedis(Adapter):
    async def open(self) -> None:
        self._queue = Queue.from_url(redis.fresh(self.settings))
        await self._queue.connect()

    async def close(self) -> None:
        await self._queue.disconnect()

    async def enqueue(self, number: int) -> None:
        await self._queue.enqueue("job", number=number)

    async def start_worker(self) -> None:
        self._worker = Worker(self._queue, functions=[job], concurrency=self.concurrency)
        self._worker.SIGNALS = []  # they are the server's
        self._task = asyncio.create_task(self._worker.start())

    async def stop_worker(self) -> None:
        self._worker.event.set()
        await asyncio.wait({self._task}, timeout=5)

    async def unfinished(self) -> int:
        return await self._queue.count("incomplete")
