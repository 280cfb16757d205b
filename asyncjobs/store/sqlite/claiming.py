"""The claim: which due jobs a runner gets, found by index seeks alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from asyncjobs.job import PRIORITY_STEP, Hold, Job
from asyncjobs.store.base import Claim, Claimed
from asyncjobs.store.sqlite import keys
from asyncjobs.store.sqlite import statements as sql
from asyncjobs.store.sqlite.room import Room
from asyncjobs.store.sqlite.rows import dumps, job_of, policy_of
from asyncjobs.store.sqlite.transaction import Transaction

HOLD_AT_ONCE = 500  # jobs of unknown tasks that one claim puts aside; it says so, and the next goes on
_Due = Sequence[Any]  # seq: int, run_at: int, name: str, keyed: JSON of key and policy, or None
READ_AT_ONCE = 100  # jobs that come as one text, of which SQLite can hold a gigabyte
LARGE = 1 << 16  # characters of a job that comes by itself
Candidate = tuple[int, int, int]  # order (run_at + PRIORITY_STEP × priority), seq, run_at


class _Suspect(NamedTuple):
    """A job that must run alone, as sql.ALONE has it."""

    seq: int
    run_at: int
    priority: int
    queue: str
    name: str
    key: str | None
    policy: str


@dataclass(slots=True)
class _Search:
    """One claim's way through the index."""

    transaction: Transaction
    claim: Claim
    now: int
    foreign: Callable[[str], frozenset[str]]  # tasks that living siblings know which work this queue
    found: list[Candidate] = field(default_factory=list)
    next_due: int | None = None
    paused_tasks: frozenset[str] = frozenset()
    may_hold: int = HOLD_AT_ONCE
    unknown: set[str] = field(default_factory=set)  # tasks whose jobs were held
    emptied: set[str] = field(default_factory=set)  # queues of which all that waits, for whatever time, was found
    blocked: set[str] = field(default_factory=set)  # queues of which more is due than may run at once
    keyed: dict[int, tuple[str, int]] = field(default_factory=dict)  # seq → the key and its limit, of candidates that have one
    running: dict[str, int] = field(default_factory=dict)  # key → how many run, with those that this claim has taken

    def queue(self, queue: str, limit: int) -> None:
        """The first `limit` due jobs of this queue that its limits leave room for, and when there is more."""
        room = Room.of(self.transaction, queue, self.claim, self.now)
        upcoming, self.next_due = self.next_due, None  # of the queues before this one; of this one
        taken, more = self._find(queue, min(limit, room.count))
        while too_many := self._too_many(taken):
            if self.may_hold <= 0:
                taken = [candidate for candidate in taken if candidate[1] not in too_many]
                self.emptied.discard(queue)
                self._more_at(self.now)
                break
            self._hold(queue, Hold.KEY, too_many)
            taken, more = self._find(queue, min(limit, room.count))
        for _, seq, _ in taken if self.keyed else ():
            if seq in self.keyed:
                self.running[self.keyed[seq][0]] += 1
        self.found += taken
        room.spend(len(taken))
        for _, _, run_at in more:
            self._more_at(run_at)
        if more and room.is_full:
            self.blocked.add(queue)
            self.next_due = upcoming
        elif self.next_due is not None:
            self.next_due = max(self.next_due, room.open_at)
        if upcoming is not None:
            self._more_at(upcoming)

    def _find(self, queue: str, limit: int) -> tuple[list[Candidate], list[Candidate]]:
        """The first `limit` due jobs of this queue, and some that come after them where there are more."""
        waiting = self.transaction.rows(sql.CLAIMABLE, {"queue": queue, "limit": limit + 1})
        found = defaultdict[int, list[_Due]](list)
        for priority, *due in waiting:
            found[priority].append(due)
        candidates: list[Candidate] = []
        for priority, rows in found.items():
            candidates += self._priority(queue, priority, limit, rows)
        candidates.sort()
        if len(waiting) == len(candidates[:limit]):
            self.emptied.add(queue)
        else:
            self.emptied.discard(queue)
        return candidates[:limit], candidates[limit:]

    def _priority(self, queue: str, priority: int, limit: int, rows: list[_Due]) -> list[Candidate]:
        """Due ones of this priority; the first that is not due, or beyond the limit, sets next_due."""
        execute, tasks = self.transaction.cursor.execute, self.claim.tasks - self.paused_tasks
        skip: frozenset[str] = frozenset()
        while strange := [(seq, name) for seq, run_at, name, _ in rows if name not in tasks and run_at <= self.now]:
            if stopped := [seq for seq, name in strange if name in self.paused_tasks][: self.may_hold]:
                self._hold(queue, Hold.PAUSED, stopped)
            strange = [(seq, name) for seq, name in strange if name not in self.paused_tasks]
            skip |= self.foreign(queue) & {name for _, name in strange} if strange else frozenset()
            nobodys = [seq for seq, name in strange if name not in skip][: self.may_hold]
            if nobodys:
                self._hold(queue, Hold.UNROUTABLE, nobodys)
                self.unknown |= {name for _, name in strange if name not in skip}
            if self.may_hold <= 0:
                self._more_at(self.now)
                rows = [row for row in rows if row[2] in tasks]
                break
            rows = execute(sql.CLAIMABLE_BUT, (queue, priority, dumps(sorted(skip)), limit + 1)).fetchall()
        due = []
        for seq, run_at, _, keyed in rows:  # what is due among them is known here
            if run_at > self.now:
                # Of a task unknown here, too: a known one may hide behind it, beyond the limit, and it is to be held then.
                self._more_at(run_at)
                break
            due.append((run_at + PRIORITY_STEP * priority, seq, run_at))
            if keyed is not None:
                key, policy = json.loads(keyed) if isinstance(keyed, str) else keyed  # by the version of SQLite
                self.keyed[seq] = (key, policy_of(policy).key_limit)
        return due

    def _too_many(self, taken: list[Candidate]) -> list[int]:
        """Of these, in claim order, the jobs whose key would have more running than it may."""
        keyed = [(seq, *self.keyed[seq]) for _, seq, _ in taken if seq in self.keyed] if self.keyed else []
        if unknown := {key for _, key, _ in keyed} - self.running.keys():
            self.running |= keys.running(self.transaction.cursor, unknown)
        running, too_many = dict(self.running) if keyed else {}, []
        for seq, key, limit in keyed:
            running[key] += 1
            if running[key] > limit:
                running[key] -= 1
                too_many.append(seq)
        return too_many

    def _hold(self, queue: str, hold: Hold, seqs: list[int]) -> None:
        """Put as many of these aside as it may."""
        held = seqs[: self.may_hold]
        self.transaction.cursor.execute(sql.HOLD, (hold.value, dumps(held)))
        self.transaction.tally.held(queue, len(held))
        self.may_hold -= len(held)

    def _more_at(self, run_at: int) -> None:
        if self.next_due is None or run_at < self.next_due:
            self.next_due = run_at


def claim(transaction: Transaction, claim: Claim, now: int, *, floor: int, foreign: Callable[[str], frozenset[str]]) -> Claimed:
    """See Store.claim. floor: the least token of this generation."""
    now = max(now, transaction.now)
    paused = _paused(transaction)
    search = _Search(transaction, claim, now, foreign, paused_tasks=_paused_tasks(transaction))
    for queue, limit in claim.wants.items():
        if queue not in paused:
            search.queue(queue, limit)
    jobs = _start(transaction, claim.runner, search.found, now, floor)
    suspects = _suspects(transaction)
    alone = _alone(suspects, claim, paused, search.paused_tasks)
    # All there is begins here: siblings need not look; unless a suspect waits, of whatever task, that one of them may run.
    transaction.woken -= search.emptied - {one.queue for one in suspects}
    alone_due = _alone_due(alone, _rooms(transaction, alone, claim, now))
    return Claimed(jobs, search.next_due, alone_due, frozenset(search.unknown), frozenset(search.blocked))


def claim_alone(transaction: Transaction, claim: Claim, now: int, *, floor: int) -> Claimed:
    """See Store.claim_alone."""
    now = max(now, transaction.now)
    alone = _alone(_suspects(transaction), claim, _paused(transaction), _paused_tasks(transaction), at_least=1)
    rooms = _rooms(transaction, alone, claim, now)
    running = keys.running(transaction.cursor, {one.key for one in alone if one.key is not None}) if alone else {}
    due = [
        one
        for one in alone
        if one.run_at <= now
        and rooms[one.queue].count
        and (one.key is None or running[one.key] < policy_of(one.policy).key_limit)
    ]
    first = sorted(due, key=lambda one: (one.run_at + PRIORITY_STEP * one.priority, one.seq))[:1]
    for one in first:
        rooms[one.queue].spend(1)
    jobs = _start(transaction, claim.runner, [(0, one.seq, one.run_at) for one in first], now, floor, held=True)
    return Claimed(jobs, None, _alone_due([one for one in alone if one not in first], rooms))


def _rooms(transaction: Transaction, suspects: list[_Suspect], claim: Claim, now: int) -> dict[str, Room]:
    return {queue: Room.of(transaction, queue, claim, now) for queue in {one.queue for one in suspects}}


def _alone_due(suspects: list[_Suspect], rooms: Mapping[str, Room]) -> int | None:
    """When the first of these may begin, by its time and its queue's rate."""
    return min((max(one.run_at, rooms[one.queue].open_at) for one in suspects), default=None)


def _paused(transaction: Transaction) -> set[str]:
    return {queue for (queue,) in transaction.cursor.execute(sql.PAUSED)}


def _paused_tasks(transaction: Transaction) -> frozenset[str]:
    return frozenset(task for (task,) in transaction.cursor.execute(sql.PAUSED_TASKS))


def _suspects(transaction: Transaction) -> list[_Suspect]:
    return [_Suspect(*row) for row in transaction.cursor.execute(sql.ALONE).fetchall()]


def _alone(
    suspects: list[_Suspect], claim: Claim, paused: set[str], paused_tasks: frozenset[str], *, at_least: int = 0
) -> list[_Suspect]:
    """Those that this claim is for."""
    return [
        one
        for one in suspects
        if one.queue not in paused and one.name in claim.tasks - paused_tasks and claim.wants.get(one.queue, -1) >= at_least
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
        some = transaction.rows(sql.STARTED, {"large": LARGE, "seqs": dumps(seqs[begin : begin + READ_AT_ONCE])})
        started |= {row[0]: job_of(row[1:]) for row in some if type(row) is list}
        if large := [row for row in some if type(row) is int]:
            read = transaction.cursor.execute(sql.STARTED_LARGE, (dumps(large),))
            started |= {row[0]: job_of(row[1:]) for row in read}
    jobs = []
    for _, seq, run_at in sorted(candidates):
        job = started[seq]
        if job.unique_key is not None and job.policy.unique_until_started:
            transaction.cursor.execute(sql.LET_GO, (dumps([seq]),))
            job = replace(job, unique_key=None)
        jobs.append(job)
        transaction.tally.claimed(job.queue, job.name, retrying=job.attempt > 1, was_held=held, waited=now - run_at, now=now)
    return jobs


@lru_cache(maxsize=8)
def names_text(tasks: frozenset[str]) -> str:
    """For json_each: names are printable text, which it hands over unchanged."""
    return dumps(sorted(tasks))
