"""The wall clock is set back: what was due at once stays due."""

from __future__ import annotations

from asyncjobs.job import Hold
from asyncjobs.store.base import Store
from tests.store.acts import MINUTE, NOW, claim, end, ids, one, put, queue_stats, retry, run, sign_on, success, take
from tests.store.worlds import World

HOUR = 60 * MINUTE


async def test_jobs_that_were_due_at_once_stay_due_when_the_clock_is_set_back(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b")
    await store.beat("r1", now=NOW - HOUR)
    assert (await queue_stats(store, now=NOW - HOUR)).waiting == 2
    job = await one(store, "a")
    assert (job.run_at, job.scheduled_at, job.enqueued_at) == (NOW - HOUR, NOW, NOW)
    assert ids(await take(store, now=NOW - HOUR)) == ["a", "b"]


async def test_held_jobs_that_were_due_at_once_stay_due_too(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", name="nobodys")
    await take(store)
    await store.beat("r1", now=NOW - HOUR)
    await sign_on(store, tasks={"nobodys"})
    assert ids((await claim(store, tasks={"nobodys"}, now=NOW - HOUR)).jobs) == ["a"]


async def test_jobs_set_for_later_keep_their_time(store: Store) -> None:
    await sign_on(store)
    await put(store, "later", run_at=NOW + MINUTE)
    await store.beat("r1", now=NOW - HOUR)
    assert (await one(store, "later")).run_at == NOW + MINUTE


async def test_who_waits_since_an_attempt_waits_no_longer_than_was_said(store: Store) -> None:
    await end(store, retry(await run(store, "a"), run_at=NOW + MINUTE))
    await end(store, retry(await run(store, "b"), run_at=NOW + MINUTE, outcome="snoozed", give_back=True))
    await end(store, retry(await run(store, "c"), run_at=NOW + 10_000, outcome="lost", crashes=2, hold=Hold.ALONE))
    await store.beat("r1", now=NOW - HOUR)
    assert [(await one(store, id)).run_at - (NOW - HOUR) for id in ("a", "b", "c")] == [MINUTE, MINUTE, 10_000]


async def test_a_pause_that_the_step_does_not_touch_stays_as_it_is(store: Store) -> None:
    await end(store, retry(await run(store, "a", now=NOW), run_at=NOW + HOUR), now=NOW)
    await store.beat("r1", now=NOW + 50 * MINUTE)
    await store.beat("r1", now=NOW + 30 * MINUTE)
    assert (await one(store, "a")).run_at == NOW + HOUR


async def test_requeued_jobs_are_due_at_once_whenever_they_had_ended(store: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job))
    await store.requeue(["a"], now=NOW + 10 * HOUR)
    await store.beat("r1", now=NOW + HOUR)
    assert (await one(store, "a")).run_at == NOW + HOUR


async def test_a_step_while_nobody_was_there_is_seen_by_who_opens_next(world: World, store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.close()
    again = world.handle()
    await again.open()
    await again.beat("r1", now=NOW - HOUR)
    assert (await one(again, "a")).run_at == NOW - HOUR
    await again.close()


async def test_five_seconds_are_no_step(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.beat("r1", now=NOW - 5_000)
    assert (await one(store, "a")).run_at == NOW
    await store.beat("r1", now=NOW - 5_001)
    assert (await one(store, "a")).run_at == NOW - 5_001


async def test_a_second_step_is_one_again(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.beat("r1", now=NOW - HOUR)
    await store.beat("r1", now=NOW - 2 * HOUR)
    assert (await one(store, "a")).run_at == NOW - 2 * HOUR


async def test_the_latest_time_counts_anew_from_a_step(store: Store) -> None:
    await sign_on(store)
    await store.beat("r1", now=NOW)
    await store.beat("r1", now=NOW - HOUR)
    await put(store, "a", now=NOW - HOUR + 3_000)
    await store.beat("r1", now=NOW - HOUR)
    assert (await one(store, "a")).run_at == NOW - HOUR + 3_000


async def test_a_clock_that_was_never_ahead_changes_nothing(store: Store, other: Store) -> None:
    await sign_on(other, "r2")
    await put(store, "a", now=NOW)
    await other.beat("r2", now=NOW - 1)
    assert (await one(store, "a")).run_at == NOW
