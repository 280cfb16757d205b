"""beat: what a runner is held to. note: what its attempts say. orphans: what the dead left."""

from __future__ import annotations

from asyncjobs.job import Progress, State
from asyncjobs.store.base import Store, Verdict
from tests.store.acts import NOW, end, ids, one, put, retry, run, sign_on, success, take
from tests.store.worlds import World


async def test_beat_reports_held_attempts(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b", "c")
    a, b, c = await take(store)
    await end(store, success(a))
    await end(store, retry(b, run_at=NOW + 5))
    assert dict((await store.beat("r1", now=NOW)).held) == {"c": c.token}


async def test_beat_reports_cancels(store: Store, other: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b", "c")
    jobs = await take(store)
    await other.cancel(["a", "c"], now=NOW)
    assert (await store.beat("r1", now=NOW)).cancels == {"a", "c"}
    await end(store, *(success(job) for job in jobs))
    assert (await store.beat("r1", now=NOW)).cancels == frozenset()


async def test_beat_reports_nothing_of_other_runners(store: Store, other: Store) -> None:
    await run(store, "a", "r1")
    await store.cancel(["a"], now=NOW)
    await sign_on(other, "r2")
    beat = await other.beat("r2", now=NOW)
    assert (dict(beat.held), beat.cancels) == ({}, frozenset())


async def test_beat_reports_paused_queues(store: Store, other: Store) -> None:
    await sign_on(store)
    assert (await store.beat("r1", now=NOW)).paused == frozenset()
    await other.set_paused("mail", True, now=NOW)
    await other.set_paused("never-used", True, now=NOW)
    assert (await store.beat("r1", now=NOW)).paused == {"mail", "never-used"}
    await other.set_paused("mail", False, now=NOW)
    assert (await store.beat("r1", now=NOW)).paused == {"never-used"}


async def test_beat_of_an_unknown_runner_is_empty(store: Store) -> None:
    beat = await store.beat("nobody", now=NOW)
    assert (dict(beat.held), beat.cancels) == ({}, frozenset())


async def test_a_note_is_kept_for_the_running_token(store: Store, other: Store) -> None:
    job = await run(store, "a")
    await store.note({"a": (job.token, Progress(3, 10.5, "third"))})
    await put(store, "b")
    assert (await one(other, "a")).progress == Progress(3, 10.5, "third")


async def test_a_note_of_another_token_is_ignored(store: Store) -> None:
    old = await run(store, "a")
    await end(store, retry(old))
    [job] = await take(store)
    await store.note({"a": (job.token, Progress(1))})
    await store.note({"a": (old.token, Progress(9))})
    await store.note({"a": (job.token + 1, Progress(9))})
    await store.note({"gone": (1, Progress(9))})
    assert (await one(store, "a")).progress == Progress(1)


async def test_a_note_after_the_end_is_ignored(store: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job))
    await store.note({"a": (job.token, Progress(1))})
    assert (await one(store, "a")).progress is None


async def test_there_are_no_orphans_without_proof(store: Store, other: Store) -> None:
    await run(store, "a")
    await store.beat("r1", now=NOW)
    assert list(await other.orphans(10)) == []
    assert list(await store.orphans(10)) == []


async def test_what_a_dead_runner_ran_is_an_orphan(world: World, store: Store, other: Store) -> None:
    job = await run(store, "a", "r1")
    await run(other, "b", "r2")
    world.kill(store, "r1")
    assert await other.orphans(10) == [job]


async def test_what_a_retired_runner_ran_is_an_orphan(store: Store, other: Store) -> None:
    job = await run(store, "a")
    await store.retire("r1")
    assert await other.orphans(10) == [job]


async def test_closing_a_handle_is_no_proof_of_death(store: Store, other: Store) -> None:
    await run(store, "a")
    await store.close()
    assert list(await other.orphans(10)) == []
    await store.open()


async def test_age_is_no_proof_of_death(store: Store, other: Store) -> None:
    await run(store, "a")
    await sign_on(other, "r2")
    await other.beat("r2", now=NOW + 10**12)
    assert list(await other.orphans(10)) == []


async def test_a_handle_opened_later_sees_the_dead(world: World, store: Store) -> None:
    job = await run(store, "a")
    world.kill(store, "r1")
    late = world.handle()
    await late.open()
    assert await late.orphans(10) == [job]
    await late.close()


async def test_orphans_change_nothing_and_come_up_to_the_limit(world: World, store: Store, other: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b", "c")
    jobs = await take(store)
    world.kill(store, "r1")
    assert len(await other.orphans(2)) == 2
    assert sorted(ids(await other.orphans(10))) == ["a", "b", "c"]
    assert list(await store.get(["a", "b", "c"])) == jobs


async def test_of_two_janitors_one_settles_an_orphan(world: World, store: Store, other: Store) -> None:
    await run(store, "a")
    world.kill(store, "r1")
    [seen_here], [seen_there] = await store.orphans(10), await other.orphans(10)
    assert await store.finish([retry(seen_here, outcome="lost", crashes=1)], now=NOW) == [Verdict.APPLIED]
    assert await other.finish([retry(seen_there, outcome="lost", crashes=1)], now=NOW) == [Verdict.ALREADY]
    assert (await one(store, "a")).crashes == 1
    assert list(await other.orphans(10)) == []


async def test_a_settled_orphan_is_beyond_its_late_runner(world: World, store: Store, other: Store) -> None:
    job = await run(store, "a")
    world.kill(store, "r1")
    await end(other, retry(job, outcome="lost"))
    await sign_on(other, "r2")
    [again] = await take(other, "r2")
    assert await store.finish([success(job)], now=NOW) == [Verdict.LOST]
    assert (await one(store, "a")) == again
    assert again.state is State.RUNNING
