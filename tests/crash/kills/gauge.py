"""A page of memory that a process shares with its parent: how loaded it is at this moment, exact when it is dead too."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CALLERS = 8  # must be waiting for an answer at a kill
BUSY = 0.3  # of all slots at least, on the slowest machine; the others stand between an end and the claim that is under way
_FIELDS = ("callers", "quiet", "point", "passings", "inside", "victims", "acknowledged")
_SIZE = mmap.PAGESIZE


@dataclass(frozen=True, slots=True)
class Load:
    """What the gauge showed at one moment. due: jobs waiting that are due, by queue."""

    callers: int
    quiet: bool
    busy: Mapping[str, int]
    due: Mapping[str, int]
    slots: Mapping[str, int]

    @property
    def share(self) -> float:
        """Of the slots, how many were busy."""
        return sum(self.busy.values()) / sum(self.slots.values())

    @property
    def full(self) -> bool:
        """Enough callers wait; no slot is free for want of work, or because claims have stopped for a lone suspect."""
        return (
            self.callers >= CALLERS
            and not self.quiet
            and self.share >= BUSY
            and all(self.busy[queue] + self.due[queue] >= limit for queue, limit in self.slots.items())
        )


class Gauge:
    """Integers by name. Each is written by one thread of the child; the parent reads."""

    def __init__(self, path: Path, slots: Mapping[str, int]) -> None:
        with path.open("w+b") as file:
            file.truncate(_SIZE)
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._cells = memoryview(self._map).cast("q")
        names = [*_FIELDS, *(f"{what} {queue}" for what in ("busy", "due") for queue in slots)]
        self._index = {name: index for index, name in enumerate(names)}
        self._slots = dict(slots)

    def get(self, name: str) -> int:
        return self._cells[self._index[name]]

    def set(self, name: str, value: int) -> None:
        self._cells[self._index[name]] = value

    def add(self, name: str, change: int) -> None:
        self._cells[self._index[name]] += change

    @property
    def load(self) -> Load:
        return Load(
            callers=self.get("callers"),
            quiet=bool(self.get("quiet")),
            busy={queue: self.get(f"busy {queue}") for queue in self._slots},
            due={queue: self.get(f"due {queue}") for queue in self._slots},
            slots=self._slots,
        )

    def close(self) -> None:
        self._cells.release()
        self._map.close()
