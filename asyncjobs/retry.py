"""When a failed attempt is tried again, and how long after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from asyncjobs.errors import ConfigurationError
from asyncjobs.function import is_function
from asyncjobs.record import frozen_record

logger = logging.getLogger("asyncjobs.attempt")

DEFAULT_ATTEMPTS = 20
MAX_ATTEMPTS = 1_000
MAX_DELAY = 366 * 86_400.0  # seconds; a longer wait is a mistake in a formula
FURTHEST = 10 * 366 * 86_400.0  # seconds; later than ten years is a mistake in a unit

# The default spread. F30 of the failure model asks that jobs which failed together come back over at least half of the
# interval: ± 25 % is exactly that, and keeps the mean where the formula puts it.
DEFAULT_JITTER = 0.25


@frozen_record
class Retry:
    """How often and how patiently a task is tried.

    attempts: runs in all, the first included; 1 means never again.
    backoff: seconds (or a timedelta) before each next attempt. None: attempt⁴ + 15 (the curve Sidekiq made known), 20 attempts of which
        span about a week. A number: always that. A sequence: the first after the first failure, and so on; its last one repeats.
    jitter: each delay is spread over ± this fraction of itself, so that what failed together doesn't return together.
    on: retry only these exception classes (or subclasses); None means every one.
    never: fail at once on these.
    queue: the queue that retries run in, so that what is broken doesn't stand in the way of what is new.
    within: seconds (or a timedelta) after the first attempt began within which the last one begins, however many are left.
    after: a function of the error that says how many seconds to wait (an HTTP 429's Retry-After, say); None from it: as backoff says.
    """

    attempts: int = DEFAULT_ATTEMPTS
    backoff: float | timedelta | Sequence[float | timedelta] | None = None
    jitter: float = DEFAULT_JITTER
    on: type[BaseException] | tuple[type[BaseException], ...] | None = None
    never: type[BaseException] | tuple[type[BaseException], ...] = ()
    queue: str | None = None
    within: float | timedelta | None = None
    after: Callable[[BaseException], float | timedelta | None] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise ConfigurationError(
                f"Retry(attempts={self.attempts!r}): the number of runs is a whole number from 1 (no retry) to {MAX_ATTEMPTS:,}"
            )
        if isinstance(self.jitter, bool) or not isinstance(self.jitter, (int, float)) or not 0 <= self.jitter <= 1:
            raise ConfigurationError(f"Retry(jitter={self.jitter!r}): the spread is a fraction from 0 to 1")
        object.__setattr__(self, "backoff", _checked_backoff(self.backoff))
        _check_classes("on", self.on)
        _check_classes("never", self.never)
        if self.on is not None and self.never != ():
            for one in self.on if isinstance(self.on, tuple) else (self.on,):
                if issubclass(one, self.never):
                    raise ConfigurationError(
                        f"Retry(on={one.__name__}, never=...) contradict each other: whatever is {one.__name__} fails at once by never=. Take it "
                        "out of one of them"
                    )
        if self.within is not None and not _is_seconds(self.seconds_within, FURTHEST):
            raise ConfigurationError(f"Retry(within={self.within!r}): give seconds above 0, ten years at most, or a timedelta")
        if self.after is not None and not is_function(self.after):
            raise ConfigurationError(
                f"Retry(after={self.after!r}): give a function (no class, no async def) of the error that returns seconds or None"
            )

    @property
    def seconds_within(self) -> float | None:
        """`within` in seconds."""
        return self.within.total_seconds() if isinstance(self.within, timedelta) else self.within

    def wait_after(self, error: BaseException) -> float | None:
        """What `after` says of this error, in seconds; None where it says nothing, or nothing that can be: that is logged."""
        if self.after is None:
            return None
        try:
            said = self.after(error)
            seconds = said.total_seconds() if isinstance(said, timedelta) else said
            if seconds is None or (_is_seconds(seconds, MAX_DELAY) or seconds == 0):
                return None if seconds is None else float(seconds)
        except Exception:
            logger.exception("Retry(after=...) failed on %r; the backoff says when", type(error).__name__)
        else:
            logger.error(
                "Retry(after=...) returned %r for %s; it takes seconds from 0 to a year, or None", said, type(error).__name__
            )
        return None

    @property
    def curve(self) -> float | tuple[float, ...] | None:
        """The backoff as a job stores it."""
        return self.backoff  # type: ignore[return-value]  # seconds, since __post_init__

    def allows(self, error: BaseException) -> bool:
        """Whether this error may be tried again at all, whatever attempts are left."""
        if isinstance(error, self.never):
            return False
        return self.on is None or isinstance(error, self.on)


def _checked_backoff(backoff: object) -> float | tuple[float, ...] | None:
    if backoff is None:
        return None
    one = isinstance(backoff, (int, float, timedelta))
    steps = (backoff,) if one else backoff
    if not isinstance(steps, Sequence) or isinstance(steps, (str, bytes)) or not steps:
        raise ConfigurationError(
            f"Retry(backoff={backoff!r}): give seconds (30), a sequence of seconds ([1, 10, 60]) or None for the default curve"
        )
    seconds = [step.total_seconds() if isinstance(step, timedelta) else step for step in steps]
    for step in seconds:
        if isinstance(step, bool) or not isinstance(step, (int, float)) or not 0 <= step <= MAX_DELAY:
            raise ConfigurationError(f"Retry(backoff={backoff!r}): {step!r} is not a number of seconds from 0 to a year")
    return float(seconds[0]) if one else tuple(map(float, seconds))


def _is_seconds(value: object, most: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value <= most


def _check_classes(name: str, classes: object) -> None:
    for one in classes if isinstance(classes, tuple) else (classes,) if classes is not None else ():
        if not (isinstance(one, type) and issubclass(one, BaseException)):
            raise ConfigurationError(f"Retry({name}={classes!r}): give exception classes, e.g. {name}=(OSError, TimeoutError)")


def delay(backoff: float | tuple[float, ...] | None, jitter: float, attempt: int, chance: float) -> float:
    """Seconds to wait after attempt number `attempt` (counted from 1) has failed.

    `chance` is a number from [0, 1): 0.5 gives the middle of the spread.
    """
    if backoff is None:
        seconds = float(attempt**4 + 15)
    elif isinstance(backoff, tuple):
        seconds = backoff[min(attempt, len(backoff)) - 1]
    else:
        seconds = backoff
    return min(seconds * (1 + jitter * (2 * chance - 1)), MAX_DELAY)
