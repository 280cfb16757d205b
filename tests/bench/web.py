"""A loaded app: 64 connections post to a handler that enqueues, while the jobs run in the same process and loop."""

from __future__ import annotations

import asyncio
import statistics
import time

from tests.bench import load
from tests.bench.files import Files
from tests.bench.mark import at_least
from tests.bench.pairs import alternate
from tests.bench.rate import Rate
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.server import Server

CONNECTIONS = 64
GRACE = 2.0  # seconds after the end of the load in which all that was accepted has to have run


def measure(scale: Scale, files: Files) -> list[Row]:
    with Server(files.new()) as server:
        _asked(server, "/noop", scale.loaded / 3)  # warm
        pairs = alternate(scale.runs, lambda: _loaded(server, scale.loaded), lambda: _asked(server, "/noop", scale.loaded))
    loaded = [one for one, _ in pairs]
    noops = [noop for _, noop in pairs]
    client = max(rate.cpu / rate.seconds for rate in noops)
    asked = [rate.a_second for rate, _, _ in loaded]
    jobs = [float(ran) for _, ran, _ in loaded]
    return [
        Row(
            "web.requests", f"web app that enqueues, {CONNECTIONS} connections", "/s", asked, [noop.a_second for noop in noops],
            statistics.median(cpu / rate.count * 1e6 for rate, _, cpu in loaded), [at_least(0.35, "ratio")], [at_least(0.5, "ratio")],
            note=f"the client took {client:.0%} of a core", beside="no enqueue",
        ),
        Row(
            "web.ran", f"of those, jobs run {GRACE:g} s after the last", "", jobs, [float(rate.count) for rate, _, _ in loaded],
            bars=[at_least(1.0, "ratio")], beside="accepted",
        ),
    ]  # fmt: skip


def _asked(server: Server, path: str, seconds: float) -> Rate:
    return asyncio.run(load.closed(server.port, path, seconds, CONNECTIONS))


def _loaded(server: Server, seconds: float) -> tuple[Rate, int, float]:
    """Requests accepted, how many of their jobs had run soon after, and the server's seconds of processor for both."""
    before = server.post("/facts")
    rate = _asked(server, "/job", seconds)
    time.sleep(GRACE)
    after = server.post("/facts")
    return rate, after["ran"] - before["ran"], after["cpu"] - before["cpu"]
