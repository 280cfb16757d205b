"""jobs.explain: each reason made so, and read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from asyncjobs import Jobs, Queue, Reason, Retry, Snooze
from asyncjobs.store.base import Claim, RunnerInfo
from asyncjobs.store.memory import MemoryStore
from asyncjobs.store.memory_data import MemoryData
from tests.fakes import START, FakeClock, settled
from tests.runner.suspects import crash_twice

CLOCK = "2027-01-15 08:00"  # at START, and for some seconds after


@pytest.fixture
def jobs(clock: FakeClock) -> Jobs:
    queues = {"default": 10, "one": 1, "licensed": Queue(5, global_limit=1), "slow": Queue(5, rate="1/min"), "elsewhere": 1}
    return Jobs("memory:", queues=queues, work=("default", "one", "licensed", "slow"), clock=clock)


@pytest.fixture
async def app(jobs: Jobs, clock: FakeClock) -> AsyncIterator[Jobs]:
    """With a task "work", which runs until the end of the test."""
    go_on = asyncio.Event()

    @jobs.task(name="work", key=lambda key: key, retry=Retry(3, backoff=60, jitter=0))
    async def work(key: str | None = None) -> None:
        if key == "boom":
            raise ValueError
        if key == "nap":
            raise Snooze(60)
        await go_on.wait()

    async with jobs.running():
        await clock.advance(0.1)
        yield jobs
        go_on.set()


async def put(app: Jobs, key: str | None = None, **options: Any) -> str:
    handle = await app._tasks["work"].options(**options).enqueue(key)
    await settled()
    return handle.id


async def said(app: Jobs, id: str, reason: Reason) -> str:
    """The sentence of this reason, which comes first."""
    explanation = await app.explain(id)
    assert explanation is not None
    assert explanation.reason is reason, explanation
    assert str(explanation).startswith(explanation.sentence)
    return explanation.sentence


async def test_an_unknown_job_has_no_explanation(app: Jobs) -> None:
    assert await app.explain("nobody") is None


async def test_it_runs_or_has_ended(app: Jobs) -> None:
    id = await put(app)
    assert await said(app, id, Reason.RUNNING) == f"It runs since {CLOCK}:00 UTC, in attempt 1."
    later = await put(app, delay=5)
    await app.cancel(later)
    assert await said(app, later, Reason.ENDED) == f"It was cancelled at {CLOCK}:00 UTC, and runs no more."


async def test_scheduled_for_later(app: Jobs) -> None:
    assert await said(app, await put(app, delay=30), Reason.SCHEDULED) == f"It is scheduled for {CLOCK}:30 UTC."
    assert (
        await said(app, await put(app, "boom"), Reason.SCHEDULED)
        == "It is tried again at 2027-01-15 08:01:00 UTC: attempt 1 of 3 ended as failed."
    )


async def test_a_nap_that_is_over_after_its_expiry(app: Jobs) -> None:
    sentence = await said(app, await put(app, "nap", expires=20), Reason.SCHEDULED)
    assert sentence.endswith(f"but expires before that, at {CLOCK}:20 UTC.")


async def test_its_queue_is_paused_since_when_by_whom_and_why(app: Jobs) -> None:
    await app.pause("one", by="ada", why="the vendor is down")
    id = await put(app, queue="one")
    assert await said(app, id, Reason.QUEUE_PAUSED) == f"Queue 'one' is paused since {CLOCK}:00 UTC by ada: the vendor is down."


async def test_its_task_is_paused(app: Jobs) -> None:
    await app.pause(task="work", by="ada")
    assert await said(app, await put(app), Reason.TASK_PAUSED) == f"Task 'work' is paused since {CLOCK}:00 UTC by ada."


async def test_no_living_process_works_its_queue(app: Jobs) -> None:
    sentence = await said(app, await put(app, queue="elsewhere"), Reason.NO_WORKER)
    assert sentence == "No living process works queue 'elsewhere': start one that does (work=, ASYNCJOBS_WORK)."


async def test_no_living_process_knows_its_task(app: Jobs, clock: FakeClock) -> None:
    other = Jobs("memory:", queues={"one": 1}, work=(), clock=clock)
    other._store = app._store
    gone = other.task(name="gone", queue="one")(lambda: None)
    job = gone.call().new_job("stray", clock.now())
    await app._store.insert([job], now=clock.now())
    await clock.advance(2)
    sentence = await said(app, "stray", Reason.UNKNOWN_TASK)
    assert (
        sentence == "No living process knows task 'gone': bring it back, or name it in aliases= of the task that took its place."
    )


async def test_one_process_knows_its_task_and_another_works_its_queue(app: Jobs, clock: FakeClock) -> None:
    other = Jobs("memory:", queues={"one": 1}, work=(), clock=clock)
    other._store = MemoryStore(app._store._data)  # type: ignore[attr-defined]
    theirs = other.task(name="theirs", queue="one")(lambda: None)
    async with other.running():
        handle = await theirs.enqueue()
        await clock.advance(2)
        sentence = await said(app, handle.id, Reason.NO_WORKER)
    assert sentence.startswith("No living process that works queue 'one' knows task 'theirs': have one do both")


async def test_it_has_expired_and_waits_to_be_cancelled(app: Jobs, clock: FakeClock) -> None:
    await app.pause("one")
    id = await put(app, queue="one", expires=0.5)
    clock.step_wall(1)
    assert await said(app, id, Reason.EXPIRED) == f"It has expired at {CLOCK}:00 UTC: it is not begun any more, but cancelled."
    await clock.advance(1.1)
    assert await said(app, id, Reason.ENDED) == f"It was cancelled at {CLOCK}:02 UTC, and runs no more."


async def test_more_of_its_key_run_than_are_named(clock: FakeClock) -> None:
    jobs = Jobs("memory:", queues={"default": 20}, clock=clock)

    @jobs.task(name="work", key="key", key_limit=12)
    async def work(key: str) -> None:
        await asyncio.Event().wait()

    async with jobs.running():
        await clock.advance(0.1)
        ids = [await put(jobs, "k") for _ in range(13)]
        sentence = await said(jobs, ids[-1], Reason.KEY)
    assert sentence == f"Of its key 'work#k' 12 jobs may run at once, and {', '.join(ids[:3])} and 9 more come before it."


async def test_all_slots_are_taken_and_by_which_jobs(app: Jobs) -> None:
    first, second, third = [await put(app, queue="one") for _ in range(3)]
    assert await said(app, second, Reason.SLOTS) == f"The only slot of queue 'one' is taken: {first}."
    explanation = await app.explain(third)
    assert explanation is not None
    assert [obstacle.reason for obstacle in explanation.obstacles] == [Reason.SLOTS, Reason.BEHIND]
    assert explanation.obstacles[1].sentence == "1 due job comes before it in queue 'one'."


async def test_behind_some_of_a_higher_priority(app: Jobs) -> None:
    await put(app, queue="one")
    for _ in range(3):
        await put(app, queue="one", priority=0)
    await put(app, queue="one", priority=3)
    explanation = await app.explain(await put(app, queue="one", priority=3))
    assert explanation is not None
    assert explanation.obstacles[-1].sentence == "4 due jobs come before it in queue 'one', 3 of them of a higher priority."
    assert explanation.obstacles[-1].facts == {"ahead": 4, "higher_priority": 3, "more": False}


async def test_the_global_limit_is_reached_and_by_which_job(app: Jobs) -> None:
    first, second = [await put(app, queue="licensed") for _ in range(2)]
    assert await said(app, second, Reason.GLOBAL_LIMIT) == f"Queue 'licensed' runs 1 of 1 at once over all processes: {first}."


async def test_the_rate_lets_none_start_until_when(app: Jobs) -> None:
    _, second = [await put(app, queue="slow") for _ in range(2)]
    sentence = await said(app, second, Reason.RATE)
    assert sentence.startswith("Queue 'slow' is limited to a rate of 1/min; the next may start at 2027-01-15 08:0")


async def test_its_key_is_taken_and_by_which_job(app: Jobs) -> None:
    first, second, _ = [await put(app, "customer") for _ in range(3)]
    assert (
        await said(app, second, Reason.KEY) == f"Of its key 'work#customer' 1 job may run at once, and {first} comes before it."
    )


async def test_it_must_run_alone(clock: FakeClock) -> None:
    jobs, store = Jobs("memory:", clock=clock), MemoryStore(MemoryData())
    jobs._store = store
    work = jobs.task(name="work")(lambda: None)
    handle = await crash_twice(jobs, clock, store, work)
    async with jobs.running(work=()):
        await store.register(RunnerInfo("other", 1, "h", "0", START, {"default": 3}, frozenset({"work"})), now=clock.now())
        await clock.advance(20)
        sentence = await said(jobs, handle.id, Reason.ALONE)
    assert sentence.startswith("Its process died 2 times in a row while it ran")


async def test_nothing_holds_it_back(app: Jobs) -> None:
    app._living()._dispatcher.stop()
    assert await said(app, await put(app), Reason.DUE) == "Nothing holds it back; it starts with the next claim."


async def test_all_that_hold_it_back_are_told_in_order(app: Jobs) -> None:
    await app.pause("elsewhere", why="a new disk")
    await app.pause(task="work")
    explanation = await app.explain(await put(app, queue="elsewhere", delay=5))
    assert explanation is not None
    assert [obstacle.reason for obstacle in explanation.obstacles] == [
        Reason.SCHEDULED, Reason.TASK_PAUSED, Reason.QUEUE_PAUSED, Reason.NO_WORKER,
    ]  # fmt: skip
    assert str(explanation).count(".") == 4


async def test_what_would_start_has_no_obstacle_and_what_has_one_does_not_start(app: Jobs) -> None:
    """explain and claim see the same: of jobs in every state, those that start next are the ones that nothing held back."""
    dispatcher = app._living()._dispatcher
    await put(app, queue="one")
    await put(app, "a")
    dispatcher.stop()
    await settled()
    ids = [
        await put(app, key, **options)
        for key, options in [("a", {}), ("b", {}), (None, {"queue": "one"}), (None, {"delay": 9}), ("b", {}), (None, {})]
    ]
    free = [
        id
        for id in ids
        if (explanation := await app.explain(id)) is not None and explanation.reason in (Reason.DUE, Reason.BEHIND)
    ]
    wants = {"default": 9, "one": 0}
    claimed = await app._store.claim(Claim(app._living().info.id, wants, frozenset({"work"})), now=START + 100)
    assert [job.id for job in claimed.jobs] == free == [ids[1], ids[5]]
