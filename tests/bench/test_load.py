"""The clients that load a server, against one that does as a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.bench import load

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nnull"


@asynccontextmanager
async def answering(answer: Callable[[int], bytes]) -> AsyncIterator[int]:
    """A server on a free port; `answer` is given the number of the request, from 1."""
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number += 1
                for piece in answer(number).partition(b"\r\n\r\n"):  # in pieces, as a network may have it
                    writer.write(piece)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_every_answer_of_a_closed_load_is_counted_once() -> None:
    asked = 0

    def count(number: int) -> bytes:
        nonlocal asked
        asked = number
        return OK

    async with answering(count) as port:
        rate = await load.closed(port, "/noop", 0.1, connections=4)
    assert rate.count == asked
    assert rate.count >= 4
    assert rate.a_second == pytest.approx(rate.count / rate.seconds)


async def test_a_paced_load_asks_as_often_as_it_says() -> None:
    async with answering(lambda _: OK) as port:
        latencies = await load.paced(port, "/noop", 0.2, 100.0)
    assert len(latencies) == 20
    assert all(0 < latency < 0.2 for latency in latencies)


async def test_who_had_to_wait_for_a_server_that_stood_still_is_counted() -> None:
    def stand_still(number: int) -> bytes:
        if number == 2:
            time.sleep(0.1)  # the whole loop, the client's too
        return OK

    async with answering(stand_still) as port:
        latencies = await load.paced(port, "/noop", 0.3, 100.0, connections=1)
    assert len(latencies) == 30
    assert max(latencies) >= 0.1


@pytest.mark.parametrize("answer", [b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 202 No length\r\n\r\n"])
async def test_an_answer_that_is_no_success_ends_the_load(answer: bytes) -> None:
    async with answering(lambda number: OK if number < 3 else answer) as port:
        with pytest.raises(RuntimeError, match="the server answered"):
            await load.closed(port, "/job", 5.0, connections=2)
