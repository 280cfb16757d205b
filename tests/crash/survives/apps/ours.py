"""asyncjobs with its defaults."""

from __future__ import annotations

from starlette.responses import Response

from asyncjobs import Jobs
from tests.crash.survives.apps.shape import FOLDER, accepted, app_of, do

jobs = Jobs(FOLDER / "jobs.db")


@jobs.task
async def work(name: str) -> None:
    await do(name)


async def _accept(name: str) -> Response:
    await jobs.enqueue(work, name)
    return accepted()


app = app_of(_accept, lifespan=jobs.lifespan)
