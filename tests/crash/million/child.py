"""The process that is measured: enqueues, drains, prunes, ends. Says each stage on its standard output as it is reached."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from asyncjobs import Jobs
from asyncjobs.clock import SystemClock, Timer
from asyncjobs.spawn import spawn
from tests.fakes import unlisted

WARM = 5_000  # jobs before the first measurement: every code path has been walked, the pools and caches are there
BATCH = 1_000
CALLERS = 64
QUEUE = "default"
# What canaries do: keep ended jobs for so many seconds; hold on to so many bytes once all have run.
KEPT = 3600.0
HOARDED = 100 << 20


class Hurried(SystemClock):
    """No wait is longer than `longest` seconds, so that a test needn't sit through the janitor's minute."""

    def __init__(self, longest: float) -> None:
        super().__init__()
        self._longest = longest

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return super().call_later(min(seconds, self._longest), callback)


class Work:
    """The jobs, and how often each has run."""

    def __init__(self, path: Path, count: int, *, longest_wait: float, canaries: Collection[str] = ()) -> None:
        self.count = count
        self._canaries = canaries
        self._runs = bytearray(count)
        self._left = count  # that have not run; written by the job
        self._all_ran = asyncio.Event()
        self._hoard: list[bytes] = []
        self.acknowledged = 0
        self.jobs = Jobs(
            path,
            queues={QUEUE: 100},
            retention={"succeeded": KEPT if "kept" in canaries else 0},
            clock=Hurried(longest_wait),
        )
        self._task = self.jobs.task(name="noop")(self._noop)

    async def _noop(self, n: int) -> None:
        if "memory" in self._canaries:
            self._hoard.append(bytes(HOARDED // self.count))
        if n < 0:
            return
        self._left -= not self._runs[n]
        self._runs[n] = min(self._runs[n] + 1, 255)
        if not self._left:
            self._all_ran.set()

    @property
    def ran_once(self) -> int:
        return self._runs.count(1)

    async def warm_up(self) -> None:
        for _ in range(WARM // BATCH):
            await self.jobs.enqueue_many([self._task.call(n=-1) for _ in range(BATCH)])
        await asyncio.gather(*(self._one(-1) for _ in range(CALLERS)))
        await self._until_empty("queued", "running")

    async def enqueue_all(self) -> None:
        """Half of them in batches, half one at a time by many callers."""
        half = self.count // 2
        for first in range(0, half, BATCH):
            calls = [self._task.call(n=n) for n in range(first, min(first + BATCH, half))]
            self.acknowledged += len(await self.jobs.enqueue_many(calls))
        await asyncio.gather(*(self._caller(half + number) for number in range(CALLERS)))

    async def _caller(self, first: int) -> None:
        for n in range(first, self.count, CALLERS):
            await self._one(n)
            self.acknowledged += 1

    async def _one(self, n: int) -> None:
        await self.jobs.enqueue(self._task, n=n)

    async def drain(self) -> None:
        await self.jobs.resume(QUEUE)
        await self._all_ran.wait()
        await self._until_empty("queued", "running")

    async def until_pruned(self, within: float) -> bool:
        """Whether the janitor has removed all of them in time."""
        try:
            async with asyncio.timeout(within):
                await self._until_empty("succeeded")
        except TimeoutError:
            return False
        return True

    async def _until_empty(self, *states: str) -> None:
        for state in states:
            while (await self.jobs.list(state=state, limit=1)).jobs:
                await asyncio.sleep(0.05)


class Belongings:
    """What is there: threads, tasks, descriptors of this process, files of the folder, by kind and name."""

    def __init__(self, folder: Path) -> None:
        gc.collect()
        tasks = (asyncio.all_tasks() | unlisted()) - {asyncio.current_task()}
        self.by_kind = {
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "tasks": sorted(task.get_name() for task in tasks if task is not None),
            "descriptors": sorted(_descriptors()),
            "files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*")),
        }

    def beyond(self, before: Belongings) -> dict[str, list[str]]:
        """What is here and was not then."""
        left: dict[str, list[str]] = {}
        for kind, names in self.by_kind.items():
            known = list(before.by_kind[kind])
            left[kind] = [name for name in names if not _taken(known, name)]
        return left


def _taken(known: list[str], name: str) -> bool:
    if name in known:
        known.remove(name)
        return True
    return False


def _descriptors() -> list[str]:
    """What each points at, apart from the one that lists them."""
    targets = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{number}")
        except FileNotFoundError:
            continue
        targets.append(target)
    return targets


def say(stage: str, **facts: object) -> None:
    print(json.dumps({"stage": stage, "at": time.monotonic(), **facts}), flush=True)


async def live(options: argparse.Namespace) -> None:
    folder = options.database.parent
    before = Belongings(folder)
    work = Work(options.database, options.jobs, longest_wait=options.longest_wait, canaries=options.canaries)
    say("opening")
    async with work.jobs.running():
        await work.warm_up()
        await work.jobs.pause(QUEUE)
        say("warm")
        await asyncio.sleep(options.rest)  # the parent looks at the process at rest
        say("enqueueing")
        await work.enqueue_all()
        say("queued")
        await asyncio.sleep(options.rest)
        say("draining")
        await work.drain()
        say("pruning")
        pruned = await work.until_pruned(options.prune_within)
        say("idle")
        await asyncio.sleep(options.rest)
        say("closing")
    forgotten = _leave_something_behind(folder) if "left" in options.canaries else None
    left = Belongings(folder).beyond(before)
    say("ended", acknowledged=work.acknowledged, ran_once=work.ran_once, pruned=pruned, left=left)
    del forgotten


def _leave_something_behind(folder: Path) -> object:
    """One of each kind; to be held until it has been seen."""
    threading.Thread(target=threading.Event().wait, name="a forgotten thread", daemon=True).start()
    task = spawn(asyncio.Event().wait(), name="a forgotten task")
    return task, (folder / "forgotten").open("w")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--longest-wait", type=float, required=True)
    parser.add_argument("--prune-within", type=float, required=True)
    parser.add_argument("--rest", type=float, required=True)
    parser.add_argument("--canaries", nargs="*", default=[])
    asyncio.run(live(parser.parse_args()))


if __name__ == "__main__":
    main()
