"""What a process holds at one moment: memory, descriptors, threads, and the bytes of its database. Linux only, as /proc is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

KNOWN = Path("/proc/self/status").exists()  # whether this system tells
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Footprint:
    """at: monotonic seconds. rss, database, log (its -wal): bytes."""

    at: float
    rss: int
    descriptors: int
    threads: int
    database: int
    log: int


def footprint(pid: int, database: Path) -> Footprint:
    """Raises OSError when the process is gone."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {pid} has ended")  # a zombie still has a status
    return Footprint(
        at=time.monotonic(),
        rss=int(status["VmRSS"].split()[0]) * 1024,
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=int(status["Threads"]),
        database=_size(database),
        log=_size(database.with_name(database.name + "-wal")),
    )


def _size(path: Path) -> int:
    """By stat: the process may have it open, and so may SQLite in this one."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class Sampler:
    """Calls `take` on a thread of its own at a steady pace, from entering until leaving; an error of it comes out there."""

    def __init__(self, take: Callable[[], None], pace: float) -> None:
        self._take = take
        self._pace = pace  # seconds
        self._over = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._over.wait(max(due - time.monotonic(), 0)):
                self._take()
                due = max(due + self._pace, time.monotonic())
        except Exception as error:  # carried to whoever waits for the samples
            self._error = error
