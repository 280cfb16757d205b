"""What a claim would look at for one job, read in one go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from asyncjobs.job import PRIORITIES, PRIORITY_STEP, Job
from asyncjobs.store.base import AHEAD_LIMIT, HOLDERS, RunnerStats, Situation
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import askable, job_of, pause_of


def situation(cursor: sqlite3.Cursor, id: str, now: int, runners: Callable[[], list[RunnerStats]]) -> Situation | None:
    """See Reader.situation."""
    row = cursor.execute(sql.SEQ_AND_JOB, (askable(id),)).fetchone()
    if row is None:
        return None
    seq, job = row[0], job_of(row[1:])
    queue_pauses = {queue: pause_of(at, said) for queue, paused, at, said in cursor.execute(sql.PAUSES) if paused}
    task_pauses = {task: pause_of(at, said) for task, at, said in cursor.execute(sql.TASK_PAUSES)}
    running = cursor.execute(sql.RUNNING_IN, (job.queue,)).fetchall()
    of_key = _of_key(cursor, job, seq, now) if job.key is not None else []
    ahead = {priority: _ahead(cursor, job, seq, priority, now) for priority in PRIORITIES}
    spent = cursor.execute(sql.SPENT, (job.queue,)).fetchone()
    return Situation(
        now,
        job,
        queue_pauses.get(job.queue),
        task_pauses.get(job.name),
        runners(),
        running[:HOLDERS],
        len(running),
        of_key[:HOLDERS],
        len(of_key),
        sum(ahead.values()),
        sum(count for priority, count in ahead.items() if priority < job.priority),
        0.0 if spent is None else spent[0],
    )


def _ahead(cursor: sqlite3.Cursor, job: Job, seq: int, priority: int, now: int) -> int:
    """How many due jobs of this priority come first. At equal rank insertion decides, over priorities too."""
    run_at = job.run_at + PRIORITY_STEP * (job.priority - priority)
    ((count,),) = cursor.execute(sql.AHEAD, (job.queue, priority, run_at, seq, now, AHEAD_LIMIT)).fetchall()
    return int(count)


def _of_key(cursor: sqlite3.Cursor, job: Job, seq: int, now: int) -> list[str]:
    limit = max(HOLDERS, job.policy.key_limit)
    runs = [id for (id,) in cursor.execute(sql.KEY_RUNS, (job.key, job.id))]
    due = [
        (run_at + PRIORITY_STEP * priority, at, id)
        for priority in PRIORITIES
        for id, run_at, at in cursor.execute(sql.KEY_DUE, (job.key, job.queue, priority, now, job.id, limit))
    ]
    first = [id for order, at, id in sorted(due) if (order, at) < (job.run_at + PRIORITY_STEP * job.priority, seq)]
    return (runs + first)[:limit]
