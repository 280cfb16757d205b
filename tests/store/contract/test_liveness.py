"""register and retire: who runs, as siblings and the page see it."""

from __future__ import annotations

from asyncjobs.store.base import Condition, RunnerInfo, RunnerStats, Store
from tests.store.acts import NOW, claim, put, run, sign_on
from tests.store.worlds import World

INFO = RunnerInfo("r1", 4711, "höst", "1.2", NOW - 5, {"default": 3, "mail": 1}, frozenset({"work", "a:b.c", "wörk"}))


async def runners(store: Store) -> dict[str, RunnerStats]:
    return {stats.info.id: stats for stats in (await store.stats(now=NOW)).runners}


async def test_a_registered_runner_is_known_to_siblings(store: Store, other: Store) -> None:
    await store.register(INFO, now=NOW)
    assert await runners(other) == {"r1": RunnerStats(INFO, {}, alive=True)}


async def test_registering_again_replaces_what_was_known(store: Store, other: Store) -> None:
    await store.register(INFO, now=NOW)
    again = RunnerInfo("r1", 4711, "höst", "1.3", NOW, {"mail": 2}, frozenset())
    await store.register(again, now=NOW)
    assert await runners(other) == {"r1": RunnerStats(again, {}, alive=True)}


async def test_a_retired_runner_is_forgotten(store: Store, other: Store) -> None:
    await store.register(INFO, now=NOW)
    await store.retire("r1")
    assert await runners(other) == {}


async def test_a_retired_runner_may_come_back(store: Store, other: Store) -> None:
    await run(store, "a")
    await store.retire("r1")
    await sign_on(store)
    assert list(await other.orphans(10)) == []
    assert (await runners(other))["r1"].alive


async def test_retiring_an_unknown_runner_does_nothing(store: Store) -> None:
    await store.register(INFO, now=NOW)
    await store.retire("nobody")
    assert set(await runners(store)) == {"r1"}


async def test_a_dead_runner_is_shown_as_dead(world: World, store: Store, other: Store) -> None:
    await run(store, "a")
    world.kill(store, "r1")
    assert not (await runners(other))["r1"].alive


async def test_a_runner_of_a_closed_handle_lives(store: Store, other: Store) -> None:
    await store.register(INFO, now=NOW)
    await store.close()
    assert (await runners(other))["r1"].alive
    await store.open()


async def test_two_runners_of_one_handle_live_apart(world: World, store: Store, other: Store) -> None:
    await run(store, "a", "r1")
    await run(store, "b", "r2")
    world.kill(store, "r1")
    assert {id: stats.alive for id, stats in (await runners(other)).items()} == {"r1": False, "r2": True}
    assert [job.id for job in await other.orphans(10)] == ["a"]


async def test_stats_tell_what_each_runner_runs_by_queue(store: Store) -> None:
    await sign_on(store, queues={"default": 5, "mail": 5})
    await put(store, "a", "b")
    await put(store, "c", queue="mail")
    await claim(store, wants={"default": 5, "mail": 5})
    assert dict((await runners(store))["r1"].running) == {"default": 2, "mail": 1}


async def test_prune_forgets_dead_runners_that_nothing_needs(world: World, store: Store, other: Store) -> None:
    await sign_on(store, "idle")
    await run(store, "a", "busy")
    await sign_on(store, "living")
    world.kill(store, "idle")
    world.kill(store, "busy")
    await other.prune({}, limit=10)
    assert set(await runners(other)) >= {"busy", "living"}
    assert "idle" not in await runners(other)
    assert [job.id for job in await other.orphans(10)] == ["a"]


async def test_how_a_runners_process_is_stays_known_until_it_retires(store: Store, other: Store) -> None:
    await store.register(INFO, now=NOW)
    await store.report("r1", Condition(NOW, 0.25, 48_000_000, "3.13.0"))
    await store.report("r1", Condition(NOW + 9, 1.5, None, "3.13.0"))
    await store.report("nobody", Condition(NOW, 0.0, 1, "3.13.0"))
    assert await runners(other) == {"r1": RunnerStats(INFO, {}, alive=True, condition=Condition(NOW + 9, 1.5, None, "3.13.0"))}
    await store.retire("r1")
    assert await runners(other) == {}
    await store.register(INFO, now=NOW)
    assert (await runners(other))["r1"].condition is None
