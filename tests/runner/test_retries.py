"""Retries shaped: by a function of the error, within a time, and what follows a job's last failure; and jobs that expire."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from asyncjobs import ArgumentError, ConfigurationError, JobCancelled, Jobs, Retry, State
from asyncjobs.errors import StoreUnavailable
from asyncjobs.runner import janitor
from asyncjobs.store.memory import MemoryStore
from tests.fakes import START, FakeClock, settled
from tests.runner.suspects import crash_twice, die_alone, die_twice


class TooMany(Exception):
    def __init__(self, seconds: Any) -> None:
        super().__init__(f"429: {seconds}")
        self.seconds = seconds


async def _nothing() -> None: ...


def retry_after(error: BaseException) -> Any:
    return error.seconds if isinstance(error, TooMany) else None


# --- when --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wait"), [(30, 30.0), (timedelta(minutes=2), 120.0), (0, 0.0), (None, 7.0), (-1, 7.0), ("soon", 7.0), (10**12, 7.0)]
)
async def test_a_function_of_the_error_says_how_long_to_wait(running: Jobs, clock: FakeClock, said: Any, wait: float) -> None:
    @running.task(retry=Retry(3, backoff=7, jitter=0, after=retry_after))
    async def call() -> None:
        raise TooMany(said)

    handle = await call.enqueue()
    began = clock.now()
    await settled()
    job = await handle.job()
    assert (job.run_at - began) / 1000 == wait or (wait == 0 and job.attempt == 3)


async def test_a_function_that_fails_leaves_the_backoff_in_charge(
    running: Jobs, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    @running.task(retry=Retry(2, backoff=7, jitter=0, after=lambda error: error.nothing))  # type: ignore[attr-defined]
    async def call() -> None:
        raise ValueError

    handle = await call.enqueue()
    await settled()
    assert (await handle.job()).run_at == clock.now() + 7_000
    assert "Retry(after=...) failed" in caplog.text


async def test_no_attempt_begins_later_than_within_the_first(running: Jobs, clock: FakeClock) -> None:
    began: list[int] = []

    @running.task(retry=Retry(attempts=20, backoff=[10, 20, 30], jitter=0, within=timedelta(seconds=60)))
    async def call() -> None:
        began.append(clock.now() // 1000)
        raise ValueError

    handle = await call.enqueue()
    await clock.advance(200)
    assert [second - began[0] for second in began] == [0, 10, 30, 60]
    assert (await handle.status()) is State.FAILED
    await running.retry(handle.id)  # its time begins anew
    await clock.advance(200)
    assert [second - began[4] for second in began[4:]] == [0, 10, 30, 60]


async def test_a_time_for_all_attempts_holds_also_where_they_are_more_than_are_kept(running: Jobs, clock: FakeClock) -> None:
    began: list[int] = []

    @running.task(retry=Retry(attempts=1000, backoff=0.5, jitter=0, within=30))
    async def call() -> None:
        began.append(clock.now())
        raise ValueError

    handle = await call.enqueue()
    await clock.advance(100)
    assert await handle.status() is State.FAILED
    assert began[-1] - began[0] == 30_000


@pytest.mark.parametrize("given", [{"within": 0}, {"within": True}, {"within": "1"}, {"within": 10**10}, {"after": 5}])
def test_a_retry_that_can_not_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="Retry"):
        Retry(**given)


# --- what follows ------------------------------------------------------------------------------------------------------


async def test_the_last_failure_enqueues_what_on_dead_says(jobs: Jobs, clock: FakeClock) -> None:
    told: list[tuple[str, str, str, str, int]] = []

    @jobs.task(queue="slow")
    async def tell(job_id: str, task: str, queue: str, error: str, attempts: int, to: str = "ops") -> None:
        told.append((job_id, task, queue, error, attempts))

    @jobs.task(name="boom", retry=Retry(2, backoff=5, jitter=0), on_dead=tell)
    async def boom() -> None:
        raise ValueError("no more")

    async with jobs.running():
        await clock.advance(0.1)
        handle = await boom.enqueue()
        await clock.advance(4)
        assert told == []
        await clock.advance(1)  # no beat has passed since the last failure: its end wakes the other queue
        assert told == [(handle.id, "boom", "default", "ValueError: no more", 2)]


async def test_a_job_that_killed_its_process_is_followed_too(jobs: Jobs, clock: FakeClock) -> None:
    told: list[str] = []

    @jobs.task
    async def tell(error: str) -> None:
        told.append(error)

    @jobs.task(name="work", on_dead=tell)
    async def work() -> None: ...

    store = MemoryStore()
    jobs._store = store
    await crash_twice(jobs, clock, store, work)
    await die_alone(clock, store, work)
    async with jobs.running():
        await clock.advance(1)
        assert [text.partition(":")[0] for text in told] == ["KilledItsProcess"]


async def test_a_process_that_does_not_know_the_task_leaves_it_to_one_that_does(
    jobs: Jobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "ORPHAN_BATCH", 1)  # so that a look may find none but those that are left
    told: list[str] = []

    @jobs.task
    async def tell(error: str) -> None:
        told.append(error)

    @jobs.task(name="work", on_dead=tell)
    async def work() -> None: ...

    store, stranger = MemoryStore(), Jobs("memory:", clock=clock)
    jobs._store, stranger._store = store, MemoryStore(store._data)
    handle = await crash_twice(jobs, clock, store, work)
    async with stranger.running(work=()):
        await die_alone(clock, store, work)
        await clock.advance(20)
        assert (await stranger.get(handle.id)).state is State.RUNNING  # type: ignore[union-attr]
        async with jobs.running():
            await clock.advance(1)
            assert [error.split(":")[0] for error in told] == ["KilledItsProcess"]
        await clock.advance(60)
        await stranger.retry(handle.id)  # what comes of that is another end, to be left to others anew
        await die_twice(clock, store, work, handle.id)
        await die_alone(clock, store, work)
        await clock.advance(20)
        assert (await stranger.get(handle.id)).state is State.RUNNING  # type: ignore[union-attr]


async def test_what_nobody_comes_for_is_settled_without_what_would_follow(
    jobs: Jobs, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    work = jobs.task(name="work")(_nothing)
    store, stranger = MemoryStore(), Jobs("memory:", clock=clock)
    jobs._store, stranger._store = store, MemoryStore(store._data)
    handle = await crash_twice(jobs, clock, store, work)
    async with stranger.running(work=()):
        await die_alone(clock, store, work)
        await clock.advance(61)
        assert (await stranger.get(handle.id)).state is State.FAILED  # type: ignore[union-attr]
        assert "if it has an on_dead=" in caplog.text


async def test_one_that_is_given_up_on_while_the_store_is_away_waits_no_other_minute(
    jobs: Jobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = jobs.task(name="work")(_nothing)
    store, stranger = MemoryStore(), Jobs("memory:", clock=clock)
    jobs._store, stranger._store = store, MemoryStore(store._data)
    handle = await crash_twice(jobs, clock, store, work)
    real, failed = stranger._store.finish, []

    async def finish(finishes: Any, *, now: int) -> Any:
        if not failed:
            failed.append(now)
            raise StoreUnavailable("away for a moment")
        return await real(finishes, now=now)

    async with stranger.running(work=()):
        await die_alone(clock, store, work)
        monkeypatch.setattr(stranger._store, "finish", finish)
        await clock.advance(70)
        assert failed
        assert (await stranger.get(handle.id)).state is State.FAILED  # type: ignore[union-attr]


def test_what_can_not_follow_is_refused(jobs: Jobs) -> None:
    @jobs.task
    async def wants(customer: int) -> None: ...

    @jobs.task
    async def other(error: int) -> None: ...

    async def plain() -> None: ...

    elsewhere = Jobs("memory:").task(plain)
    for on_dead in (wants, other, plain, "wants", elsewhere):
        with pytest.raises(ConfigurationError, match="on_dead="):
            jobs.task(on_dead=on_dead, name=f"t{on_dead}")(plain)  # type: ignore[arg-type]


# --- expiry ------------------------------------------------------------------------------------------------------------


async def test_a_job_that_has_not_begun_by_its_time_is_cancelled_with_the_reason(running: Jobs, clock: FakeClock) -> None:
    ran: list[int] = []

    @running.task(queue="one")
    async def work(n: int) -> None:
        ran.append(n)

    await running.pause("one")
    soon = await work.options(expires=5).enqueue(1)
    late = await work.options(expires=timedelta(minutes=5)).enqueue(2)
    moment = datetime.fromtimestamp(START / 1000, UTC) + timedelta(seconds=9)
    dated = await work.options(expires=moment).enqueue(3)
    await clock.advance(10)
    await running.resume("one")
    await clock.advance(2)
    assert ran == [2]
    for handle in (soon, dated):
        with pytest.raises(JobCancelled, match="expired"):
            await handle.result()
    assert await late.status() is State.SUCCEEDED


async def test_a_failure_whose_retry_would_come_too_late_is_the_last(running: Jobs, clock: FakeClock) -> None:
    told: list[str] = []

    @running.task
    async def tell(error: str) -> None:
        told.append(error)

    @running.task(retry=Retry(5, backoff=10, jitter=0), on_dead=tell)
    async def work() -> None:
        raise ValueError("as ever")

    handle = await work.options(expires=15).enqueue()
    await clock.advance(30)
    job = await handle.job()
    assert (job.state, [record.outcome for record in job.attempts]) == (State.FAILED, ["failed", "failed"])
    assert told == ["ValueError: as ever"]
    assert await running.retry(handle.id) == {handle.id: True}  # without its expiry
    await clock.advance(60)
    assert len((await handle.job()).attempts) == 7


async def test_who_waits_for_a_job_that_expires_is_told_in_time(running: Jobs, clock: FakeClock) -> None:
    @running.task(queue="one")
    async def work() -> None: ...

    await running.pause("one")
    waiting = asyncio.ensure_future((await work.options(expires=5).enqueue()).result())
    await clock.advance(5.2)  # a beat, and no look of who waits
    assert waiting.done()
    with pytest.raises(JobCancelled, match="no attempt was to begin any more"):
        await waiting


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"expires": -1}, "expires=-1"), ({"expires": "5"}, "expires='5'"), ({"expires": datetime(2030, 1, 1)}, "has no time zone"),
        ({"expires": 5, "delay": 6}, "lies before the job is due: give a later one, or a shorter delay="),
        ({"expires": 5, "at": datetime(2030, 1, 1, tzinfo=UTC)}, "lies before the job is due: give a later one, or an earlier at="),
        ({"expires": datetime(2000, 1, 1, tzinfo=UTC)}, "is over already"), ({"expires": 0}, "is over already"),
        ({"expires": datetime(2030, 1, 1)}, r"e\.g\. expires\.replace"), ({"at": datetime(2030, 1, 1)}, r"e\.g\. at\.replace"),
    ],
)  # fmt: skip
async def test_an_expiry_that_can_not_be_is_refused(running: Jobs, options: dict[str, Any], sentence: str) -> None:
    @running.task
    async def work() -> None: ...

    with pytest.raises(ArgumentError, match=sentence):
        await work.options(**options).enqueue()
    assert (await running.list()).jobs == []
