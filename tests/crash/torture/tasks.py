"""The jobs of the torture: each carries a stamp of what it is, and ends as its kind says.

A stamp is made of the job's id and all else that its row says of it. The job checks it at its first line and returns it, and
the judge checks it in the row and in the result: content that is not what was enqueued shows, however whole the file is.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asyncjobs import Cancel, JobContext, Jobs, Retry, Snooze
from asyncjobs.job import State, Survives
from tests.crash.torture.ledger import Ledger

QUIT = 70  # the exit status of a process that a job has ended
RESERVED = "reserved"  # the queue that always has free slots, and is never paused: take-overs are measured there
RESERVED_SLOTS = 100
QUEUES = {"default": 12, "side": 4, RESERVED: RESERVED_SLOTS}
SURVIVES: tuple[Survives, ...] = ("power", "crash")  # what is acknowledged before it is written can't be held to account

GOOD, BAD = State.SUCCEEDED, State.FAILED


@dataclass(frozen=True, slots=True)
class Kind:
    """What a job does: of so many enqueued jobs it is one with this weight; `ends` is how it ends if nobody interferes."""

    weight: float
    ends: State


KINDS: Mapping[str, Kind] = {
    "ok": Kind(70, GOOD),
    "fails-once": Kind(8, GOOD),
    "fails": Kind(4, BAD),
    "hangs": Kind(1.5, BAD),
    "snoozes": Kind(6, GOOD),
    "gives-up": Kind(3, State.CANCELLED),
    "thinks": Kind(4, GOOD),  # in a thread
    "blocks": Kind(0.6, GOOD),  # the loop
}
LONG = "long"  # on the reserved queue; enqueued by a producer of its own
DEADLY: Mapping[str, Kind] = {"quits": Kind(0.15, GOOD)}  # ends its process at the first attempt
RARE: Mapping[str, Kind] = {  # each costs the processes seconds of quiet: for runs that have them
    "quits-twice": Kind(0.01, GOOD),
    "poison": Kind(0.005, BAD),
}
ALL: Mapping[str, Kind] = {**KINDS, **DEADLY, **RARE, LONG: Kind(0, GOOD)}

_QUITS = {"quits": 1, "quits-twice": 2, "poison": 99}  # so many crashes


def stamp_of(id: str, kind: str, seconds: float, padding: str) -> str:
    return hashlib.sha256(f"{id} {kind} {seconds} {padding}".encode()).hexdigest()[:24]


class Tasks:
    """The tasks of one `Jobs`, one for each promise of survival, and where they write."""

    def __init__(self, jobs: Jobs, ledger: Ledger) -> None:
        self._ledger = ledger
        retry = Retry(attempts=4, backoff=0.05)
        self.act = {
            survives: jobs.task(name=f"act.{survives}", survives=survives, retry=retry)(self._act) for survives in SURVIVES
        }
        self.think = jobs.task(name="think", retry=retry)(self._think)
        self.hang = jobs.task(name="hang", retry=Retry(attempts=2, backoff=0.05), timeout=0.15)(self._act)

    def of(self, kind: str, survives: Survives) -> Any:
        return {"thinks": self.think, "hangs": self.hang}.get(kind, self.act[survives])

    async def _act(self, ctx: JobContext, kind: str, seconds: float, padding: str, stamp: str) -> str:
        with self._attempt(ctx, kind, seconds, padding, stamp):
            match kind:
                case "fails":
                    raise OSError("as ever")
                case "fails-once" if ctx.attempt == 1:
                    raise OSError("once")
                case "snoozes" if random.Random(f"{ctx.id} {ctx._job.token}").random() < 0.5:
                    raise Snooze(0.05)
                case "gives-up":
                    raise Cancel("no more")
                case "hangs":
                    await asyncio.sleep(3600)
                case "blocks":
                    time.sleep(seconds)  # noqa: ASYNC251  # this is what it is for
                case "quits" | "quits-twice" | "poison" if ctx._job.crashes < _QUITS[kind]:
                    await asyncio.sleep(seconds)
                    self._ledger.write("quit")
                    os._exit(QUIT)
                case "long" if ctx._job.crashes:  # a second crash in a row would only hold everybody up
                    pass
                case _:
                    await asyncio.sleep(seconds)
            return stamp

    def _think(self, ctx: JobContext, kind: str, seconds: float, padding: str, stamp: str) -> str:
        with self._attempt(ctx, kind, seconds, padding, stamp):
            time.sleep(seconds)
            return stamp

    @contextmanager
    def _attempt(self, ctx: JobContext, kind: str, seconds: float, padding: str, stamp: str) -> Iterator[None]:
        """The attempt's first line and its last."""
        job = ctx._job
        true = stamp == stamp_of(ctx.id, kind, seconds, padding)
        self._ledger.write("start", job.id, job.token, job.queue, kind, job.crashes, true)
        try:
            yield
        finally:
            self._ledger.write("end", job.id, job.token)
