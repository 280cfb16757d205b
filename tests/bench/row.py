"""One row of the table: what was measured, its limit in the same run, and whether that is enough."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.bench.mark import Goal
from tests.bench.rate import Rate


class Verdict(StrEnum):
    """AIM: all that was hoped for. OPEN: nothing is asked of this row."""

    MISSED = "no"
    BAR = "bar"
    AIM = "aim"
    OPEN = ""


@dataclass(frozen=True, slots=True)
class Row:
    """ours, limit: one sample for each pair of slices, taken one after the other, so that a drift of the machine falls on both;
    limit is None where there is none. beside: in a word, what the limit is. cpu: µs of our process for each job. bars: all to be met; aims likewise, beyond them.
    name: for programs; the part before the dot says which rows belong together.
    """

    name: str
    what: str
    unit: str
    ours: Sequence[float]
    limit: Sequence[float] | None = None
    cpu: float | None = None
    bars: Sequence[Goal] = ()
    aims: Sequence[Goal] = ()
    note: str = ""
    beside: str = "bare"

    @property
    def unit_behind(self) -> str:
        """The unit as it stands behind a number."""
        return self.unit if self.unit in ("", "/s") else f" {self.unit}"

    @property
    def middle(self) -> float:
        return statistics.median(self.ours)

    @property
    def low(self) -> float:
        return min(self.ours)

    @property
    def high(self) -> float:
        return max(self.ours)

    @property
    def limit_middle(self) -> float | None:
        return None if self.limit is None else statistics.median(self.limit)

    @property
    def ratio(self) -> float | None:
        """The middle one of the pairs' ratios, which a noisy machine moves less than the ratio of the middles."""
        if self.limit is None or not all(self.limit):
            return None
        return statistics.median(a / b for a, b in zip(self.ours, self.limit, strict=True))

    @property
    def excess(self) -> float | None:
        """The middle one of what ours has above its limit."""
        return None if self.limit is None else statistics.median(a - b for a, b in zip(self.ours, self.limit, strict=True))

    @property
    def verdict(self) -> Verdict:
        if not all(bar.is_met(self) for bar in self.bars):
            return Verdict.MISSED
        if self.aims and all(aim.is_met(self) for aim in self.aims):
            return Verdict.AIM
        return Verdict.BAR if self.bars else Verdict.OPEN


def rates_row(
    name: str,
    what: str,
    pairs: Iterable[tuple[Rate, float]],
    bars: Sequence[Goal] = (),
    aims: Sequence[Goal] = (),
    note: str = "",
    beside: str = "bare",
) -> Row:
    """Of pairs of slices: our rate, and the limit's."""
    both = list(pairs)
    return Row(
        name, what, "/s", [rate.a_second for rate, _ in both], [limit for _, limit in both],
        statistics.median(rate.cpu_each for rate, _ in both), bars, aims, note, beside,
    )  # fmt: skip
