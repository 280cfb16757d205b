"""Stretches of time, and what they cover. Nanoseconds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

Window = tuple[int, int]  # from, to


class Windows:
    """Stretches of time, merged; answers how much of another stretch they cover."""

    def __init__(self, windows: Iterable[Window]) -> None:
        merged: list[Window] = []
        for begin, end in sorted(windows):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        self._windows = merged
        self._ends = [end for _, end in merged]

    def within(self, begin: int, end: int) -> list[Window]:
        """The covered parts of this stretch."""
        found = []
        for first, last in self._windows[bisect_left(self._ends, begin) :]:
            if first >= end:
                break
            found.append((max(first, begin), min(last, end)))
        return found

    def cover(self, begin: int, end: int) -> int:
        return sum(last - first for first, last in self.within(begin, end))
