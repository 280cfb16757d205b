"""Ours and its limit, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def alternate(pairs: int, ours: Callable[[], A], limit: Callable[[], B], *, warm: bool = False) -> list[tuple[A, B]]:
    """One slice of each in every pair, the other one first each time: what drifts, or is slow to recover, falls on both.

    warm: one slice of each before, which doesn't count.
    """
    both = []
    if warm:
        ours(), limit()
    for number in range(pairs):
        if number % 2:
            other = limit()
            both.append((ours(), other))
        else:
            mine = ours()
            both.append((mine, limit()))
    return both


def percentile(samples: list[float], fraction: float) -> float:
    """The sample below which this fraction of them lies; the highest for 1."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]
