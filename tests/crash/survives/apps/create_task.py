"""`asyncio.create_task` in the handler, its result kept until it is done, as asyncio's documentation says."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from tests.crash.survives.apps.shape import accepted, app_of, do

_running: set[asyncio.Task[None]] = set()


async def _accept(name: str) -> Response:
    task = asyncio.create_task(do(name))
    _running.add(task)
    task.add_done_callback(_running.discard)
    return accepted()


app = app_of(_accept)
