"""What ends or begins a job's life by somebody's word or its time: cancel, expire, requeue, discard."""

from __future__ import annotations

from asyncjobs.job import Error
from asyncjobs.outcome import CANCEL, EXPIRED
from asyncjobs.store.base import Cancellation
from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import STATES, askable, dumps, error_text
from asyncjobs.store.sqlite.transaction import Transaction

EXPIRED_AT_ONCE = 500  # jobs of one commit


def cancel(transaction: Transaction, id: str, now: int, running: bool) -> Cancellation:
    """Of one job: see Store.cancel."""
    row = transaction.cursor.execute(sql.TO_CANCEL, (askable(id),)).fetchone()
    if row is None:
        return Cancellation.UNKNOWN
    seq, state, queue, name, attempt, hold, key, _ = row
    if state >= schema.SUCCEEDED:
        return Cancellation.ENDED
    if state == schema.RUNNING and not running:
        return Cancellation.RUNNING
    if state == schema.RUNNING:
        transaction.cursor.execute(sql.CANCEL_RUNNING, (seq,))
        return Cancellation.REQUESTED
    _cancel_queued(transaction, seq, queue, name, attempt, hold, key, now)
    return Cancellation.CANCELLED


def _cancel_queued(
    transaction: Transaction, seq: int, queue: str, name: str, attempt: int, hold: int, key: str | None, now: int, why: str = ""
) -> None:
    transaction.cursor.execute(sql.CANCEL_QUEUED, (now, error_text(Error(CANCEL, why)) if why else None, seq))
    transaction.tally.cancelled_queued(queue, name, retrying=attempt > 0, held=hold != 0, now=now)
    if key is not None:
        transaction.make_room([key], now)


def expire(transaction: Transaction, now: int) -> list[str]:
    """Cancel what must not begin any more; which jobs that were."""
    rows = transaction.cursor.execute(sql.EXPIRED, (now, EXPIRED_AT_ONCE)).fetchall()
    for seq, _, queue, name, attempt, hold, key in rows:
        _cancel_queued(transaction, seq, queue, name, attempt, hold, key, now, why=EXPIRED)
    return [id for _, id, *_ in rows]


def requeue(transaction: Transaction, id: str, due: int) -> bool:
    """Of one job: see Store.requeue."""
    row = transaction.cursor.execute(sql.TO_CANCEL, (askable(id),)).fetchone()
    if row is None or row[1] < schema.SUCCEEDED:
        return False
    seq, state, queue, *_, unique_key = row
    if unique_key is not None and transaction.cursor.execute(sql.HOLDER, (unique_key,)).fetchone():
        return False
    transaction.cursor.execute(sql.REQUEUE, (due, seq))
    transaction.tally.requeued(queue, STATES[state])
    transaction.woken.add(queue)
    return True


def discard(transaction: Transaction, id: str) -> bool:
    """Of one job: see Store.discard."""
    row = transaction.cursor.execute(sql.TO_CANCEL, (askable(id),)).fetchone()
    if row is None or row[1] < schema.SUCCEEDED:
        return False
    seq, state, queue, *_ = row
    transaction.count_inserts()  # of what is removed here, too
    transaction.cursor.execute(sql.DELETE, (dumps([seq]),))
    transaction.tally.pruned(queue, STATES[state], 1)
    return True
