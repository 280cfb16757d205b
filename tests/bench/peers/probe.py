"""What a measured job does: it tells that it began."""

from __future__ import annotations

import asyncio
import itertools
import time


class Probe:
    """Counts the starts of jobs, on the event loop or in threads. Moments are seconds of `time.perf_counter`."""

    def __init__(self) -> None:
        self.count = 0  # written by hit; behind by a few while threads are at it
        self.first_at = 0.0  # moment of the first start since expect; written by hit
        self._numbers = itertools.count(1)  # next() is atomic, where += in two threads would lose a start
        self._expected = 0
        self._reached: asyncio.Future[float] | None = None

    def expect(self, count: int) -> asyncio.Future[float]:
        """Count anew; the future gives the moment of the `count`-th start from now on."""
        self.count = 0
        self._numbers = itertools.count(1)
        self._expected = count
        self._reached = asyncio.get_running_loop().create_future()
        return self._reached

    def hit(self) -> None:
        """To be the first line of the job."""
        now = time.perf_counter()
        number = next(self._numbers)
        self.count = number
        if number == 1:
            self.first_at = now
        if number == self._expected and self._reached is not None:
            self._reached.get_loop().call_soon_threadsafe(_resolve, self._reached, now)


def _resolve(future: asyncio.Future[float], moment: float) -> None:
    if not future.done():
        future.set_result(moment)


# One a process, and a global: some peers import the job's function by its name, so it can reach nothing that was passed along.
PROBE = Probe()
