"""Which jobs of a key stand in the queue, and which are held until one of theirs has ended.

In each queue the first of a key that are due, as many as may run at once, stand without a hold; a claim doesn't wade through the
others, however many they are: the rest is put aside as it comes, and let go one for one. Where one of another queue was faster, or
one that fell due later comes first (scheduled, retried), a claim that meets one too many puts it aside.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

from asyncjobs.job import PRIORITY_STEP, Hold
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import ENQUEUED_AT, HOLD, KEY, POLICY, PRIORITY, QUEUE, RUN_AT, Row, dumps, is_keyed, policy_of


def admit(cursor: sqlite3.Cursor, rows: Sequence[Row]) -> Sequence[Row]:
    """These new rows, with a hold on those that are due and come after as many of their key and queue as may run at once."""
    if not any(map(is_keyed, rows)):
        return rows
    stored: dict[tuple[str, str, int], int] = {}
    fresh = Counter[tuple[str, str, int]]()  # (key, queue, priority) of those before in this batch that have no hold
    admitted = []
    for row in rows:
        if is_keyed(row) and row[RUN_AT] <= row[ENQUEUED_AT]:
            place, limit = (row[KEY], row[QUEUE], row[PRIORITY]), policy_of(row[POLICY]).key_limit
            if place not in stored:
                stored[place] = _before(cursor, *place, row[ENQUEUED_AT], limit)
            if stored[place] + sum(fresh[row[KEY], row[QUEUE], priority] for priority in range(row[PRIORITY] + 1)) >= limit:
                row = (*row[:HOLD], Hold.KEY.value, *row[HOLD + 1 :])
            else:
                fresh[place] += 1
        admitted.append(row)
    return admitted


def release(cursor: sqlite3.Cursor, keys: Iterable[str], now: int) -> list[str]:
    """Let go what these keys have room for, in each queue its first in claim order; the queue of each job that is."""
    released = []
    for key in keys:
        held = cursor.execute(sql.KEY_HELD, (key,)).fetchone()
        if held is None:
            continue
        room = policy_of(held[0]).key_limit - running(cursor, [key])[key]
        for (queue,) in cursor.execute(sql.KEY_HELD_IN, {"key": key}).fetchall() if room > 0 else ():
            asked = {"key": key, "queue": queue, "now": now, "limit": room}
            first = sorted(cursor.execute(sql.FIRST_OF_KEY, asked).fetchall())[:room]
            let_go = [seq for _, seq, hold in first if hold]
            cursor.execute(sql.HOLD, (Hold.NONE.value, dumps(let_go)))
            released += [queue] * len(let_go)
    return released


def running(cursor: sqlite3.Cursor, keys: Iterable[str]) -> dict[str, int]:
    """How many jobs of each of these keys run."""
    return dict(cursor.execute(sql.KEYS_RUNNING, (dumps(list(keys)),)).fetchall())


def _before(cursor: sqlite3.Cursor, key: str, queue: str, priority: int, now: int, limit: int) -> int:
    """How many of this key run, or are due in this queue without a hold and come before one of this priority that is due now."""
    asked = {"key": key, "queue": queue, "now": now, "before": now + PRIORITY_STEP * priority, "limit": limit}
    ((count,),) = cursor.execute(sql.KEY_TAKEN, asked).fetchall()
    return int(count)
