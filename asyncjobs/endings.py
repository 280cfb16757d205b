"""Who waits, in this process, for which job's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from asyncjobs.clock import Clock
from asyncjobs.errors import JobGone
from asyncjobs.job import Job

POLL_FIRST, POLL_LAST = 0.05, 1.0  # seconds between looks at a job that may end in another process


class Endings:
    """A job that ends here is told of at once; one that ends elsewhere is found by looking, less and less often."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}  # job id → who waits; written by wait()

    def tell(self, id: str) -> None:
        """Something has happened to this job: let those who wait look again."""
        for told in self._waiting.get(id, ()):
            if not told.done():
                told.set_result(None)

    async def wait(self, id: str, get: Callable[[str], Awaitable[Job | None]]) -> Job:
        """The job, once it has ended, as `get` finds it. Raises JobGone, and what `get` raises."""
        pause = POLL_FIRST
        while True:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(id, set()).add(told)  # before the look: an end in between is told of
            try:
                job = await get(id)
                if job is None:
                    raise JobGone(id)
                if job.state.ended:
                    return job
                await self._told_or_time(told, pause)
            finally:
                self._leave(id, told)
            pause = min(pause * 2, POLL_LAST)

    async def _told_or_time(self, told: asyncio.Future[None], seconds: float) -> None:
        timer = self._clock.call_later(seconds, lambda: None if told.done() else told.set_result(None))
        try:
            await told
        finally:
            timer.cancel()

    def _leave(self, id: str, told: asyncio.Future[None]) -> None:
        waiting = self._waiting[id]
        waiting.discard(told)
        if not waiting:
            del self._waiting[id]
