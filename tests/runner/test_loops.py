"""The runner's loops: what they do when the store fails, when something is lost, when a queue is paused."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from asyncjobs import JobContext, Jobs, State
from asyncjobs.clock import sleep
from asyncjobs.errors import StoreMismatch, StoreUnavailable
from asyncjobs.job import Progress
from asyncjobs.outcome import Finish
from asyncjobs.runner.dispatcher import STARTS_AT_ONCE, Dispatcher
from asyncjobs.runner.runner import Runner
from asyncjobs.runner.slots import Slots
from asyncjobs.store.base import Claim, Claimed, RunnerInfo, Verdict
from asyncjobs.store.memory import MemoryStore
from tests.fakes import START, FakeClock, settled
from tests.runner.suspects import crash_twice


class FailingStore(MemoryStore):
    """A memory store whose verbs fail as long as they are named in `failing`."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.lose_next_claim = False
        self.answer_claims = asyncio.Event()  # cleared: what a claim has taken is told later
        self.answer_claims.set()

    def _check(self, verb: str) -> None:
        if verb in self.failing:
            raise StoreUnavailable(f"{verb} fails")

    async def open(self) -> None:
        self._check("open")
        await super().open()

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        self._check("finish")
        return await super().finish(finishes, now=now)

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        self._check("claim")
        claimed = await super().claim(claim, now=now)
        if self.lose_next_claim and claimed.jobs:
            self.lose_next_claim = False
            raise StoreUnavailable("the answer was lost")
        await self.answer_claims.wait()
        return claimed

    async def note(self, notes: Mapping[str, tuple[int, Progress]]) -> None:
        self._check("note")
        await super().note(notes)


@pytest.fixture
def store(jobs: Jobs) -> FailingStore:
    store = FailingStore()
    jobs._store = store
    return store


async def test_outcomes_wait_in_memory_while_the_store_fails_and_land_when_it_is_back(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    ran = []

    @jobs.task
    async def work() -> str:
        ran.append(1)
        return "done"

    async with jobs.running():
        handle = await jobs.enqueue(work)
        store.failing.add("finish")
        await clock.advance(30)
        assert await handle.status() is State.RUNNING
        assert "finish fails" in jobs.problems["outcomes"]
        store.failing.clear()
        await clock.advance(6)
        assert await handle.result() == "done"
        assert jobs.problems == {}
    assert ran == [1]


async def test_a_failing_claim_degrades_health_and_recovers(jobs: Jobs, clock: FakeClock, store: FailingStore) -> None:
    @jobs.task
    async def work() -> int:
        return 1

    store.failing.add("claim")
    async with jobs.running():
        handle = await jobs.enqueue(work)
        await clock.advance(10)
        assert "claim fails" in jobs.problems["dispatcher"]
        store.failing.clear()
        await clock.advance(10)
        assert await handle.result() == 1
        await clock.advance(10)
        assert jobs.problems == {}


async def test_a_store_that_is_away_at_the_start_starts_degraded_and_recovers(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    @jobs.task
    async def work() -> int:
        return 1

    store.failing.add("open")
    async with jobs.running():
        assert "open fails" in jobs.problems["store"]
        with pytest.raises(StoreUnavailable, match="open fails"):
            await jobs.enqueue(work)
        await clock.advance(20)
        store.failing.clear()
        await clock.advance(20)
        assert jobs.problems == {}
        handle = await jobs.enqueue(work)
        await clock.advance(1)
        assert await handle.result() == 1


async def test_a_store_that_hangs_as_it_opens_does_not_keep_the_app_from_starting(
    jobs: Jobs, clock: FakeClock, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncjobs.runner.runner.SILENCE", 0.01)
    answer, opening = asyncio.Event(), store.open

    async def hanging() -> None:
        await answer.wait()
        await opening()

    store.open = hanging  # type: ignore[method-assign]

    @jobs.task
    async def work() -> int:
        return 1

    async with jobs.running():
        assert "has not let the runner in" in jobs.problems["store"]
        with pytest.raises(StoreUnavailable, match="has not let the runner in"):
            await jobs.enqueue(work)
        answer.set()
        await clock.advance(20)
        assert jobs.problems == {}
        handle = await jobs.enqueue(work)
        await clock.advance(1)
        assert await handle.result() == 1


async def test_a_start_that_never_got_the_store_open_ends_in_order(
    jobs: Jobs, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncjobs.runner.runner.SILENCE", 0.01)
    ended = []

    async def hanging() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    store.open = hanging  # type: ignore[method-assign]
    async with jobs.running():
        pass
    assert ended == [True]


async def test_a_store_found_to_be_anothers_after_a_degraded_start_is_said_and_may_be_mended(
    jobs: Jobs, clock: FakeClock, store: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.failing.add("open")
    opening = store.open

    async def refuse() -> None:
        raise StoreMismatch("this is another program's file")

    async with jobs.running():
        store.open = refuse  # type: ignore[method-assign]
        await clock.advance(10)
        assert jobs.problems["start"] == "this is another program's file"
        assert "crashed" not in caplog.text
        store.open = opening  # type: ignore[method-assign]
        store.failing.clear()
        await clock.advance(20)
        assert jobs.problems == {}


async def test_a_claim_whose_answer_was_lost_is_given_back_by_the_pulse(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    ran = []

    @jobs.task
    async def work() -> None:
        ran.append(1)

    async with jobs.running():
        await clock.advance(0.2)
        store.lose_next_claim = True
        handle = await jobs.enqueue(work)
        await clock.advance(0.05)
        assert (await handle.job()).state is State.RUNNING
        await clock.advance(5)
        job = await handle.job()
    assert (job.state, job.attempt, ran) == (State.SUCCEEDED, 1, [1])
    assert [record.outcome for record in job.attempts] == ["released", "succeeded"]


def _broken_once(store: FailingStore) -> Callable[[int], Awaitable[Any]]:
    """Its orphans(), the first call of which meets a bug."""
    original, failures = store.orphans, iter([True])

    async def broken(limit: int) -> Any:
        if next(failures, False):
            raise ZeroDivisionError("a bug")
        return await original(limit)

    return broken


async def test_a_crashed_loop_is_started_again_and_named(
    jobs: Jobs, clock: FakeClock, store: FailingStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jobs.running():
        await clock.advance(0.1)
        monkeypatch.setattr(store, "orphans", _broken_once(store))
        await clock.advance(0.6)
        assert "a bug" in jobs.problems["janitor"]
        assert "the janitor loop crashed" in caplog.text


async def test_a_log_handler_that_raises_ends_no_loop(
    jobs: Jobs, clock: FakeClock, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(record: logging.LogRecord) -> bool:
        raise RuntimeError("a bug of the app's")

    async with jobs.running():
        await clock.advance(0.1)
        monkeypatch.setattr(store, "orphans", _broken_once(store))
        runner_log = logging.getLogger("asyncjobs.runner")
        runner_log.addFilter(raises)
        try:
            await clock.advance(0.6)
            assert "a bug" in jobs.problems["janitor"]
        finally:
            runner_log.removeFilter(raises)
        await clock.advance(5)
        assert jobs.problems == {}


async def test_the_jobs_of_a_dead_runner_are_put_back_before_start_returns(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    @jobs.task
    async def work() -> int:
        return 1

    async with jobs.running(work=()):
        handle = await jobs.enqueue(work)
        await store.register(RunnerInfo("dead", 1, "h", "0", START), now=clock.now())
        await store.claim(Claim("dead", {"default": 1}, frozenset([work.name])), now=clock.now())
        store._data.alive.discard("dead")
    async with jobs.running(work=()):
        job = await handle.job()
        assert (job.state, job.attempt, job.crashes) == (State.QUEUED, 0, 1)
        assert job.run_at - clock.now() == 1_000


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(jobs: Jobs, clock: FakeClock) -> None:
    ran = []

    @jobs.task(queue="slow")
    async def work() -> None:
        ran.append(1)

    async with jobs.running():
        await clock.advance(0.2)
        await jobs.pause("slow")
        await settled()
        await jobs.enqueue(work)
        await clock.advance(10)
        assert ran == []
        assert (await jobs.stats()).queues[-1].paused
        await jobs.resume("slow")
        await clock.advance(0.1)
        assert ran == [1]


async def test_a_paused_queue_is_asked_for_no_jobs_until_it_is_resumed_by_anybody(
    jobs: Jobs, clock: FakeClock, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = store.claim

    async def claim(claim: Claim, *, now: int) -> Claimed:
        asked.extend(claim.wants)
        return await real(claim, now=now)

    work = jobs.task(queue="slow")(_nothing)
    monkeypatch.setattr(store, "claim", claim)
    async with jobs.running():
        await store.set_paused("slow", True, now=clock.now())  # as another process does
        await clock.advance(1.1)
        asked.clear()
        handle = await work.enqueue()
        await clock.advance(3)
        assert "slow" not in asked
        await store.set_paused("slow", False, now=clock.now())
        await clock.advance(1.1)
        assert await handle.status() is State.SUCCEEDED


async def test_progress_that_could_not_be_written_is_written_by_a_later_beat(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    @jobs.task
    async def work(ctx: JobContext, n: int) -> None:
        ctx.progress(n)
        await sleep(clock, 2.5 * n)
        ctx.progress(10 * n)
        await asyncio.Event().wait()

    async with jobs.running():
        store.failing.add("note")
        first, second = await work.enqueue(1), await work.enqueue(9)
        await clock.advance(2)
        assert (await first.job()).progress is None
        await clock.advance(1)
        store.failing.clear()
        await clock.advance(2)
        assert [job.progress and job.progress.done for job in (await first.job(), await second.job())] == [10, 9]


async def test_limits_hold_and_one_full_queue_does_not_stop_another(jobs: Jobs, clock: FakeClock) -> None:
    release = asyncio.Event()
    most: dict[str, int] = {"one": 0, "slow": 0}
    now_running: dict[str, int] = {"one": 0, "slow": 0}

    def body(queue: str) -> Any:
        async def wait() -> None:
            now_running[queue] += 1
            most[queue] = max(most[queue], now_running[queue])
            await release.wait()
            now_running[queue] -= 1

        return wait

    one, slow = (jobs.task(name=queue, queue=queue)(body(queue)) for queue in ("one", "slow"))
    async with jobs.running():
        for _ in range(5):
            await one.enqueue()
        await clock.advance(1)
        for _ in range(5):
            await slow.enqueue()
        await clock.advance(1)
        assert (now_running["one"], now_running["slow"]) == (1, 2)
        release.set()
        await clock.advance(1)
    assert most == {"one": 1, "slow": 2}


async def test_a_job_nobody_knows_is_held_and_runs_once_somebody_does(
    jobs: Jobs, clock: FakeClock, store: FailingStore, caplog: pytest.LogCaptureFixture
) -> None:
    old = jobs.task(name="old.name")(_nothing)
    async with jobs.running(work=()):
        handle = await jobs.enqueue(old)

    without = Jobs("memory:", queues={"default": 1}, clock=clock)
    without._store = store
    async with without.running():
        await clock.advance(5)
        job = await without.get(handle.id)
        assert job is not None
        assert (job.view(clock.now()), job.attempt) == ("held", 0)
        assert caplog.text.count("jobs of task 'old.name' are held: no living process that works their queue knows it") == 1
        assert (await without.stats()).queues[0].held == 1

    renamed = Jobs("memory:", queues={"default": 1}, clock=clock)
    renamed._store = store
    renamed.task(name="new.name", aliases=["old.name"])(_nothing)
    async with renamed.running():
        await clock.advance(5)
        job = await renamed.get(handle.id)
    assert job is not None
    assert (job.state, job.attempt) == (State.SUCCEEDED, 1)


async def _nothing() -> None: ...


async def test_a_suspect_runs_alone_and_the_others_wait_for_it(jobs: Jobs, clock: FakeClock, store: FailingStore) -> None:
    beside: list[int] = []
    release = asyncio.Event()

    @jobs.task
    async def suspect() -> None:
        beside.append(jobs.slots["default"].busy)
        await release.wait()
        beside.append(jobs.slots["default"].busy)

    @jobs.task
    async def other() -> None: ...

    handle = await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(11)
        assert beside == [1]
        waiting = [await jobs.enqueue(other) for _ in range(3)]
        await clock.advance(5)
        assert [await one.status() for one in waiting] == [State.QUEUED] * 3
        release.set()
        await clock.advance(2)
        assert [await one.status() for one in waiting] == [State.SUCCEEDED] * 3
        job = await handle.job()
    assert beside == [1, 1]
    assert (job.state, job.crashes) == (State.SUCCEEDED, 0)


async def test_a_busy_runner_stops_claiming_for_a_suspect_a_minute_at_most(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    release = asyncio.Event()

    @jobs.task
    async def suspect() -> None: ...

    @jobs.task
    async def endless() -> None:
        await release.wait()

    @jobs.task
    async def other() -> None: ...

    await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(1)
        await jobs.enqueue(endless)
        await clock.advance(15)
        handle = await jobs.enqueue(other)
        await clock.advance(30)
        assert await handle.status() is State.QUEUED
        await clock.advance(45)
        assert await handle.status() is State.SUCCEEDED
        release.set()
        await clock.advance(1)


async def test_a_job_that_blocks_the_loop_is_named() -> None:
    jobs = Jobs("memory:")
    named = threading.Event()
    said: list[str] = []

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "blocked" in record.getMessage():
                said.append(record.getMessage())
                named.set()

    @jobs.task(name="the.culprit")
    async def block() -> bool:
        return named.wait(20)

    listener = Listen()
    logging.getLogger("asyncjobs.runner").addHandler(listener)
    try:
        async with jobs.running():
            handle = await jobs.enqueue(block)
            assert await handle.result(timeout=30)
    finally:
        logging.getLogger("asyncjobs.runner").removeHandler(listener)
    assert f"job the.culprit {handle.id}" in said[0]
    assert "named.wait(20)" in said[0]


async def test_stopping_releases_what_runs_and_keeps_its_attempt(jobs: Jobs, clock: FakeClock, store: FailingStore) -> None:
    jobs._shutdown_timeout = 0.2

    @jobs.task
    async def wait() -> None:
        await asyncio.Event().wait()

    async with jobs.running():
        handle = await jobs.enqueue(wait)
        await clock.advance(0.2)
        assert await handle.status() is State.RUNNING
    await store.open()
    (job,) = await store.get([handle.id])
    assert job is not None
    assert (job.state, job.attempt, job.attempts[-1].outcome) == (State.QUEUED, 0, "released")


async def test_a_claim_that_is_answered_late_in_a_shutdown_is_given_back(
    jobs: Jobs, clock: FakeClock, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs._shutdown_timeout = 1.0
    cancel_attempts = Runner._cancel_attempts

    async def past_the_time_for_claims(self: Runner, until: float) -> None:
        await cancel_attempts(self, until)
        asyncio.get_running_loop().call_later(0.05, store.answer_claims.set)

    monkeypatch.setattr(Runner, "_cancel_attempts", past_the_time_for_claims)

    @jobs.task
    async def work() -> None:
        raise AssertionError("the runner is stopping")

    async with jobs.running():
        await clock.advance(0.2)
        store.answer_claims.clear()
        handle = await jobs.enqueue(work)
        await clock.advance(0.2)
        assert await handle.status() is State.RUNNING
    await store.open()
    (job,) = await store.get([handle.id])
    assert job is not None
    assert (job.state, job.attempt, [record.outcome for record in job.attempts]) == (State.QUEUED, 0, ["released"])


async def test_many_jobs_that_begin_at_once_let_the_loop_go_on(clock: FakeClock) -> None:
    jobs = Jobs("memory:", queues={"default": 100}, clock=clock)
    turns, begun = 0, []

    @jobs.task
    async def work(n: int) -> None:
        begun.append(turns)

    async def others() -> None:
        nonlocal turns
        while len(begun) < 100:
            turns += 1
            await asyncio.sleep(0)

    async with jobs.running():
        await jobs.pause("default")
        await clock.advance(0.2)
        await jobs.enqueue_many(work.call(n) for n in range(100))
        await jobs.resume("default")
        beside = asyncio.create_task(others())
        async with asyncio.timeout(10):
            await beside
    assert len(set(begun)) >= 100 / STARTS_AT_ONCE


async def test_a_beat_takes_no_job_for_a_stray_that_is_about_to_begin(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncjobs.runner.dispatcher.STARTS_AT_ONCE", 1)
    jobs = Jobs("memory:", queues={"default": 100}, clock=clock)
    begun: list[int] = []

    @jobs.task
    async def work(n: int) -> None:
        begun.append(n)

    async def beats() -> None:
        assert jobs._life is not None
        assert jobs._life.runner is not None
        while len(begun) < 100:
            jobs._life.runner.beat()
            await asyncio.sleep(0)

    async with jobs.running():
        await jobs.pause("default")
        await clock.advance(0.2)
        handles = await jobs.enqueue_many(work.call(n) for n in range(100))
        await jobs.resume("default")
        async with asyncio.timeout(10):
            await beats()
        await clock.advance(0.2)
        outcomes = [[record.outcome for record in (await handle.job()).attempts] for handle in handles]
    assert sorted(begun) == list(range(100))
    assert outcomes == [["succeeded"]] * 100


async def test_jobs_that_were_claimed_and_have_not_begun_are_given_back_when_the_claim_is_cut_short(clock: FakeClock) -> None:
    taken: list[Any] = []
    dispatcher = Dispatcher(
        MemoryStore(), clock, Slots({"default": 100}), runner="r1", queues=("default",), tasks=frozenset(), limits={},
        start=taken.append, held_up=lambda: False, settled=lambda: True,
    )  # fmt: skip
    claimed: list[Any] = [f"job {n}" for n in range(3 * STARTS_AT_ONCE)]
    starting = asyncio.create_task(dispatcher._start_all(claimed))
    await asyncio.sleep(0)
    assert len(taken) == STARTS_AT_ONCE
    starting.cancel()
    await asyncio.wait({starting})
    assert taken == claimed


async def test_a_long_enqueue_many_lets_the_loop_go_on(jobs: Jobs) -> None:
    @jobs.task
    async def work(n: int) -> None: ...

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with jobs.running(work=()):
        beside = asyncio.create_task(others())
        handles = await jobs.enqueue_many(work.call(n) for n in range(5_000))
        beside.cancel()
        assert len(handles) == len({handle.id for handle in handles}) == 5_000
    assert turns >= 10


async def test_a_job_may_enqueue_while_the_runner_drains(jobs: Jobs, clock: FakeClock, store: FailingStore) -> None:
    handles = []
    stopping = asyncio.Event()

    @jobs.task
    async def last() -> None:
        await stopping.wait()
        handles.append(await jobs.enqueue(last))

    async with jobs.running():
        await jobs.enqueue(last)
        await clock.advance(0.2)
        asyncio.get_running_loop().call_later(0.05, stopping.set)
    await store.open()
    (job,) = await store.get([handles[0].id])
    assert job is not None
    assert job.state is State.QUEUED


async def test_a_bug_while_outcomes_are_written_loses_none(
    jobs: Jobs, clock: FakeClock, store: FailingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = store.finish
    failures = iter([True])

    async def broken(finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        if next(failures, False):
            raise ZeroDivisionError("a bug")
        return await original(finishes, now=now)

    monkeypatch.setattr(store, "finish", broken)

    @jobs.task
    async def work() -> int:
        return 1

    async with jobs.running():
        handle = await jobs.enqueue(work)
        await clock.advance(1)
        assert await handle.result() == 1


async def test_a_suspect_in_one_queue_and_a_long_job_in_another_leave_every_other_minute_to_the_rest(
    jobs: Jobs, clock: FakeClock, store: FailingStore
) -> None:
    release = asyncio.Event()
    started = []

    @jobs.task(queue="slow")
    async def suspect() -> None: ...

    @jobs.task(queue="one")
    async def endless() -> None:
        await release.wait()

    @jobs.task
    async def other() -> None:
        started.append(clock.monotonic())

    await crash_twice(jobs, clock, store, suspect)
    async with jobs.running():
        await clock.advance(1)
        await jobs.enqueue(endless)
        await clock.advance(12)
        began = clock.monotonic()
        for _ in range(240):
            await jobs.enqueue(other)
            await clock.advance(1)
        release.set()
        await clock.advance(1)
    seconds_with_starts = {int(at - began) for at in started}
    assert 100 <= len(seconds_with_starts) <= 140, "half of the time, not all and not a second in each minute"


async def test_a_job_that_outlives_an_orderly_shutdown_is_no_crash(jobs: Jobs, clock: FakeClock, store: FailingStore) -> None:
    jobs._shutdown_timeout = 0.1

    @jobs.task
    async def deaf() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    for deploy in range(1, 5):
        async with jobs.running():
            if deploy == 1:
                handle = await jobs.enqueue(deaf)
            await clock.advance(1)
            job = await handle.job()
            assert (job.state, job.attempt, job.crashes) == (State.RUNNING, 1, 0)
        store._data.alive.clear()  # the process has gone as well
