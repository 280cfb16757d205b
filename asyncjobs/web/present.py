"""The snapshot as JSON, under the names that exporters know. Names are only ever added.

At the top level, over all queues, and again in each value of `queues`, of that queue:

    enqueued        jobs put in, since the store was made
    processed       attempts that ended by themselves: succeeded + failures
    succeeded       attempts that succeeded
    failures        attempts that failed, timed out or were lost for good; a job that fails three times counts three times
    failed          jobs that failed for good
    dead            the same as `failed`, for who knows it by that name
    cancelled       jobs cancelled
    waiting         jobs that are due and have not begun
    waiting_more    true: there are more than `waiting` says, it was counted to 10,000 in a queue
    busy            jobs running now, in all processes
    scheduled       jobs due later, those to be retried later among them
    scheduled_more  as `waiting_more`
    retries         of those waiting and scheduled: jobs with a failed attempt behind them
    held            jobs that can't begin for a reason of their own: no living process that works their queue knows their task, their task
                    is paused, others of their key come first, or they must run alone
    slots           how many jobs may run at once, in all living processes together
    latency         seconds that the longest-waiting due job has waited; 0 when none waits
    wait            from due (enqueued, unless delayed) to start, of the attempts started in the last hour:
        count       how many
        p50         seconds that half of them did not exceed; null when there were none
        p95, p99    likewise
        histogram   [{"le": seconds, "count": how many took no longer}, ...], cumulative, always with the same bounds;
                    the last has le null and counts them all
    run             from start to end, of the attempts that ended in the last hour; as `wait`
    minutes         [{at_ms, succeeded, failures}, ...]: attempts that ended in each minute of the last hour, oldest first; the last one is still
                    going on

In each value of `queues` also:

    paused          true: nothing of this queue is started, in any process
    global_limit    how many of its jobs may run at once in all processes together; null without such a limit
    rate            how many may start in a second, in all processes together; null without such a limit
    burst           how many of these may start at once after a quiet time; null without a rate
    max_waiting     how many may be queued before more are refused; null without such a limit
    configured      false: the code of the process that answers has no such queue, so its limits, the four above, are not known
    pause           null, or when, by whom and why it was paused: {since, since_ms, by, why}

At the top level also:

    queues          name → the above
    processes       [{id, pid, host, version, started_at, started_at_ms, alive, this, slots: {queue: n}, busy: {queue: n}, condition}, ...];
                    alive: its jobs are its own; this: it is the one that answers; condition: null, or how it was a few seconds ago:
                    {at, at_ms, lag: seconds that its event loop came late at most, memory: bytes in RAM, python: its version}
    paused_tasks    name → {since, since_ms, by, why}, as `pause`
    unknown_tasks   name → how many jobs of it are held, since no living process that works their queue knows it; counted to 10,000 in all
    schedules       [{name, task, queue, when, next_at, next_at_ms, last_at, last_at_ms, last_job, fired, paused, undeclared}, ...]; when: a
                    crontab line with its time zone, or "every 5 min"; next_at: null when it never fires again; last_at, last_job: the
                    time that it fired for last, and the job that it enqueued then; fired: how many it has enqueued; paused: null, or
                    {since, since_ms, by, why}; undeclared: true: some code has declared it, and that of this process does not, so it does
                    not fire here
    version         of asyncjobs, in the process that answers
    file            null; which file this is of, where no app answers, but a page that stands alone
    as_of           when the numbers were read, ISO 8601, UTC; at most a second ago
    as_of_ms        the same in milliseconds since the epoch
    healthy         true: nothing is wrong with the runner of the process that answers
    problems        part of that runner → what is wrong with it
    findings        [{rule, severity, queue, sentence, evidence}, ...]: what is wrong in all processes, the most general first; empty while
                    all is well. rule: its name, for programs; severity: "warn" or "bad"; queue: null where it is not about one;
                    evidence: the numbers behind it, durations in seconds, times in ms
    groups          [{task, error, jobs, first_at, first_at_ms, last_at, last_at_ms, message}, ...]: the last 500 jobs that failed for good, by
                    their task and the type of their error, the largest group first; message: of the last one

    longest         [{id, task, queue, attempt, started_at, started_at_ms}, ...]: the five jobs that have run the longest, the first begun first

With ?range=6h, 24h or 7d (and at `stats/queue`) also

    past            {range, step, steps: [{at_ms, succeeded, failures}, ...], wait, run}: as `minutes`, `wait` and `run`, of that time, in steps of so
                    many seconds; at most half a minute old. null where it can't be read now; past_error then says why

At `stats/queues`: queues, as above; at `stats/queue?name=`: one of them, with its name, and the findings about it. At `stats/failures`: groups. At
`stats/processes`: processes and problems. At `stats/schedules`: schedules, each also with

    words           its crontab line in words
    next_times      the next five times that it fires, or fewer

At `stats/schedule?name=` see schedule_page.

At `stats/tasks` see present_task, at `stats/store` store_page.

At `stats/acts`: acts: [{at, at_ms, who, verb, target, count}, ...]: what was done by hand, newest first, to how many.

Without numbers (status 403, 404, 405, 503): {"error": {"code", "message"}}, and with 503 also version, healthy, problems.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from asyncjobs.diagnose import Finding
from asyncjobs.histogram import BOUNDS
from asyncjobs.job import Job
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.schedule import Schedule
from asyncjobs.stats import Durations, Minute, ProcessSnapshot, QueueSnapshot, Snapshot
from asyncjobs.store.base import Act, Condition, FailureGroup
from asyncjobs.version import VERSION
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.span import HOUR, Past
from asyncjobs.web.words import in_words, iso, when

Fields = dict[str, object]
FOLLOWING = 5  # times to come that are told of a schedule


def presented(snapshot: Snapshot) -> Fields:
    """The whole answer."""
    return {
        **_numbers(total(snapshot.queues)),
        "queues": {queue.name: _queue(queue) for queue in snapshot.queues},
        "processes": [_process(process) for process in snapshot.processes],
        "paused_tasks": {task: presented_pause(pause) for task, pause in snapshot.paused_tasks.items()},
        "unknown_tasks": dict(snapshot.unknown_tasks),
        "schedules": [
            {**_schedule(schedule), "undeclared": schedule.name in snapshot.undeclared} for schedule in snapshot.schedules
        ],
        "version": snapshot.version,
        "file": snapshot.file,
        **presented_as_of(snapshot),
        "healthy": snapshot.healthy,
        "problems": dict(snapshot.problems),
        "findings": [_finding(finding) for finding in snapshot.findings],
        "groups": [_group(group) for group in snapshot.failures],
        "longest": [_running(job) for job in snapshot.longest],
    }


def presented_queues(snapshot: Snapshot) -> Fields:
    """All of them."""
    return {"queues": {queue.name: _queue(queue) for queue in snapshot.queues}, **presented_as_of(snapshot)}


def presented_queue(snapshot: Snapshot, queue: QueueSnapshot) -> Fields:
    """One, with what is wrong with it."""
    about = [finding for finding in snapshot.findings if finding.queue == queue.name]
    return {
        "name": queue.name,
        **_queue(queue),
        "findings": [_finding(finding) for finding in about],
        **presented_as_of(snapshot),
    }


def presented_failures(snapshot: Snapshot) -> Fields:
    return {"groups": [_group(group) for group in snapshot.failures], **presented_as_of(snapshot)}


def presented_schedules(snapshot: Snapshot) -> Fields:
    """All of them, with the times to come."""
    return {
        "schedules": [{**presented_schedule(one), "undeclared": one.name in snapshot.undeclared} for one in snapshot.schedules],
        **presented_as_of(snapshot),
    }


def presented_processes(snapshot: Snapshot) -> Fields:
    return {
        "processes": [_process(process) for process in snapshot.processes], "problems": dict(snapshot.problems), **presented_as_of(snapshot),
    }  # fmt: skip


def presented_past(past: Past | Unreadable) -> Fields:
    """A longer time than the hour that is told anyway."""
    if isinstance(past, Unreadable):
        return {"past": None, "past_error": past.reason}
    if past.span is HOUR:
        return {}
    steps = [{"at_ms": one.at, "succeeded": one.succeeded, "failures": one.failures} for one in past.steps]
    return {
        "past": {
            "range": past.span.name,
            "step": past.span.step,
            "steps": steps,
            "wait": presented_durations(past.wait),
            "run": presented_durations(past.run),
        }
    }


def presented_acts(acts: Sequence[Act]) -> Fields:
    """What was done by hand."""
    return {
        "acts": [
            {**presented_moment("at", act.at), "who": act.who, "verb": act.verb, "target": act.target, "count": act.count}
            for act in acts
        ]
    }


def presented_error(code: str, message: str) -> Fields:
    """An answer without numbers."""
    return {"error": {"code": code, "message": message}}


def presented_unreadable(reading: Unreadable, problems: Mapping[str, str]) -> Fields:
    """The answer when there should be numbers: why not, and what is wrong with this process."""
    return {
        **presented_error(reading.code, reading.reason),
        "version": VERSION,
        "healthy": not problems,
        "problems": dict(problems),
    }


def total(queues: Sequence[QueueSnapshot]) -> QueueSnapshot:
    """All queues as one: sums, the longest wait, and the percentiles of everything together. Never paused."""
    return QueueSnapshot(
        name="",
        waiting=sum(queue.waiting for queue in queues),
        waiting_more=any(queue.waiting_more for queue in queues),
        running=sum(queue.running for queue in queues),
        scheduled=sum(queue.scheduled for queue in queues),
        scheduled_more=any(queue.scheduled_more for queue in queues),
        retrying=sum(queue.retrying for queue in queues),
        held=sum(queue.held for queue in queues),
        pause=None,
        limits=Limits(),
        slots=sum(queue.slots for queue in queues),
        enqueued=sum(queue.enqueued for queue in queues),
        processed=sum(queue.processed for queue in queues),
        succeeded=sum(queue.succeeded for queue in queues),
        failures=sum(queue.failures for queue in queues),
        failed=sum(queue.failed for queue in queues),
        cancelled=sum(queue.cancelled for queue in queues),
        latency=max((queue.latency for queue in queues), default=0.0),
        wait=Durations.of(queue.wait.histogram for queue in queues),
        run=Durations.of(queue.run.histogram for queue in queues),
        minutes=[
            Minute(of_all[0].at, sum(one.succeeded for one in of_all), sum(one.failures for one in of_all))
            for of_all in zip(*(queue.minutes for queue in queues), strict=True)
        ],
    )


def _numbers(queue: QueueSnapshot) -> Fields:
    return {
        "enqueued": queue.enqueued,
        "processed": queue.processed,
        "succeeded": queue.succeeded,
        "failures": queue.failures,
        "failed": queue.failed,
        "dead": queue.failed,
        "cancelled": queue.cancelled,
        "waiting": queue.waiting,
        "waiting_more": queue.waiting_more,
        "busy": queue.running,
        "scheduled": queue.scheduled,
        "scheduled_more": queue.scheduled_more,
        "retries": queue.retrying,
        "held": queue.held,
        "slots": queue.slots,
        "latency": queue.latency,
        "wait": presented_durations(queue.wait),
        "run": presented_durations(queue.run),
        "minutes": [{"at_ms": one.at, "succeeded": one.succeeded, "failures": one.failures} for one in queue.minutes],
    }


def _queue(queue: QueueSnapshot) -> Fields:
    rate = queue.limits.rate
    return {
        **_numbers(queue),
        "paused": queue.paused,
        "pause": presented_pause(queue.pause),
        "global_limit": queue.limits.at_once,
        "rate": None if rate is None else round(rate.per_second, 6),
        "burst": None if rate is None else rate.burst,
        "max_waiting": queue.max_waiting,
        "configured": queue.configured,
    }


def presented_durations(durations: Durations) -> Fields:
    counts = accumulate(durations.histogram.get(bucket, 0) for bucket in range(len(BOUNDS) + 1))
    bounds = [*(bound / 1000 for bound in BOUNDS), None]
    return {
        "count": durations.count,
        "p50": durations.p50,
        "p95": durations.p95,
        "p99": durations.p99,
        "histogram": [{"le": bound, "count": count} for bound, count in zip(bounds, counts, strict=True)],
    }


def _process(process: ProcessSnapshot) -> Fields:
    return {
        "id": process.id,
        "pid": process.pid,
        "host": process.host,
        "version": process.version,
        "started_at": iso(process.started_at),
        "started_at_ms": process.started_at,
        "alive": process.alive,
        "this": process.this,
        "slots": dict(process.slots),
        "busy": dict(process.busy),
        "condition": _condition(process.condition),
    }


def _condition(condition: Condition | None) -> Fields | None:
    if condition is None:
        return None
    return {**presented_moment("at", condition.at), "lag": condition.lag, "memory": condition.memory, "python": condition.python}


def presented_schedule(schedule: Schedule) -> Fields:
    """With the times to come; not whether the code of this process declares it."""
    return {**_schedule(schedule), "words": in_words(schedule), "next_times": [iso(at) for at in schedule.coming(FOLLOWING)]}


def _schedule(schedule: Schedule) -> Fields:
    return {
        "name": schedule.name,
        "task": schedule.job.name,
        "queue": schedule.job.queue,
        "when": when(schedule),
        **presented_moment("next_at", schedule.next_at),
        **presented_moment("last_at", schedule.last_at),
        "last_job": schedule.last_job,
        "fired": schedule.fired,
        "paused": presented_pause(schedule.paused),
    }


def _running(job: Job) -> Fields:
    return {
        "id": job.id,
        "task": job.name,
        "queue": job.queue,
        "attempt": job.attempt,
        **presented_moment("started_at", job.started_at),
    }


def _group(group: FailureGroup) -> Fields:
    return {
        "task": group.task,
        "error": group.error,
        "jobs": group.count,
        **presented_moment("first_at", group.first_at),
        **presented_moment("last_at", group.last_at),
        "message": group.message,
    }


def _finding(finding: Finding) -> Fields:
    return {
        "rule": finding.rule.value,
        "severity": finding.severity.value,
        "queue": finding.queue,
        "sentence": finding.sentence,
        "evidence": dict(finding.evidence),
    }


def presented_pause(pause: Pause | None) -> Fields | None:
    return None if pause is None else {**presented_moment("since", pause.since), "by": pause.by, "why": pause.why}


def presented_as_of(snapshot: Snapshot) -> Fields:
    return presented_moment("as_of", snapshot.as_of)


def presented_moment(name: str, at: int | None) -> Fields:
    return {name: None if at is None else iso(at), f"{name}_ms": at}
