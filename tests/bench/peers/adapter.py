"""What the workloads ask of a job queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

BATCH = 1000
FILLERS = 32


class Adapter:
    """One job queue with an embedded worker, through its public interface. Its job calls `PROBE.hit()` first and does nothing else.

    Call `open` once, then enqueue, then `start_worker` once; the end is `stop_worker` if it was started, then `close`.
    """

    has_bulk: ClassVar[bool] = False  # whether enqueue_many is the peer's own call for many jobs
    poll: float = 0.0  # seconds between two looks of an idle worker, 0 where it is woken

    def __init__(self, concurrency: int, settings: Mapping[str, str], folder: Path) -> None:
        """concurrency: jobs at once in the worker. settings: what a variant of the peer changes. folder: for its files."""
        self.concurrency = concurrency
        self.settings = settings
        self.folder = folder

    async def open(self) -> None:
        """Connect to a store that is empty."""
        raise NotImplementedError

    async def close(self) -> None:
        """Disconnect."""

    async def enqueue(self, number: int) -> None:
        """Returns when the peer says that the job is stored."""
        raise NotImplementedError

    async def enqueue_many(self, numbers: range) -> None:
        """The same in one call of the peer's; only where `has_bulk`."""
        raise NotImplementedError

    async def start_worker(self) -> None:
        """Begin to run jobs, in this process and on this event loop. May return before the worker is ready."""
        raise NotImplementedError

    async def stop_worker(self) -> None:
        """Run no more; within seconds."""
        raise NotImplementedError

    async def unfinished(self) -> int:
        """How many jobs are queued or running, or 1 for any; asked every few milliseconds at the end of a drain."""
        raise NotImplementedError

    async def fill(self, count: int) -> None:
        """Store `count` jobs, as fast as the peer can."""
        if self.has_bulk:
            for first in range(0, count, BATCH):
                await self.enqueue_many(range(first, min(first + BATCH, count)))
            return
        numbers = iter(range(count))

        async def filler() -> None:
            for number in numbers:
                await self.enqueue(number)

        await asyncio.gather(*(filler() for _ in range(FILLERS)))

    async def rest(self) -> None:
        """After a fill: have done now what the store would do in the midst of the measurement (statistics, vacuum, checkpoint)."""

    def endpoint(self) -> Callable[[Request], Awaitable[Response]] | None:
        """w5's handler where the peer enqueues otherwise than through `enqueue`."""
        return None


async def ended(task: asyncio.Task[Any], seconds: float = 5.0) -> None:
    """Cancel a worker's task and wait for its end, for so long at most; how it ends is no concern of the measurement."""
    task.cancel()
    await asyncio.wait({task}, timeout=seconds)
