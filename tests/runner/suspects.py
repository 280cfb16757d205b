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
        await die_twice(clock, store, task, handle.id)
    return handle


async def die_twice(clock: FakeClock, store: MemoryStore, task: Task[[], Any, Any], id: str) -> None:
    """While somebody is up: let two processes die while this job runs, the only one there is."""
    await store.open()
    for runner in ("first", "second"):
        await store.register(RunnerInfo(runner, 1, "h", "0", START), now=clock.now())
        claimed = await store.claim(Claim(runner, {task.queue: 1}, frozenset([task.name])), now=clock.now())
        assert [job.id for job in claimed.jobs] == [id]
        store._data.alive.discard(runner)
        await clock.advance(1.6)  # a look for orphans, and the second that a job waits after a crash


async def die_alone(clock: FakeClock, store: MemoryStore, task: Task[[], Any, Any]) -> None:
    """Let a third die of it, once it may begin."""
    await store.open()
    await clock.advance(11)
    await store.register(RunnerInfo("third", 1, "h", "0", START), now=clock.now())
    claimed = await store.claim_alone(Claim("third", {task.queue: 1}, frozenset([task.name])), now=clock.now())
    assert len(claimed.jobs) == 1
    store._data.alive.discard("third")
