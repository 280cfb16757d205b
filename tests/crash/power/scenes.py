"""Single scenes on a disk that fails or dawdles, each a program of its own: `python -m tests.crash.power.scenes failed-commit`.

It says in JSON what it has found; a process of its own because the VFS stands in every connection of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

from asyncjobs.store.sqlite import log
from tests.crash.power import canaries
from tests.crash.power.disk import Disk
from tests.crash.power.faults import KINDS, Fault, FaultyDisk, Operation
from tests.crash.power.judge import judge
from tests.crash.power.ladder import Ledger
from tests.crash.power.marked import MarkedStore
from tests.crash.power.recording import Recorder
from tests.crash.power.vfs import File, Go, Interposer, Unsynced
from tests.store import acts
from tests.store.sqlite import inside

DELAY = 0.5  # seconds that a slow sync takes
TICK = 0.002  # seconds between looks at how late the loop is
SLOW = 4  # commits on a slow disk


@asynccontextmanager
async def store_on(interposer: Interposer, disk: FaultyDisk) -> AsyncIterator[MarkedStore]:
    MarkedStore.recorder, interposer.layer = disk.recorder, disk
    with tempfile.TemporaryDirectory(prefix="asyncjobs-scene-") as folder:
        store = MarkedStore(Path(folder) / "jobs.db")
        await store.open()
        yield store
        await store.close()
    interposer.layer = Unsynced()


async def failed_commit(interposer: Interposer) -> list[str]:
    """A commit's sync fails, and the pages before it never reach the disk; what is acknowledged afterwards is there all the same."""
    disk = FaultyDisk(Recorder())
    async with store_on(interposer, disk) as store:
        await _unsynced_work(store)
        _fail_next_sync(disk)
        await acts.put(store, "struck")
        await acts.put(store, "behind")
        cut = len(disk.recorder.events)
    return await _after_cut(disk, cut)


async def failed_checkpoint(interposer: Interposer) -> list[str]:
    """The same where the sync is a checkpoint's, of which no caller hears."""
    disk = FaultyDisk(Recorder())
    async with store_on(interposer, disk) as store:
        await _unsynced_work(store)
        _fail_next_sync(disk)
        with mock.patch.object(log, "CHECKPOINT_CHANGES", 0):
            await acts.put(store, "struck", survives="crash")
            await inside.idle(store)
        await acts.put(store, "behind")
        cut = len(disk.recorder.events)
    return await _after_cut(disk, cut)


async def failed_end_of_a_checkpoint(interposer: Interposer) -> list[str]:
    """A reader keeps a checkpoint to a part of the log, which SQLite then takes for done, unsynced; the next one's sync fails."""
    disk = FaultyDisk(Recorder())
    async with store_on(interposer, disk) as store:
        await _end_that_fails(store, disk)
        await acts.put(store, "behind")
        cut = len(disk.recorder.events)
    return await _after_cut(disk, cut)


async def failed_last_checkpoint(interposer: Interposer) -> list[str]:
    """The same, and nothing comes behind it: the store is closed at once."""
    disk = FaultyDisk(Recorder())
    async with store_on(interposer, disk) as store:
        await _end_that_fails(store, disk)
    return await _after_cut(disk, len(disk.recorder.events), keep=1.0)  # the log's removal, too


async def failing_close(interposer: Interposer) -> list[str]:
    """The same, and what is to mend it as the store closes fails, too: only the log has it all, so it must outlast the close."""
    disk = FaultyDisk(Recorder())
    async with store_on(interposer, disk) as store:
        await _end_that_fails(store, disk)
        disk.struck.clear()
        _fail_next_sync(disk)
    return await _after_cut(disk, len(disk.recorder.events), keep=1.0)  # the log's removal, too


async def _end_that_fails(store: MarkedStore, disk: FaultyDisk) -> None:
    await _unsynced_work(store)
    reader = sqlite3.connect(store.path, isolation_level=None)
    reader.execute("BEGIN").execute("SELECT count(*) FROM jobs").fetchall()
    with mock.patch.object(log, "CHECKPOINT_CHANGES", 0):
        await acts.put(store, "kept to a part")
        await inside.idle(store)
        reader.close()
        _fail_next_sync(disk, after=2)  # the commit's, and the checkpoint's of the log; then comes that of the database
        await acts.put(store, "struck")
        await inside.idle(store)


async def _unsynced_work(store: MarkedStore) -> None:
    """Commits for a fault to strike; seen by the reader, whose connection keeps the log where it is."""
    for n in range(5):
        await acts.put(store, f"before {n}", survives="crash")
    await acts.one(store, "before 4")
    await inside.idle(store)  # nothing of these is still to be asked whether the log has become long


def _fail_next_sync(disk: FaultyDisk, after: int = 0) -> None:
    disk.fault = Fault(KINDS["sync-lost"], disk.seen[Operation.SYNC] + after + 1, times=1)


async def _after_cut(disk: FaultyDisk, cut: int, keep: float = 0.0) -> list[str]:
    """What a cut there does to what was acknowledged, taking all that is unsynced, or what failed syncs have dropped alone (1.0)."""
    if len(disk.struck) != 1:
        return [f"the fault was to strike once, and struck {len(disk.struck)} times"]
    events = disk.recorder.events
    rebuilt = Disk()
    rebuilt.follow(events[:cut])
    found = await judge(rebuilt.after_cut(random.Random(0), keep), Ledger(events), cut)
    return [f"{finding.fault}: {finding.detail}" for finding in found]


class SlowDisk(FaultyDisk):
    slow = False

    def sync(self, file: File, go: Go) -> int:
        if self.slow:
            time.sleep(DELAY)
        return super().sync(file, go)


async def slow_sync(interposer: Interposer) -> dict[str, float]:
    """How late the event loop was, in seconds, while commits waited for the disk; and how long the commits took."""
    disk = SlowDisk(Recorder())
    async with store_on(interposer, disk) as store:
        lag = asyncio.ensure_future(_lag())
        await asyncio.sleep(0)
        disk.slow, begin = True, time.monotonic()
        for n in range(SLOW):
            await acts.put(store, f"slow {n}")
        took, disk.slow = time.monotonic() - begin, False
        lag.cancel()
        (worst,) = await asyncio.gather(lag)
    return {"lag": worst, "took": took}


async def _lag() -> float:
    """The worst delay of a short sleep, until cancelled."""
    worst = 0.0
    try:
        while True:
            begin = time.monotonic()
            await asyncio.sleep(TICK)
            worst = max(worst, time.monotonic() - begin - TICK)
    except asyncio.CancelledError:
        return worst


SCENES = {
    "failed-commit": failed_commit,
    "failed-checkpoint": failed_checkpoint,
    "failed-end": failed_end_of_a_checkpoint,
    "failed-last": failed_last_checkpoint,
    "failing-close": failing_close,
    "slow-sync": slow_sync,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.power.scenes", description=__doc__)
    parser.add_argument("scene", choices=SCENES)
    parser.add_argument("--canary", choices=canaries.SCENES, default="none", help="remove a guard")
    options = parser.parse_args()
    interposer = Interposer(Unsynced())
    with canaries.SCENES[options.canary]():
        print(json.dumps(asyncio.run(SCENES[options.scene](interposer))))
    interposer.check()


if __name__ == "__main__":
    main()
