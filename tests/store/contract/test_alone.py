"""Jobs under suspicion: held with Hold.ALONE, claimed one at a time by claim_alone."""

from __future__ import annotations

from typing import Any

from asyncjobs.job import PRIORITY_STEP, Hold, Job, State
from asyncjobs.store.base import Store
from tests.store.acts import NOW, claim, claim_alone, end, ids, one, put, queue_stats, retry, sign_on, success, take


async def suspect(store: Store, id: str, run_at: int = NOW, queue: str = "default", **fields: Any) -> Job:
    """A job that two processes died under."""
    await sign_on(store)
    await put(store, id, queue=queue, **fields)
    [job] = (await claim(store, wants={queue: 1})).jobs
    await end(store, retry(job, run_at=run_at, outcome="lost", give_back=True, crashes=2, hold=Hold.ALONE))
    return await one(store, id)


async def test_claim_never_takes_it(store: Store) -> None:
    await suspect(store, "a")
    assert await take(store, now=NOW + 10) == []


async def test_claim_alone_takes_it_and_the_hold_stays_while_it_runs(store: Store) -> None:
    before = await suspect(store, "a")
    [job] = (await claim_alone(store)).jobs
    assert (job.state, job.hold, job.crashes, job.attempt, job.runner) == (State.RUNNING, Hold.ALONE, 2, 1, "r1")
    assert job.token > before.token
    assert await one(store, "a") == job


async def test_claim_alone_takes_nothing_else(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    assert list((await claim_alone(store)).jobs) == []


async def test_claim_alone_takes_one(store: Store) -> None:
    await suspect(store, "a")
    await suspect(store, "b")
    assert ids((await claim_alone(store, wants={"default": 5})).jobs) == ["a"]
    assert ids((await claim_alone(store, wants={"default": 5})).jobs) == ["b"]


async def test_claim_alone_takes_the_first_over_all_wanted_queues(store: Store) -> None:
    await suspect(store, "a", queue="default", run_at=NOW + 2)
    await suspect(store, "b", queue="mail", run_at=NOW + 1)
    await suspect(store, "c", queue="extra", run_at=NOW)
    assert ids((await claim_alone(store, wants={"default": 1, "mail": 1}, now=NOW + 5)).jobs) == ["b"]


async def test_claim_alone_takes_nothing_of_a_queue_of_which_nothing_is_wanted(store: Store) -> None:
    await suspect(store, "a")
    assert list((await claim_alone(store, wants={"default": 0})).jobs) == []


async def test_claim_alone_goes_by_priority_too(store: Store) -> None:
    await suspect(store, "a", priority=1)
    await suspect(store, "b", priority=0, run_at=NOW + PRIORITY_STEP - 1)
    assert ids((await claim_alone(store, now=NOW + PRIORITY_STEP)).jobs) == ["b"]


async def test_claim_alone_respects_run_at_and_pause_and_tasks(store: Store) -> None:
    await suspect(store, "a", run_at=NOW + 10)
    assert list((await claim_alone(store)).jobs) == []
    assert list((await claim_alone(store, tasks={"other"}, now=NOW + 10)).jobs) == []
    await store.set_paused("default", True, now=NOW)
    assert list((await claim_alone(store, now=NOW + 10)).jobs) == []


async def test_alone_due_tells_when_one_falls_due(store: Store) -> None:
    await sign_on(store)
    assert (await claim(store)).alone_due is None
    await suspect(store, "a", run_at=NOW + 90)
    await suspect(store, "b", run_at=NOW + 30)
    claimed = await claim(store)
    assert claimed.alone_due == NOW + 30
    assert claimed.next_due is None
    assert (await claim(store, wants={"mail": 1})).alone_due is None


async def test_alone_due_counts_even_where_nothing_is_wanted_of_the_queue(store: Store) -> None:
    await suspect(store, "a", run_at=NOW + 90)
    assert (await claim(store, wants={"default": 0})).alone_due == NOW + 90


async def test_alone_due_leaves_out_paused_queues(store: Store) -> None:
    await suspect(store, "a")
    await store.set_paused("default", True, now=NOW)
    assert (await claim(store)).alone_due is None


async def test_claim_alone_tells_nothing_of_other_jobs(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    assert (await claim_alone(store)).next_due is None


async def test_alone_due_is_gone_when_the_job_is_taken(store: Store) -> None:
    await suspect(store, "a")
    assert (await claim_alone(store)).alone_due is None
    assert (await claim(store)).alone_due is None


async def test_an_end_clears_the_hold(store: Store) -> None:
    await suspect(store, "a")
    [job] = (await claim_alone(store)).jobs
    await end(store, success(job))
    ended = await one(store, "a")
    assert (ended.hold, ended.crashes) == (Hold.NONE, 0)


async def test_a_held_job_counts_as_held_while_it_is_queued(store: Store) -> None:
    await suspect(store, "a")
    stats = await queue_stats(store)
    assert (stats.held, stats.waiting, stats.scheduled, stats.oldest_due) == (1, 0, 0, None)
    await claim_alone(store)
    assert (await queue_stats(store)).held == 0
