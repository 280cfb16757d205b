"""Figures beside what they may be at most: how the measuring programs judge and print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """detail: what a reader wants to know when it is not kept."""

    what: str
    measured: float
    most: float
    unit: str = ""
    detail: str = ""

    @property
    def is_kept(self) -> bool:
        return self.measured <= self.most

    def __str__(self) -> str:
        verdict = "" if self.is_kept else f"   NOT KEPT {self.detail}".rstrip()
        return f"{self.what:<58}{self.measured:>12,.6g} {self.unit:<4} at most {self.most:,.6g}{verdict}"


def broken(bounds: Sequence[Bound]) -> list[Bound]:
    return [bound for bound in bounds if not bound.is_kept]


def record(bounds: Sequence[Bound]) -> list[dict[str, object]]:
    """For JSON."""
    return [{**asdict(bound), "kept": bound.is_kept} for bound in bounds]
