"""The app that is measured, under uvicorn, in a process of its own: `python -m tests.bench.app PORT [DATABASE]`.

Without a database it is the same app without us.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("database", type=Path, nargs="?")
    options = parser.parse_args()
    app = with_jobs(options.database) if options.database else Starlette(routes=[_plain()])
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


def _plain() -> Route:
    async def noop(request: Request) -> Response:
        return JSONResponse({"ok": True}, 202)

    return Route("/noop", noop, methods=["POST"])


def with_jobs(database: Path) -> Starlette:
    from asyncjobs import Jobs  # the app without us must not have it in memory
    from tests.bench.files import QUEUE, TASK
    from tests.bench.ours import LIMIT

    jobs = Jobs(database, queues={QUEUE: LIMIT})
    ran = 0

    @jobs.task(name=TASK)
    async def noop(n: int) -> None:
        nonlocal ran
        ran += 1

    async def enqueue(request: Request) -> Response:
        job = await jobs.enqueue(noop, n=1)
        return JSONResponse({"job": job.id}, 202)

    async def facts(request: Request) -> Response:
        told = {"ran": ran, "cpu": time.process_time(), "pages": list(pages)}
        pages.clear()
        return JSONResponse(told)

    web, pages = jobs.web(), list[dict[str, float]]()

    async def timed(scope: Scope, receive: Receive, send: Send) -> None:
        """The page; how long it took on the clock, and of this thread's processor (others have their turn while it waits)."""
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        began, busy = time.perf_counter(), time.thread_time()
        await web(scope, receive, noting)
        took, cpu = time.perf_counter() - began, time.thread_time() - busy
        pages.append({"ms": took * 1e3, "cpu": cpu * 1e3, "status": status})

    async def pause(request: Request) -> Response:
        await jobs.pause(QUEUE)
        return JSONResponse({})

    async def resume(request: Request) -> Response:
        await jobs.resume(QUEUE)
        return JSONResponse({})

    routes: list[BaseRoute] = [
        _plain(),
        Route("/job", enqueue, methods=["POST"]),
        Route("/facts", facts, methods=["POST"]),
        Route("/pause", pause, methods=["POST"]),
        Route("/resume", resume, methods=["POST"]),
        Mount("/jobs", timed),
    ]
    return Starlette(routes=routes, lifespan=jobs.lifespan)


if __name__ == "__main__":
    main()
