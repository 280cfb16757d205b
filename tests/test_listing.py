"""Whoever is shown some jobs alone is told nothing of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from asyncjobs import Jobs
from asyncjobs.job import Job
from asyncjobs.listing import LARGE, LOOK_FOR, listed
from asyncjobs.selection import query_of
from asyncjobs.store.base import Page
from tests.fakes import FakeClock

EVERY = query_of(None, None, None, None, None, None, None)


def number(job: Job) -> int:
    return int(json.loads(job.args)["kwargs"]["n"])


async def pages(
    meant: set[int], count: int, *, limit: int, store_of: Any = lambda store: store, monotonic: Any = None
) -> list[Page]:
    """All that there are, one after another, of so many jobs with the numbers from 0."""
    clock = FakeClock()
    jobs = Jobs("memory:", queues={"default": 1}, clock=clock)

    @jobs.task(name="t")
    async def t(n: int, filling: str = "") -> None: ...

    found: list[Page] = []
    async with jobs.running(work=()):
        await jobs.enqueue_many([t.options(delay=60).call(n=n) for n in range(count)])
        store, after = store_of(jobs._store), None
        while not found or after is not None:
            page = await listed(
                store, EVERY, lambda job: number(job) in meant, limit=limit, after=after, monotonic=monotonic or clock.monotonic
            )
            found.append(page)
            after = page.next
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    "meant", [set(), {0}, {299}, {0, 299}, {7, 8, 9}, set(range(0, 300, 7)), set(range(100)), set(range(300))]
)
async def test_pages_are_full_and_neither_skip_nor_repeat(meant: set[int], limit: int) -> None:
    found = await pages(meant, 300, limit=limit)
    assert [number(job) for page in found for job in page.jobs] == sorted(meant, reverse=True)
    assert all(len(page.jobs) == limit for page in found[:-1])


@pytest.mark.parametrize("others", [0, 1, 60, 600])
async def test_whether_there_is_a_next_and_where_is_not_told_by_those_that_are_not_meant(others: int) -> None:
    """The shown ones are the newest; behind and before them lie others, of which none has an influence."""
    shown = set(range(others, others + 50))
    (page,) = await pages(shown, others + 50, limit=50)
    assert (len(page.jobs), page.next) == (50, None)
    (page,) = await pages(set(), others, limit=50) if others else [Page([], None)]
    assert (page.jobs, page.next) == ([], None)
    spread = set(range(0, 4 * others + 1, 4))
    first, *_ = await pages(spread, 4 * others + 1, limit=2)
    assert len(first.jobs) == min(2, len(spread))
    if first.next is not None:
        assert int(first.next) == number(first.jobs[-1]) + 1, "behind the last that is shown: positions count from 1"


async def test_after_a_while_it_goes_on_another_time() -> None:
    times = iter(range(10_000))
    found = await pages({0}, 2_000, limit=5, monotonic=lambda: next(times) * LOOK_FOR)
    assert len(found) > 2, "each look takes as long as one may"
    assert [number(job) for page in found for job in page.jobs] == [0]


async def test_large_ones_are_few_on_a_page() -> None:
    class Large:
        """Of this store each job is as large as one may be."""

        def __init__(self, store: Any) -> None:
            self._store = store

        async def page(self, query: Any, *, limit: int, after: str | None) -> Page:
            page = await self._store.page(query, limit=min(limit, 2), after=after)
            return Page([job_with(job, LARGE // 3) for job in page.jobs], page.next)

    found = await pages(set(range(10)), 10, limit=10, store_of=Large)
    assert [len(page.jobs) for page in found] == [4, 4, 2]


def job_with(job: Job, size: int) -> Job:
    return replace(job, result='"' + "a" * size + '"')
