"""What the pages need of a Jobs, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from asyncjobs.explain import Explanation
from asyncjobs.job import Job
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import Page


class Source(Protocol):
    """Where the numbers come from. `Jobs` is one; a test writes its own."""

    @property
    def started(self) -> bool:
        """Whether the runner is up in this process. Costs nothing."""

    @property
    def problems(self) -> Mapping[str, str]:
        """Part of this process's runner → what is wrong with it; empty when it is well. Costs nothing, never fails."""

    async def list(
        self, *, state: str | None, queue: str | None, task: str | None, error: str | None, limit: int, after: str | None
    ) -> Page:
        """See `Jobs.list`. Raises as `stats`; ConfigurationError for a state that is none."""

    async def get(self, id: str) -> Job | None:
        """The job of this id. Raises as `stats`."""

    async def explain(self, id: str) -> Explanation | None:
        """Why it is not running. Raises as `stats`."""

    async def stats(self) -> Snapshot:
        """Where everything stands now. Raises an AsyncJobsError when that can't be known: NotStarted, StoreUnavailable."""
