"""What counters and history must say, from the jobs themselves and from a ledger kept by whoever did the work.

Written against the prose of store/base.py and without store/tally.py, so that a fault there shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncjobs.histogram import BOUNDS
from asyncjobs.job import Hold, Job, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Metric, QueueStats, Stats


def recount(jobs: Iterable[Job], now: int) -> dict[str, QueueStats]:
    """The statistics of each queue that has a job, without pauses and totals."""
    by_queue: dict[str, list[Job]] = {}
    for job in jobs:
        by_queue.setdefault(job.queue, []).append(job)
    return {queue: _of_queue(its, now) for queue, its in by_queue.items()}


def _of_queue(jobs: Sequence[Job], now: int) -> QueueStats:
    queued = [job for job in jobs if job.state is State.QUEUED]
    claimable = [job.run_at for job in queued if job.hold is Hold.NONE]
    due = [run_at for run_at in claimable if run_at <= now]
    return QueueStats(
        states={state: sum(job.state is state for job in jobs) for state in State},
        held=sum(job.hold is not Hold.NONE for job in queued),
        retrying=sum(job.attempt > 0 for job in queued),
        waiting=len(due),
        scheduled=len(claimable) - len(due),
        oldest_due=min(due, default=None),
    )


@dataclass
class Ledger:
    """What a test has done and been told, as history should show it."""

    events: Counter[tuple[int, str, str, str, int | None]] = field(default_factory=Counter)

    def _add(self, job: Job, metric: Metric, now: int, duration: int | None = None) -> None:
        bucket = None if duration is None else sum(bound < duration for bound in BOUNDS)
        self.events[now // HISTORY_STEP * HISTORY_STEP, job.queue, job.name, metric, bucket] += 1

    def inserted(self, job: Job, now: int) -> None:
        self._add(job, Metric.ENQUEUED, now)

    def claimed(self, before: Job, now: int) -> None:
        self._add(before, Metric.STARTED, now)
        self._add(before, Metric.WAIT, now, max(now - before.run_at, 0))

    def cancelled(self, before: Job, now: int) -> None:
        self._add(before, Metric.CANCELLED, now)

    def finished(self, before: Job, finish: Finish, after: Job, now: int) -> None:
        """An applied finish of the running job `before`."""
        match finish.outcome:
            case "succeeded":
                self._add(before, Metric.SUCCEEDED, now)
            case "failed" | "timed_out":
                self._add(before, Metric.FAILURES, now)
            case "snoozed":
                self._add(before, Metric.SNOOZED, now)
            case "released":
                self._add(before, Metric.RELEASED, now)
            case "lost":
                self._add(before, Metric.LOST, now)
        if finish.outcome in ("succeeded", "failed", "timed_out"):
            self._add(before, Metric.RUN, now, max(now - (before.started_at or 0), 0))
        if after.state is State.CANCELLED:
            self._add(before, Metric.CANCELLED, now)
        if after.state is State.FAILED:
            self._add(before, Metric.DEAD, now)
            if finish.outcome == "lost":
                self._add(before, Metric.FAILURES, now)

    def totals(self, queue: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (_, of_queue, _, metric, bucket), count in self.events.items():
            if of_queue == queue and bucket is None:
                found[metric] += count
        return dict(found)


def events(history: Iterable[HistoryBucket]) -> dict[tuple[int, str, str, str, int | None], int]:
    """History in the ledger's terms."""
    found: dict[tuple[int, str, str, str, int | None], int] = {}
    for bucket in history:
        where = (bucket.at, bucket.queue, bucket.task)
        found |= {(*where, str(metric), None): count for metric, count in bucket.counts.items()}
        found |= {(*where, "wait", index): count for index, count in bucket.wait.items()}
        found |= {(*where, "run", index): count for index, count in bucket.run.items()}
    return found


def counted(stats: Stats) -> dict[str, QueueStats]:
    """Stats in a recount's terms: without pauses and totals, and without the queues that have no job."""
    return {
        queue: QueueStats(
            states=of.states,
            held=of.held,
            retrying=of.retrying,
            waiting=of.waiting,
            scheduled=of.scheduled,
            oldest_due=of.oldest_due,
        )
        for queue, of in stats.queues.items()
        if any(of.states.values())
    }


def totals(stats: Mapping[Metric, int]) -> dict[str, int]:
    return {str(metric): count for metric, count in stats.items() if count}
