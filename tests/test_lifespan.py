"""The three ways into an app, in Starlette and FastAPI, and what happens without any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from asyncjobs import AlreadyStarted, JobContext, Jobs, NotStarted

Build = Callable[..., Any]


def new_jobs(folder: Path, name: str = "jobs.db") -> Jobs:
    jobs = Jobs(folder / name)

    @jobs.task(name="double")
    async def double(n: int) -> int:
        return 2 * n

    return jobs


def build(kind: type[Starlette], jobs: Jobs, lifespan: Any) -> Starlette:
    """An app with one handler that enqueues and waits for the result."""
    app = kind(lifespan=lifespan)

    async def handler(request: Request) -> JSONResponse:
        handle = await jobs.enqueue("double", int(request.query_params["n"]))
        return JSONResponse({"result": await handle.result(timeout=10), "state": dict(request.state._state)})

    app.add_route("/double", handler, methods=["POST"])
    app.mount("/jobs", jobs.web())
    return app


both = pytest.mark.parametrize("kind", [Starlette, FastAPI])


@both
def test_jobs_lifespan(tmp_path: Path, kind: type[Starlette]) -> None:
    jobs = new_jobs(tmp_path)
    with TestClient(build(kind, jobs, jobs.lifespan)) as client:
        assert client.post("/double?n=4").json()["result"] == 8
        assert client.get("/jobs/health").status_code == 200


@both
def test_running_inside_ones_own_lifespan(tmp_path: Path, kind: type[Starlette]) -> None:
    jobs = new_jobs(tmp_path)

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        async with jobs.running(app):
            yield {"pool": "open"}

    with TestClient(build(kind, jobs, lifespan)) as client:
        assert client.post("/double?n=4").json() == {"result": 8, "state": {"pool": "open"}}


@both
def test_wrap_runs_inside_and_hands_the_state_on(tmp_path: Path, kind: type[Starlette]) -> None:
    jobs = new_jobs(tmp_path)
    order = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        order.append(("open", jobs.started))
        yield {"pool": "open"}
        order.append(("close", jobs.started))

    with TestClient(build(kind, jobs, jobs.wrap(lifespan))) as client:
        assert client.post("/double?n=4").json() == {"result": 8, "state": {"pool": "open"}}
    assert order == [("open", False), ("close", False)]


def test_one_jobs_starts_again_on_another_loop(tmp_path: Path) -> None:
    jobs = new_jobs(tmp_path)
    app = build(FastAPI, jobs, jobs.lifespan)
    for n in (1, 2, 3):
        with TestClient(app) as client:
            assert client.post(f"/double?n={n}").json()["result"] == 2 * n


def test_two_jobs_in_one_app_keep_apart(tmp_path: Path) -> None:
    first, second = new_jobs(tmp_path, "a.db"), new_jobs(tmp_path, "b.db")
    app = build(FastAPI, first, first.wrap(second.lifespan))
    app.mount("/other", second.web())

    async def other(request: Request) -> JSONResponse:
        handle = await second.enqueue("double", 21)
        return JSONResponse(await handle.result(timeout=10))

    app.add_route("/more", other)
    with TestClient(app, base_url="http://localhost", client=("127.0.0.1", 50000)) as client:
        assert client.post("/double?n=4").json()["result"] == 8
        assert client.get("/more").json() == 42
        assert client.get("/jobs/stats").json()["succeeded"] == 1
        assert client.get("/other/stats").json()["succeeded"] == 1


def test_starting_twice_is_refused(tmp_path: Path) -> None:
    jobs = new_jobs(tmp_path)

    async def main() -> None:
        async with jobs.running():
            with pytest.raises(AlreadyStarted, match="already running"):
                async with jobs.running():
                    pass
            assert await (await jobs.enqueue("double", 1)).result(timeout=10) == 2

    asyncio.run(main())


@pytest.mark.parametrize("way", ["sub-app", "TestClient without with", "ASGITransport"])
async def test_enqueueing_without_a_lifespan_names_the_usual_causes(tmp_path: Path, way: str) -> None:
    jobs = new_jobs(tmp_path)
    app = build(FastAPI, jobs, jobs.lifespan)
    if way == "sub-app":
        outer = Starlette()
        outer.mount("/sub", app)
        app = outer
    path = "/sub/double?n=1" if way == "sub-app" else "/double?n=1"

    async def ask() -> None:
        if way == "TestClient without with":
            await asyncio.to_thread(TestClient(app).post, path)
            return
        async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
            await client.post(path)

    with pytest.raises(NotStarted, match=way.split()[0]):
        await ask()


async def test_a_lifespan_that_fails_to_start_leaves_nothing_behind(tmp_path: Path) -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[dict[str, Any]]:
        raise ConnectionError("no pool")
        yield {}

    jobs = Jobs(tmp_path / "jobs.db", resources=broken)
    with pytest.raises(ConnectionError, match="no pool"):
        async with jobs.running():
            pass
    assert not jobs.started
    with pytest.raises(NotStarted):
        await jobs.stats()


async def test_resources_are_the_jobs_state_and_are_closed_after_the_last_job(tmp_path: Path) -> None:
    order: list[object] = []

    @asynccontextmanager
    async def pool() -> AsyncIterator[dict[str, str]]:
        yield {"pool": "the pool"}
        order.append("closed")

    jobs = Jobs(tmp_path / "jobs.db", resources=pool)

    @jobs.task
    async def use(ctx: JobContext) -> None:
        await asyncio.sleep(0)
        order.append(ctx.state["pool"])

    async with jobs.running():
        await (await jobs.enqueue(use)).result(timeout=10)
    assert order == ["the pool", "closed"]


async def test_a_script_enqueues_without_running(tmp_path: Path) -> None:
    jobs = new_jobs(tmp_path)
    async with jobs.running(work=()):
        handle = await jobs.enqueue("double", 3)
    async with jobs.running():
        assert await (await jobs.enqueue("double", 4)).result(timeout=10) == 8
        job = await jobs.get(handle.id)
        assert job is not None
        assert await handle.result(timeout=10) == 6
