"""What beats and prunes keep in order: times after a step of the clock, holds that are over, rows and pages that are no longer needed."""

from __future__ import annotations

from collections.abc import Mapping

from asyncjobs.job import PRIORITIES, State
from asyncjobs.store.base import HISTORY_STEP, HOUR, HOURS_KEPT, MINUTES_KEPT, RunnerInfo
from asyncjobs.store.sqlite import claiming
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import NUMBERS, dumps
from asyncjobs.store.sqlite.transaction import Transaction

PAGES_GIVEN_BACK = 256  # of the file, with each batch that is pruned
THINNED = 10 * HISTORY_STEP  # a divisor of the hour
UNHOLD_AT_ONCE = 5_000  # jobs of one commit


def make_due(transaction: Transaction, now: int) -> None:
    """The wall clock was set back: who waits must not wait until the clock has made up for it."""
    transaction.count_inserts()  # the counters, and what is to be added to them, name every queue that has jobs
    counted = transaction.cursor.execute(sql.COUNTED_QUEUES).fetchall()
    for queue in {queue for (queue,) in counted} | {queue for queue, _ in transaction.tally.counters}:
        for priority in PRIORITIES:
            transaction.cursor.execute(sql.MAKE_DUE, {"now": now, "queue": queue, "priority": priority})
        transaction.woken.add(queue)
    transaction.cursor.execute(sql.MAKE_HELD_DUE, {"now": now})
    transaction.make_room([key for (key,) in transaction.cursor.execute(sql.HELD_KEYS).fetchall()], now)


def unhold(transaction: Transaction, runner: RunnerInfo) -> None:
    """Give back to the queues of this runner what was held for want of somebody who knows its tasks."""
    if transaction.cursor.execute(sql.ANY_UNROUTABLE).fetchone() is not None:
        _let_go(transaction, sql.UNHOLD_KNOWN, tasks=claiming.names_text(runner.tasks), queues=dumps(list(runner.queues)))


def unhold_resumed(transaction: Transaction) -> None:
    """Give back what was held while its task was paused."""
    for (task,) in transaction.cursor.execute(sql.RESUMED_TASKS).fetchall():
        if _let_go(transaction, sql.UNHOLD_RESUMED, tasks=dumps([task])) < UNHOLD_AT_ONCE:
            transaction.cursor.execute(sql.FORGET_RESUMED, (task,))


def _let_go(transaction: Transaction, statement: str, **of: str) -> int:
    """Up to UNHOLD_AT_ONCE of these jobs; how many there were."""
    queues = transaction.cursor.execute(statement, {**of, "limit": UNHOLD_AT_ONCE}).fetchall()
    for (queue,) in queues:
        transaction.tally.held(queue, -1)
        transaction.woken.add(queue)
    return len(queues)


def prune(transaction: Transaction, ended_before: Mapping[State, int], limit: int) -> int:
    """Remove up to `limit` jobs that ended before these times; how many went."""
    old: list[tuple[int, str, State]] = []
    for state, before in ended_before.items():
        rows = transaction.cursor.execute(sql.OLD, (NUMBERS[state], before, limit - len(old))).fetchall()
        old += [(seq, queue, state) for seq, queue in rows]
    if old:
        transaction.cursor.execute(sql.DELETE, (dumps([seq for seq, _, _ in old]),))
    for _, queue, state in old:
        transaction.tally.pruned(queue, state, 1)
    return len(old)


def thin_history(transaction: Transaction, now: int) -> None:
    """Add up the oldest of the minutes that are old; forget hours that are too old.

    THINNED a time: 1,400 rows of ten busy tasks took 8 ms (2026-11), and a file of before hours were kept has a fortnight of minutes.
    The newest hour stays: when a file is opened, its minutes tell how late it was last (`SQLiteStore.open`).
    """
    execute = transaction.cursor.execute
    (oldest,), (newest,) = execute(sql.OLDEST_MINUTE).fetchone(), execute(sql.NEWEST_MINUTE).fetchone()
    if oldest is not None:
        end = oldest - oldest % THINNED + THINNED
        if end <= min(now - MINUTES_KEPT, newest - newest % HOUR):
            execute(sql.TO_HOURS, (end,))
            execute(sql.FORGET_MINUTES, (end,))
    execute(sql.FORGET_HOURS, (now - HOURS_KEPT,))


def give_pages_back(transaction: Transaction) -> int:
    """Shrink the file by some of its free pages; by how many.

    One at a time: the driver takes one step of this pragma, which frees one page.
    """
    execute = transaction.cursor.execute
    (free,) = execute("PRAGMA freelist_count").fetchall()[0]
    count: int = min(free, PAGES_GIVEN_BACK)
    for _ in range(count):
        execute("PRAGMA incremental_vacuum(1)").fetchall()
    return count
