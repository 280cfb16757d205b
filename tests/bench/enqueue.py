"""Durable enqueues a second, beside the same rows committed bare."""

from __future__ import annotations

import asyncio
import statistics
from contextlib import AsyncExitStack, closing

import aiosqlite

from tests.bench.bare import Bare
from tests.bench.files import Files
from tests.bench.mark import at_least
from tests.bench.ours import Ours
from tests.bench.pairs import alternate
from tests.bench.row import Row, rates_row
from tests.bench.scale import Scale

CALLERS = 64


def measure(scale: Scale, files: Files) -> list[Row]:
    """Both sides live through all their slices, as an app does: a log that has just been made grows, and that syncs slower."""
    ours, bare = Ours(files.empty()), Bare(files.empty(), files.row)
    seconds = scale.seconds
    with asyncio.Runner() as loop, closing(bare.connect()) as connection:
        run = loop.run

        async def open_both() -> tuple[AsyncExitStack, aiosqlite.Connection]:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(ours.enqueueing())
                hopping = await stack.enter_async_context(bare.committing())
                return stack.pop_all(), hopping
            raise AssertionError("entered")

        both, hopping = run(open_both())
        one = alternate(
            scale.pairs, lambda: run(ours.enqueue(seconds, 1)), lambda: run(bare.one_caller(hopping, seconds)), warm=True
        )
        group = alternate(
            scale.pairs,
            lambda: run(ours.enqueue(seconds, CALLERS)),
            lambda: run(bare.group_commit(connection, seconds, CALLERS)),
            warm=True,
        )
        many = alternate(
            scale.pairs,
            lambda: run(ours.enqueue_many(seconds)),
            lambda: run(asyncio.to_thread(bare.batches, connection, seconds)),
            warm=True,
        )
        run(both.aclose())
    gain = statistics.median(rate.a_second for rate, _ in group) / statistics.median(rate.a_second for rate, _ in one)
    return [
        rates_row("enqueue.one", "enqueue, one caller", one, [at_least(0.7, "ratio")], [at_least(0.9, "ratio")]),
        rates_row(
            "enqueue.64", "enqueue, 64 callers", group, [at_least(0.35, "ratio")], [at_least(0.6, "ratio")],
            note=f"{gain:.1f} × one caller's rate",
        ),
        rates_row("enqueue.many", "enqueue_many, 1,000 each", many, [at_least(0.35, "ratio")], [at_least(0.5, "ratio")]),
    ]  # fmt: skip
