"""One life of the app: a real server with real callers, in a process that was forked for it and will be killed."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from asyncjobs import Jobs
from asyncjobs.job import State
from asyncjobs.store.base import JobQuery
from tests.crash.kills import canaries, inside
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.ledger import Ledger
from tests.crash.kills.load import Load
from tests.crash.kills.order import SLOTS, Order
from tests.crash.kills.points import Trap
from tests.crash.kills.tasks import tasks_of
from tests.crash.kills.watched import WatchedStore


def live(order: Order, gauge: Gauge, listener: socket.socket) -> None:
    """Serve until killed or told to stop. For a process of its own: it replaces methods of the library."""
    logging.getLogger("asyncjobs.attempt").setLevel(logging.CRITICAL)  # thousands of failures are the point here
    logging.getLogger("asyncjobs.runner").setLevel(logging.ERROR)
    trap = Trap(order.arm, gauge)
    inside.hasten()
    inside.watch_slots(gauge)
    inside.reach_runner(trap)
    inside.reach_liveness(trap)
    inside.reach_writer(trap, gauge)
    canaries.break_something(order.canary)
    config = uvicorn.Config(_app(order, gauge, trap), log_level="warning", access_log=False, lifespan="on", loop="asyncio")
    uvicorn.Server(config).run(sockets=[listener])


def _app(order: Order, gauge: Gauge, trap: Trap) -> Starlette:
    ledger = Ledger(order.folder)
    jobs = Jobs(order.folder / "jobs.db", queues=SLOTS, shutdown_timeout=order.shutdown_timeout)
    store = WatchedStore(jobs._store, ledger, gauge, trap, echo=order.echo)
    jobs._store = store
    load = Load(jobs, jobs._store, tasks_of(jobs, ledger, gauge, order), ledger, gauge, order)

    async def begin(_: Request) -> Response:
        await load.begin()
        return JSONResponse({"pid": os.getpid()})

    async def left(_: Request) -> Response:
        """How much is not over: jobs that have not ended (counted so far), runners that are remembered beside this one."""
        for job in (await jobs.list(state=State.QUEUED, task="dross", limit=1000)).jobs:
            await load.discard(job.id)
        unfinished = [job for state in (State.QUEUED, State.RUNNING) for job in (await jobs.list(state=state, limit=1000)).jobs]
        runners = (await jobs._store.stats(now=jobs._clock.now())).runners
        return JSONResponse({"jobs": len(unfinished), "runners": len(runners) - 1})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with jobs.running(app):
            running = await jobs._store.page(JobQuery(State.RUNNING), limit=10_000)
            assert jobs._life is not None
            assert jobs._life.runner is not None
            runner = jobs._life.runner.info.id
            # On a slow day the first claim, 50 ms later, comes before that answer: what runs here is no dead process's.
            ledger.up(order.life, runner, sum(SLOTS.values()), sum(job.runner != runner for job in running.jobs))
            store.starting = False
            yield

    return Starlette(routes=[Route("/begin", begin, methods=["POST"]), Route("/left", left)], lifespan=lifespan)
