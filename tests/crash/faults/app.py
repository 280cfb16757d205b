"""The app of the faults: tasks that misbehave, callers that are told why, and a page that has nothing to do with jobs."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from asyncjobs import Jobs
from asyncjobs.errors import AsyncJobsError
from tests.crash.faults import controls
from tests.crash.faults.ledger import OpenLedger
from tests.crash.faults.tasks import Tasks

FOLDER = Path(os.environ["CRASH_DATA"])
ledger = OpenLedger(FOLDER)
clock = controls.SteppedClock(seconds=float(os.environ.get("FAULTS_CLOCK", "0")))
controls.set_constants(json.loads(os.environ.get("FAULTS_CONSTANTS", "{}")))
if full := os.environ.get("FAULTS_FULL"):
    controls.fill(Path(full))
if os.environ.get("FAULTS_LIMITED"):
    controls.refuse_to_open()
jobs = Jobs(
    os.environ.get("FAULTS_DATABASE", FOLDER / "jobs.db"),
    queues={"default": 20, "one": 1, "two": 1},
    shutdown_timeout=float(os.environ.get("FAULTS_SHUTDOWN", "4")),
    clock=clock,
)
tasks = Tasks(jobs, ledger)
control = controls.Controls(jobs, clock, ledger)
waiting = 0  # handlers that await enqueue at this moment
slow = 0  # clients whose answer does not come


async def ping(request: Request) -> Response:
    """The rest of the app: knows nothing of jobs."""
    return JSONResponse({"pid": os.getpid()})


async def enqueue(request: Request) -> Response:
    arguments = json.loads(await request.body() or b"{}")
    task = tasks.named(request.path_params["task"])
    delay = request.query_params.get("delay")
    return await _enqueued(task.options(delay=float(delay)) if delay else task, arguments)


async def enqueue_huge(request: Request) -> Response:
    """The arguments are made here: what they cost on the network is not the question."""
    return await _enqueued(tasks.named("takes"), {"text": "x" * (int(request.path_params["megabytes"]) << 20)})


async def _enqueued(task: object, arguments: dict[str, object]) -> Response:
    """202 and the id, or 503 and what the caller of enqueue was told."""
    global waiting
    waiting += 1
    try:
        handle = await jobs.enqueue(task, **arguments)  # type: ignore[call-overload]
    except AsyncJobsError as error:
        return JSONResponse({"error": type(error).__name__, "message": str(error)}, 503)
    finally:
        waiting -= 1
    ledger.write("ack", handle.id)
    return JSONResponse({"id": handle.id}, 202)


async def enqueue_while_wanted(request: Request) -> Response:
    """A handler that drops what it does when its client goes away, in the middle of an enqueue."""
    response = Response(status_code=499)
    arguments = json.loads(await request.body())

    async def drop() -> None:
        while not await request.is_disconnected():
            await anyio.sleep(0.01)
        ledger.write("dropped", arguments["n"])
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(drop)
        response = await _enqueued(tasks.named("work"), arguments)
        group.cancel_scope.cancel()
    return response


async def callers(request: Request) -> Response:
    return JSONResponse({"waiting": waiting, "slow": slow})


async def state(request: Request) -> Response:
    job = await jobs.get(request.path_params["id"])
    if job is None:
        raise HTTPException(404)
    return JSONResponse(
        {
            "state": job.state, "attempt": job.attempt, "crashes": job.crashes, "result": job.result is not None,
            "error": [job.error.type, job.error.message] if job.error else None,
            "outcomes": [record.outcome for record in job.attempts],
        }
    )  # fmt: skip


async def release(request: Request) -> Response:
    """Let every job that holds go on."""
    tasks.go_on.set()
    return Response(status_code=204)


async def slots(request: Request) -> Response:
    return JSONResponse({queue: [one.busy, one.limit, one.stuck] for queue, one in jobs.slots.items()})


async def do(request: Request) -> Response:
    """Break something, or mend it."""
    answer = control.do(request.path_params["what"], **json.loads(await request.body() or b"{}"))
    return JSONResponse(await answer if asyncio.iscoroutine(answer) else answer)


async def slowly(request: Request) -> Response:
    """A client that stays: its answer does not come."""
    global slow
    slow += 1
    try:
        await asyncio.sleep(3600)
    finally:
        slow -= 1
    return PlainTextResponse("late")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with jobs.running(app):
        ledger.write("up", os.getpid())
        yield


app = Starlette(
    routes=[
        Route("/ping", ping),
        Route("/slowly", slowly),
        Route("/enqueue/{task}", enqueue, methods=["POST"]),
        Route("/enqueue-huge/{megabytes}", enqueue_huge, methods=["POST"]),
        Route("/enqueue-while-wanted", enqueue_while_wanted, methods=["POST"]),
        Route("/callers", callers),
        Route("/state/{id}", state),
        Route("/release", release, methods=["POST"]),
        Route("/slots", slots),
        Route("/do/{what}", do, methods=["POST"]),
        Mount("/jobs", jobs.web()),
    ],
    lifespan=lifespan,
)
