"""prune: what is removed, and what never is."""

from __future__ import annotations

import asyncio

from asyncjobs.job import State
from asyncjobs.store.base import HISTORY_STEP, HOUR, HOURS_KEPT, MINUTES_KEPT, Cancellation, Inserted, Metric, Store
from tests.store.acts import NOW, end, everything, failure, ids, new, put, queue_stats, retry, run, sign_on, success, take

ALL_STATES = {State.SUCCEEDED: NOW + 10**9, State.FAILED: NOW + 10**9, State.CANCELLED: NOW + 10**9}


async def test_prune_never_touches_live_jobs(store: Store) -> None:
    await run(store, "running")
    await end(store, retry(await run(store, "retrying"), run_at=NOW + 9))
    await put(store, "queued")
    assert await store.prune(ALL_STATES | {State.QUEUED: NOW + 10**9, State.RUNNING: NOW + 10**9}, limit=100) == 0
    assert len(await everything(store)) == 3


async def test_prune_removes_what_ended_before_its_states_time(store: Store) -> None:
    for n, id in enumerate(("s1", "s2", "s3")):
        await end(store, success(await run(store, id)), now=NOW + n)
    await end(store, failure(await run(store, "f1")), now=NOW)
    await put(store, "c1")
    await store.cancel(["c1"], now=NOW)
    assert await store.prune({State.SUCCEEDED: NOW + 2, State.FAILED: NOW}, limit=100) == 2
    assert ids(await everything(store)) == ["c1", "f1", "s3"]


async def test_what_is_removed_as_soon_as_it_is_there_leaves_the_counters_right(store: Store) -> None:
    for remove in (lambda: store.discard(["a"]), lambda: store.prune(ALL_STATES, limit=9)):
        _, cancelled, _ = await asyncio.gather(put(store, "a"), store.cancel(["a"], now=NOW), remove())
        assert cancelled == [Cancellation.CANCELLED]
        assert await everything(store) == []
        stats = await store.stats(now=NOW)
        assert not any(count for queue in stats.queues.values() for count in queue.states.values())


async def test_prune_stops_at_its_limit(store: Store) -> None:
    for n in range(5):
        await end(store, success(await run(store, f"j{n}")))
    assert await store.prune(ALL_STATES, limit=2) == 2
    assert await store.prune(ALL_STATES, limit=2) == 2
    assert await store.prune(ALL_STATES, limit=2) == 1
    assert await everything(store) == []


async def test_prune_counts_its_limit_over_all_states(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    await end(store, failure(await run(store, "b")))
    await put(store, "c")
    await store.cancel(["c"], now=NOW)
    assert await store.prune(ALL_STATES, limit=2) == 2
    assert len(await everything(store)) == 1


async def test_prune_takes_the_oldest_end_of_a_state_first(store: Store) -> None:
    await end(store, success(await run(store, "late")), now=NOW + 5)
    await end(store, success(await run(store, "early")), now=NOW + 1)
    assert await store.prune(ALL_STATES, limit=1) == 1
    assert ids(await everything(store)) == ["late"]


async def test_prune_with_nothing_to_do_returns_zero(store: Store) -> None:
    assert await store.prune(ALL_STATES, limit=10) == 0
    assert await store.prune({}, limit=10) == 0


async def test_a_pruned_id_may_come_again(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    await store.prune(ALL_STATES, limit=10)
    assert list(await store.get(["a"])) == [None]
    assert list(await store.insert([new("a")], now=NOW)) == [Inserted("a", True)]
    assert ids(await take(store)) == ["a"]


async def test_totals_outlive_the_jobs_they_count(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    await store.prune(ALL_STATES, limit=10)
    stats = await queue_stats(store)
    assert stats.states[State.SUCCEEDED] == 0
    assert stats.totals["succeeded"] == 1  # type: ignore[index]  # a StrEnum is its text


async def history(store: Store) -> list[tuple[int, str, int]]:
    """(hours ago that it begins, task, enqueued) of all there is."""
    found = await store.history(since=0, until=NOW + HOUR)
    return [(NOW // HOUR - one.at // HOUR, one.task, one.counts[Metric.ENQUEUED]) for one in found]


async def test_prune_adds_up_old_minutes_to_hours_bit_by_bit_and_forgets_old_hours(store: Store) -> None:
    old, kept = HOURS_KEPT // HOUR, MINUTES_KEPT // HOUR
    for hours_ago in (old + 1, old - 1, kept + 1, kept - 1, 0):
        begin = NOW - NOW % HOUR - hours_ago * HOUR
        for minute, task in ((0, "work"), (1, "work"), (1, "sweep")):
            await put(store, f"{hours_ago}/{minute}/{task}", now=begin + minute * HISTORY_STEP, name=task)
    in_minutes = {hours: [(hours, "sweep", 1), (hours, "work", 1), (hours, "work", 1)] for hours in (kept - 1, 0)}
    for _ in range(5):
        assert await store.prune({}, limit=10) == 0
    found = await history(store)
    in_hours = [entry for hours in (old - 1, kept + 1) for entry in ((hours, "sweep", 1), (hours, "work", 2))]
    assert sorted(found) == sorted([*in_hours, *in_minutes[kept - 1], *in_minutes[0]])
    assert len(await everything(store)) == 15


async def test_the_newest_hour_of_history_stays_in_minutes_however_old_it_is(store: Store) -> None:
    begin = NOW - NOW % HOUR - 2 * MINUTES_KEPT
    for minute in (0, 1):
        await put(store, f"a{minute}", now=begin + minute * HISTORY_STEP)
    await store.cancel(["a0"], now=NOW)  # tells the time, and counts in an hour of its own
    await put(store, "b", now=begin + HISTORY_STEP)
    for _ in range(3):
        await store.prune({}, limit=10)
    found = await store.history(since=0, until=NOW + 1)
    assert [(one.at - begin, dict(one.counts)) for one in found] == [
        (0, {Metric.ENQUEUED: 3}), (NOW - NOW % HISTORY_STEP - begin, {Metric.CANCELLED: 1}),
    ]  # fmt: skip


async def test_prune_leaves_living_runners(store: Store) -> None:
    await sign_on(store)
    await store.prune({}, limit=10)
    assert [runner.info.id for runner in (await store.stats(now=NOW)).runners] == ["r1"]
