"""One life of one process: a whole `Jobs`, its callers, and a ledger. It leaves at SIGTERM, as servers do."""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from asyncjobs import Jobs
from tests.crash.torture.actors import Actors
from tests.crash.torture.guards import GUARDS
from tests.crash.torture.ledger import Ledger
from tests.crash.torture.tasks import DEADLY, KINDS, QUEUES, RARE, Kind, Tasks
from tests.crash.torture.watched import watch

DATABASE = "jobs.db"
SHUTDOWN = 3.0  # seconds
FORKED_FOR = 300.0  # seconds after which a forked child ends by itself, should nobody have ended it


def ledger_of(folder: Path, slot: int, life: int) -> Path:
    return folder / f"{slot}.{life}.ledger"


async def live(folder: Path, slot: int, life: int, seed: str, *, kinds: Mapping[str, Kind], forks: bool) -> None:
    leaving = asyncio.Event()
    loop = asyncio.get_running_loop()
    chance = random.Random(f"{seed} {slot} {life}")
    ledger = Ledger(ledger_of(folder, slot, life))

    def leave() -> None:
        ledger.write("leaving")
        leaving.set()

    loop.add_signal_handler(signal.SIGTERM, leave)
    jobs = Jobs(folder / DATABASE, queues=QUEUES, shutdown_timeout=SHUTDOWN)
    tasks = Tasks(jobs, ledger)
    watch(jobs._store, ledger)
    async with jobs.running():
        assert jobs._life is not None
        assert jobs._life.runner is not None
        ledger.write("up", jobs._life.runner.info.id)
        if forks or chance.random() < 0.3:
            ledger.write("forked", _fork())
        acting = asyncio.create_task(Actors(jobs, tasks, ledger, folder, f"{slot}.{life}", chance, kinds).act())
        waiting = asyncio.create_task(leaving.wait())
        await asyncio.wait({acting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if acting.done():
            acting.result()  # an error that no caller should ever see ends this process, and the judge says so
        await waiting
        acting.cancel()
        with suppress(asyncio.CancelledError):
            await acting
    ledger.write("left")


def _fork() -> int:
    """A child that shares all our descriptors and outlives us, as a multiprocessing worker may."""
    child = os.fork()
    if child == 0:
        time.sleep(FORKED_FOR)
        os._exit(0)
    return child


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("slot", type=int)
    parser.add_argument("life", type=int)
    parser.add_argument("seed")
    parser.add_argument("--deadly", action="store_true", help="jobs that kill their process once, too")
    parser.add_argument("--rare", action="store_true", help="jobs that kill their process again and again, too")
    parser.add_argument("--forks", action="store_true", help="always have a forked child")
    parser.add_argument("--with-lock", choices=GUARDS, help="instead of the real one")
    options = parser.parse_args()
    if options.with_lock is not None:
        GUARDS[options.with_lock]()
    kinds = {**KINDS, **(DEADLY if options.deadly else {}), **(RARE if options.rare else {})}
    asyncio.run(live(options.folder, options.slot, options.life, options.seed, kinds=kinds, forks=options.forks))


if __name__ == "__main__":
    main()
