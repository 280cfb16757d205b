"""What the campaign found: a lone suspect is alone until its end is in the store, not only until its function has returned."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs import Jobs, State
from asyncjobs.errors import StoreUnavailable
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Verdict
from asyncjobs.store.memory import MemoryStore
from tests.fakes import FakeClock
from tests.runner.suspects import crash_twice


class FullStore(MemoryStore):
    """Takes no ends of attempts while it is `full`, as on a full disk."""

    full = False

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        if self.full:
            raise StoreUnavailable("no space")
        return await super().finish(finishes, now=now)


async def test_nothing_is_claimed_beside_a_suspect_whose_end_is_not_recorded() -> None:
    """If the process died now, the store would have it running alone, and blame it for everything beside it."""
    clock, store = FakeClock(), FullStore()
    jobs = Jobs("memory:", clock=clock)
    jobs._store = store

    @jobs.task
    async def suspect() -> None:
        store.full = True

    @jobs.task
    async def other() -> None: ...

    handle = await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(11)
        assert store.full, "the suspect has not run"
        waiting = await jobs.enqueue(other)
        await clock.advance(5)
        assert await handle.status() == State.RUNNING
        assert await waiting.status() == State.QUEUED
        store.full = False
        await clock.advance(10)
        assert await handle.status() == State.SUCCEEDED
        assert await waiting.status() == State.SUCCEEDED


async def test_a_suspect_waits_for_the_ends_of_others_to_be_recorded() -> None:
    """If it killed its process before, what had ended would run again."""
    clock, store = FakeClock(), FullStore()
    jobs = Jobs("memory:", clock=clock)
    jobs._store = store
    began = []

    @jobs.task
    async def suspect() -> None:
        began.append(store.full)

    @jobs.task
    async def other() -> None:
        store.full = True

    handle = await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(1)
        await jobs.enqueue(other)
        await clock.advance(15)
        assert store.full, "the other has not run"
        assert began == []
        store.full = False
        await clock.advance(15)
        assert await handle.status() == State.SUCCEEDED
    assert began == [False]
