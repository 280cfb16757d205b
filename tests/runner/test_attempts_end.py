"""How attempts end, and what becomes of their jobs: on the memory store, with time in hand."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest

from asyncjobs import Cancel, JobContext, JobFailed, Jobs, ResultNotKept, Retry, RetryAfter, Snooze, State, current_job
from asyncjobs.clock import sleep
from asyncjobs.job import Job
from tests.fakes import FakeClock, settled

Body = Callable[[], Coroutine[Any, Any, Any]]


async def run_once(jobs: Jobs, clock: FakeClock, function: Callable[..., Any], *args: Any, **policy: Any) -> Job:
    """Enqueue one job of this function in a fresh start, let it come to rest, and look at it."""
    task = jobs.task(name="the task", **policy)(function)
    async with jobs.running():
        handle = await jobs.enqueue(task, *args)
        await clock.advance(0.2)
        return await handle.job()


async def test_a_job_that_returns_has_succeeded_with_its_result(jobs: Jobs, clock: FakeClock) -> None:
    async def double(n: int) -> int:
        return 2 * n

    job = await run_once(jobs, clock, double, 21)
    assert (job.state, job.result, job.attempt) == (State.SUCCEEDED, "42", 1)
    assert [record.outcome for record in job.attempts] == ["succeeded"]


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("no"),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        TimeoutError("inner"),
        BaseException("bare"),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_whatever_a_job_raises_is_its_own_failure_and_is_tried_again(
    jobs: Jobs, clock: FakeClock, raised: BaseException
) -> None:
    async def fail() -> None:
        raise raised

    job = await run_once(jobs, clock, fail)
    assert job.state is State.QUEUED
    assert (job.attempt, job.error is not None and job.error.type) == (
        1,
        type(raised).__name__ if type(raised).__module__ == "builtins" else "asyncio.exceptions.CancelledError",
    )
    assert job.run_at - job.attempts[-1].ended_at == 16_000  # 1⁴ + 15 s, in the middle of the jitter


@pytest.mark.parametrize("raised", [SystemExit(3), KeyboardInterrupt(), StopIteration(7)], ids=lambda e: type(e).__name__)
async def test_whatever_a_def_job_raises_is_its_own_failure(raised: BaseException) -> None:
    def fail() -> None:
        raise raised

    real = Jobs("memory:")
    task = real.task(name="fail", retry=Retry(attempts=1))(fail)
    async with real.running():
        handle = await real.enqueue(task)
        with pytest.raises(JobFailed):
            await handle.result(timeout=10)


async def test_retries_wait_longer_each_time_and_end_in_failed(jobs: Jobs, clock: FakeClock) -> None:
    starts: list[int] = []

    @jobs.task(retry=Retry(attempts=3, backoff=[10, 100], jitter=0))
    async def fail() -> None:
        starts.append(clock.now())
        raise OSError("down")

    async with jobs.running():
        handle = await jobs.enqueue(fail)
        await clock.advance(200)
        job = await handle.job()
    assert [b - a for a, b in itertools.pairwise(starts)] == [10_000, 100_000]
    assert (job.state, job.attempt, len(job.attempts)) == (State.FAILED, 3, 3)
    assert job.error is not None
    assert (job.error.type, job.error.message) == ("OSError", "down")
    assert 'raise OSError("down")' in job.error.traceback


async def test_never_and_on_decide_by_the_exception(jobs: Jobs, clock: FakeClock) -> None:
    async def missing() -> None:
        raise KeyError("k")

    assert (await run_once(jobs, clock, missing, retry=Retry(never=(LookupError,)))).state is State.FAILED
    other = Jobs("memory:", clock=clock)
    assert (await run_once(other, clock, missing, retry=Retry(on=(OSError,)))).state is State.FAILED
    third = Jobs("memory:", clock=clock)
    assert (await run_once(third, clock, missing, retry=Retry(on=(OSError, KeyError)))).state is State.QUEUED


async def test_retries_move_to_the_secondary_queue(jobs: Jobs, clock: FakeClock) -> None:
    async def fail() -> None:
        raise OSError

    job = await run_once(jobs, clock, fail, retry=Retry(queue="slow", backoff=60))
    assert (job.queue, job.state) == ("slow", State.QUEUED)


async def test_a_snooze_gives_the_attempt_back(jobs: Jobs, clock: FakeClock) -> None:
    async def later() -> None:
        raise Snooze(timedelta(minutes=2))

    job = await run_once(jobs, clock, later)
    assert (job.state, job.attempt, job.run_at - job.attempts[-1].ended_at) == (State.QUEUED, 0, 120_000)


async def test_cancel_ends_a_job_without_failure(jobs: Jobs, clock: FakeClock) -> None:
    async def moot() -> None:
        raise Cancel("no longer wanted")

    job = await run_once(jobs, clock, moot)
    assert (job.state, job.error is not None and job.error.message) == (State.CANCELLED, "no longer wanted")


async def test_retry_after_sets_the_time_and_counts_the_attempt(jobs: Jobs, clock: FakeClock) -> None:
    async def busy() -> None:
        raise RetryAfter(30)

    job = await run_once(jobs, clock, busy)
    assert (job.state, job.attempt, job.run_at - job.attempts[-1].ended_at) == (State.QUEUED, 1, 30_000)


async def test_a_timeout_is_told_apart_from_a_timeout_error_inside(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task(timeout=30)
    async def slow() -> None:
        await asyncio.Event().wait()

    async with jobs.running():
        handle = await jobs.enqueue(slow)
        await clock.advance(29)
        assert await handle.status() is State.RUNNING
        await clock.advance(2)
        job = await handle.job()
    assert job.state is State.QUEUED
    assert (job.attempts[-1].outcome, job.error is not None and job.error.type) == ("timed_out", "JobTimeout")
    assert job.error is not None
    assert "30 s" in job.error.message


async def test_a_result_that_cannot_be_carried_never_fails_the_job(jobs: Jobs, clock: FakeClock) -> None:
    async def odd():  # type: ignore[no-untyped-def]
        return object()

    job = await run_once(jobs, clock, odd)
    assert (job.state, job.result, job.error is not None and job.error.type) == (State.SUCCEEDED, None, "ResultNotKept")


async def test_a_result_above_the_limit_is_dropped_with_a_note(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task
    async def large() -> str:
        return "x" * 70_000

    async with jobs.running():
        handle = await jobs.enqueue(large)
        await clock.advance(0.2)
        with pytest.raises(ResultNotKept, match="70,002 bytes"):
            await handle.result()


async def test_stored_arguments_that_no_longer_fit_fail_before_the_first_line(jobs: Jobs, clock: FakeClock) -> None:
    reached = []

    @jobs.task(name="mail.send")
    async def send(user_id: int) -> None: ...

    async with jobs.running(work=()):
        handle = await jobs.enqueue(send, 7)

    later = Jobs("memory:", queues={"default": 10}, clock=clock)
    later._store = jobs._store  # the same data, as a new version of the app finds it

    @later.task(name="mail.send", retry=Retry(attempts=1))
    async def send_now(user_id: int, template: str) -> None:
        reached.append(user_id)

    async with later.running():
        await clock.advance(0.2)
        job = await later.get(handle.id)
    assert job is not None
    assert job.error is not None
    assert (job.state, job.error.type.rpartition(".")[2], reached) == (State.QUEUED, "ArgumentError", [])
    assert "template" in job.error.message


async def test_cancelling_a_queued_job_keeps_it_from_running(jobs: Jobs, clock: FakeClock) -> None:
    ran = []

    @jobs.task
    async def note() -> None:
        ran.append(1)

    async with jobs.running():
        handle = await note.options(delay=60).enqueue()
        assert await handle.cancel()
        await clock.advance(100)
        assert await handle.status() is State.CANCELLED
        assert not await handle.cancel()
    assert ran == []


async def test_cancelling_a_running_job_ends_it_as_cancelled(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task
    async def wait() -> None:
        await asyncio.Event().wait()

    async with jobs.running():
        handle = await jobs.enqueue(wait)
        await clock.advance(0.2)
        assert await handle.cancel()
        await clock.advance(0.1)
        assert await handle.status() is State.CANCELLED


async def test_a_job_that_swallows_its_cancellation_and_returns_has_succeeded(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task(timeout=1)
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "finished anyway"
        return "never"

    async with jobs.running():
        handle = await jobs.enqueue(stubborn)
        await clock.advance(2)
        assert await handle.result() == "finished anyway"


async def test_a_job_that_ignores_cancellation_keeps_its_slot_and_a_replacement_opens(jobs: Jobs, clock: FakeClock) -> None:
    release = asyncio.Event()
    others = []

    @jobs.task(queue="one", timeout=1)
    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    @jobs.task(queue="one")
    async def other() -> None:
        others.append(1)

    async with jobs.running():
        handle = await jobs.enqueue(stubborn)
        await clock.advance(0.2)
        await jobs.enqueue(other)
        await clock.advance(3)
        assert others == []
        assert await handle.status() is State.RUNNING
        await clock.advance(10)
        assert others == [1]
        assert await handle.status() is State.RUNNING
        assert jobs.slots["one"].stuck == 1
        release.set()
        await clock.advance(0.1)
        assert jobs.slots["one"].busy == 0
        assert jobs.slots["one"].stuck == 0


async def test_the_context_tells_a_job_about_itself(jobs: Jobs, clock: FakeClock) -> None:
    seen: list[Any] = []

    @jobs.task(name="look", retry=Retry(attempts=7))
    async def look(ctx: JobContext, n: int) -> None:
        assert current_job() is ctx
        seen.append((ctx.id, ctx.name, ctx.queue, ctx.attempt, ctx.max_attempts, dict(ctx.meta), ctx.cancelled, n))
        ctx.progress(1, 2, "half\x00way \ud800")

    async with jobs.running():
        handle = await look.options(id="chosen", meta={"request": "r-1"}).enqueue(5)
        await clock.advance(2)
        job = await handle.job()
    assert seen == [("chosen", "look", "default", 1, 7, {"request": "r-1"}, False, 5)]
    assert current_job() is None
    assert job.state is State.SUCCEEDED
    assert job.progress is not None, "the last word is stored with the end"
    assert (job.progress.done, job.progress.note) == (1, "half\x00way \ud800")


async def test_progress_of_a_running_job_is_stored(jobs: Jobs, clock: FakeClock) -> None:
    release = asyncio.Event()

    @jobs.task
    async def work(ctx: JobContext) -> None:
        ctx.progress(3, 10, "three")
        await release.wait()

    async with jobs.running():
        handle = await jobs.enqueue(work)
        await clock.advance(2.5)
        job = await handle.job()
        release.set()
        await settled()
    assert job.progress is not None
    assert (job.progress.done, job.progress.total, job.progress.note) == (3, 10, "three")


async def test_a_def_job_runs_in_a_thread_and_sees_its_cancellation(tmp_path: Any) -> None:
    jobs = Jobs("memory:")
    began = threading.Event()
    threads = []

    @jobs.task
    def work(ctx: JobContext) -> str:
        threads.append(threading.current_thread())
        began.set()
        while not ctx.cancelled:
            pass
        raise RuntimeError("stopped")

    async with jobs.running():
        handle = await jobs.enqueue(work)
        await asyncio.to_thread(began.wait, 10)
        await handle.cancel()
        with pytest.raises(Exception, match="cancelled"):
            await handle.result(timeout=10)
    assert threads[0] is not threading.main_thread()
    assert threads[0].daemon


async def test_a_job_does_not_inherit_the_callers_context(jobs: Jobs, clock: FakeClock) -> None:
    request: ContextVar[str] = ContextVar("request", default="none")
    seen = []

    @jobs.task
    async def look() -> None:
        seen.append(request.get())

    async with jobs.running():
        request.set("r-1")
        await jobs.enqueue(look)
        await clock.advance(0.2)
    assert seen == ["none"]


async def test_a_cancelled_job_is_cancelled_once_and_may_clean_up(jobs: Jobs, clock: FakeClock) -> None:
    cleaned = []

    @jobs.task
    async def careful() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await sleep(clock, 3)
            cleaned.append(1)

    async with jobs.running():
        handle = await jobs.enqueue(careful)
        await clock.advance(0.2)
        await handle.cancel()
        await clock.advance(5)
        assert await handle.status() is State.CANCELLED
    assert cleaned == [1]


class Unspeakable(Exception):
    """Every way to look at it raises."""

    def __init__(self, raises: type[BaseException]) -> None:
        self.raises = raises

    def __str__(self) -> str:
        raise self.raises


@pytest.mark.parametrize("raises", [ValueError, SystemExit, asyncio.CancelledError, KeyboardInterrupt])
async def test_an_exception_that_cannot_be_put_into_words_is_a_failure(
    jobs: Jobs, clock: FakeClock, raises: type[BaseException]
) -> None:
    async def fail() -> None:
        raise Unspeakable(raises)

    job = await run_once(jobs, clock, fail)
    assert (job.state, job.attempt, job.error is not None and job.error.type) == (State.QUEUED, 1, "UnspeakableError")


async def test_a_result_whose_encoding_ends_the_process_is_a_failure(jobs: Jobs, clock: FakeClock) -> None:
    class Trap(dict[str, int]):
        def items(self) -> Any:
            raise SystemExit

        __iter__ = items  # type: ignore[assignment]

    async def odd() -> Any:
        return Trap(a=1)

    job = await run_once(jobs, clock, odd)
    assert job.attempt == 1
    assert job.state in (State.QUEUED, State.SUCCEEDED)


async def test_a_job_that_cancels_its_own_task_has_succeeded_when_it_returns(jobs: Jobs, clock: FakeClock) -> None:
    async def odd() -> int:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return 5

    job = await run_once(jobs, clock, odd)
    assert (job.state, job.result, job.attempt) == (State.SUCCEEDED, "5", 1)


async def test_an_end_that_policy_cannot_digest_is_that_jobs_failure_alone(jobs: Jobs, clock: FakeClock) -> None:
    class Odd(Snooze):
        def __init__(self) -> None:
            super().__init__(1)
            self.seconds = "soon"  # type: ignore[assignment]

    @jobs.task
    async def bad() -> None:
        raise Odd

    @jobs.task
    async def good() -> int:
        return 1

    async with jobs.running():
        failing, fine = await jobs.enqueue_many([bad.call(), good.call()])
        await clock.advance(0.2)
        assert await fine.status() is State.SUCCEEDED
        assert (await failing.job()).attempts[-1].outcome == "failed"


async def test_cancel_takes_any_reason(jobs: Jobs, clock: FakeClock) -> None:
    async def odd() -> None:
        raise Cancel(ValueError("not wanted"))

    job = await run_once(jobs, clock, odd)
    assert (job.state, job.error is not None and job.error.message) == (State.CANCELLED, "not wanted")


async def test_whatever_a_job_says_of_itself_is_cut_to_a_bound(jobs: Jobs, clock: FakeClock) -> None:
    million = "x" * 1_000_000

    async def long_winded(ctx: JobContext) -> None:
        ctx.progress(1, note=million)
        raise Cancel(million)

    long_winded.__annotations__["ctx"] = JobContext
    job = await run_once(jobs, clock, long_winded)
    assert job.error is not None
    assert job.progress is not None
    assert len(job.error.message) < 5_000
    assert len(job.progress.note) < 1_025


async def test_the_name_of_an_exception_is_cut_to_a_bound(jobs: Jobs, clock: FakeClock) -> None:
    async def long_named() -> None:
        raise type("x" * 1_000_000, (ValueError,), {})

    job = await run_once(jobs, clock, long_named)
    assert job.error is not None
    assert len(job.error.type) < 300


async def test_progress_that_is_no_number_is_refused_in_the_job(jobs: Jobs, clock: FakeClock) -> None:
    async def odd(ctx: JobContext) -> None:
        ctx.progress("half")  # type: ignore[arg-type]

    odd.__annotations__["ctx"] = JobContext
    job = await run_once(jobs, clock, odd)
    assert job.error is not None
    assert "done='half'" in job.error.message


async def test_nothing_with_an_id_or_key_waits_for_the_write(tmp_path: Any) -> None:
    jobs = Jobs(tmp_path / "jobs.db")

    @jobs.task(survives="nothing")
    async def work() -> None: ...

    async with jobs.running(work=()):
        first = await work.options(unique="k").enqueue()
        second = await work.options(unique="k").enqueue()
    assert (first.created, second.created, second.id) == (True, False, first.id)
