"""One process of the flow: enqueues its share, runs whatever comes, and writes down when each job began and ended.

Lines of its own file, each one write: "begin|end <kind> <key> <job> <CLOCK_MONOTONIC ns>", "acknowledged <job> - - <ns>", "full". The
clock is one for all processes of a machine. A line that is there is true; one that is missing was cut off by a kill.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from pathlib import Path

from asyncjobs import JobContext, Jobs, Queue, Retry, StoreUnavailable, Unique
from tests.crash.flow.canaries import CANARIES

DATABASE = "jobs.db"
GLOBAL_LIMIT = 3
RATE = 50  # a second
KEYS = 40
KEY_LIMITS = {"single": 1, "double": 2}
UNIQUE_KEYS = 25
KINDS = ("licensed", "rated", "single", "double", "unique", "plain", "retried")


def main(folder: Path, name: str, share: int, seed: str, canary: str) -> None:
    """Until SIGTERM."""
    if canary:
        CANARIES[canary]()
    chance = random.Random(f"{seed} {name}")
    events = os.open(folder / f"{name}.events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(what: str, kind: str, key: object, job: str) -> None:
        os.write(events, f"{what} {kind} {key} {job} {time.monotonic_ns()}\n".encode())

    jobs = Jobs(
        folder / DATABASE,
        queues={
            "default": 20,
            "licensed": Queue(5, global_limit=GLOBAL_LIMIT),
            "rated": Queue(20, rate=f"{RATE}/s"),
            "retries": 10,
        },
        shutdown_timeout=3,
    )

    async def work(ctx: JobContext, kind: str, key: object = "-") -> None:
        note("begin", kind, key, ctx.id)
        await asyncio.sleep(chance.uniform(0.0, 0.01))
        note("end", kind, key, ctx.id)

    @jobs.task(name="licensed", queue="licensed")
    async def licensed(ctx: JobContext) -> None:
        await work(ctx, "licensed")

    @jobs.task(name="rated", queue="rated")
    async def rated(ctx: JobContext) -> None:
        note("begin", "rated", "-", ctx.id)
        note("end", "rated", "-", ctx.id)

    @jobs.task(name="single", key="key", key_limit=KEY_LIMITS["single"])
    async def single(ctx: JobContext, key: int) -> None:
        await work(ctx, "single", key)

    @jobs.task(name="double", key=lambda key, **_: key, key_limit=KEY_LIMITS["double"])
    async def double(ctx: JobContext, key: int) -> None:
        await work(ctx, "double", key)

    @jobs.task(name="unique", unique=Unique("key"))
    async def unique(ctx: JobContext, key: int) -> None:
        await work(ctx, "unique", key)

    @jobs.task(name="plain")
    async def plain(ctx: JobContext) -> None:
        await work(ctx, "plain")

    @jobs.task(name="told", queue="retries")
    async def told(ctx: JobContext, job_id: str) -> None:
        note("end", "told", job_id, ctx.id)

    @jobs.task(name="retried", retry=Retry(3, backoff=0.05, queue="retries"), on_dead=told)
    async def retried(ctx: JobContext, good: bool) -> None:
        await work(ctx, "retried")
        if not good:
            raise ValueError("as it was told")

    @jobs.every(seconds=1, overlap="allow", catch_up="all")
    @jobs.task(name="tick")
    async def tick(ctx: JobContext) -> None:
        note("end", "tick", ctx.meta["time"], ctx.id)

    calls = {
        "licensed": licensed.call,
        "rated": rated.call,
        "single": lambda: single.call(chance.randrange(KEYS)),
        "double": lambda: double.call(chance.randrange(KEYS)),
        "unique": lambda: unique.call(chance.randrange(UNIQUE_KEYS)),
        "plain": lambda: plain.options(priority=chance.randrange(4), delay=chance.choice([0, 0, 0.5])).call(),
        "retried": lambda: retried.call(chance.random() < 0.9),
    }
    weights = [1, 0, 3, 2, 2, 2, 1]  # rated ones come from the first process, all at once, so that they always wait

    async def enqueue() -> None:
        for _ in range(share // 10):
            wanted = [calls[kind]() for kind in chance.choices(KINDS, weights, k=10)]
            try:
                handles = await jobs.enqueue_many(wanted)
            except StoreUnavailable:
                continue
            for handle in handles:
                note("acknowledged" if handle.created else "met", "-", "-", handle.id)
            await asyncio.sleep(0.02)
        note("full", "-", "-", "-")

    async def run() -> None:
        over = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        async with jobs.running():
            print("up", flush=True)
            if share:
                await enqueue()
            await over.wait()

    logging.disable(logging.WARNING + 10)  # jobs fail by the hundred here, as they are told
    asyncio.run(run())


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
