"""Fifty open pages over a million jobs: what they cost the server, what an enqueue feels of them, and whether the server still stops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.bench import load
from tests.bench.files import Files, Kind
from tests.bench.mark import at_least, at_most
from tests.bench.pairs import alternate, percentile
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.server import Server

TABS = 50
EVERY = 2.0  # seconds between two looks of one of them, as the page's own script has it
BAR = 20.0  # ms of the server for a page
SLOWED = 0.9  # of the rate without them
STOPS = 11.0  # seconds: shutdown_timeout and one more
PATH = "/jobs/stats"


def measure(scale: Scale, files: Files) -> list[Row]:
    with Server(files.of(Kind.SCHEDULED, scale.many)) as server:
        rates = {}
        server.post("/facts")
        for connections in (1, 64):
            rates[connections] = alternate(
                scale.pairs,
                lambda n=connections: _enqueues(server.port, scale.loaded, n, TABS),  # type: ignore[misc]
                lambda n=connections: _enqueues(server.port, scale.loaded, n, 0),  # type: ignore[misc]
                warm=True,
            )
        pages = server.post("/facts")["pages"]
        stopped = asyncio.run(_stopped(server))
    what = f"{TABS} open pages, {scale.many:,} scheduled"
    times = [page["ms"] for page in pages]
    busy = [page["cpu"] for page in pages]
    rows = [
        Row(
            f"tabs.page-p{fraction * 100:g}",
            f"{what}: page at the server, p{fraction * 100:g}",
            "ms",
            [percentile(times, fraction)],
            bars=bars,
        )
        for fraction, bars in ((0.5, [at_most(BAR)]), (0.95, []), (1.0, []))
    ]
    rows.append(
        Row(
            "tabs.page-cpu",
            f"{what}: processor of a page, mean",
            "ms",
            [sum(busy) / len(busy)],
            bars=[at_most(BAR)],
            note=f"{len(busy)} pages",
        )
    )
    for connections, pairs in rates.items():
        callers = "one caller" if connections == 1 else f"{connections} callers"
        rows.append(
            Row(
                f"tabs.enqueue-{connections}", f"{what}: handler that enqueues, {callers}", "/s", [with_tabs for with_tabs, _ in pairs],
                [without for _, without in pairs], bars=[at_least(SLOWED, "ratio")], beside="no page",
            )
        )  # fmt: skip
    rows.append(Row("tabs.stops", f"{what}: SIGTERM to exit", "s", [stopped], bars=[at_most(STOPS)]))
    return rows


def _enqueues(port: int, seconds: float, connections: int, tabs: int) -> float:
    """Requests that were answered in a second."""

    async def loaded() -> float:
        async with _open(port, tabs):
            return (await load.closed(port, "/job", seconds, connections)).a_second

    return asyncio.run(loaded())


async def _stopped(server: Server) -> float:
    """Seconds from SIGTERM until the process has ended, under its open pages."""
    async with _open(server.port, TABS):
        await asyncio.sleep(EVERY)
        began = time.perf_counter()
        server.terminate()
        while server.is_up:
            if time.perf_counter() - began > 3 * STOPS:
                break
            await asyncio.sleep(0.01)
        return time.perf_counter() - began


@asynccontextmanager
async def _open(port: int, tabs: int) -> AsyncIterator[None]:
    """So many pages, each of which asks every so often whether there is something new."""
    looking = [asyncio.create_task(_tab(port, number * EVERY / tabs)) for number in range(tabs)]
    try:
        yield
    finally:
        for one in looking:
            one.cancel()
        ended = await asyncio.gather(*looking, return_exceptions=True)
        wrong = [one for one in ended if isinstance(one, RuntimeError)]
        if wrong:
            raise wrong[0]


async def _tab(port: int, after: float) -> None:
    """Until the server goes."""
    await asyncio.sleep(after)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tag = ""
    try:
        while True:
            asked = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nIf-None-Match: {tag}\r\n\r\n"
            writer.write(asked.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ", 2)[1])
            if status not in (200, 304):
                raise RuntimeError(f"{PATH} was answered with {status}")
            headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
            await reader.readexactly(int(headers.get("content-length", 0)) if status == 200 else 0)
            tag = head[head.lower().index("etag: ") + 6 :].split("\r\n")[0]
            await asyncio.sleep(EVERY)
    except (asyncio.IncompleteReadError, OSError):
        return
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
