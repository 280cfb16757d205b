"""The app that the crash tests kill. It keeps a ledger outside of the database of what it was told and what it did."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from asyncjobs import JobContext, Jobs, Retry
from tests.crash.server import Ledger

FOLDER = Path(os.environ["CRASH_DATA"])
ledger = Ledger(FOLDER)
jobs = Jobs(
    FOLDER / "jobs.db",
    queues={"default": 20, "slow": 10},
    shutdown_timeout=float(os.environ.get("CRASH_SHUTDOWN", "10")),
)


@jobs.task(retry=Retry(attempts=5, backoff=0.05))
async def work(ctx: JobContext, n: int) -> int:
    """Now and then it fails, as n tells."""
    ledger.write("start", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    await asyncio.sleep((n % 7) / 200)
    if n % 11 == 0 and ctx.attempt == 1:
        raise OSError("once")
    ledger.write("end", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    return n


@jobs.task(queue="slow")
async def long(ctx: JobContext, seconds: float) -> None:
    ledger.write("start", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    await asyncio.sleep(seconds)
    ledger.write("end", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())


@jobs.task(queue="slow")
async def deaf(ctx: JobContext) -> None:
    """Ignores its cancellation."""
    ledger.write("start", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            ledger.write("ignored", ctx.id)


@jobs.task(queue="slow")
def endless(ctx: JobContext) -> None:
    """A thread that never returns."""
    ledger.write("start", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    while True:
        time.sleep(3600)


@jobs.task(queue="slow")
async def poison(ctx: JobContext) -> None:
    """Kills its process, every time."""
    ledger.write("start", ctx.id, ctx._job.token, os.getpid(), time.monotonic_ns())
    os._exit(9)


async def enqueue(request: Request) -> Response:
    task = jobs._tasks.find(f"{__name__}:{request.path_params['task']}")
    handle = await jobs.enqueue(task, *(float(a) if "." in a else int(a) for a in request.query_params.getlist("arg")))
    ledger.write("ack", handle.id)
    return JSONResponse({"id": handle.id}, 202)


async def flood(request: Request) -> Response:
    """Many callers at once, until the process dies or the count is reached; acknowledged ones go to the ledger."""
    count = int(request.query_params["count"])

    async def caller(first: int) -> None:
        for n in range(first, count, 16):
            handle = await jobs.enqueue(work, n=n)
            ledger.write("ack", handle.id)

    await asyncio.gather(*(caller(first) for first in range(16)))
    return JSONResponse({"done": count})


async def state(request: Request) -> Response:
    job = await jobs.get(request.path_params["id"])
    if job is None:
        return JSONResponse({"state": "missing"})
    return JSONResponse(
        {"state": job.state, "attempt": job.attempt, "crashes": job.crashes, "error": job.error.message if job.error else None,
         "outcomes": [record.outcome for record in job.attempts]}
    )  # fmt: skip


async def cancel(request: Request) -> Response:
    return JSONResponse(await jobs.cancel(request.path_params["id"]))


async def ping(request: Request) -> Response:
    return JSONResponse({"pid": os.getpid(), "problems": dict(jobs.problems)})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with jobs.running(app):
        # What stands here after the runner's start, before the first request, is what replay has left.
        left = (await jobs.list(state="running", limit=1000)).jobs
        ledger.write("up", os.getpid(), time.monotonic_ns(), sum(job.runner != _runner_id() for job in left))
        yield


def _runner_id() -> str:
    life = jobs._life
    assert life is not None
    assert life.runner is not None
    return life.runner.info.id


app = Starlette(
    routes=[
        Route("/ping", ping),
        Route("/enqueue/{task}", enqueue, methods=["POST"]),
        Route("/flood", flood, methods=["POST"]),
        Route("/state/{id}", state),
        Route("/cancel/{id}", cancel, methods=["POST"]),
        Mount("/jobs", jobs.web()),
    ],
    lifespan=lifespan,
)
