"""Unique keys beyond "while queued or running": until the first attempt begins, for a time, and replacing their holder."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.job import Hold, Policy, State
from asyncjobs.store.base import Inserted, Store
from tests.store.acts import MINUTE, NOW, end, everything, ids, new, one, put, queue_stats, retry, sign_on, success, take
from tests.store.worlds import World

UNTIL_STARTED = Policy(unique_until_started=True)


@pytest.fixture
async def store(store: Store) -> Store:
    await sign_on(store)
    return store


async def insert(store: Store, id: str, now: int = NOW, **fields: Any) -> Inserted:
    [inserted] = await store.insert([new(id, unique_key="k", **{"run_at": now, **fields})], now=now)
    return inserted


# --- until the first attempt begins ------------------------------------------------------------------------------------


async def test_a_key_until_started_is_let_go_when_the_first_attempt_begins(store: Store, other: Store) -> None:
    assert await insert(store, "a", policy=UNTIL_STARTED) == Inserted("a", True)
    assert await insert(other, "b", policy=UNTIL_STARTED) == Inserted("a", False)
    [a] = await take(store)
    assert a.unique_key is None
    assert await insert(other, "c", policy=UNTIL_STARTED) == Inserted("c", True)
    await end(store, retry(a))
    assert (await one(store, "a")).unique_key is None
    assert {job.id for job in await take(store)} == {"a", "c"}


# --- for a time --------------------------------------------------------------------------------------------------------


async def test_a_key_for_a_time_is_taken_for_that_time_whatever_becomes_of_its_job(world: World, store: Store) -> None:
    assert await insert(store, "a", unique_for=MINUTE) == Inserted("a", True)
    assert await insert(store, "b", unique_for=MINUTE) == Inserted("a", False)
    await end(store, success((await take(store))[0]))
    await store.prune({State.SUCCEEDED: NOW + 1}, limit=10)
    assert await store.get(["a"]) == [None]
    await store.close()
    late = world.handle()
    await late.open()
    assert await insert(late, "b", NOW + MINUTE - 1, unique_for=MINUTE) == Inserted("a", False)
    assert await insert(late, "b", NOW + MINUTE, unique_for=MINUTE) == Inserted("b", True)
    assert await insert(late, "c", NOW + 2 * MINUTE - 1, unique_for=MINUTE) == Inserted("b", False)
    await late.close()
    await store.open()


async def test_a_key_that_a_clock_took_which_was_ahead_is_free_once_it_was_set_right(store: Store) -> None:
    assert await insert(store, "a", NOW + 60 * MINUTE, unique_for=2000) == Inserted("a", True)
    assert await insert(store, "b", unique_for=2000) == Inserted("b", True)
    assert await insert(store, "c", NOW - 1000, unique_for=2000) == Inserted("b", False)


async def test_a_key_for_a_time_and_one_for_a_job_are_two(store: Store) -> None:
    assert await insert(store, "a", unique_for=MINUTE) == Inserted("a", True)
    assert await insert(store, "b") == Inserted("b", True)
    assert await insert(store, "c") == Inserted("b", False)
    assert (await one(store, "a")).unique_key is None


async def test_an_id_that_is_there_takes_no_time(store: Store) -> None:
    await put(store, "a")
    assert await insert(store, "a", unique_for=MINUTE) == Inserted("a", False)
    assert await insert(store, "b", unique_for=MINUTE) == Inserted("b", True)


async def test_of_one_batch_the_first_takes_the_time(store: Store) -> None:
    batch = [new(id, unique_key="k", unique_for=MINUTE) for id in "abc"] + [new("d")]
    answers = await store.insert(batch, now=NOW)
    assert answers == [Inserted("a", True), Inserted("a", False), Inserted("a", False), Inserted("d", True)]
    assert ids(await take(store)) == ["a", "d"]


async def test_what_is_free_again_is_forgotten_by_pruning(store: Store) -> None:
    await insert(store, "a", unique_for=1000)
    await put(store, "later", now=NOW + 1000)
    await store.prune({}, limit=10)
    assert await insert(store, "b", NOW + 1000, unique_for=1000) == Inserted("b", True)


# --- replacing the holder ----------------------------------------------------------------------------------------------


async def test_the_holder_gets_what_the_replacing_job_says_and_keeps_its_id(store: Store, other: Store) -> None:
    await insert(store, "a", args="[1]", run_at=NOW + MINUTE)
    fresh = {"args": "[2]", "meta": '{"m":2}', "priority": 3, "policy": Policy(max_attempts=2), "key": "x", "run_at": NOW + 5}
    assert await insert(other, "b", replaces=True, **fresh) == Inserted("a", False)
    job = await one(store, "a")
    assert {name: getattr(job, name) for name in fresh} == fresh
    assert (job.scheduled_at, job.enqueued_at, job.unique_key) == (NOW + 5, NOW, "k")
    assert ids(await everything(store)) == ["a"]
    assert ids(await take(store, now=NOW + 5)) == ["a"]


async def test_each_replacing_call_pushes_the_time_back(store: Store) -> None:
    for second in range(5):
        now = NOW + second * 1000
        await insert(store, f"j{second}", now, replaces=True, run_at=now + 3000, policy=UNTIL_STARTED)
        assert await take(store, now=now) == []
    assert ids(await take(store, now=NOW + 7000)) == ["j0"]
    assert await insert(store, "next", NOW + 7000, replaces=True, policy=UNTIL_STARTED) == Inserted("next", True)


@pytest.mark.parametrize("state", ["running", "retrying", "released"])
async def test_a_holder_that_has_begun_stays_as_it_is(store: Store, state: str) -> None:
    await insert(store, "a", args="[1]")
    [a] = await take(store)
    if state == "retrying":
        await end(store, retry(a, run_at=NOW + MINUTE))
    if state == "released":
        await end(store, retry(a, outcome="released", give_back=True))
    assert await insert(store, "b", replaces=True, args="[2]") == Inserted("a", False)
    assert (await one(store, "a")).args == "[1]"


async def test_a_replaced_holder_that_is_due_at_once_stays_so_when_the_clock_is_set_back(store: Store) -> None:
    await insert(store, "a", run_at=NOW + MINUTE)
    await insert(store, "b", NOW + 5, replaces=True)
    await store.beat("r1", now=NOW - MINUTE)
    assert ids(await take(store, now=NOW - MINUTE)) == ["a"]


async def test_a_holder_of_another_task_stays_as_it_is(store: Store) -> None:
    await insert(store, "a", args="[1]", name="other")
    assert await insert(store, "b", replaces=True, args="[2]") == Inserted("a", False)
    assert (await one(store, "a")).args == "[1]"


async def test_without_a_holder_a_replacing_job_is_new_and_the_first_of_its_batch_is_replaced(store: Store) -> None:
    batch = [new(id, unique_key="k", replaces=True, args=f"[{n}]") for n, id in enumerate("abc")]
    assert await store.insert(batch, now=NOW) == [Inserted("a", True), Inserted("a", False), Inserted("a", False)]
    assert (await one(store, "a")).args == "[2]"


async def test_a_replaced_holder_that_its_key_has_held_may_run_by_its_new_one(store: Store) -> None:
    await put(store, "runs", key="x")
    await take(store)
    await insert(store, "a", key="x")
    assert (await one(store, "a")).hold is Hold.KEY
    await insert(store, "b", key="y", replaces=True)
    assert (await queue_stats(store)).held == 0
    assert ids(await take(store)) == ["a"]


async def test_a_replaced_holder_leaves_its_place_to_the_next_of_its_key(store: Store) -> None:
    await insert(store, "a", key="x")
    await put(store, "next", key="x")
    assert (await one(store, "next")).hold is Hold.KEY
    await insert(store, "b", key="y", replaces=True, run_at=NOW + MINUTE)
    assert ids(await take(store)) == ["next"]
