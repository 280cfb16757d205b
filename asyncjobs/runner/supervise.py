"""Keeps a loop alive: one that dies is named in the log and in health, and started again after a pause that grows."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from asyncjobs.clock import Clock, sleep
from asyncjobs.errors import StoreMismatch, StoreUnavailable
from asyncjobs.runner.health import Health

logger = logging.getLogger("asyncjobs.runner")

FIRST_PAUSE = 0.1  # seconds; doubles with each failure in a row
LONGEST_PAUSE = 5.0  # seconds; what a store's recovery waits for at most, so not longer
# Seconds a loop has to run for health to call it well: each loop does something within one. Where it fails again and again,
# twice as long as it ran the last time, since what it fails at may take longer.
PROVEN = 2.0
STEADY = 60.0  # seconds a loop has to run for its earlier failures to be forgotten


def pause_after(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row, spread so that siblings don't return together."""
    longest = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 16), LONGEST_PAUSE)
    return longest * (0.5 + chance / 2)


async def keep(part: str, loop: Callable[[], Awaitable[None]], clock: Clock, health: Health) -> None:
    """Run `loop` until it returns, again each time it raises. Health says so meanwhile.

    It catches every Exception: whatever a loop trips over must degrade the runner, not end the app.
    """
    failures, lasted = 0, 0.0
    while True:
        began = clock.monotonic()
        proven = clock.call_later(max(PROVEN, 2 * lasted) if failures > 1 else PROVEN, lambda: health.good(part))
        crash: Exception | None = None
        reason: str | None = None  # why it didn't come to its end
        try:
            await loop()
        except StoreUnavailable as error:
            reason = error.reason
        except StoreMismatch as error:  # found late, by a start that was degraded: said, not a crash
            reason = str(error)
        except Exception as error:
            crash, reason = error, f"crashed: {type(error).__name__}: {error}"
        finally:
            proven.cancel()
        with suppress(Exception):  # of the app's log handlers: theirs end no loop of ours
            if reason is not None:
                health.bad(part, reason)
            else:
                health.good(part)
            if crash is not None:
                logger.error("asyncjobs: the %s loop crashed and is started again", part, exc_info=crash)
        if reason is None:
            return
        lasted = clock.monotonic() - began
        failures = 1 if lasted > STEADY else failures + 1
        await sleep(clock, pause_after(failures, clock.random()))
