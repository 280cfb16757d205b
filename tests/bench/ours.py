"""The same through the library."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from asyncjobs import Jobs, Task


class Ours:
    """A `Jobs` on one file, with a task that does nothing."""

    def __init__(self, path: Path) -> None:
        self.ran = 0
        self.began_at = 0.0  # perf_counter at the first line of the latest job
        self.began = asyncio.Event()
        self.all_ran = asyncio.Event()
        self.expected = 0
        self.jobs = Jobs(path, queues={"default": 100})

        async def noop(n: int) -> None:
            self.began_at = time.perf_counter()
            self.ran += 1
            if self.ran >= self.expected:
                self.all_ran.set()

        self.noop: Task[..., object, None] = self.jobs.task(name="noop")(noop)

    @asynccontextmanager
    async def enqueueing(self) -> AsyncIterator[None]:
        async with self.jobs.running(work=()):
            yield

    async def enqueue(self, seconds: float, callers: int) -> float:
        """Acknowledged enqueues a second."""
        done = 0
        began = time.perf_counter()

        async def caller() -> None:
            nonlocal done
            while time.perf_counter() - began < seconds:
                await self.jobs.enqueue(self.noop, n=done)
                done += 1

        await asyncio.gather(*(caller() for _ in range(callers)))
        return done / (time.perf_counter() - began)

    async def enqueue_many(self, seconds: float, size: int = 1000) -> float:
        done = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            await self.jobs.enqueue_many([self.noop.call(n=n) for n in range(size)])
            done += size
        return done / (time.perf_counter() - began)

    async def drain(self, count: int) -> tuple[float, float]:
        """Jobs a second from the first start to the last end, and CPU µs a job of this process. `count` stored before."""
        async with self.jobs.running(work=()):
            for _ in range(count // 1000):
                await self.jobs.enqueue_many([self.noop.call(n=n) for n in range(1000)])
        self.ran, self.expected = 0, count
        self.all_ran.clear()
        async with self.jobs.running():
            cpu, began = time.process_time(), time.perf_counter()
            await self.all_ran.wait()
            while (await self.jobs.list(state="running", limit=1)).jobs:
                await asyncio.sleep(0)
            seconds = time.perf_counter() - began - 0.05  # the first claim waits that long after a start
            return count / seconds, (time.process_time() - cpu) / count * 1e6

    async def start_latency(self, samples: int) -> list[float]:
        """Seconds from the call of enqueue to the job's first line, idle in between."""
        latencies = []
        self.expected = 1
        async with self.jobs.running():
            await asyncio.sleep(0.2)
            for _ in range(samples):
                self.ran = 0
                self.all_ran.clear()
                began = time.perf_counter()
                await self.jobs.enqueue(self.noop, n=0)
                await self.all_ran.wait()
                latencies.append(self.began_at - began)
                await asyncio.sleep(0.01)
        return sorted(latencies)
