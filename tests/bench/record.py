"""The rows as JSON, with what a reader must know of the machine."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.bench.row import Row

PACKAGES = ("asgi-asyncjobs", "aiosqlite", "starlette", "uvicorn", "uvloop", "httptools")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When, where, with what. seconds: that the whole took. load: the machine's load average before it."""

    command: str
    date: str
    seconds: float
    machine: dict[str, object]
    versions: dict[str, str]

    @property
    def sentence(self) -> str:
        """For under a table."""
        known = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"`{self.command}` ({self.machine['cores']} cores, {self.machine['cpu']}; {known}), {self.date[:10]}."


def circumstances(command: str, seconds: float, load: float) -> Circumstances:
    return Circumstances(
        command=command,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        machine={"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform(), "load_before": load},
        versions={"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, **_versions()},
    )


def record(rows: Sequence[Row], around: Circumstances) -> dict[str, object]:
    return {
        "date": around.date, "command": around.command, "seconds": around.seconds,
        "machine": around.machine, "versions": around.versions, "rows": [_row(row) for row in rows],
    }  # fmt: skip


def write(path: Path, rows: Sequence[Row], around: Circumstances) -> None:
    path.write_text(json.dumps(record(rows, around), indent=2, ensure_ascii=False) + "\n")


def _row(row: Row) -> dict[str, object]:
    return {
        "name": row.name, "what": row.what, "unit": row.unit, "ours": list(row.ours),
        "limit": None if row.limit is None else list(row.limit), "median": row.middle, "low": row.low, "high": row.high,
        "limit_median": row.limit_middle, "ratio": row.ratio, "excess": row.excess, "cpu_us": row.cpu,
        "beside": row.beside, "bars": [bar.said(row.unit_behind) for bar in row.bars],
        "aims": [aim.said(row.unit_behind) for aim in row.aims], "verdict": row.verdict.name.lower(), "note": row.note,
    }  # fmt: skip


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # uvloop and httptools are used when they are there
            continue
    return found
