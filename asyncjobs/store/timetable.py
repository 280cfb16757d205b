"""The schedules that a store keeps: a part of the seam of its own, since jobs know nothing of them.

The contract (each clause is a named test in tests/store/contract/test_timetable.py):

- Durable on return, as the store's other verbs; over a power cut too.
- Every change gives a schedule a version that none has had before in this store, and is seen in `Beat.schedules`.
- A fire is carried out only while its schedule has the version that it names and is not paused: its jobs are inserted and the
  schedule moves on in one change. Of processes that fire for the same time one does; there is no leader.
- Data never raises: what is void or unknown comes back as a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from asyncjobs.schedule import Fire, Schedule


class Timetable(Protocol):
    """A store's schedules, by name."""

    async def all(self) -> Sequence[Schedule]:
        """Every schedule, in order of name."""

    async def declare(self, schedules: Sequence[Schedule], *, now: int) -> None:
        """Have these as the code says (`declared` is set).

        One that was declared alike before stays as it is, whatever was changed at run time since. Else it becomes as given, but
        keeps its pause and what it has fired; and its `next_at` where `when` is as it was.
        """

    async def put(self, schedule: Schedule, *, now: int) -> bool:
        """Have this in place of the one with its name and version; version 0: where there is none. Whether that was so."""

    async def remove(self, name: str) -> bool:
        """Forget this schedule; whether it was there. Its jobs stay."""

    async def fire(self, fires: Sequence[Fire], *, now: int) -> Sequence[bool]:
        """Insert the jobs of each fire that is not void, as `Store.insert` does, and move its schedule on; which were not void.

        What it has fired for moves on where it names a time: `fired` by the number of jobs, `last_job` to the last one's, or to
        the one that this met.
        """
