"""Keys: of the jobs of one key no more than `key_limit` run at once, and the others let other keys pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from asyncjobs.job import Hold, Policy
from asyncjobs.schedule import Fire
from asyncjobs.store.base import Store
from tests.store.acts import (
    MINUTE,
    NOW,
    claim,
    claim_alone,
    end,
    everything,
    failure,
    fires_at,
    ids,
    new,
    one,
    put,
    queue_stats,
    retry,
    scheduled,
    sign_on,
    success,
    take,
)
from tests.store.worlds import World


async def put_keyed(store: Store, *ids_: str, key: str = "a", limit: int = 1, **fields: Any) -> None:
    await put(store, *ids_, key=key, policy=Policy(key_limit=limit), **fields)


async def holds(store: Store) -> dict[str, Hold]:
    return {job.id: job.hold for job in await everything(store) if not job.state.ended}


@pytest.fixture
async def store(store: Store) -> Store:
    await sign_on(store, "r1")
    return store


async def test_of_one_batch_those_of_a_lower_priority_take_no_place_of_a_higher(store: Store) -> None:
    like = {"key": "a", "policy": Policy()}
    await store.insert(
        [new("low", priority=2, **like), new("high", priority=0, **like), new("next", priority=1, **like)], now=NOW
    )
    assert await holds(store) == {"low": Hold.NONE, "high": Hold.NONE, "next": Hold.KEY}
    assert ids(await take(store)) == ["high"]


async def test_of_one_key_one_runs_at_a_time_and_other_keys_pass(store: Store) -> None:
    await put_keyed(store, "a1", "a2", "a3")
    await put_keyed(store, "b1", key="b")
    await put(store, "plain")
    assert ids(await take(store)) == ["a1", "b1", "plain"]
    assert await take(store) == []


async def test_the_end_of_one_lets_the_next_go_in_claim_order(store: Store) -> None:
    await put_keyed(store, "a1")
    [a1] = await take(store)
    await put_keyed(store, "a2", "a3")
    await put_keyed(store, "first", priority=0)
    await end(store, success(a1))
    order = [a1.id]
    while jobs := await take(store):
        order += ids(jobs)
        await end(store, *map(success, jobs))
    assert order == ["a1", "first", "a2", "a3"]


@pytest.mark.parametrize("how", [success, failure, lambda job: retry(job, run_at=NOW + MINUTE)])
async def test_any_end_of_an_attempt_makes_room(store: Store, how: Any) -> None:
    await put_keyed(store, "a1", "a2")
    [job] = await take(store)
    await end(store, how(job))
    assert ids(await take(store)) == ["a2"]


async def test_several_of_a_key_may_run_where_its_limit_says_so(store: Store, other: Store) -> None:
    await sign_on(other, "r2")
    await put_keyed(store, *"vwxyz", limit=3)
    first = await take(store, n=2)
    assert ids(first) == ["v", "w"]
    assert ids(await take(other, "r2")) == ["x"]
    await end(store, *map(success, first))
    assert ids(await take(other, "r2")) == ["y", "z"]


async def test_what_waits_for_its_key_is_held_and_counted(store: Store) -> None:
    await put_keyed(store, "a1", "a2", "a3")
    assert await holds(store) == {"a1": Hold.NONE, "a2": Hold.KEY, "a3": Hold.KEY}
    assert (await queue_stats(store)).held == 2
    await end(store, *map(success, await take(store)))
    assert (await queue_stats(store)).held == 1
    assert (await one(store, "a2")).view(NOW) == "queued"
    assert (await one(store, "a3")).view(NOW) == "held"


async def test_a_job_knows_its_key(store: Store) -> None:
    await put_keyed(store, "a1", key="customer#7", limit=4)
    job = await one(store, "a1")
    assert (job.key, job.policy.key_limit) == ("customer#7", 4)
    [running] = await take(store)
    assert (running.key, running.policy.key_limit) == ("customer#7", 4)


async def test_one_that_is_cancelled_while_it_waits_makes_room(store: Store) -> None:
    await put_keyed(store, "a1", "a2", "a3")
    await store.cancel(["a2"], now=NOW)
    await store.cancel(["a1"], now=NOW)
    assert ids(await take(store)) == ["a3"]


async def test_a_higher_priority_passes_those_of_its_key_that_wait(store: Store) -> None:
    await put_keyed(store, "low", priority=3)
    await put_keyed(store, "first", priority=0)
    await put_keyed(store, "last", priority=3)
    assert (await holds(store))["last"] is Hold.KEY
    order = []
    while jobs := await take(store):
        order += ids(jobs)
        await end(store, *map(success, jobs))
    assert order == ["first", "low", "last"]


async def test_those_that_fall_due_later_pass_none_that_is_held(store: Store) -> None:
    await put_keyed(store, "runs")
    [runs] = await take(store)
    await put_keyed(store, "waits")
    for n in range(3):
        await put_keyed(store, f"later{n}", run_at=NOW + 1 + n)
    order, now = [], NOW + 10
    await end(store, success(runs), now=now)
    while jobs := await take(store, now=now):
        order += ids(jobs)
        await end(store, *map(success, jobs), now=now)
    assert order == ["waits", "later0", "later1", "later2"]


async def test_one_that_waits_in_a_paused_queue_keeps_none_in_another_waiting(store: Store) -> None:
    await store.set_paused("slow", True, now=NOW)
    await put_keyed(store, "stands", queue="slow")
    await put_keyed(store, "a1", "a2")
    assert await holds(store) == {"stands": Hold.NONE, "a1": Hold.NONE, "a2": Hold.KEY}
    for id in ("a1", "a2"):
        [job] = await take(store)
        assert job.id == id
        await end(store, success(job))


async def test_one_claim_over_several_queues_takes_no_more_of_a_key_than_may_run(store: Store) -> None:
    for queue in ("default", "mail", "slow"):
        await put_keyed(store, queue, queue=queue)
    [job] = (await claim(store, wants={"default": 5, "mail": 5, "slow": 5})).jobs
    assert job.id == "default"
    await end(store, success(job))
    [job] = (await claim(store, wants={"default": 5, "mail": 5, "slow": 5})).jobs
    assert job.id == "mail"


async def test_a_clock_that_is_set_back_leaves_none_held_behind_one_that_is_due_later(store: Store) -> None:
    await put_keyed(store, "scheduled", run_at=NOW + MINUTE)
    later = NOW + 2 * MINUTE
    await put_keyed(store, "waits", now=later)
    await put_keyed(store, "waits too", now=later)
    assert (await holds(store))["waits"] is Hold.KEY
    await store.beat("r1", now=NOW - MINUTE)
    assert ids(await take(store, now=NOW - MINUTE)) == ["waits"]


async def test_a_scheduled_job_takes_no_place_before_it_is_due(store: Store) -> None:
    await put_keyed(store, "tomorrow", run_at=NOW + MINUTE)
    await put_keyed(store, "a1", "a2")
    assert ids(await take(store)) == ["a1"]
    assert await take(store, now=NOW + MINUTE) == []
    assert await holds(store) == {"tomorrow": Hold.KEY, "a1": Hold.NONE, "a2": Hold.KEY}
    await end(store, success(await one(store, "a1")), now=NOW + MINUTE)
    assert ids(await take(store, now=NOW + MINUTE)) == ["a2"]


async def test_retries_of_many_of_a_key_run_one_at_a_time_too(store: Store) -> None:
    for name in "abc":
        await put_keyed(store, name)
        [job] = await take(store)
        await end(store, retry(job, run_at=NOW + 1000))
    for name in "abc":
        [job] = await take(store, now=NOW + 1000)
        assert job.id == name
        await end(store, success(job), now=NOW + 1000)


async def test_many_claims_in_flight_take_one_of_each_key(store: Store, other: Store) -> None:
    await sign_on(other, "r2")
    for key in "abcdef":
        for n in range(4):
            await put_keyed(store, f"{key}{n}", key=key, run_at=NOW + 1)
    claims = (take(handle, runner, 3, now=NOW + 1) for _ in range(8) for handle, runner in ((store, "r1"), (other, "r2")))
    taken = [job.id for jobs in await asyncio.gather(*claims) for job in jobs]
    assert sorted(taken) == ["a0", "b0", "c0", "d0", "e0", "f0"]


async def test_a_key_that_a_dead_process_holds_is_free_when_its_job_is_taken_over(
    world: World, store: Store, other: Store
) -> None:
    await sign_on(other, "r2")
    await put_keyed(store, "a1", "a2")
    await take(store)
    world.kill(store, "r1")
    [orphan] = await other.orphans(10)
    await end(other, retry(orphan, run_at=NOW + MINUTE, outcome="lost"))
    assert ids(await take(other, "r2")) == ["a2"]


async def test_a_job_that_must_run_alone_waits_for_its_key_too(store: Store) -> None:
    await put_keyed(store, "suspect")
    [suspect] = await take(store)
    await put_keyed(store, "a2")
    await end(store, retry(suspect, outcome="lost", crashes=2, hold=Hold.ALONE))
    [a2] = await take(store)
    refused = await claim_alone(store)
    assert (list(refused.jobs), refused.alone_due) == ([], NOW)
    await put_keyed(store, "a3")
    await end(store, success(a2))
    assert (await one(store, "a3")).hold is Hold.NONE
    assert ids((await claim_alone(store)).jobs) == ["suspect"]
    assert await take(store) == []


async def test_a_requeued_job_has_its_key_again(store: Store) -> None:
    await put_keyed(store, "a1")
    [a1] = await take(store)
    await end(store, success(a1))
    await put_keyed(store, "a2")
    [a2] = await take(store)
    await store.requeue(["a1"], now=NOW)
    assert await take(store) == []
    await end(store, success(a2))
    assert ids(await take(store)) == ["a1"]


async def test_one_that_waits_in_another_queue_is_let_go_too_and_wakes_it(store: Store, other: Store) -> None:
    await sign_on(other, "r2", queues={"mail": 5})
    await put_keyed(store, "a1")
    [a1] = await take(store)
    await put_keyed(store, "m1", queue="mail")
    async with other.watch() as changes:
        await end(store, success(a1))
        async with asyncio.timeout(5):
            async for queues in changes:
                if not queues or "mail" in queues:
                    break
    assert (await one(store, "m1")).hold is Hold.NONE


async def test_a_batch_that_meets_what_is_there_counts_only_what_is_new(store: Store) -> None:
    await put_keyed(store, "a1", key="a")
    policy = Policy()
    batch = [new("a1", key="b", policy=policy), new("b1", key="b", policy=policy), new("b2", key="b", policy=policy)]
    await store.insert(batch, now=NOW)
    assert await holds(store) == {"a1": Hold.NONE, "b1": Hold.NONE, "b2": Hold.KEY}
    assert (await queue_stats(store)).held == 1


async def test_an_unknown_task_holds_no_key_for_ever(store: Store) -> None:
    await put_keyed(store, "x1", name="gone")
    await put_keyed(store, "x2", name="gone")
    assert await take(store) == []
    assert await holds(store) == {"x1": Hold.UNROUTABLE, "x2": Hold.KEY}
    await sign_on(store, "r1", tasks={"work", "gone"})
    await store.beat("r1", now=NOW)
    for name in ("x1", "x2"):
        [job] = (await claim(store, tasks={"work", "gone"})).jobs
        assert job.id == name
        await end(store, success(job))


async def test_the_key_of_a_job_that_a_fire_inserts_counts(store: Store) -> None:
    await store.timetable.declare([fires_at("s")], now=NOW)
    jobs = [new(f"j{n}", key="a") for n in range(2)]
    await store.timetable.fire([Fire("s", (await scheduled(store, "s")).version, NOW, None, jobs)], now=NOW)
    assert await holds(store) == {"j0": Hold.NONE, "j1": Hold.KEY}


async def test_held_jobs_are_not_what_a_claim_waits_for(store: Store) -> None:
    await put_keyed(store, "a1", "a2")
    await take(store)
    claimed = await claim(store)
    assert (list(claimed.jobs), claimed.next_due) == ([], None)
