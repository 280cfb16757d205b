"""A past for a database file: queues whose tasks were busy in each minute, as the page draws it."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from random import Random

from asyncjobs.flow import BESIDE, DAY, HOUR
from asyncjobs.store.base import HISTORY_STEP, Metric
from asyncjobs.store.tally import NO_BUCKET, total_of

COUNTED = (Metric.ENQUEUED, Metric.STARTED, Metric.SUCCEEDED, Metric.FAILURES)
STEPS = 4  # of a histogram that a task's minute fills: some times a faster one, some times a slower


def give_past(path: Path, queues: int, tasks: int) -> None:
    """So many queues of so many tasks: of the last hour, and of the two around the same time a day before. Nobody has the file open."""
    chance, now = Random(1), time.time_ns() // 1_000_000
    minutes = [
        at - at % HISTORY_STEP
        for since, until in ((now - DAY - BESIDE, now - DAY + BESIDE), (now - HOUR, now))
        for at in range(since, until, HISTORY_STEP)
    ]
    rows = [
        row
        for at in minutes
        for queue in range(queues)
        for task in range(tasks)
        for row in _minute(at, f"queue-{queue}", f"app.tasks:task_{queue}_{task}", chance)
    ]
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO history (at, queue, task, metric, bucket, n) VALUES (?, ?, ?, ?, ?, ?)", rows)
        totals = [(f"queue-{queue}", total_of(metric), 1_000_000) for queue in range(queues) for metric in COUNTED]
        connection.executemany("INSERT INTO counters (queue, key, n) VALUES (?, ?, ?)", totals)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _minute(at: int, queue: str, task: str, chance: Random) -> list[tuple[int, str, str, str, int, int]]:
    counts = [(at, queue, task, metric.value, NO_BUCKET, chance.randint(1, 50)) for metric in COUNTED]
    steps = [
        (at, queue, task, metric.value, bucket, chance.randint(1, 20))
        for metric in (Metric.WAIT, Metric.RUN)
        for bucket in chance.sample(range(2, 14), STEPS)
    ]
    return counts + steps
