"""What is wrong, if anything: ordered rules over the numbers, each with its evidence. Healthy numbers give nothing.

The rules are those of the design's dashboard (B5), first match for each queue; the times behind them are WINDOW and what was a day before.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from asyncjobs.flow import BESIDE, NOTHING, Sum
from asyncjobs.histogram import BOUNDS
from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.record import record
from asyncjobs.schedule import LATE
from asyncjobs.store.base import HISTORY_STEP, Metric, QueueStats, Stats
from asyncjobs.vitals import Vitals

WINDOW = 300_000  # ms of history that rates are taken over
BUSY = 0.9  # of the slots: from here on a queue has none to spare
MANY_FAIL = 0.3  # of the starts
ENOUGH = 20  # starts that a share is told of
SLOW = 1.5  # times as long, or as many, as a day before
LATE_START = 60.0  # seconds that the oldest has waited
BLOCKED = 1.0  # seconds that an event loop is late
BEHIND = 30.0  # likewise, from which on a queue falls behind


class Severity(StrEnum):
    WARN = "warn"  # it is slower than it should be, or was told to stand still
    BAD = "bad"  # work stands still that nobody told to


class Rule(StrEnum):
    """In the order in which they are tried."""

    PROBLEM = "problem"
    UNKNOWN_TASK = "unknown task"
    TASK_PAUSED = "task paused"
    SCHEDULE_MISSED = "schedule missed"
    LOOP_BLOCKED = "loop blocked"
    QUEUE_PAUSED = "queue paused"
    NO_WORKER = "no worker"
    FULL = "full"
    STUCK = "stuck"
    SLOWER = "slower"
    MORE_ARRIVE = "more arrive"
    TOO_FEW_SLOTS = "too few slots"
    GLOBAL_LIMIT = "global limit"
    RATE = "rate"
    MANY_FAIL = "many fail"
    CATCHING_UP = "catching up"


@record
class Finding:
    """One rule that applies; `queue` is None where it is not about one. evidence: plain values, durations in seconds, times in ms."""

    rule: Rule
    severity: Severity
    queue: str | None
    sentence: str
    evidence: Mapping[str, Any]


def diagnose(vitals: Vitals) -> list[Finding]:
    """What is wrong, in the order of the rules; of each queue the first that applies."""
    found = [
        *(Finding(Rule.PROBLEM, Severity.BAD, None, f"{part}: {why}", {"part": part}) for part, why in vitals.problems.items()),
        *_unknown_tasks(vitals.stats),
        *_paused_tasks(vitals.stats),
        *_missed(vitals),
        *_blocked(vitals.stats),
    ]
    for name, queue in vitals.stats.queues.items():
        first = next(_of_queue(_Queue(name, queue, vitals)), None)
        if first is not None:
            found.append(first)
    return found


def _unknown_tasks(stats: Stats) -> Iterator[Finding]:
    for task, count in stats.unknown_tasks.items():
        sentence = f"{_jobs(count, 'names', 'name')} {task!r}, which no living process that works their queue knows. Bring it back, or name it in aliases=."
        yield Finding(Rule.UNKNOWN_TASK, Severity.BAD, None, sentence, {"task": task, "jobs": count})


def _paused_tasks(stats: Stats) -> Iterator[Finding]:
    for task, pause in stats.paused_tasks.items():
        yield Finding(Rule.TASK_PAUSED, Severity.WARN, None, f"Task {task} is paused{_said(pause, stats.as_of)}.", {"task": task})


def _missed(vitals: Vitals) -> Iterator[Finding]:
    for schedule in vitals.schedules:
        if schedule.declared is not None and schedule.name not in vitals.declared:
            continue  # gone from the code, so it is to fire no more
        late = None if schedule.next_at is None or schedule.paused is not None else vitals.stats.as_of - schedule.next_at
        if late is not None and late > LATE:
            yield Finding(
                Rule.SCHEDULE_MISSED,
                Severity.BAD,
                None,
                f"Schedule {schedule.name} was due at {_at(schedule.next_at)} and was not fired: no process that knows it works a queue.",
                {"schedule": schedule.name, "late": late / 1000},
            )


def _blocked(stats: Stats) -> Iterator[Finding]:
    for runner in stats.runners:
        condition = runner.condition
        if runner.alive and condition is not None and condition.lag > BLOCKED:
            process = f"{runner.info.host}:{runner.info.pid}"
            yield Finding(
                Rule.LOOP_BLOCKED,
                Severity.WARN,
                None,
                f"The event loop of {process} came {_seconds(condition.lag)} late: something blocks it, which its log names. Blocking work belongs in a "
                "`def` task.",
                {"process": process, "lag": condition.lag},
            )


class _Queue:
    """One queue's numbers, as the rules speak of them."""

    def __init__(self, name: str, stats: QueueStats, vitals: Vitals) -> None:
        self.name, self.stats, self.as_of = name, stats, vitals.stats.as_of
        self.waiting = stats.waiting
        self.oldest = 0.0 if stats.oldest_due is None else max(self.as_of - stats.oldest_due, 0) / 1000  # seconds
        self.running = stats.states.get(State.RUNNING, 0)
        self.slots = sum(runner.info.queues.get(name, 0) for runner in vitals.stats.runners if runner.alive)
        self.stuck = vitals.stuck.get(name, 0)
        self.limits = vitals.limits.get(name, Limits())
        self.queued, self.max_waiting = stats.states.get(State.QUEUED, 0), vitals.max_waiting.get(name)
        end = self.as_of - self.as_of % HISTORY_STEP  # of the last whole minute
        minutes = [bucket for bucket in vitals.flow.minutes.get(name, ()) if end - WINDOW <= bucket.at < end]
        lately = Sum()
        for bucket in minutes:
            lately.add(bucket)
        self.recent = _Pace(lately, WINDOW / 1000)
        self.before = _Pace(vitals.flow.before.get(name, NOTHING), 2 * BESIDE / 1000)
        # Of those that started, how many had become due in the window.
        self._came = sum(_at_most(bucket.at + HISTORY_STEP / 2 - (end - WINDOW), bucket.wait) for bucket in minutes)

    @property
    def arrivals(self) -> float:
        """Jobs that have become due in the window, a second: of those that have begun in it and of those that wait.

        Not what was enqueued: that may be for tomorrow. Those that wait are taken to have come evenly since the oldest.
        """
        seconds = WINDOW / 1000
        waiting = self.waiting * min(1.0, seconds / self.oldest) if self.oldest else 0.0
        return (self._came + waiting) / seconds

    @property
    def falls_behind(self) -> bool:
        """Whether it has no slot to spare, and more comes than ends."""
        busy = bool(self.slots) and self.running >= BUSY * self.slots
        return busy and self.oldest > BEHIND and self.arrivals > self.recent.ends


class _Pace:
    """What went through a queue in so many seconds: starts and ends a second, the mean run in seconds (None where nothing ran)."""

    def __init__(self, happened: Sum, seconds: float) -> None:
        counts = happened.counts
        self.started, self.failures = counts.get(Metric.STARTED, 0), counts.get(Metric.FAILURES, 0)
        self.starts = self.started / seconds
        self.ends = (counts.get(Metric.SUCCEEDED, 0) + self.failures) / seconds
        self.run = _mean(happened.run)


def _of_queue(queue: _Queue) -> Iterator[Finding]:
    """The rules that apply to it, in order."""

    def finding(rule: Rule, severity: Severity, sentence: str, **evidence: Any) -> Finding:
        return Finding(rule, severity, queue.name, sentence, {"waiting": queue.waiting, "oldest": queue.oldest, **evidence})

    name, recent, before, limits = queue.name, queue.recent, queue.before, queue.limits
    waiting = f"{queue.waiting:,}{'+' if queue.stats.waiting_more else ''} waiting"
    if queue.stats.pause is not None and queue.waiting:
        yield finding(Rule.QUEUE_PAUSED, Severity.WARN, f"{name} is paused{_said(queue.stats.pause, queue.as_of)}; {waiting}.")
    if queue.waiting and not queue.slots:
        since = f" since {_at(queue.stats.oldest_due)}"
        yield finding(Rule.NO_WORKER, Severity.BAD, f"No running process works {name}; {waiting}{since}.")
    if queue.max_waiting is not None and queue.queued >= queue.max_waiting:
        sentence = f"{name} refuses new jobs: {queue.queued:,} of {queue.max_waiting:,} are queued (max_waiting)."
        yield finding(Rule.FULL, Severity.BAD, sentence, queued=queue.queued, max_waiting=queue.max_waiting)
    if queue.slots and 2 * queue.stuck >= queue.slots:
        sentence = f"{queue.stuck} of {queue.slots} slots of {name} are held by jobs that ignore their cancellation."
        yield finding(Rule.STUCK, Severity.BAD, sentence, stuck=queue.stuck, slots=queue.slots)
    if queue.falls_behind and recent.run and before.run and recent.run >= SLOW * before.run:
        sentence = f"Jobs of {name} take {_seconds(recent.run)} ({_seconds(before.run)} yesterday)."
        yield finding(Rule.SLOWER, Severity.WARN, sentence, run=recent.run, run_before=before.run)
    if queue.falls_behind and before.starts and queue.arrivals >= SLOW * before.starts:
        sentence = f"More jobs of {name} arrive than yesterday ({queue.arrivals:.2g}/s, {before.starts:.2g}/s then)."
        yield finding(Rule.MORE_ARRIVE, Severity.WARN, sentence, arrivals=queue.arrivals, arrivals_before=before.starts)
    if queue.falls_behind and recent.run:
        needs = math.ceil(queue.arrivals * recent.run)
        if needs > queue.slots:
            yield finding(
                Rule.TOO_FEW_SLOTS,
                Severity.WARN,
                f"{name} needs about {needs} slots, and has {queue.slots}.",
                needs=needs,
                slots=queue.slots,
            )
    if queue.waiting and limits.at_once is not None and queue.running >= limits.at_once and queue.oldest > LATE_START:
        sentence = f"{name} is held by its global limit of {limits.at_once}; {waiting}."
        yield finding(Rule.GLOBAL_LIMIT, Severity.WARN, sentence, global_limit=limits.at_once)
    if (
        queue.waiting
        and limits.rate is not None
        and queue.running < queue.slots
        and recent.starts >= BUSY * limits.rate.per_second
    ):
        clear = queue.waiting / limits.rate.per_second
        sentence = f"{name} is held by its rate of {limits.rate}; {waiting}, clear in {_seconds(clear)}."
        yield finding(Rule.RATE, Severity.WARN, sentence, per_second=limits.rate.per_second, clear_in=clear)
    if recent.started >= ENOUGH and recent.failures > MANY_FAIL * recent.started:
        share = recent.failures / recent.started
        sentence = f"{share:.0%} of the attempts of {name} fail."
        yield finding(Rule.MANY_FAIL, Severity.WARN, sentence, failures=recent.failures, started=recent.started)
    if queue.waiting and queue.oldest > LATE_START and recent.ends > queue.arrivals:
        clear = queue.waiting / (recent.ends - queue.arrivals)
        sentence = f"{name} is catching up: {waiting}, clear in {_seconds(clear)}."
        yield finding(Rule.CATCHING_UP, Severity.WARN, sentence, clear_in=clear)


_EDGES = (0, *BOUNDS, BOUNDS[-1])
_MIDDLES = [(low + high) / 2 for low, high in pairwise(_EDGES)]  # ms, of a histogram's buckets


def _mean(run: Mapping[int, int]) -> float | None:
    """Of a histogram, in seconds: each counted with the middle of its bucket."""
    total = sum(run.values())
    return sum(count * _MIDDLES[bucket] for bucket, count in run.items()) / total / 1000 if total else None


def _at_most(milliseconds: float, wait: Mapping[int, int]) -> int:
    """How many of a histogram took no longer, likewise."""
    return sum(count for bucket, count in wait.items() if _MIDDLES[bucket] <= milliseconds)


def _said(pause: Pause, now: int) -> str:
    """(by ada, 31 min, 'vendor outage')"""
    facts = [f"by {pause.by}" if pause.by else "", _seconds((now - pause.since) / 1000), f"{pause.why!r}" if pause.why else ""]
    return f" ({', '.join(fact for fact in facts if fact)})"


def _jobs(count: int, one: str, many: str) -> str:
    return f"{count:,} job {one}" if count == 1 else f"{count:,} jobs {many}"


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _at(milliseconds: int | None) -> str:
    return "an unknown time" if milliseconds is None else f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%H:%M} UTC"
