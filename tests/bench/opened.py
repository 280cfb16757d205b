"""What the other figures lose while the page is open beside them, in the same process and on the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from tests.bench.enqueue import CALLERS
from tests.bench.files import Files
from tests.bench.mark import at_least, at_most
from tests.bench.ours import Ours
from tests.bench.page import SCOPE
from tests.bench.pairs import alternate, percentile
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.tabs import EVERY

LOSES = 0.9  # of the rate without it
SLOWER = 1.1  # times as long as without it


def measure(scale: Scale, files: Files) -> list[Row]:
    """A slice is as long as the page waits between two looks, so each has its share of one."""
    pairs = max(scale.runs, scale.pairs // 2)
    seconds = min(EVERY, 5 * scale.seconds)
    rows = []
    ours = Ours(files.empty())
    with asyncio.Runner() as loop:
        living = ours.enqueueing()
        loop.run(living.__aenter__())

        def rate(make: Callable[[], Awaitable[Any]], *, with_page: bool) -> float:
            async def slice_() -> float:
                async with _page(ours, with_page):
                    return float((await make()).a_second)

            return loop.run(slice_())

        figures: dict[str, tuple[str, Callable[[], Awaitable[Any]]]] = {
            "one": ("enqueue, one caller", lambda: ours.enqueue(seconds, 1)),
            "64": (f"enqueue, {CALLERS} callers", lambda: ours.enqueue(seconds, CALLERS)),
            "many": ("enqueue_many, 1,000 each", lambda: ours.enqueue_many(seconds)),
        }
        for name, (what, make) in figures.items():
            both = alternate(
                pairs,
                lambda make=make: rate(make, with_page=True),  # type: ignore[misc]
                lambda make=make: rate(make, with_page=False),  # type: ignore[misc]
                warm=True,
            )
            rows.append(_row(f"opened.{name}", what, both))
        loop.run(living.__aexit__(None, None, None))
    drains = alternate(
        pairs,
        lambda: asyncio.run(_drain(Ours(files.new()), 2 * scale.drained, with_page=True)),
        lambda: asyncio.run(_drain(Ours(files.new()), 2 * scale.drained, with_page=False)),
    )
    rows.append(_row("opened.drain", "drain", drains))
    starts = alternate(
        pairs,
        lambda: asyncio.run(_latency(Ours(files.new()), scale.samples, with_page=True)),
        lambda: asyncio.run(_latency(Ours(files.new()), scale.samples, with_page=False)),
    )
    what = "page open: enqueue to first line, p50"
    ours_, beside = [one for one, _ in starts], [other for _, other in starts]
    rows.append(Row("opened.latency", what, "ms", ours_, beside, bars=[at_most(SLOWER, "ratio")], beside="page closed"))
    return rows


def _row(name: str, what: str, both: list[tuple[float, float]]) -> Row:
    opened, closed = [one for one, _ in both], [other for _, other in both]
    return Row(name, f"page open: {what}", "/s", opened, closed, bars=[at_least(LOSES, "ratio")], beside="page closed")


async def _drain(ours: Ours, count: int, *, with_page: bool) -> float:
    async with ours.enqueueing():
        await ours.fill(count)
    async with _page(ours, with_page):
        return (await ours.drain(count)).a_second


async def _latency(ours: Ours, samples: int, *, with_page: bool) -> float:
    """Milliseconds."""
    async with ours.jobs.running(), _page(ours, with_page):
        starts = []
        for _ in range(samples):
            starts.append(await ours.start_latency() * 1e3)
            await asyncio.sleep(0.01)
        return percentile(starts, 0.5)


@asynccontextmanager
async def _page(ours: Ours, is_open: bool) -> AsyncIterator[None]:
    looking = asyncio.create_task(_looks(ours)) if is_open else None
    yield
    if looking is not None:
        looking.cancel()
        with suppress(asyncio.CancelledError):  # ours; whatever else it ended with comes out
            await looking


async def _looks(ours: Ours) -> None:
    """As a tab of a browser has it, but for the socket."""
    app, tag = ours.jobs.web(), b""
    while not ours.jobs.started:
        await asyncio.sleep(0.01)
    refused = 0
    while refused < 3:  # in a row: a runner that stops refuses for some milliseconds, and then nobody looks any more
        status, tag = await _asked(app, tag)
        refused = 0 if status in (200, 304) else refused + 1
        await asyncio.sleep(EVERY if not refused else EVERY / 4)
    raise RuntimeError(f"the stats page answered {status}")


async def _asked(app: Any, tag: bytes) -> tuple[int, bytes]:
    status, headers = 0, dict[bytes, bytes]()

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], dict(message["headers"])

    asked: list[tuple[bytes, bytes]] = list(SCOPE["headers"])  # type: ignore[arg-type]
    await app({**SCOPE, "headers": [*asked, (b"if-none-match", tag)]}, receive, send)
    return status, headers.get(b"etag", b"")
