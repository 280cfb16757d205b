"""Unique jobs: what is the same, how long, and what the second enqueue does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from asyncjobs import AlreadyEnqueued, ArgumentError, ConfigurationError, JobContext, Jobs, Unique
from asyncjobs.job import NewJob
from tests.fakes import START, FakeClock, settled


async def mail(user_id: int, *tags: str, note: str = "x", **more: int) -> None: ...


async def _nothing() -> None: ...


def job_of(jobs: Jobs, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> NewJob:
    task = jobs._tasks["t"]
    return (task.options(**options) if options else task).call(*args, **kwargs).new_job("id", START)


# --- what is the same --------------------------------------------------------------------------------------------------


def test_true_compares_all_arguments_however_they_were_passed(jobs: Jobs) -> None:
    jobs.task(name="t", unique=True)(mail)
    key = job_of(jobs, 7).unique_key
    assert key == 't{"user_id":7,"tags":[],"note":"x","more":{}}'
    assert job_of(jobs, user_id=7, note="x").unique_key == key
    different = {
        job_of(jobs, 8).unique_key,
        job_of(jobs, 7, "a").unique_key,
        job_of(jobs, 7, note="y").unique_key,
        job_of(jobs, 7, z=1).unique_key,
    }
    assert len({key} | different) == 5


@pytest.mark.parametrize("unique", ["user_id", ("user_id",), ["user_id"], Unique("user_id"), Unique(by=["user_id"])])
def test_names_compare_these_alone(jobs: Jobs, unique: Any) -> None:
    jobs.task(name="t", unique=unique)(mail)
    assert job_of(jobs, 7, "a", note="y").unique_key == job_of(jobs, 7).unique_key == 't{"user_id":7}'


def test_a_function_compares_what_it_returns_and_none_is_not_unique(jobs: Jobs) -> None:
    jobs.task(name="t", unique=lambda user_id, **_: user_id % 10 or None)(mail)
    assert job_of(jobs, 17).unique_key == job_of(jobs, 7).unique_key == "t#7"
    assert job_of(jobs, 10).unique_key is None


def test_a_text_in_options_is_the_key_itself_for_all_tasks(jobs: Jobs) -> None:
    jobs.task(name="t")(mail)
    assert job_of(jobs, 7, options={"unique": "welcome:7"}).unique_key == "welcome:7"
    assert job_of(jobs, 7, options={"unique": Unique(key="welcome:7", until="started")}).policy.unique_until_started
    assert job_of(jobs, 7).unique_key is None


def test_long_arguments_are_compared_by_a_digest(jobs: Jobs) -> None:
    jobs.task(name="t", unique=True)(mail)
    long = [job_of(jobs, 7, note="x" * 5_000 + end).unique_key or "" for end in ("", "", "y")]
    assert long[0] == long[1] != long[2]
    assert len(long[0]) < 100


def test_options_take_the_place_of_what_the_task_says(jobs: Jobs) -> None:
    jobs.task(name="t", unique=Unique("user_id", until="started"))(mail)
    assert job_of(jobs, 7).policy.unique_until_started
    other = job_of(jobs, 7, options={"unique": Unique("note")})
    assert (other.unique_key, other.policy.unique_until_started) == ('t{"note":"x"}', False)


@pytest.mark.parametrize(
    "unique",
    [5, "nobody", ("user_id", "nobody"), (), (1,), b"x", Unique, mail],
)
def test_what_names_nothing_is_refused(jobs: Jobs, unique: Any) -> None:
    with pytest.raises(ConfigurationError):
        jobs.task(name="t", unique=unique)(mail)


@pytest.mark.parametrize(
    "given",
    [
        {"by": "a", "key": "b"}, {"until": "never"}, {"conflict": "boom"}, {"within": 0}, {"within": -1}, {"within": True}, {"within": "5"},
        {"within": 10**9}, {"within": 5, "until": "started"}, {"within": 5, "conflict": "replace"}, {"by": 5}, {"by": ()},
    ],
)  # fmt: skip
def test_a_unique_that_can_not_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Unique(**given)


@pytest.mark.parametrize("key", ["", "x" * 1_000_000, "a\0", 5])
def test_a_key_that_can_not_be_is_refused(jobs: Jobs, key: Any) -> None:
    task = jobs.task(name="t")(mail)
    with pytest.raises(ArgumentError):
        task.options(unique=key)
    with pytest.raises(ArgumentError):
        Unique(key=key)


@pytest.mark.parametrize(
    "options",
    [
        {"debounce": 5, "delay": 1}, {"debounce": 5, "throttle": 1}, {"debounce": -1}, {"throttle": 0}, {"throttle": "x"},
        {"unique": Unique("nobody")},
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(jobs: Jobs, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        jobs.task(name="t")(mail).options(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"unique": True}, "belongs to @jobs.task; here give a text"), ({"debounce": 0}, "debounce=0: give seconds above 0"),
        ({"throttle": timedelta(0)}, "throttle=.*: give seconds above 0"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_say_what_would(jobs: Jobs, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        jobs.task(name="t")(mail).options(**options)


# --- what the second does ----------------------------------------------------------------------------------------------


async def test_a_second_job_of_the_same_arguments_is_the_first(running: Jobs) -> None:
    go_on = asyncio.Event()

    @running.task(unique=True)
    async def index(document: int) -> None:
        await go_on.wait()

    first, second, other = [await index.enqueue(document) for document in (1, 1, 2)]
    assert (second.id, second.created, other.created) == (first.id, False, True)
    await settled()
    assert not (await index.enqueue(1)).created  # it runs
    go_on.set()
    await settled()
    assert (await index.enqueue(1)).created


async def test_until_started_the_next_may_wait_while_the_first_runs(running: Jobs) -> None:
    go_on = asyncio.Event()

    @running.task(unique=Unique(until="started"))
    async def index(document: int) -> None:
        await go_on.wait()

    first = await index.enqueue(1)
    await settled()
    second, third = [await index.enqueue(1) for _ in range(2)]
    assert (second.created, third.created, third.id) == (True, False, second.id)
    assert first.id != second.id
    go_on.set()


async def test_raise_tells_which_job_was_there(running: Jobs) -> None:
    @running.task(unique=Unique(conflict="raise"))
    async def index(document: int) -> None: ...

    later = index.options(delay=60)
    first = await later.enqueue(1)
    with pytest.raises(AlreadyEnqueued, match=first.id) as raised:
        await later.enqueue(1)
    assert raised.value.id == first.id
    again = await running.enqueue_many([later.call(1)])
    assert [handle.created for handle in again] == [False]
    repeated = index.options(id="mine", delay=60)
    assert [(await repeated.enqueue(2)).created, (await repeated.enqueue(2)).created] == [True, False]


async def test_replace_gives_the_waiting_job_the_last_arguments(running: Jobs, clock: FakeClock) -> None:
    ran: list[int] = []

    @running.task(unique=Unique("document", conflict="replace"))
    async def index(document: int, version: int) -> None:
        ran.append(version)

    for version in range(3):
        await index.options(delay=10).enqueue(1, version)
    await clock.advance(11)
    assert ran == [2]


async def test_debounce_runs_once_when_the_calls_have_stopped(running: Jobs, clock: FakeClock) -> None:
    ran: list[tuple[int, int]] = []

    @running.task
    async def index(ctx: JobContext, document: int, version: int) -> None:
        ran.append((version, round(clock.monotonic())))

    began = clock.monotonic()
    for version in range(5):
        await index.options(debounce=3, unique=Unique("document")).enqueue(1, version)
        await clock.advance(2)
    assert ran == []
    await clock.advance(2)
    assert ran == [(4, round(began + 8 + 3))]
    await index.options(debounce=timedelta(seconds=3)).enqueue(1, 9)
    await clock.advance(4)
    assert ran[1:] == [(9, round(began + 12 + 3))]


async def test_a_debounced_call_is_not_lost_in_a_job_that_runs(running: Jobs, clock: FakeClock) -> None:
    go_on, ran = asyncio.Event(), []

    @running.task(unique=True)
    async def index(document: int) -> None:
        ran.append(document)
        await go_on.wait()

    first = await index.enqueue(7)
    await settled()
    second = await index.options(debounce=3).enqueue(7)
    assert second.created
    assert second.id != first.id
    await clock.advance(4)
    assert ran == [7, 7]
    go_on.set()


async def test_debounced_calls_of_two_tasks_with_one_key_are_two(running: Jobs) -> None:
    one, two = (running.task(name=name)(_nothing) for name in ("one", "two"))
    for task in (one, two):
        assert (await task.options(unique="feed", debounce=3).enqueue()).created
        assert not (await task.options(unique="feed", debounce=3).enqueue()).created


async def test_throttle_runs_the_first_and_nothing_for_its_time(running: Jobs, clock: FakeClock) -> None:
    ran: list[int] = []

    @running.task
    async def refresh(feed: int) -> None:
        ran.append(feed)

    for _ in range(25):
        await refresh.options(throttle=10).enqueue(1)
        await refresh.options(throttle=10).enqueue(2)
        await clock.advance(1)
    assert sorted(ran) == [1, 1, 1, 2, 2, 2]


def test_a_call_that_may_meet_another_survives_at_least_a_crash(jobs: Jobs) -> None:
    task = jobs.task(name="light", survives="nothing")(_nothing)
    said = [task.options(**options).call().new_job("x", START).survives for options in ({}, {"id": "a"}, {"unique": "k"})]  # type: ignore[arg-type]
    assert said == ["nothing", "crash", "crash"]


async def test_a_unique_job_that_survives_nothing_waits_to_know_whether_it_is_one(running: Jobs) -> None:
    @running.task(unique=True, survives="nothing")
    async def index(document: int) -> None: ...

    handles = [await index.options(delay=5).enqueue(1) for _ in range(2)]
    assert [handle.created for handle in handles] == [True, False]


def test_a_schedule_is_unique_by_itself(jobs: Jobs) -> None:
    @jobs.every(minutes=1)
    @jobs.task(name="tick", unique=Unique(within=5))
    async def tick() -> None: ...

    job = jobs.schedules.declared["tick"].job
    assert (job.unique_key, job.unique_for, job.policy.unique_until_started) == ("schedule:tick", None, False)
    with pytest.raises(ConfigurationError, match="do not go together"):
        jobs.every(minutes=1, overlap="allow", name="other")(tick)
