"""Durable enqueues a second, beside the same rows committed bare."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable

from tests.bench.bare import Bare
from tests.bench.files import Files
from tests.bench.mark import at_least
from tests.bench.ours import Ours
from tests.bench.pairs import alternate
from tests.bench.rate import Rate
from tests.bench.row import Row, rates_row
from tests.bench.scale import Scale

CALLERS = 64


def measure(scale: Scale, files: Files) -> list[Row]:
    ours, bare = Ours(files.empty()), Bare(files.empty(), files.row)
    seconds = scale.seconds

    def through(slice: Callable[[], Awaitable[Rate]]) -> Callable[[], Rate]:
        async def started() -> Rate:
            async with ours.enqueueing():
                return await slice()

        return lambda: asyncio.run(started())

    one = alternate(scale.pairs, through(lambda: ours.enqueue(seconds, 1)), lambda: asyncio.run(bare.one_caller(seconds)))
    group = alternate(
        scale.pairs,
        through(lambda: ours.enqueue(seconds, CALLERS)),
        lambda: asyncio.run(bare.group_commit(seconds, CALLERS)),
    )
    many = alternate(scale.pairs, through(lambda: ours.enqueue_many(seconds)), lambda: bare.batches(seconds))
    gain = statistics.median(rate.a_second for rate, _ in group) / statistics.median(rate.a_second for rate, _ in one)
    return [
        rates_row("enqueue.one", "enqueue, one caller", one, [at_least(0.7, "ratio")], [at_least(0.9, "ratio")]),
        rates_row(
            "enqueue.64", "enqueue, 64 callers", group, [at_least(0.35, "ratio")], [at_least(0.6, "ratio")],
            note=f"{gain:.1f} × one caller's rate",
        ),
        rates_row("enqueue.many", "enqueue_many, 1,000 each", many, [at_least(0.35, "ratio")], [at_least(0.5, "ratio")]),
    ]  # fmt: skip
