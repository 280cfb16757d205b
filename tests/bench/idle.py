"""What an idle runner takes of a core, beside the same app without us. Linux only, as /proc is."""

from __future__ import annotations

import time

from tests.bench.files import Files
from tests.bench.mark import at_most
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.server import Server

BAR = 0.3  # % of a core
SETTLED = 1.0  # seconds after the start


def measure(scale: Scale, files: Files) -> list[Row]:
    with Server(files.new()) as ours, Server(None) as without:
        time.sleep(SETTLED)
        runs = [_shares([ours, without], scale.watched) for _ in range(scale.runs)]
    return [
        Row(
            "idle", "idle app, of a core", "%", [a for a, _ in runs], [b for _, b in runs], bars=[at_most(BAR, "excess")],
            beside="without us",
        )
    ]  # fmt: skip


def _shares(servers: list[Server], seconds: float) -> list[float]:
    """Percent of a core that each takes, in the same seconds."""
    before = [server.cpu() for server in servers]
    began = time.perf_counter()
    time.sleep(seconds)
    took = time.perf_counter() - began
    return [(server.cpu() - then) / took * 100 for server, then in zip(servers, before, strict=True)]
