"""The stats page over a million jobs, and what an enqueue feels of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from tests.bench.files import Files, Kind
from tests.bench.mark import Either, at_most
from tests.bench.ours import Ours
from tests.bench.pairs import alternate, percentile
from tests.bench.row import Row
from tests.bench.scale import Scale

BAR = 20.0  # ms
PAUSE = 0.02  # seconds between two looks at the page: fifty a second, where the page itself reads once a second at most
WAITS = Either((at_most(2.0, "ratio"), at_most(5.0, "excess")))  # "no enqueue waits for it"
SCOPE = {
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/stats",
    "raw_path": b"/stats", "root_path": "", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    "headers": [(b"host", b"localhost"), (b"accept", b"text/html")],
}  # fmt: skip


def measure(scale: Scale, files: Files) -> list[Row]:
    rows = []
    for kind in (Kind.QUEUED, Kind.SCHEDULED):
        ours = Ours(files.of(kind, scale.many))
        pages = [asyncio.run(_pages(ours, max(scale.samples // 5, 1))) for _ in range(scale.runs)]
        for fraction, bars in ((0.5, [at_most(BAR)]), (0.99, [])):
            name, what = f"page.{kind}-p{fraction * 100:g}", f"stats page, {scale.many:,} {kind}, p{fraction * 100:g}"
            rows.append(Row(name, what, "ms", [percentile(run, fraction) for run in pages], bars=bars))
    ours = Ours(files.of(Kind.QUEUED, scale.many))
    seconds = scale.loaded / 2
    pairs = alternate(
        scale.runs,
        lambda: asyncio.run(_enqueues(ours, seconds, looked_at=True)),
        lambda: asyncio.run(_enqueues(ours, seconds, looked_at=False)),
    )
    with_page, without = [a for a, _ in pairs], [b for _, b in pairs]
    note = f"{1 / PAUSE:.0f} readings/s"
    rows.append(
        Row(
            "page.enqueue-p99", "enqueue while the page is read, p99", "ms", with_page, without, bars=[WAITS], note=note,
            beside="nobody looks",
        )
    )  # fmt: skip
    return rows


async def look(ours: Ours) -> float:
    """Milliseconds until the page is answered, at the server. Of an app of its own: it keeps a reading for a second."""
    app = ours.jobs.web()
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    began = time.perf_counter()
    await app(dict(SCOPE), receive, send)
    took = (time.perf_counter() - began) * 1e3
    if status != 200:
        raise RuntimeError(f"the stats page answered {status}")
    return took


async def _pages(ours: Ours, count: int) -> list[float]:
    async with ours.enqueueing():
        return [await look(ours) for _ in range(count)]


async def _enqueues(ours: Ours, seconds: float, *, looked_at: bool) -> float:
    """Milliseconds of one caller's enqueue, at the 99th of a hundred."""

    async def keep_looking() -> None:
        while True:
            await look(ours)
            await asyncio.sleep(PAUSE)

    latencies = []
    async with ours.enqueueing():
        looking = asyncio.create_task(keep_looking()) if looked_at else None
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            await ours.jobs.enqueue(ours.noop, n=1)
            latencies.append((time.perf_counter() - began) * 1e3)
        if looking is not None:
            looking.cancel()
            with suppress(asyncio.CancelledError):  # ours; whatever else it ended with comes out
                await looking
    return percentile(latencies, 0.99)
