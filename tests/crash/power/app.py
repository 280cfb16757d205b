"""The load from above: a whole `Jobs`, its runner at work, started, stopped and started again on the recorded disk."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from unittest import mock

from asyncjobs import JobContext, Jobs, Retry, Snooze
from asyncjobs.store.sqlite import store
from tests.crash.power.marked import MarkedStore

LIVES = 2  # of one Jobs, from start to stop
CALLERS, CALLS = 8, 15
LARGE = 30_000  # characters


async def work(path: Path, chance: random.Random) -> None:
    """Carry the load out; each life ends while jobs run and wait."""
    with mock.patch.object(store, "SQLiteStore", MarkedStore):
        jobs = Jobs(path, queues={"default": 10, "long": 3}, shutdown_timeout=2.2)

    @jobs.task(name="steady")
    async def steady(text: str) -> str:
        await asyncio.sleep(0)
        return text[:40]

    @jobs.task(name="casual", survives="crash")
    async def casual(text: str) -> None:
        await asyncio.sleep(0)

    @jobs.task(name="flaky", retry=Retry(attempts=3, backoff=0.01))
    async def flaky(ctx: JobContext, text: str) -> None:
        if ctx.attempt == 1:
            raise OSError("once")

    @jobs.task(name="sleepy", survives="crash")
    async def sleepy(ctx: JobContext, text: str) -> None:
        if chance.random() < 0.5:
            raise Snooze(0.01)

    @jobs.task(name="endless", queue="long")
    async def endless(text: str) -> None:
        await asyncio.Event().wait()

    async def call() -> None:
        for _ in range(CALLS):
            task = chance.choice((steady, casual, flaky, sleepy, endless))
            text = chance.randbytes(LARGE // 2 if chance.random() < 0.1 else 10).hex()
            handle = await task.options(delay=chance.choice((0.0, 0.0, 0.05))).enqueue(text)
            if chance.random() < 0.1:
                await jobs.cancel(handle.id)

    for _ in range(LIVES):
        async with jobs.running():
            await asyncio.gather(*(call() for _ in range(CALLERS)))
