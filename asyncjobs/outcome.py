"""How an attempt ended, and what that means for its job.

An Outcome is what happened; `settle` applies the job's policy to it; a Finish is the write that comes of it. The store
carries a Finish out and knows no policy.
"""

from __future__ import annotations

from datetime import timedelta
from math import inf
from typing import assert_never

from asyncjobs.errors import ConfigurationError
from asyncjobs.job import Error, Hold, Job, NewJob, Progress, State
from asyncjobs.record import record
from asyncjobs.retry import MAX_DELAY, delay

CRASH_DELAYS = (1.0, 10.0)  # seconds before a job whose process died under it once, twice, is tried again
MAX_CRASHES = 3  # so many in a row, the last one alone, and the job is taken for what killed its process

CANCEL = "Cancel"  # the error type of a job that was told, or said itself, why it is cancelled
EXPIRED = "expired: no attempt was to begin any more by then (expires=)"  # why such a job is cancelled
ABANDONED = -1  # `crashes` of a job that outlived its runner's orderly shutdown

# --- what users raise ------------------------------------------------------------------------------------------------


class Snooze(Exception):
    """Raise in a job to be run again after `seconds` (or a timedelta), without using up an attempt."""

    def __init__(self, seconds: float | timedelta) -> None:
        self.seconds = _checked(seconds, "Snooze")
        super().__init__(f"snoozed for {self.seconds:g} s")


class Cancel(Exception):
    """Raise in a job to end it as cancelled: no retry, no failure."""

    def __init__(self, why: object = "") -> None:
        self.why = str(why)
        super().__init__(self.why)


class RetryAfter(Exception):
    """Raise in a job to fail this attempt and set the next one `seconds` (or a timedelta) from now, whatever the backoff says."""

    def __init__(self, seconds: float | timedelta, why: str = "") -> None:
        self.seconds = _checked(seconds, "RetryAfter")
        super().__init__(why or f"retry after {self.seconds:g} s")


def _checked(seconds: float | timedelta, what: str) -> float:
    number = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 <= number <= MAX_DELAY:
        raise ConfigurationError(f"{what}({seconds!r}): give seconds from 0 to a year, or a timedelta")
    return float(number)


# --- how an attempt ended --------------------------------------------------------------------------------------------


@record
class Succeeded:
    """The function returned. `note` says why a result could not be kept."""

    result: str | None = None
    note: Error | None = None


@record
class Failed:
    """The function raised. `retryable` is the task's word on this error; `retry_after` overrides the backoff, in seconds."""

    error: Error
    retryable: bool = True
    retry_after: float | None = None


@record
class TimedOut:
    """It ran longer than its timeout, and ended when we cancelled it."""

    error: Error


@record
class Cancelled:
    """Somebody asked for its end, or it raised Cancel."""

    why: str = ""


@record
class Snoozed:
    """It asked to be run later, in `seconds`."""

    seconds: float


@record
class Released:
    """We gave it up through no fault of its own: a shutdown, or a claim whose reply was lost."""


@record
class Lost:
    """The process that ran it is dead."""


Outcome = Succeeded | Failed | TimedOut | Cancelled | Snoozed | Released | Lost


# --- what becomes of the job -----------------------------------------------------------------------------------------


@record
class Finish:
    """The end of one attempt as a store writes it; applied only while the job runs under exactly this token.

    outcome: the attempt's, in one lower-case word. to: the job's next state; QUEUED needs `run_at`. give_back: the attempt
    doesn't count. crashes, hold: new values. queue: where the job goes on, None for where it is.
    A QUEUED finish of a job with `cancel_requested` ends it as CANCELLED instead: run_at, give_back, hold and queue, which
    speak of going on, then say nothing. error: None leaves the job's last one, except on SUCCEEDED, where it is the word on
    the result. progress: the attempt's last word on it; None leaves what is stored. follow: a job that is inserted with it.
    """

    id: str
    token: int
    outcome: str
    to: State
    run_at: int | None = None
    give_back: bool = False
    crashes: int = 0
    hold: Hold = Hold.NONE
    queue: str | None = None
    result: str | None = None
    error: Error | None = None
    progress: Progress | None = None
    follow: NewJob | None = None

    def __post_init__(self) -> None:
        if (self.to is State.QUEUED) != (self.run_at is not None) or self.to is State.RUNNING:
            raise ValueError(f"no such finish: to={self.to}, run_at={self.run_at}")


def settle(job: Job, outcome: Outcome, *, now: int, chance: float) -> Finish:
    """What the job's policy makes of this outcome. `now` in ms; `chance` from [0, 1) places it within the jitter."""
    match outcome:
        case Succeeded(result, note):
            return Finish(job.id, job.token, "succeeded", State.SUCCEEDED, result=result, error=note)
        case Failed(error, retryable, retry_after):
            return _failed(job, "failed", error, retryable, retry_after, now, chance)
        case TimedOut(error):
            return _failed(job, "timed_out", error, True, None, now, chance)
        case Cancelled(why):
            reason = Error(CANCEL, why) if why else None
            return Finish(job.id, job.token, "cancelled", State.CANCELLED, error=reason)
        case Snoozed(seconds):
            return _again(job, "snoozed", now + _ms(seconds), give_back=True)
        case Released():
            return _again(job, "released", now, give_back=True)
        case Lost():
            return _lost(job, now)
        case _:
            assert_never(outcome)


def _failed(job: Job, word: str, error: Error, retryable: bool, retry_after: float | None, now: int, chance: float) -> Finish:
    policy = job.policy
    if not retryable or job.attempt >= policy.max_attempts:
        return Finish(job.id, job.token, word, State.FAILED, error=error)
    seconds = delay(policy.backoff, policy.jitter, job.attempt, chance) if retry_after is None else retry_after
    again_at = now + _ms(seconds)
    if again_at > _last_begin(job, now):
        return Finish(job.id, job.token, word, State.FAILED, error=error)
    return _again(job, word, again_at, error=error, queue=policy.retry_queue)


def _last_begin(job: Job, now: int) -> float:
    """The last moment at which an attempt may begin, ms."""
    within = job.policy.retry_within
    return min(
        inf if within is None else _first_began(job, now) + round(within * 1000),
        inf if job.expires_at is None else job.expires_at - 1,
    )


def _first_began(job: Job, now: int) -> int:
    """When the first attempt of this round began: the last that has number 1, as far as they are kept."""
    firsts = [record.started_at for record in job.attempts if record.number == 1]
    if job.attempt > 1 and job.attempts:
        return firsts[-1] if firsts else job.attempts[0].started_at
    return now if job.started_at is None else job.started_at


def _lost(job: Job, now: int) -> Finish:
    """A first and second crash wait a little; a third, which only a job run alone can be blamed for, is the last.

    What an orderly shutdown left running is no crash (see Store.abandon).
    """
    if job.crashes == ABANDONED:
        return _again(job, "released", now, give_back=True)
    crashes = job.crashes + 1
    if crashes >= MAX_CRASHES and job.hold is Hold.ALONE:
        error = Error(
            "KilledItsProcess",
            f"killed its process: {crashes} times in a row the process died while this job ran, the last time with no other job beside it",
        )
        return Finish(job.id, job.token, "lost", State.FAILED, crashes=crashes, error=error)
    seconds = CRASH_DELAYS[min(crashes, len(CRASH_DELAYS)) - 1]
    hold = Hold.ALONE if crashes >= MAX_CRASHES - 1 else Hold.NONE
    return _again(job, "lost", now + _ms(seconds), give_back=True, crashes=crashes, hold=hold)


def _again(
    job: Job,
    word: str,
    run_at: int,
    *,
    give_back: bool = False,
    crashes: int = 0,
    hold: Hold = Hold.NONE,
    queue: str | None = None,
    error: Error | None = None,
) -> Finish:
    return Finish(
        job.id,
        job.token,
        word,
        State.QUEUED,
        run_at=run_at,
        give_back=give_back,
        crashes=crashes,
        hold=hold,
        queue=queue,
        error=error,
    )


def _ms(seconds: float) -> int:
    return round(min(max(seconds, 0.0), MAX_DELAY) * 1000)
