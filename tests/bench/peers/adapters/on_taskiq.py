"""taskiq on Redis. Settings: `aof`, see stores/redis.py; `broker`: "stream" (acknowledges, the default) or "list" (takes and forgets)."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, RedisStreamBroker

from tests.bench.peers.adapter import Adapter, ended
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import redis

KEY = "taskiq"  # the broker's own name for its list or stream


class OnTaskiq(Adapter):
    async def open(self) -> None:
        url = redis.fresh(self.settings)
        self._is_list = self.settings.get("broker") == "list"
        self._broker = ListQueueBroker(url) if self._is_list else RedisStreamBroker(url, consumer_id="0")

        @self._broker.task(task_name="job")
        async def job(number: int) -> None:
            PROBE.hit()

        self._job = job
        self._redis = Redis.from_url(url)
        await self._broker.startup()

    async def close(self) -> None:
        await self._broker.shutdown()
        await self._redis.aclose()

    async def enqueue(self, number: int) -> None:
        await self._job.kiq(number)

    async def start_worker(self) -> None:
        self._task = asyncio.create_task(run_receiver_task(self._broker, max_async_tasks=self.concurrency))

    async def stop_worker(self) -> None:
        await ended(self._task)

    async def unfinished(self) -> int:
        if self._is_list:
            return int(await self._redis.llen(KEY))
        (group,) = await self._redis.xinfo_groups(KEY)
        return int(group["pending"] + (group["lag"] or 0))
