"""What the database of a folder holds, read with plain SQL: the judge does not trust the library's own reading."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED = STATES = ("queued", "running", "succeeded", "failed", "cancelled")
KILLED_ITS_PROCESS = "KilledItsProcess"


@dataclass(frozen=True, slots=True)
class Record:
    """One attempt as its job keeps it."""

    number: int
    outcome: str
    runner: str
    started_at: int
    guilty: bool = False  # lost, and found to have killed its process


@dataclass(frozen=True, slots=True)
class Row:
    """One job. error: the type of its last one."""

    id: str
    task: str
    queue: str
    state: str
    attempt: int
    token: int
    crashes: int
    held: bool
    result: str | None
    error: str | None
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Found:
    """counters: (queue, key) → n. history: (task, metric) → n over all times, queues and histogram buckets; by_queue likewise
    by (queue, metric)."""

    integrity: str
    rows: Mapping[str, Row]
    counters: Mapping[tuple[str, str], int]
    history: Mapping[tuple[str, str], int]
    by_queue: Mapping[tuple[str, str], int]
    runners: int
    signs: Counter[str] = field(default_factory=Counter)  # files of the runners' folder, by suffix


def find(folder: Path) -> Found:
    """Everything, at once; nobody may be writing any more."""
    connection = sqlite3.connect(f"file:{folder / 'jobs.db'}?mode=ro", uri=True)
    try:
        ((integrity,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
        rows = {row.id: row for row in map(_row, connection.execute(_ROWS))}
        counters = {(queue, key): n for queue, key, n in connection.execute("SELECT queue, key, n FROM counters")}
        history = {(task, metric): n for task, metric, n in connection.execute(_HISTORY.format("task"))}
        by_queue = {(queue, metric): n for queue, metric, n in connection.execute(_HISTORY.format("queue"))}
        ((runners,),) = connection.execute("SELECT count(*) FROM runners").fetchall()
    finally:
        connection.close()
    signs = Counter(path.suffix for path in folder.glob("jobs.db.runners/*"))
    return Found(integrity, rows, counters, history, by_queue, runners, signs)


_ROWS = "SELECT id, name, queue, state, attempt, token, crashes, hold, result, error, attempts FROM jobs"
_HISTORY = "SELECT {0}, metric, sum(n) FROM history GROUP BY {0}, metric"


def _row(row: tuple[str, str, str, int, int, int, int, int, str | None, str | None, str | None]) -> Row:
    id, task, queue, state, attempt, token, crashes, hold, result, error, attempts = row
    records = tuple(
        Record(number, outcome, runner, started_at, outcome == "lost" and error_of_it is not None)
        for number, outcome, runner, started_at, _, error_of_it in json.loads(attempts or "[]")
    )
    kind = None if error is None else json.loads(error)[0]
    return Row(id, task, queue, STATES[state], attempt, token, crashes, bool(hold), result, kind, records)
