"""What the pages need of a Jobs, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from asyncjobs.explain import Explanation
from asyncjobs.job import Job, Only
from asyncjobs.queue import Queue
from asyncjobs.schedule import Schedule
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import Act, Cancellation, HistoryBucket, Page, Storage


class Selected(Protocol):
    """Jobs that match."""

    async def ids(self, *, most: int | None) -> Sequence[str]: ...

    async def retry(self, *, spread: float, most: int | None) -> int: ...

    async def cancel(self, *, most: int | None) -> int: ...

    async def discard(self, *, most: int | None) -> int: ...


class Timetable(Protocol):
    """`Jobs.schedules`."""

    async def pause(self, name: str, *, by: str, why: str) -> object: ...

    async def resume(self, name: str) -> object: ...

    async def run_now(self, name: str) -> object: ...

    async def get(self, name: str) -> Schedule: ...

    async def edit(
        self,
        name: str,
        *,
        cron: str | None = None,
        every: float | None = None,
        tz: str | None = None,
        jitter: float | None = None,
    ) -> object: ...


class Source(Protocol):
    """Where the numbers come from. `Jobs` is one; a test writes its own."""

    @property
    def started(self) -> bool:
        """Whether the runner is up in this process. Costs nothing."""

    @property
    def problems(self) -> Mapping[str, str]:
        """Part of this process's runner → what is wrong with it; empty when it is well. Costs nothing, never fails."""

    async def list(
        self,
        *,
        state: str | None,
        queue: str | None,
        task: str | None,
        error: str | None,
        text: str | None,
        since: datetime | None,
        until: datetime | None,
        only: Only | None,
        limit: int,
        after: str | None,
    ) -> Page:
        """See `Jobs.list`. Raises as `stats`; ConfigurationError for a state that is none."""

    async def get(self, id: str) -> Job | None:
        """The job of this id. Raises as `stats`."""

    async def explain(self, id: str) -> Explanation | None:
        """Why it is not running. Raises as `stats`."""

    def whereabouts(self, id: str) -> str | None:
        """See `Jobs.whereabouts`. Costs some microseconds. Raises as `stats`."""

    async def retry(self, ids: Sequence[str]) -> Mapping[str, bool]:
        """See `Jobs`, as all verbs below. Raise as `stats`, and ConfigurationError or ArgumentError for what can't be."""

    async def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancellation]: ...

    async def discard(self, ids: Sequence[str]) -> Mapping[str, bool]: ...

    def where(
        self,
        *,
        state: str | None,
        queue: str | None,
        task: str | None,
        error: str | None,
        text: str | None,
        since: datetime | None,
        until: datetime | None,
        only: Only | None,
    ) -> Selected: ...

    async def pause(self, queue: str | None = None, *, task: str | None = None, by: str, why: str) -> None: ...

    async def resume(self, queue: str | None = None, *, task: str | None = None) -> None: ...

    def limits(self, queue: str) -> Queue: ...

    async def set_limits(self, queue: str, limits: Queue | None, *, keep: bool = False) -> None: ...

    async def storage(self) -> Storage:
        """What keeps the jobs. Raises as `stats`."""

    async def check(self) -> Sequence[str]: ...

    async def backup(self) -> str: ...

    @property
    def schedules(self) -> Timetable: ...

    async def acts(self, limit: int) -> Sequence[Act]:
        """What was done by hand, newest first."""

    async def record_act(self, who: str, verb: str, target: str, count: int) -> None:
        """Keep what was done by hand."""

    async def history(self, *, since: float, step: float) -> Sequence[HistoryBucket]:
        """See `Jobs.history`. Raises as `stats`."""

    async def stats(self) -> Snapshot:
        """Where everything stands now. Raises an AsyncJobsError when that can't be known: NotStarted, StoreUnavailable."""
