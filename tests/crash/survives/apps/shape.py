"""What the four apps share: the routes, and the work."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.crash.server import Ledger

FOLDER = Path(os.environ.get("CRASH_DATA", "."))
SHORTEST, LONGEST = 0.05, 0.3  # seconds that the work takes
AT_ONCE = 10  # pieces of work, where a contender has a limit: what `Jobs` has by default

_ledger = Ledger(FOLDER)

Accept = Callable[[str], Awaitable[Response]]


def app_of(accept: Accept, **options: Any) -> Starlette:
    """POST /work/NAME is answered once `accept` has taken that work."""

    async def work(request: Request) -> Response:
        return await accept(request.path_params["name"])

    async def ping(request: Request) -> Response:
        return JSONResponse({"pid": os.getpid()})

    return Starlette(routes=[Route("/work/{name}", work, methods=["POST"]), Route("/ping", ping)], **options)


def accepted(**options: Any) -> Response:
    return JSONResponse({"accepted": True}, 202, **options)


async def do(name: str) -> None:
    """The work, where it may await."""
    _begin(name)
    await asyncio.sleep(_seconds(name))
    _end(name)


def do_in_thread(name: str) -> None:
    """The work, where it may block."""
    _begin(name)
    time.sleep(_seconds(name))
    _end(name)


def _begin(name: str) -> None:
    _ledger.write("start", name, time.monotonic_ns())


def _end(name: str) -> None:
    _ledger.write("end", name, time.monotonic_ns())


def _seconds(name: str) -> float:
    """The same for every contender."""
    return random.Random(name).uniform(SHORTEST, LONGEST)
