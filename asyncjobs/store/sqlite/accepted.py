"""Jobs with survives="nothing": acknowledged before they are written, and written all the same while the process lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from asyncjobs.clock import Clock, sleep
from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import NewJob
from asyncjobs.spawn import spawn

logger = logging.getLogger("asyncjobs.store")

AGAIN_AFTER = 0.5  # seconds

Write = Callable[[], "asyncio.Future[Any]"]  # submits the insert


class Accepted:
    """Of one store, from its open() to its close(). Everything here is on the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._under_way: dict[str, asyncio.Future[Any]] = {}  # by id
        self._overdue: list[tuple[Sequence[NewJob], Write]] = []  # that the store could not take; tried again
        self._retrying: asyncio.Task[None] | None = None
        self._closing = False

    def __len__(self) -> int:
        """How many inserts the store could not take yet."""
        return len(self._overdue)

    def take(self, jobs: Sequence[NewJob], write: Write) -> None:
        """Have these written; whoever asked for it has the answer already."""
        future = write()
        self._under_way.update(dict.fromkeys((job.id for job in jobs), future))
        future.add_done_callback(lambda done: self._written(done, jobs, write))

    async def settled(self, ids: Sequence[str]) -> None:
        """Return when those of these that are under way are written. Raises StoreUnavailable for what the store could not take yet."""
        under_way = {self._under_way[id] for id in ids if id in self._under_way}
        if under_way:
            await asyncio.wait(under_way)
        overdue = {job.id for jobs, _ in self._overdue for job in jobs}
        if not overdue.isdisjoint(ids):
            raise StoreUnavailable(f"{', '.join(overdue.intersection(ids))}: on its way to the disk, which can't take it now")

    def close(self) -> None:
        """Try once more what is overdue; what can't be written now is lost, and said to be."""
        self._closing = True
        if self._retrying is not None:
            self._retrying.cancel()
        self._again()

    def _written(self, done: asyncio.Future[Any], jobs: Sequence[NewJob], write: Write) -> None:
        for job in jobs:
            self._under_way.pop(job.id, None)
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StoreUnavailable) and not self._closing:
            self._overdue.append((jobs, write))
            if self._retrying is None or self._retrying.done():
                self._retrying = spawn(self._retry(), name="asyncjobs accepted")
        elif error is not None:
            logger.error('jobs with survives="nothing" were not stored: %s: %s', ", ".join(job.id for job in jobs), error)

    async def _retry(self) -> None:
        while self._overdue:
            await sleep(self._clock, AGAIN_AFTER)
            self._again()

    def _again(self) -> None:
        overdue, self._overdue = self._overdue, []
        for jobs, write in overdue:
            self.take(jobs, write)
