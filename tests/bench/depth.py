"""What jobs that are there already do to the ones that come: queued, finished, scheduled or held, up to a million."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from asyncjobs.clock import SystemClock
from tests.bench.enqueue import CALLERS
from tests.bench.files import Files, Kind
from tests.bench.latency import PAUSE, WARM
from tests.bench.mark import at_least, at_most
from tests.bench.ours import LIMIT, Ours
from tests.bench.pairs import alternate
from tests.bench.rate import Rate
from tests.bench.row import Row, rates_row
from tests.bench.scale import Scale

SHARE = 0.8  # of the empty figure


class AsOf(SystemClock):
    """Goes on from the moment at which a file was made.

    What has waited for minutes goes before a new job of the first priority: a step of priority is worth one minute. So a file
    that is used later must look new.
    """

    def __init__(self, made_at: float) -> None:
        super().__init__()
        self._behind = round((time.time() - made_at) * 1000)

    def now(self) -> int:
        return super().now() - self._behind


@dataclass(frozen=True, slots=True)
class Depth:
    """So many of a kind."""

    kind: Kind
    count: int

    def __str__(self) -> str:
        return f"{self.count:,} {self.kind}"

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.count}"


def measure(scale: Scale, files: Files) -> list[Row]:
    """The rows of one figure stand together."""
    depths = [Depth(Kind.QUEUED, count) for count in scale.depths]
    depths += [Depth(kind, scale.many) for kind in Kind if kind is not Kind.QUEUED]
    by_depth = []
    for depth in depths:
        by_depth.append(_Comparison(depth, scale, files).rows())
        if depth.kind is not Kind.QUEUED and depth.kind is not Kind.SCHEDULED:  # those are wanted again, by others
            files.drop(depth.kind, depth.count)
    return [row for of_figure in zip(*by_depth, strict=True) for row in of_figure]


class _Comparison:
    """Each figure at some depth, beside the same on a file that has little more than what is measured."""

    def __init__(self, depth: Depth, scale: Scale, files: Files) -> None:
        self._depth = depth
        self._scale = scale
        self._files = files
        self._little = min(scale.drained, depth.count) // 2  # jobs of one drain
        self._copy = files.of(depth.kind, depth.count)
        self._is_kept = depth.count == scale.many  # what is used of a million is little; a smaller file is copied for each use
        files.of(Kind.QUEUED, self._little)
        self._clock = AsOf(files.made_at(depth.kind, depth.count))
        self._clock_of_little = AsOf(files.made_at(Kind.QUEUED, self._little))

    def rows(self) -> list[Row]:
        return [
            self._enqueues("depth.one", "enqueue, one caller", 1),
            self._enqueues("depth.64", f"enqueue, {CALLERS} callers", CALLERS),
            self._drains(),
            self._latencies(),
        ]

    def _deep(self) -> Ours:
        path = self._copy if self._is_kept else self._files.of(self._depth.kind, self._depth.count)
        return Ours(path, clock=self._clock)

    def _shallow(self) -> Ours:
        """One that has as many queued as one drain takes."""
        return Ours(self._files.of(Kind.QUEUED, self._little), clock=self._clock_of_little)

    def _empty(self) -> Ours:
        return Ours(self._files.empty())

    def _enqueues(self, name: str, what: str, callers: int) -> Row:
        async def slice(ours: Ours) -> Rate:
            async with ours.enqueueing():
                return await ours.enqueue(self._scale.seconds, callers)

        return self._rates(name, what, lambda: slice(self._deep()), lambda: slice(self._empty()))

    def _drains(self) -> Row:
        """Of what the file has queued, or of as many that are put beside what it has."""

        async def slice(ours: Ours, *, fill: bool = False) -> Rate:
            if fill:
                async with ours.enqueueing():
                    await ours.fill(self._little)
            return await ours.start(self._little)

        fill = self._depth.kind is not Kind.QUEUED
        return self._rates(
            "depth.drain", f"drain, {LIMIT} at once", lambda: slice(self._deep(), fill=fill), lambda: slice(self._shallow())
        )

    def _rates(
        self,
        name: str,
        what: str,
        deep: Callable[[], Coroutine[Any, Any, Rate]],
        little: Callable[[], Coroutine[Any, Any, Rate]],
    ) -> Row:
        pairs = alternate(self._scale.runs, lambda: asyncio.run(deep()), lambda: asyncio.run(little()).a_second)
        return rates_row(
            f"{name}.{self._depth.name}", f"{what}, {self._depth}", pairs, [at_least(SHARE, "ratio")], beside="empty"
        )

    def _latencies(self) -> Row:
        """Where jobs wait a runner is not idle: there it is the first lines of jobs that come first, at a runner that drains, and
        beside it one that has as much to do and little that waits.
        """
        busy = self._depth.kind is Kind.QUEUED
        samples = max(self._scale.samples // 2, 1)

        def deep() -> float:
            ours = self._deep()
            return asyncio.run(_busy(ours, samples, self._little) if busy else _idle(ours, samples))

        def little() -> float:
            return asyncio.run(_busy(self._shallow(), samples, self._little) if busy else _idle(self._empty(), samples))

        pairs = alternate(self._scale.runs, deep, little)
        return Row(
            f"depth.latency.{self._depth.name}", f"enqueue to first line, {self._depth}", "ms",
            [a for a, _ in pairs], [b for _, b in pairs], bars=[at_most(1 / SHARE, "ratio")],
            note="while it drains; the job comes first" if busy else "", beside="empty",
        )  # fmt: skip


async def _idle(ours: Ours, samples: int) -> float:
    """Milliseconds, the middle one."""
    latencies = []
    async with ours.jobs.running():
        for _ in range(WARM + samples):
            latencies.append(await ours.start_latency() * 1e3)
            await asyncio.sleep(PAUSE)
    return statistics.median(latencies[WARM:])


async def _busy(ours: Ours, samples: int, queued: int) -> float:
    """The same while it drains; `queued` is how many jobs may begin before too few are left."""
    latencies: list[float] = []
    ours.expect(1)
    async with ours.jobs.running():
        await ours.first_began()
        while len(latencies) < samples and (not latencies or ours.began < queued - LIMIT):
            latencies.append(await ours.start_latency(first=True) * 1e3)
    return statistics.median(latencies)
