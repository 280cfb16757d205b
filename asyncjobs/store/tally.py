"""What one change adds to the counters and to history. Pure: stores apply the deltas in the change's own commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

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


def buckets_of(entries: Iterable[tuple[int, str, str, str, int, int]]) -> list[HistoryBucket]:
    """History as it is read, oldest first, of entries as they are kept: a Tally's history key with its count. Those with the same key are added up."""
    found: dict[tuple[int, str, str], dict[str, dict[Any, int]]] = {}
    for at, queue, task, metric, bucket, count in entries:
        counts = found.get((at, queue, task))
        if counts is None:
            counts = found[at, queue, task] = {"": {}, Metric.WAIT: {}, Metric.RUN: {}}
        key: Metric | int
        if bucket == NO_BUCKET:
            of, key = counts[""], _METRICS[metric]
        else:
            of, key = counts[metric], bucket
        of[key] = of.get(key, 0) + count
    return [
        HistoryBucket(at, queue, task, counts[""], counts[Metric.WAIT], counts[Metric.RUN])
        for (at, queue, task), counts in sorted(found.items(), key=itemgetter(0))
    ]


_METRICS: Mapping[str, Metric] = {metric: metric for metric in Metric}  # Metric(text) is dearer, and there are many rows


# queue, task, retrying, was held, bucket of the wait, minute
_Start = tuple[str, str, bool, bool, int, int]
# queue, task, outcome, to, queue after, retrying, held, bucket of the run, minute
_End = tuple[str, str, str, State, str, bool, bool, int, int]


class Tally:
    """Deltas, gathered by naming what happened.

    counters: (queue, key) → delta; a key is a State (how many jobs are in it), HELD, RETRYING (queued with an attempt behind
    them) or total_of(a Metric). history: (bucket begin ms, queue, task, Metric, histogram bucket or NO_BUCKET) → delta.

    Starts and ends, of which a commit has many alike, are only counted as they come, and become deltas when those are asked for.
    """

    __slots__ = ("_counters", "_ends", "_history", "_starts")

    def __init__(self) -> None:
        self._counters: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._history: defaultdict[tuple[int, str, str, Metric, int], int] = defaultdict(int)
        self._starts: defaultdict[_Start, int] = defaultdict(int)  # emptied, as _ends, into the two above
        self._ends: defaultdict[_End, int] = defaultdict(int)

    def __bool__(self) -> bool:
        return bool(self._starts or self._ends or self._counters or self._history)

    @property
    def counters(self) -> Mapping[tuple[str, str], int]:
        self._add_up()
        return self._counters

    @property
    def history(self) -> Mapping[tuple[int, str, str, Metric, int], int]:
        self._add_up()
        return self._history

    # --- what happened

    def inserted(self, queue: str, task: str, now: int, count: int = 1) -> None:
        self._counters[queue, State.QUEUED] += count
        self._count(queue, task, Metric.ENQUEUED, now, count)

    def claimed(self, queue: str, task: str, *, retrying: bool, was_held: bool, waited: int, now: int) -> None:
        """A queued job began to run, `waited` ms after it was due. retrying: it had an attempt behind it before."""
        self._starts[queue, task, retrying, was_held, bucket_of(max(waited, 0)), now - now % HISTORY_STEP] += 1

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
        minute, bucket = now - now % HISTORY_STEP, bucket_of(max(ran, 0))
        self._ends[queue, task, outcome, to, queue_after, retrying, held, bucket, minute] += 1

    def cancelled_queued(self, queue: str, task: str, *, retrying: bool, held: bool, now: int) -> None:
        self._move(queue, State.QUEUED, State.CANCELLED, 1)
        self._leave_queue(queue, retrying=retrying, held=held, count=1)
        self._count(queue, task, Metric.CANCELLED, now, 1)

    def requeued(self, queue: str, state: State) -> None:
        self._move(queue, state, State.QUEUED, 1)

    def held(self, queue: str, count: int) -> None:
        """`count` more queued jobs have a hold; negative: fewer."""
        self._counters[queue, HELD] += count

    def pruned(self, queue: str, state: State, count: int) -> None:
        self._counters[queue, state] -= count

    # --- as deltas

    def _add_up(self) -> None:
        starts, self._starts = self._starts, defaultdict(int)
        ends, self._ends = self._ends, defaultdict(int)
        for start, count in starts.items():
            self._add_start(start, count)
        for end, count in ends.items():
            self._add_end(end, count)

    def _add_start(self, start: _Start, count: int) -> None:
        queue, task, retrying, was_held, bucket, minute = start
        self._move(queue, State.QUEUED, State.RUNNING, count)
        self._leave_queue(queue, retrying=retrying, held=was_held, count=count)
        self._count(queue, task, Metric.STARTED, minute, count)
        self._history[minute, queue, task, Metric.WAIT, bucket] += count

    def _add_end(self, end: _End, count: int) -> None:
        queue, task, outcome, to, queue_after, retrying, held, bucket, minute = end
        self._counters[queue, State.RUNNING] -= count
        self._counters[queue_after, to] += count
        if to is State.QUEUED:
            self._counters[queue_after, RETRYING] += retrying * count
            self._counters[queue_after, HELD] += held * count
        for metric in _ENDED_AS[outcome]:
            self._count(queue, task, metric, minute, count)
        if outcome in _TIMED:
            self._history[minute, queue, task, Metric.RUN, bucket] += count
        if to is State.FAILED:
            self._count(queue, task, Metric.DEAD, minute, count)
            if outcome == "lost":
                self._count(queue, task, Metric.FAILURES, minute, count)
        elif to is State.CANCELLED:
            self._count(queue, task, Metric.CANCELLED, minute, count)

    def _move(self, queue: str, before: State, after: State, count: int) -> None:
        self._counters[queue, before] -= count
        self._counters[queue, after] += count

    def _leave_queue(self, queue: str, *, retrying: bool, held: bool, count: int) -> None:
        self._counters[queue, RETRYING] -= retrying * count
        self._counters[queue, HELD] -= held * count

    def _count(self, queue: str, task: str, metric: Metric, now: int, count: int) -> None:
        self._counters[queue, total_of(metric)] += count
        self._history[now - now % HISTORY_STEP, queue, task, metric, NO_BUCKET] += count
