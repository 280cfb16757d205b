"""The schedules of a database file: each verb as an operation for the writer, or a read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from asyncjobs.job import NewJob
from asyncjobs.pause import Pause
from asyncjobs.schedule import Fire, Schedule, is_void, moved, redeclared
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite import uniques
from asyncjobs.store.sqlite.reader import SQLiteReader
from asyncjobs.store.sqlite.rows import askable, dumps, policy_of, policy_text
from asyncjobs.store.sqlite.transaction import Rank, Transaction
from asyncjobs.store.sqlite.writer import Writer


class SQLiteTimetable:
    """Of one handle on the file."""

    def __init__(self, writing: Callable[[int], Writer], reader: SQLiteReader) -> None:
        self._writing = writing  # the writer, told of this `now`; raises StoreClosed
        self._reader = reader

    async def all(self) -> Sequence[Schedule]:
        return await self._reader.read(_all)

    async def declare(self, schedules: Sequence[Schedule], *, now: int) -> None:
        def act(transaction: Transaction) -> None:
            for schedule in schedules:
                _declare(transaction, schedule)

        await self._change(now, act)

    async def put(self, schedule: Schedule, *, now: int) -> bool:
        return await self._change(now, lambda transaction: _put(transaction, schedule))  # type: ignore[no-any-return]

    async def remove(self, name: str) -> bool:
        def act(transaction: Transaction) -> bool:
            transaction.cursor.execute(sql.NEXT_VERSION).fetchall()
            return transaction.cursor.execute(sql.REMOVE_SCHEDULE, (askable(name),)).rowcount == 1

        return await self._change(0, act)  # type: ignore[no-any-return]

    async def fire(self, fires: Sequence[Fire], *, now: int) -> Sequence[bool]:
        return await self._change(now, lambda transaction: [_fire(transaction, fire, now) for fire in fires])  # type: ignore[no-any-return]

    async def _change(self, now: int, act: Callable[[Transaction], Any]) -> Any:
        return await self._writing(now).submit(Rank.CHANGE, act, synced=True, now=now)


def last_version(cursor: sqlite3.Cursor) -> int:
    """That a schedule was given."""
    ((version,),) = cursor.execute(sql.LAST_VERSION).fetchall()
    return int(version)


def _all(cursor: sqlite3.Cursor) -> list[Schedule]:
    return [_schedule_of(row) for row in cursor.execute(sql.SCHEDULES).fetchall()]


def _declare(transaction: Transaction, schedule: Schedule) -> None:
    if (kept := redeclared(_named(transaction, schedule.name), schedule)) is not None:
        _keep(transaction, kept)


def _put(transaction: Transaction, schedule: Schedule) -> bool:
    before = _named(transaction, schedule.name)
    if schedule.version != (0 if before is None else before.version):
        return False
    _keep(transaction, schedule)
    return True


def _fire(transaction: Transaction, fire: Fire, now: int) -> bool:
    schedule = _named(transaction, fire.name)
    if schedule is None or is_void(schedule, fire):
        return False
    inserted = uniques.insert(transaction, fire.jobs, now)
    _keep(transaction, moved(schedule, fire, [one.id for one in inserted]))
    return True


def _named(transaction: Transaction, name: str) -> Schedule | None:
    row = transaction.cursor.execute(sql.SCHEDULE, (askable(name),)).fetchone()
    return None if row is None else _schedule_of(row)


def _keep(transaction: Transaction, schedule: Schedule) -> None:
    ((version,),) = transaction.cursor.execute(sql.NEXT_VERSION).fetchall()
    paused = schedule.paused
    transaction.cursor.execute(
        sql.KEEP_SCHEDULE,
        (
            schedule.name, schedule.when, _job_text(schedule.job), schedule.next_at, schedule.catch_up, schedule.jitter,
            schedule.declared, None if paused is None else dumps([paused.since, paused.by, paused.why]), schedule.fired,
            schedule.last_at, schedule.last_job, version,
        ),
    )  # fmt: skip


def _schedule_of(row: Sequence[Any]) -> Schedule:
    paused = None if row[7] is None else Pause(*json.loads(row[7]))
    return Schedule(row[0], row[1], _job_of(row[2]), row[3], row[4], row[5], row[6], paused, row[8], row[9], row[10], row[11])


def _job_text(job: NewJob) -> str:
    return dumps(
        [
            job.name, job.queue, job.args, job.meta, job.priority, policy_text(job.policy), job.unique_key, job.survives, job.key,
            job.expires_at,
        ]
    )  # fmt: skip


def _job_of(text: str) -> NewJob:
    name, queue, args, meta, priority, policy, unique_key, survives, *more = json.loads(text)
    key, expires_at = more or (None, None)  # none before schema 10
    return NewJob(
        "", name, queue, 0, args, meta, priority=priority, policy=policy_of(policy), unique_key=unique_key, survives=survives,
        key=key, expires_at=expires_at,
    )  # fmt: skip
