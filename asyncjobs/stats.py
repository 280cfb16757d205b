"""Everything at one moment, as the page, the JSON and the command line show it: the store's numbers and this process's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from asyncjobs.diagnose import Finding, diagnose
from asyncjobs.flow import HOUR, NOTHING, Flow, Sum
from asyncjobs.histogram import merged, percentile
from asyncjobs.job import Job, State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.record import record
from asyncjobs.schedule import Schedule
from asyncjobs.store.base import HISTORY_STEP, Condition, FailureGroup, HistoryBucket, Metric, QueueStats, RunnerStats
from asyncjobs.vitals import DeclaredTask, Vitals


@record
class Durations:
    """How long something took, over the last hour. Percentiles in seconds, None where nothing was counted.

    histogram: bucket index (see histogram.BOUNDS) → count.
    """

    count: int
    p50: float | None
    p95: float | None
    p99: float | None
    histogram: Mapping[int, int]

    @classmethod
    def of(cls, histograms: Iterable[Mapping[int, int]]) -> Durations:
        counts = merged(histograms)
        p50, p95, p99 = (_seconds(percentile(counts, fraction)) for fraction in (0.5, 0.95, 0.99))
        return cls(sum(counts.values()), p50, p95, p99, counts)


@record
class Minute:
    """Attempts that ended in the HISTORY_STEP (or another one that was asked for) that begins at `at` (ms): well, and not."""

    at: int
    succeeded: int
    failures: int

    @property
    def ended(self) -> int:
        return self.succeeded + self.failures


@record
class QueueSnapshot:
    """One queue.

    waiting: due, not yet begun. scheduled: due later, retries among them. retrying: of both, those with a failed attempt
    behind them. held: not claimable for a reason of their own (no living process that works the queue knows the task, the task is paused,
    others of the key come first, or it must run alone). limits: over all processes, as this one has them, as max_waiting; not configured: they
    aren't known, for the code of this process has no such queue. slots: of all living processes together. waiting_more, scheduled_more: there are more than the number says.
    processed = succeeded + failures: attempts that ended by themselves, since the store was made. failed: jobs that
    failed for good. latency: seconds that the longest-waiting due job has waited. wait: from due to start. run: of attempts.
    minutes: of the last hour, oldest first, the last one still going on.
    """

    name: str
    waiting: int
    waiting_more: bool
    running: int
    scheduled: int
    scheduled_more: bool
    retrying: int
    held: int
    pause: Pause | None
    limits: Limits
    slots: int
    enqueued: int
    processed: int
    succeeded: int
    failures: int
    failed: int
    cancelled: int
    latency: float
    wait: Durations
    run: Durations
    max_waiting: int | None = None
    minutes: Sequence[Minute] = ()
    configured: bool = True

    @property
    def paused(self) -> bool:
        return self.pause is not None


@record
class ProcessSnapshot:
    """One started Jobs somewhere. `busy` and `slots` by queue. condition: as it reported last, some ten seconds ago at most while it lives."""

    id: str
    pid: int
    host: str
    version: str
    started_at: int
    alive: bool
    this: bool
    slots: Mapping[str, int]
    busy: Mapping[str, int]
    condition: Condition | None = None


@record
class TaskSnapshot:
    """One task. declared: as the code of this process has it, None where it has none of that name. alive: a living process knows it, as any name
    that is its alias. unknown: jobs of it that are held since no living process that works their queue knows it. Of the last hour: started,
    succeeded and failures are attempts, failed jobs that failed for good.
    """

    name: str
    declared: DeclaredTask | None
    alive: bool
    pause: Pause | None
    unknown: int
    started: int
    succeeded: int
    failures: int
    failed: int
    wait: Durations
    run: Durations


@record
class Snapshot:
    """`as_of` in ms. `problems`: part of this process's runner → what is wrong with it; healthy when there are none.

    schedules: all that the store has, in order of name. undeclared: names of those that some code has declared and this process's does
    not. paused_tasks: by name. unknown_tasks: how many jobs no living process
    knows, by the name of their task. findings: what `diagnose` has to say. failures: of the last
    vitals.FAILURES jobs that failed for good, the largest group first. longest: the vitals.LONGEST that run, the first
    begun first. tasks: in order of name. file: which one this is of, where no app shows it.
    """

    as_of: int
    version: str
    healthy: bool
    problems: Mapping[str, str]
    queues: Sequence[QueueSnapshot]
    processes: Sequence[ProcessSnapshot]
    schedules: Sequence[Schedule] = ()
    paused_tasks: Mapping[str, Pause] = field(default_factory=dict)
    unknown_tasks: Mapping[str, int] = field(default_factory=dict)
    undeclared: frozenset[str] = frozenset()
    findings: Sequence[Finding] = ()
    failures: Sequence[FailureGroup] = ()
    longest: Sequence[Job] = ()
    tasks: Sequence[TaskSnapshot] = ()
    file: str | None = None


def snapshot(vitals: Vitals, *, version: str, runner: str, file: str | None = None) -> Snapshot:
    """Put the store's numbers into words. `runner` is this process's; "" where it has none."""
    stats, schedules = vitals.stats, vitals.schedules
    living = [one for one in stats.runners if one.alive]
    queues = [
        _queue(
            name,
            queue,
            vitals.flow,
            living,
            vitals.limits.get(name, Limits()),
            vitals.max_waiting.get(name),
            stats.as_of,
            vitals.configured is None or name in vitals.configured,
        )
        for name, queue in sorted(stats.queues.items())
    ]
    processes = [
        ProcessSnapshot(
            id=one.info.id, pid=one.info.pid, host=one.info.host, version=one.info.version, started_at=one.info.started_at,
            alive=one.alive, this=one.info.id == runner, slots=one.info.queues, busy=one.running,
            condition=one.condition,
        )
        for one in stats.runners
    ]  # fmt: skip
    return Snapshot(
        stats.as_of,
        version,
        not vitals.problems,
        dict(vitals.problems),
        queues,
        processes,
        schedules,
        stats.paused_tasks,
        stats.unknown_tasks,
        frozenset(one.name for one in schedules if one.declared is not None and one.name not in vitals.declared),
        diagnose(vitals),
        vitals.failures,
        vitals.longest,
        _tasks(vitals, living),
        file,
    )


def _tasks(vitals: Vitals, living: Sequence[RunnerStats]) -> list[TaskSnapshot]:
    """All that somebody knows, or that something has happened to. Names that a task of this process had before count as its own."""
    stats, happened = vitals.stats, vitals.flow.tasks
    alive = {name for one in living for name in one.info.tasks}
    aliases = {alias for task in vitals.tasks.values() for alias in task.aliases}
    names = {*vitals.tasks, *(alive - aliases), *happened, *stats.paused_tasks, *stats.unknown_tasks}
    return [
        _task(
            name,
            vitals.tasks.get(name),
            name in alive,
            stats.paused_tasks.get(name),
            stats.unknown_tasks.get(name, 0),
            happened.get(name, NOTHING),
        )
        for name in sorted(names)
    ]


def _task(name: str, declared: DeclaredTask | None, alive: bool, pause: Pause | None, unknown: int, hour: Sum) -> TaskSnapshot:
    started, succeeded, failures, dead = (hour.counts.get(metric, 0) for metric in _OF_A_TASK)
    return TaskSnapshot(
        name,
        declared,
        alive,
        pause,
        unknown,
        started,
        succeeded,
        failures,
        dead,
        Durations.of([hour.wait]),
        Durations.of([hour.run]),
    )


_OF_A_TASK = (Metric.STARTED, Metric.SUCCEEDED, Metric.FAILURES, Metric.DEAD)


def _queue(
    name: str,
    queue: QueueStats,
    flow: Flow,
    living: Sequence[RunnerStats],
    limits: Limits,
    max_waiting: int | None,
    as_of: int,
    configured: bool,
) -> QueueSnapshot:
    totals, hour = queue.totals, flow.queues.get(name, NOTHING)
    succeeded, failures = totals.get(Metric.SUCCEEDED, 0), totals.get(Metric.FAILURES, 0)
    return QueueSnapshot(
        name=name,
        waiting=queue.waiting,
        waiting_more=queue.waiting_more,
        running=queue.states.get(State.RUNNING, 0),
        scheduled=queue.scheduled,
        scheduled_more=queue.scheduled_more,
        retrying=queue.retrying,
        held=queue.held,
        pause=queue.pause,
        limits=limits,
        slots=sum(one.info.queues.get(name, 0) for one in living),
        enqueued=totals.get(Metric.ENQUEUED, 0),
        processed=succeeded + failures,
        succeeded=succeeded,
        failures=failures,
        failed=totals.get(Metric.DEAD, 0),
        cancelled=totals.get(Metric.CANCELLED, 0),
        latency=0.0 if queue.oldest_due is None else max(as_of - queue.oldest_due, 0) / 1000,
        wait=Durations.of([hour.wait]),
        run=Durations.of([hour.run]),
        max_waiting=max_waiting,
        minutes=ended_in(flow.minutes.get(name, ()), as_of, HOUR),
        configured=configured,
    )


def ended_in(history: Iterable[HistoryBucket], until: int, length: int, step: int = HISTORY_STEP) -> list[Minute]:
    """What ended in each step of this length of time (ms) up to `until`, oldest first. history: in such steps."""
    well, badly = defaultdict[int, int](int), defaultdict[int, int](int)
    for bucket in history:
        well[bucket.at] += bucket.counts.get(Metric.SUCCEEDED, 0)
        badly[bucket.at] += bucket.counts.get(Metric.FAILURES, 0)
    last = until - until % step
    return [Minute(at, well[at], badly[at]) for at in range(last - length + step, last + 1, step)]


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 1000, 6)
