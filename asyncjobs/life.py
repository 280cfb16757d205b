"""One start of a `Jobs`: everything that belongs to one process and one event loop, gone when it stops."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Sequence

from asyncjobs.runner.runner import Runner

logger = logging.getLogger("asyncjobs.runner")


class Life:
    """Built on the loop that starts it. The runner's main task is its own, so nothing of a lifespan's is held open by it."""

    def __init__(self, work: Sequence[str]) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.thread = threading.get_ident()
        self.work = tuple(work)  # the queues run here
        self.runner: Runner | None = None  # written by the main task, before is_up()
        self._up = asyncio.Event()
        self._over = asyncio.Event()
        self._main: asyncio.Task[None] | None = None

    async def up(self, run: Callable[[Life], Awaitable[None]]) -> None:
        """Start `run(self)` as the main task; returns when it calls is_up(), raises what it raises before."""
        self._main = asyncio.ensure_future(_call(run, self))
        self._main.set_name("asyncjobs main")
        up = asyncio.ensure_future(self._up.wait())
        try:
            await asyncio.wait({self._main, up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
        if self._main.done():
            self._main.result()

    def is_up(self) -> None:
        self._up.set()

    async def wait_until_over(self) -> None:
        """For the main task: until down() is called."""
        await self._over.wait()

    @property
    def ended(self) -> bool:
        """Whether the main task has come to its end, asked or not."""
        return self._main is None or self._main.done()

    async def down(self, timeout: float, gone: Callable[[], None]) -> None:
        """Tell the main task that it is over, and wait for its end, at most `timeout` seconds; `gone` is called at its end.

        The runner keeps within bounds by itself; what is left behind after them are resources that don't close.
        """
        self._over.set()
        if self._main is None:
            gone()
            return
        self._main.add_done_callback(lambda _: gone())
        if not self._up.is_set():
            self._main.cancel()  # the lifespan was cancelled while it started
        await asyncio.wait({self._main}, timeout=timeout)
        if not self._main.done():
            logger.error("asyncjobs: the resources= of Jobs did not close within the shutdown; they are left behind")
            self._main.cancel()
        elif self._up.is_set() and not self._main.cancelled():
            await asyncio.sleep(0)  # `gone` first
            self._main.result()


async def _call(run: Callable[[Life], Awaitable[None]], life: Life) -> None:
    await run(life)
