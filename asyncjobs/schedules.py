"""`jobs.schedules`: what fires again and again, declared by the code or added at run time, looked at and changed while it runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

from asyncjobs.clock import Clock
from asyncjobs.cron import Cron, Every
from asyncjobs.errors import ArgumentError, ConfigurationError, UnknownSchedule
from asyncjobs.handle import JobHandle
from asyncjobs.hearer import Hearer
from asyncjobs.job import NewJob
from asyncjobs.names import check_name
from asyncjobs.pause import Pause, checked_said
from asyncjobs.schedule import CatchUp, Overlap, Schedule, declaration
from asyncjobs.store.timetable import Timetable
from asyncjobs.task import AnyCall, Call

LONGEST_JITTER = 86_400.0  # seconds
TRIES = 20  # at a change that others get in the way of, each time with another one of theirs


class Schedules:
    """The schedules of one `Jobs`. All but `declared` wants the runner to be up, and raises what `enqueue` raises."""

    def __init__(
        self,
        timetable: Callable[[], Timetable],
        clock: Clock,
        *,
        living: Callable[[], Hearer],
        template: Callable[[AnyCall], NewJob],
        enqueue: Callable[[NewJob], Coroutine[Any, Any, JobHandle[Any]]],
        looking: Callable[[], object] | None = None,
    ) -> None:
        self._timetable = timetable
        self._clock = clock
        self._living = living
        self._looking = living if looking is None else looking  # raises where they can't even be looked at
        self._template = template  # the job that a call asks for; raises what enqueueing it would
        self._enqueue = enqueue
        self._declared: dict[str, Schedule] = {}  # by name; written by declare()

    @property
    def declared(self) -> Mapping[str, Schedule]:
        """What the code of this process declares, by name."""
        return self._declared

    def declare(
        self, name: str, call: AnyCall, times: Cron | Every, *, catch_up: CatchUp, overlap: Overlap, jitter: float | timedelta
    ) -> None:
        """What the decorators do. Raises ConfigurationError."""
        try:
            schedule = self._new(name, call, times, catch_up=catch_up, overlap=overlap, jitter=jitter)
        except ArgumentError as error:
            raise ConfigurationError(
                f"a schedule calls task {call.task.name!r} without arguments, and {error}. Give its parameters defaults, or say which "
                "arguments at run time: `await jobs.schedules.add(name, task.call(...), cron=...)`"
            ) from error
        known = self._declared.get(name)
        if known is not None and (known.job.name, known.when) != (schedule.job.name, schedule.when):
            raise ConfigurationError(
                f"there is a schedule {name!r} already, of task {known.job.name!r}; name this one: @jobs.cron(..., name=...)"
            )
        self._declared[name] = replace(schedule, declared=declaration(schedule))

    # --- looking

    async def list(self) -> Sequence[Schedule]:
        """Every schedule that the store has, in order of name, whoever made it."""
        self._looking()
        return await self._timetable().all()

    async def get(self, name: str) -> Schedule:
        """The schedule of this name. Raises UnknownSchedule."""
        schedules = await self.list()
        for schedule in schedules:
            if schedule.name == name:
                return schedule
        raise UnknownSchedule(name, [schedule.name for schedule in schedules])

    # --- changing

    async def add(
        self,
        name: str,
        call: AnyCall,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        tz: str | None = None,
        catch_up: CatchUp = "latest",
        overlap: Overlap = "skip",
        jitter: float | timedelta = 0.0,
    ) -> Schedule:
        """Have this call (`task.call(...)`) enqueued by a crontab line, or every so many seconds, until it is removed.

        The store keeps it; whichever process knows the task fires it. The rest is as for `Jobs.cron`; tz: of the
        crontab line, UTC by default.
        Raises ConfigurationError for times that can't be, ArgumentError where there is a schedule of this name.
        """
        runner = self._living()
        now = self._clock.now()
        times = _times(cron, every, tz)
        schedule = self._new(name, call, times, catch_up=catch_up, overlap=overlap, jitter=jitter)
        schedule = replace(schedule, next_at=times.after(now))
        if not await self._timetable().put(schedule, now=now):
            raise ArgumentError(f"there is a schedule {name!r} already; edit it, or remove it first")
        runner.look_at_schedules()
        return await self.get(name)

    async def edit(
        self,
        name: str,
        *,
        cron: str | None = None,
        every: float | timedelta | None = None,
        tz: str | None = None,
        catch_up: CatchUp | None = None,
        jitter: float | timedelta | None = None,
    ) -> Schedule:
        """Change when it fires; what is None stays. Kept over restarts, until the code declares it otherwise than it does now.

        Raises UnknownSchedule, ConfigurationError, ArgumentError where nothing is to change.
        """
        if all(one is None for one in (cron, every, tz, catch_up, jitter)):
            raise ArgumentError(f"edit({name!r}) wants something to change: cron=, every=, tz=, catch_up= or jitter=")

        def edited(schedule: Schedule, now: int) -> Schedule:
            when, next_at = schedule.when, schedule.next_at
            if cron is not None or every is not None or tz is not None:
                times = _edited_times(schedule, cron, every, tz)
                if times.text != when:
                    when, next_at = times.text, times.after(now)
            follows = schedule.catch_up
            if catch_up is not None:
                follows = _checked_choice("catch_up", catch_up, CatchUp)
                _check_catch_up(name, follows, schedule.job)
            return replace(
                schedule,
                when=when,
                next_at=next_at,
                catch_up=follows,
                jitter=schedule.jitter if jitter is None else _checked_jitter(jitter),
            )

        return await self._change(name, edited)

    async def pause(self, name: str, *, by: str = "", why: str = "") -> Schedule:
        """Let it fire no more until `resume`; kept over restarts. by, why: 500 characters each. Raises UnknownSchedule, ArgumentError."""
        by, why = checked_said("by", by), checked_said("why", why)
        return await self._change(name, lambda schedule, now: replace(schedule, paused=Pause(now, by, why)))

    async def resume(self, name: str) -> Schedule:
        """Let it fire again, from its next time on: those that passed meanwhile are not made good. Raises UnknownSchedule."""
        return await self._change(
            name,
            lambda schedule, now: (
                replace(schedule, paused=None, next_at=schedule.times.after(now)) if schedule.paused else schedule
            ),
        )

    async def remove(self, name: str) -> None:
        """Forget it. Raises UnknownSchedule; ArgumentError for what this process's code declares, since it would come back."""
        runner = self._living()
        if name in self._declared:
            raise ArgumentError(
                f"schedule {name!r} is declared in the code, and would be back with the next start; pause it, or take it out there"
            )
        if not await self._timetable().remove(name):
            await self.get(name)
        runner.look_at_schedules()

    async def run_now(self, name: str) -> JobHandle[Any]:
        """Enqueue its job once more, for now; its times stay. Where one still waits or runs and `overlap` is "skip", that one answers.

        Raises UnknownSchedule, UnknownTask where this process doesn't know its task.
        """
        schedule = await self.get(name)
        return await self._enqueue(schedule.job_at(self._clock.new_id(), self._clock.now()))

    async def _change(self, name: str, change: Callable[[Schedule, int], Schedule]) -> Schedule:
        runner = self._living()
        for _ in range(TRIES):
            now = self._clock.now()
            schedule = await self.get(name)
            if await self._timetable().put(change(schedule, now), now=now):
                runner.look_at_schedules()
                return await self.get(name)
        raise ArgumentError(f"schedule {name!r} changes too often to be changed; try again")

    def _new(
        self, name: str, call: AnyCall, times: Cron | Every, *, catch_up: CatchUp, overlap: Overlap, jitter: float | timedelta
    ) -> Schedule:
        check_name(name, "schedule")
        _checked_choice("catch_up", catch_up, CatchUp)
        _checked_choice("overlap", overlap, Overlap)
        _check_options(name, call)
        # Enqueued by nobody who could be told that the queue is full, it is not refused.
        job = replace(self._template(call), id="", run_at=0, max_waiting=None)
        if overlap == "skip":
            # A task's own word on what is the same says it already, and of calls beside the schedule too.
            own = job.unique_key if job.unique_for is None and not job.policy.unique_until_started else None
            job = replace(
                job, unique_key=own or f"schedule:{name}", unique_for=None, replaces=False,
                policy=replace(job.policy, unique_until_started=False), survives="crash" if job.survives == "nothing" else job.survives,
            )  # fmt: skip
        elif job.unique_for is not None or job.replaces:
            raise ConfigurationError(
                f"schedule {name!r}: overlap='allow' and a task with Unique(within=...) or Unique(conflict='replace') do not go "
                "together; overlap='skip' enqueues one at a time"
            )
        _check_catch_up(name, catch_up, job)
        return Schedule(name, times.text, job, None, catch_up=catch_up, jitter=_checked_jitter(jitter))


def _times(cron: str | None, every: float | timedelta | None, tz: str | None) -> Cron | Every:
    if (cron is None) == (every is None):
        raise ConfigurationError('a schedule fires by cron= or every=: give one of them, e.g. cron="0 9 * * mon-fri" or every=60')
    if every is None:
        return Cron(cron or "", "UTC" if tz is None else tz)
    if tz is not None:
        raise ConfigurationError(f"every={every!r} is the same in any time zone; leave out tz={tz!r}")
    return Every(every)


def _edited_times(schedule: Schedule, cron: str | None, every: float | timedelta | None, tz: str | None) -> Cron | Every:
    """In the zone that it had, unless another is given. What it had may be a line that is none any more: then it is not asked."""
    if every is not None or (cron is not None and tz is not None):
        return _times(cron, every, tz)
    try:
        times = schedule.times
    except ConfigurationError:
        if cron is None:
            raise
        return _times(cron, None, "UTC")
    if cron is not None:
        return _times(cron, None, times.tz if isinstance(times, Cron) else "UTC")
    if not isinstance(times, Cron):
        raise ConfigurationError(f"tz={tz!r}: schedule {schedule.name!r} fires every {times.period / 1000:g} s, in any time zone")
    return Cron(times.expression, tz or "UTC")


def _check_options(name: str, call: AnyCall) -> None:
    if not isinstance(call, Call):
        raise ArgumentError(
            f"schedule {name!r}: give a call, such as task.call(7) or task.options(queue='slow').call(7); {call!r} is none"
        )
    options = call.options
    if options.id is not None or options.delay or options.run_at is not None or options.unique is not None:
        raise ArgumentError(
            f"schedule {name!r}: it says by itself when and how often; leave out id=, delay=, at=, unique=, debounce= and throttle= (see "
            "overlap= and jitter=)"
        )
    if options.expires_at is not None:
        raise ArgumentError(
            f"schedule {name!r}: expires= is a moment, and each job has its own; give seconds from when it is due"
        )


def _checked_choice(name: str, value: Any, choices: Any) -> Any:
    allowed = get_args(choices)
    if value not in allowed:
        raise ConfigurationError(f"{name}={value!r}: give {' or '.join(map(repr, allowed))}")
    return value


def _check_catch_up(name: str, catch_up: CatchUp, job: NewJob) -> None:
    if catch_up == "all" and job.unique_key is not None:
        raise ConfigurationError(
            f"schedule {name!r}: catch_up='all' enqueues a job for each time that was missed, and of its jobs only one may be there at a time: "
            "where it is declared or added, give overlap='allow' and a task without unique="
        )


def _checked_jitter(jitter: float | timedelta) -> float:
    seconds = jitter.total_seconds() if isinstance(jitter, timedelta) else jitter
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST_JITTER:
        raise ConfigurationError(f"jitter={jitter!r}: give seconds from 0 to a day, or a timedelta")
    return float(seconds)
