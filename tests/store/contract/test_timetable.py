"""timetable: schedules that fire once for each time, whoever does it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from asyncjobs.job import Policy
from asyncjobs.pause import Pause
from asyncjobs.schedule import Fire, Schedule
from asyncjobs.store.base import Metric, Store
from tests.store.acts import MINUTE, NOW, everything, fires_at, ids, new, one, queue_stats, scheduled, sign_on, take
from tests.store.worlds import World


def fire(schedule: Schedule, *jobs: str, at: int | None = NOW, next_at: int | None = NOW + MINUTE, **fields: object) -> Fire:
    return Fire(schedule.name, schedule.version, at, next_at, [new(id, **fields) for id in jobs])


# --- declaring ---------------------------------------------------------------------------------------------------------


async def test_a_declared_schedule_is_seen_by_every_handle(store: Store, other: Store) -> None:
    schedule = fires_at(
        "nightly", catch_up="all", jitter=2.5, declared="as it is", paused=Pause(NOW, "ada\0", "\ud800"),
        job={
            "args": "[1]", "meta": '{"a":1}', "priority": 3, "unique_key": "k", "survives": "crash", "key": "of\0 7", "expires_at": 30_000,
            "policy": Policy(max_attempts=3, backoff=(1.0, 2.0), retry_queue="mail", timeout=9.0, keep_result=False),
        },
    )  # fmt: skip
    await store.timetable.declare([schedule, fires_at("a")], now=NOW)
    assert [replace(found, version=0) for found in await other.timetable.all()] == [fires_at("a"), schedule]


async def test_a_schedule_survives_its_handle(world: World, store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    await store.close()
    late = world.handle()
    await late.open()
    assert await late.timetable.fire([fire(await scheduled(late, "a"), "j")], now=NOW) == [True]
    await late.close()
    await store.open()
    assert (await one(store, "j")).enqueued_at == NOW


async def test_what_is_declared_as_before_stays_as_it_was_changed(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    edited = replace(await scheduled(store, "a"), when="every 5000", next_at=NOW + 5_000)
    assert await store.timetable.put(edited, now=NOW)
    before = await scheduled(store, "a")
    await store.timetable.declare([fires_at("a", NOW + MINUTE)], now=NOW)
    assert await scheduled(store, "a") == before


async def test_what_is_declared_anew_becomes_so_but_keeps_its_pause_and_its_past(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    await store.timetable.fire([fire(await scheduled(store, "a"), "j")], now=NOW)
    pause = Pause(NOW, "ada", "a holiday")
    await store.timetable.put(replace(await scheduled(store, "a"), paused=pause), now=NOW)
    fresh = fires_at("a", NOW + 5_000, when="every 5000", catch_up="skip", jitter=1.0, declared="otherwise", job={"meta": "{}"})
    await store.timetable.declare([fresh], now=NOW)
    found = await scheduled(store, "a")
    assert replace(found, version=0) == replace(fresh, paused=pause, fired=1, last_at=NOW, last_job="j")


async def test_what_is_declared_anew_misses_no_time_where_its_times_are_the_same(store: Store) -> None:
    await store.timetable.declare([fires_at("a", NOW)], now=NOW)
    await store.timetable.declare([fires_at("a", NOW + 10 * MINUTE, declared="otherwise", jitter=3.0)], now=NOW)
    found = await scheduled(store, "a")
    assert (found.next_at, found.jitter) == (NOW, 3.0)


# --- putting and removing ----------------------------------------------------------------------------------------------


async def test_put_takes_the_place_of_the_version_that_it_names_alone(store: Store, other: Store) -> None:
    added = fires_at("a", declared=None)
    assert await store.timetable.put(added, now=NOW)
    assert not await store.timetable.put(added, now=NOW)
    read = await scheduled(store, "a")
    assert await other.timetable.put(replace(read, jitter=1.0), now=NOW)
    assert not await store.timetable.put(replace(read, jitter=2.0), now=NOW)
    assert (await scheduled(store, "a")).jitter == 1.0
    assert not await store.timetable.put(fires_at("never was", version=3), now=NOW)


async def test_a_removed_schedule_is_gone_and_its_jobs_stay(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    await store.timetable.fire([fire(await scheduled(store, "a"), "j")], now=NOW)
    assert await store.timetable.remove("a")
    assert not await store.timetable.remove("a")
    assert await store.timetable.all() == []
    assert ids(await everything(store)) == ["j"]


async def test_no_version_comes_twice(store: Store) -> None:
    versions = []
    for _ in range(3):
        await store.timetable.declare([fires_at("a"), fires_at("b")], now=NOW)
        versions += [(await scheduled(store, name)).version for name in ("a", "b")]
        await store.timetable.fire([fire(await scheduled(store, "a"))], now=NOW)
        versions.append((await scheduled(store, "a")).version)
        await store.timetable.remove("a")
        await store.timetable.remove("b")
    assert len(set(versions)) == len(versions)


async def test_beat_tells_of_every_change(store: Store, other: Store) -> None:
    await sign_on(store)
    before = (await store.beat("r1", now=NOW)).schedules
    await other.timetable.declare([fires_at("a")], now=NOW)
    declared = (await store.beat("r1", now=NOW)).schedules
    assert declared > before
    await other.timetable.declare([fires_at("a")], now=NOW)
    assert (await store.beat("r1", now=NOW)).schedules == declared
    await other.timetable.fire([fire(await scheduled(other, "a"), "j")], now=NOW)
    fired = (await store.beat("r1", now=NOW)).schedules
    await other.timetable.remove("a")
    assert (await store.beat("r1", now=NOW)).schedules > fired > declared


# --- firing ------------------------------------------------------------------------------------------------------------


async def test_a_fire_inserts_its_jobs_and_moves_on_in_one_change(store: Store, other: Store) -> None:
    await sign_on(other)
    await store.timetable.declare([fires_at("a")], now=NOW)
    assert await store.timetable.fire([fire(await scheduled(store, "a"), "j1", "j2", at=NOW - 1)], now=NOW) == [True]
    after = await scheduled(other, "a")
    assert (after.next_at, after.fired, after.last_at, after.last_job) == (NOW + MINUTE, 2, NOW - 1, "j2")
    assert ids(await take(other)) == ["j1", "j2"]
    assert (await queue_stats(store)).totals[Metric.ENQUEUED] == 2


async def test_of_processes_that_fire_for_the_same_time_one_does(store: Store, other: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    known = await scheduled(store, "a")
    fired = await asyncio.gather(
        *(handle.timetable.fire([fire(known, f"j{n}")], now=NOW) for n in range(5) for handle in (store, other))
    )
    assert sorted(fired) == [[False]] * 9 + [[True]]
    assert len(await everything(store)) == 1


@pytest.mark.parametrize("change", ["paused", "edited", "removed", "declared anew"])
async def test_a_fire_of_what_was_changed_meanwhile_is_void(store: Store, other: Store, change: str) -> None:
    await store.timetable.declare([fires_at("a"), fires_at("b")], now=NOW)
    known, beside = await scheduled(store, "a"), await scheduled(store, "b")
    match change:
        case "paused":
            await other.timetable.put(replace(known, paused=Pause(NOW)), now=NOW)
            known = await scheduled(store, "a")
        case "edited":
            await other.timetable.put(replace(known, jitter=1.0), now=NOW)
        case "removed":
            await other.timetable.remove("a")
            await other.timetable.declare([fires_at("a")], now=NOW)
        case "declared anew":
            await other.timetable.declare([fires_at("a", declared="otherwise")], now=NOW)
    assert await store.timetable.fire([fire(known, "j"), fire(beside, "k")], now=NOW) == [False, True]
    assert ids(await everything(store)) == ["k"]
    assert await store.timetable.fire([Fire("nobody", 1, NOW, None, [new("l")])], now=NOW) == [False]
    assert (await scheduled(store, "a")).fired == 0


async def test_a_fire_that_meets_a_unique_key_moves_on_and_names_the_holder(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    await store.timetable.fire([fire(await scheduled(store, "a"), "j1", unique_key="k")], now=NOW)
    again = await scheduled(store, "a")
    assert await store.timetable.fire([fire(again, "j2", at=NOW + MINUTE, next_at=None, unique_key="k")], now=NOW) == [True]
    after = await scheduled(store, "a")
    assert (after.next_at, after.last_at, after.last_job) == (None, NOW + MINUTE, "j1")
    assert len(await everything(store)) == 1


async def test_a_fire_respects_keys_that_are_taken_for_a_time(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    for n, expected in ((1, "j1"), (2, "j1")):
        assert await store.timetable.fire(
            [fire(await scheduled(store, "a"), f"j{n}", unique_key="k", unique_for=9)], now=NOW
        ) == [True]
        assert (await scheduled(store, "a")).last_job == expected
    assert ids(await everything(store)) == ["j1"]


async def test_times_that_are_skipped_leave_no_trace_but_the_next(store: Store) -> None:
    await store.timetable.declare([fires_at("a")], now=NOW)
    assert await store.timetable.fire([fire(await scheduled(store, "a"), at=None)], now=NOW) == [True]
    after = await scheduled(store, "a")
    assert (after.next_at, after.fired, after.last_at, after.last_job) == (NOW + MINUTE, 0, None, None)


async def test_what_a_fire_inserts_wakes_other_processes(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await store.beat("r1", now=NOW)
    await store.timetable.declare([fires_at("a")], now=NOW)
    async with other.watch() as changes:
        await store.timetable.fire([fire(await scheduled(store, "a"), "j")], now=NOW)
        async with asyncio.timeout(5):
            async for queues in changes:
                if not queues or "default" in queues:
                    break
