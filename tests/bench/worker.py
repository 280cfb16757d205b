"""One process of several on a file: `python -m tests.bench.worker DATABASE SECONDS`; prints what it did as JSON.

It says `ready` once it is up, and begins when a line comes on its standard input, so that all begin together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from tests.bench.ours import Ours

CALLERS = 16


async def work(database: Path, seconds: float) -> dict[str, float]:
    """enqueued, ran: jobs acknowledged here, begun here. worst: ms that the slowest enqueue took: at most two commits, the one
    that was under way and its own, and the wait for a turn before each.
    """
    ours = Ours(database)
    enqueued, worst = 0, 0.0
    ours.expect(1)
    async with ours.jobs.running():
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        until = time.perf_counter() + seconds
        cpu = time.process_time()

        async def caller() -> None:
            nonlocal enqueued, worst
            while (began := time.perf_counter()) < until:
                await ours.jobs.enqueue(ours.noop, n=1)
                worst = max(worst, time.perf_counter() - began)
                enqueued += 1

        await asyncio.gather(*(caller() for _ in range(CALLERS)))
        cpu, ran = time.process_time() - cpu, ours.began
    return {"enqueued": enqueued, "ran": ran, "worst": worst * 1e3, "cpu": cpu}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", type=Path)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(work(options.database, options.seconds))), flush=True)


if __name__ == "__main__":
    main()
