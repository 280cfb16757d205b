"""New jobs whose unique key is kept for a time, or that replace its holder: one by one, since each may meet the one before."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.job import Hold, NewJob
from asyncjobs.store.base import Inserted
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import askable, insert_of, policy_text
from asyncjobs.store.sqlite.transaction import Transaction


def is_special(job: NewJob) -> bool:
    """Whether plain rows can't say what it wants."""
    return job.unique_for is not None or job.replaces


def insert(transaction: Transaction, jobs: Sequence[NewJob], now: int) -> list[Inserted]:
    """See Store.insert."""
    return [_insert(transaction, job, now) for job in jobs]


def _insert(transaction: Transaction, job: NewJob, now: int) -> Inserted:
    execute = transaction.cursor.execute
    if execute(sql.WHEN_INSERTED, (askable(job.id),)).fetchone():
        return Inserted(job.id, False)
    if job.unique_for is not None and (taker := execute(sql.TAKER, (job.unique_key, now)).fetchone()):
        return Inserted(taker[0], False)
    [inserted] = transaction.insert([insert_of(job, now)])
    if job.unique_for is not None:
        execute(sql.TAKE, (job.unique_key, inserted.id, now + job.unique_for))
    if job.replaces and not inserted.created:
        _replace(transaction, job, now)
    return inserted


def _replace(transaction: Transaction, job: NewJob, now: int) -> None:
    """Give the holder of its key what this job says, if it waits for its first attempt."""
    holder = transaction.cursor.execute(sql.WAITING_HOLDER, (job.unique_key, job.name)).fetchone()
    if holder is None:
        return
    seq, key, queue, hold = holder
    due = max(job.run_at, now)
    kept = Hold.NONE if hold == Hold.KEY else Hold(hold)  # which the next claim finds out anew
    transaction.cursor.execute(
        sql.REPLACE,
        (job.args, job.meta, job.priority, policy_text(job.policy), job.key, due, due, kept.value, seq),
    )
    if kept != hold:
        transaction.tally.held(queue, -1)
    transaction.woken.add(queue)
    if key is not None:
        transaction.make_room([key], now)
