"""pydocket on Redis. Settings: `aof`, see stores/redis.py; `memory` ("1": its store without a server); `check`: seconds between its
worker's looks (docket's 0.25 otherwise)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from docket import Docket, Worker
from redis.exceptions import ResponseError

from tests.bench.peers.adapter import Adapter, ended
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import redis


async def job(number: int) -> None:
    PROBE.hit()


class OnDocket(Adapter):
    has_bulk = True

    async def open(self) -> None:
        url = "memory://peers" if self.settings.get("memory") else redis.fresh(self.settings)
        self._connected = AsyncExitStack()
        self._docket = await self._connected.enter_async_context(Docket(name="peers", url=url))
        self._docket.register(job)

    async def close(self) -> None:
        await self._connected.aclose()

    async def enqueue(self, number: int) -> None:
        await self._docket.add(job)(number)

    async def enqueue_many(self, numbers: range) -> None:
        await self._docket.add_many([self._docket.call(job)(number) for number in numbers])

    async def start_worker(self) -> None:
        self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        check = self.settings.get("check")
        interval: dict[str, Any] = {} if check is None else {"minimum_check_interval": timedelta(seconds=float(check))}
        async with Worker(self._docket, concurrency=self.concurrency, **interval) as worker:
            await worker.run_forever()

    async def stop_worker(self) -> None:
        await ended(self._task)

    async def unfinished(self) -> int:
        async with self._docket.redis() as connection:
            try:
                groups = await connection.xinfo_groups(self._docket.stream_key)
            except ResponseError:  # nothing was ever added
                return 0
        return sum(int(group["pending"] + (group.get("lag") or 0)) for group in groups)
