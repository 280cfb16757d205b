"""A schedule: what is enqueued again and again, and when. Inert, as a job is: stores keep it, the scheduler fires it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from asyncjobs.cron import Cron, Every
from asyncjobs.errors import ConfigurationError
from asyncjobs.job import NewJob
from asyncjobs.json_text import encoder
from asyncjobs.pause import Pause
from asyncjobs.record import record

CatchUp = Literal["latest", "skip", "all"]
Overlap = Literal["skip", "allow"]

LATE = 60_000  # ms after its time from which a fire is a missed one: a stall or a restart of the app is no reason to skip
AT_ONCE = 50  # missed times of one schedule that are made good in one commit
AHEAD = (
    3_600_000  # ms by which the last fire may lie in the future, the clock having been set back, before it is taken for a mistake
)

_dumps = encoder(allow_nan=False)


@record
class Schedule:
    """A stored schedule. Times are ms.

    when: see `times_of`. job: what each fire inserts, but for id and time; its `expires_at` is counted from when it is due. next_at: the first time that was not fired for yet;
    None when there is no more. jitter: seconds by which each job is put off at random. declared: how the code says it, None for
    what was added at run time. fired, last_at, last_job: how often, and for which time and with which job it fired last.
    version: grows with every change, a fire included.
    """

    name: str
    when: str
    job: NewJob
    next_at: int | None
    catch_up: CatchUp = "latest"
    jitter: float = 0.0
    declared: str | None = None
    paused: Pause | None = None
    fired: int = 0
    last_at: int | None = None
    last_job: str | None = None
    version: int = 0

    @property
    def times(self) -> Cron | Every:
        """When it fires."""
        return times_of(self.when)

    def due(self, now: int) -> tuple[Sequence[int], int | None]:
        """The times to fire for now, by `catch_up`, and the one to wait for after them."""
        if self.next_at is None or self.paused is not None or self.next_at > now:
            return [], self.next_at
        passed: list[int] = []
        at: int | None = self.next_at
        while at is not None and at <= now:
            if self.catch_up != "all":
                # However many have passed, only the last counts: look for it in a stride that ends there.
                passed = [self._last_up_to(at, now)]
                at = self.times.after(passed[0])
            elif len(passed) < AT_ONCE:
                passed.append(at)
                at = self.times.after(at)
            else:
                break
        if self.catch_up == "skip":
            passed = [at for at in passed if at > now - LATE]
        return passed, at

    def coming(self, most: int) -> list[int]:
        """When it fires next and after that, in ms; one alone where a version of its line can't be read here."""
        times: list[int] = []
        at = self.next_at
        while at is not None and len(times) < most:
            times.append(at)
            try:
                at = self.times.after(at)
            except ConfigurationError:
                break
        return times

    def first_after(self, now: int) -> int | None:
        """The first time to fire for after now, by this clock: a `next_at` beyond it was set by one that was ahead.

        A clock that was set back makes nothing fire again; set back by more than an hour it was wrong before, and is followed.
        """
        fired_again = self.last_at is not None and now < self.last_at <= now + AHEAD
        return self.times.after(self.last_at if fired_again and self.last_at is not None else now)

    def job_at(self, id: str, at: int, delay: int = 0) -> NewJob:
        """The job of this time, put off by so many ms; `meta` says which time that is, which the job's own times don't when it is
        late."""
        meta = json.loads(self.job.meta) | {"schedule": self.name, "time": datetime.fromtimestamp(at / 1000, UTC).isoformat()}
        due, expires = at + delay, self.job.expires_at
        return replace(self.job, id=id, run_at=due, meta=_dumps(meta), expires_at=None if expires is None else due + expires)

    def _last_up_to(self, first: int, now: int) -> int:
        """The last time to fire that is not after `now`; `first` is one."""
        back = 1_000
        while now - back > first:
            found = self.times.after(now - back)
            if found is not None and found <= now:
                first = found
                break
            back *= 2
        while (following := self.times.after(first)) is not None and following <= now:
            first = following
        return first


@record
class Fire:
    """One schedule fires: for a time (or several, missed ones), each with the job that it inserts. Void once `version` is over."""

    name: str
    version: int
    at: int | None  # the last of the times; None when they were skipped
    next_at: int | None
    jobs: Sequence[NewJob] = ()


# --- what stores make of it ------------------------------------------------------------------------------------------


def redeclared(before: Schedule | None, given: Schedule) -> Schedule | None:
    """What is to be kept where the code says `given`; None: what there is."""
    if before is None:
        return given
    if before.declared == given.declared:
        return None
    return replace(
        given, next_at=before.next_at if before.when == given.when else given.next_at, paused=before.paused, fired=before.fired,
        last_at=before.last_at, last_job=before.last_job,
    )  # fmt: skip


def is_void(schedule: Schedule, fire: Fire) -> bool:
    """Whether this fire comes too late: the schedule is paused, or another one by now."""
    return schedule.version != fire.version or schedule.paused is not None


def moved(schedule: Schedule, fire: Fire, inserted: Sequence[str]) -> Schedule:
    """The schedule once the fire's jobs stand under these ids."""
    if fire.at is None:
        return replace(schedule, next_at=fire.next_at)
    last_job = inserted[-1] if inserted else schedule.last_job
    return replace(schedule, next_at=fire.next_at, fired=schedule.fired + len(fire.jobs), last_at=fire.at, last_job=last_job)


@lru_cache(maxsize=1024)
def times_of(when: str) -> Cron | Every:
    """What `Cron.text` or `Every.text` says."""
    kind, _, rest = when.partition(" ")
    if kind == "every":
        return Every(int(rest) / 1000)
    tz, _, expression = rest.partition(" ")
    return Cron(expression, tz)


def declaration(schedule: Schedule) -> str:
    """All that the code says of it, as one text to compare."""
    return _dumps({"when": schedule.when, "catch_up": schedule.catch_up, "jitter": schedule.jitter, "job": _said(schedule.job)})


def _said(value: Any) -> Any:
    """Without what is as it is by default: a field that a later version adds makes no other declaration of the same code."""
    if not is_dataclass(value):
        return value
    given = [field for field in fields(value) if getattr(value, field.name) != field.default]
    return {field.name: _said(getattr(value, field.name)) for field in given}
