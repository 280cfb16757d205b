"""What is measured on has what it says."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from asyncjobs import Jobs
from asyncjobs.clock import SystemClock
from asyncjobs.job import Job
from asyncjobs.store.base import JobQuery, Metric
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.bench.bare import Bare
from tests.bench.files import QUEUE, Files, Kind, prefill
from tests.store.recount import counted, recount

COUNT = 250
TOTALS = {
    Kind.QUEUED: {Metric.ENQUEUED},
    Kind.FINISHED: {Metric.ENQUEUED, Metric.STARTED, Metric.SUCCEEDED},
    Kind.SCHEDULED: {Metric.ENQUEUED},
    Kind.HELD: {Metric.ENQUEUED},
}


@pytest.mark.parametrize("kind", Kind)
async def test_the_statistics_of_a_prefilled_file_are_a_recount_of_its_jobs(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    await _prefill(path, kind)
    store = SQLiteStore(path)
    await store.open()
    jobs: list[Job] = []
    after: str | None = None
    while not jobs or after:
        page = await store.page(JobQuery(), limit=100, after=after)
        jobs, after = [*jobs, *page.jobs], page.next
    now = max(job.enqueued_at for job in jobs)
    stats = await store.stats(now=now)
    history = await store.history(since=0, until=now + 60_000)
    await store.close()
    assert len(jobs) == len({job.id for job in jobs}) == COUNT
    assert {UUID(job.id).version for job in jobs} == {7}
    assert max(job.id for job in jobs[:-1]) < SystemClock().new_id(), "new jobs come last in the index of ids"
    assert counted(stats) == recount(jobs, now)
    totals = {metric for metric, total in stats.queues[QUEUE].totals.items() if total}
    assert totals == TOTALS[kind]
    assert all(total in (0, COUNT) for total in stats.queues[QUEUE].totals.values())
    assert sum(bucket.counts.get(Metric.ENQUEUED, 0) for bucket in history) == COUNT


@pytest.mark.parametrize(("kind", "view"), [(Kind.QUEUED, "waiting"), (Kind.SCHEDULED, "scheduled"), (Kind.HELD, "held")])
async def test_a_prefilled_file_shows_its_jobs_as_what_they_are(kind: Kind, view: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    await _prefill(path, kind)
    jobs = Jobs(path, queues={QUEUE: 1})
    async with jobs.running(work=()):
        (queue,) = (await jobs.stats()).queues
    assert {name: getattr(queue, name) for name in ("waiting", "scheduled", "held")} == {
        "waiting": 0, "scheduled": 0, "held": 0, view: COUNT,
    }  # fmt: skip


async def _prefill(path: Path, kind: Kind) -> None:
    """On a thread: it has a loop of its own."""
    await asyncio.to_thread(prefill, path, kind, COUNT)


def test_each_use_has_a_copy_of_its_own_and_the_file_is_made_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    first = files.of(Kind.QUEUED, 10)
    made_at = files.made_at(Kind.QUEUED, 10)
    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        connection.execute("DELETE FROM jobs")
    second = files.of(Kind.QUEUED, 10)
    with closing(sqlite3.connect(second)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (10,)
    assert files.made_at(Kind.QUEUED, 10) == made_at


def test_the_bare_row_becomes_the_row_that_the_library_wrote(tmp_path: Path) -> None:
    files = Files(tmp_path)
    bare = Bare(files.empty(), files.row)
    with closing(bare.connect()) as connection:
        connection.execute(bare.insert, bare.rows(1)[0])
    prefill(tmp_path / "theirs.db", Kind.QUEUED, 1)
    mine, theirs = _only_row(bare.path), _only_row(tmp_path / "theirs.db")
    of_its_own = {"id", "priority", "run_at", "enqueued_at", "scheduled_at"}
    assert {name for name in mine if mine[name] != theirs[name]} <= of_its_own
    assert len(mine["id"]) == len(theirs["id"])


def _only_row(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        (row,) = connection.execute("SELECT * FROM jobs").fetchall()
    return dict(row)
