"""set_paused: a queue that nobody claims from."""

from __future__ import annotations

from asyncjobs.job import Hold, State
from asyncjobs.pause import Pause
from asyncjobs.store.base import Store
from tests.store.acts import (
    NOW,
    claim,
    claim_alone,
    end,
    everything,
    ids,
    one,
    put,
    queue_stats,
    retry,
    run,
    sign_on,
    success,
    take,
)
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


# --- of a task ---------------------------------------------------------------------------------------------------------


async def test_nothing_of_a_paused_task_is_claimed_in_any_process_and_others_pass(store: Store, other: Store) -> None:
    await sign_on(store, tasks={"work", "sweep"})
    await put(store, "a", "b")
    await put(store, "s", name="sweep")
    await other.set_task_paused("work", True, now=NOW, by="ada", why="the vendor is down")
    assert ids((await claim(store, tasks={"work", "sweep"})).jobs) == ["s"]
    assert (await store.stats(now=NOW)).paused_tasks == {"work": Pause(NOW, "ada", "the vendor is down")}
    assert {job.id: job.hold for job in await everything(store) if job.name == "work"} == {"a": Hold.PAUSED, "b": Hold.PAUSED}
    assert (await queue_stats(store)).held == 2


async def test_a_resumed_task_gives_its_jobs_in_their_order(store: Store, other: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b")
    await store.set_task_paused("work", True, now=NOW)
    assert await take(store) == []
    await put(store, "c")
    await other.set_task_paused("work", False, now=NOW)
    await store.beat("r1", now=NOW)
    assert ids(await take(store)) == ["a", "b", "c"]
    assert (await store.stats(now=NOW)).paused_tasks == {}
    assert (await queue_stats(store)).held == 0


async def test_a_pause_of_a_task_holds_over_restarts(world: World, store: Store) -> None:
    await put(store, "a")
    await store.set_task_paused("work", True, now=NOW)
    await store.close()
    late = world.handle()
    await late.open()
    await sign_on(late)
    assert await take(late) == []
    await late.close()
    await store.open()


async def test_a_paused_task_runs_no_suspect_either(store: Store) -> None:
    job = await run(store, "a")
    await end(store, retry(job, outcome="lost", crashes=2, hold=Hold.ALONE))
    await store.set_task_paused("work", True, now=NOW)
    assert list((await claim_alone(store)).jobs) == []
    await store.set_task_paused("work", False, now=NOW)
    assert ids((await claim_alone(store)).jobs) == ["a"]


async def test_a_pause_says_who_and_why(store: Store) -> None:
    await store.set_paused("default", True, now=NOW, by="ada\0", why="\ud800 away")
    assert (await queue_stats(store)).pause == Pause(NOW, "ada\0", "\ud800 away")
    await store.set_paused("default", True, now=NOW + 5)
    assert (await queue_stats(store)).pause == Pause(NOW + 5)


async def test_a_paused_job_may_be_cancelled(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.set_task_paused("work", True, now=NOW)
    await take(store)
    assert await store.cancel(["a"], now=NOW) == ["cancelled"]
    assert (await queue_stats(store)).held == 0
