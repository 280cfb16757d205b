"""Fires schedules when their time has come.

Every process does that for the schedules that it declares, and for those added at run time whose task it knows. The store lets one
of them through for each time; the others learn of it at their next beat.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from asyncjobs.clock import Clock
from asyncjobs.errors import ConfigurationError
from asyncjobs.job import NewJob
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.health import Health
from asyncjobs.schedule import Fire, Schedule, times_of
from asyncjobs.store.base import Store

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
        self._is_stale = True  # they are to be read (again); written by look() and run()
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
            await self._declare()
            if self._is_stale:
                self._is_stale = False  # first: there may be news while they are read
                self._schedules = [schedule for schedule in await self._store.timetable.all() if self._is_ours(schedule)]
            now = self._clock.now()
            if fires := self._fires(now):
                await self._fire(fires, now)
            else:
                await self._bell.wait(self._seconds_to_next(now))

    async def _declare(self) -> None:
        now = self._clock.now()
        if new := [schedule for name, schedule in self._declared.items() if name not in self._made_known]:
            await self._store.timetable.declare([replace(one, next_at=one.times.after(now)) for one in new], now=now)
            self._made_known |= {schedule.name for schedule in new}
            self._is_stale = True

    def _fires(self, now: int) -> list[Fire]:
        fires = []
        for schedule in self._schedules:
            times, next_at = schedule.due(now)
            if times or next_at != schedule.next_at:
                jobs = [self._job(schedule, at) for at in times]
                fires.append(Fire(schedule.name, schedule.version, times[-1] if times else None, next_at, jobs))
        return fires

    async def _fire(self, fires: Sequence[Fire], now: int) -> None:
        self._is_stale = True
        for job in (
            job for fire in fires for job in fire.jobs
        ):  # before the insert: the claim that this wakes then shares its commit
            self._ring(job.queue, job.run_at)
        await self._store.timetable.fire(fires, now=now)

    def _job(self, schedule: Schedule, at: int) -> NewJob:
        """What it inserts for this time; `meta` says which time that is, which the job's own times don't when it is late."""
        meta = json.loads(schedule.job.meta) | {
            "schedule": schedule.name,
            "time": datetime.fromtimestamp(at / 1000, UTC).isoformat(),
        }
        delay = round(schedule.jitter * self._clock.random() * 1000)
        return replace(schedule.job, id=self._clock.new_id(), run_at=at + delay, meta=json.dumps(meta))

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
