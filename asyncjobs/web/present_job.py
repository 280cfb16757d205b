"""Jobs as JSON. Names are only ever added.

    jobs            [job, ...], newest first, each with what stands above "of one job alone"
    next            given as ?after= it goes on with older ones; null when there are none. While there is one, jobs may be few, and none

A job:

    id, task, queue     as enqueued, or as it was moved
    state           queued, running, succeeded, failed or cancelled
    view            the same as people say it: held, scheduled, retrying and cancelling too
    priority        0 (first) to 3
    attempt         attempts begun; max_attempts: how many there may be
    enqueued_at     when it was put in; likewise due_at (of the next attempt), started_at (of the latest), finished_at and expires_at,
                    null where there is no such time; each also in ms since the epoch, with _ms
    error           {type, message} of the latest attempt that failed, or null
    key, unique_key     null without
    progress        null, or what it said last: {done, total, note}
    arguments       parameter → value, without what is secret

Of one job alone:

    meta, result    without what is secret; result is null until it has succeeded
    survives        "power", "crash" or "nothing"
    runner          the id of the process that runs it, or ran it last
    error           with the traceback
    attempts        the last 20 that have ended: [{number, outcome, runner, started_at, ended_at, error}, ...], times also with _ms
    now             where it is at this moment, as a traceback says it; null where it doesn't run in the process that answers
    why             why it is not running, in sentences: [{reason, sentence}, ...]; empty where it runs or has ended
"""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.explain import Explanation, Obstacle
from asyncjobs.job import AttemptRecord, Error, Job, Progress, State
from asyncjobs.store.base import Page
from asyncjobs.web.present import Fields
from asyncjobs.web.redact import Redaction
from asyncjobs.web.words import iso


def presented_page(page: Page, now: int, redaction: Redaction) -> Fields:
    """One page of a list."""
    return {"jobs": [_brief(job, now, redaction) for job in page.jobs], "next": page.next}


def presented_job(job: Job, why: Explanation | None, whereabouts: str | None, now: int, redaction: Redaction) -> Fields:
    """All there is to say of one."""
    return {
        **_brief(job, now, redaction),
        "meta": redaction.of_json(job.meta),
        "result": None if job.result is None else redaction.of_json(job.result),
        "survives": job.survives,
        "runner": job.runner,
        "error": _error(job.error, whole=True),
        "attempts": [_attempt(record) for record in job.attempts],
        "now": whereabouts,
        "why": [{"reason": one.reason.value, "sentence": one.sentence} for one in obstacles(job, why)],
    }


def obstacles(job: Job, why: Explanation | None) -> Sequence[Obstacle]:
    """What stands in the way of a job that waits."""
    return () if why is None or job.state is not State.QUEUED else why.obstacles


def _brief(job: Job, now: int, redaction: Redaction) -> Fields:
    return {
        "id": job.id,
        "task": job.name,
        "queue": job.queue,
        "state": job.state.value,
        "view": job.view(now),
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.policy.max_attempts,
        **_moment("enqueued_at", job.enqueued_at),
        **_moment("due_at", job.run_at),
        **_moment("started_at", job.started_at),
        **_moment("finished_at", job.finished_at),
        **_moment("expires_at", job.expires_at),
        "error": _error(job.error),
        "key": job.key,
        "unique_key": job.unique_key,
        "progress": _progress(job.progress),
        "arguments": redaction.arguments(job.args),
    }


def _moment(name: str, at: int | None) -> Fields:
    return {name: None if at is None else iso(at), f"{name}_ms": at}


def _error(error: Error | None, *, whole: bool = False) -> Fields | None:
    if error is None:
        return None
    return {"type": error.type, "message": error.message, **({"traceback": error.traceback} if whole else {})}


def _progress(progress: Progress | None) -> Fields | None:
    return None if progress is None else {"done": progress.done, "total": progress.total, "note": progress.note}


def _attempt(record: AttemptRecord) -> Fields:
    return {
        "number": record.number,
        "outcome": record.outcome,
        "runner": record.runner,
        **_moment("started_at", record.started_at),
        **_moment("ended_at", record.ended_at),
        "error": _error(record.error, whole=True),
    }
