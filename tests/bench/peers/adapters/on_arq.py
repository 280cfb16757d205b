"""arq on Redis. Settings: `aof`, see stores/redis.py; `poll_delay`, seconds between its worker's looks (arq's 0.5 otherwise)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker, func

from tests.bench.peers.adapter import Adapter, ended
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import redis


async def job(context: Any, number: int) -> None:
    PROBE.hit()


class OnArq(Adapter):
    def __init__(self, concurrency: int, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__(concurrency, settings, folder)
        self.poll = float(settings.get("poll_delay", 0.5))

    async def open(self) -> None:
        self._server = RedisSettings.from_dsn(redis.fresh(self.settings))
        self._redis = await create_pool(self._server)

    async def close(self) -> None:
        await self._redis.aclose()

    async def enqueue(self, number: int) -> None:
        await self._redis.enqueue_job("job", number)

    async def start_worker(self) -> None:
        worker = Worker(
            [func(job, name="job")],
            redis_settings=self._server,
            max_jobs=self.concurrency,
            handle_signals=False,
            poll_delay=self.poll,
        )
        self._task = asyncio.create_task(worker.async_run())

    async def stop_worker(self) -> None:
        await ended(self._task)

    async def unfinished(self) -> int:
        return int(await self._redis.zcard("arq:queue"))
