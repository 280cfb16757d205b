"""From the call of enqueue to the first line of the job, in an idle process, beside one bare commit."""

from __future__ import annotations

import asyncio
import time

from tests.bench.bare import Bare
from tests.bench.files import Files
from tests.bench.mark import at_most
from tests.bench.ours import Ours
from tests.bench.pairs import percentile
from tests.bench.row import Row
from tests.bench.scale import Scale

PAUSE = 0.01  # seconds between samples: nothing of the one before is under way any more
WARM = 5  # samples before the first that counts


def measure(scale: Scale, files: Files) -> list[Row]:
    runs = [asyncio.run(_run(Ours(files.empty()), Bare(files.empty(), files.row), scale.samples)) for _ in range(scale.runs)]

    def at(fraction: float) -> tuple[list[float], list[float]]:
        ours, bare = zip(*[(percentile(ours, fraction), percentile(bare, fraction)) for ours, bare in runs], strict=True)
        return list(ours), list(bare)

    return [
        Row("latency.p50", "enqueue to first line, idle, p50", "ms", *at(0.5), bars=[at_most(0.8, "excess")]),
        Row("latency.p99", "enqueue to first line, idle, p99", "ms", *at(0.99)),
    ]


async def _run(ours: Ours, bare: Bare, samples: int) -> tuple[list[float], list[float]]:
    """Milliseconds, turn by turn."""
    starts, commits = [], []
    async with ours.jobs.running(), bare.committing() as connection:
        for row in bare.rows(WARM + samples):
            starts.append(await ours.start_latency() * 1e3)
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            await connection.execute(bare.insert, row)
            commits.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(PAUSE)
    return starts[WARM:], commits[WARM:]
