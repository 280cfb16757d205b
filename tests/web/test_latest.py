from __future__ import annotations

import asyncio
import logging
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from asyncjobs.errors import StoreUnavailable
from asyncjobs.stats import Snapshot
from asyncjobs.web.app import web_app
from asyncjobs.web.latest import Latest
from tests.web.fakes import FakeSource, FakeWatch


class SlowSource(FakeSource):
    """Reads until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = anyio.Event()
        self.let_go = anyio.Event()

    async def stats(self) -> Snapshot:
        self.reading.set()
        snapshot = await super().stats()
        await self.let_go.wait()
        return snapshot


async def test_one_reading_serves_everyone_for_a_second(browse: Any) -> None:
    source, clock = FakeSource(), FakeWatch()
    client = browse(web_app(source, clock=clock))
    await client.get("/stats")
    clock.seconds += 0.99
    await client.get("/stats", headers={"accept": "text/html"})
    assert source.reads == 1
    clock.seconds += 0.02
    await client.get("/stats")
    assert source.reads == 2


async def test_requests_at_the_same_time_share_one_reading(browse: Any) -> None:
    source = SlowSource()
    client = browse(web_app(source, clock=FakeWatch()))
    answers: list[int] = []

    async def get() -> None:
        answers.append((await client.get("/stats")).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(get)
        await anyio.wait_all_tasks_blocked()
        source.let_go.set()
    assert (source.reads, answers) == (1, [200] * 5)


async def test_a_reading_that_took_long_still_serves_those_who_waited_for_it() -> None:
    source, clock = SlowSource(), FakeWatch()
    latest = Latest(source, clock.monotonic)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(latest.get)
        await anyio.wait_all_tasks_blocked()
        clock.seconds += 30
        source.let_go.set()
    assert source.reads == 1


async def test_a_reader_that_is_cancelled_hands_its_turn_to_the_next() -> None:
    source = SlowSource()
    latest = Latest(source, FakeWatch().monotonic)
    first = asyncio.create_task(latest.get())
    second = asyncio.create_task(latest.get())
    await source.reading.wait()
    first.cancel()
    source.let_go.set()
    assert isinstance(await second, Snapshot)
    assert first.cancelled()


async def test_a_failed_reading_is_kept_no_longer_than_a_good_one(browse: Any) -> None:
    source, clock = FakeSource(), FakeWatch()
    good, source.answer = source.answer, StoreUnavailable("busy")
    client = browse(web_app(source, clock=clock))
    assert [(await client.get("/stats")).status_code for _ in range(3)] == [503] * 3
    assert source.reads == 1
    source.answer = good
    clock.seconds += 1.0
    assert (await client.get("/stats")).status_code == 200


async def test_a_jobs_that_was_stopped_is_known_at_once(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, clock=FakeWatch()))
    assert (await client.get("/stats")).status_code == 200
    source.started = False
    assert (await client.get("/stats")).status_code == 503


async def test_why_the_numbers_cannot_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeWatch()
    latest = Latest(FakeSource(StoreUnavailable("disk full")), clock.monotonic)
    with caplog.at_level(logging.WARNING, "asyncjobs.web"):
        for _ in range(3):
            await latest.get()
            clock.seconds += 2
    assert caplog.messages == ["the stats can't be read: disk full"]


def test_the_same_app_serves_on_one_event_loop_after_another() -> None:
    clock = FakeWatch()

    async def twice(latest: Latest, source: SlowSource) -> None:
        tasks = [asyncio.create_task(latest.get()) for _ in range(2)]  # the second waits, which ties a lock to its loop
        await source.reading.wait()
        await anyio.lowlevel.checkpoint()
        source.let_go.set()
        await asyncio.gather(*tasks)

    source = SlowSource()
    latest = Latest(source, clock.monotonic)
    asyncio.run(twice(latest, source))
    clock.seconds += 5
    source.reading, source.let_go = anyio.Event(), anyio.Event()
    asyncio.run(twice(latest, source))
    assert source.reads == 2
