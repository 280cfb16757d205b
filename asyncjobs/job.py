"""A job: the frozen record of one intended execution, from insert to prune. Inert: stores write it, everybody reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum, StrEnum
from typing import Literal

from asyncjobs.record import record

Survives = Literal["power", "crash", "nothing"]

PRIORITIES = range(4)  # 0 is first
DEFAULT_PRIORITY = 1
PRIORITY_STEP = 60_000  # ms: what one step of priority is worth, so the lowest waits at most three minutes longer
ATTEMPTS_KEPT = 20  # attempt records in a job
ERROR_LIMIT = 16 * 1024  # characters of one error's traceback that are kept, head and tail


class State(StrEnum):
    """The five stored states. Scheduled, retrying and cancelling are views of them (see `Job.view`)."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True when nothing happens to the job any more by itself."""
        return self in _ENDED


_ENDED = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})


class Hold(IntEnum):
    """Why a queued job is not claimable; 0 is claimable. Stored, so the numbers never change.

    `ALONE` jobs are claimed by `claim_alone` only; a running job keeps that mark, so that what dies with it is known to
    have been alone.
    """

    NONE = 0
    UNROUTABLE = 1  # no living process that works its queue knows the task
    ALONE = 2  # its process died twice under it: it waits for an otherwise idle runner
    KEY = 3  # as many jobs of its key run, or are about to, as may at once
    PAUSED = 4  # its task is paused


@record
class Policy:
    """What can be decided about a job without its code; stored with it. Durations in seconds."""

    max_attempts: int = 20
    backoff: float | tuple[float, ...] | None = None
    jitter: float = 0.25
    retry_queue: str | None = None
    timeout: float | None = None
    keep_result: bool = True
    key_limit: int = 1
    unique_until_started: bool = False
    retry_within: float | None = None


@record
class Error:
    """An exception as text: what is left of it when the process is gone."""

    type: str
    message: str
    traceback: str = ""


@record
class AttemptRecord:
    """One attempt as history shows it. `outcome` is an outcome's name ("succeeded", "failed", "lost"...); times in ms."""

    number: int
    outcome: str
    runner: str
    started_at: int
    ended_at: int
    error: Error | None = None


def kept_attempts(records: Sequence[AttemptRecord]) -> Sequence[AttemptRecord]:
    """The last ATTEMPTS_KEPT; of those that are left out the one that began the round stays, by which `Retry(within=)` is reckoned."""
    if len(records) <= ATTEMPTS_KEPT:
        return records
    last = records[-ATTEMPTS_KEPT:]
    first = next((one for one in reversed(records) if one.number == 1), None)
    return last if first is None or first in last else [first, *last[1:]]


@record
class Progress:
    """What a running job last said of itself."""

    done: float
    total: float | None = None
    note: str = ""


@record
class NewJob:
    """A job as it is handed to a store. `args` and `meta` are JSON in ASCII, which the store doesn't look into.

    A `run_at` at or before the insert's `now` means due at once. Of the jobs of one key no more than `policy.key_limit` run at once;
    a key is one task's, so that a pause or a lack of it meets all of them.
    unique_key: held while queued and running, or with `policy.unique_until_started` until the first attempt begins; with unique_for
    so many ms from the insert, whatever becomes of the job. replaces: of the holder, while that waits for its first attempt.
    max_waiting: it is refused where that many are queued. expires_at: no attempt of it begins from then on.
    """

    id: str
    name: str
    queue: str
    run_at: int
    args: str = '{"args":[],"kwargs":{}}'
    meta: str = "{}"
    priority: int = DEFAULT_PRIORITY
    policy: Policy = Policy()
    unique_key: str | None = None
    survives: Survives = "power"
    key: str | None = None
    unique_for: int | None = None
    replaces: bool = False
    max_waiting: int | None = None
    expires_at: int | None = None

    @property
    def identity(self) -> tuple[str, str]:
        """What several new jobs that are one have in common: the second meets the first. Keys for a time are kept apart from the others."""
        if self.unique_key is None:
            return "id", self.id
        return "held" if self.unique_for is None else "taken", self.unique_key


@record
class Job:
    """A stored job. Times are integer milliseconds UTC, `result` JSON text.

    attempt: runs begun and not given back. token: the fence, only ever grows. crashes: how often in a row its process died.
    runner: who runs it, or ran it last. scheduled_at: when it was first due. started_at: of the latest attempt.
    error: of the latest attempt that failed; on a success, why its result was not kept.
    attempts: the last 20 that have ended, oldest first.
    """

    id: str
    name: str
    queue: str
    state: State
    args: str
    meta: str
    priority: int
    policy: Policy
    survives: Survives
    enqueued_at: int
    scheduled_at: int
    run_at: int
    attempt: int = 0
    token: int = 0
    crashes: int = 0
    hold: Hold = Hold.NONE
    runner: str | None = None
    cancel_requested: bool = False
    unique_key: str | None = None
    started_at: int | None = None
    finished_at: int | None = None
    result: str | None = None
    error: Error | None = None
    progress: Progress | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    key: str | None = None
    expires_at: int | None = None

    def view(self, now: int) -> str:
        """The state as people speak of it: adds held, scheduled, retrying and cancelling to the stored five."""
        if self.state is State.RUNNING:
            return "cancelling" if self.cancel_requested else "running"
        if self.state is not State.QUEUED:
            return self.state.value
        if self.hold in (Hold.UNROUTABLE, Hold.KEY, Hold.PAUSED):
            return "held"
        if self.attempt:
            return "retrying"
        return "scheduled" if self.run_at > now else "queued"


Only = Callable[[Job], bool]  # which of some jobs are meant
