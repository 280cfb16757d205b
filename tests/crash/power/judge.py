"""Opens what a power cut has left with the real store, and holds it to what had been promised before the cut."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from asyncjobs.errors import StoreError
from asyncjobs.job import Job, State
from asyncjobs.store.base import Verdict
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.crash.power.ladder import Ladder, Ledger, Step
from tests.store import acts
from tests.store.recount import counted, recount
from tests.store.sqlite import inside

LATER = 10**12  # ms, behind everything that a load has scheduled
AT_ONCE = 1_000  # jobs


class Fault(StrEnum):
    """What can be wrong with a disk after a cut."""

    UNOPENED = "does not open"
    DAMAGED = "is damaged"
    LOST = "lost"  # an acknowledged insert with survives="power"
    TAIL = "lost beyond the tail"  # an acknowledged change of another kind that a later synced commit had made safe
    UNDONE = "undone"  # an acknowledged reschedule, cancel or requeue
    IMPOSSIBLE = "impossible"  # a job in a state that it was never in, or not yet, or with another content
    TORN = "torn"  # a batch that is there in part
    REFUSED = "stored though refused"
    REISSUED = "issued twice"  # a token
    MISCOUNTED = "miscounted"
    STUCK = "does not go on"


@dataclass(frozen=True, slots=True)
class Finding:
    fault: Fault
    detail: str


async def judge(files: Mapping[str, bytes], ledger: Ledger, cut: int, refused: Collection[str] = ()) -> list[Finding]:
    """Everything that is wrong with these files, left by a cut before the event at `cut`.

    refused: ids whose callers were told for sure that nothing was stored.
    """
    with tempfile.TemporaryDirectory(prefix="asyncjobs-power-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        store = SQLiteStore(Path(folder) / "jobs.db")
        try:
            await store.open()
        except StoreError as error:
            return [Finding(Fault.UNOPENED, str(error))]
        try:
            return await _judge(store, ledger, cut, refused)
        except (StoreError, sqlite3.DatabaseError) as error:
            return [Finding(Fault.DAMAGED, str(error))]
        finally:
            await store.close()


async def _judge(store: SQLiteStore, ledger: Ledger, cut: int, refused: Collection[str]) -> list[Finding]:
    verdict = await inside.pragma(store, "integrity_check")
    if verdict != "ok":
        return [Finding(Fault.DAMAGED, str(verdict))]
    jobs = {job.id: job for job in await acts.everything(store)}
    stored = [Finding(Fault.REFUSED, f"{id} is stored") for id in refused if id in jobs]
    found = stored + _kept(jobs, ledger, cut) + await _counters(store, jobs.values())
    found += await _goes_on(store, jobs, ledger, cut)
    return found + await _counters(store, await acts.everything(store))


def _kept(jobs: Mapping[str, Job], ledger: Ledger, cut: int) -> list[Finding]:
    horizon, pruned_before = ledger.horizon(cut), ledger.pruned_before(cut)
    found = [Finding(Fault.IMPOSSIBLE, f"{id} was never inserted") for id in jobs.keys() - ledger.ladders.keys()]
    may_be_pruned = set()
    for id, ladder in ledger.ladders.items():
        least, most = ladder.least(cut, horizon), ladder.most(cut)
        steps = ladder.steps[max(least, 0) : most + 1]
        if any(step.moment < pruned_before.get(step.state, 0) for step in steps if step.state.ended):
            may_be_pruned.add(id)
        job = jobs.get(id)
        if job is None:
            if least >= 0 and id not in may_be_pruned:
                found.append(Finding(_loss(ladder, 0, cut), f"{id} is missing"))
        elif (job.args, job.name, job.survives) != (ladder.new.args, ladder.new.name, ladder.new.survives):
            found.append(Finding(Fault.IMPOSSIBLE, f"{id} has another content"))
        elif not any(step.holds(job) or (ledger.claims_failed and _is_stray(job, step)) for step in steps):
            stands = next((index for index, step in enumerate(ladder.steps) if step.holds(job)), None)
            fault = Fault.IMPOSSIBLE if stands is None or stands > most else _loss(ladder, least, cut)
            found.append(Finding(fault, f"{id} is {job.state} at step {stands}, of {least} to {most}"))
    for batch in {ladder.batch for ladder in ledger.ladders.values() if len(ladder.batch) > 1}:
        left = [id for id in batch if id not in may_be_pruned]
        if 0 < sum(id in jobs for id in left) < len(left):
            found.append(Finding(Fault.TORN, f"of the batch {batch} only {[id for id in left if id in jobs]} are there"))
    return found


def _is_stray(job: Job, step: Step) -> bool:
    """Whether a claim that has raised may have taken the job from this step."""
    return job.state is State.RUNNING and step.state is State.QUEUED and job.token > step.token


def _loss(ladder: Ladder, least: int, cut: int) -> Fault:
    """What it means that the job doesn't reach the step that it must stand on."""
    synced = [step for step in ladder.steps[: least + 1] if step.call.synced and step.call.answered < cut]
    if not synced:
        return Fault.TAIL
    return Fault.LOST if least == 0 else Fault.UNDONE


async def _counters(store: SQLiteStore, jobs: Iterable[Job]) -> list[Finding]:
    now = acts.NOW + LATER
    stats, recounted = counted(await store.stats(now=now)), recount(jobs, now)
    return [] if stats == recounted else [Finding(Fault.MISCOUNTED, f"{stats} are {recounted}")]


async def _goes_on(store: SQLiteStore, jobs: Mapping[str, Job], ledger: Ledger, cut: int) -> list[Finding]:
    """Put back what the dead were running, insert, claim all there is, finish it; no attempt may begin under an old token."""
    now = acts.NOW + LATER
    orphans = [acts.retry(job, run_at=now, outcome="lost") for job in jobs.values() if job.state is State.RUNNING]
    verdicts = list(await store.finish(orphans, now=now))
    queues = dict.fromkeys({job.queue for job in jobs.values()} | {"default"}, AT_ONCE)
    tasks = frozenset(job.name for job in jobs.values()) | acts.WORK
    await acts.sign_on(store, "after the cut", tasks, queues)
    await acts.put(store, "after the cut", now=now)
    await store.requeue(list(jobs), now=now)  # those that have ended: their tokens may have been issued too
    begun: list[Job] = []
    while claimed := await acts.claim(store, "after the cut", queues, tasks, now):
        if not claimed.jobs:
            break
        begun += claimed.jobs
        verdicts += await store.finish([replace(acts.success(job), result="1") for job in claimed.jobs], now=now)
    found = [
        Finding(Fault.REISSUED, f"token {job.token} of {job.id}")
        for job in begun
        if ledger.issued.get((job.id, job.token), cut) < cut
    ]
    if set(verdicts) != {Verdict.APPLIED} or {job.id for job in begun} != jobs.keys() | {"after the cut"}:
        found.append(Finding(Fault.STUCK, f"{len(jobs)} jobs: {len(begun)} were claimed, the ends were {set(verdicts)}"))
    return found
