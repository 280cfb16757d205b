"""What an operator does to jobs, queues and tasks while the app runs."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from asyncjobs import ArgumentError, ConfigurationError, Jobs, Pause, Retry, Snapshot, State, UnknownQueue, UnknownTask
from asyncjobs.job import NewJob
from asyncjobs.selection import AT_ONCE
from asyncjobs.store.base import Page
from tests.fakes import FakeClock, settled


@pytest.fixture
async def failing(jobs: Jobs) -> dict[str, Any]:
    """Tasks "boom" and "crash", which fail for good with an error each while `failing["on"]` is true, and note what runs."""
    facts: dict[str, Any] = {"on": True, "ran": []}

    @jobs.task(name="boom", retry=Retry(1))
    async def boom(n: int) -> None:
        facts["ran"].append(n)
        if facts["on"]:
            raise ValueError(n)

    @jobs.task(name="crash", retry=Retry(1), queue="slow")
    async def crash(n: int) -> None:
        if facts["on"]:
            raise ConnectionError(n)

    return facts


async def fail(jobs: Jobs, clock: FakeClock, count: int) -> None:
    await jobs.enqueue_many([jobs._tasks[name].call(n) for name in ("boom", "crash") for n in range(count)])
    await settled()
    assert len((await jobs.list(state="failed", limit=1000)).jobs) == 2 * count


# --- many at once ------------------------------------------------------------------------------------------------------


async def test_one_failure_group_is_retried_and_no_other(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    await fail(running, clock, 3)
    failing["on"] = False
    assert await running.where(state="failed", error=ConnectionError).retry() == 3
    await settled()
    assert {job.name for job in (await running.list(state="failed")).jobs} == {"boom"}
    assert await running.where(error="ValueError", task="boom").retry() == 3
    await settled()
    assert (await running.list(state="failed")).jobs == []


async def test_a_retry_is_spread_over_its_time_the_oldest_first(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    await fail(running, clock, 4)
    failing["on"] = False
    failing["ran"].clear()
    assert await running.where(task="boom").retry(spread=timedelta(seconds=40)) == 4
    await settled()
    assert failing["ran"] == [0]
    await clock.advance(20.5)
    assert failing["ran"] == [0, 1, 2]
    await clock.advance(10)
    assert failing["ran"] == [0, 1, 2, 3]


async def test_more_than_one_commit_takes_are_acted_on(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    later = running._tasks["boom"].options(delay=60)
    count = 2 * AT_ONCE + 7
    await running.enqueue_many([later.call(n) for n in range(count)])
    assert len(await running.where(queue="default").ids()) == count
    assert await running.where(queue="default", state="queued").cancel() == count
    assert await running.where(queue="default").cancel() == 0
    assert await running.where(queue="default").retry(spread=count) == count
    times = sorted(job.run_at - clock.now() for job in (await running.list(limit=1000)).jobs)
    assert max(times) <= count * 1000
    assert max(later - earlier for earlier, later in pairwise(times)) <= 1000


async def test_a_spread_of_many_keeps_its_times_when_beats_come(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    boom = running._tasks["boom"]
    count = AT_ONCE + 100
    await running.enqueue_many([boom.call(n) for n in range(count)])
    await clock.advance(1)
    assert len(failing["ran"]) == count
    failing["ran"].clear()
    assert await running.where(task="boom").retry(spread=count) == count
    await clock.advance(10.5)
    assert len(failing["ran"]) == 11


async def test_purge_asks_no_job_to_end_that_has_begun_meanwhile(
    failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    ended: list[str] = []

    @running.task(name="runs")
    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("early")

    page = running._store.page

    async def begun_since(*args: Any, **kwargs: Any) -> Page:
        found = await page(*args, **kwargs)
        await clock.advance(1)
        return found

    waits = await runs.options(delay=0.5).enqueue()
    running._store.page = begun_since  # type: ignore[method-assign]
    assert await running.where(task="runs").purge() == 0
    await clock.advance(3)
    assert (await waits.status(), ended) == (State.RUNNING, [])


async def test_discard_removes_what_has_ended_and_purge_what_waits_too(
    failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    go_on = asyncio.Event()

    @running.task(name="runs")
    async def runs() -> None:
        await go_on.wait()

    await fail(running, clock, 2)
    await runs.enqueue()
    await settled()
    waits = await running._tasks["boom"].options(delay=60).enqueue(9)
    waiting = asyncio.ensure_future(waits.result())
    await settled()
    assert await running.where(task="crash").discard() == 2
    assert await running.where(queue="default").purge() == 3
    assert [job.name for job in (await running.list()).jobs] == ["runs"]
    with pytest.raises(Exception, match=waits.id):
        await waiting
    go_on.set()


async def test_single_jobs_are_discarded_and_spread(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    await fail(running, clock, 2)
    ids = [job.id for job in (await running.list(task="boom")).jobs]
    assert await running.retry(ids, spread=10) == dict.fromkeys(ids, True)
    assert await running.discard([*ids, "unknown"]) == {ids[0]: False, ids[1]: False, "unknown": False}
    await clock.advance(11)
    assert await running.discard(ids[0]) == {ids[0]: True}
    assert await running.get(ids[0]) is None


@pytest.mark.parametrize("spread", [-1, True, "5", float("nan"), 10**12])
async def test_a_spread_that_can_not_be_is_refused(running: Jobs, spread: Any) -> None:
    for verb in (lambda: running.retry([], spread=spread), lambda: running.where(everything=True).retry(spread=spread)):
        with pytest.raises(ConfigurationError, match="spread="):
            await verb()
    with pytest.raises(ConfigurationError, match="state="):
        running.where(state="dead")


async def test_a_selection_wants_a_condition_unless_everything_is_asked_for(
    failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    await fail(running, clock, 2)
    for given in ({}, {"queue": None, "task": None}, {"everything": True, "queue": "slow"}):
        with pytest.raises(ArgumentError, match="everything=True"):
            running.where(**given)
    assert await running.where(everything=True).purge() == 4
    assert (await running.list()).jobs == []


async def test_a_selection_is_made_by_text_by_time_and_by_what_a_function_says(
    failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    boom, begin = running._tasks["boom"], clock.now()
    for n in range(4):
        await running.enqueue_many([boom.options(id=f"Order-{n}", delay=60).call(n)])
        await clock.advance(1)

    async def found(**asked: Any) -> list[str]:
        listed = [job.id for job in (await running.list(**asked)).jobs]
        assert await running.where(**asked).ids() == listed
        return listed

    def at(seconds: float) -> datetime:
        return datetime.fromtimestamp(begin / 1000 + seconds, UTC)

    assert await found(text="order-2") == ["Order-2"]
    assert await found(since=at(1), until=at(3)) == ["Order-2", "Order-1"]
    assert await found(only=lambda job: "3" in job.args) == ["Order-3"]
    assert await found(text="Order", only=lambda job: "3" not in job.args, until=at(2)) == ["Order-1", "Order-0"]
    with pytest.raises(ArgumentError, match="time zone"):
        running.where(since=datetime(2026, 11, 24))


async def test_of_a_selection_no_more_than_was_said_is_done(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    count = AT_ONCE + 3
    await running.enqueue_many([running._tasks["boom"].options(delay=60).call(n) for n in range(2 * count)])
    waiting = running.where(state="queued", only=lambda job: json.loads(job.args)["kwargs"]["n"] % 2 == 0)
    assert len(await waiting.ids(most=AT_ONCE + 1)) == AT_ONCE + 1
    newest = await waiting.ids(most=1)
    assert await waiting.cancel(most=AT_ONCE + 1) == AT_ONCE + 1
    assert await waiting.ids() == (await waiting.ids(most=2))
    assert newest[0] not in await waiting.ids()
    ended = running.where(state="cancelled")
    assert (await ended.retry(most=3), await ended.discard(most=4)) == (3, 4)
    assert len(await ended.ids()) == AT_ONCE + 1 - 3 - 4


# --- pauses ------------------------------------------------------------------------------------------------------------


async def test_a_paused_task_starts_nothing_until_it_is_resumed(failing: dict[str, Any], running: Jobs, clock: FakeClock) -> None:
    failing["on"] = False
    boom = running._tasks["boom"]
    await running.pause(task=boom, by="ada", why="the vendor is down")
    await running.enqueue_many([boom.call(1), running._tasks["crash"].call(1)])
    await clock.advance(2)
    assert failing["ran"] == []
    assert [job.state for job in (await running.list(task="crash")).jobs] == [State.SUCCEEDED]
    assert (await running.list(task=boom)).jobs[0].view(clock.now()) == "held"
    await running.resume(task="boom")
    await clock.advance(1)
    assert failing["ran"] == [1]


async def test_a_pause_says_who_and_why_in_the_stats(
    jobs: Jobs, failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    await running.pause("slow", by="ada", why="a new disk")
    await running.pause(task="boom", by="bob")
    stats = await running.stats()
    assert {queue.name: queue.pause for queue in stats.queues}["slow"] == Pause(clock.now(), "ada", "a new disk")
    assert stats.paused_tasks == {"boom": Pause(clock.now(), "bob")}


async def test_what_is_not_there_can_not_be_paused(running: Jobs) -> None:
    with pytest.raises(UnknownQueue):
        await running.pause("nowhere")
    with pytest.raises(UnknownTask):
        await running.pause(task="nobody")
    with pytest.raises(ArgumentError, match="a queue or a task: "):
        await running.pause()
    with pytest.raises(ArgumentError, match="not both; give one"):
        await running.pause("slow", task="boom")
    with pytest.raises(ConfigurationError, match="give the name of a configured queue"):
        await running.pause(3)  # type: ignore[arg-type]


async def test_a_paused_task_holds_what_is_stored_under_its_former_names(jobs: Jobs, clock: FakeClock) -> None:
    ran: list[int] = []

    @jobs.task(name="new", aliases=("old", "older"))
    async def work(n: int) -> None:
        ran.append(n)

    async with jobs.running():
        await clock.advance(0.1)
        await jobs.pause(task="new")
        now = clock.now()
        await jobs._store.insert(
            [NewJob(name, name, "default", now, f'{{"args":[{n}],"kwargs":{{}}}}') for n, name in enumerate(work.aliases)],
            now=now,
        )
        jobs._living().ring_all()
        await clock.advance(3)
        assert ran == []
        await jobs.resume(task=work)
        await clock.advance(1)
        assert sorted(ran) == [0, 1]


async def test_a_task_that_the_code_has_no_more_is_resumed_by_its_name(running: Jobs, clock: FakeClock) -> None:
    await running._store.set_task_paused("gone", True, now=clock.now())
    await running.resume(task="gone")
    assert (await running.stats()).paused_tasks == {}
    for unknown in ("gone", ""):
        with pytest.raises(UnknownTask):
            await running.resume(task=unknown)


async def test_a_second_pause_that_says_nothing_leaves_what_the_first_said(
    failing: dict[str, Any], running: Jobs, clock: FakeClock
) -> None:
    def said(stats: Snapshot) -> list[Pause | None]:
        return [*(queue.pause for queue in stats.queues if queue.name == "slow"), stats.paused_tasks["boom"]]

    first = Pause(clock.now(), "ada", "a new disk")
    await running.pause("slow", by=first.by, why=first.why)
    await running.pause(task="boom", by=first.by, why=first.why)
    await clock.advance(5)
    await running.pause("slow")
    await running.drain("slow")
    await running.pause(task="boom")
    assert said(await running.stats()) == [first, first]
    await running.pause("slow", by="bob")
    assert said(await running.stats()) == [Pause(clock.now(), "bob"), first]


async def test_what_a_pause_says_is_no_novel(running: Jobs) -> None:
    await running.pause("slow", by="x" * 500, why="x" * 500)
    for name in ("by", "why"):
        with pytest.raises(ArgumentError, match=f"{name}= has 501 characters; give 500"):
            await running.pause("slow", **{name: "x" * 501})  # type: ignore[arg-type]


async def test_a_drained_queue_runs_nothing_any_more_and_stays_paused(jobs: Jobs, clock: FakeClock) -> None:
    go_on, began = asyncio.Event(), []

    @jobs.task(queue="one")
    async def work(n: int) -> None:
        began.append(n)
        await go_on.wait()

    async with jobs.running():
        await clock.advance(0.1)
        await jobs.enqueue_many([work.call(n) for n in range(3)])
        await settled()
        draining = asyncio.ensure_future(jobs.drain("one", by="ada"))
        await clock.advance(5)
        assert not draining.done()
        go_on.set()
        await clock.advance(1)
        await draining
        await clock.advance(5)
        assert began == [0]
        assert (await jobs.stats()).queues[1].pause is not None
        await jobs.resume("one")
        await clock.advance(2)
        assert began == [0, 1, 2]


async def test_a_drain_that_takes_too_long_says_so(jobs: Jobs, clock: FakeClock) -> None:
    go_on = asyncio.Event()

    @jobs.task(queue="one")
    async def work() -> None:
        await go_on.wait()

    async with jobs.running():
        await clock.advance(0.1)
        await work.enqueue()
        await settled()
        with pytest.raises(TimeoutError, match=r"queue 'one' still runs jobs after 0\.01 s; it stays paused"):
            await jobs.drain("one", timeout=0.01)
        go_on.set()
