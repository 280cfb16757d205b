"""What the app's other handlers feel of us: one that does nothing, asked at a steady pace, while jobs run and while none do."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack

from tests.bench import load
from tests.bench.files import Files, Kind
from tests.bench.mark import Either, at_most
from tests.bench.pairs import percentile
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.server import Server

PACE = 200.0  # requests a second; an app of this size serves some thousands
BAR = Either((at_most(2.0, "ratio"), at_most(5.0, "excess")))
STILL = 0.1  # seconds within which a runner that drains begins a job
Run = dict[str, list[float]]  # by server, the latencies of one slice in ms


def measure(scale: Scale, files: Files) -> list[Row]:
    servers = {"none": Server(None), "idle": Server(files.new()), "draining": Server(files.of(Kind.QUEUED, scale.many))}
    with ExitStack() as stack:
        for server in servers.values():
            stack.enter_context(server)
        servers["draining"].post("/pause")
        for server in servers.values():
            _asked(server, scale.loaded / 3)  # warm
        runs = [{name: _slice(name, server, scale.loaded) for name, server in servers.items()} for _ in range(scale.runs)]
    return [
        _row(runs, "draining", 0.5, "a handler that does nothing, while jobs run, p50"),
        _row(runs, "draining", 0.99, "a handler that does nothing, while jobs run, p99"),
        _row(runs, "idle", 0.5, "a handler that does nothing, idle runner, p50"),
        _row(runs, "idle", 0.99, "a handler that does nothing, idle runner, p99"),
    ]


def _slice(name: str, server: Server, seconds: float) -> list[float]:
    """Milliseconds. Raises RuntimeError where the runner had nothing left to do at the end."""
    if name != "draining":
        return _asked(server, seconds)
    server.post("/resume")
    latencies = _asked(server, seconds)
    at_end = server.post("/facts")["ran"]
    time.sleep(STILL)
    if server.post("/facts")["ran"] == at_end:
        raise RuntimeError("no jobs ran beside the handler any more: too few were queued")
    server.post("/pause")
    return latencies


def _asked(server: Server, seconds: float) -> list[float]:
    return [latency * 1e3 for latency in asyncio.run(load.paced(server.port, "/noop", seconds, PACE))]


def _row(runs: list[Run], which: str, fraction: float, what: str) -> Row:
    at = {name: [percentile(run[name], fraction) for run in runs] for name in ("none", which)}
    return Row(
        f"neighbours.{which}-p{fraction * 100:g}", what, "ms", at[which], at["none"],
        bars=[BAR] if fraction > 0.5 else [], note=f"{PACE:g} requests/s", beside="no runner",
    )  # fmt: skip
