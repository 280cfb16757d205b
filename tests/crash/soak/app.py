"""The app that is soaked: every kind of job that there is, and what it measures of itself."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from asyncjobs import Cancel, JobContext, Jobs, Retry
from asyncjobs.task import Call
from tests.crash.soak.gauges import Gauges

FOLDER = Path(os.environ["CRASH_DATA"])
CANARY = os.environ.get("SOAK_CANARY", "none")  # see run.py
LONG = 2.0  # seconds

gauges = Gauges()
jobs = Jobs(
    FOLDER / "jobs.db",
    queues={"default": 20, "slow": 20},
    retention={"succeeded": 5, "cancelled": 5, "failed": 10},  # seconds: what ended a minute ago is gone at the latest
    shutdown_timeout=5,
)
_hoard: list[object] = []


@jobs.task
async def quick(asked_at: float, milliseconds: int) -> dict[str, int]:
    gauges.started(asked_at)
    await asyncio.sleep(milliseconds / 1000)
    return {"slept": milliseconds}


@jobs.task(retry=Retry(attempts=4, backoff=0.5))
async def flaky(ctx: JobContext, failures: int) -> None:
    """Succeeds in the end."""
    if ctx.attempt <= failures:
        raise OSError("not yet")


@jobs.task(retry=Retry(attempts=2, backoff=0.5))
async def doomed() -> None:
    raise ValueError("never")


@jobs.task
async def resigned() -> None:
    raise Cancel("of no use any more")


@jobs.task
def threaded() -> None:
    time.sleep(0.005)


@jobs.task(queue="slow")
async def long(ctx: JobContext) -> None:
    """Reports on itself; most are cancelled before their end."""
    for step in range(10):
        ctx.progress(step, 10)
        await asyncio.sleep(LONG / 10)


def _call(task: str, number: int) -> Call[Any]:
    """`number` decides the details."""
    match task:
        case "quick":
            return quick.call(time.monotonic(), number % 20)
        case "flaky":
            return flaky.call(1 + number % 3)
        case "delayed":
            return threaded.options(delay=1 + number % 3).call()
        case "doomed":
            return doomed.call()
        case "resigned":
            return resigned.call()
        case "threaded":
            return threaded.call()
        case "long":
            return long.call()
    raise ValueError(task)


async def enqueue(request: Request) -> Response:
    number = int(request.path_params["number"])
    with gauges.enqueueing():
        (handle,) = await jobs.enqueue_many([_call(request.path_params["task"], number)])
    if CANARY != "none":
        await _misbehave()
    return JSONResponse({"id": handle.id}, 202)


async def result(request: Request) -> Response:
    """Waits for what the job returned."""
    milliseconds = int(request.path_params["number"]) % 20
    with gauges.enqueueing():
        handle = await jobs.enqueue(quick, time.monotonic(), milliseconds)
    return JSONResponse({"result": await handle.result(timeout=30)}, 202)


async def burst(request: Request) -> Response:
    handles = await jobs.enqueue_many([threaded.call() for _ in range(int(request.path_params["count"]))])
    return JSONResponse({"count": len(handles)})


async def cancel(request: Request) -> Response:
    return JSONResponse(await jobs.cancel(request.path_params["id"]))


async def pause(request: Request) -> Response:
    await jobs.pause("slow")
    return JSONResponse({})


async def resume(request: Request) -> Response:
    await jobs.resume("slow")
    return JSONResponse({})


async def sample(request: Request) -> Response:
    return JSONResponse(gauges.read())


async def ping(request: Request) -> Response:
    return JSONResponse({"pid": os.getpid()})


async def _misbehave() -> None:
    """The canaries, by the request: what each does is what the soak is there to see."""
    match CANARY:
        case "memory":
            _hoard.append(bytes(4096))
        case "descriptors":
            _hoard.append(os.open("/dev/null", os.O_RDONLY))
        case "latency":
            _hoard.append(None)
            time.sleep(len(_hoard) * 2e-7)  # noqa: ASYNC251  # it blocks the loop, a little longer each time
        case "log" if not _hoard:
            stranger = sqlite3.connect(FOLDER / "jobs.db")
            stranger.execute("BEGIN")
            stranger.execute("SELECT count(*) FROM jobs").fetchone()  # a reader that never ends keeps the log from beginning anew
            _hoard.append(stranger)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    watching = asyncio.create_task(gauges.watch_the_loop())
    async with jobs.running(app):
        yield
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching


app = Starlette(
    routes=[
        Route("/ping", ping),
        Route("/sample", sample),
        Route("/enqueue/{task}/{number}", enqueue, methods=["POST"]),
        Route("/result/{number}", result, methods=["POST"]),
        Route("/burst/{count}", burst, methods=["POST"]),
        Route("/cancel/{id}", cancel, methods=["POST"]),
        Route("/pause", pause, methods=["POST"]),
        Route("/resume", resume, methods=["POST"]),
        Mount("/jobs", jobs.web()),
    ],
    lifespan=lifespan,
)
