"""Tasks as JSON. Names are only ever added.

tasks           [{name, declared, alive, pause, unknown, started, succeeded, failures, failed, wait, run}, ...], in order of name, of the last hour:

declared        {queue, attempts, timeout}, as the code of the process that answers has it (timeout in seconds, null without); null where it has no such task
alive           true: a living process knows it
pause           null, or {since, since_ms, by, why}
unknown         how many jobs are held since no living process that works their queue knows it
started         attempts begun; likewise succeeded, failures (attempts) and failed (jobs that failed for good)
wait, run       as at `stats`
"""

from __future__ import annotations

from asyncjobs.stats import Snapshot, TaskSnapshot
from asyncjobs.web.present import Fields, presented_as_of, presented_durations, presented_pause


def presented_tasks(snapshot: Snapshot) -> Fields:
    return {"tasks": [_task(task) for task in snapshot.tasks], **presented_as_of(snapshot)}


def _task(task: TaskSnapshot) -> Fields:
    facts = task.declared
    return {
        "name": task.name,
        "declared": None if facts is None else {"queue": facts.queue, "attempts": facts.attempts, "timeout": facts.timeout},
        "alive": task.alive,
        "pause": presented_pause(task.pause),
        "unknown": task.unknown,
        "started": task.started,
        "succeeded": task.succeeded,
        "failures": task.failures,
        "failed": task.failed,
        "wait": presented_durations(task.wait),
        "run": presented_durations(task.run),
    }
