"""Time that a test holds in its hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import weakref
from collections.abc import Callable

from asyncjobs import spawn

START = 1_800_000_000_000  # ms; any moment will do


class FakeTimer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """Stands still until `advance`. Works with the memory store, whose tasks wait for nothing outside of the loop."""

    def __init__(self, *, chance: float = 0.5) -> None:
        self._now = START
        self._seconds = 0.0
        self._chance = chance
        self._ids = itertools.count(1)
        self._order = itertools.count()
        self._timers: list[tuple[float, int, FakeTimer]] = []

    def now(self) -> int:
        return self._now + round(self._seconds * 1000)

    def monotonic(self) -> float:
        return self._seconds

    def random(self) -> float:
        return self._chance

    def new_id(self) -> str:
        return f"job-{next(self._ids)}"

    def call_later(self, seconds: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self._seconds + max(seconds, 0.0), next(self._order), timer))
        return timer

    def step_wall(self, seconds: float) -> None:
        """The wall clock is set; monotonic time doesn't notice."""
        self._now += round(seconds * 1000)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, and everything that it wakes come to rest."""
        await settled()
        until = self._seconds + seconds
        while self._timers and self._timers[0][0] <= until:
            self._seconds, _, timer = heapq.heappop(self._timers)
            if timer.callback is not None:
                timer.callback()
                await settled()
        self._seconds = until
        await settled()


_spawned: weakref.WeakSet[asyncio.Task[object]] = weakref.WeakSet()
_unregister = spawn._unregister_task


def _note(task: asyncio.Task[object]) -> None:
    _spawned.add(task)
    _unregister(task)


spawn._unregister_task = _note


def unlisted() -> set[asyncio.Task[object]]:
    """Tasks of this loop that are not done and that asyncio.all_tasks() doesn't list."""
    loop = asyncio.get_running_loop()
    return {task for task in _spawned if task.get_loop() is loop and not task.done()}


async def settled() -> None:
    """Return when every other task waits for something that has not happened yet."""
    me = asyncio.current_task()
    still = 0
    while still < 3:  # turns of the loop: a callback that is under way wakes its task one or two turns later
        await asyncio.sleep(0)
        others = (asyncio.all_tasks() | unlisted()) - {me}
        still = still + 1 if all(map(_waits, others)) else 0


def _waits(task: asyncio.Task[object]) -> bool:
    waiter = getattr(task, "_fut_waiter", None)
    return waiter is not None and not waiter.done()
