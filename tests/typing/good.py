"""Calls that must be accepted, with the types that must be inferred. Checked by mypy --strict in test_typing.py, never run."""

from datetime import timedelta
from typing import Literal, assert_type

from fastapi.security import HTTPBearer
from starlette.requests import Request

from asyncjobs import Call, JobContext, JobHandle, Jobs, Retry, Task
from asyncjobs.web.auth import Answer

jobs = Jobs("jobs.db")


@jobs.task
async def welcome(user_id: int, *, loud: bool = False) -> str:
    return str(user_id)


@jobs.task(queue="mail", retry=Retry(attempts=8), timeout=timedelta(seconds=30))
async def report(ctx: JobContext, rows: int) -> dict[str, int]:
    return {"rows": rows + ctx.attempt}


@jobs.task
def thumbnail(photo: int, size: int = 64) -> bytes:
    return bytes(photo + size)


@jobs.task(survives="crash")
def shrink(ctx: JobContext, photo: int) -> float:
    return photo / ctx.attempt


@jobs.task
async def nothing() -> None: ...


@jobs.cron("0 9 * * mon-fri", tz="Europe/Berlin")
async def morning(ctx: JobContext, rows: int = 3) -> str:
    return str(rows)


@jobs.every(minutes=5, jitter=timedelta(seconds=10))
@jobs.task(queue="mail")
def sweep() -> int:
    return 1


async def main() -> None:
    assert_type(await jobs.enqueue(welcome, 7), JobHandle[str])
    assert_type(await jobs.enqueue(welcome, user_id=7, loud=True), JobHandle[str])
    assert_type(await welcome.enqueue(7), JobHandle[str])
    assert_type(await welcome.options(delay=60, unique="welcome:7").enqueue(7), JobHandle[str])
    assert_type(await jobs.enqueue(welcome.options(priority=0), 7), JobHandle[str])
    assert_type(await (await jobs.enqueue(welcome, 7)).result(timeout=1), str)
    assert_type(await jobs.enqueue(report, 7), JobHandle[dict[str, int]])  # the context is not asked for
    assert_type(await report.enqueue(rows=7), JobHandle[dict[str, int]])
    assert_type(await jobs.enqueue(thumbnail, 7, size=3), JobHandle[bytes])
    assert_type(await shrink.enqueue(7), JobHandle[float])
    assert_type(await jobs.enqueue(nothing), JobHandle[None])
    assert_type(welcome.call(7), Call[str])
    await jobs.enqueue_many([welcome.call(7), report.options(delay=5).call(3)])
    assert_type(await welcome(7), str)  # still the function
    assert_type(thumbnail(7), bytes)
    assert_type(shrink(7), float)
    await jobs.enqueue("mail.send", 1, any="thing")  # by name nothing is known
    assert_type(await morning.enqueue(rows=7), JobHandle[str])
    assert_type(sweep(), int)
    assert_type(await sweep.enqueue(), JobHandle[int])
    await jobs.schedules.add("report 7", report.call(7), cron="@daily")
    assert_type(jobs.from_thread.enqueue(welcome, 7), JobHandle[str])


def takes_task(task: Task[[int], object, str]) -> None: ...


def may_look(request: Request) -> Literal["read"] | None:
    return "read" if "x-admin-key" in request.headers else None


async def may_act(request: Request) -> tuple[Literal["read", "act"], str] | None:
    return ("act", "ada") if await HTTPBearer()(request) else None


def may_do_some(request: Request) -> set[str] | tuple[frozenset[str], str]:
    return {"retry", "cancel"} if request.client else (frozenset({"retry"}), "ada")


async def may_do_what_it_says(request: Request) -> Answer:
    if not request.user.is_authenticated:
        return None
    return ("act" if "jobs" in request.auth.scopes else "read", request.user.display_name)


class Door:
    async def __call__(self, request: Request) -> Answer:
        return {"retry"}, "ada"


jobs.web()
jobs.web(auth="local")
jobs.web(auth="basic", redact=["email"])
jobs.web(auth=may_look)
jobs.web(auth=may_act)
jobs.web(auth=may_do_some)
jobs.web(auth=may_do_what_it_says)
jobs.web(auth=Door())
jobs.web(auth=lambda request: ("act", request.user.display_name) if request.user.is_authenticated else None)
jobs.web(auth=lambda request: {"retry", "cancel"})
