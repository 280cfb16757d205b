"""The contract of store/timetable.py in plain Python."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

from asyncjobs.job import NewJob
from asyncjobs.schedule import Fire, Schedule, is_void, moved, redeclared
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
            if (kept := redeclared(self._data().schedules.get(schedule.name), schedule)) is not None:
                self._keep(kept)

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
        if schedule is None or is_void(schedule, fire):
            return False
        inserted = await self._insert(fire.jobs, now=now)
        self._keep(moved(schedule, fire, [one.id for one in inserted]))
        return True

    def _keep(self, schedule: Schedule) -> None:
        data = self._data()
        data.schedule_version += 1
        data.schedules[schedule.name] = replace(schedule, version=data.schedule_version)
