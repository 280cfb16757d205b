"""What store tests do again and again, in words. NOW is the moment at which everything happens unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asyncjobs.job import Error, Job, NewJob, State
from asyncjobs.outcome import Finish
from asyncjobs.schedule import Schedule
from asyncjobs.store.base import Claim, Claimed, JobQuery, QueueStats, RunnerInfo, Store, Verdict

NOW = 1_800_000_000_000  # ms
MINUTE = 60_000
WORK = frozenset({"work"})
BOOM = Error("ValueError", "boom", "Traceback: boom")


def new(id: str, **fields: Any) -> NewJob:
    return NewJob(**{"id": id, "name": "work", "queue": "default", "run_at": NOW, **fields})


async def put(store: Store, *ids: str, now: int = NOW, **fields: Any) -> None:
    """Insert a job of each id, all with these fields."""
    await store.insert([new(id, **{"run_at": now, **fields}) for id in ids], now=now)


async def sign_on(store: Store, runner: str = "r1", tasks: Iterable[str] = WORK, queues: Mapping[str, int] | None = None) -> None:
    info = RunnerInfo(
        runner, pid=1, host="here", version="0", started_at=NOW, queues=queues or {"default": 10}, tasks=frozenset(tasks)
    )
    await store.register(info, now=NOW)


async def claim(
    store: Store, runner: str = "r1", wants: Mapping[str, int] | None = None, tasks: Iterable[str] = WORK, now: int = NOW
) -> Claimed:
    return await store.claim(Claim(runner, wants or {"default": 10}, frozenset(tasks)), now=now)


async def claim_alone(
    store: Store, runner: str = "r1", wants: Mapping[str, int] | None = None, tasks: Iterable[str] = WORK, now: int = NOW
) -> Claimed:
    return await store.claim_alone(Claim(runner, wants or {"default": 1}, frozenset(tasks)), now=now)


async def take(store: Store, runner: str = "r1", n: int = 10, now: int = NOW) -> list[Job]:
    """Claim up to n jobs of the default queue."""
    return list((await claim(store, runner, {"default": n}, now=now)).jobs)


async def run(store: Store, id: str, runner: str = "r1", now: int = NOW, **fields: Any) -> Job:
    """A new job, running under this runner, which is known from here on."""
    await sign_on(store, runner)
    await put(store, id, now=now, **fields)
    [job] = await take(store, runner, now=now)
    assert job.id == id
    return job


def fires_at(name: str, at: int | None = NOW, **fields: Any) -> Schedule:
    """A schedule of every minute, to fire next at this time."""
    job = NewJob("", "work", "default", 0, **fields.pop("job", {}))
    return Schedule(**{"name": name, "when": "every 60000", "job": job, "next_at": at, "declared": name, **fields})


async def scheduled(store: Store, name: str) -> Schedule:
    [found] = [schedule for schedule in await store.timetable.all() if schedule.name == name]
    return found


def ids(jobs: Iterable[Job]) -> list[str]:
    return [job.id for job in jobs]


async def one(store: Store, id: str) -> Job:
    [job] = await store.get([id])
    assert job is not None, f"no job {id}"
    return job


async def everything(store: Store) -> list[Job]:
    return [job for page in await pages(store, JobQuery(), limit=10_000) for job in page]


def success(job: Job, **fields: Any) -> Finish:
    return Finish(job.id, job.token, "succeeded", State.SUCCEEDED, **fields)


def failure(job: Job, **fields: Any) -> Finish:
    return Finish(job.id, job.token, to=State.FAILED, **{"outcome": "failed", "error": BOOM, **fields})


def retry(job: Job, run_at: int = NOW, outcome: str = "failed", **fields: Any) -> Finish:
    return Finish(job.id, job.token, outcome, State.QUEUED, run_at=run_at, **fields)


async def end(store: Store, *finishes: Finish, now: int = NOW) -> None:
    """Finish, and see that all of them apply."""
    assert await store.finish(finishes, now=now) == [Verdict.APPLIED] * len(finishes)


async def pages(store: Store, query: JobQuery, limit: int) -> Sequence[Sequence[Job]]:
    found, after = [], None
    while True:
        page = await store.page(query, limit=limit, after=after)
        found.append(page.jobs)
        if page.next is None:
            return found
        after = page.next


async def queue_stats(store: Store, queue: str = "default", now: int = NOW) -> QueueStats:
    return (await store.stats(now=now)).queues[queue]
