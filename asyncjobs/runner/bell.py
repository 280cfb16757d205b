"""A wake-up that is remembered: rung before or during the wait, it ends it."""

from __future__ import annotations

import asyncio

from asyncjobs.clock import Clock


class Bell:
    """Level-triggered, one waiter. The waiter runs in the loop's next turn after a ring, with nothing in between: what it
    submits to the store then still shares the commit of what was submitted right after the ring."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """End the wait, or the next one."""
        if not self._rung:  # else who waited has been woken already
            self._rung = True
            self._wake()

    def quiet(self) -> None:
        """Forget earlier rings: what they were about is being looked at."""
        self._rung = False

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for a ring, at most `seconds` of the clock's time; whether it has rung. Clears it."""
        if not self._rung:
            self._waiter = asyncio.get_running_loop().create_future()
            timer = None if seconds is None else self._clock.call_later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        rung, self._rung = self._rung, False
        return rung

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
