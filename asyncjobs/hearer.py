"""Who is told of a change, so as to look at once instead of at the next beat."""

from __future__ import annotations

from typing import Protocol


class Hearer(Protocol):
    """This process's `Runner`, where it has one."""

    def beat(self) -> None:
        """Look for what was changed: cancel requests, pauses."""

    def ring_all(self) -> None:
        """Anything may have become claimable."""

    def look_at_schedules(self) -> None:
        """They have changed."""


class Nobody:
    """Runs nothing here: the store tells the processes that do, and the rest they find at their beats."""

    def beat(self) -> None: ...

    def ring_all(self) -> None: ...

    def look_at_schedules(self) -> None: ...
