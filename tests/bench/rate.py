"""So many in so many seconds, and what that took of the processor."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """seconds: of the wall. cpu: seconds of all the process's threads."""

    count: int
    seconds: float
    cpu: float

    @property
    def a_second(self) -> float:
        return self.count / self.seconds

    @property
    def cpu_each(self) -> float:
        """Microseconds; 0 where nothing was done."""
        return self.cpu / self.count * 1e6 if self.count else 0.0


class Stopwatch:
    """Goes from its making."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._cpu = time.process_time()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def rate(self, count: int) -> Rate:
        return Rate(count, self.seconds, time.process_time() - self._cpu)
