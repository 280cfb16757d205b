"""Fifty open pages over a million jobs: what they cost the server, what an enqueue feels of them, and whether the server still stops."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from tests.bench import load
from tests.bench.files import Files, Kind
from tests.bench.lived import give_past
from tests.bench.mark import at_least, at_most
from tests.bench.pairs import alternate, percentile
from tests.bench.rate import Rate
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.bench.server import Server

TABS = 50
EVERY = 2.0  # seconds between two looks of one of them, as the page's own script has it
BAR = 20.0  # ms of the server for a page
SLOWED = 0.9  # of the rate without them
UNCHANGED = 1.0  # ms of the server to say that nothing has changed
SHARE = 5.0  # % of a core for all of them: one for each ten
QUEUES, TASKS = 10, 3  # busy ones in the past that the page draws, and tasks of each
STOPS = 11.0  # seconds: shutdown_timeout and one more
PATH = "/jobs/stats"


def measure(scale: Scale, files: Files) -> list[Row]:
    path = files.of(Kind.SCHEDULED, scale.many)
    give_past(path, QUEUES, TASKS)
    rates: dict[int, list[tuple[Rate, Rate]]] = {}
    with Server(path) as server:
        asyncio.run(_looked_at(server.port, TABS, 2 * EVERY))  # what is read first, and the code
        server.post("/facts")
        quiet = [_shares(server, scale.loaded) for _ in range(scale.runs)]
        unchanged = [page["ms"] for page in server.post("/facts")["pages"] if page["status"] == 304]
        for connections in (1, 64):
            rates[connections] = alternate(
                scale.pairs,
                lambda n=connections: _enqueues(server.port, scale.loaded, n, TABS),  # type: ignore[misc]
                lambda n=connections: _enqueues(server.port, scale.loaded, n, 0),  # type: ignore[misc]
            )
        pages = server.post("/facts")["pages"]
        stopped = asyncio.run(_stopped(server))
    acknowledged = sum(rate.count for pairs in rates.values() for pair in pairs for rate in pair)
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
        for fraction, bars in ((0.5, [at_most(BAR)]), (0.95, [at_most(BAR)]), (1.0, []))
    ]
    rows += [
        Row(
            "tabs.page-cpu", f"{what}: processor of a page, mean", "ms", [sum(busy) / len(busy)], bars=[at_most(BAR)],
            note=f"{len(busy)} pages",
        ),
        Row("tabs.unchanged", f"{what}: 304 at the server, p50", "ms", [percentile(unchanged, 0.5)], bars=[at_most(UNCHANGED)]),
        Row(
            "tabs.quiet", f"{what}: of a core, nothing else to do", "%", [shares[0] for shares in quiet],
            [shares[1] for shares in quiet], bars=[at_most(SHARE, "excess")], beside="no page",
        ),
    ]  # fmt: skip
    for connections, pairs in rates.items():
        callers = "one caller" if connections == 1 else f"{connections} callers"
        rows.append(
            Row(
                f"tabs.enqueue-{connections}", f"{what}: handler that enqueues, {callers}", "/s",
                [with_tabs.a_second for with_tabs, _ in pairs], [without.a_second for _, without in pairs],
                bars=[at_least(SLOWED, "ratio")], beside="no page",
            )
        )  # fmt: skip
    rows.append(Row("tabs.stops", f"{what}: SIGTERM to exit", "s", [stopped], bars=[at_most(STOPS)]))
    lost = max(scale.many + acknowledged - _jobs_in(path), 0)
    note = f"of {acknowledged:,} acknowledged"
    rows.append(Row("tabs.lost", f"{what}: jobs lost", "", [lost], bars=[at_most(0)], note=note))
    return rows


def _shares(server: Server, seconds: float) -> tuple[float, float]:
    """Percent of a core while pages are open and nothing else happens, and while none is."""
    shares = []
    for tabs in (TABS, 0):
        before, began = server.cpu(), time.perf_counter()
        asyncio.run(_looked_at(server.port, tabs, max(seconds, EVERY)))
        shares.append((server.cpu() - before) / (time.perf_counter() - began) * 100)
    return shares[0], shares[1]


async def _looked_at(port: int, tabs: int, seconds: float) -> None:
    async with _open(port, tabs):
        await asyncio.sleep(seconds)


def _jobs_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def _enqueues(port: int, seconds: float, connections: int, tabs: int) -> Rate:
    """Of requests that were answered."""

    async def loaded() -> Rate:
        async with _open(port, tabs):
            return await load.closed(port, "/job", seconds, connections)

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
