"""Where a running job is at this moment."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from types import coroutine

import pytest

from asyncjobs import JobContext, Jobs, NotStarted

GO = asyncio.Event()


async def _waits() -> None:
    await GO.wait()


async def _in_a_task() -> None:
    await asyncio.create_task(_waits())


async def _in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_waits())


@coroutine
def _generator() -> Iterator[object]:
    yield from GO.wait().__await__()


async def _items() -> AsyncIterator[int]:
    await GO.wait()
    yield 1


async def _in_a_loop() -> None:
    async for _ in _items():
        pass


async def _far_down(depth: int) -> None:
    await (_far_down(depth - 1) if depth else _waits())


def functions(told: str | None) -> list[str]:
    """Of the lines that are told; those of the standard library left out."""
    assert told is not None
    return re.findall(rf'File "{re.escape(__file__)}", line \d+, in (\w+)', told)


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (_waits, ["task", "_waits"]), (_in_a_task, ["task", "_in_a_task", "_waits"]), (_in_a_group, ["task", "_in_a_group"]),
        (_generator, ["task", "_generator"]), (_in_a_loop, ["task", "_in_a_loop"]),
    ],
)  # fmt: skip
async def test_a_job_is_where_it_waits(inner: object, expected: list[str]) -> None:
    global GO
    GO = asyncio.Event()
    jobs = Jobs("memory:")

    @jobs.task
    async def task() -> None:
        begun.set()
        await inner()  # type: ignore[operator]

    begun = asyncio.Event()
    async with jobs.running():
        handle = await jobs.enqueue(task)
        await begun.wait()
        await asyncio.sleep(0)  # the task inside has to come to its own wait
        assert functions(jobs.whereabouts(handle.id)) == expected
        GO.set()
        await handle.result(timeout=5)
        assert jobs.whereabouts(handle.id) is None


async def test_of_a_job_that_is_far_down_the_innermost_lines_are_told() -> None:
    global GO
    GO = asyncio.Event()
    jobs = Jobs("memory:")

    @jobs.task
    async def task() -> None:
        begun.set()
        await _far_down(60)

    begun = asyncio.Event()
    async with jobs.running():
        handle = await jobs.enqueue(task)
        await begun.wait()
        assert functions(jobs.whereabouts(handle.id))[-2:] == ["_far_down", "_waits"]
        assert len(functions(jobs.whereabouts(handle.id))) < 60
        GO.set()
        await handle.result(timeout=5)


async def test_a_job_in_a_thread_is_where_its_thread_is() -> None:
    jobs = Jobs("memory:")
    begun, go = threading.Event(), threading.Event()

    def inner() -> None:
        begun.set()
        go.wait(5)

    @jobs.task
    def task(ctx: JobContext) -> None:
        inner()

    async with jobs.running():
        handle = await jobs.enqueue(task)
        await asyncio.to_thread(begun.wait, 5)
        assert functions(jobs.whereabouts(handle.id)) == ["task", "inner"]
        go.set()
        await handle.result(timeout=5)


async def test_what_does_not_run_here_is_nowhere() -> None:
    jobs = Jobs("memory:")
    with pytest.raises(NotStarted):
        jobs.whereabouts("a")
    async with jobs.running():
        assert jobs.whereabouts("a") is None
