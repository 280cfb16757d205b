"""What becomes of jobs whose attempt has ended, fenced by its token."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.job import AttemptRecord, State, kept_attempts
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Verdict
from asyncjobs.store.sqlite import schema, uniques
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import NUMBERS, askable, attempts_of, attempts_text, dumps, error_text, progress_text
from asyncjobs.store.sqlite.transaction import Transaction


def finish(transaction: Transaction, finishes: Sequence[Finish], now: int) -> list[Verdict]:
    """See Store.finish."""
    keys: dict[str, None] = {}
    done = _succeed(transaction, finishes, keys, now)
    verdicts = [Verdict.APPLIED if at in done else _one(transaction, finish, keys, now) for at, finish in enumerate(finishes)]
    transaction.make_room(keys, now)
    if any([finish.follow is not None for finish in finishes]):
        applied = [finish for finish, verdict in zip(finishes, verdicts, strict=True) if verdict is Verdict.APPLIED]
        uniques.insert(transaction, [finish.follow for finish in applied if finish.follow is not None], now)
    return verdicts


def _succeed(transaction: Transaction, finishes: Sequence[Finish], keys: dict[str, None], now: int) -> set[int]:
    """Which of them, by their place, were what nearly all are: first attempts that succeeded. Two statements for all of those."""
    plain = {finish.id: at for at, finish in enumerate(finishes) if _is_plain(finish)}
    if not plain or len({finish.id for finish in finishes}) < len(finishes):  # the first of two with one id counts: one by one
        return set()
    asked = dumps([[at, id, finishes[at].token] for id, at in plain.items()])
    found = transaction.rows(sql.SUCCEEDING, {"ends": asked})
    transaction.cursor.execute(sql.SUCCEED, {"now": now, "ends": dumps([[seq, finishes[at].result] for at, seq, *_ in found])})
    for _, _, queue, name, started_at, key in found:
        if key is not None:
            keys[key] = None
        transaction.tally.finished(
            queue, name, "succeeded", State.SUCCEEDED,
            queue_after=queue, retrying=False, held=False, ran=now - started_at, now=now,
        )  # fmt: skip
    return {at for at, *_ in found}


def _is_plain(finish: Finish) -> bool:
    return (
        finish.to is State.SUCCEEDED
        and finish.outcome == "succeeded"
        and finish.error is None
        and finish.progress is None
        and finish.follow is None
        and not finish.crashes
        and "\0" not in finish.id  # where SQLite's JSON functions end a text
    )


def _one(transaction: Transaction, finish: Finish, keys: dict[str, None], now: int) -> Verdict:
    row = transaction.cursor.execute(sql.TAKEN, (askable(finish.id),)).fetchone()
    if row is None:
        return Verdict.LOST
    seq, state, token, attempt, queue, name, runner, started_at, cancel_requested, error, attempts, key = row
    if token != finish.token:
        return Verdict.LOST
    if state != schema.RUNNING:
        return Verdict.ALREADY if token else Verdict.LOST
    to = State.CANCELLED if finish.to is State.QUEUED and cancel_requested else finish.to
    ended = to is not State.QUEUED
    queue_after = queue if ended else finish.queue or queue
    attempt_after = attempt - (finish.give_back and not ended)
    hold = 0 if ended else finish.hold.value
    record = AttemptRecord(attempt, finish.outcome, runner, started_at, now, finish.error)
    records = kept_attempts([*attempts_of(attempts), record]) if attempts else [record]
    keeps_error = finish.error is None and to is not State.SUCCEEDED
    transaction.cursor.execute(
        sql.FINISH,
        (
            NUMBERS[to], queue_after, None if ended else finish.run_at, attempt_after, finish.crashes, hold,
            now if ended else None, finish.result if ended else None, error if keeps_error else error_text(finish.error),
            attempts_text(records), progress_text(finish.progress) if finish.progress else None, seq,
        ),
    )  # fmt: skip
    if not ended:
        transaction.woken.add(queue_after)
    if key is not None:
        keys[key] = None
    transaction.tally.finished(
        queue, name, finish.outcome, to,
        queue_after=queue_after, retrying=attempt_after > 0, held=hold != 0, ran=now - started_at, now=now,
    )  # fmt: skip
    return Verdict.APPLIED
