"""What the app measures of itself, second by second; each reading begins anew, so that nothing here grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.05  # seconds between looks at the loop


class Gauges:
    """Written by handlers and jobs, on the loop; read by the sample's handler, there too."""

    def __init__(self) -> None:
        self._enqueues: list[float] = []  # seconds
        self._starts: list[float] = []  # seconds
        self._lag = 0.0  # seconds, the worst

    @contextmanager
    def enqueueing(self) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._enqueues.append(time.perf_counter() - began)

    def started(self, asked_at: float) -> None:
        """A job's first line, asked for at this monotonic second."""
        self._starts.append(time.monotonic() - asked_at)

    async def watch_the_loop(self) -> None:
        """Until cancelled."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self._lag = max(self._lag, time.monotonic() - due)

    def read(self) -> dict[str, float | None]:
        """Milliseconds since the last reading; None where nothing happened."""
        reading = {
            "enqueue_p50": _percentile(self._enqueues, 0.5),
            "enqueue_p99": _percentile(self._enqueues, 0.99),
            "start_p50": _percentile(self._starts, 0.5),
            "start_p99": _percentile(self._starts, 0.99),
            "lag": self._lag * 1000,
        }
        self._enqueues, self._starts, self._lag = [], [], 0.0
        return reading


def _percentile(seconds: list[float], fraction: float) -> float | None:
    return sorted(seconds)[int(len(seconds) * fraction)] * 1000 if seconds else None
