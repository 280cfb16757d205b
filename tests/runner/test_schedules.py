"""Schedules under a clock that the test moves: when they fire, what they enqueue, and how they are changed while the app runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from asyncjobs import (
    ArgumentError,
    ConfigurationError,
    JobContext,
    Jobs,
    Pause,
    Queue,
    QueueFull,
    Retry,
    State,
    Unique,
    UnknownSchedule,
    UnknownTask,
)  # fmt: skip
from asyncjobs.cron import Every
from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import NewJob
from asyncjobs.schedule import AT_ONCE, CatchUp, Fire, Schedule, times_of
from asyncjobs.store.memory import MemoryStore
from asyncjobs.store.memory_data import MemoryData
from tests.fakes import START, FakeClock

MINUTE = 60.0
DAY = 86_400.0


def at(seconds: float) -> str:
    return (datetime.fromtimestamp(START / 1000, UTC) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture
def ran(jobs: Jobs) -> list[str]:
    """The times for which jobs of "tick" have run: each is named by its `meta`."""
    times: list[str] = []

    @jobs.task(name="tick")
    async def tick(ctx: JobContext) -> None:
        times.append(ctx.meta["time"])

    jobs.every(minutes=1)(tick)
    return times


async def _nothing() -> None: ...


# --- firing ------------------------------------------------------------------------------------------------------------


async def test_a_period_fires_at_its_times_from_the_next_on(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    await clock.advance(3 * MINUTE)
    assert ran == [at(60), at(120), at(180)]
    schedule = await running.schedules.get("tick")
    assert (schedule.fired, schedule.last_at, schedule.next_at) == (3, START + 180_000, START + 240_000)


async def test_a_crontab_line_fires_in_its_zone(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.cron("30 9 * * mon-fri", tz="Europe/Berlin")  # START is a Friday, 9:00 there
    async def report() -> None: ...

    async with jobs.running():
        await clock.advance(31 * MINUTE)
        assert [job.scheduled_at for job in (await jobs.list()).jobs] == [START + 30 * 60_000]
        assert (await jobs.schedules.get(report.name)).next_at == START + 30 * 60_000 + 3 * 86_400_000


async def test_of_several_processes_one_fires_each_time() -> None:
    data, clock = MemoryData(), FakeClock()
    async with AsyncExitStack() as stack:
        for _ in range(4):
            jobs = Jobs("memory:", clock=clock)
            jobs._store = MemoryStore(data)

            @jobs.every(seconds=10)
            @jobs.task(name="tick")
            async def tick() -> None: ...

            await stack.enter_async_context(jobs.running())
        await clock.advance(600.5)
        found = (await jobs.list(limit=1000)).jobs
    assert sorted(job.scheduled_at - START for job in found) == [10_000 * n for n in range(1, 61)]


async def test_nothing_is_enqueued_while_the_job_before_still_runs(jobs: Jobs, clock: FakeClock) -> None:
    go_on = asyncio.Event()

    @jobs.every(minutes=1)
    @jobs.task(name="slow")
    async def slow() -> None:
        await go_on.wait()

    async with jobs.running():
        await clock.advance(5 * MINUTE + 1)
        assert len((await jobs.list()).jobs) == 1
        go_on.set()
        await clock.advance(MINUTE)
        assert len((await jobs.list()).jobs) == 2


async def test_a_schedule_may_overlap(jobs: Jobs, clock: FakeClock) -> None:
    go_on = asyncio.Event()

    @jobs.every(minutes=1, overlap="allow")
    @jobs.task(name="slow")
    async def slow() -> None:
        await go_on.wait()

    async with jobs.running():
        await clock.advance(3 * MINUTE + 1)
        assert [job.state for job in (await jobs.list()).jobs] == [State.RUNNING] * 3
        go_on.set()


async def test_jitter_puts_the_job_off_and_not_the_next_time(jobs: Jobs, clock: FakeClock) -> None:
    clock._chance = 0.25

    @jobs.every(minutes=1, jitter=timedelta(seconds=40))
    async def tick() -> None: ...

    async with jobs.running():
        await clock.advance(2 * MINUTE + 30)
        found = (await jobs.list()).jobs
        assert [job.scheduled_at - START for job in found] == [130_000, 70_000]
        assert [json.loads(job.meta) for job in found] == [{"schedule": tick.name, "time": at(seconds)} for seconds in (120, 60)]


async def test_a_function_may_have_several_schedules(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.every(minutes=2, name="slowly")
    @jobs.every(minutes=1, name="quickly")
    async def tick() -> None: ...

    async with jobs.running():
        await clock.advance(2 * MINUTE + 1)
        assert {schedule.name: schedule.fired for schedule in await jobs.schedules.list()} == {"quickly": 2, "slowly": 1}


async def test_a_process_that_works_no_queue_fires_nothing(jobs: Jobs, ran: list[str], clock: FakeClock) -> None:
    async with jobs.running(work=()):
        await clock.advance(3 * MINUTE)
        assert (await jobs.list()).jobs == await jobs.schedules.list() == []


async def test_a_schedule_that_is_gone_from_the_code_fires_no_more(clock: FakeClock) -> None:
    data = MemoryData()
    for times in (1, 0):
        jobs = Jobs("memory:", clock=clock)
        jobs._store = MemoryStore(data)
        tick = jobs.task(name="tick")(_nothing)
        if times:
            jobs.every(minutes=1)(tick)
        async with jobs.running():
            await clock.advance(2 * MINUTE + 1)
            assert (await jobs.schedules.get("tick")).fired == 2


async def test_a_store_that_fails_delays_a_fire_and_drops_none(
    jobs: Jobs, ran: list[str], clock: FakeClock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jobs.running():
        await clock.advance(1)
        timetable = jobs._store.timetable
        with monkeypatch.context() as patch:

            async def fail(*_: object, **__: object) -> list[bool]:
                raise StoreUnavailable("the disk is full")

            patch.setattr(timetable, "fire", fail)
            await clock.advance(90)
            assert "the disk is full" in jobs.problems["scheduler"]
        await clock.advance(10)
        assert ran == [at(60)]
        assert jobs.problems == {}


async def test_a_task_declared_while_the_app_runs_is_fired_too(running: Jobs, clock: FakeClock) -> None:
    @running.every(minutes=1)
    @running.task(name="late")
    async def late() -> None: ...

    await clock.advance(MINUTE + 2)
    assert (await running.schedules.get("late")).fired == 1


async def test_a_zone_that_is_unknown_here_is_said_and_harms_no_other(jobs: Jobs, ran: list[str], clock: FakeClock) -> None:
    async with jobs.running():
        await clock.advance(1)
        strange = Schedule("strange", "cron Mars/Olympus @daily", NewJob("", "tick", "default", 0), START + 5_000)
        assert await jobs._store.timetable.put(strange, now=START)
        await clock.advance(MINUTE)
        assert "Mars/Olympus" in jobs.problems["schedule strange"]
        assert ran == [at(60)]
        await jobs.schedules.edit("strange", cron="@daily", tz="UTC")
        await clock.advance(1)
        assert not jobs.problems


async def test_what_another_process_adds_is_fired_here_too(clock: FakeClock) -> None:
    data = MemoryData()
    first, second = Jobs("memory:", clock=clock), Jobs("memory:", clock=clock)
    for jobs in (second, first):
        jobs._store = MemoryStore(data)
        tick = jobs.task(name="tick")(_nothing)
    async with second.running():
        async with first.running():
            await clock.advance(1)
            await first.schedules.add("added", tick.call(), every=3)
            await clock.advance(1.5)
        await clock.advance(1)
        assert (await second.schedules.get("added")).fired == 1


# --- times that were missed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("catch_up", "fired", "next_at"),
    [("latest", [600], 660), ("skip", [600], 660), ("all", [60 * n for n in range(1, 11)], 660)],
)
def test_what_is_due_by_catch_up(catch_up: str, fired: list[int], next_at: int) -> None:
    schedule = Schedule("s", "every 60000", NewJob("", "t", "q", 0), START + 60_000, catch_up=catch_up)  # type: ignore[arg-type]
    assert schedule.due(START + 60_000 - 1) == ([], START + 60_000)
    times, following = schedule.due(START + 600_500)
    assert ([time - START for time in times], following) == ([second * 1000 for second in fired], START + next_at * 1000)


def test_skip_drops_what_a_minute_and_more_ago_nobody_fired() -> None:
    schedule = Schedule("s", "cron UTC 0 9 * * *", NewJob("", "t", "q", 0), START + 3_600_000, catch_up="skip")
    assert schedule.due(START + 3_600_000 + 59_999)[0] == [START + 3_600_000]
    assert schedule.due(START + 3_600_000 + 60_000) == ([], START + 3_600_000 + 86_400_000)


def test_a_long_absence_is_made_good_in_parts() -> None:
    schedule = Schedule("s", "every 1000", NewJob("", "t", "q", 0), START, catch_up="all")
    times, following = schedule.due(START + 10_000_000)
    assert len(times) == AT_ONCE
    assert times[0] == START
    assert {after - before for before, after in pairwise(times)} == {1000}
    assert following == times[-1] + 1000


@pytest.mark.parametrize("when", ["every 1000", "cron Europe/Berlin */7 3-9 * * *", "cron UTC 0 0 29 2 *"])
@pytest.mark.parametrize("absence", [1, 59, 3_601, 86_400, 40 * 86_400, 10 * 366 * 86_400])
def test_the_latest_of_many_missed_times_is_the_last_before_now(when: str, absence: int) -> None:
    first = times_of(when).after(START)
    assert first is not None
    now = first + absence * 1000 + 1
    schedule = Schedule("s", when, NewJob("", "t", "q", 0), first)
    [latest], following = schedule.due(now)
    assert latest <= now < (following or 0)
    assert times_of(when).after(latest) == following


async def test_a_restart_makes_good_what_was_missed(clock: FakeClock) -> None:
    data = MemoryData()
    for expected in (0, 1):
        jobs = Jobs("memory:", clock=clock)
        jobs._store = MemoryStore(data)
        jobs.cron("15 8 * * *")(jobs.task(name="tick")(_nothing))
        async with jobs.running():
            await clock.advance(1)
            assert (await jobs.schedules.get("tick")).fired == expected
        await clock.advance(3 * DAY)


async def test_a_clock_that_is_set_back_makes_nothing_fire_twice(jobs: Jobs, ran: list[str], clock: FakeClock) -> None:
    async with jobs.running():
        await clock.advance(10 * MINUTE + 1)
        clock.step_wall(-5 * MINUTE)
        await clock.advance(6 * MINUTE)
        assert ran == [at(60 * n) for n in range(1, 12)]


async def test_a_time_set_by_a_clock_that_was_ahead_is_set_right_before_the_first_that_is_due(
    jobs: Jobs, clock: FakeClock
) -> None:
    tick = jobs.task(name="tick")(_nothing)
    async with jobs.running():
        await clock.advance(1)
        right = await jobs.schedules.add("tick", tick.call(), every=5)
        assert right.next_at == START + 5_000
        await jobs._store.timetable.put(replace(right, next_at=START + 86_400_000), now=START)
        await jobs.schedules.add("look", tick.call(), every=DAY)
        await clock.advance(5)
        assert (await jobs.schedules.get("tick")).fired == 1


async def test_a_time_that_is_right_is_not_reckoned_again_at_each_look(
    ran: list[str], jobs: Jobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jobs.running():
        await clock.advance(MINUTE + 1)
        reckoned: list[int] = []
        real = Schedule.first_after

        def first_after(self: Schedule, moment: int) -> int | None:
            reckoned.append(moment)
            return real(self, moment)

        monkeypatch.setattr(Schedule, "first_after", first_after)
        await clock.advance(50)  # five looks
        assert reckoned == []
        clock.step_wall(-50)
        await clock.advance(25)
        assert len(reckoned) == 1


async def test_the_app_is_served_while_long_missed_times_are_found(
    jobs: Jobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick = jobs.task(name="tick")(_nothing)
    events: list[str] = []
    real = Schedule.due

    def due(self: Schedule, now: int) -> tuple[Sequence[int], int | None]:
        times, next_at = real(self, now)
        if times:
            events.append("found")
            asyncio.get_running_loop().call_soon(events.append, "served")
        return times, next_at

    for n in range(3):
        jobs.every(minutes=1, name=f"s{n}")(tick)
    async with jobs.running():
        await clock.advance(1)
        monkeypatch.setattr(Schedule, "due", due)
        await clock.advance(MINUTE)
    assert events == ["found", "served"] * 3


@pytest.mark.parametrize("catch_up", ["latest", "skip"])
async def test_a_schedule_made_by_a_clock_that_was_ahead_fires_by_the_right_one(clock: FakeClock, catch_up: CatchUp) -> None:
    data = MemoryData()
    for ahead in (DAY, -DAY):
        clock.step_wall(ahead)
        jobs = Jobs("memory:", clock=clock)
        jobs._store = MemoryStore(data)
        jobs.every(minutes=1, catch_up=catch_up)(jobs.task(name="tick")(_nothing))
        async with jobs.running():
            await clock.advance(1 if ahead > 0 else 2 * MINUTE)
    async with jobs.running():
        assert (await jobs.schedules.get("tick")).fired == 2


async def test_times_that_were_skipped_while_the_clock_was_ahead_are_fired_when_they_come(jobs: Jobs, clock: FakeClock) -> None:
    jobs.cron("0 * * * *", catch_up="skip")(jobs.task(name="tick")(_nothing))
    async with jobs.running():
        clock.step_wall(DAY + 30 * MINUTE)
        await clock.advance(11)
        assert (await jobs.schedules.get("tick")).next_at == START + 90_000_000
        clock.step_wall(-DAY - 30 * MINUTE)
        await clock.advance(61 * MINUTE)
        assert (await jobs.schedules.get("tick")).fired == 1


async def test_many_missed_times_of_many_schedules_are_made_good_side_by_side(clock: FakeClock) -> None:
    data, fires = MemoryData(), []
    for start in range(2):
        jobs = Jobs("memory:", clock=clock)
        jobs._store = MemoryStore(data)
        tick = jobs.task(name="tick")(_nothing)
        for n in range(5):
            jobs.every(seconds=1, catch_up="all", overlap="allow", name=f"s{n}")(tick)
        if start:
            timetable = jobs._store.timetable
            real = timetable.fire

            async def fire(given: Sequence[Fire], *, now: int, real: Any = real) -> Sequence[bool]:
                fires.append({one.name: len(one.jobs) for one in given})
                return await real(given, now=now)  # type: ignore[no-any-return]

            timetable.fire = fire  # type: ignore[method-assign]
        async with jobs.running():
            await clock.advance(0.1)
            assert {one.fired for one in await jobs.schedules.list()} == ({120} if start else {0})
        clock.step_wall(120)
    assert fires[:3] == [{"s0": 50, "s1": 50}, {"s2": 50, "s3": 50}, {"s4": 50}]


async def test_a_clock_that_was_days_ahead_does_not_silence_a_schedule(jobs: Jobs, ran: list[str], clock: FakeClock) -> None:
    async with jobs.running():
        clock.step_wall(10 * DAY)
        await clock.advance(2 * MINUTE)
        clock.step_wall(-10 * DAY)
        ran.clear()
        await clock.advance(2 * MINUTE + 10)
        assert len(ran) == 2


# --- changing ----------------------------------------------------------------------------------------------------------


async def test_a_paused_schedule_fires_no_more_until_it_is_resumed(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    await clock.advance(1)
    paused = await running.schedules.pause("tick", by="ada", why="the mail server moves")
    assert paused.paused == Pause(clock.now(), "ada", "the mail server moves")
    await clock.advance(3 * MINUTE)
    assert ran == []
    await running.schedules.resume("tick")
    await clock.advance(MINUTE)
    assert ran == [at(240)]


async def test_an_edited_schedule_fires_by_its_new_times(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    await clock.advance(1)
    edited = await running.schedules.edit("tick", every=90)
    assert (edited.when, edited.next_at) == ("every 90000", START + 90_000)
    await clock.advance(3 * MINUTE)
    assert ran == [at(90), at(180)]
    edited = await running.schedules.edit("tick", cron="0 * * * *", tz="Asia/Kolkata")
    assert edited.next_at == START + 1800_000
    assert (await running.schedules.edit("tick", tz="UTC")).next_at == START + 3600_000
    edited = await running.schedules.edit("tick", jitter=3)
    assert (edited.when, edited.jitter, edited.next_at) == ("cron UTC 0 * * * *", 3.0, START + 3600_000)


async def test_run_now_enqueues_one_and_leaves_the_times_alone(ran: list[str], jobs: Jobs, clock: FakeClock) -> None:
    async with jobs.running():
        await clock.advance(1)
        handle = await jobs.schedules.run_now("tick")
        assert handle.created
        again = await jobs.schedules.run_now("tick")
        assert (again.id, again.created) == (handle.id, False)
        assert (await jobs.schedules.get("tick")).next_at == START + 60_000
        await clock.advance(1)
        assert ran == [at(1)]


async def test_what_the_code_declares_is_there_once_the_app_has_started(ran: list[str], jobs: Jobs) -> None:
    async with jobs.running():
        assert [schedule.name for schedule in await jobs.schedules.list()] == ["tick"]


async def test_a_job_of_a_schedule_has_the_key_of_its_arguments_and_expires_after_its_time(jobs: Jobs, clock: FakeClock) -> None:
    @jobs.task(name="sync", key="customer")
    async def sync(customer: int) -> None: ...

    async with jobs.running():
        await jobs.schedules.add("of 7", sync.options(expires=30).call(7), every=60, jitter=10, overlap="allow")
        await clock.advance(MINUTE + 1)
        now = await jobs.schedules.run_now("of 7")
        for job, due in ((await now.job(), clock.now()), ((await jobs.list()).jobs[-1], START + 65_000)):
            assert (job.key, job.run_at, job.expires_at) == ("sync#7", due, due + 30_000)


async def test_a_task_that_is_unique_by_itself_stays_so_beside_its_schedule(jobs: Jobs, clock: FakeClock) -> None:
    go_on = asyncio.Event()

    @jobs.every(minutes=1)
    @jobs.task(name="sweep", unique=True)
    async def sweep() -> None:
        await go_on.wait()

    async with jobs.running():
        await clock.advance(MINUTE + 1)
        assert not (await sweep.enqueue()).created
        go_on.set()


@pytest.mark.parametrize("unique", [Unique(within=60), Unique(until="started")])
async def test_one_that_is_unique_for_another_while_is_one_of_its_schedule_at_a_time(jobs: Jobs, unique: Unique) -> None:
    jobs.every(minutes=1)(jobs.task(name="tick", unique=unique)(_nothing))
    job = jobs.schedules.declared["tick"].job
    assert (job.unique_key, job.unique_for, job.policy.unique_until_started) == ("schedule:tick", None, False)


async def test_a_full_queue_refuses_no_fire(clock: FakeClock) -> None:
    jobs = Jobs("memory:", queues={"default": Queue(1, max_waiting=1)}, clock=clock)
    tick = jobs.every(minutes=1)(jobs.task(name="tick")(_nothing))
    async with jobs.running():
        await jobs.pause("default")
        await tick.enqueue()
        with pytest.raises(QueueFull):
            await tick.enqueue()
        await clock.advance(MINUTE + 1)
        assert len((await jobs.list()).jobs) == 2


async def test_where_one_at_a_time_is_met_is_known_also_of_what_survives_nothing(jobs: Jobs) -> None:
    jobs.every(minutes=1)(jobs.task(name="tick", survives="nothing")(_nothing))
    assert jobs.schedules.declared["tick"].job.survives == "crash"


def test_whatever_the_code_says_otherwise_is_declared_otherwise() -> None:
    said = set()
    for given in ({}, {"key": "n"}, {"key": "n", "key_limit": 5}, {"retry": Retry(within=60)}, {"retry": Retry(within=61)}):
        jobs = Jobs("memory:")

        @jobs.every(minutes=1)
        @jobs.task(name="tick", **given)  # type: ignore[call-overload,untyped-decorator]
        async def tick(n: int = 1) -> None: ...

        said.add(jobs.schedules.declared["tick"].declared)
    assert len(said) == 5


def test_what_is_declared_leaves_out_what_is_as_it_is_by_default(jobs: Jobs) -> None:
    """So that a version with a new option, which nobody gives yet, doesn't undo what was edited."""
    jobs.every(minutes=1)(jobs.task(name="tick", retry=Retry(attempts=3))(_nothing))
    said = json.loads(jobs.schedules.declared["tick"].declared or "")
    assert said.pop("job") == {
        "id": "", "name": "tick", "queue": "default", "run_at": 0, "policy": {"max_attempts": 3}, "unique_key": "schedule:tick",
    }  # fmt: skip
    assert said == {"when": "every 60000", "catch_up": "latest", "jitter": 0.0}


async def test_a_schedule_added_at_run_time_fires_with_its_arguments_and_outlives_a_restart(clock: FakeClock) -> None:
    data, ran = MemoryData(), []
    for start in range(2):
        jobs = Jobs("memory:", clock=clock)
        jobs._store = MemoryStore(data)

        @jobs.task(name="report")
        async def report(customer: int) -> None:
            ran.append(customer)

        async with jobs.running():
            await clock.advance(1)
            if start == 0:
                await jobs.schedules.add("report of 7", report.options(priority=0).call(7), every=timedelta(minutes=1))
                with pytest.raises(ArgumentError, match="already"):
                    await jobs.schedules.add("report of 7", report.call(8), every=5)
            await clock.advance(2 * MINUTE)
    assert ran == [7] * 4
    assert (await _only(jobs, clock)).job.priority == 0


async def _only(jobs: Jobs, clock: FakeClock) -> Schedule:
    async with jobs.running():
        await clock.advance(1)
        [schedule] = await jobs.schedules.list()
        return schedule


async def test_a_removed_schedule_fires_no_more(jobs: Jobs, clock: FakeClock) -> None:
    ran: list[int] = []

    @jobs.task(name="report")
    async def report(customer: int) -> None:
        ran.append(customer)

    async with jobs.running() as running:
        await running.schedules.add("tick", report.call(7), every=60)
        await running.schedules.remove("tick")
        await clock.advance(3 * MINUTE)
        assert ran == []
        for gone in (running.schedules.remove, running.schedules.get, running.schedules.pause, running.schedules.run_now):
            with pytest.raises(UnknownSchedule, match="there is no schedule 'tick'"):
                await gone("tick")


async def test_what_the_code_declares_is_not_removed(ran: list[str], running: Jobs) -> None:
    with pytest.raises(ArgumentError, match=r"declared in the code.*pause it"):
        await running.schedules.remove("tick")
    assert [schedule.name for schedule in await running.schedules.list()] == ["tick"]


async def test_changes_at_once_all_count(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    await clock.advance(1)
    await asyncio.gather(
        running.schedules.pause("tick", by="ada"),
        running.schedules.edit("tick", jitter=5),
        running.schedules.edit("tick", every=90),
    )
    schedule = await running.schedules.get("tick")
    assert schedule.paused is not None
    assert (schedule.jitter, schedule.when) == (5.0, "every 90000")


async def test_a_change_that_another_got_before_is_made_to_what_that_left(
    ran: list[str], running: Jobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clock.advance(1)
    timetable = running._store.timetable
    real, others = timetable.put, iter([{"jitter": 5.0}, {"fired": 7}])

    async def put(schedule: Schedule, *, now: int) -> bool:
        if other := next(others, None):
            [known] = await timetable.all()
            assert await real(replace(known, **other), now=now)  # type: ignore[arg-type]
        return await real(schedule, now=now)

    monkeypatch.setattr(timetable, "put", put)
    await running.schedules.pause("tick", by="ada")
    schedule = await running.schedules.get("tick")
    assert (schedule.paused and schedule.paused.by, schedule.jitter) == ("ada", 5.0)


async def test_an_edit_to_what_it_is_already_keeps_the_time_that_it_waits_for(
    ran: list[str], running: Jobs, clock: FakeClock
) -> None:
    await clock.advance(1)
    paused = await running.schedules.pause("tick")
    await clock.advance(5 * MINUTE)
    assert (await running.schedules.edit("tick", every=60, jitter=1)).next_at == paused.next_at


# --- what can't be -----------------------------------------------------------------------------------------------------


def test_what_can_not_fire_is_refused_where_it_is_declared(jobs: Jobs) -> None:
    @jobs.task
    async def needs(customer: int) -> None: ...

    plain = jobs.task(_nothing)
    refused = {
        "Give its parameters defaults": lambda: jobs.cron("@daily")(needs),
        "bad minute": lambda: jobs.cron("61 * * * *"),
        "is no time zone": lambda: jobs.cron("@daily", tz="Mars"),
        "such a day never comes": lambda: jobs.cron("0 0 30 2 *"),
        "every 0.2 s: give a second": lambda: jobs.every(seconds=0.2),
        "give numbers": lambda: jobs.every(minutes="5"),  # type: ignore[arg-type]
        "catch_up='now'": lambda: jobs.cron("@daily", catch_up="now")(plain),  # type: ignore[arg-type]
        "overlap=None": lambda: jobs.cron("@daily", overlap=None)(plain),  # type: ignore[arg-type]
        "give overlap='allow'": lambda: jobs.cron("@daily", catch_up="all")(plain),
        "jitter=-1": lambda: jobs.cron("@daily", jitter=-1)(plain),
        "schedule name": lambda: jobs.cron("@daily", name="a\nb")(plain),
    }
    for sentence, declare in refused.items():
        with pytest.raises(ConfigurationError, match=sentence):
            declare()
    assert jobs.schedules.declared == {}


def test_two_schedules_of_one_name_are_refused(jobs: Jobs) -> None:
    @jobs.cron("@daily")
    async def tick() -> None: ...

    with pytest.raises(ConfigurationError, match="already"):
        jobs.cron("@hourly")(tick)
    jobs.cron("@hourly", name="too")(tick)
    assert sorted(jobs.schedules.declared) == sorted([tick.name, "too"])


async def test_what_can_not_fire_is_refused_where_it_is_added_or_edited(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    await clock.advance(1)
    tick = running._tasks["tick"]
    for given in (
        {}, {"cron": "@daily", "every": 5}, {"cron": ""}, {"every": 0}, {"cron": "@daily", "tz": "Mars"}, {"every": 5, "tz": "UTC"},
    ):  # fmt: skip
        with pytest.raises(ConfigurationError):
            await running.schedules.add("new", tick.call(), **given)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="extra"):
        await running.schedules.add("new", tick.call(extra=1), every=5)
    for options in ({"delay": 5}, {"id": "x"}, {"unique": "x"}, {"debounce": 5}, {"at": datetime.now(UTC)}):
        with pytest.raises(ArgumentError, match="when and how often"):
            await running.schedules.add("new", tick.options(**options).call(), every=5)
    with pytest.raises(ArgumentError, match="give seconds from when it is due"):
        await running.schedules.add("new", tick.options(expires=datetime.now(UTC)).call(), every=5)
    with pytest.raises(ArgumentError, match=r"give a call, such as task.call\(7\)"):
        await running.schedules.add("new", tick, every=5)
    with pytest.raises(ArgumentError, match="something to change"):
        await running.schedules.edit("tick")
    for given in (
        {"cron": "x"},
        {"tz": "UTC"},
        {"every": 5, "tz": "UTC"},
        {"catch_up": "all"},
        {"jitter": "1"},
        {"cron": "@daily", "every": 5},
    ):
        with pytest.raises(ConfigurationError):
            await running.schedules.edit("tick", **given)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"why=.*500"):
        await running.schedules.pause("tick", why="x" * 501)
    [schedule] = await running.schedules.list()
    assert (schedule.name, schedule.when, schedule.paused) == ("tick", Every(60).text, None)


async def test_what_was_stored_as_a_line_that_is_none_any_more_can_be_edited(
    ran: list[str], jobs: Jobs, clock: FakeClock
) -> None:
    async with jobs.running():
        await clock.advance(1)
        stored = Schedule("old", "cron Mars/Olympus @daily", NewJob("", "tick", "default", 0), None)
        assert await jobs._store.timetable.put(stored, now=START)
        assert (await jobs.schedules.edit("old", jitter=5)).jitter == 5.0
        with pytest.raises(ConfigurationError, match="Mars"):
            await jobs.schedules.edit("old", tz="UTC")
        assert (await jobs.schedules.edit("old", cron="@daily")).when == "cron UTC @daily"
        assert (await jobs.schedules.edit("old", every=60)).next_at == START + 60_000


@pytest.mark.parametrize("unique", [Unique(within=5), Unique(conflict="replace")])
def test_a_schedule_that_may_overlap_is_of_no_task_that_is_unique_for_a_while_or_replaces(jobs: Jobs, unique: Unique) -> None:
    with pytest.raises(ConfigurationError, match=r"do not go together; overlap='skip' enqueues one at a time"):
        jobs.every(minutes=1, overlap="allow")(jobs.task(unique=unique)(_nothing))


@pytest.mark.parametrize("unique", [True, "n"])
def test_each_missed_time_can_not_be_made_good_by_a_task_of_which_one_is_there_at_a_time(jobs: Jobs, unique: bool | str) -> None:
    @jobs.task(unique=unique)
    async def tick(n: int = 1) -> None: ...

    with pytest.raises(ConfigurationError, match=r"overlap='allow' and a task without unique="):
        jobs.every(minutes=1, catch_up="all", overlap="allow")(tick)


async def test_a_schedule_whose_task_is_gone_is_not_run_by_hand(ran: list[str], running: Jobs, clock: FakeClock) -> None:
    assert await running._store.timetable.put(Schedule("old", "every 60000", NewJob("", "gone", "default", 0), None), now=START)
    with pytest.raises(UnknownTask, match="gone"):
        await running.schedules.run_now("old")
    assert (await running.list()).jobs == []
