"""The contract of store/timetable.py in plain Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from asyncjobs.job import NewJob
from asyncjobs.schedule import Fire, Schedule
from asyncjobs.store.base import Inserted
from asyncjobs.store.memory_data import MemoryData


class Insert(Protocol):
    def __call__(self, jobs: Sequence[NewJob], *, now: int) -> Awaitable[Sequence[Inserted]]: ...


class MemoryTimetable:
    """A handle's view of the schedules in its data. Nothing here waits: inserting into memory doesn't."""

    def __init__(self, data: Callable[[], MemoryData], insert: Insert) -> None:
        self._data = data  # raises StoreClosed
        self._insert = insert

    async def all(self) -> Sequence[Schedule]:
        return [schedule for _, schedule in sorted(self._data().schedules.items())]

    async def declare(self, schedules: Sequence[Schedule], *, now: int) -> None:
        for schedule in schedules:
            before = self._data().schedules.get(schedule.name)
            if before is None:
                self._keep(schedule)
            elif before.declared != schedule.declared:
                next_at = before.next_at if before.when == schedule.when else schedule.next_at
                self._keep(
                    replace(
                        before, when=schedule.when, job=schedule.job, next_at=next_at, catch_up=schedule.catch_up,
                        jitter=schedule.jitter, declared=schedule.declared,
                    )
                )  # fmt: skip

    async def put(self, schedule: Schedule, *, now: int) -> bool:
        before = self._data().schedules.get(schedule.name)
        if schedule.version != (0 if before is None else before.version):
            return False
        self._keep(schedule)
        return True

    async def remove(self, name: str) -> bool:
        data = self._data()
        data.schedule_version += 1
        return data.schedules.pop(name, None) is not None

    async def fire(self, fires: Sequence[Fire], *, now: int) -> Sequence[bool]:
        return [await self._fire(fire, now) for fire in fires]

    async def _fire(self, fire: Fire, now: int) -> bool:
        schedule = self._data().schedules.get(fire.name)
        if schedule is None or schedule.version != fire.version or schedule.paused is not None:
            return False
        inserted = await self._insert(fire.jobs, now=now)
        moved = replace(schedule, next_at=fire.next_at)
        if fire.at is not None:
            last_job = inserted[-1].id if inserted else schedule.last_job
            moved = replace(moved, fired=schedule.fired + len(fire.jobs), last_at=fire.at, last_job=last_job)
        self._keep(moved)
        return True

    def _keep(self, schedule: Schedule) -> None:
        data = self._data()
        data.schedule_version += 1
        data.schedules[schedule.name] = replace(schedule, version=data.schedule_version)
