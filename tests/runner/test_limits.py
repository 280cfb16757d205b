"""What a queue's limits over all processes do to a runner that would begin more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

from asyncjobs import Jobs, Queue, State
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
