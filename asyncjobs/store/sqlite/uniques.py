"""New jobs that want more than a row: a unique key for a time, the place of its holder, or room in their queue."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.job import Hold, NewJob, State
from asyncjobs.store.base import CLOCK_STEP, Inserted
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import askable, insert_of, policy_text
from asyncjobs.store.sqlite.transaction import Transaction


def insert(transaction: Transaction, jobs: Sequence[NewJob], now: int) -> list[Inserted]:
    """See Store.insert."""
    if any(job.max_waiting is not None for job in jobs):
        met = [_met(transaction, job, now) for job in jobs]
        if _are_too_many(transaction, [job for job, id in zip(jobs, met, strict=True) if id is None]):
            return [Inserted(job.id if id is None else id, False, id is None) for job, id in zip(jobs, met, strict=True)]
    return [_insert(transaction, job, now) for job in jobs]  # one by one: each may meet the one before


def _met(transaction: Transaction, job: NewJob, now: int) -> str | None:
    """The id of what stands for this job already."""
    execute = transaction.cursor.execute
    if execute(sql.WHEN_INSERTED, (askable(job.id),)).fetchone():
        return job.id
    found = (
        execute(sql.TAKER, (job.unique_key, now, now + CLOCK_STEP))
        if job.unique_for is not None
        else execute(sql.HOLDER, (job.unique_key,))
    )
    row = found.fetchone()
    return None if row is None else str(row[0])


def _are_too_many(transaction: Transaction, new: Sequence[NewJob]) -> bool:
    """Whether one of their queues has no room for those that are for it."""
    transaction.count_inserts()
    for queue, limit in {job.queue: job.max_waiting for job in new if job.max_waiting is not None}.items():
        ((counted,),) = transaction.cursor.execute(sql.QUEUED_OF, (queue,)).fetchall() or [(0,)]
        queued = counted + transaction.tally.counters.get((queue, State.QUEUED), 0)
        if queued + len({job.identity for job in new if job.queue == queue}) > limit:
            return True
    return False


def _insert(transaction: Transaction, job: NewJob, now: int) -> Inserted:
    execute = transaction.cursor.execute
    if execute(sql.WHEN_INSERTED, (askable(job.id),)).fetchone():
        return Inserted(job.id, False)
    if job.unique_for is not None and (taker := execute(sql.TAKER, (job.unique_key, now, now + CLOCK_STEP)).fetchone()):
        return Inserted(taker[0], False)
    [inserted] = transaction.insert([insert_of(job, now)])
    if job.unique_for is not None:
        execute(sql.TAKE, (job.unique_key, inserted.id, now + job.unique_for, now))
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
        (
            job.args,
            job.meta,
            job.priority,
            policy_text(job.policy),
            job.key,
            due,
            due if due > now else None,
            job.expires_at,
            kept.value,
            seq,
        ),
    )
    if kept != hold:
        transaction.tally.held(queue, -1)
    transaction.woken.add(queue)
    if key is not None:
        transaction.make_room([key], now)
