"""Which jobs of a key stand in the queue, and which are held until one of theirs has ended.

At most as many as may run at once are due without a hold, so a claim doesn't wade through the others, however many they are: the
rest is put aside as it comes, and let go one for one. Those that fall due later (scheduled, retried) stand in the queue with
them; a claim that meets one too many puts it aside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from asyncjobs.job import PRIORITY_STEP, Hold
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import ENQUEUED_AT, HOLD, KEY, POLICY, RUN_AT, Row, dumps, is_keyed, policy_of


def admit(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> Sequence[Row]:
    """These new rows, with a hold on those that are due and whose key has no place left."""
    if not any(map(is_keyed, rows)):
        return rows
    taken: dict[str, int] = {}
    admitted = []
    for row in rows:
        if is_keyed(row) and row[RUN_AT] <= row[ENQUEUED_AT]:
            key, limit = row[KEY], policy_of(row[POLICY]).key_limit
            if key not in taken:
                taken[key] = _taken(cursor, key, row[ENQUEUED_AT], limit)
            if taken[key] >= limit:
                row = (*row[:HOLD], Hold.KEY.value, *row[HOLD + 1 :])
            else:
                taken[key] += 1
        admitted.append(row)
    return admitted


def release(cursor: sqlite3.Cursor, keys: Iterable[str], now: int) -> list[str]:
    """Let go what these keys have room for, of each its first in claim order; the queue of each job that is."""
    queues = []
    for key in keys:
        held = cursor.execute(sql.KEY_HELD, (key,)).fetchone()
        if held is None:
            continue
        limit = policy_of(held[0]).key_limit
        room = limit - _taken(cursor, key, now, limit)
        if room <= 0:
            continue
        waiting = cursor.execute(sql.HELD_BY_KEY, {"key": key, "limit": room}).fetchall()
        first = sorted((run_at + PRIORITY_STEP * priority, seq, queue) for priority, seq, run_at, queue in waiting)[:room]
        cursor.execute(sql.HOLD, (Hold.NONE.value, dumps([seq for _, seq, _ in first])))
        queues += [queue for _, _, queue in first]
    return queues


def running(cursor: sqlite3.Cursor, keys: Iterable[str]) -> dict[str, int]:
    """How many jobs of each of these keys run."""
    return dict(cursor.execute(sql.KEYS_RUNNING, (dumps(list(keys)),)).fetchall())


def _taken(cursor: sqlite3.Cursor, key: str, now: int, limit: int) -> int:
    """How many places of this key are taken: by what runs, and by what is about to."""
    ((count,),) = cursor.execute(sql.KEY_TAKEN, {"key": key, "now": now, "limit": limit}).fetchall()
    return int(count)
