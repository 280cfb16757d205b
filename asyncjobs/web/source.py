"""What the pages need of a Jobs, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from asyncjobs.stats import Snapshot


class Source(Protocol):
    """Where the numbers come from. `Jobs` is one; a test writes its own."""

    @property
    def started(self) -> bool:
        """Whether the runner is up in this process. Costs nothing."""

    @property
    def problems(self) -> Mapping[str, str]:
        """Part of this process's runner → what is wrong with it; empty when it is well. Costs nothing, never fails."""

    async def stats(self) -> Snapshot:
        """Where everything stands now. Raises an AsyncJobsError when that can't be known: NotStarted, StoreUnavailable."""
