"""A loop that is ended over our heads, as a second Ctrl+C does: jobs, loops and store still end in their order, in time."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

from asyncjobs import JobContext, Jobs

TIMEOUT = 1.0


def _tear_down(jobs: Jobs, *calls: object) -> float:
    """Run the loop until the jobs run, and end it then, the lifespan still open; how many seconds the end took."""
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

    @jobs.task(name="deaf")
    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    assert _tear_down(jobs, deaf.call()) < TIMEOUT + 1
    assert _row(tmp_path / "jobs.db", "deaf") == (1, 1, -1), "it runs still, and was no crash"


def test_interrupted_jobs_are_given_back_in_order(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)

    @jobs.task(name="long")
    async def long() -> None:
        await asyncio.sleep(3600)

    _tear_down(jobs, long.call())
    assert _row(tmp_path / "jobs.db", "long") == (0, 0, 0)


def test_a_thread_that_runs_on_is_not_given_back(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", shutdown_timeout=TIMEOUT)
    over = threading.Event()

    @jobs.task(name="thread")
    def thread(ctx: JobContext) -> None:
        over.wait(60)

    _tear_down(jobs, thread.call())
    assert _row(tmp_path / "jobs.db", "thread")[0] == 1, "its row stays running while the function does"
    over.set()
