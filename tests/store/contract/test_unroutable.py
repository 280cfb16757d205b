"""Tasks that somebody, or nobody, knows."""

from __future__ import annotations

from asyncjobs.job import Hold, State
from asyncjobs.store.base import Store
from tests.store.acts import NOW, claim, ids, one, put, queue_stats, sign_on, take
from tests.store.worlds import World


async def test_a_due_job_that_nobody_knows_is_held_and_burns_no_attempt(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", name="nobodys")
    assert await take(store) == []
    job = await one(store, "a")
    assert (job.state, job.hold, job.attempt, job.token) == (State.QUEUED, Hold.UNROUTABLE, 0, 0)
    assert (await queue_stats(store)).held == 1


async def test_held_jobs_do_not_stand_in_the_way(store: Store) -> None:
    await sign_on(store)
    await put(store, *(f"n{n}" for n in range(30)), name="nobodys")
    await put(store, "a")
    taken: list[str] = []
    for _ in range(10):
        taken += ids(await take(store, n=1))
    assert taken == ["a"]


async def test_a_job_that_only_a_sibling_knows_is_left_for_it(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"})
    await put(store, "a", name="theirs")
    assert await take(store) == []
    assert (await one(store, "a")).hold is Hold.NONE
    assert ids((await claim(other, "r2", tasks={"theirs"})).jobs) == ["a"]


async def test_a_job_that_a_sibling_knows_which_works_other_queues_is_held_until_one_comes(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"}, queues={"mail": 1})
    await put(store, "a", name="theirs")
    assert (await claim(store)).unknown == {"theirs"}
    await other.beat("r2", now=NOW)
    assert (await one(store, "a")).hold is Hold.UNROUTABLE
    await sign_on(other, "r2", tasks={"theirs"}, queues={"mail": 1, "default": 1})
    assert ids((await claim(other, "r2", tasks={"theirs"})).jobs) == ["a"]


async def test_a_siblings_jobs_do_not_stand_in_the_way(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"})
    await put(store, *(f"t{n}" for n in range(30)), name="theirs")
    await put(store, "a")
    assert ids(await take(store, n=1)) == ["a"]


async def test_a_dead_sibling_knows_nothing(world: World, store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"})
    world.kill(other, "r2")
    await put(store, "a", name="theirs")
    await take(store)
    assert (await one(store, "a")).hold is Hold.UNROUTABLE


async def test_a_retired_sibling_knows_nothing(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"})
    await other.retire("r2")
    await put(store, "a", name="theirs")
    await take(store)
    assert (await one(store, "a")).hold is Hold.UNROUTABLE


async def test_who_registers_with_the_task_makes_its_held_jobs_claimable(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await put(store, "a", "b", name="nobodys")
    await put(store, "c", name="nobodys2")
    await take(store)
    await sign_on(other, "r2", tasks={"nobodys"})
    for _ in range(3):
        await other.beat("r2", now=NOW)
    assert ids((await claim(other, "r2", tasks={"nobodys"})).jobs) == ["a", "b"]
    assert (await one(store, "c")).hold is Hold.UNROUTABLE
    assert (await queue_stats(store)).held == 1


async def test_a_job_of_a_paused_queue_is_not_even_held(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", name="nobodys")
    await store.set_paused("default", True, now=NOW)
    await take(store)
    assert (await one(store, "a")).hold is Hold.NONE


async def test_a_job_that_is_not_due_is_not_held(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", name="nobodys", run_at=NOW + 1)
    await take(store)
    assert (await one(store, "a")).hold is Hold.NONE
