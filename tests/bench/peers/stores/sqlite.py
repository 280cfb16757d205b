"""An SQLite file."""

from __future__ import annotations

import shutil
from pathlib import Path


def fresh(folder: Path, name: str) -> Path:
    """Where `name`'s file may be made; nothing of an earlier one is left."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.db"
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(path.with_name(path.name + ".runners"), ignore_errors=True)  # asyncjobs' lock files
    return path


def copies(count: int) -> str:
    """SQL: a table `copy` of so many rows, to repeat another by a join."""
    return f"(WITH RECURSIVE copy(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM copy WHERE i < {count}) SELECT i FROM copy)"
