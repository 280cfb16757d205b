"""A process that has a file open and does a little: `python -m tests.bench.resident DATABASE WARM REST`; prints its memory."""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path

from tests.bench.files import QUEUE
from tests.bench.ours import Ours
from tests.crash.footprint import footprint


async def live(database: Path, warm: int, rest: float) -> int:
    """Bytes resident at rest, after `warm` jobs were enqueued: every path walked, the page cache as full as it gets."""
    ours = Ours(database)
    async with ours.enqueueing():
        await ours.jobs.pause(QUEUE)  # holds over the start that follows: what is there stays there
    async with ours.jobs.running():
        await ours.fill(warm)
        await asyncio.gather(*(ours.jobs.enqueue(ours.noop, n=1) for _ in range(64)))
        await ours.jobs.stats()
        await asyncio.sleep(rest)
        return footprint(os.getpid(), database).rss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("warm", type=int)
    parser.add_argument("rest", type=float)
    options = parser.parse_args()
    print(asyncio.run(live(options.database, options.warm, options.rest)))


if __name__ == "__main__":
    main()
