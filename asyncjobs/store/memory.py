"""The contract of store/base.py in plain Python: what every other store is held to, and the double that tests run on.

No verb waits for anything, so each is one indivisible step, and nothing here is ever half done.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from math import inf

from asyncjobs.errors import ConfigurationError, StoreClosed
from asyncjobs.job import (
    PRIORITIES,
    PRIORITY_STEP,
    AttemptRecord,
    Error,
    Hold,
    Job,
    NewJob,
    Progress,
    State,
    kept_attempts,
)
from asyncjobs.json_text import encoder
from asyncjobs.outcome import ABANDONED, CANCEL, EXPIRED, Finish
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.store.base import (
    AHEAD_LIMIT,
    CLOCK_STEP,
    COUNT_LIMIT,
    GENERATION_BITS,
    HISTORY_STEP,
    HOLDERS,
    Act,
    Beat,
    Cancellation,
    Claim,
    Claimed,
    Condition,
    FailureGroup,
    HistoryBucket,
    Inserted,
    JobQuery,
    Page,
    QueueStats,
    RunnerInfo,
    RunnerStats,
    Situation,
    Stats,
    Storage,
    Verdict,
    searched,
)
from asyncjobs.store.memory_data import MemoryData, Watch
from asyncjobs.store.memory_timetable import MemoryTimetable
from asyncjobs.store.tally import HELD, RETRYING, TOTALS, Tally, buckets_of, total_of


class MemoryStore:
    """A handle on a MemoryData; handles that share one stand for processes on the same data."""

    def __init__(self, data: MemoryData | None = None) -> None:
        self._data = MemoryData() if data is None else data
        self._timetable = MemoryTimetable(self._read, self.insert)
        self._is_open = False
        self._generation = 0  # of this handle since open()
        self._latest_now = (
            0  # ms; the latest `now` that write verbs, or the data at open(), have seen since the last step of the clock
        )

    @property
    def timetable(self) -> MemoryTimetable:
        return self._timetable

    async def open(self) -> None:
        if not self._is_open:
            self._data.generation += 1
            self._generation = self._data.generation
            self._latest_now = max((at for at, *_ in self._data.history), default=0)
            self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    # --- producing

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        data, tally = self._write(now)
        if refused := self._refused(jobs, now):
            return refused
        answers = []
        for new in jobs:
            holder = self._holder(new, now)
            if holder is not None and holder != new.id and new.replaces:
                self._replace(data.jobs[holder], new, tally, now)
            if holder is None:
                job = _first_record(new, now)
                if new.unique_for is not None and new.unique_key is not None:
                    data.taken[new.unique_key] = (new.id, now, now + new.unique_for)
                if _is_one_too_many(job, data, now):
                    job = replace(job, hold=Hold.KEY)
                    tally.held(job.queue, 1)
                data.put(job)
                tally.inserted(new.queue, new.name, now)
            answers.append(Inserted(holder or new.id, created=holder is None))
        data.add(tally)
        self._wake(new.queue for new, answer in zip(jobs, answers, strict=True) if answer.created)
        return answers

    def _holder(self, new: NewJob, now: int) -> str | None:
        """The id of the job that stands for this one already."""
        data = self._data
        if new.id in data.jobs or new.unique_key is None:
            return new.id if new.id in data.jobs else None
        if new.unique_for is None:
            return data.holders.get(new.unique_key)
        taker, since, until = data.taken.get(new.unique_key, ("", 0, 0))
        return taker if until > now and since <= now + CLOCK_STEP else None

    def _refused(self, jobs: Sequence[NewJob], now: int) -> list[Inserted]:
        """The answers where a queue has no room for what is new in this batch; none where there is."""
        met = [self._holder(new, now) for new in jobs]
        fresh = Counter(
            queue for queue, _ in {(new.queue, new.identity) for new, id in zip(jobs, met, strict=True) if id is None}
        )
        limits = {
            new.queue: new.max_waiting for new, id in zip(jobs, met, strict=True) if id is None and new.max_waiting is not None
        }
        if all(self._data.counters[queue, State.QUEUED] + fresh[queue] <= limit for queue, limit in limits.items()):
            return []
        return [Inserted(id or new.id, False, id is None) for new, id in zip(jobs, met, strict=True)]

    def _replace(self, holder: Job, new: NewJob, tally: Tally, now: int) -> None:
        if holder.state is not State.QUEUED or holder.token or holder.name != new.name:
            return
        due, hold = max(new.run_at, now), Hold.NONE if holder.hold is Hold.KEY else holder.hold
        self._data.put(
            replace(
                holder, args=new.args, meta=new.meta, priority=new.priority, policy=new.policy, key=new.key, run_at=due,
                scheduled_at=due if due > now else holder.enqueued_at, expires_at=new.expires_at, hold=hold,
            )
        )  # fmt: skip
        if hold is not holder.hold:
            tally.held(holder.queue, -1)
        self._wake([holder.queue])
        self._make_room_for([holder.key], tally, now)

    # --- working

    async def register(self, runner: RunnerInfo, *, now: int) -> None:
        data, tally = self._write(now)
        data.runners[runner.id] = runner
        data.alive.add(runner.id)
        self._unhold(runner, tally)
        data.add(tally)

    async def retire(self, runner: str) -> None:
        data, _ = self._write()
        data.runners.pop(runner, None)
        data.conditions.pop(runner, None)
        data.alive.discard(runner)

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        data, tally = self._write(now)
        chosen: list[tuple[int, Job]] = []
        unknown: set[str] = set()
        running: Counter[str] = Counter({key: data.running_of(key) for key in list(data.keyed)})
        rooms = {queue: self._room(queue, claim, now) for queue in claim.wants}
        for queue, limit in claim.wants.items():
            if data.paused.get(queue) is None:
                mine, held = self._choose(queue, min(limit, rooms[queue]), claim.tasks, running, now)
                chosen += mine
                unknown.update(job.name for job, hold in held if hold is Hold.UNROUTABLE)
                for job, hold in held:
                    data.put(replace(job, hold=hold))
                    tally.held(queue, 1)
        claimed = self._start(claim, chosen, tally, now)
        return self._when_again(claim, claimed, rooms, frozenset(unknown), now)

    def _room(self, queue: str, claim: Claim, now: int) -> float:
        """How many jobs of this queue may begin now by its limits."""
        limits = claim.limits.get(queue)
        if limits is None:
            return inf
        running = self._data.counters[queue, State.RUNNING]
        if limits.rate is not None and queue in self._data.spent:
            self._data.spent[queue] = limits.rate.settled(self._data.spent[queue], now)
        return min(
            inf if limits.at_once is None else max(limits.at_once - running, 0),
            inf if limits.rate is None else limits.rate.room(self._data.spent.get(queue, 0), now),
        )

    def _when_again(
        self, claim: Claim, claimed: Claimed, rooms: Mapping[str, float], unknown: frozenset[str], now: int
    ) -> Claimed:
        """The answer, with what the limits make of its next_due."""
        data, times, blocked = self._data, [], set()
        for queue in claim.wants:
            limits, due = claim.limits.get(queue, Limits()), data.next_due(replace(claim, wants={queue: 1}))
            if due is None:
                continue
            if due <= now and limits.at_once is not None and data.counters[queue, State.RUNNING] >= limits.at_once:
                blocked.add(queue)
            elif limits.rate is not None:
                times.append(max(due, limits.rate.next_at(data.spent.get(queue, 0), now)))
            else:
                times.append(due)
        return replace(claimed, next_due=min(times, default=None), unknown=unknown, blocked=frozenset(blocked))

    async def claim_alone(self, claim: Claim, *, now: int) -> Claimed:
        data, tally = self._write(now)
        candidates = [
            (order, job)
            for queue, limit in claim.wants.items()
            if limit > 0 and data.paused.get(queue) is None
            for order, job in data.due(queue, Hold.ALONE, now)
            if job.name in claim.tasks and job.name not in data.paused_tasks and self._room(queue, claim, now) >= 1
            if job.key is None or data.running_of(job.key) < job.policy.key_limit
        ]
        claimed = self._start(claim, sorted(candidates, key=self._claim_order)[:1], tally, now)
        return replace(claimed, next_due=None)

    def _alone_due(self, claim: Claim, now: int) -> int | None:
        """When the next job that must run alone may begin, by its time and its queue's rate."""
        data, opens = self._data, []
        for queue in claim.wants:
            limits = claim.limits.get(queue, Limits())
            if data.paused.get(queue) is not None:
                continue
            open_at = 0 if limits.rate is None else limits.rate.next_at(data.spent.get(queue, 0), now)
            opens += [
                max(job.run_at, open_at)
                for job in data.held_in(queue, Hold.ALONE)
                if job.name in claim.tasks - data.paused_tasks.keys()
            ]
        return min(opens, default=None)

    def _choose(
        self, queue: str, limit: float, tasks: frozenset[str], running: Counter[str], now: int
    ) -> tuple[list[tuple[int, Job]], list[tuple[Job, Hold]]]:
        """The first due jobs that this runner knows, and those before the last of them that are to be held, and why.

        running: by key, with what this claim has taken, to which it adds.
        """
        mine: list[tuple[int, Job]] = []
        held: list[tuple[Job, Hold]] = []
        for order, job in self._data.due(queue, Hold.NONE, now) if limit > 0 else ():
            if job.name in self._data.paused_tasks:
                held.append((job, Hold.PAUSED))
            elif job.name in tasks and job.key is not None and running[job.key] >= job.policy.key_limit:
                held.append((job, Hold.KEY))
            elif job.name in tasks:
                mine.append((order, job))
                running[job.key or ""] += 1
                if len(mine) == limit:
                    break
            elif not any(job.name in info.tasks and queue in info.queues for info in self._data.living()):
                held.append((job, Hold.UNROUTABLE))
        return mine, held

    def _claim_order(self, candidate: tuple[int, Job]) -> tuple[int, int]:
        order, job = candidate
        return order, self._data.seqs[job.id]

    def _start(self, claim: Claim, chosen: Iterable[tuple[int, Job]], tally: Tally, now: int) -> Claimed:
        """Make these jobs running, and answer the claim."""
        data = self._data
        started = []
        for _, job in sorted(chosen, key=self._claim_order):
            held, waited = job.hold is not Hold.NONE, now - job.run_at
            tally.claimed(job.queue, job.name, retrying=job.attempt > 0, was_held=held, waited=waited, now=now)
            token = max(job.token + 1, self._generation << GENERATION_BITS)
            running = replace(job, state=State.RUNNING, attempt=job.attempt + 1, token=token, runner=claim.runner, started_at=now)
            if job.policy.unique_until_started:
                running = replace(running, unique_key=None)
            data.put(running)
            started.append(running)
        data.add(tally)
        for queue, count in Counter(job.queue for job in started).items():
            if (limits := claim.limits.get(queue)) is not None and limits.rate is not None:
                data.spent[queue] = limits.rate.spend(data.spent.get(queue, 0), now, count)
        return Claimed(started, data.next_due(claim), self._alone_due(claim, now))

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        data, tally = self._write(now)
        verdicts = [self._finish(finish, tally, now) for finish in finishes]
        self._make_room([finish.id for finish in finishes], tally, now)
        applied = [finish for finish, verdict in zip(finishes, verdicts, strict=True) if verdict is Verdict.APPLIED]
        await self.insert([finish.follow for finish in applied if finish.follow is not None], now=now)
        data.add(tally)
        self._wake(data.jobs[f.id].queue for f, verdict in zip(finishes, verdicts, strict=True) if verdict is Verdict.APPLIED)
        return verdicts

    def _make_room(self, ids: Sequence[str], tally: Tally, now: int) -> None:
        """These jobs have ended, or left the queue: let go who waited for that."""
        self._make_room_for([job.key for id in ids if (job := self._data.jobs.get(id)) is not None], tally, now)

    def _make_room_for(self, keys: Sequence[str | None], tally: Tally, now: int) -> None:
        data = self._data
        for key in {key: None for key in keys if key is not None}:
            for job in data.let_go_by_key(key, now):
                data.put(replace(job, hold=Hold.NONE))
                tally.held(job.queue, -1)
                self._wake([job.queue])

    def _finish(self, finish: Finish, tally: Tally, now: int) -> Verdict:
        job = self._data.jobs.get(finish.id)
        if job is None or job.token != finish.token:
            return Verdict.LOST
        if job.state is not State.RUNNING:
            return Verdict.ALREADY if job.token else Verdict.LOST
        after = _after(job, finish, now)
        self._data.put(after)
        tally.finished(
            job.queue,
            job.name,
            finish.outcome,
            after.state,
            queue_after=after.queue,
            retrying=after.attempt > 0,
            held=after.hold is not Hold.NONE,
            ran=now - (job.started_at or now),
            now=now,
        )
        return Verdict.APPLIED

    async def beat(self, runner: str, *, now: int) -> Beat:
        if self._latest_now - now > CLOCK_STEP:
            self._latest_now = now
            self._make_due_again(now)
        data, tally = self._write(now)
        expired = [
            job
            for job in data.jobs.values()
            if job.state is State.QUEUED and job.expires_at is not None and job.expires_at <= now
        ]
        for job in expired:
            self._cancel_queued(data.jobs[job.id], tally, now, Error(CANCEL, EXPIRED))
        data.add(tally)
        held = {id: data.jobs[id] for id in data.running[runner]}
        return Beat(
            held={id: job.token for id, job in held.items()},
            cancels=frozenset(id for id, job in held.items() if job.cancel_requested),
            paused=frozenset(queue for queue, pause in data.paused.items() if pause is not None),
            schedules=data.schedule_version,
            limits=dict(data.limits),
            expired=[job.id for job in expired],
        )

    def _make_due_again(self, now: int) -> None:
        """The wall clock was set back: who waits must not wait until the clock has made up for it."""
        later = [seq for lines in self._data.queued.values() for _, seq in lines[bisect_right(lines, (now, inf)) :]]
        for job in map(self._data.by_seq, later):
            self._data.put(replace(job, run_at=_due_again(job, now)))
        tally = Tally()
        self._make_room_for(list(self._data.keyed), tally, now)
        self._data.add(tally)

    async def note(self, notes: Mapping[str, tuple[int, Progress]]) -> None:
        data, _ = self._write()
        for id, (token, progress) in notes.items():
            job = data.jobs.get(id)
            if job is not None and job.state is State.RUNNING and job.token == token:
                data.put(replace(job, progress=progress))

    async def report(self, runner: str, condition: Condition) -> None:
        data, _ = self._write()
        if runner in data.runners:
            data.conditions[runner] = condition

    async def abandon(self, attempts: Mapping[str, int]) -> None:
        data, _ = self._write()
        for id, token in attempts.items():
            job = data.jobs.get(id)
            if job is not None and job.state is State.RUNNING and job.token == token:
                data.put(replace(job, crashes=ABANDONED))

    async def orphans(self, limit: int) -> Sequence[Job]:
        data = self._read()
        orphaned = [id for runner, ids in data.running.items() if runner not in data.alive for id in ids]
        return [data.jobs[id] for id in sorted(orphaned, key=data.seqs.__getitem__)[:limit]]

    # --- operating

    async def cancel(self, ids: Sequence[str], *, now: int, running: bool = True) -> Sequence[Cancellation]:
        data, tally = self._write(now)
        answers = [self._cancel(data.jobs.get(id), tally, now, running) for id in ids]
        data.add(tally)
        return answers

    def _cancel(self, job: Job | None, tally: Tally, now: int, running: bool) -> Cancellation:
        if job is None:
            return Cancellation.UNKNOWN
        if job.state.ended:
            return Cancellation.ENDED
        if job.state is State.RUNNING and not running:
            return Cancellation.RUNNING
        if job.state is State.RUNNING:
            self._data.put(replace(job, cancel_requested=True))
            return Cancellation.REQUESTED
        self._cancel_queued(job, tally, now, job.error)
        return Cancellation.CANCELLED

    def _cancel_queued(self, job: Job, tally: Tally, now: int, error: Error | None) -> None:
        tally.cancelled_queued(job.queue, job.name, retrying=job.attempt > 0, held=job.hold is not Hold.NONE, now=now)
        self._data.put(replace(job, state=State.CANCELLED, hold=Hold.NONE, finished_at=now, error=error))
        self._make_room([job.id], tally, now)

    async def requeue(self, ids: Sequence[str], *, now: int, due: int | None = None, spread: int = 0) -> Sequence[bool]:
        data, tally = self._write(now)
        first = now if due is None else due
        back = []
        for at, id in enumerate(ids):
            job = data.jobs.get(id)
            if job is not None and (not job.state.ended or job.unique_key in data.holders):
                job = None
            back.append(job is not None)
            if job is not None:
                tally.requeued(job.queue, job.state)
                data.put(
                    replace(
                        job, state=State.QUEUED, run_at=first + spread * at // len(ids), attempt=0, crashes=0, result=None, error=None, progress=None,
                        finished_at=None, expires_at=None,
                    )
                )  # fmt: skip
        data.add(tally)
        self._wake(data.jobs[id].queue for id, was_put_back in zip(ids, back, strict=True) if was_put_back)
        return back

    async def discard(self, ids: Sequence[str]) -> Sequence[bool]:
        data, tally = self._write()
        gone = []
        for id in ids:
            job = data.jobs.get(id)
            gone.append(job is not None and job.state.ended)
            if job is not None and job.state.ended:
                data.remove(job)
                tally.pruned(job.queue, job.state, 1)
        data.add(tally)
        return gone

    async def set_paused(self, queue: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        data, _ = self._write(now)
        if paused or queue in data.paused:
            data.paused[queue] = Pause(now, by, why) if paused else None
        if not paused:
            self._wake([queue])

    async def set_task_paused(self, task: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        data, tally = self._write(now)
        if paused:
            data.paused_tasks[task] = Pause(now, by, why)
            return
        data.paused_tasks.pop(task, None)
        self._unhold(None, tally)
        data.add(tally)

    def _unhold(self, runner: RunnerInfo | None, tally: Tally) -> None:
        for job in self._data.unholdable(runner):
            self._data.put(replace(job, hold=Hold.NONE))
            tally.held(job.queue, -1)
            self._wake([job.queue])

    async def keep_limits(self, queue: str, limits: str | None, *, now: int) -> None:
        data, _ = self._write(now)
        if limits is None:
            data.limits.pop(queue, None)
        else:
            data.limits[queue] = limits

    async def record_act(self, act: Act) -> None:
        data, _ = self._write(act.at)
        data.acts.append(act)

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        data, tally = self._write()
        lines = [(data.ended[state], before) for state, before in ended_before.items()]
        old = [entry for line, before in lines for entry in line[: bisect_left(line, (before, 0))]]
        going = [data.by_seq(seq) for _, seq in old[:limit]]
        for job in going:
            data.remove(job)
            tally.pruned(job.queue, job.state, 1)
        data.add(tally)
        if len(going) < limit:
            data.runners = {id: info for id, info in data.runners.items() if id in data.alive or data.running[id]}
            data.thin_history(self._latest_now)
            data.taken = {key: taken for key, taken in data.taken.items() if taken[2] > self._latest_now}
        return len(going)

    # --- looking

    async def get(self, ids: Sequence[str]) -> Sequence[Job | None]:
        return [self._read().jobs.get(id) for id in ids]

    async def page(self, query: JobQuery, *, limit: int, after: str | None = None) -> Page:
        data = self._read()
        below = _position(after)
        matching = (seq for seq, id in reversed(data.ids.items()) if seq < below and _matches(data.jobs[id], query))
        seqs = [seq for _, seq in zip(range(limit + 1), matching, strict=False)]
        shown = seqs[:limit]
        return Page([data.by_seq(seq) for seq in shown], str(shown[-1]) if shown and len(seqs) > limit else None)

    async def stats(self, *, now: int) -> Stats:
        data = self._read()
        worked = {queue for info in data.runners.values() for queue in info.queues}
        names = {queue for queue, _ in data.counters} | set(data.paused) | worked
        runners = [
            RunnerStats(
                info, Counter(data.jobs[job].queue for job in data.running[id]), id in data.alive, data.conditions.get(id)
            )
            for id, info in data.runners.items()
        ]
        held = (data.by_seq(seq).name for (_, hold, _), line in data.queued.items() if hold is Hold.UNROUTABLE for _, seq in line)
        unknown = Counter(name for name, _ in zip(held, range(COUNT_LIMIT), strict=False))
        queues = {queue: self._queue_stats(queue, now) for queue in sorted(names)}
        return Stats(now, queues, runners, dict(data.paused_tasks), unknown)

    def _queue_stats(self, queue: str, now: int) -> QueueStats:
        data = self._data
        lines = [data.queued[queue, Hold.NONE, priority] for priority in PRIORITIES]
        waiting = sum(bisect_right(line, (now, inf)) for line in lines)
        scheduled = sum(map(len, lines)) - waiting
        return QueueStats(
            states={state: data.counters[queue, state] for state in State},
            held=data.counters[queue, HELD],
            retrying=data.counters[queue, RETRYING],
            waiting=min(waiting, COUNT_LIMIT),
            waiting_more=waiting > COUNT_LIMIT,
            scheduled=min(scheduled, COUNT_LIMIT),
            scheduled_more=scheduled > COUNT_LIMIT,
            oldest_due=min((line[0][0] for line in lines if line), default=None) if waiting else None,
            pause=data.paused.get(queue),
            totals={metric: data.counters[queue, total_of(metric)] for metric in TOTALS},
        )

    async def situation(self, id: str, *, now: int) -> Situation | None:
        data = self._read()
        job = data.jobs.get(id)
        if job is None:
            return None
        seq, order = data.seqs[id], job.run_at + PRIORITY_STEP * job.priority
        before = [one for at, one in data.due(job.queue, Hold.NONE, now) if (at, data.seqs[one.id]) < (order, seq)]
        ahead = Counter(one.priority for one in before)
        running = [one for ids in data.running.values() for one in map(data.jobs.__getitem__, ids) if one.queue == job.queue]
        running.sort(key=lambda one: (one.started_at or 0, data.seqs[one.id]))
        of_key = data.places_of(job, now)[: max(HOLDERS, job.policy.key_limit)] if job.key is not None else []
        return Situation(
            now,
            job,
            data.paused.get(job.queue),
            data.paused_tasks.get(job.name),
            (await self.stats(now=now)).runners,
            [(one.id, one.runner or "") for one in running[:HOLDERS]],
            len(running),
            of_key[:HOLDERS],
            len(of_key),
            sum(min(count, AHEAD_LIMIT) for count in ahead.values()),
            sum(min(count, AHEAD_LIMIT) for priority, count in ahead.items() if priority < job.priority),
            data.spent.get(job.queue, 0.0),
        )

    async def history(
        self, *, since: int, until: int, queue: str | None = None, step: int = HISTORY_STEP
    ) -> Sequence[HistoryBucket]:
        data = self._read()
        return buckets_of(
            (at - at % step, of, task, metric, bucket, count)
            for (at, of, task, metric, bucket), count in chain(data.hours.items(), data.history.items())
            if since <= at < until and queue in (None, of)
        )

    async def longest_running(self, limit: int) -> Sequence[Job]:
        data = self._read()
        running = [data.jobs[id] for ids in data.running.values() for id in ids]
        return sorted(running, key=lambda job: (job.started_at or 0, data.seqs[job.id]))[:limit]

    async def storage(self) -> Storage:
        self._read()
        return Storage("memory")

    async def check(self) -> Sequence[str]:
        self._read()
        return []

    async def backup(self, to: str | None) -> str:
        self._read()
        raise ConfigurationError("memory: keeps nothing that could be copied; give Jobs the path of a file")

    async def acts(self, limit: int) -> Sequence[Act]:
        return list(reversed(self._read().acts))[:limit]

    async def failures(self, newest: int) -> Sequence[FailureGroup]:
        data = self._read()
        ended = data.ended[State.FAILED][::-1][:newest]
        failed = [data.jobs[data.ids[seq]] for _, seq in ended]
        return FailureGroup.all_of((job.name, job.error, job.finished_at or 0) for job in failed)

    # --- waking

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[frozenset[str]]]:
        data = self._read()
        watch = Watch(self)
        data.watches.add(watch)
        try:
            yield watch
        finally:
            data.watches.discard(watch)

    def _wake(self, queues: Iterable[str]) -> None:
        """Tell the other handles that these queues may have work."""
        changed = frozenset(queues)
        for watch in self._data.watches:
            if changed and watch.owner is not self:
                watch.add(changed)

    def _read(self) -> MemoryData:
        if not self._is_open:
            raise StoreClosed
        return self._data

    def _write(self, now: int = 0) -> tuple[MemoryData, Tally]:
        """The data, and an empty tally for what the verb does; to be added when it is done."""
        data = self._read()
        self._latest_now = max(self._latest_now, now)
        return data, Tally()


def _first_record(new: NewJob, now: int) -> Job:
    run_at = max(new.run_at, now)
    return Job(
        id=new.id, name=new.name, queue=new.queue, state=State.QUEUED, args=new.args, meta=new.meta, priority=new.priority,
        policy=new.policy, survives=new.survives, enqueued_at=now, scheduled_at=run_at, run_at=run_at,
        unique_key=new.unique_key if new.unique_for is None else None, key=new.key, expires_at=new.expires_at,
    )  # fmt: skip


def _is_one_too_many(job: Job, data: MemoryData, now: int) -> bool:
    return job.key is not None and job.run_at <= now and data.places_before(job, now) >= job.policy.key_limit


def _due_again(job: Job, now: int) -> int:
    """When this job is due now that the clock was set back to `now`."""
    if not job.attempts:
        return now if job.scheduled_at == job.enqueued_at else job.run_at
    last = job.attempts[-1]
    if job.attempt == 0 and last.outcome not in ("snoozed", "released", "lost"):  # requeued
        return now
    return min(job.run_at, now + max(job.run_at - last.ended_at, 0))


def _after(job: Job, finish: Finish, now: int) -> Job:
    """The running job as this finish, which applies to it, leaves it."""
    record = AttemptRecord(job.attempt, finish.outcome, job.runner or "", job.started_at or now, now, finish.error)
    to = State.CANCELLED if finish.to is State.QUEUED and job.cancel_requested else finish.to
    ended = replace(
        job,
        state=to,
        cancel_requested=False,
        crashes=finish.crashes,
        progress=finish.progress or job.progress,
        error=finish.error if finish.error is not None or to is State.SUCCEEDED else job.error,
        attempts=tuple(kept_attempts([*job.attempts, record])),
    )
    if to is not State.QUEUED:
        return replace(ended, finished_at=now, result=finish.result, hold=Hold.NONE)
    return replace(
        ended,
        run_at=finish.run_at if finish.run_at is not None else now,
        hold=finish.hold,
        attempt=job.attempt - finish.give_back,
        queue=finish.queue or job.queue,
    )


def _position(after: str | None) -> float:
    """The seq that a page goes on below; what no page can have named begins at the start."""
    return int(after) if after is not None and after.isascii() and after.isdecimal() and len(after) < 19 else inf


def _matches(job: Job, query: JobQuery) -> bool:
    error = job.error.type if job.error is not None else None
    wanted = ((query.state, job.state), (query.queue, job.queue), (query.task, job.name), (query.error, error))
    return (
        all(asked is None or asked == has for asked, has in wanted)
        and (query.since is None or job.enqueued_at >= query.since)
        and (query.until is None or job.enqueued_at < query.until)
        and (query.text is None or _has_text(job, query.text))
    )


_dumps = encoder(allow_nan=True)


def _has_text(job: Job, text: str) -> bool:
    plain, coded = searched(text), searched(_dumps(text)[1:-1])
    said = "" if job.error is None else _dumps([job.error.type, job.error.message, job.error.traceback])
    return any(plain in searched(one) for one in (job.id, job.key or "")) or any(
        coded in searched(one) for one in (job.args, said)
    )
