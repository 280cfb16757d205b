"""What must hold when the dust has settled: each check reads the story and the database, and says what is wrong."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from asyncjobs.clock import SystemClock
from asyncjobs.job import ATTEMPTS_KEPT, Job, State
from asyncjobs.outcome import MAX_CRASHES
from asyncjobs.store.base import HistoryBucket, Metric, Stats
from asyncjobs.store.sqlite.connection import BUSY_TIMEOUT
from asyncjobs.store.sqlite.rows import COLUMNS, job_of
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.crash.torture.story import Attempt, Life, Recorded, Requeue, Story, unexpected
from tests.crash.torture.tasks import ALL, stamp_of
from tests.crash.torture.windows import Window, Windows
from tests.store.recount import counted, recount

KILLED = "KilledItsProcess"  # the error type of a job that is taken for what killed its process
CONTENDED = ("the database is locked by another program", "the database's lock is contended")
INTERRUPTED = "the read took too long"
AWAKE = 1.0  # seconds from going on until a caller is told
WAITED = BUSY_TIMEOUT + 1.0  # seconds: SQLite's wait, and until it is told
STOOD = 4.0  # seconds
SHUT_OUT = 0.8  # of the time from an attempt's end to its process's; all of it in those that were seen (2026-11-25)
GIVEN_BACK = ("snoozed", "released", "lost")  # outcomes after which the attempt does not count
BY_ITSELF = ("succeeded", "failed", "timed_out", "snoozed", "cancelled")  # outcomes that only an attempt's own runner records


@dataclass(frozen=True, slots=True)
class Fault:
    """A promise that was broken."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


@dataclass(frozen=True)
class Database:
    """What stands in the file, read when nobody has it open any more."""

    jobs: Mapping[str, Job]
    integrity: str
    stats: Stats | None = None
    history: Sequence[HistoryBucket] = ()


def look(path: Path) -> Database:
    """Everything that the file says."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            ((integrity,),) = connection.execute("PRAGMA integrity_check(1)").fetchall()
            jobs = [job_of(row) for row in connection.execute(f"SELECT {COLUMNS} FROM jobs")]
        except sqlite3.DatabaseError as error:
            return Database({}, str(error))
    stats, history = asyncio.run(_counters(path))
    return Database({job.id: job for job in jobs}, integrity, stats, history)


async def _counters(path: Path) -> tuple[Stats, Sequence[HistoryBucket]]:
    store = SQLiteStore(path)
    await store.open()
    try:
        now = SystemClock().now()
        return await store.stats(now=now), await store.history(since=0, until=now + 60_000)
    finally:
        await store.close()


def judge(story: Story, database: Database) -> list[Fault]:
    """Every broken promise."""
    jobs = database.jobs
    return [
        *whole(database),
        *nothing_lost(story, jobs),
        *content(story, jobs),
        *ended(story, jobs),
        *one_start_a_token(story.all_attempts, story.claimed),
        *no_stale_token(story.claimed, jobs),
        *no_overlap(story.attempts),
        *no_rerun(story),
        *nobody_robbed(story, jobs),
        *records(story, jobs),
        *numbers(story, jobs),
        *counters(database),
        *orderly(story),
    ]


# --- the file and its rows -----------------------------------------------------------------------------------------------


def whole(database: Database) -> Iterator[Fault]:
    if database.integrity != "ok":
        yield Fault("integrity", database.integrity)


def nothing_lost(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    for id, life in story.acknowledged.items():
        if id not in jobs:
            yield Fault("lost", f"{id} was acknowledged by {life.name} and is not in the store")
    for id in jobs.keys() - story.stamps.keys():
        yield Fault("nobody's", f"{id} is in the store, and nobody asked for it")
    for id in jobs.keys() & story.turned_away:
        yield Fault("turned away", f"{id} is in the store, and its caller was told that it is not")


def content(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """Arguments as they were enqueued, when an attempt read them and now; and the result that belongs to them."""
    for attempt in story.all_attempts:
        if not attempt.true:
            yield Fault("content", f"{attempt.id} read other arguments than its own in attempt {attempt.token}")
    for id, job in jobs.items():
        stamp = stamp_in(job)
        if stamp is None or stamp != story.stamps.get(id):
            yield Fault("content", f"{id} has other arguments than it was enqueued with: {job.args[:200]}")
        elif job.state is State.SUCCEEDED and job.result != json.dumps(stamp):
            yield Fault("content", f"{id} has another result than it returned: {job.result}")


def stamp_in(job: Job) -> str | None:
    """The stamp that its arguments bear; None if they bear none that fits them."""
    try:
        said = json.loads(job.args)["kwargs"]
        stamp = stamp_of(job.id, said["kind"], said["seconds"], said["padding"])
    except (ValueError, KeyError, TypeError):
        return None
    return stamp if said.get("stamp") == stamp else None


def _kind(job: Job) -> str | None:
    """What it is enqueued to do; None if its arguments are not its own."""
    return json.loads(job.args)["kwargs"]["kind"] if stamp_in(job) else None


# --- ends ----------------------------------------------------------------------------------------------------------------


def ended(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """Every job has ended, as its kind does unless somebody cancelled it or its process died with it alone."""
    last = _last_recorded(story.recorded)
    for id, job in jobs.items():
        if not job.state.ended:
            yield Fault("unfinished", f"{id} is {job.state} (attempt {job.attempt}, crashes {job.crashes}, hold {job.hold.name})")
            continue
        kind = _kind(job)
        if kind is None:  # a matter of content
            continue
        if job.state is State.CANCELLED and (id in story.cancels or kind == "gives-up"):
            pass
        elif job.error is not None and job.error.type == KILLED:
            yield from _blamed(job, story)
        elif job.state is not ALL[kind].ends or kind == "poison":  # which can only be blamed
            yield Fault("end", f"{id}, which {kind}, is {job.state}, with the error {job.error and job.error.type}")
        token, to = last.get(id, (0, ""))
        requeued = any(requeue.done is not False for requeue in story.requeues.get(id, ()))
        if to in (State.SUCCEEDED, State.FAILED, State.CANCELLED) and not requeued and (job.token, job.state) != (token, to):
            yield Fault("stale", f"{id} was recorded as {to} under {token}, and is {job.state} under {job.token}")


def _last_recorded(recorded: Iterable[Recorded]) -> dict[str, tuple[int, str]]:
    last: dict[str, tuple[int, str]] = {}
    for one in recorded:
        last[one.id] = max(last.get(one.id, (0, "")), (one.token, one.to))
    return last


def _blamed(job: Job, story: Story) -> Iterator[Fault]:
    """A job, guilty or not, may be blamed only when its process died three times in a row, the last time with it alone.

    Alone in its process: others may run what they have, and what they claimed before they heard of it.
    """
    last = job.attempts[-MAX_CRASHES:]
    if len(last) < MAX_CRASHES or any(record.outcome != "lost" or _in_order(story, record.runner) for record in last):
        yield Fault("blamed", f"{job.id} is said to have killed its process, and did not run in {MAX_CRASHES} that died")
        return
    runner = last[-1].runner
    beside = [a.id for a in story.all_attempts if a.life.runner == runner and a.ended_at is None and a.id != job.id]
    if beside:
        yield Fault("blamed", f"{job.id} is said to have killed its process, and did not run alone: {beside}")


# --- attempts ------------------------------------------------------------------------------------------------------------


def one_start_a_token(attempts: Iterable[Attempt], claimed: Iterable[tuple[str, int]]) -> Iterator[Fault]:
    starts = Counter((attempt.id, attempt.token) for attempt in attempts)
    for (id, token), count in starts.items():
        if count > 1:
            yield Fault("started twice", f"{id} began {count} times under token {token}")
    for (id, token), count in Counter(claimed).items():
        if count > 1:
            yield Fault("claimed twice", f"{id} was handed out {count} times under token {token}")


def no_stale_token(claimed: Iterable[tuple[str, int]], jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """A row never falls back behind what was claimed of it."""
    latest: dict[str, int] = {}
    for id, token in claimed:
        latest[id] = max(token, latest.get(id, 0))
    for id, token in latest.items():
        if id in jobs and jobs[id].token < token:
            yield Fault("stale", f"{id} has token {jobs[id].token}, and was handed out under {token}")


def no_overlap(attempts: Mapping[str, Sequence[Attempt]]) -> Iterator[Fault]:
    """One attempt of a job at a time, over all processes: else somebody's job was stolen while it ran."""
    for id, its in attempts.items():
        for before, after in pairwise(its):
            if before.until is None or after.began_at < before.until:
                yield Fault("overlap", f"{id} began in {after.life.name} while it ran in {before.life.name}")
            if after.token <= before.token:
                yield Fault("token", f"{id} began under {after.token} after {before.token}")


def no_rerun(story: Story) -> Iterator[Fault]:
    """What was recorded as a success begins again only where somebody asked for that."""
    for end in story.recorded:
        if end.outcome != "succeeded":
            continue
        requeues = story.requeues.get(end.id, ())
        for attempt in story.attempts.get(end.id, ()):
            if attempt.token > end.token and not _allowed(requeues, end.asked_at, attempt.began_at):
                told = f"recorded as a success under {end.token}, asked at {end.asked_at}, and began under {attempt.token}"
                yield Fault("run again", f"{end.id} was {told} at {attempt.began_at}; requeues: {list(requeues)}")


def _allowed(requeues: Iterable[Requeue], after: int, before: int) -> bool:
    """Whether a requeue may have taken effect between these moments."""
    return any(r.done is not False and r.asked_at < before and (r.answered_at is None or r.answered_at > after) for r in requeues)


def nobody_robbed(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """Only the dead lose their jobs, and only who leaves gives them back: stopped, blocked and slow processes do neither."""
    for id, job in jobs.items():
        for record in job.attempts:
            life = story.life_of(record.runner)
            if life is None:
                continue  # killed between its first claim and the line that it is up
            if record.outcome == "lost" and life.in_order and not _shut_out(story, id, life):
                yield Fault("robbed", f"attempt {record.number} of {id} was called lost, and {life.name} had not died")
            if record.outcome == "released" and life.leaving_at is None:
                yield Fault("given back", f"attempt {record.number} of {id} was given back, and {life.name} was not leaving")


def _shut_out(story: Story, id: str, life: Life) -> bool:
    """Whether a process that left had no time to record this end, for others were stopped, maybe with the lock in hand.

    It then ends all the same, and its rows stay running, as a killed one's do.
    """
    if life.leaving_at is None or life.over_at is None:
        return False
    ends = [attempt.ended_at for attempt in story.attempts.get(id, ()) if attempt.life is life and attempt.ended_at is not None]
    since = max([life.leaving_at, *ends])
    return Windows(story.stops).cover(since, life.over_at) >= SHUT_OUT * (life.over_at - since)


# --- books ---------------------------------------------------------------------------------------------------------------


def records(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """A job's records against the ledgers: what a process was told is recorded, and what is recorded it was told, unless it died."""
    told: dict[str, Counter[str]] = {}
    for end in story.recorded:
        told.setdefault(end.id, Counter())[end.outcome] += 1
    for id, job in jobs.items():
        if len(job.attempts) >= ATTEMPTS_KEPT:
            continue
        kept = Counter(record.outcome for record in job.attempts)
        if missing := told.get(id, Counter()) - kept:
            yield Fault("records", f"{id}: recorded {dict(missing)}, and its row has no such attempt")
        for outcome in (kept - told.get(id, Counter())).keys() & set(BY_ITSELF):
            if all(_tells(story, id, record.runner) for record in job.attempts if record.outcome == outcome):
                yield Fault("records", f"{id} has an attempt that {outcome}, of which no process was told")
        began = len(story.attempts.get(id, ()))
        if sum(kept[outcome] for outcome in ("succeeded", "failed", "timed_out", "snoozed")) > began or began > len(job.attempts):
            yield Fault("records", f"{id} began {began} times, and its row knows {dict(kept)}")


def _tells(story: Story, id: str, runner: str) -> bool:
    """Whether this runner was told of what it recorded of the job."""
    life = story.life_of(runner)
    return life is not None and life.in_order and not _shut_out(story, id, life)


def _in_order(story: Story, runner: str) -> bool:
    life = story.life_of(runner)
    return life is not None and life.in_order


def numbers(story: Story, jobs: Mapping[str, Job]) -> Iterator[Fault]:
    """A job's `attempt` and `crashes` follow from its records: the number of each from what counted before it."""
    for id, job in jobs.items():
        requeued = any(requeue.done is not False for requeue in story.requeues.get(id, ()))  # begins anew from zero, any time
        is_cut = len(job.attempts) >= ATTEMPTS_KEPT  # then the first may be the round's first, and the next ones are left out
        counted = job.attempts[0].number - 1 if is_cut else 0
        crashes = 0
        for at, record in enumerate(job.attempts):
            if is_cut and at == 1 and job.attempts[0].number == 1:
                counted, crashes = max(counted, record.number - 1), 0
            if record.number != counted + 1 and not (requeued and record.number == 1):
                yield Fault("numbers", f"{id} has an attempt numbered {record.number} after {counted} that count")
            counted = record.number - (record.outcome in GIVEN_BACK)
            crashes = crashes + 1 if record.outcome == "lost" else 0
        attempts = {counted, 0} if requeued else {counted}
        if job.state.ended and job.attempts:
            attempts.add(job.attempts[-1].number)  # with its end nothing is given back any more
        if job.attempt not in attempts:
            yield Fault("numbers", f"{id} has attempt {job.attempt}, and its records make it {sorted(attempts)}")
        if job.crashes != crashes and not (requeued and 0 <= job.crashes < crashes):
            yield Fault("numbers", f"{id} has {job.crashes} crashes, and its records make it {crashes}")


def counters(database: Database) -> Iterator[Fault]:
    """Counters equal a recount of the rows and of their records; history adds up to the counters."""
    stats, jobs = database.stats, database.jobs
    if stats is None:
        return
    told, found = counted(stats), recount(jobs.values(), stats.as_of)
    if told != found:
        yield Fault("counters", f"the counters say {told}, the rows {found}")
    totals: Counter[str] = Counter()
    for queue in stats.queues.values():
        totals.update({str(metric): count for metric, count in queue.totals.items()})
    history = sum((Counter({str(m): n for m, n in bucket.counts.items()}) for bucket in database.history), Counter[str]())
    if +totals != +history:
        yield Fault("counters", f"totals are {dict(+totals)}, history adds up to {dict(+history)}")
    yield from _by_task(database)


def _by_task(database: Database) -> Iterator[Fault]:
    """What history counts of each task's jobs equals what their records say; of what fell out of a row, at least that."""
    told: defaultdict[str, Counter[Metric]] = defaultdict(Counter)
    for bucket in database.history:
        told[bucket.task].update(bucket.counts)
    by_task: defaultdict[str, list[Job]] = defaultdict(list)
    for job in database.jobs.values():
        by_task[job.name].append(job)
    for task, jobs in by_task.items():
        all_kept = all(len(job.attempts) < ATTEMPTS_KEPT for job in jobs)
        kept = Counter(record.outcome for job in jobs for record in job.attempts)
        blamed = sum(record.outcome == "lost" and record.error is not None for job in jobs for record in job.attempts)
        expected = {
            Metric.ENQUEUED: len(jobs),
            Metric.STARTED: sum(kept.values()),
            Metric.SUCCEEDED: kept["succeeded"],
            Metric.FAILURES: kept["failed"] + kept["timed_out"] + blamed,
            Metric.SNOOZED: kept["snoozed"],
            Metric.RELEASED: kept["released"],
            Metric.LOST: kept["lost"],
        }
        for metric, count in expected.items():
            if told[task][metric] < count or (told[task][metric] > count and (all_kept or metric is Metric.ENQUEUED)):
                yield Fault("counters", f"{task} has {metric} {told[task][metric]}, its rows' records say {count}")


# --- processes -----------------------------------------------------------------------------------------------------------


def orderly(story: Story) -> Iterator[Fault]:
    """Nobody dies of itself, leaves late or leaves something running; and nobody complains of more than their stops explain."""
    for life in story.lives:
        if unexpected(life):
            yield Fault("died", f"{life.name} ended with {life.returncode}, and nobody had killed it")
        if life.overdue:
            yield Fault("overdue", f"{life.name} did not leave within its shutdown")
    for attempt in story.all_attempts:
        if attempt.ended_at is None and attempt.life.in_order:
            yield Fault("left behind", f"{attempt.id} still ran when {attempt.life.name} had left in order")
    for at, life, why in story.complaints:
        if not _explained(story.stops, at, why) and not _overslept(life, at, why):
            yield Fault("complaint", f"{life.name}: {why}")


def _overslept(life: Life, at: int, why: str) -> bool:
    """Whether its own stop fell into a read, whose deadline went on meanwhile."""
    return INTERRUPTED in why and any(begin < at <= end + round(AWAKE * 1e9) for begin, end in life.stops)


def _explained(stops: Iterable[Window], at: int, why: str) -> bool:
    """Whether the lock could not be had because one after the other was stopped that held it.

    No stop alone lasts as long as SQLite waits. Several in a row have kept a commit for 4.1 s (2026-11-25, eleven
    tortures); so only stops of at least STOOD count, in the time that the wait and its telling may have taken.
    """
    if not any(reason in why for reason in CONTENDED):
        return False
    return Windows(stops).cover(at - round(WAITED * 1e9), at) >= STOOD * 1e9
