"""Jobs that do nothing, run as fast as they go."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.bare import Bare
from tests.bench.files import Files
from tests.bench.mark import at_least, at_most
from tests.bench.ours import LIMIT, Ours
from tests.bench.pairs import alternate
from tests.bench.rate import Rate
from tests.bench.row import Row, rates_row
from tests.bench.scale import Scale


def measure(scale: Scale, files: Files) -> list[Row]:
    count = scale.drained
    pairs = alternate(
        max(scale.runs, scale.pairs // 2),
        lambda: asyncio.run(_drain(files.new(), count)),
        lambda: Bare(files.empty(), files.row).drain(count, LIMIT),
    )
    bars = [at_least(12_000), at_most(90, "cpu")]
    return [rates_row("drain", f"drain, {LIMIT} at once", pairs, bars, [at_least(20_000)])]


async def _drain(path: Path, count: int) -> Rate:
    ours = Ours(path)
    async with ours.enqueueing():
        await ours.fill(count)
    return await ours.drain(count)
