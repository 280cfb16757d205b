"""How a job comes to be a suspect."""

from __future__ import annotations

from typing import Any

from asyncjobs import JobHandle, Jobs, Task
from asyncjobs.store.base import Claim, RunnerInfo
from asyncjobs.store.memory import MemoryStore
from tests.fakes import START, FakeClock


async def crash_twice(jobs: Jobs, clock: FakeClock, store: MemoryStore, task: Task[[], Any, Any]) -> JobHandle[Any]:
    """Enqueue this task, and let two processes die while it runs: from then on it runs alone."""
    async with jobs.running(work=()):
        handle = await jobs.enqueue(task)
        for runner in ("first", "second"):
            await store.register(RunnerInfo(runner, 1, "h", "0", START), now=clock.now())
            claimed = await store.claim(Claim(runner, {task.queue: 1}, frozenset([task.name])), now=clock.now())
            assert [job.id for job in claimed.jobs] == [handle.id]
            store._data.alive.discard(runner)
            await clock.advance(1.6)  # a look for orphans, and the second that a job waits after a crash
    return handle
