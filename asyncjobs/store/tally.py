"""What one change adds to the counters and to history. Pure: stores apply the deltas in the change's own commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from asyncjobs.histogram import bucket_of
from asyncjobs.job import State
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Metric

HELD = "held"
RETRYING = "retrying"
NO_BUCKET = -1  # the histogram bucket of what is only counted


def total_of(metric: Metric) -> str:
    """The counter of this metric's total for ever. Not the metric's own text: "succeeded" and "cancelled" are states too."""
    return f"total_{metric}"


_ENDED_AS: dict[str, tuple[Metric, ...]] = {
    "succeeded": (Metric.SUCCEEDED,),
    "failed": (Metric.FAILURES,),
    "timed_out": (Metric.FAILURES,),
    "cancelled": (),  # counted where the job's state becomes cancelled, which other ends may bring about too
    "snoozed": (Metric.SNOOZED,),
    "released": (Metric.RELEASED,),
    "lost": (Metric.LOST,),
}
_TIMED = frozenset({"succeeded", "failed", "timed_out"})


TOTALS = tuple(metric for metric in Metric if metric not in (Metric.WAIT, Metric.RUN))  # what is counted for ever


def buckets_of(entries: Iterable[tuple[int, str, str, Metric, int, int]]) -> list[HistoryBucket]:
    """History as it is read, oldest first, of entries as they are kept: a Tally's history key with its count."""
    found: defaultdict[tuple[int, str, str], dict[tuple[Metric, int], int]] = defaultdict(dict)
    for at, queue, task, metric, bucket, count in entries:
        found[at, queue, task][metric, bucket] = count
    return [
        HistoryBucket(
            at=at,
            queue=queue,
            task=task,
            counts={metric: count for (metric, bucket), count in counts.items() if bucket == NO_BUCKET},
            wait={bucket: count for (metric, bucket), count in counts.items() if metric is Metric.WAIT},
            run={bucket: count for (metric, bucket), count in counts.items() if metric is Metric.RUN},
        )
        for (at, queue, task), counts in sorted(found.items())
    ]


class Tally:
    """Deltas, gathered by naming what happened.

    counters: (queue, key) → delta; a key is a State (how many jobs are in it), HELD, RETRYING (queued with an attempt behind
    them) or total_of(a Metric). history: (bucket begin ms, queue, task, Metric, histogram bucket or NO_BUCKET) → delta.
    """

    __slots__ = ("counters", "history")

    def __init__(self) -> None:
        self.counters: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.history: defaultdict[tuple[int, str, str, Metric, int], int] = defaultdict(int)

    def __bool__(self) -> bool:
        return bool(self.counters or self.history)

    def inserted(self, queue: str, task: str, now: int, count: int = 1) -> None:
        self.counters[queue, State.QUEUED] += count
        self._count(queue, task, Metric.ENQUEUED, now, count)

    def claimed(self, queue: str, task: str, *, retrying: bool, was_held: bool, waited: int, now: int) -> None:
        """A queued job began to run, `waited` ms after it was due. retrying: it had an attempt behind it before."""
        self._move(queue, State.QUEUED, State.RUNNING)
        self._leave_queue(queue, retrying=retrying, held=was_held)
        self._count(queue, task, Metric.STARTED, now)
        self._measure(queue, task, Metric.WAIT, waited, now)

    def finished(
        self,
        queue: str,
        task: str,
        outcome: str,
        to: State,
        *,
        queue_after: str,
        retrying: bool,
        held: bool,
        ran: int,
        now: int,
    ) -> None:
        """An attempt ended after `ran` ms and its job went to state `to`. retrying, held: as it is after, in `queue_after`."""
        self.counters[queue, State.RUNNING] -= 1
        self.counters[queue_after, to] += 1
        if to is State.QUEUED:
            self._enter_queue(queue_after, retrying=retrying, held=held)
        for metric in _ENDED_AS[outcome]:
            self._count(queue, task, metric, now)
        if outcome in _TIMED:
            self._measure(queue, task, Metric.RUN, ran, now)
        if to is State.FAILED:
            self._count(queue, task, Metric.DEAD, now)
            if outcome == "lost":
                self._count(queue, task, Metric.FAILURES, now)
        elif to is State.CANCELLED:
            self._count(queue, task, Metric.CANCELLED, now)

    def cancelled_queued(self, queue: str, task: str, *, retrying: bool, held: bool, now: int) -> None:
        self._move(queue, State.QUEUED, State.CANCELLED)
        self._leave_queue(queue, retrying=retrying, held=held)
        self._count(queue, task, Metric.CANCELLED, now)

    def requeued(self, queue: str, state: State) -> None:
        self._move(queue, state, State.QUEUED)

    def held(self, queue: str, count: int) -> None:
        """`count` more queued jobs have a hold; negative: fewer."""
        self.counters[queue, HELD] += count

    def pruned(self, queue: str, state: State, count: int) -> None:
        self.counters[queue, state] -= count

    def _move(self, queue: str, before: State, after: State) -> None:
        self.counters[queue, before] -= 1
        self.counters[queue, after] += 1

    def _enter_queue(self, queue: str, *, retrying: bool, held: bool) -> None:
        self.counters[queue, RETRYING] += retrying
        self.counters[queue, HELD] += held

    def _leave_queue(self, queue: str, *, retrying: bool, held: bool) -> None:
        self.counters[queue, RETRYING] -= retrying
        self.counters[queue, HELD] -= held

    def _count(self, queue: str, task: str, metric: Metric, now: int, count: int = 1) -> None:
        self.counters[queue, total_of(metric)] += count
        self.history[now - now % HISTORY_STEP, queue, task, metric, NO_BUCKET] += count

    def _measure(self, queue: str, task: str, metric: Metric, milliseconds: int, now: int) -> None:
        self.history[now - now % HISTORY_STEP, queue, task, metric, bucket_of(max(milliseconds, 0))] += 1
