"""set_paused: a queue that nobody claims from."""

from __future__ import annotations

from asyncjobs.job import State
from asyncjobs.store.base import Store
from tests.store.acts import NOW, claim, end, ids, one, put, queue_stats, run, sign_on, success, take
from tests.store.worlds import World


async def test_nothing_is_claimed_from_a_paused_queue_in_any_process(store: Store, other: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await put(store, "m", queue="mail")
    await other.set_paused("default", True, now=NOW)
    assert ids((await claim(store, wants={"default": 5, "mail": 5})).jobs) == ["m"]
    assert await take(other) == []


async def test_a_pause_holds_over_restarts(world: World, store: Store) -> None:
    await put(store, "a")
    await store.set_paused("default", True, now=NOW)
    await store.close()
    late = world.handle()
    await late.open()
    assert await take(late) == []
    assert (await queue_stats(late)).paused
    await late.close()
    await store.open()


async def test_a_resumed_queue_gives_its_jobs(store: Store, other: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.set_paused("default", True, now=NOW)
    await store.set_paused("default", True, now=NOW)
    await other.set_paused("default", False, now=NOW)
    assert ids(await take(store)) == ["a"]


async def test_what_runs_goes_on_when_its_queue_is_paused(store: Store) -> None:
    job = await run(store, "a")
    await store.set_paused("default", True, now=NOW)
    await end(store, success(job))
    assert (await one(store, "a")).state is State.SUCCEEDED


async def test_a_paused_queue_takes_inserts(store: Store) -> None:
    await store.set_paused("default", True, now=NOW)
    await put(store, "a")
    assert (await queue_stats(store)).states[State.QUEUED] == 1


async def test_a_paused_queue_appears_in_stats(store: Store) -> None:
    await store.set_paused("fresh", True, now=NOW)
    assert (await queue_stats(store, "fresh")).paused
    await store.set_paused("fresh", False, now=NOW)
    assert not (await queue_stats(store, "fresh")).paused
