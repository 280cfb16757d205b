"""What the handles of a memory store share, and the indexes that keep a claim from looking at every job."""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_left, insort
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterator

from asyncjobs.job import PRIORITIES, PRIORITY_STEP, Hold, Job, State
from asyncjobs.pause import Pause
from asyncjobs.schedule import Schedule
from asyncjobs.store.base import ACTS_KEPT, HOUR, HOURS_KEPT, MINUTES_KEPT, Act, Claim, Condition, Metric, RunnerInfo
from asyncjobs.store.tally import Tally

Line = list[tuple[int, int]]  # (time in ms, seq), sorted


class MemoryData:
    """What handles share, as processes share a file. Jobs are written by `put` and `remove` only, which keep the indexes."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.seqs: dict[str, int] = {}  # id → place in the order of inserts
        self.ids: dict[int, str] = {}  # the reverse, oldest first
        self.last_seq = 0
        self.holders: dict[str, str] = {}  # unique key → id of the queued or running job that has it
        self.queued: defaultdict[tuple[str, Hold, int], Line] = defaultdict(list)  # (queue, hold, priority) → (run_at, seq)
        self.keyed: defaultdict[str, dict[str, None]] = defaultdict(dict)  # key → ids of the queued and running jobs that have it
        self.running: defaultdict[str | None, dict[str, None]] = defaultdict(dict)  # runner → ids
        self.ended: defaultdict[State, Line] = defaultdict(list)  # → (finished_at, seq)
        self.counters: Counter[tuple[str, str]] = Counter()  # keys as in Tally, as those of history
        self.history: Counter[tuple[int, str, str, Metric, int]] = Counter()
        self.hours: Counter[tuple[int, str, str, Metric, int]] = Counter()
        self.paused: dict[str, Pause | None] = {}  # queues that were ever paused
        self.limits: dict[str, str] = {}  # queue → kept limits
        self.paused_tasks: dict[str, Pause] = {}
        self.runners: dict[str, RunnerInfo] = {}
        self.conditions: dict[str, Condition] = {}  # by runner
        self.alive: set[str] = set()  # runner ids; what a store on disk learns from locks
        self.generation = 0  # raised by every open
        self.taken: dict[str, tuple[str, int, int]] = {}  # unique key → the job that took it for a time, since and until when
        self.spent: dict[str, float] = {}  # queue → what its rate is spent to, as Rate.spend has it
        self.schedules: dict[str, Schedule] = {}
        self.schedule_version = 0  # the last that was given
        self.watches: set[Watch] = set()
        self.acts: deque[Act] = deque(maxlen=ACTS_KEPT)

    def put(self, job: Job) -> None:
        """Keep this job in place of what was known of it."""
        if job.id in self.jobs:
            self._unindex(self.jobs[job.id])
        else:
            self.last_seq += 1
            self.seqs[job.id] = self.last_seq
            self.ids[self.last_seq] = job.id
        self.jobs[job.id] = job
        seq = self.seqs[job.id]
        if job.state is State.QUEUED:
            insort(self.queued[job.queue, job.hold, job.priority], (job.run_at, seq))
        elif job.state is State.RUNNING:
            self.running[job.runner][job.id] = None
        else:
            insort(self.ended[job.state], (job.finished_at or 0, seq))
        if job.unique_key is not None and not job.state.ended:
            self.holders[job.unique_key] = job.id
        if job.key is not None and not job.state.ended:
            self.keyed[job.key][job.id] = None

    def remove(self, job: Job) -> None:
        self._unindex(job)
        del self.jobs[job.id], self.ids[self.seqs.pop(job.id)]

    def _unindex(self, job: Job) -> None:
        seq = self.seqs[job.id]
        if job.state is State.QUEUED:
            _discard(self.queued[job.queue, job.hold, job.priority], (job.run_at, seq))
        elif job.state is State.RUNNING:
            del self.running[job.runner][job.id]
        else:
            _discard(self.ended[job.state], (job.finished_at or 0, seq))
        if job.unique_key is not None and not job.state.ended:
            del self.holders[job.unique_key]
        if job.key is not None:
            self.keyed[job.key].pop(job.id, None)

    def by_seq(self, seq: int) -> Job:
        return self.jobs[self.ids[seq]]

    def due(self, queue: str, hold: Hold, now: int) -> Iterator[tuple[int, Job]]:
        """The due queued jobs with this hold, in claim order, each with the number that it is ordered by."""

        def of(priority: int) -> Iterator[tuple[int, int]]:
            for run_at, seq in self.queued[queue, hold, priority]:
                if run_at > now:
                    return
                yield run_at + PRIORITY_STEP * priority, seq

        for order, seq in heapq.merge(*map(of, PRIORITIES)):
            yield order, self.by_seq(seq)

    def next_due(self, claim: Claim) -> int | None:
        """The earliest `run_at` of what the claim could take: of its queues, not paused, of its tasks."""
        firsts = (
            next(
                (
                    run_at
                    for run_at, seq in self.queued[queue, Hold.NONE, priority]
                    if self.by_seq(seq).name in claim.tasks - self.paused_tasks.keys()
                ),
                None,
            )
            for queue in claim.wants
            if self.paused.get(queue) is None
            for priority in PRIORITIES
        )
        return min((first for first in firsts if first is not None), default=None)

    def unholdable(self, runner: RunnerInfo | None) -> list[Job]:
        """Jobs held as unroutable that this runner could run, and those whose task is paused no more."""
        held = [(hold, self.by_seq(seq)) for (_, hold, _), lines in self.queued.items() for _, seq in lines]
        return [
            job
            for hold, job in held
            if (hold is Hold.UNROUTABLE and runner is not None and job.name in runner.tasks and job.queue in runner.queues)
            or (hold is Hold.PAUSED and job.name not in self.paused_tasks)
        ]

    def held_in(self, queue: str, hold: Hold) -> Iterator[Job]:
        """The queued jobs of this queue with this hold, due or not."""
        return (self.by_seq(seq) for priority in PRIORITIES for _, seq in self.queued[queue, hold, priority])

    def running_of(self, key: str) -> int:
        """How many jobs of this key run."""
        return sum(self.jobs[id].state is State.RUNNING for id in self.keyed[key])

    def places_before(self, new: Job, now: int) -> int:
        """How many of its key run, or are due in its queue without a hold and come before it, which is new."""
        order = new.run_at + PRIORITY_STEP * new.priority
        return self.running_of(new.key or "") + sum(at <= order for at, _ in map(self._order, self._due_of_key(new, now)))

    def _due_of_key(self, like: Job, now: int) -> Iterator[Job]:
        """The due jobs without a hold of this one's key and queue."""
        for job in map(self.jobs.__getitem__, self.keyed[like.key or ""]):
            if job.state is State.QUEUED and job.hold is Hold.NONE and job.queue == like.queue and job.run_at <= now:
                yield job

    def places_of(self, job: Job, now: int) -> list[str]:
        """Who takes the places of this job's key before it: those that run, then those that are due without a hold, in claim order."""
        others = [self.jobs[id] for id in self.keyed[job.key or ""] if id != job.id]
        running = [one.id for one in others if one.state is State.RUNNING]
        due = [one for one in self._due_of_key(job, now) if one.id != job.id]
        due.sort(key=self._order)
        return sorted(running, key=self.seqs.__getitem__) + [one.id for one in due if self._order(one) < self._order(job)]

    def _order(self, job: Job) -> tuple[int, int]:
        return job.run_at + PRIORITY_STEP * job.priority, self.seqs[job.id]

    def let_go_by_key(self, key: str, now: int) -> list[Job]:
        """The jobs that this key holds and has room for: in each queue, with those that are due there, its first in claim order."""
        held = [job for id in self.keyed[key] if (job := self.jobs[id]).hold is Hold.KEY and job.state is State.QUEUED]
        room = held[0].policy.key_limit - self.running_of(key) if held else 0
        going: list[Job] = []
        for like in {job.queue: job for job in held}.values() if room > 0 else ():
            here = [job for job in held if job.queue == like.queue]
            first = sorted([*here, *self._due_of_key(like, now)], key=self._order)[:room]
            going += [job for job in first if job.hold is Hold.KEY]
        return going

    def living(self) -> Iterator[RunnerInfo]:
        return (info for id, info in self.runners.items() if id in self.alive)

    def thin_history(self, now: int) -> None:
        """Add up the oldest hour of minutes that are old, other than the newest; forget hours that are too old."""
        begins = sorted({at - at % HOUR for at, *_ in self.history})
        if begins[:-1] and begins[0] + HOUR <= now - MINUTES_KEPT:
            for key in [key for key in self.history if key[0] < begins[0] + HOUR]:
                self.hours[key[0] - key[0] % HOUR, *key[1:]] += self.history.pop(key)
        for key in [key for key in self.hours if key[0] < now - HOURS_KEPT]:
            del self.hours[key]

    def add(self, tally: Tally) -> None:
        self.counters.update(tally.counters)
        self.history.update(tally.history)


class Watch:
    """Queues that handles other than its owner have changed since it last looked."""

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self._queues: set[str] = set()
        self._changed = asyncio.Event()

    def add(self, queues: frozenset[str]) -> None:
        self._queues |= queues
        self._changed.set()

    def __aiter__(self) -> AsyncIterator[frozenset[str]]:
        return self

    async def __anext__(self) -> frozenset[str]:
        await self._changed.wait()
        self._changed.clear()
        changed, self._queues = frozenset(self._queues), set()
        return changed


def _discard(line: Line, entry: tuple[int, int]) -> None:
    del line[bisect_left(line, entry)]
