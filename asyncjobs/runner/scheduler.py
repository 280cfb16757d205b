"""Fires schedules when their time has come.

Every process does that for the schedules that it declares, and for those added at run time whose task it knows. The store lets one
of them through for each time; the others learn of it at their next beat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from asyncjobs.clock import Clock
from asyncjobs.errors import ConfigurationError
from asyncjobs.job import NewJob
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.health import Health
from asyncjobs.schedule import Fire, Schedule, times_of
from asyncjobs.store.base import CLOCK_STEP, Store

AT_ONCE = 100  # jobs of one commit, so that no enqueue waits long behind it
LOOK_ANYWAY = 10.0  # seconds: the wall clock may be set, or the machine have slept, while we wait by the other one


class Scheduler:
    """One process's part in firing schedules."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        declared: Mapping[str, Schedule],
        tasks: Mapping[str, Any],
        ring: Callable[[str, int], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._declared = declared  # by name, as the code says; grows while the app is imported
        self._tasks = tasks
        self._ring = ring  # a job of this queue is about to be due at this time (ms)
        self._told = 0  # the last version that the store has given a schedule, by its word
        self._made_known: set[str] = set()  # declared names that are in the store
        self._schedules: Sequence[Schedule] = ()  # those to fire here, as the store had them; written by run()
        self._sound: dict[str, int] = {}  # name → version, of those whose next time this clock may have set
        self._looked_at = 0  # ms; by the wall clock
        self._is_stale = True  # they are to be read (again); written by look(), declare(), _fire() and run()
        self._bell = Bell(clock)
        self._stopping = False

    def tell(self, version: int) -> None:
        """The version that the store gave a schedule last: another one than before means that there is news."""
        if version != self._told:
            self._told = version
            self.look()

    def look(self) -> None:
        """Read what there is, and declare what is new here."""
        self._is_stale = True
        self._bell.ring()

    def stop(self) -> None:
        """Fire no more."""
        self._stopping = True
        self._bell.ring()

    async def run(self) -> None:
        """Fire until stop()."""
        while not self._stopping:
            self._bell.quiet()
            await self.declare()
            if self._is_stale:
                self._is_stale = False  # first: there may be news while they are read
                self._schedules = [schedule for schedule in await self._store.timetable.all() if self._is_ours(schedule)]
            now = self._clock.now()
            await self._fire_all(now)
            if not self._is_stale:
                await self._bell.wait(self._seconds_to_next(now))

    async def declare(self) -> None:
        """Have in the store what the code says."""
        now = self._clock.now()
        if new := [schedule for name, schedule in self._declared.items() if name not in self._made_known]:
            await self._store.timetable.declare([replace(one, next_at=one.times.after(now)) for one in new], now=now)
            self._made_known |= {schedule.name for schedule in new}
            self._is_stale = True

    async def _fire_all(self, now: int) -> None:
        """Each that is due, some of its missed times if they are many."""
        if now < self._looked_at - CLOCK_STEP:
            self._sound.clear()
        self._looked_at = now
        fires: list[Fire] = []
        for schedule in self._schedules:
            if (fire := self._fire_of(schedule, now)) is None:
                continue
            fires.append(fire)
            await asyncio.sleep(0)  # a year of missed times takes a while to find
            if sum(len(one.jobs) for one in fires) >= AT_ONCE:
                await self._fire(fires, now)
                fires = []
        if fires:
            await self._fire(fires, now)

    def _fire_of(self, schedule: Schedule, now: int) -> Fire | None:
        times, next_at = schedule.due(now)
        if times or next_at != schedule.next_at:
            jobs = [self._job(schedule, at) for at in times]
            return Fire(schedule.name, schedule.version, times[-1] if times else None, next_at, jobs)
        if next_at is None or schedule.paused is not None or self._sound.get(schedule.name) == schedule.version:
            return None
        first = schedule.first_after(now)
        if first is not None and first < next_at:
            return Fire(schedule.name, schedule.version, None, first)
        self._sound[schedule.name] = schedule.version
        return None

    async def _fire(self, fires: Sequence[Fire], now: int) -> None:
        self._is_stale = True
        # Before the insert: the claim that this wakes then shares its commit.
        for job in (job for fire in fires for job in fire.jobs):
            self._ring(job.queue, job.run_at)
        await self._store.timetable.fire(fires, now=now)

    def _job(self, schedule: Schedule, at: int) -> NewJob:
        return schedule.job_at(self._clock.new_id(), at, round(schedule.jitter * self._clock.random() * 1000))

    def _is_ours(self, schedule: Schedule) -> bool:
        if schedule.declared is not None and schedule.name not in self._declared:
            return False  # gone from the code here: another version of it may still have it
        if schedule.job.name not in self._tasks:
            return False
        part = f"schedule {schedule.name}"
        try:
            times_of(schedule.when)
        except ConfigurationError as error:  # added by a process that knows more time zones
            self._health.bad(part, str(error))
            return False
        self._health.good(part)
        return True

    def _seconds_to_next(self, now: int) -> float:
        coming = [one.next_at for one in self._schedules if one.next_at is not None and one.paused is None]
        return min([LOOK_ANYWAY, *(max(at - now, 0) / 1000 for at in coming)])
