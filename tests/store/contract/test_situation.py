"""situation: what a claim would look at for one job."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from asyncjobs.job import Hold, Policy
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import AHEAD_LIMIT, HOLDERS, Claim, Situation, Store
from tests.store.acts import MINUTE, NOW, WORK, claim, ids, new, one, put, sign_on, take


@pytest.fixture
async def store(store: Store) -> Store:
    await sign_on(store, "r1", queues={"default": 10, "mail": 10})
    return store


async def of(store: Store, id: str, now: int = NOW) -> Situation:
    situation = await store.situation(id, now=now)
    assert situation is not None
    assert situation.as_of == now
    return situation


async def before(store: Store, id: str, now: int = NOW) -> tuple[int, int]:
    """How many come before it; how many of those are of a higher priority."""
    situation = await of(store, id, now)
    return situation.ahead, situation.ahead_higher


async def before_of_its_key(store: Store, id: str) -> Sequence[str]:
    situation = await of(store, id)
    assert situation.of_key_count == len(situation.of_key)
    return list(situation.of_key)


async def test_of_an_unknown_job_there_is_none(store: Store) -> None:
    assert await store.situation("nobody", now=NOW) is None
    assert await store.situation("\ud800", now=NOW) is None


async def test_it_holds_the_job_itself_and_every_runner(store: Store, other: Store) -> None:
    await sign_on(other, "r2", tasks={"else"})
    await put(store, "a")
    situation = await of(other, "a")
    assert situation.job == await one(store, "a")
    assert {runner.info.id: runner.info.tasks for runner in situation.runners} == {"r1": WORK, "r2": {"else"}}
    assert all(runner.alive for runner in situation.runners)


# --- those before it ---------------------------------------------------------------------------------------------------


async def test_those_that_a_claim_takes_first_come_before_it(store: Store) -> None:
    """In order of run_at, where a step of priority is worth a minute, and of insertion where that is equal."""
    await put(store, "first", priority=1)
    await put(store, "lower_but_due_before", priority=2, now=NOW - 2 * MINUTE)
    await put(store, "job", priority=1)
    await put(store, "higher", priority=0)
    await put(store, "higher_of_the_same_rank", priority=0, run_at=NOW + MINUTE)
    await put(store, "lower", priority=2)
    later = NOW + MINUTE
    assert await before(store, "job", later) == (3, 1)
    assert await before(store, "lower", later) == (5, 4)
    assert await before(store, "higher_of_the_same_rank", later) == (4, 0)
    taken = (await claim(store, now=later)).jobs
    assert ids(taken) == ["lower_but_due_before", "higher", "first", "job", "higher_of_the_same_rank", "lower"]


async def test_each_priority_counts_only_what_is_higher(store: Store) -> None:
    for priority in range(4):
        await put(store, f"p{priority}", priority=priority)
    assert [await before(store, f"p{priority}") for priority in range(4)] == [(0, 0), (1, 1), (2, 2), (3, 3)]


async def test_what_is_not_due_held_elsewhere_or_begun_does_not_come_before_it(store: Store) -> None:
    await put(store, "runs")
    await take(store)
    await put(store, "later", priority=0, run_at=NOW + 1)
    await put(store, "mail", queue="mail")
    await put(store, "k1", "k2", "k3", key="k")
    assert (await one(store, "k3")).hold is Hold.KEY
    await put(store, "job")
    assert await before(store, "job") == (1, 0)  # k1
    assert await before(store, "job", NOW + 1) == (2, 1)


async def test_they_are_counted_so_far(store: Store) -> None:
    await store.insert([new(f"a{n}") for n in range(AHEAD_LIMIT + 1)], now=NOW)
    await put(store, "higher", priority=0)
    await put(store, "job")
    assert await before(store, "job") == (AHEAD_LIMIT + 1, 1)


# --- those that run ----------------------------------------------------------------------------------------------------


async def test_those_of_its_queue_that_run_are_named_with_their_runners_the_longest_first(store: Store, other: Store) -> None:
    await sign_on(other, "r2", queues={"default": 10})
    await put(store, "a", "b")
    await put(store, "m", queue="mail")
    await claim(store, wants={"mail": 1})
    [b] = await take(store, n=1, now=NOW + 1)
    [a] = await take(other, "r2", now=NOW)
    await put(store, "job")
    situation = await of(store, "job")
    assert list(situation.running) == [(a.id, "r2"), (b.id, "r1")]
    assert situation.running_count == 2
    assert [name for name, _ in (await of(store, "m")).running] == ["m"]


async def test_of_many_that_run_some_are_named_and_all_are_counted(store: Store) -> None:
    names = [f"a{n:02}" for n in range(HOLDERS + 2)]
    await put(store, *names)
    await take(store, n=99)
    await put(store, "job")
    situation = await of(store, "job")
    assert ([name for name, _ in situation.running], situation.running_count) == (names[:HOLDERS], HOLDERS + 2)


# --- its key, its rate, its pauses -------------------------------------------------------------------------------------


async def test_those_of_its_key_that_run_in_any_queue_take_its_places_and_of_its_queue_those_due_before(store: Store) -> None:
    policy = Policy(key_limit=5)
    await put(store, "runs", key="k", policy=policy, queue="mail")
    await claim(store, wants={"mail": 1})
    await put(store, "due", key="k", policy=policy)
    await put(store, "higher", key="k", policy=policy, priority=0)
    await put(store, "elsewhere", key="k", policy=policy, queue="mail")
    await put(store, "later", key="k", policy=policy, run_at=NOW + 1)
    await put(store, "other", key="l", policy=policy)
    await put(store, "without")
    await put(store, "job", key="k", policy=policy)
    await put(store, "after", key="k", policy=policy)
    assert await before_of_its_key(store, "job") == ["runs", "higher", "due"]
    assert await before_of_its_key(store, "elsewhere") == ["runs"]
    assert await before_of_its_key(store, "other") == await before_of_its_key(store, "without") == []


@pytest.mark.parametrize(("limit", "count"), [(3, HOLDERS), (12, 12)])
async def test_those_of_its_key_are_counted_as_far_as_its_limit_and_so_many_named(store: Store, limit: int, count: int) -> None:
    await put(store, *(f"j{n}" for n in range(20)), key="k", policy=Policy(key_limit=limit), run_at=NOW + 1)
    situation = await of(store, "j19", NOW + MINUTE)
    assert (situation.of_key_count, list(situation.of_key)) == (count, [f"j{n}" for n in range(HOLDERS)])


async def test_of_those_put_aside_for_its_key_none_is_before_it(store: Store) -> None:
    await put(store, "first", "second", "job", key="k")
    assert [(await one(store, id)).hold for id in ("first", "second", "job")] == [Hold.NONE, Hold.KEY, Hold.KEY]
    assert await before_of_its_key(store, "job") == ["first"]


async def test_what_it_runs_itself_is_not_before_it(store: Store) -> None:
    await put(store, "job", key="k")
    await take(store)
    assert await before_of_its_key(store, "job") == []


async def test_what_its_queue_has_spent_of_its_rate_is_told(store: Store) -> None:
    await put(store, "a", "m", "job")
    assert (await of(store, "job")).spent_to == 0.0
    rate = Rate(1000.0)
    await store.claim(Claim("r1", {"default": 1}, WORK, {"default": Limits(rate=rate)}), now=NOW)
    spent = (await of(store, "job")).spent_to
    assert NOW < rate.next_at(spent, NOW) <= NOW + 1000
    await put(store, "mail", queue="mail")
    assert (await of(store, "mail")).spent_to == 0.0


async def test_the_pauses_of_its_queue_and_of_its_task_are_told(store: Store) -> None:
    await put(store, "job")
    await put(store, "other", queue="mail", name="else")
    await store.set_paused("default", True, now=NOW, by="ada", why="a new disk")
    await store.set_task_paused("work", True, now=NOW + 1, by="bob")
    situation = await of(store, "job")
    assert situation.queue_pause == Pause(NOW, "ada", "a new disk")
    assert situation.task_pause == Pause(NOW + 1, "bob", "")
    situation = await of(store, "other")
    assert situation.queue_pause is situation.task_pause is None
    await store.set_paused("default", False, now=NOW)
    await store.set_task_paused("work", False, now=NOW)
    situation = await of(store, "job")
    assert situation.queue_pause is situation.task_pause is None
