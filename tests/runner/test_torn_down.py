"""A loop that is ended over our heads, as a second Ctrl+C does: jobs, loops and store still end in their order, in time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from asyncjobs import JobContext, Jobs, Retry

TIMEOUT = 1.0


def _tear_down(jobs: Jobs, *calls: object, orderly: bool = False) -> float:
    """Run the loop until the jobs run, and end it then, the lifespan still open (or ended first); how many seconds the end took."""
    began = 0.0

    async def main() -> None:
        nonlocal began
        lifespan = jobs.running()
        await lifespan.__aenter__()
        await jobs.enqueue_many(calls)  # type: ignore[arg-type]
        while jobs.slots["default"].busy < len(calls):
            await asyncio.sleep(0.01)
        kept.append(lifespan)
        began = time.monotonic()
        if orderly:
            await lifespan.__aexit__(None, None, None)

    kept: list[object] = []
    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the end of the loop waits for a job for ever"
    return time.monotonic() - began


def _row(path: Path, name: str) -> tuple[object, ...]:
    connection = sqlite3.connect(path)
    try:
        row: tuple[object, ...] = connection.execute(
            "SELECT state, attempt, crashes FROM jobs WHERE name = ?", (name,)
        ).fetchone()
        return row
    finally:
        connection.close()


def test_a_job_that_ignores_its_cancellation_does_not_keep_the_loop(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)

    deaf = jobs.task(name="deaf")(_deaf)
    assert _tear_down(jobs, deaf.call()) < TIMEOUT + 1
    assert _row(tmp_path / "jobs.db", "deaf") == (1, 1, -1), "it runs still, and was no crash"


def test_interrupted_jobs_are_given_back_in_order(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)

    @jobs.task(name="long")
    async def long() -> None:
        await asyncio.sleep(3600)

    _tear_down(jobs, long.call())
    assert _row(tmp_path / "jobs.db", "long") == (0, 0, 0)


async def _deaf() -> None:
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


async def _in_a_group() -> None:
    async with asyncio.TaskGroup() as group:  # swallows that its child is cancelled
        group.create_task(asyncio.sleep(3600))


async def _in_a_gather() -> None:
    await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(3600))


async def _with_a_bound() -> None:
    await asyncio.wait_for(asyncio.sleep(3600), 7200)


async def _resigned() -> None:
    child = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.wait({child})  # and takes its end for success


@pytest.mark.parametrize("shape", [_in_a_group, _in_a_gather, _with_a_bound, _resigned])
def test_what_its_own_tasks_make_of_the_end_is_no_verdict_on_a_job(
    tmp_path: Path, shape: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    """The end of the loop cancels tasks that jobs have started, before anybody could ask the jobs themselves."""
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)
    job = jobs.task(name="job", retry=Retry(attempts=1))(shape)
    _tear_down(jobs, job.call())
    assert _row(tmp_path / "jobs.db", "job") == (0, 0, 0)


def test_a_task_of_a_job_that_ignores_its_cancellation_does_not_keep_the_loop(tmp_path: Path) -> None:
    """After an orderly shutdown. A loop that is ended over our heads has asked for its list before we are told."""
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)

    @jobs.task(name="parent")
    async def parent() -> None:
        await asyncio.gather(asyncio.create_task(_deaf()))

    _tear_down(jobs, parent.call(), orderly=True)
    assert _row(tmp_path / "jobs.db", "parent") == (1, 1, -1), "it runs still, and was no crash"


def test_a_thread_that_runs_on_is_not_given_back(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)
    over = threading.Event()

    @jobs.task(name="thread")
    def thread(ctx: JobContext) -> None:
        over.wait(60)

    _tear_down(jobs, thread.call())
    assert _row(tmp_path / "jobs.db", "thread")[0] == 1, "its row stays running while the function does"
    over.set()
