"""A job's columns and the Job: the only place that knows their order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from asyncjobs.job import AttemptRecord, Error, Hold, Job, NewJob, Policy, Progress, State
from asyncjobs.json_text import encoder
from asyncjobs.pause import Pause
from asyncjobs.store.base import Condition, RunnerInfo

STATES: tuple[State, ...] = (State.QUEUED, State.RUNNING, State.SUCCEEDED, State.FAILED, State.CANCELLED)
NUMBERS = {state: number for number, state in enumerate(STATES)}
HOLDS = {hold.value: hold for hold in Hold}

COLUMNS = (
    "id, name, queue, state, args, meta, priority, policy, survives, enqueued_at, scheduled_at, run_at, attempt, token, crashes, "
    "hold, runner, cancel_requested, unique_key, started_at, finished_at, result, error, progress, attempts, key, expires_at"
)
INSERTED = "id, name, queue, args, meta, priority, policy, survives, enqueued_at, scheduled_at, run_at, unique_key"
EXTENDED = f"{INSERTED}, key, hold, expires_at"  # of new jobs of which one has a key, or expires
Row = tuple[Any, ...]  # of a new job: the values of INSERTED, or of EXTENDED
ID, QUEUE, PRIORITY, POLICY, ENQUEUED_AT, RUN_AT, UNIQUE_KEY, KEY, HOLD = (
    EXTENDED.split(", ").index(column)
    for column in ("id", "queue", "priority", "policy", "enqueued_at", "run_at", "unique_key", "key", "hold")
)


def job_of(row: Sequence[Any]) -> Job:
    """The Job of a row of COLUMNS."""
    return Job(
        row[0], row[1], row[2], STATES[row[3]], row[4], row[5], row[6], policy_of(row[7]), row[8], row[9], row[10], row[11],
        row[12], row[13], row[14], HOLDS[row[15]], row[16], bool(row[17]), row[18], row[19], row[20], row[21],
        error_of(row[22]), _progress_of(row[23]), attempts_of(row[24]), row[25], row[26],
    )  # fmt: skip


def insert_of(job: NewJob, now: int) -> Row:
    """The values of INSERTED, or of EXTENDED where they don't say it all."""
    due = max(job.run_at, now)
    row = (
        job.id, job.name, job.queue, job.args, job.meta, job.priority, policy_text(job.policy), job.survives, now, due, due,
        None if job.unique_for is not None else job.unique_key,
    )  # fmt: skip
    return row if job.key is None and job.expires_at is None else (*row, job.key, 0, job.expires_at)


def is_extended(row: Row) -> bool:
    return len(row) > KEY


def has_extended(rows: Sequence[Row]) -> bool:
    return max(map(len, rows)) > KEY


def is_keyed(row: Row) -> bool:
    return len(row) > KEY and row[KEY] is not None


@lru_cache(maxsize=1024)  # policies are few: one a task, and what options() made of them
def policy_text(policy: Policy) -> str:
    fields = [policy.max_attempts, policy.backoff, policy.jitter, policy.retry_queue, policy.timeout, policy.keep_result]
    more = [policy.key_limit, policy.unique_until_started, policy.retry_within]
    return dumps(fields if more == [1, False, None] else fields + more)


@lru_cache(maxsize=1024)
def policy_of(text: str) -> Policy:
    attempts, backoff, jitter, queue, timeout, keep, *more = json.loads(text)
    return Policy(attempts, tuple(backoff) if isinstance(backoff, list) else backoff, jitter, queue, timeout, keep, *more)


def askable(text: str) -> str | bytes:
    """For a comparison. What is no valid text is in no row: as bytes it is comparable, and equal to none."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")
    return text


def pause_of(changed_at: int, said: str) -> Pause:
    return Pause(changed_at, *json.loads(said))


def dumps(value: object) -> str:
    """JSON in ASCII: NUL and lone surrogates travel as escapes, which SQLite's text could not hold."""
    return _encode(value)


_encode = encoder(allow_nan=True)


def error_text(error: Error | None) -> str | None:
    return None if error is None else dumps([error.type, error.message, error.traceback])


def error_of(text: str | None) -> Error | None:
    return None if text is None else Error(*json.loads(text))


def progress_text(progress: Progress) -> str:
    return dumps([progress.done, progress.total, progress.note])


def _progress_of(text: str | None) -> Progress | None:
    return None if text is None else Progress(*json.loads(text))


def attempts_text(records: Sequence[AttemptRecord]) -> str:
    return dumps(
        [
            [
                r.number,
                r.outcome,
                r.runner,
                r.started_at,
                r.ended_at,
                None if r.error is None else [r.error.type, r.error.message, r.error.traceback],
            ]
            for r in records
        ]
    )


def attempts_of(text: str | None) -> tuple[AttemptRecord, ...]:
    if text is None:
        return ()
    return tuple(
        AttemptRecord(number, outcome, runner, started, ended, None if error is None else Error(*error))
        for number, outcome, runner, started, ended, error in json.loads(text)
    )


def condition_text(condition: Condition) -> str:
    return dumps([condition.at, condition.lag, condition.memory, condition.python])


def condition_of(text: str | None) -> Condition | None:
    return None if text is None else Condition(*json.loads(text))


def runner_of(row: Sequence[Any]) -> RunnerInfo:
    """The RunnerInfo of (id, pid, host, version, started_at, queues, tasks)."""
    return RunnerInfo(row[0], row[1], row[2], row[3], row[4], json.loads(row[5]), frozenset(json.loads(row[6])))
