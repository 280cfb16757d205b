"""The claim: which due jobs a runner gets, found by index seeks alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from asyncjobs.job import PRIORITY_STEP, Job, State
from asyncjobs.queue import Limits
from asyncjobs.store.base import Claim, Claimed
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.rows import dumps, job_of
from asyncjobs.store.sqlite.transaction import Transaction

HOLD_AT_ONCE = 500  # jobs of unknown tasks that one claim puts aside; it says so, and the next goes on
_Suspect = tuple[int, int, int, str, str]  # seq, run_at, priority, queue, name
_Due = tuple[int, int, str]  # seq, run_at, name
READ_AT_ONCE = 100  # jobs that come as one text, of which SQLite can hold a gigabyte
LARGE = 1 << 16  # characters of a job that comes by itself
Candidate = tuple[int, int, int]  # order (run_at + PRIORITY_STEP × priority), seq, run_at


@dataclass(slots=True)
class _Room:
    """What a queue's limits leave: `count` jobs now."""

    transaction: Transaction
    queue: str
    now: int
    limits: Limits
    running: int = 0  # in all processes
    spent_to: float = 0.0  # see Rate

    @classmethod
    def of(cls, transaction: Transaction, queue: str, claim: Claim, now: int) -> _Room:
        limits, execute = claim.limits.get(queue), transaction.cursor.execute
        if limits is None:
            return cls(transaction, queue, now, _UNLIMITED)
        room = cls(transaction, queue, now, limits)
        if limits.at_once is not None:  # the counter is exact, with what this transaction will add to it
            ((counted,),) = execute(sql.RUNNING_OF, (queue,)).fetchall() or [(0,)]
            room.running = counted + transaction.tally.counters.get((queue, State.RUNNING), 0)
        if limits.rate is not None:
            ((room.spent_to,),) = execute(sql.SPENT, (queue,)).fetchall() or [(0.0,)]
        return room

    @property
    def count(self) -> int:
        at_once, rate = self.limits.at_once, self.limits.rate
        return min(
            _MANY if at_once is None else max(at_once - self.running, 0),
            _MANY if rate is None else rate.room(self.spent_to, self.now),
        )

    def spend(self, count: int) -> None:
        """So many begin."""
        self.running += count
        if self.limits.rate is not None and count:
            self.spent_to = self.limits.rate.spend(self.spent_to, self.now, count)
            self.transaction.cursor.execute(sql.SPEND, (self.queue, self.spent_to))

    @property
    def is_full(self) -> bool:
        """As many run as may."""
        return self.limits.at_once is not None and self.running >= self.limits.at_once

    @property
    def open_at(self) -> int:
        """From when on its rate lets one begin, ms."""
        return 0 if self.limits.rate is None else self.limits.rate.next_at(self.spent_to, self.now)


_UNLIMITED = Limits()
_MANY = 1 << 31


@dataclass(slots=True)
class _Search:
    """One claim's way through the index."""

    transaction: Transaction
    claim: Claim
    now: int
    foreign: Callable[[], frozenset[str]]  # tasks that living siblings know
    found: list[Candidate] = field(default_factory=list)
    next_due: int | None = None
    may_hold: int = HOLD_AT_ONCE
    unknown: set[str] = field(default_factory=set)  # tasks whose jobs were held
    emptied: set[str] = field(default_factory=set)  # queues of which all that waits, for whatever time, was found
    blocked: set[str] = field(default_factory=set)  # queues of which more is due than may run at once

    def queue(self, queue: str, limit: int) -> None:
        """The first `limit` due jobs of this queue that its limits leave room for, and when there is more."""
        room, upcoming = _Room.of(self.transaction, queue, self.claim, self.now), self.next_due
        taken, more = self._find(queue, min(limit, room.count))
        self.found += taken
        room.spend(len(taken))
        if more and room.is_full:
            self.blocked.add(queue)
            self.next_due = upcoming
        else:
            for _, _, run_at in more:
                self._more_at(max(run_at, room.open_at))

    def _find(self, queue: str, limit: int) -> tuple[list[Candidate], list[Candidate]]:
        """The first `limit` due jobs of this queue, and some that come after them where there are more."""
        waiting, found = self.transaction.rows(sql.CLAIMABLE, queue, limit + 1), defaultdict[int, list[_Due]](list)
        for priority, seq, run_at, name in waiting:
            found[priority].append((seq, run_at, name))
        candidates: list[Candidate] = []
        for priority, rows in found.items():
            candidates += self._priority(queue, priority, limit, rows)
        candidates.sort()
        if len(waiting) == len(candidates[:limit]):
            self.emptied.add(queue)
        return candidates[:limit], candidates[limit:]

    def _priority(self, queue: str, priority: int, limit: int, rows: list[_Due]) -> list[Candidate]:
        """Due ones of this priority; the first that is not due, or beyond the limit, sets next_due."""
        execute, tasks = self.transaction.cursor.execute, self.claim.tasks
        skip: frozenset[str] = frozenset()
        while any(name not in tasks and run_at <= self.now for _, run_at, name in rows):
            strange = [(seq, name) for seq, run_at, name in rows if name not in tasks and run_at <= self.now]
            skip |= self.foreign() & {name for _, name in strange}
            nobodys = [seq for seq, name in strange if name not in skip][: self.may_hold]
            if nobodys:
                execute(sql.HOLD, (dumps(nobodys),))
                self.transaction.tally.held(queue, len(nobodys))
                self.unknown |= {name for _, name in strange if name not in skip}
                self.may_hold -= len(nobodys)
            if self.may_hold <= 0:
                self._more_at(self.now)
                rows = [row for row in rows if row[2] in tasks]
                break
            rows = execute(sql.CLAIMABLE_BUT, (queue, priority, dumps(sorted(skip)), limit + 1)).fetchall()
        due = []
        for seq, run_at, _ in rows:  # what is due among them is known here
            if run_at > self.now:
                # Of a task unknown here, too: a known one may hide behind it, beyond the limit, and it is to be held then.
                self._more_at(run_at)
                break
            due.append((run_at + PRIORITY_STEP * priority, seq, run_at))
        return due

    def _more_at(self, run_at: int) -> None:
        if self.next_due is None or run_at < self.next_due:
            self.next_due = run_at


def claim(transaction: Transaction, claim: Claim, now: int, *, floor: int, foreign: Callable[[], frozenset[str]]) -> Claimed:
    """See Store.claim. floor: the least token of this generation."""
    now = max(now, transaction.now)
    paused = _paused(transaction)
    search = _Search(transaction, claim, now, foreign)
    for queue, limit in claim.wants.items():
        if queue not in paused:
            search.queue(queue, limit)
    jobs = _start(transaction, claim.runner, search.found, now, floor)
    suspects = _suspects(transaction)
    alone = _alone(suspects, claim, paused)
    alone_due = min((run_at for _, _, run_at in alone), default=None)
    # All there is begins here: siblings need not look; unless a suspect waits, of whatever task, that one of them may run.
    transaction.woken -= search.emptied - {queue for _, _, _, queue, _ in suspects}
    return Claimed(jobs, search.next_due, alone_due, frozenset(search.unknown), frozenset(search.blocked))


def claim_alone(transaction: Transaction, claim: Claim, now: int, *, floor: int) -> Claimed:
    """See Store.claim_alone."""
    now = max(now, transaction.now)
    suspects = _suspects(transaction)
    alone = _alone(suspects, claim, _paused(transaction), at_least=1)
    rooms = {seq: _Room.of(transaction, queue, claim, now) for seq, _, _, queue, _ in suspects}
    due = sorted((order, seq, run_at) for order, seq, run_at in alone if run_at <= now and rooms[seq].count >= 1)[:1]
    for _, seq, _ in due:
        rooms[seq].spend(1)
    jobs = _start(transaction, claim.runner, due, now, floor, held=True)
    left = [run_at for order, seq, run_at in alone if (order, seq, run_at) not in due]
    return Claimed(jobs, None, min(left, default=None))


def _paused(transaction: Transaction) -> set[str]:
    return {queue for (queue,) in transaction.cursor.execute(sql.PAUSED)}


def _suspects(transaction: Transaction) -> list[_Suspect]:
    return transaction.cursor.execute(sql.ALONE).fetchall()


def _alone(suspects: list[_Suspect], claim: Claim, paused: set[str], *, at_least: int = 0) -> list[Candidate]:
    return [
        (run_at + PRIORITY_STEP * priority, seq, run_at)
        for seq, run_at, priority, queue, name in suspects
        if queue not in paused and name in claim.tasks and claim.wants.get(queue, -1) >= at_least
    ]


def _start(
    transaction: Transaction, runner: str, candidates: list[Candidate], now: int, floor: int, *, held: bool = False
) -> list[Job]:
    """Make these running; in claim order."""
    if not candidates:
        return []
    seqs = [seq for _, seq, _ in candidates]
    transaction.cursor.execute(sql.START, (floor, runner, now, dumps(seqs)))
    started: dict[int, Job] = {}
    for begin in range(0, len(seqs), READ_AT_ONCE):
        some = transaction.rows(sql.STARTED, LARGE, dumps(seqs[begin : begin + READ_AT_ONCE]))
        started |= {row[0]: job_of(row[1:]) for row in some if type(row) is list}
        if large := [row for row in some if type(row) is int]:
            read = transaction.cursor.execute(sql.STARTED_LARGE, (dumps(large),))
            started |= {row[0]: job_of(row[1:]) for row in read}
    jobs = []
    for _, seq, run_at in sorted(candidates):
        job = started[seq]
        jobs.append(job)
        transaction.tally.claimed(job.queue, job.name, retrying=job.attempt > 1, was_held=held, waited=now - run_at, now=now)
    return jobs


@lru_cache(maxsize=8)
def names_text(tasks: frozenset[str]) -> str:
    """For json_each: names are printable text, which it hands over unchanged."""
    return dumps(sorted(tasks))
