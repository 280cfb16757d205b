"""What the ledger proves about one contender."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.server import Ledger


@dataclass(frozen=True, slots=True)
class Restart:
    """When the processes before it were gone, and when the new one gave its first answer (monotonic ns)."""

    over_at: int
    answered_at: int


@dataclass(frozen=True, slots=True)
class Life:
    """Of the processes between two ends (monotonic ns)."""

    began_at: int
    over_at: int


@dataclass(frozen=True, slots=True)
class Figures:
    """acknowledged: pieces of work that a client was told are accepted. lost: of these, never ended. resumed: for each
    restart that found interrupted work, seconds from its first answer until the first of it began again; None for never.
    """

    acknowledged: int
    lost: int
    ended_twice: int
    begun_twice: int
    interrupted: int
    resumed: Sequence[float | None]

    @property
    def median_resumed(self) -> float | None:
        """None where it never did."""
        known = [seconds for seconds in self.resumed if seconds is not None]
        return statistics.median(known) if known else None

    @property
    def worst_resumed(self) -> float | None:
        """None where it once never did."""
        known = [seconds for seconds in self.resumed if seconds is not None]
        return max(known) if known and len(known) == len(self.resumed) else None


def judge(ledger: Ledger, restarts: Sequence[Restart]) -> Figures:
    acknowledged = {name: int(at) for name, at in ledger.lines("ack")}
    starts = _times(ledger.lines("start"))
    ends = _times(ledger.lines("end"))
    interrupted = 0
    resumed: list[float | None] = []
    began_at = 0
    for restart in restarts:
        cut = _interrupted(acknowledged, starts, ends, Life(began_at, restart.over_at))
        interrupted += len(cut)
        if cut:
            resumed.append(_resumed(cut, starts, restart))
        began_at = restart.over_at
    return Figures(
        acknowledged=len(acknowledged),
        lost=len(acknowledged.keys() - ends.keys()),
        ended_twice=sum(len(times) > 1 for times in ends.values()),
        begun_twice=sum(len(times) > 1 for times in starts.values()),
        interrupted=interrupted,
        resumed=resumed,
    )


def _times(lines: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    times: dict[str, list[int]] = {}
    for name, at in lines:
        times.setdefault(name, []).append(int(at))
    return times


def _interrupted(acknowledged: dict[str, int], starts: dict[str, list[int]], ends: dict[str, list[int]], life: Life) -> list[str]:
    """What had been acknowledged, had begun in this life, and had not ended with it."""
    return [
        name
        for name, at in acknowledged.items()
        if at < life.over_at
        and any(life.began_at < start < life.over_at for start in starts.get(name, ()))
        and not any(end < life.over_at for end in ends.get(name, ()))
    ]


def _resumed(cut: Sequence[str], starts: dict[str, list[int]], restart: Restart) -> float | None:
    again = [start for name in cut for start in starts[name] if start > restart.over_at]
    return max(min(again) - restart.answered_at, 0) / 1e9 if again else None
