"""Names the job that blocks the event loop: while it does, nothing on the loop could say so."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback

from asyncjobs.clock import Clock, Timer

logger = logging.getLogger("asyncjobs.runner")

INTERVAL = 0.5  # seconds between signs of life from the loop, and between looks for them
PATIENCE = 1.0  # seconds without one before it is said
FRAMES = 12  # of the stack that are logged, the innermost


class Watchdog:
    """A daemon thread that watches the loop it was started on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched = 0  # the loop's thread
        self._alive_at = 0.0  # monotonic; written on the loop, read by the thread
        self._timer: Timer | None = None
        self._late = 0.0  # seconds; the most since lag() was called last
        self._over = threading.Event()

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._beat()
        threading.Thread(target=self._watch, name="asyncjobs watchdog", daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()

    def lag(self) -> float:
        """How many seconds the loop was late at most, since this was asked last."""
        late, self._late = self._late, 0.0
        return late

    def _beat(self) -> None:
        now = self._clock.monotonic()
        if self._timer is not None:
            self._late = max(self._late, now - self._alive_at - INTERVAL)
        self._alive_at = now
        self._timer = self._clock.call_later(INTERVAL, self._beat)

    def _watch(self) -> None:
        blocked_since: float | None = None
        while not self._over.wait(INTERVAL):
            alive_at = self._alive_at
            if blocked_since is not None and alive_at != blocked_since:
                logger.warning("the event loop goes on after %.1f s", alive_at - blocked_since)
                blocked_since = None
            elif blocked_since is None and self._clock.monotonic() - alive_at > PATIENCE:
                blocked_since = alive_at
                self._report()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._watched)
        stack = "".join(traceback.format_stack(frame, FRAMES)) if frame is not None else ""
        logger.error(
            "the event loop has been blocked for over %g s by %s; nothing else runs meanwhile. Blocking work belongs in a `def` "
            "task, which runs in a thread. It is here now:\n%s", PATIENCE, self._culprit(), stack,
        )  # fmt: skip

    def _culprit(self) -> str:
        task = asyncio.current_task(self._loop)
        if task is None:
            return "a callback"
        name = task.get_name()
        return f"job {name.removeprefix('asyncjobs job ')}" if name.startswith("asyncjobs job ") else f"the task {name!r}"
