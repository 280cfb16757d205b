"""Inserts are counted late, and every reader sees them all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from asyncjobs.job import State
from asyncjobs.store.base import HISTORY_STEP, Metric, QueueStats
from asyncjobs.store.sqlite import transaction
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, claim, new, put, sign_on
from tests.store.sqlite import inside

MINUTE = HISTORY_STEP


async def queue(store: SQLiteStore) -> QueueStats:
    return (await store.stats(now=NOW)).queues["default"]


async def enqueued(store: SQLiteStore) -> int:
    """By the history of all minutes."""
    return sum(bucket.counts.get(Metric.ENQUEUED, 0) for bucket in await store.history(since=0, until=NOW + 10 * MINUTE))


async def counted(store: SQLiteStore) -> int:
    """Queued jobs that the counters themselves know of."""
    statement = "SELECT sum(n) FROM counters WHERE queue <> '' AND key = 'queued'"
    return int(await inside.on_thread(store, lambda connection: connection.execute(statement).fetchone()[0] or 0))


async def test_a_commit_that_only_inserts_writes_no_counters(store: SQLiteStore) -> None:
    statements = await inside.traced(store)
    await put(store, "a", "b")
    assert not [statement for statement in statements if statement.lstrip().startswith(("UPDATE", "INSERT INTO counters"))]
    assert await counted(store) == 0
    stats = await queue(store)
    assert (stats.states[State.QUEUED], stats.waiting, stats.totals[Metric.ENQUEUED], await enqueued(store)) == (2, 2, 2, 2)


async def test_the_next_change_of_another_kind_counts_them_once(store: SQLiteStore) -> None:
    await put(store, "a", "b")
    await sign_on(store)
    await claim(store)
    assert await counted(store) == 0  # both run
    stats = await queue(store)
    assert (stats.states[State.QUEUED], stats.states[State.RUNNING], stats.totals[Metric.ENQUEUED]) == (0, 2, 2)
    await put(store, "c")
    stats = await queue(store)
    assert (stats.states[State.QUEUED], stats.totals[Metric.ENQUEUED], await enqueued(store)) == (1, 3, 3)


async def test_many_inserts_are_counted_by_themselves(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "UNCOUNTED", 10)
    for n in range(25):
        await put(store, f"j{n}")
        assert (await queue(store)).states[State.QUEUED] == n + 1
        assert 0 <= n + 1 - await counted(store) <= 10
    assert await counted(store) == 22


async def test_a_handle_that_finds_many_jobs_counts_none_of_them_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "UNCOUNTED", 10)
    for begin in range(0, 60, 20):
        store = SQLiteStore(path)
        await store.open()
        for n in range(begin, begin + 20):
            await put(store, f"j{n}")
            assert (await queue(store)).states[State.QUEUED] == n + 1
        assert await enqueued(store) == begin + 20
        assert await counted(store) >= begin + 10
        await store.close()


async def test_each_handle_counts_what_the_other_has_inserted(path: Path, store: SQLiteStore) -> None:
    other = SQLiteStore(path)
    await other.open()
    await put(store, "a")
    await put(other, "b")
    await sign_on(other)
    await claim(other, wants={"default": 1})
    await put(store, "c")
    for handle in (store, other):
        stats = await queue(handle)
        assert (stats.states[State.QUEUED], stats.states[State.RUNNING], stats.totals[Metric.ENQUEUED]) == (2, 1, 3)
    await other.close()


async def test_they_belong_to_the_minute_in_which_they_came(store: SQLiteStore) -> None:
    first = NOW - NOW % MINUTE
    await store.insert([new("a"), new("b")], now=first)
    await store.insert([new("c")], now=first + MINUTE)

    async def minutes(since: int, until: int) -> list[tuple[int, int]]:
        found = await store.history(since=since, until=until)
        return [(bucket.at - first, bucket.counts[Metric.ENQUEUED]) for bucket in found]

    for _ in range(2):  # before they are counted, and after
        assert await minutes(0, first + 2 * MINUTE) == [(0, 2), (MINUTE, 1)]
        assert await minutes(first + 1, first + 2 * MINUTE) == [(MINUTE, 1)]
        assert await minutes(first, first + MINUTE) == [(0, 2)]
        await store.cancel(["a"], now=first + MINUTE)


async def test_what_is_removed_in_the_commit_that_ended_it_is_counted_before(store: SQLiteStore) -> None:
    await put(store, "a")
    async with inside.Busy(store):
        ending = asyncio.gather(store.cancel(["a"], now=NOW), store.prune({State.CANCELLED: NOW + 1}, limit=10))
        await asyncio.sleep(0)
    assert (await ending)[1] == 1
    stats = await queue(store)
    assert (stats.states[State.QUEUED], stats.states[State.CANCELLED], stats.totals[Metric.ENQUEUED]) == (0, 0, 1)
    assert await enqueued(store) == 1
