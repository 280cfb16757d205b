"""Faults that reviewers found, each as the test that shows it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asyncjobs import Jobs, Queue, Retry, RetryAfter, State
from asyncjobs.clock import sleep
from asyncjobs.errors import AlreadyStarted
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Verdict
from asyncjobs.store.memory import MemoryStore
from tests.fakes import START, FakeClock
from tests.runner.suspects import crash_twice


async def test_a_handle_reads_what_was_acknowledged_before_it_was_written(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db")

    @jobs.task(survives="nothing")
    async def work() -> int:
        return 7

    async with jobs.running():
        assert [await (await work.enqueue()).result(timeout=10) for _ in range(20)] == [7] * 20


async def test_an_end_that_no_store_can_hold_fails_its_own_job_alone(tmp_path: Path) -> None:
    class Picky(MemoryStore):
        async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
            if any(finish.error is not None and finish.error.message == "bad" for finish in finishes):
                raise OverflowError("too large for the column")
            return await super().finish(finishes, now=now)

    jobs = Jobs("memory:")
    jobs._store = Picky()
    together = asyncio.Event()

    @jobs.task(retry=Retry(attempts=1))
    async def bad() -> None:
        await together.wait()
        raise ValueError("bad")

    @jobs.task
    async def good() -> int:
        await together.wait()
        return 1

    async with jobs.running():
        failing, *fine = await jobs.enqueue_many([bad.call(), good.call(), good.call()])
        while (await failing.status()) is not State.RUNNING:
            await asyncio.sleep(0)
        together.set()
        assert [await handle.result(timeout=10) for handle in fine] == [1, 1]
        job = await jobs.wait_ended(failing.id, 10)
    assert job.error is not None
    assert (job.state, job.error.type) == (State.FAILED, "UnwritableEnd")


async def test_seconds_beyond_reason_are_cut_to_a_year(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task
    async def odd() -> None:
        error = RetryAfter(1)
        error.seconds = 1e30
        raise error

    async with jobs.running():
        handle = await jobs.enqueue(odd)
        await clock.advance(0.2)
        job = await handle.job()
    assert job.state is State.QUEUED
    assert job.run_at - START < 367 * 86_400_000


async def test_a_suspect_that_never_ends_keeps_the_others_a_minute_at_most(jobs: Jobs, clock: FakeClock) -> None:
    store = MemoryStore()
    jobs._store = store
    release = asyncio.Event()

    @jobs.task
    async def suspect() -> None:
        await release.wait()

    @jobs.task
    async def other() -> None: ...

    await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(12)
        handle = await jobs.enqueue(other)
        await clock.advance(50)
        assert await handle.status() is State.QUEUED
        await clock.advance(15)
        assert await handle.status() is State.SUCCEEDED
        release.set()
        await clock.advance(1)


@pytest.mark.parametrize("limited_by", ["queue", "key"])
async def test_a_suspect_whose_limit_others_take_one_after_the_other_waits_a_minute_at_most(
    clock: FakeClock, limited_by: str
) -> None:
    jobs = Jobs("memory:", queues={"default": Queue(5, global_limit=1 if limited_by == "queue" else None)}, clock=clock)
    jobs._store = store = MemoryStore()
    ended: list[int] = []

    @jobs.task(name="work", key=(lambda **_: "k") if limited_by == "key" else None)
    async def work(n: int = 0) -> None:
        ended.append(n)
        await sleep(clock, 5)

    await crash_twice(jobs, clock, store, work)
    async with jobs.running():
        await jobs.enqueue_many([work.call(n) for n in range(1, 50)])
        await clock.advance(72)  # of which it waits ten by itself
        assert 0 in ended
        assert len(ended) > 8


async def test_a_plain_wrapper_around_a_coroutine_function_is_awaited() -> None:
    jobs = Jobs("memory:")

    def traced(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @jobs.task
    @traced
    async def work(n: int) -> int:
        return n + 1

    async with jobs.running():
        handle = await jobs.enqueue(work, 1)
        assert await handle.result(timeout=10) == 2


async def test_a_second_start_waits_for_a_drain_that_was_cancelled(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=1)
    began, release = asyncio.Event(), asyncio.Event()

    @jobs.task
    async def work() -> None:
        began.set()
        await release.wait()

    async def first() -> None:
        async with jobs.running():
            await jobs.enqueue(work)
            await began.wait()

    starting = asyncio.create_task(first())
    await began.wait()
    await asyncio.sleep(0)
    life = jobs._life
    assert life is not None
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    if not life.ended:
        with pytest.raises(AlreadyStarted):
            async with jobs.running():
                pass
    release.set()
    assert life._main is not None
    await asyncio.wait({life._main})
    await asyncio.sleep(0)
    async with jobs.running():
        assert jobs.problems == {}


async def test_a_task_registered_while_the_runner_is_up_is_run(jobs: Jobs, clock: FakeClock) -> None:
    async with jobs.running():
        await clock.advance(1)

        @jobs.task
        async def late() -> int:
            return 1

        handle = await jobs.enqueue(late)
        await clock.advance(1)
        assert await handle.result() == 1


async def test_ended_jobs_are_removed_after_their_retention(clock: FakeClock) -> None:
    jobs = Jobs("memory:", clock=clock, retention={"succeeded": 3600})

    @jobs.task
    async def work() -> None: ...

    async with jobs.running():
        handle = await jobs.enqueue(work)
        await clock.advance(3500)
        assert await jobs.get(handle.id) is not None
        await clock.advance(300)
        assert await jobs.get(handle.id) is None


async def test_resources_that_do_not_close_are_left_behind(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def sticky() -> AsyncIterator[dict[str, Any]]:
        yield {}
        await asyncio.Event().wait()

    jobs = Jobs("memory:", resources=sticky, shutdown_timeout=0.2)
    async with asyncio.timeout(5):
        async with jobs.running():
            pass
    assert "did not close within the shutdown" in caplog.text


async def test_a_store_that_neither_answers_nor_fails_is_a_problem(jobs: Jobs, clock: FakeClock) -> None:
    hangs = asyncio.Event()

    class Hanging(MemoryStore):
        async def beat(self, runner: str, *, now: int) -> Any:
            if hangs.is_set():
                await asyncio.Event().wait()
            return await super().beat(runner, now=now)

    jobs._store = Hanging()
    async with jobs.running():
        await clock.advance(5)
        assert jobs.problems == {}
        hangs.set()
        await clock.advance(12)
        assert "has not answered" in jobs.problems["store"]
