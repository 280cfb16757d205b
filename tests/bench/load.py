"""Two ways to ask a server: as fast as it answers, and at a steady pace whatever it answers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from tests.bench.connection import Connection, connect, request
from tests.bench.rate import Rate, Stopwatch


async def closed(port: int, path: str, seconds: float, connections: int) -> Rate:
    """Requests answered by `connections` that each ask again at once. The cpu is the client's."""
    wanted = request(path)
    done = 0
    over = asyncio.Event()
    ending = 0

    def answered(connection: Connection) -> None:
        nonlocal done, ending
        done += 1
        if watch.seconds < seconds:
            connection.ask(wanted)
            return
        ending += 1
        if ending == connections:
            over.set()

    asking = [await connect(port, answered) for _ in range(connections)]
    watch = Stopwatch()
    try:
        for connection in asking:
            connection.ask(wanted)
        await _unbroken(over, asking)
        return watch.rate(done)
    finally:
        for connection in asking:
            connection.close()


async def paced(port: int, path: str, seconds: float, a_second: float, connections: int = 8) -> list[float]:
    """Seconds from each request until its answer. One is due every 1 / a_second; where no connection is free it waits, and the
    wait counts, so that a server that stands still doesn't lower the number of those that saw it.
    """
    wanted = request(path)
    free: deque[Connection] = deque()
    waiting: deque[float] = deque()  # when each became due, of those for which no connection was free
    asked_at: dict[Connection, float] = {}
    latencies: list[float] = []
    count = int(seconds * a_second)
    over = asyncio.Event()

    def ask(connection: Connection, due: float) -> None:
        asked_at[connection] = due
        connection.ask(wanted)

    def answered(connection: Connection) -> None:
        latencies.append(time.perf_counter() - asked_at[connection])
        if waiting:
            ask(connection, waiting.popleft())
        else:
            free.append(connection)
        if len(latencies) == count:
            over.set()

    async def send() -> None:
        began = time.perf_counter()
        for number in range(count):
            if (left := began + number / a_second - time.perf_counter()) > 0:
                await asyncio.sleep(left)
            now = time.perf_counter()  # a late wake-up is the client's
            if free:
                ask(free.popleft(), now)
            else:
                waiting.append(now)

    asking = [await connect(port, answered) for _ in range(connections)]
    free.extend(asking)
    sending = asyncio.create_task(send())
    try:
        await _unbroken(over, asking)
        await sending
        return latencies
    finally:
        sending.cancel()
        for connection in asking:
            connection.close()


async def _unbroken(over: asyncio.Event, connections: list[Connection]) -> None:
    """Until it is over. Raises what broke a connection before."""
    waiting = asyncio.create_task(over.wait())
    either: set[asyncio.Future[Any]] = {waiting, *(connection.broken for connection in connections)}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for connection in connections:
        if connection.broken.done():
            waiting.cancel()
            await connection.broken
    await waiting
