"""What went through queues lately, added up as far as the numbers speak of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import field
from operator import attrgetter, itemgetter
from typing import TypeVar

from asyncjobs.record import record
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Metric

K = TypeVar("K", bound=Hashable)

HOUR = 3_600_000  # ms of history, up to now, that the numbers speak of
DAY = 86_400_000  # ms
BESIDE = 3_600_000  # ms before and after the same moment a day before


@record
class Sum:
    """Of many buckets. counts, wait and run as a HistoryBucket's; no zeros."""

    counts: dict[Metric, int] = field(default_factory=dict)
    wait: dict[int, int] = field(default_factory=dict)
    run: dict[int, int] = field(default_factory=dict)

    def add(self, other: Sum | HistoryBucket) -> None:
        _add(self.counts, other.counts)
        _add(self.wait, other.wait)
        _add(self.run, other.run)

    def take(self, other: Sum | HistoryBucket) -> None:
        """Undo what adding it did."""
        _take(self.counts, other.counts)
        _take(self.wait, other.wait)
        _take(self.run, other.run)

    def copy(self) -> Sum:
        return Sum(self.counts.copy(), self.wait.copy(), self.run.copy())


NOTHING = Sum()


@record
class Flow:
    """minutes: of each queue in the last hour, those in which something happened, oldest first, all its tasks as one (named "").
    queues, tasks: the same hour in all, by name. before: by queue, of BESIDE before and after about the same moment a day before.
    """

    minutes: Mapping[str, Sequence[HistoryBucket]] = field(default_factory=dict)
    queues: Mapping[str, Sum] = field(default_factory=dict)
    tasks: Mapping[str, Sum] = field(default_factory=dict)
    before: Mapping[str, Sum] = field(default_factory=dict)


class Hour:
    """Minutes of history that follow each other, and what they are in all: a later one comes, an earlier one goes, and nothing is added up twice."""

    def __init__(self, since: int) -> None:
        """since: ms, where a minute begins."""
        self.since = since  # written by forget
        self.until = since  # so far everything is known; written by add
        self._queues = _Minutes(attrgetter("queue"))
        self._tasks = _Minutes(attrgetter("task"))

    def add(self, buckets: Sequence[HistoryBucket], until: int) -> None:
        """All that happened from the end of what is known up to `until`, where a minute begins."""
        self._queues.add(buckets)
        self._tasks.add(buckets)
        self.until = until

    def forget(self, since: int) -> None:
        """What was before."""
        self._queues.forget(since)
        self._tasks.forget(since)
        self.since = max(self.since, since)

    def flow(self, latest: Sequence[HistoryBucket], before: Mapping[str, Sum]) -> Flow:
        """With what happened since, which may not be all yet."""
        minutes, queues = self._queues.followed_by(latest)
        _, tasks = self._tasks.followed_by(latest)
        return Flow(minutes, queues, tasks, before)


class _Minutes:
    """By queue, all tasks as one, or by task."""

    def __init__(self, name_of: Callable[[HistoryBucket], str]) -> None:
        self._name_of = name_of
        self._minutes: dict[str, list[HistoryBucket]] = {}  # oldest first; written by add and forget, as their total
        self._total: dict[str, Sum] = {}

    def add(self, buckets: Iterable[HistoryBucket]) -> None:
        self._append(buckets, self._minutes, self._total)

    def forget(self, since: int) -> None:
        for name in [name for name, minutes in self._minutes.items() if minutes[0].at < since]:
            minutes, total = self._minutes[name], self._total[name]
            gone = bisect_left(minutes, since, key=lambda minute: minute.at)
            for minute in minutes[:gone]:
                total.take(minute)
            del minutes[:gone]
            if not minutes:
                del self._minutes[name], self._total[name]

    def followed_by(self, latest: Iterable[HistoryBucket]) -> tuple[dict[str, list[HistoryBucket]], dict[str, Sum]]:
        minutes = {name: [*mine] for name, mine in self._minutes.items()}
        total = {name: mine.copy() for name, mine in self._total.items()}
        self._append(latest, minutes, total)
        return minutes, total

    def _append(self, buckets: Iterable[HistoryBucket], minutes: dict[str, list[HistoryBucket]], total: dict[str, Sum]) -> None:
        found: dict[tuple[int, str], Sum] = {}
        for bucket in buckets:
            found.setdefault((bucket.at, self._name_of(bucket)), Sum()).add(bucket)
        for (at, name), one in sorted(found.items(), key=itemgetter(0)):
            minutes.setdefault(name, []).append(HistoryBucket(at, name, "", one.counts, one.wait, one.run))
            total.setdefault(name, Sum()).add(one)


def flow_of(buckets: Sequence[HistoryBucket], now: int) -> Flow:
    """The same of all buckets, by the minute, at once. now: ms."""
    since, then = minute_after(now - HOUR), now - DAY
    before: dict[str, Sum] = {}
    add_by_queue(before, [bucket for bucket in buckets if then - BESIDE <= bucket.at < then + BESIDE])
    return Hour(since).flow([bucket for bucket in buckets if since <= bucket.at <= now], before)


def add_by_queue(sums: dict[str, Sum], buckets: Iterable[HistoryBucket]) -> None:
    for bucket in buckets:
        sums.setdefault(bucket.queue, Sum()).add(bucket)


def minute_after(moment: int) -> int:
    """The first that begins then or later; ms."""
    return -(-moment // HISTORY_STEP) * HISTORY_STEP


def _add(counts: dict[K, int], more: Mapping[K, int]) -> None:
    for key, count in more.items():
        counts[key] = counts.get(key, 0) + count


def _take(counts: dict[K, int], less: Mapping[K, int]) -> None:
    for key, count in less.items():
        left = counts.get(key, 0) - count
        if left:
            counts[key] = left
        else:
            counts.pop(key, None)
