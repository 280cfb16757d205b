"""What a verb costs doesn't depend on how many jobs there are."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from asyncjobs.job import Hold, Policy, State
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import COUNT_LIMIT, Claim, JobQuery
from asyncjobs.store.sqlite import rows
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, WORK, end, failure, new, sign_on, take

MANY = 100_000
ROUNDS = 15

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO jobs (id, name, queue, state, priority, run_at, enqueued_at, scheduled_at, finished_at, survives, policy, args, meta)
SELECT :name || i, 'work', 'default', :state, i % 4, :at + i, :at, :at, iif(:state >= 2, :at + i, NULL), 'crash', :policy, '{}', '{}'
FROM n
"""


def fill(path: Path, many: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    for name, state, at in (("due", 0, NOW - many), ("later", 0, NOW + 3_600_000), ("ended", 2, NOW - many)):
        values = {"many": many, "name": name, "state": state, "at": at, "policy": rows.policy_text(Policy())}
        connection.execute(FILL, values)
    counters = [("default", State.QUEUED, 2 * many), ("default", State.SUCCEEDED, many)]
    connection.executemany("INSERT INTO counters VALUES (?, ?, ?)", counters)
    connection.execute("UPDATE counters SET n = (SELECT max(seq) FROM jobs) WHERE key = 'counted'")
    connection.execute("COMMIT")
    connection.close()


async def insert(store: SQLiteStore, turn: int) -> None:
    await store.insert([new(f"i{turn}", survives="crash", queue="other")], now=NOW)


async def claim(store: SQLiteStore, turn: int) -> None:
    assert len(await take(store, n=10)) == 10


async def stats(store: SQLiteStore, turn: int) -> None:
    await store.stats(now=NOW)


async def prepare(store: SQLiteStore, turn: int) -> None:
    """Something to claim also where there is nothing else, and first in line."""
    await store.insert([new(f"c{turn}-{n}", survives="crash", priority=0) for n in range(10)], now=NOW)


async def timed(act: Callable[[SQLiteStore, int], Awaitable[None]], store: SQLiteStore, turn: int) -> float:
    begin = time.perf_counter()
    await act(store, turn)
    return time.perf_counter() - begin


async def ratio(
    act: Callable[[SQLiteStore, int], Awaitable[None]],
    shallow: SQLiteStore,
    deep: SQLiteStore,
    first: Callable[..., Awaitable[None]],
) -> float:
    """How much more it takes at depth: the medians of alternating turns."""
    times: dict[SQLiteStore, list[float]] = {shallow: [], deep: []}
    for turn in range(ROUNDS):
        for store in (shallow, deep):
            await first(store, turn)
            times[store].append(await timed(act, store, turn))
    one, two = statistics.median(times[shallow]), statistics.median(times[deep])
    print(f"{act.__name__}: {one * 1e6:.0f} µs, at depth {two * 1e6:.0f} µs, ×{two / one:.2f}")
    return two / one


async def nothing(store: SQLiteStore, turn: int) -> None:
    pass


@pytest.fixture
async def deep(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    (tmp_path / "deep").mkdir()
    store = SQLiteStore(tmp_path / "deep" / "jobs.db")
    await store.open()
    fill(tmp_path / "deep" / "jobs.db", MANY)
    yield store
    await store.close()


async def test_inserts_and_claims_cost_the_same_above_three_hundred_thousand_jobs(store: SQLiteStore, deep: SQLiteStore) -> None:
    await sign_on(store)
    await sign_on(deep)
    assert await ratio(insert, store, deep, nothing) < 4
    assert await ratio(claim, store, deep, prepare) < 4


async def test_a_page_of_a_rare_state_costs_the_same_among_two_hundred_thousand_others(
    store: SQLiteStore, deep: SQLiteStore
) -> None:
    for each in (store, deep):
        await sign_on(each)
        await each.insert([new(f"rare{n}", priority=0) for n in range(10)], now=NOW)
        await end(each, *[failure(job) for job in await take(each)])

    async def page(store: SQLiteStore, turn: int) -> None:
        assert len((await store.page(JobQuery(State.FAILED), limit=50)).jobs) == 10

    assert await ratio(page, store, deep, nothing) < 4


FILL_HELD = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
INSERT INTO jobs (id, name, queue, hold, priority, run_at, enqueued_at, scheduled_at, survives, policy, args, meta, key)
SELECT 'f' || i, :name, 'default', :hold, 1, :at + i % 1000, :at, :at, 'crash', :policy, '{}', '{}',
    CASE :key WHEN 'each' THEN 'd' || (i % 10000) ELSE :key END
FROM n
"""
AHEAD = {
    "of one key at its limit": {"name": "work", "hold": Hold.KEY, "at": NOW - 10_000, "key": "full"},
    "of an unknown task": {"name": "gone", "hold": Hold.UNROUTABLE, "at": NOW - 10_000, "key": None},
    "of a paused task": {"name": "paused", "hold": Hold.PAUSED, "at": NOW - 10_000, "key": None},
    "of many keys, later": {"name": "work", "hold": Hold.NONE, "at": NOW + 10_000, "key": "each"},
}
LIMITS = {"default": Limits(1_000_000, Rate(0.001, 1_000_000))}


async def claim_keyed(store: SQLiteStore, turn: int) -> None:
    claimed = await store.claim(Claim("r1", {"default": 10}, WORK, LIMITS), now=NOW)
    assert len(claimed.jobs) == 10


async def prepare_keyed(store: SQLiteStore, turn: int) -> None:
    await store.insert([new(f"k{turn}-{n}", survives="crash", key=f"k{turn}-{n}") for n in range(10)], now=NOW)


async def test_a_claim_with_all_limits_costs_less_than_twice_a_plain_one(store: SQLiteStore) -> None:
    """At once over all processes, a rate, and a key of its own for each job; turn by turn with one that has none of it."""
    await sign_on(store)
    plain, limited = [], []
    for turn in range(2 * ROUNDS):
        await prepare(store, turn)
        plain.append(await timed(claim, store, turn))
        await prepare_keyed(store, turn)
        limited.append(await timed(claim_keyed, store, turn))
    assert statistics.median(limited) < 2 * statistics.median(plain)


@pytest.mark.parametrize("ahead", AHEAD)
async def test_a_claim_with_all_limits_costs_the_same_with_a_hundred_thousand_jobs_ahead(
    tmp_path: Path, store: SQLiteStore, ahead: str
) -> None:
    (tmp_path / "held").mkdir()
    deep = SQLiteStore(tmp_path / "held" / "jobs.db")
    await deep.open()
    await sign_on(store)
    await sign_on(deep)
    await deep.insert([new("holder", key="full")], now=NOW)
    await take(deep)
    connection = sqlite3.connect(deep.path, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute(FILL_HELD, {"many": MANY, "policy": rows.policy_text(Policy()), **AHEAD[ahead]})
    connection.execute("UPDATE counters SET n = (SELECT max(seq) FROM jobs) WHERE key = 'counted'")
    connection.execute("COMMIT")
    connection.close()
    assert await ratio(claim_keyed, store, deep, prepare_keyed) < 4
    await deep.close()


async def test_stats_cost_the_same_however_far_beyond_what_is_counted(path: Path, store: SQLiteStore, deep: SQLiteStore) -> None:
    """Queued jobs are split into waiting and scheduled as far as COUNT_LIMIT: what is beyond it costs nothing."""
    fill(path, COUNT_LIMIT + 1)
    assert await ratio(stats, store, deep, nothing) < 4
