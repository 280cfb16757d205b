"""huey on SQLite with its defaults; the consumer is a process of its own."""

from __future__ import annotations

from huey import SqliteHuey  # type: ignore[import-not-found,import-untyped,unused-ignore]
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tests.crash.survives.apps.shape import FOLDER, accepted, app_of, do_in_thread

huey = SqliteHuey(filename=str(FOLDER / "huey.db"))


@huey.task()  # type: ignore[untyped-decorator,unused-ignore]
def work(name: str) -> None:
    do_in_thread(name)


async def _accept(name: str) -> Response:
    await run_in_threadpool(work, name)  # it writes to the disk
    return accepted()


app = app_of(_accept)
