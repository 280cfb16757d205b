"""Brings the processes up, kills them if asked to, waits until all is done, and has it judged."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from asyncjobs import Jobs, Queue
from tests.crash.flow.child import DATABASE, RATE
from tests.crash.flow.judge import Verdict, judge

PATIENCE = 120.0  # seconds for what is left once nobody enqueues or kills any more


@dataclass
class Child:
    """One process, and when it died (CLOCK_MONOTONIC ns) if it was killed."""

    name: str
    process: subprocess.Popen[str]
    died_at: int | None = None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.died_at = time.monotonic_ns()


@dataclass
class Family:
    folder: Path
    seed: str
    share: int
    canary: str
    born: list[Child] = field(default_factory=list)

    def start(self, share: int) -> Child:
        name = f"p{len(self.born)}"
        command = [sys.executable, "-m", "tests.crash.flow.child", str(self.folder), name, str(share), self.seed, self.canary]
        child = Child(name, subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        self.born.append(child)
        assert child.process.stdout is not None
        with child.process.stdout as output:
            assert output.readline() == "up\n", f"{name} did not start"
        return child

    @property
    def living(self) -> list[Child]:
        return [child for child in self.born if child.process.poll() is None]


def run(seed: str, *, processes: int, jobs: int, seconds: float, kills: int, canary: str = "") -> Verdict:
    """`jobs` in all, `seconds` of rated ones among them; `kills` processes die on the way, and others take their place.

    canary: the guard that the processes go without.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-flow-") as given:
        folder = Path(given)
        family = Family(folder, seed, jobs // (processes + kills), canary)
        rated = round(RATE * seconds)
        asyncio.run(_fill(folder, rated))
        began = time.monotonic()
        try:
            for _ in range(processes):
                family.start(family.share)
            for _ in range(kills):
                time.sleep(chance.uniform(0.05, 0.4))
                chance.choice(family.living).kill()
                family.start(family.share)
            _until_done(family, began + seconds + PATIENCE)
            for child in family.living:
                child.process.send_signal(signal.SIGTERM)
            for child in family.born:
                child.process.wait(20)
        finally:
            for child in family.living:
                child.kill()
        died = {child.name: child.died_at for child in family.born}
        return judge(folder, died, kills=kills, rated=rated, wanted=jobs)


async def _fill(folder: Path, rated: int) -> None:
    """The rated jobs, before anybody works: they wait from the beginning, so that the rate is what they wait for."""
    jobs = Jobs(folder / DATABASE, queues={"rated": Queue(1)}, work=())

    @jobs.task(name="rated")
    async def work() -> None: ...

    async with jobs.running():
        await jobs.enqueue_many([work.call() for _ in range(rated)])


def _until_done(family: Family, until: float) -> None:
    """Until everybody who lives has enqueued their share, and nothing waits, but what the clock brings, or runs."""
    while time.monotonic() < until:
        enqueued = all("full" in (family.folder / f"{child.name}.events").read_text() for child in family.living)
        with closing(sqlite3.connect(f"file:{family.folder / DATABASE}?mode=ro", uri=True)) as connection:
            ((left,),) = connection.execute("SELECT count(*) FROM jobs WHERE state < 2 AND name <> 'tick'").fetchall()
        if enqueued and not left:
            return
        time.sleep(0.2)
