"""The client's end of a keep-alive HTTP connection: as little as it takes, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def request(path: str) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode()


class Connection(asyncio.Protocol):
    """One request at a time; `answered` is called when its answer is whole. Any answer but a 2xx breaks it."""

    def __init__(self, answered: Callable[[Connection], None]) -> None:
        self._answered = answered
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # has why, once it is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> None:
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 2") or length is None:
            self._break(RuntimeError(f"the server answered {head.decode(errors='replace')}"))
        elif len(body) >= int(length[1]):
            self._buffer = body[int(length[1]) :]
            self._answered(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._break(ConnectionError(f"the server hung up ({error})"))

    def close(self) -> None:
        assert self._transport is not None
        if not self.broken.done():
            self.broken.set_result(None)
        self._transport.close()

    def _break(self, error: Exception) -> None:
        if not self.broken.done():
            self.broken.set_exception(error)


async def connect(port: int, answered: Callable[[Connection], None]) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(answered), "127.0.0.1", port)
    return connection
