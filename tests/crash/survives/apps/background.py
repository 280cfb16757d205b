"""Starlette's `BackgroundTasks`."""

from __future__ import annotations

from starlette.background import BackgroundTasks
from starlette.responses import Response

from tests.crash.survives.apps.shape import accepted, app_of, do


async def _accept(name: str) -> Response:
    tasks = BackgroundTasks()
    tasks.add_task(do, name)
    return accepted(background=tasks)


app = app_of(_accept)
