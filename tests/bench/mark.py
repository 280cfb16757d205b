"""A number to reach, and whether a row of the table reaches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Of = Literal["middle", "low", "high", "ratio", "excess", "cpu"]
_SAID = {
    "middle": "{n}{unit}", "low": "{n}{unit} each", "high": "{n}{unit} each", "ratio": "{n} ×", "excess": "beside + {n}{unit}",
    "cpu": "{n} µs a job",
}  # fmt: skip


class Figures(Protocol):
    """What a mark looks at. None stands for what was not measured, and reaches nothing."""

    @property
    def middle(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def ratio(self) -> float | None: ...
    @property
    def excess(self) -> float | None: ...
    @property
    def cpu(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """of: which figure; at: the number; least: the figure must be at least that, else at most."""

    of: Of
    at: float
    least: bool = False

    def is_met(self, row: Figures) -> bool:
        figure = getattr(row, self.of)
        if figure is None:
            return False
        return bool(figure >= self.at if self.least else figure <= self.at)

    def said(self, unit: str) -> str:
        """In words, of a row in this unit, as it stands behind a number."""
        number = f"{self.at:,.0f}" if self.at >= 1000 else f"{self.at:g}"
        return f"{'≥' if self.least else '≤'} {_SAID[self.of].format(n=number, unit=unit)}"


@dataclass(frozen=True, slots=True)
class Either:
    """One of these is enough."""

    marks: tuple[Mark, ...]

    def is_met(self, row: Figures) -> bool:
        return any(mark.is_met(row) for mark in self.marks)

    def said(self, unit: str) -> str:
        return " or ".join(mark.said(unit) for mark in self.marks)


Goal = Mark | Either


def at_least(at: float, of: Of = "middle") -> Mark:
    return Mark(of, at, least=True)


def at_most(at: float, of: Of = "middle") -> Mark:
    return Mark(of, at)
