"""The seam between the runner and whatever keeps the jobs: two protocols, their values, and the contract in words.

The contract, clause by clause (each is a named test in tests/store/contract, run against every store):

- Durable on return: when `insert`, a rescheduling `finish` or `cancel` returns, the change survives the process's death; a
  power cut too for jobs with survives="power". A job with survives="nothing" is accepted at once and goes with the next commit.
- Every write verb takes a batch. `insert` is atomic as a batch, the others per job. Calls in flight may share one commit and
  may take effect in any order among themselves.
- Data never raises: conflicts, lost fences and unknown ids come back as values. Only StoreUnavailable (try again: insert and
  finish are idempotent), StoreMismatch and StoreClosed escape.
- A verb that was submitted is carried out, whether or not its caller is cancelled while it waits.
- `now` is an argument (integer milliseconds, UTC) and dates what it changes; who is dead is never judged by it, but by the
  store's own evidence.
- `attempt` grows by one with each claim and may be given back; `token` only ever grows, also over a power cut: (id, token)
  names one attempt for ever.
- Counters per stored state equal a recount; history equals what was done, in the same commit.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import field, replace
from enum import StrEnum
from typing import Protocol

from asyncjobs.job import Error, Job, NewJob, Progress, State
from asyncjobs.outcome import Finish
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.record import record
from asyncjobs.store.timetable import Timetable

HISTORY_STEP = 60_000  # ms that one history bucket covers
ACTS_KEPT = 1_000
HOUR = 3_600_000  # ms
MINUTES_KEPT = (
    26 * HOUR
)  # before these minutes are added up to hours: a day, and what is compared with the same moment of the day before
HOURS_KEPT = 90 * 24 * HOUR  # both behind the latest `now` that the pruning handle has seen
AHEAD_LIMIT = 1_000  # jobs before another one that are counted
HOLDERS = 10  # jobs that are named as those which hold another one back
COUNT_LIMIT = 10_000  # the split of queued jobs into waiting and scheduled is counted this far
CLOCK_STEP = 5_000  # ms that the wall clock must fall back by to count as set
GENERATION_BITS = 24  # of a token, below the generation: how often one job can be claimed between two opens


# --- values of the write verbs ---------------------------------------------------------------------------------------


@record
class Inserted:
    """The job that stands for this insert: the new one, or (created=False) the one whose id or unique key it met.

    refused: nothing was stored, of the whole batch, because a queue has no room for all that is new in it.
    """

    id: str
    created: bool
    refused: bool = False


@record
class Claim:
    """What a runner asks for: at most `wants[queue]` jobs of each queue, of the tasks it knows, within the queue's `limits`."""

    runner: str
    wants: Mapping[str, int]
    tasks: frozenset[str]
    limits: Mapping[str, Limits] = field(default_factory=dict)


@record
class Claimed:
    """Jobs now running under this runner, in claim order.

    next_due: when to claim again (ms): no later than the next job that this claim could take falls due, None when there is
    none; at or before `now` when more is due than was taken, never because of what only a sibling knows or a pause holds
    back. It may be earlier than that job, where one of a task unknown here falls due: somebody must look at it then.
    Where a queue's rate has no room for what is due, when it has. alone_due: when the next job held with Hold.ALONE may begin, by its time and its queue's
    rate, whether or not another attempt has to end first.
    unknown: tasks whose jobs this claim has held as UNROUTABLE. blocked: queues of which more is due, as many of which run as
    may at once, wherever: next_due says nothing of that, since an attempt has to end first.
    """

    jobs: Sequence[Job] = ()
    next_due: int | None = None
    alone_due: int | None = None
    unknown: frozenset[str] = frozenset()
    blocked: frozenset[str] = frozenset()


class Verdict(StrEnum):
    """What became of a finish."""

    APPLIED = "applied"
    ALREADY = "already"  # this token's end is recorded
    LOST = "lost"  # superseded by a later attempt, or the job is gone


class Cancellation(StrEnum):
    """What became of a cancel."""

    CANCELLED = "cancelled"  # was queued
    REQUESTED = "requested"  # is running; its runner is told at its next beat
    RUNNING = "running"  # is running, and goes on: only queued ones were to be cancelled
    ENDED = "ended"  # had ended before
    UNKNOWN = "unknown"


@record
class RunnerInfo:
    """One started Jobs. `queues` maps the queues it works to their slots here; `tasks` are the names (and aliases) it knows."""

    id: str
    pid: int
    host: str
    version: str
    started_at: int
    queues: Mapping[str, int] = field(default_factory=dict)
    tasks: frozenset[str] = frozenset()


@record
class Beat:
    """What the store holds against a runner: the attempts it should be running, and what it must be told.

    held: job id → token. cancels: ids among them with a cancel request. paused: paused queues. schedules: grows with
    every change of the timetable. limits: queue → what `keep_limits` was given. expired: jobs that this beat has cancelled.
    """

    held: Mapping[str, int] = field(default_factory=dict)
    cancels: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    schedules: int = 0
    limits: Mapping[str, str] = field(default_factory=dict)
    expired: Sequence[str] = ()


# --- values of the read verbs ----------------------------------------------------------------------------------------


class Metric(StrEnum):
    """What is counted, per queue and task, in totals for ever and in history by the minute.

    FAILURES counts attempts (failed, timed out, or lost for good); DEAD counts jobs that failed for good. CANCELLED counts
    jobs. WAIT (due to start) and RUN (start to end, of succeeded, failed and timed out attempts) are histograms.
    """

    ENQUEUED = "enqueued"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILURES = "failures"
    DEAD = "dead"
    CANCELLED = "cancelled"
    SNOOZED = "snoozed"
    RELEASED = "released"
    LOST = "lost"
    WAIT = "wait"
    RUN = "run"


@record
class JobQuery:
    """Which jobs a page shows; None asks nothing of that field. error: the type of the last one, as in `Job.error`.

    since, until: they were put in at or after the one and before the other (ms). text: is found in the id, the key, the arguments or the last
    error, as `searched` and, in the latter two, as JSON has it.
    """

    state: State | None = None
    queue: str | None = None
    task: str | None = None
    error: str | None = None
    since: int | None = None
    until: int | None = None
    text: str | None = None


def searched(text: str) -> str:
    """As it is compared when text is looked for: small and capital letters of ASCII are one, as all stores can have it."""
    return text.translate(_SMALL)


_SMALL = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


@record
class Page:
    """Jobs, newest insert first. `next` continues after the last that was looked at; None when there is no more.

    There may be fewer than were asked for, and none, while there is a next: where many had to be looked at, or these are large.
    """

    jobs: Sequence[Job]
    next: str | None


@record
class QueueStats:
    """One queue at one moment.

    states: exact count of the jobs in each stored state. held: queued jobs with a hold. retrying: queued jobs that have an
    attempt behind them. waiting: claimable and due. scheduled: claimable later. The last two are counted to COUNT_LIMIT;
    `waiting_more` and `scheduled_more` say that there are more. oldest_due: the `run_at` of the longest-waiting due job, ms.
    totals: since the store was made, by Metric (without the histograms).
    """

    states: Mapping[State, int]
    held: int = 0
    retrying: int = 0
    waiting: int = 0
    waiting_more: bool = False
    scheduled: int = 0
    scheduled_more: bool = False
    oldest_due: int | None = None
    pause: Pause | None = None
    totals: Mapping[Metric, int] = field(default_factory=dict)

    @property
    def paused(self) -> bool:
        return self.pause is not None


@record
class Condition:
    """How a runner's process was at `at` (ms). lag: seconds that its event loop was late at most, since the report before. memory: bytes in RAM, None
    where its system doesn't tell. python: its version."""

    at: int
    lag: float
    memory: int | None
    python: str


@record
class RunnerStats:
    """A registered runner and how many jobs it runs, by queue; `alive` on the store's evidence. condition: as it reported last."""

    info: RunnerInfo
    running: Mapping[str, int]
    alive: bool
    condition: Condition | None = None


@record
class Stats:
    """The store at `as_of` (ms). A queue appears once a job was put in it, it was paused, or a runner works it.

    paused_tasks: by name. unknown_tasks: how many jobs are held because no living process that works their queue knows their task, by its name, counted to
    COUNT_LIMIT in all.
    """

    as_of: int
    queues: Mapping[str, QueueStats]
    runners: Sequence[RunnerStats]
    paused_tasks: Mapping[str, Pause] = field(default_factory=dict)
    unknown_tasks: Mapping[str, int] = field(default_factory=dict)


@record
class HistoryBucket:
    """What happened to one task's jobs of one queue in the step that begins at `at` (ms), of HISTORY_STEP unless another was asked for.

    counts: by Metric, without zeros. wait, run: histogram buckets (see histogram.py) to counts.
    """

    at: int
    queue: str
    task: str
    counts: Mapping[Metric, int]
    wait: Mapping[int, int]
    run: Mapping[int, int]


@record
class Situation:
    """A job and what a claim would look at, at one moment `as_of` (ms).

    running: of its queue, id and runner of the longest running HOLDERS; running_count: of all. of_key: ids of the
    first HOLDERS that take places of its key before it: jobs that run, in any queue, and those of its own queue that are due without a
    hold and come first; of_key_count: of all, to its limit or HOLDERS. ahead: due jobs of its queue without a
    hold that come before it, counted to AHEAD_LIMIT a priority; ahead_higher: those of a higher priority. spent_to: see Rate.
    """

    as_of: int
    job: Job
    queue_pause: Pause | None = None
    task_pause: Pause | None = None
    runners: Sequence[RunnerStats] = ()
    running: Sequence[tuple[str, str]] = ()
    running_count: int = 0
    of_key: Sequence[str] = ()
    of_key_count: int = 0
    ahead: int = 0
    ahead_higher: int = 0
    spent_to: float = 0.0


@record
class Act:
    """What somebody did by hand: when (ms), who, which verb, to what, and to how many."""

    at: int
    who: str
    verb: str
    target: str
    count: int


@record
class FailureGroup:
    """Failed jobs of one task whose last error is of one type: how many, when the first and the last of them ended (ms), and what the last
    one said."""

    task: str
    error: str
    count: int
    first_at: int
    last_at: int
    message: str

    @classmethod
    def all_of(cls, failed: Iterable[tuple[str, Error | None, int]]) -> Sequence[FailureGroup]:
        """The groups of these (task, error, end), which come newest first; the largest group first."""
        groups: dict[tuple[str, str], FailureGroup] = {}
        for task, error, at in failed:
            kind, message = ("", "") if error is None else (error.type, error.message)
            known = groups.get((task, kind))
            groups[task, kind] = (
                cls(task, kind, 1, at, at, message) if known is None else replace(known, count=known.count + 1, first_at=at)
            )
        return sorted(groups.values(), key=lambda group: (-group.count, -group.last_at, group.task, group.error))


@record
class Storage:
    """What keeps the jobs. kind: and its version. Sizes in bytes; None where there is no such thing.

    path, schema: of the file. size: of the file; free: of that in pages that hold nothing. log: of what was committed and is, or was, to be moved into the
    file. room: left on its disk. backup_at (ms), backup: when the copy beside it was made, and its size.
    """

    kind: str
    path: str | None = None
    schema: int | None = None
    size: int | None = None
    free: int | None = None
    log: int | None = None
    room: int | None = None
    backup_at: int | None = None
    backup: int | None = None


# --- the protocols ---------------------------------------------------------------------------------------------------


class Reader(Protocol):
    """What looking needs. Reads never wait behind a write; a read that takes too long raises StoreUnavailable."""

    async def get(self, ids: Sequence[str]) -> Sequence[Job | None]:
        """The jobs of these ids, in the same order; None where there is none."""

    async def page(self, query: JobQuery, *, limit: int, after: str | None = None) -> Page:
        """Up to `limit` jobs that match, newest insert first, after the position that an earlier page named `next`.

        Pages neither skip nor repeat a job while others are inserted. An unreadable `after` begins at the start. See `Page` for
        when it is shorter.
        """

    async def stats(self, *, now: int) -> Stats:
        """Where everything stands. Costs O(queues), not O(jobs)."""

    async def situation(self, id: str, *, now: int) -> Situation | None:
        """What stands between this job and its start; None for an unknown one."""

    async def history(
        self, *, since: int, until: int, queue: str | None = None, step: int = HISTORY_STEP
    ) -> Sequence[HistoryBucket]:
        """What happened in the minutes that begin in [since, until) ms, oldest first; of what is older than MINUTES_KEPT, in the hours.

        step: ms, a multiple of HISTORY_STEP: those that begin in one step are added up, of which one begins at the epoch; `at` is where it begins.
        """

    async def longest_running(self, limit: int) -> Sequence[Job]:
        """The running jobs whose attempt began first, the first of them first."""

    async def storage(self) -> Storage:
        """What keeps all this, and how large it is."""

    async def acts(self, limit: int) -> Sequence[Act]:
        """What was done by hand, newest first; the last ACTS_KEPT are known."""

    async def failures(self, newest: int) -> Sequence[FailureGroup]:
        """Of so many failed jobs, those that ended last, the groups that they fall into; the largest first."""


class Store(Reader, Protocol):
    """Durable truth about jobs, by batch; see the contract at the top of this module."""

    @property
    def timetable(self) -> Timetable:
        """The schedules; open and closed with the store."""

    async def open(self) -> None:
        """Make ready, creating or migrating what is there. Idempotent.

        Raises StoreMismatch when what is there is not ours to use (a newer schema, another program's file, a path that can't
        be one), StoreUnavailable when it may be later (busy, full, failing).
        """

    async def close(self) -> None:
        """Flush what was accepted, and let go of everything but the evidence of runners that were not retired. Idempotent."""

    # producing

    async def insert(self, jobs: Sequence[NewJob], *, now: int) -> Sequence[Inserted]:
        """Store these jobs, all or none; one answer each, in order.

        With `unique_for` the key is kept apart from those, for that long from `now`, and answers with the job that took it, whether or
        not there still is one. With `replaces` a holder of the same task that waits for its first attempt gets this one's args,
        meta, priority, policy, key and times, and answers. Where more would be queued in a queue, whether due, later, or held, than
        the `max_waiting` of a job for it, whatever of the batch meets no other is refused. An id that exists changes nothing. A due job with a key is stored with Hold.KEY where as many jobs of that key as its
        `policy.key_limit` run already, or are due in its queue without a hold and come before it. A unique key held by a queued or running job answers with the holder's id; within
        one batch the first of a key wins. `run_at` in the past counts as due at `now`.
        """

    # working

    async def register(self, runner: RunnerInfo, *, now: int) -> None:
        """Make this runner known and alive, until `retire` or its process's death. Again: replaces what was known.

        Jobs of its queues that are held as unroutable and whose task it knows become claimable, here or at its next beats.
        """

    async def retire(self, runner: str) -> None:
        """Forget this runner. What it still runs becomes an orphan. Unknown: nothing happens."""

    async def claim(self, claim: Claim, *, now: int) -> Claimed:
        """Take due jobs: attempt + 1, token grown, state running, started_at = now.

        Per queue by run_at + PRIORITY_STEP × priority, then insertion, over all queues in that same order. Nothing from a
        paused queue. A due job that it meets on the way and whose task no living runner that works its queue knows is held as
        UNROUTABLE instead; one that only such a sibling knows is left for it, one of a paused task is held as PAUSED. Never touches a job with a hold.

        Of one key no more than the job's `policy.key_limit` leaves, over all runners: a job that would be one too many and comes
        before the last that is taken is put aside with Hold.KEY. Of a queue with limits no more than leaves it, over all runners and with what dead ones still hold until it is settled,
        with `at_once` running and with its rate kept. What it takes is spent of the rate, whatever becomes of it.
        """

    async def claim_alone(self, claim: Claim, *, now: int) -> Claimed:
        """Take the one due job with Hold.ALONE that is first among the wanted queues, within their limits; it keeps the hold while
        it runs.

        The answer tells `alone_due`, not `next_due`.
        """

    async def finish(self, finishes: Sequence[Finish], *, now: int) -> Sequence[Verdict]:
        """End attempts; one verdict each, in order. See Finish for what applies when.

        Appends an AttemptRecord (from the job's own runner, started_at and attempt), keeps the last ATTEMPTS_KEPT (see `kept_attempts`). A QUEUED
        finish with give_back lowers `attempt` by one. Terminal: finished_at = now, the hold cleared, the unique key let go
        (so that another may hold it). Where that makes room for others of its key, those that Hold.KEY keeps and that are among the first of their queue in claim order are let go. Either way a cancel request is answered with it: `cancel_requested` is true of running jobs only.
        """

    async def beat(self, runner: str, *, now: int) -> Beat:
        """Tell what this runner is held to run, which of it to cancel, and which queues are paused.

        Also the store's moment for upkeep: when `now` stands more than 5 s behind the latest `now` that this handle's write
        verbs have seen, or that the history knew when it was opened, the wall clock was set back. Queued jobs are then due
        earlier: at `now` those that were due at once when they were inserted or requeued; after their pause, counted from `now`,
        those that wait for one since their last attempt. A time of its own (`scheduled_at` after `enqueued_at`) stays until
        the first claim. The latest `now` is counted anew from there. And queued jobs whose `expires_at` is not after `now`, some hundred
        at most, are cancelled with that reason, as `cancel` does.
        """

    async def note(self, notes: Mapping[str, tuple[int, Progress]]) -> None:
        """Keep the progress of attempts, job id → (token, progress); ignored where the token is not the running one."""

    async def report(self, runner: str, condition: Condition) -> None:
        """Keep how this runner's process is, for `stats`; ignored for an unknown one."""

    async def abandon(self, attempts: Mapping[str, int]) -> None:
        """These attempts, job id → token, outlive their runner's orderly shutdown: when they are orphans, they are no crash.

        Sets `crashes` to ABANDONED; ignored where the token is not the running one.
        """

    async def orphans(self, limit: int) -> Sequence[Job]:
        """Running jobs whose runner is dead or retired on the store's evidence. Changes nothing: settle them by `finish`."""

    # operating

    async def cancel(self, ids: Sequence[str], *, now: int, running: bool = True) -> Sequence[Cancellation]:
        """Cancel queued jobs, and if `running` ask for the end of running ones; one answer each, in order. A queued one makes room for
        others of its key, as a finish does."""

    async def requeue(self, ids: Sequence[str], *, now: int, due: int | None = None, spread: int = 0) -> Sequence[bool]:
        """Put ended jobs back: queued, due at `due` (`now` if None), or evenly over the `spread` ms after that.

        Attempt 0, crashes 0, no hold; result, error, progress, finish time and expiry cleared; token and attempt records kept. Its
        unique key, unless it let go of it when it began, is its own again. False where the job is unknown or has not ended, or another holds its unique key.
        """

    async def discard(self, ids: Sequence[str]) -> Sequence[bool]:
        """Remove ended jobs; False where the job is unknown or has not ended."""

    async def set_paused(self, queue: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        """Stop or resume claims from this queue, in every process and over restarts."""

    async def set_task_paused(self, task: str, paused: bool, *, now: int, by: str = "", why: str = "") -> None:
        """Stop or resume claims of this task's jobs, as `set_paused` does of a queue's.

        A claim that meets a due one of a paused task holds it as PAUSED; once resumed they are claimable at the runners' next beats.
        """

    async def keep_limits(self, queue: str, limits: str | None, *, now: int) -> None:
        """Tell every runner's beats of these limits from now on, over restarts, until they are None. The store doesn't look into them."""

    async def record_act(self, act: Act) -> None:
        """Keep what was done, for `acts`."""

    async def prune(self, ended_before: Mapping[State, int], *, limit: int) -> int:
        """Remove up to `limit` ended jobs whose finished_at lies before their state's time (ms), state by state in the mapping's
        order, the oldest end of each first. Returns how many jobs went; fewer than `limit` means there are no more, and that
        runner entries which nothing needs and history older than HOURS_KEPT went too, and some of what is older than MINUTES_KEPT was added up."""

    async def check(self) -> Sequence[str]:
        """What is wrong with what is kept, a sentence each; nothing where it is whole. May take long: it reads everything, beside the store's work. Raises
        StoreClosed where the store closes meanwhile, as `backup`."""

    async def backup(self, to: str | None) -> str:
        """Copy what is stored at this moment into this file, or one beside the store's own, in place of what was there; the file's path.
        Raises ConfigurationError where that can't be."""

    # waking

    def watch(self) -> AbstractAsyncContextManager[AsyncIterator[frozenset[str]]]:
        """Queues that may have got work from another process; an empty set means any. May be silent or wrong, never required."""
