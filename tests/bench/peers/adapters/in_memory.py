"""What nothing can be faster than: an `asyncio.Queue` and tasks that read it. In w5, Starlette's BackgroundTask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from tests.bench.peers.adapter import Adapter
from tests.bench.peers.probe import PROBE


async def _job(number: int) -> None:
    PROBE.hit()


class InMemory(Adapter):
    has_bulk = True

    async def open(self) -> None:
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._running = 0

    async def enqueue(self, number: int) -> None:
        self._queue.put_nowait(number)

    async def enqueue_many(self, numbers: range) -> None:
        for number in numbers:
            self._queue.put_nowait(number)

    async def start_worker(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(self.concurrency)]

    async def _work(self) -> None:
        while True:
            number = await self._queue.get()
            self._running += 1
            await _job(number)
            self._running -= 1

    async def stop_worker(self) -> None:
        for worker in self._workers:
            worker.cancel()

    async def unfinished(self) -> int:
        return self._queue.qsize() + self._running

    def endpoint(self) -> Callable[[Request], Awaitable[Response]]:
        async def answer_then_run(request: Request) -> Response:
            return Response(status_code=202, background=BackgroundTask(_job, 1))

        return answer_then_run
