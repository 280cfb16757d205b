"""The same through the library."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from asyncjobs import Jobs
from asyncjobs.clock import SystemClock
from tests.bench.files import QUEUE, TASK
from tests.bench.rate import Rate, Stopwatch

LIMIT = 100
WITHIN = 60.0  # seconds: for giving up only


class Ours:
    """A `Jobs` on one file, with a task that does nothing but say that it began."""

    def __init__(self, path: Path, *, clock: SystemClock | None = None) -> None:
        self.jobs = Jobs(path, queues={QUEUE: LIMIT}, clock=clock)
        self.began = 0  # jobs that have
        self._marked_at = 0.0  # perf_counter at the first line of the latest marked one
        self._marked = asyncio.Event()
        self._from: Stopwatch | None = None  # from the first line of the first, when asked for
        self._expected = 0
        self._all_began = asyncio.Event()

        async def noop(n: int) -> None:
            self.began += 1
            if self.began == 1:
                self._from = Stopwatch()
            if self.began >= self._expected:
                self._all_began.set()

        async def mark() -> None:
            self._marked_at = time.perf_counter()
            self._marked.set()

        self.noop = self.jobs.task(name=TASK)(noop)
        self._mark = self.jobs.task(name="mark")(mark)

    def enqueueing(self) -> AbstractAsyncContextManager[Jobs]:
        """Started, and running nothing."""
        return self.jobs.running(work=())

    async def enqueue(self, seconds: float, callers: int) -> Rate:
        """Acknowledged enqueues."""
        done = 0
        watch = Stopwatch()

        async def caller() -> None:
            nonlocal done
            while watch.seconds < seconds:
                await self.jobs.enqueue(self.noop, n=done)
                done += 1

        await asyncio.gather(*(caller() for _ in range(callers)))
        return watch.rate(done)

    async def enqueue_many(self, seconds: float, size: int = 1000) -> Rate:
        done = 0
        watch = Stopwatch()
        while watch.seconds < seconds:
            await self.jobs.enqueue_many([self.noop.call(n=n) for n in range(size)])
            done += size
        return watch.rate(done)

    async def fill(self, count: int) -> None:
        for first in range(0, count, 1000):
            await self.jobs.enqueue_many([self.noop.call(n=n) for n in range(first, min(first + 1000, count))])

    async def drain(self, count: int) -> Rate:
        """`count` jobs that were stored before: from the first line of the first until the end of each is recorded."""
        self.expect(count)
        async with self.jobs.running(), asyncio.timeout(WITHIN):
            await self._all_began.wait()
            while any(queue.running for queue in (await self.jobs.stats()).queues):
                await asyncio.sleep(0)
            return self._since_first(count)

    async def start(self, count: int) -> Rate:
        """The first lines of `count` jobs, of whatever number is stored."""
        self.expect(count)
        async with self.jobs.running(), asyncio.timeout(WITHIN):
            await self._all_began.wait()
            return self._since_first(count)

    async def start_latency(self, *, first: bool = False) -> float:
        """Seconds from the call of enqueue to the job's first line, while the runner is up. first: before all that is queued."""
        self._marked.clear()
        began = time.perf_counter()
        await (self._mark.options(priority=0).enqueue() if first else self._mark.enqueue())
        async with asyncio.timeout(WITHIN):
            await self._marked.wait()
        return self._marked_at - began

    async def first_began(self) -> None:
        async with asyncio.timeout(WITHIN):
            await self._all_began.wait()

    def expect(self, count: int) -> None:
        """Count from now."""
        self.began, self._expected, self._from = 0, count, None
        self._all_began.clear()

    def _since_first(self, count: int) -> Rate:
        assert self._from is not None
        return self._from.rate(count)
