"""How often jobs may start: so many in a time, evenly, with a bucket for those that come at once after a quiet while.

Reckoned as in GCRA (ITU-T I.371): one number says when the next start would be due if each had its full interval.
"""

from __future__ import annotations

import math
import re

from asyncjobs.errors import ConfigurationError
from asyncjobs.record import record

UNITS = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}  # seconds
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)?\s*(s|sec|min|h|d)\s*", re.ASCII)

# A claim comes some milliseconds after a start was due. What that costs is made up for, as far as this, or the rate would not be
# reached: at 10/s three milliseconds each are three per cent. After a quiet interval nothing was due, and nothing is made up for.
LATENESS = 50.0  # ms, but half an interval at most
_ROUNDING = 1e-9  # of a float that came of a whole number
SKEW = 1_000  # ms by which the clocks of two claims may differ: one was asked earlier, and carried out later


@record
class Rate:
    """`interval` ms between two starts, of which `burst` may come at once."""

    interval: float
    burst: int = 1

    @classmethod
    def of(cls, text: object, burst: int | None = None) -> Rate:
        """What "10/s", "100/min", "5/h", "1/d" or "3/10s" says; burst None: a tenth of a second's worth, one at least.

        Raises ConfigurationError.
        """
        found = _TEXT.fullmatch(text) if isinstance(text, str) else None
        count = float(found[1]) if found else 0.0
        seconds = float(found[2] or 1) * UNITS[found[3]] if found else 0.0
        if not count or not 0 < seconds <= 366 * 86_400 or seconds / count > 366 * 86_400 or count / seconds > 1e6:
            raise ConfigurationError(
                f'rate={text!r}: give how many jobs may start in which time, e.g. "10/s", "100/min", "5/h", "1/d" or "3/10s"'
            )
        if burst is not None and (isinstance(burst, bool) or not isinstance(burst, int) or not 1 <= burst <= 1_000_000):
            raise ConfigurationError(f"burst={burst!r}: give how many jobs may start at once after a quiet time, from 1")
        return cls(seconds * 1000 / count, max(1, math.ceil(count / seconds / 10)) if burst is None else burst)

    def settled(self, spent_to: float, now: int) -> float:
        """`spent_to`, unless no spending can have led there: the clock was set back since, or the rate raised. Then a full bucket.

        Whoever spends keeps it: the next start is due when that has run out, not when the clock has made up for its step.
        """
        full = now + self.burst * self.interval
        return full if spent_to > full + SKEW else spent_to

    def __str__(self) -> str:
        """10/s, 100/min, 2.5/d: per the first unit that makes the count whole, else per the first that makes it one or more."""
        counts = [(UNITS[unit] * 1000 / self.interval, unit) for unit in ("s", "min", "h", "d")]
        some = [(count, unit) for count, unit in counts if count > 1 - _ROUNDING]
        whole = [(count, unit) for count, unit in some if abs(count - round(count)) < _ROUNDING * count]
        count, unit = (whole or some or counts[-1:])[0]
        return f"{count:.7g}/{unit}"

    @property
    def per_second(self) -> float:
        return 1000 / self.interval

    def room(self, spent_to: float, now: int) -> int:
        """How many may start now. spent_to: as `spend` has left it, 0 in the beginning."""
        ahead = self._begin(spent_to, now) - now
        return max(math.floor(self.burst - ahead / self.interval + 1e-6), 0)

    def spend(self, spent_to: float, now: int, count: int) -> float:
        """`spent_to` once so many have started."""
        return self._begin(spent_to, now) + count * self.interval

    def next_at(self, spent_to: float, now: int) -> int:
        """When there is room for one (ms); not after `now` where there is."""
        return math.ceil(self._begin(spent_to, now) - (self.burst - 1) * self.interval - 1e-6)

    def _begin(self, spent_to: float, now: int) -> float:
        """Where the next start is reckoned from: no earlier than what may be made up for, no later than a full bucket (the
        clock was set back)."""
        late = 0.0 if now - spent_to > self.interval else min(LATENESS, self.interval / 2)
        return min(max(spent_to, now - late), now + self.burst * self.interval)
