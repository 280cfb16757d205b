"""How this process is: how late its event loop comes, and how much memory it has."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable

from asyncjobs.clock import Clock
from asyncjobs.store.base import Condition

EVERY = 10.0  # seconds between two reports; one costs a commit that waits for no disk
_STATM = "/proc/self/statm"  # Linux: sizes in pages, the second one resident


class Reporter:
    """Says how this process is, every so often."""

    def __init__(self, clock: Clock, lag: Callable[[], float]) -> None:
        self._clock = clock
        self._lag = lag  # seconds that the loop was late at most, since it was asked last
        self._said_at: float | None = None  # monotonic

    def due(self) -> Condition | None:
        """What is to be reported now, if anything."""
        now = self._clock.monotonic()
        if self._said_at is not None and now - self._said_at < EVERY:
            return None
        self._said_at = now
        return Condition(self._clock.now(), self._lag(), resident(), platform.python_version())


def resident() -> int | None:
    """Bytes of memory that this process has in RAM; None where the system doesn't tell."""
    try:
        with open(_STATM, "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None
