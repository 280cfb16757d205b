"""Hearing of work that other processes have brought."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

from asyncjobs.clock import Clock, sleep
from asyncjobs.errors import StoreClosed, StoreUnavailable
from asyncjobs.spawn import spawn
from asyncjobs.store.sqlite.reader import SQLiteReader
from asyncjobs.store.sqlite.siblings import Waker

logger = logging.getLogger("asyncjobs.store")

FALLBACK = 0.5  # seconds between looks at the file's version, for siblings whose datagrams don't arrive (containers)
ANY: frozenset[str] = frozenset()


class Watch:
    """An endless iterator of queues that may have work; what comes while nobody listens is merged."""

    def __init__(
        self, waker: Waker, runner: str | None, reader: SQLiteReader, has_siblings: Callable[[], bool], clock: Clock
    ) -> None:
        self._waker = waker
        self._runner = runner  # under whose name others reach us
        self._reader = reader
        self._has_siblings = has_siblings
        self._clock = clock
        self._socket: socket.socket | None = None
        self._heard: set[str] = set()
        self._anything = False
        self._arrived = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """From its return on nothing is missed."""
        self._loop = loop = asyncio.get_running_loop()
        if self._runner is not None:
            try:
                self._socket = self._waker.listen(self._runner)
            except OSError as error:
                logger.warning("other processes can't wake this one (%s); it looks twice a second instead", error)
            else:
                loop.add_reader(self._socket.fileno(), self._receive)
        self._looking = spawn(self._look(await self._version()), name="asyncjobs watch")

    async def stop(self) -> None:
        if self._socket is not None and self._loop is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})
            if not self._looking.cancelled():
                self._looking.result()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> frozenset[str]:
        await self._arrived.wait()
        self._arrived.clear()
        heard = ANY if self._anything else frozenset(self._heard)
        self._heard, self._anything = set(), False
        return heard

    def _receive(self) -> None:
        assert self._socket is not None
        with suppress(BlockingIOError):
            while True:
                text = self._socket.recv(16_384).decode(errors="replace")
                self._heard.update(text.split("\n"))
                self._anything |= not text
                self._arrived.set()

    async def _look(self, seen: int | None) -> None:
        while True:
            await sleep(self._clock, FALLBACK)
            version = await self._version() if self._has_siblings() else None
            if version not in (None, seen):
                seen, self._anything = version, True
                self._arrived.set()

    async def _version(self) -> int | None:
        try:
            return await self._reader.data_version()
        except (StoreUnavailable, StoreClosed):
            return None
