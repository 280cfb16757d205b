"""The jobs of the load: each way in which an attempt can end, and what it writes into the ledger on its way."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from asyncjobs import Cancel, JobContext, Jobs, Retry, Snooze, Task
from asyncjobs.job import Job
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.ledger import Ledger
from tests.crash.kills.order import Order

FAR = 3_600.0  # seconds; longer than any life
MANY = 24  # failures of `many`, more than a job keeps records
SOON = Retry(attempts=8, backoff=0.05)


def tasks_of(jobs: Jobs, ledger: Ledger, gauge: Gauge, order: Order) -> dict[str, Task[..., Any, Any]]:
    """Registers them; by name. Every one returns its token, so that the stored result tells whose it is."""

    @contextmanager
    def body(ctx: JobContext) -> Iterator[Job]:
        """First line and last line of an attempt."""
        ledger.started(ctx._job)
        how = "ok"
        try:
            yield ctx._job
        except Snooze:
            how = "snoozed"
            raise
        except Cancel:
            how = "quit"
            raise
        except asyncio.CancelledError:
            how = "stopped"
            raise
        except BaseException:
            how = "failed"
            raise
        finally:
            ledger.ended(ctx._job, how)

    def seconds(job: Job, milliseconds: int) -> float:
        """A job that lost a process is brief: under so many kills most would else become lone suspects."""
        return milliseconds / 1000 if job.crashes == 0 else 0.001

    async def work(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            await asyncio.sleep(seconds(job, milliseconds))
            return job.token

    async def noted(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            ctx.progress(1, 2, "half")
            await asyncio.sleep(seconds(job, milliseconds))
            return job.token

    async def flaky(ctx: JobContext, milliseconds: int) -> int:
        """Fails once; its retries run in the slow queue."""
        with body(ctx) as job:
            await asyncio.sleep(seconds(job, milliseconds))
            if job.attempt == 1:
                raise OSError("once")
            return job.token

    async def doomed(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            await asyncio.sleep(seconds(job, milliseconds))
            raise OSError("always")

    async def late(ctx: JobContext, milliseconds: int) -> int:
        """Exceeds its timeout once."""
        with body(ctx) as job:
            await asyncio.sleep(FAR if job.attempt == 1 else seconds(job, milliseconds))
            return job.token

    async def snoozer(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            if all(record.outcome != "snoozed" for record in job.attempts):
                raise Snooze(milliseconds / 1000)
            return job.token

    async def quitter(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            await asyncio.sleep(seconds(job, milliseconds))
            raise Cancel("enough")

    async def many(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            if job.attempt <= MANY:
                raise OSError("often")
            return job.token

    async def parent(ctx: JobContext, milliseconds: int) -> int:
        """Enqueues another from inside; again when it runs again, under the same id."""
        with body(ctx) as job:
            child = f"{job.id}-child"
            ledger.asked([child])
            await registered["work"].options(id=child).enqueue(milliseconds)
            ledger.acknowledged([child])
            return job.token

    def threaded(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            time.sleep(seconds(job, milliseconds))
            return job.token

    def threaded_flaky(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx) as job:
            time.sleep(seconds(job, milliseconds))
            if job.attempt == 1:
                raise OSError("once")
            return job.token

    async def dross(ctx: JobContext, milliseconds: int) -> int:
        raise AssertionError("is cancelled long before it is due")

    async def victim(ctx: JobContext, milliseconds: int) -> int:
        """Runs until it has lost two processes; what comes then is the run of a lone suspect."""
        with body(ctx) as job:
            if job.crashes < 2:
                gauge.add("victims", 1)
                await asyncio.sleep(FAR)
            return job.token

    async def poison(ctx: JobContext, milliseconds: int) -> int:
        with body(ctx):
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError("is dead")

    async def endless(ctx: JobContext, life: int) -> int:
        """In the life that it was made for, until it is cancelled."""
        with body(ctx) as job:
            if order.life == life:
                await asyncio.sleep(FAR)
            return job.token

    async def deaf(ctx: JobContext, life: int) -> int:
        """In the life that it was made for it ignores its cancellation."""
        with body(ctx) as job:
            while order.life == life:
                try:
                    await asyncio.sleep(FAR)
                except asyncio.CancelledError:
                    continue
            return job.token

    registered: dict[str, Task[..., Any, Any]] = {}

    def register(function: Callable[..., Any], queue: str, **options: Any) -> None:
        name = function.__name__
        registered[name] = jobs.task(queue=queue, name=name, **{"retry": SOON, **options})(function)

    register(work, "default")
    register(noted, "default", survives="crash")
    register(flaky, "default", retry=Retry(attempts=8, backoff=0.05, queue="slow"))
    register(doomed, "default", retry=Retry(attempts=2, backoff=0.02))
    register(late, "default", timeout=0.03)
    register(snoozer, "default")
    register(quitter, "default")
    register(many, "default", retry=Retry(attempts=MANY + 1, backoff=0))
    register(parent, "default")
    register(threaded, "threads")
    register(threaded_flaky, "threads", survives="crash")
    registered["slow"] = jobs.task(queue="slow", name="slow", retry=SOON)(work)
    register(dross, "slow")
    register(victim, "slow", priority=0)
    register(poison, "slow", priority=0)
    register(endless, "slow", priority=0)
    register(deaf, "slow", priority=0)
    return registered
