"""APScheduler 4, a pre-release, used as a job queue. Settings: `store`: "sqlite" (the default) or "postgres"."""

from __future__ import annotations

from apscheduler import AsyncScheduler
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from sqlalchemy.ext.asyncio import create_async_engine

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE
from tests.bench.peers.stores import postgres, sqlite


async def job(number: int) -> None:
    PROBE.hit()


class OnAps4(Adapter):
    async def open(self) -> None:
        if self.settings.get("store") == "postgres":
            url = postgres.fresh("peer_aps4").replace("postgresql:", "postgresql+asyncpg:")
            engine = create_async_engine(url, pool_size=16)
        else:
            engine = create_async_engine(f"sqlite+aiosqlite:///{sqlite.fresh(self.folder, 'aps4')}")
        self._scheduler = AsyncScheduler(SQLAlchemyDataStore(engine), max_concurrent_jobs=self.concurrency)
        await self._scheduler.__aenter__()
        await self._scheduler.configure_task("job", func=job, job_executor="async", max_running_jobs=None)

    async def close(self) -> None:
        await self._scheduler.__aexit__(None, None, None)

    async def enqueue(self, number: int) -> None:
        await self._scheduler.add_job("job", args=[number])

    async def start_worker(self) -> None:
        await self._scheduler.start_in_background()

    async def stop_worker(self) -> None:
        await self._scheduler.stop()

    async def unfinished(self) -> int:
        return len(await self._scheduler.get_jobs())
