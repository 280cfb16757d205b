"""What the machine itself takes for a commit, all the while: a drift of the disk or of the neighbours is none of ours."""

from __future__ import annotations

import sqlite3
import statistics
import time
from pathlib import Path

COMMITS = 5


class Yardstick:
    """A small synced commit on a bare connection to a file of its own. For one thread, whichever it is."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE marks (n INTEGER)"):
            self._connection.execute(statement).fetchall()

    def measure(self) -> float:
        """Milliseconds of the middle one of a few commits."""
        return statistics.median(self._commit() for _ in range(COMMITS))

    def _commit(self) -> float:
        began = time.perf_counter()
        self._connection.execute("INSERT INTO marks VALUES (1)")
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self._connection.close()
