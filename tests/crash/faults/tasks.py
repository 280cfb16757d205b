"""Tasks that behave, to be counted on, and tasks that do what no task should."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from typing import Any

from asyncjobs import JobContext, Jobs, Retry
from asyncjobs.task import Task
from tests.crash.server import Ledger

RETRY_IN = 3.0  # seconds between the attempts of `flaky`
RESULT = 50_000  # bytes: what `hold` returns doesn't fit into a page that has room
TIMEOUT = 2.0  # seconds that `overruns` may run, and does not care


class Bare(BaseException):
    """Something that no `except Exception` catches."""


RAISED: dict[str, BaseException] = {
    "ValueError": ValueError("plain"),
    "SystemExit": SystemExit(3),
    "KeyboardInterrupt": KeyboardInterrupt("as if somebody had pressed it"),
    "Bare": Bare("bare"),
    "GeneratorExit": GeneratorExit("its own"),
    "CancelledError": asyncio.CancelledError("its own"),
    "TimeoutError": TimeoutError("its own"),
}


class Tasks:
    """Registers them; each writes `start` and `end` with its id, attempt and process into the ledger."""

    def __init__(self, jobs: Jobs, ledger: Ledger) -> None:
        self._ledger = ledger
        self._named: dict[str, Task[..., Any, Any]] = {}
        self.go_on = asyncio.Event()
        once = Retry(attempts=1)
        for function, options in (
            (self.work, {}),
            (self.naps, {}),
            (self.hold, {}),
            (self.hold_one, {"queue": "one"}),
            (self.hold_by_a_group, {}),
            (self.work_one, {"queue": "one"}),
            (self.flaky, {"retry": Retry(attempts=3, backoff=RETRY_IN, jitter=0)}),
            (self.overruns, {"retry": once, "timeout": TIMEOUT}),
            (self.deaf, {"queue": "one", "retry": once, "timeout": 0.1}),
            (self.endless, {}),
            (self.blocks, {"queue": "two"}),
            (self.raises, {"retry": once}),
            (self.raises_in_thread, {"retry": once}),
            (self.recurses, {"retry": once}),
            (self.recurses_in_thread, {"retry": once}),
            (self.returns, {"retry": once}),
            (self.takes, {}),
            (self.dies, {"queue": "two"}),
        ):
            self._named[function.__name__] = jobs.task(name=function.__name__, **options)(function)

    def named(self, name: str) -> Task[..., Any, Any]:
        return self._named[name]

    def _start(self, ctx: JobContext, *more: object) -> None:
        self._ledger.write("start", ctx.id, ctx.attempt, os.getpid(), time.time(), *more)

    def _end(self, ctx: JobContext) -> None:
        self._ledger.write("end", ctx.id, ctx.attempt, os.getpid(), time.time())

    # --- that behave

    async def work(self, ctx: JobContext, n: int = 0, ballast: str = "") -> int:
        self._start(ctx, n)
        self._end(ctx)
        return n

    async def hold_by_a_group(self, ctx: JobContext) -> None:
        """The same, by a task of its own, in a group that swallows its cancellation."""
        self._start(ctx)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.go_on.wait())
        self._end(ctx)

    async def work_one(self, ctx: JobContext) -> None:
        """In a queue with one slot."""
        self._start(ctx)
        self._end(ctx)

    async def naps(self, ctx: JobContext) -> None:
        """Runs for a while."""
        self._start(ctx)
        await asyncio.sleep(0.3)
        self._end(ctx)

    async def hold(self, ctx: JobContext) -> str:
        """Runs until it is let go on."""
        self._start(ctx)
        await self.go_on.wait()
        self._end(ctx)
        return "x" * RESULT

    async def hold_one(self, ctx: JobContext) -> str:
        """The same, in a queue with one slot: what stands behind it waits."""
        return await self.hold(ctx)

    async def flaky(self, ctx: JobContext) -> None:
        """Fails once."""
        self._start(ctx)
        if ctx.attempt == 1:
            raise OSError("once")
        self._end(ctx)

    async def overruns(self, ctx: JobContext) -> None:
        """Runs into its timeout."""
        self._start(ctx)
        await asyncio.sleep(3600)

    # --- that don't

    async def deaf(self, ctx: JobContext) -> None:
        """Ignores its cancellation until it is let go on."""
        self._start(ctx)
        while not self.go_on.is_set():
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self._ledger.write("ignored", ctx.id)
        self._end(ctx)

    def endless(self, ctx: JobContext) -> None:
        """A thread that never returns."""
        self._start(ctx)
        while True:
            time.sleep(3600)

    async def blocks(self, ctx: JobContext, seconds: float) -> None:
        """Blocks the event loop."""
        self._start(ctx)
        time.sleep(seconds)  # noqa: ASYNC251  # that is the fault
        self._end(ctx)

    async def raises(self, ctx: JobContext, what: str) -> None:
        self._start(ctx)
        raise RAISED[what]

    def raises_in_thread(self, ctx: JobContext, what: str) -> None:
        self._start(ctx)
        raise RAISED[what]

    async def recurses(self, ctx: JobContext) -> None:
        self._start(ctx)
        _recurse()

    def recurses_in_thread(self, ctx: JobContext) -> None:
        self._start(ctx)
        _recurse()

    async def returns(self, ctx: JobContext, megabytes: int) -> str:
        self._start(ctx)
        return "x" * (megabytes << 20)

    async def takes(self, text: str) -> None:
        raise AssertionError("too large to be stored, so it never runs")

    async def dies(self, ctx: JobContext, how: str) -> None:
        """Kills its process."""
        self._start(ctx)
        match how:
            case "exit":
                os._exit(9)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)


def _recurse() -> None:
    _recurse()
