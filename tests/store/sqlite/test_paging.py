"""A page of jobs is looked for for a while, and holds so much."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count

import pytest

from asyncjobs.job import State
from asyncjobs.store.base import JobQuery, Page
from asyncjobs.store.sqlite import paging
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, end, failure, ids, new, pages, put, run

RARE = JobQuery(task="rare")


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "FIRST_STRETCH", 2)
    monkeypatch.setattr(paging, "LONGEST_STRETCH", 4)


async def look(store: SQLiteStore, query: JobQuery, times: Iterator[float], *, limit: int = 9, after: str | None = None) -> Page:
    """A page, by a clock that shows these times."""
    return await store._reader.read(lambda cursor: paging.page(cursor, query, limit, after, lambda: next(times)))


async def test_it_ends_with_what_it_has_when_its_time_is_over_and_goes_on_there(store: SQLiteStore) -> None:
    await put(store, "first", name="rare")
    await store.insert([new(f"j{n}") for n in range(20)], now=NOW)
    await put(store, "last", name="rare")
    page = await look(store, RARE, count(0.0, paging.LOOK_FOR / 1.5))  # two stretches, both of 2, as the first took long
    assert (ids(page.jobs), page.next) == (["last"], "19")
    page = await look(store, RARE, chain([0.0, paging.QUICK], count(paging.LOOK_FOR + 0.1)))  # of 2, and of 4 after the quick one
    assert (ids(page.jobs), page.next) == (["last"], "17")
    empty = await look(store, RARE, count(0.0, 1.0), after=page.next)
    assert (list(empty.jobs), empty.next) == ([], "15")
    page = await look(store, RARE, count(0.0, 0.001), after=empty.next)
    assert (ids(page.jobs), page.next) == (["first"], None)


async def test_stretches_leave_out_nothing_and_show_nothing_twice(store: SQLiteStore) -> None:
    await store.insert([new(f"j{n}", name=("rare", "work")[n % 3 > 0]) for n in range(60)], now=NOW)
    await store.cancel([f"j{n}" for n in range(10, 30)], now=NOW)
    await store.discard([f"j{n}" for n in range(10, 30)])
    wanted = [f"j{n}" for n in reversed(range(60)) if n % 3 == 0 and not 10 <= n < 30]
    for limit in (1, 2, 3, 5, 100):
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await look(store, RARE, count(0.0, 0.1), limit=limit, after=after)
            assert len(page.jobs) <= limit
            seen += ids(page.jobs)
            if page.next is None:
                break
            after = page.next
        assert seen == wanted


async def test_a_page_of_large_jobs_is_short(store: SQLiteStore) -> None:
    await store.insert([new(f"j{n}", args=f'"{"x" * 300_000}"') for n in range(12)], now=NOW)
    shown = [ids(jobs) for jobs in await pages(store, JobQuery(), limit=50)]
    assert [len(jobs) for jobs in shown] == [4, 4, 4]
    assert [id for jobs in shown for id in jobs] == [f"j{n}" for n in reversed(range(12))]


async def test_jobs_of_a_rare_state_are_found_at_once_however_many_lie_above(store: SQLiteStore) -> None:
    await end(store, failure(await run(store, "failed")))
    await store.insert([new(f"j{n}") for n in range(50)], now=NOW)
    page = await look(store, JobQuery(State.FAILED), count(0.0, 1.0))
    assert (ids(page.jobs), page.next) == (["failed"], None)
