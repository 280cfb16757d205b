"""Another program that has the database open, in another process than the server's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import TracebackType


class Stranger:
    """Holds SQLite's lock from lock() to unlock(), or to the end of the block."""

    def __init__(self, database: Path) -> None:
        self._connection = sqlite3.connect(database, isolation_level=None)

    def lock(self) -> None:
        self._connection.execute("BEGIN EXCLUSIVE")

    def unlock(self) -> None:
        self._connection.execute("ROLLBACK")

    def __enter__(self) -> Stranger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()
