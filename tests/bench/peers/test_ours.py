"""asyncjobs goes through every workload, a few jobs long and in this process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from tests.bench.peers import adapters
from tests.bench.peers.adapter import Adapter
from tests.bench.peers.app import app
from tests.bench.peers.catalogue import chosen
from tests.bench.peers.order import Order
from tests.bench.peers.probe import PROBE
from tests.bench.peers.size import Size
from tests.bench.peers.workloads import WORKLOADS, Workload, deep_queue, empty_queue

TINY = Size(jobs=20, seconds=0.02, callers=4, samples=2, budget=0.1, depth=50, settle=0.0)
(OURS,) = chosen(["asyncjobs"])


@pytest.fixture
def ours(tmp_path: Path) -> Adapter:
    return adapters.load(Order(OURS.adapter, OURS.concurrency, OURS.settings, str(tmp_path), "w1", TINY))


@pytest.mark.parametrize("workload", [*WORKLOADS.values(), empty_queue, deep_queue])
async def test_each_workload_gives_its_figures(ours: Adapter, workload: Workload) -> None:
    figures = await workload(ours, TINY)
    assert figures
    assert all(value > 0 for name, value in figures.items() if name != "depth"), figures


async def test_a_drain_runs_each_job_once(ours: Adapter) -> None:
    assert (await WORKLOADS["w3"](ours, TINY))["ran"] == TINY.jobs


async def test_what_is_stored_is_unfinished_until_a_worker_has_recorded_its_end(ours: Adapter) -> None:
    await ours.open()
    await ours.fill(TINY.jobs)
    assert await ours.unfinished() > 0
    began = PROBE.expect(TINY.jobs)
    await ours.start_worker()
    await began
    while await ours.unfinished() > 0:
        await asyncio.sleep(0)
    await ours.stop_worker()


async def test_the_app_runs_the_jobs_that_it_accepts_while_its_lifespan_lasts(ours: Adapter) -> None:
    served = app(ours, embedded=True)
    async with served.router.lifespan_context(served), _client(served) as client:
        all_began = PROBE.expect(3)
        for _ in range(3):
            assert (await client.post("/job")).status_code == 202
        await all_began
        assert (await client.post("/noop")).status_code == 202
        assert (await client.get("/ran")).json() == {"ran": 3}


class Recording(Adapter):
    """Does nothing, and tells what it was asked for."""

    def __init__(self) -> None:
        super().__init__(1, {}, Path())
        self.asked: list[str] = []

    async def open(self) -> None:
        self.asked.append("open")

    async def close(self) -> None:
        self.asked.append("close")

    async def start_worker(self) -> None:
        self.asked.append("start_worker")

    async def stop_worker(self) -> None:
        self.asked.append("stop_worker")


@pytest.mark.parametrize(
    ("embedded", "asked"), [(True, ["open", "start_worker", "stop_worker", "close"]), (False, ["open", "close"])]
)
async def test_the_app_has_a_worker_only_where_it_is_embedded(embedded: bool, asked: list[str]) -> None:
    adapter = Recording()
    served = app(adapter, embedded=embedded)
    async with served.router.lifespan_context(served):
        pass
    assert adapter.asked == asked


def _client(served: Starlette) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=served), base_url="http://localhost")
