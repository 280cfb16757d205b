"""What a queue's limits over all processes do to a runner that would begin more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from asyncjobs import ConfigurationError, Jobs, Queue, QueueFull, State, UnknownQueue
from asyncjobs.errors import StoreUnavailable
from asyncjobs.store.base import Claimed
from asyncjobs.store.memory import MemoryStore
from asyncjobs.store.memory_data import MemoryData
from tests.fakes import START, FakeClock, settled


@asynccontextmanager
async def processes(count: int, queue: Queue, clock: FakeClock) -> AsyncIterator[list[Jobs]]:
    """So many on the same data, each with this queue as "default"."""
    data = MemoryData()
    async with AsyncExitStack() as stack:
        started = []
        for _ in range(count):
            jobs = Jobs("memory:", queues={"default": queue}, clock=clock)
            jobs._store = MemoryStore(data)
            await stack.enter_async_context(jobs.running())
            started.append(jobs)
        await clock.advance(0.1)
        yield started


async def test_one_at_a_time_over_all_processes_one_after_the_other(clock: FakeClock) -> None:
    running, most, ended = 0, 0, []

    async def work(n: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        ended.append(n)

    async with processes(3, Queue(5, global_limit=1), clock) as all_of_them:
        tasks = [jobs.task(name="work")(work) for jobs in all_of_them]
        for n in range(12):
            await tasks[n % 3].enqueue(n)
        await settled()  # no second passes: an end makes room at once
        assert ended == list(range(12))
        assert most == 1


async def test_a_process_that_made_no_room_itself_looks_within_a_second(clock: FakeClock) -> None:
    gone = asyncio.Event()

    async def work() -> None:
        await gone.wait()

    async with processes(2, Queue(1, global_limit=1), clock) as (first, second):
        for jobs in (first, second):
            jobs.task(name="work")(work)
        await clock.advance(1.5)
        for _ in range(2):
            await first.enqueue("work")
        await settled()
        assert [job.state for job in (await first.list()).jobs] == [State.QUEUED, State.RUNNING]
        [runs] = (await first.list(state="running")).jobs
        [holder] = [jobs for jobs in (first, second) if jobs._living().info.id == runs.runner]
        holder._living()._dispatcher.stop()  # it shuts down, and claims no more
        gone.set()
        await clock.advance(1.1)
        assert [job.state for job in (await first.list()).jobs] == [State.SUCCEEDED, State.SUCCEEDED]


async def test_nobody_asks_again_and_again_while_as_many_run_as_may(clock: FakeClock) -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    async with processes(1, Queue(5, global_limit=1), clock) as [jobs]:
        jobs.task(name="work")(work)
        for _ in range(3):
            await jobs.enqueue("work")
        await settled()
        claims, claim = 0, jobs._store.claim

        async def counted(*args: Any, **kwargs: Any) -> Claimed:
            nonlocal claims
            claims += 1
            return await claim(*args, **kwargs)

        jobs._store.claim = counted  # type: ignore[method-assign]
        await clock.advance(5)
        assert claims <= 6  # one a beat


async def test_jobs_start_at_their_rate_over_all_processes(clock: FakeClock) -> None:
    starts: list[int] = []

    async def work() -> None:
        starts.append(clock.now() - START)

    async with processes(3, Queue(10, rate="2/s"), clock) as all_of_them:
        tasks = [jobs.task(name="work")(work) for jobs in all_of_them]
        await asyncio.gather(*(tasks[n % 3].enqueue() for n in range(30)))
        await clock.advance(10)
        assert 20 <= len(starts) <= 22
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        assert min(gaps) >= 450
        assert max(gaps) <= 550


# --- changed while the app runs ----------------------------------------------------------------------------------------


async def test_limits_are_changed_in_this_process_until_its_next_start(clock: FakeClock) -> None:
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()

    async with processes(2, Queue(1), clock) as (first, second):
        for jobs in (first, second):
            jobs.task(name="work")(work)
        await clock.advance(1.1)
        await first.set_limits("default", 3)
        assert (first.limits("default").limit, second.limits("default").limit) == (3, 1)
        for _ in range(9):
            await first.enqueue("work")
        await clock.advance(1.1)
        stats = await second.stats()
        assert (stats.queues[0].running, stats.queues[0].slots) == (4, 4)
        await first.set_limits("default", None)
        assert first.limits("default") == Queue(1)
        go_on.set()
        await settled()


async def test_kept_limits_hold_in_every_process_and_over_restarts_until_the_code_changes(clock: FakeClock) -> None:
    data = MemoryData()

    def app(queue: Queue) -> Jobs:
        jobs = Jobs("memory:", queues={"default": queue}, clock=clock)
        jobs._store = MemoryStore(data)
        return jobs

    changed = Queue(7, rate="5/s", burst=2, global_limit=9, max_waiting=3)
    first, second = app(Queue(1)), app(Queue(1))
    async with first.running(), second.running():
        await clock.advance(0.1)
        await first.set_limits("default", changed, keep=True)
        await clock.advance(1.1)
        assert first.limits("default") == second.limits("default") == changed
        assert second._living()._dispatcher._limits == {"default": changed.limits}
    for code, expected in ((Queue(1), changed), (Queue(2), Queue(2)), (Queue(1), changed)):
        jobs = app(code)
        async with jobs.running():
            await clock.advance(1.1)
            assert jobs.limits("default") == expected
    async with first.running(), second.running():
        await clock.advance(1.1)
        await second.set_limits("default", None)
        await clock.advance(1.1)
        assert first.limits("default") == second.limits("default") == Queue(1)


async def test_kept_limits_hold_here_at_once_and_from_the_start_on(clock: FakeClock) -> None:
    data = MemoryData()
    for expected in (10, 3):
        jobs = Jobs("memory:", queues={"default": Queue(10)}, clock=clock)
        jobs._store = MemoryStore(data)
        async with jobs.running():
            assert jobs.limits("default").limit == expected
            await jobs.set_limits("default", 3, keep=True)
            assert jobs.limits("default").limit == 3
    async with jobs.running():
        await jobs.set_limits("default", None)
        assert jobs.limits("default").limit == 10


async def test_a_changed_max_waiting_and_rate_hold_at_once(clock: FakeClock) -> None:
    starts: list[int] = []

    async with processes(1, Queue(5), clock) as (jobs,):

        @jobs.task
        async def work() -> None:
            starts.append(clock.now())

        await jobs.set_limits("default", Queue(5, max_waiting=2, rate="1/s"))
        await jobs.enqueue_many([work.call(), work.call()])
        with pytest.raises(QueueFull):
            await jobs.enqueue_many([work.call() for _ in range(3)])
        await clock.advance(3)
        assert len(starts) == 2
        assert starts[1] - starts[0] >= 900


async def test_the_queue_that_is_full_is_named_among_those_of_a_batch(clock: FakeClock) -> None:
    jobs = Jobs("memory:", queues={"big": Queue(1, max_waiting=9), "small": Queue(1, max_waiting=2)}, work=(), clock=clock)

    @jobs.task(queue="big")
    async def work() -> None: ...

    other = work.options(queue="small")
    async with jobs.running(work=()):
        await jobs.enqueue_many([other.call()])
        with pytest.raises(
            QueueFull, match=r"^queue 'small' \(max_waiting=2\) is full.*from asyncjobs\.asgi import unavailable"
        ) as full:
            await jobs.enqueue_many([work.call(), other.call(), other.call()])
        assert (full.value.queue, full.value.queues) == ("small", ("small",))
        with pytest.raises(QueueFull, match=r"'big' .* or 'small' ") as full:
            await jobs.enqueue_many([one.call() for one in (work, other) for _ in range(10)])
        assert full.value.queues == ("big", "small")
        assert len((await jobs.list()).jobs) == 1


async def test_which_queue_is_full_is_said_as_well_as_it_can_be_told(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs("memory:", queues={"big": Queue(1, max_waiting=9), "small": Queue(1, max_waiting=2)}, work=(), clock=clock)

    @jobs.task(queue="big")
    async def work() -> None: ...

    other = work.options(queue="small")
    both = [work.call(), *[other.call() for _ in range(3)]]
    real = jobs._store.stats

    async def begun_meanwhile(*, now: int) -> Any:
        return replace(await real(now=now), queues={})

    async def unavailable(*, now: int) -> Any:
        raise StoreUnavailable("the disk is gone")

    async with jobs.running(work=()):
        await jobs.enqueue_many([work.call() for _ in range(9)])
        for stats, calls, named in (
            (real, both, ("big", "small")),
            (begun_meanwhile, both, ("small",)),
            (unavailable, both, ("big", "small")),
            (real, both[:3], ("big",)),
            (begun_meanwhile, both[:3], ("big", "small")),  # there is room by now
        ):
            monkeypatch.setattr(jobs._store, "stats", stats)
            with pytest.raises(QueueFull) as full:
                await jobs.enqueue_many(calls)
            assert full.value.queues == named


async def test_limits_that_can_not_be_are_refused_and_change_nothing(clock: FakeClock) -> None:
    async with processes(1, Queue(5), clock) as (jobs,):
        for limits in (0, True, "5", Queue):
            with pytest.raises(ConfigurationError):
                await jobs.set_limits("default", limits)  # type: ignore[arg-type]
        with pytest.raises(UnknownQueue):
            await jobs.set_limits("nowhere", 5)
        assert jobs.limits("default") == Queue(5)


async def test_kept_limits_that_can_not_be_read_leave_those_of_the_code(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with processes(1, Queue(5), clock) as (jobs,):
        for text in ("{", "[]", '[["x"], [5, null, null, null, null]]', "[[1, 2, 3, 4, 5, 6, 7], [5, null, null, null, null]]"):
            await jobs._store.keep_limits("default", text, now=START)
            await clock.advance(1.1)
            assert jobs.limits("default") == Queue(5)
            assert jobs.problems == {}
        assert "can't be read here" in caplog.text
