"""What is read once for everyone who asks: the snapshot once a second, and what is dear less often."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from typing import Generic, TypeVar

from asyncjobs.errors import AsyncJobsError, ConfigurationError, NotStarted, StoreUnavailable
from asyncjobs.record import record
from asyncjobs.stats import Snapshot
from asyncjobs.web.source import Source

logger = logging.getLogger("asyncjobs.web")
T = TypeVar("T")

WRITTEN = 8 << 20  # bytes of pages of one reading that are kept: twenty of fifty busy queues, hundreds of one
KEEP = 1.0  # seconds that one reading serves everyone; people don't read faster, and scrapers come every 10 s and more


@record
class Unreadable:
    """Why there are no numbers. `code` for programs, `reason` for people."""

    code: str
    reason: str


Reading = Snapshot | Unreadable


class Kept(Generic[T]):
    """One reading at a time, kept for `keep` seconds from its end, a failed one too: a sick store isn't asked more often.

    Whoever asks while a reading is under way waits for that one. A caller that is cancelled while it reads hands the turn to
    the next in line, so nobody waits for a task that nobody owns.
    """

    def __init__(self, what: str, ask: Callable[[], Awaitable[T]], monotonic: Callable[[], float], keep: float = KEEP) -> None:
        """what: for the log, where it can't be read."""
        self.number = 0  # of the reading that is kept: another number, another reading; written by _read
        self._what = what
        self._ask = ask
        self._monotonic = monotonic
        self._keep = keep
        self._reading: T | Unreadable | None = None  # written by _read, with the time it ended
        self._read_at = 0.0
        self._turn = asyncio.Lock()  # belongs to one loop once it was waited for; replaced with the loop, in get
        self._loop: asyncio.AbstractEventLoop | None = None

    async def get(self) -> T | Unreadable:
        """What it gives, at most `keep` seconds old, or why there is nothing."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:  # a Jobs may be stopped and started again on another loop
            self._loop, self._turn = loop, asyncio.Lock()
        async with self._turn:
            if self._reading is None or self._monotonic() - self._read_at >= self._keep:
                await self._read()
            assert self._reading is not None
            return self._reading

    def forget(self) -> None:
        """What was read is no longer so: somebody has acted."""
        self._reading = None

    async def _read(self) -> None:
        before = self._reading
        self._reading = await read(self._ask())
        self._read_at = self._monotonic()
        self.number += 1
        if isinstance(self._reading, Unreadable) and self._reading != before:
            logger.warning("%s can't be read: %s", self._what, self._reading.reason)


class Latest:
    """The snapshot that every tab shares."""

    def __init__(self, source: Source, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._kept = Kept("the stats", source.stats, monotonic)
        self._written: dict[str, bytes] = {}  # by tag, of the reading of this number, in all of this size; by written
        self._written_of = self._written_size = 0
        self._mark: tuple[int, str] = (0, "")  # of the reading of this number; written by mark

    async def get(self) -> Reading:
        """The numbers, at most KEEP seconds old, or why there are none."""
        if not self._source.started:  # costs nothing to know, so it is never up to a second late
            return Unreadable("not_started", str(NotStarted()))
        return await self._kept.get()

    def mark(self, reading: Snapshot) -> str:
        """Changes when the numbers do, and not with the time of day. reading: what `get` gave last."""
        if self._mark[0] != self._kept.number:
            known = repr(replace(reading, as_of=0))
            self._mark = (self._kept.number, sha256(known.encode(errors="surrogatepass")).hexdigest())
        return self._mark[1]

    def written(self, tag: str, write: Callable[[], bytes]) -> bytes:
        """What `write` makes of the reading that `get` gave last, once for all who ask for the same: a tag tells what that depends on."""
        if self._written_of != self._kept.number:
            self._forget_written()
        page = self._written.get(tag)
        if page is None:
            page = write()
            if self._written_size + len(page) > WRITTEN:
                self._forget_written()
            self._written[tag] = page
            self._written_size += len(page)
        return page

    def _forget_written(self) -> None:
        self._written, self._written_size, self._written_of = {}, 0, self._kept.number

    def forget(self) -> None:
        self._kept.forget()


async def read(asked: Awaitable[T]) -> T | Unreadable:
    """What a source answers, or why it can't. A ConfigurationError, which is about what was asked, comes through."""
    try:
        return await asked
    except ConfigurationError:
        raise
    except NotStarted as error:  # between `started` and here, or while it starts
        return Unreadable("not_started", str(error))
    except StoreUnavailable as error:  # its sentence speaks to who enqueues; here only the reason holds
        return Unreadable("store_unavailable", error.reason)
    except AsyncJobsError as error:  # closing, or asked from another loop
        return Unreadable("unavailable", str(error))
