"""One, two and four processes on one file, each of which enqueues and runs jobs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.files import Files
from tests.bench.mark import at_least, at_most
from tests.bench.row import Row
from tests.bench.scale import Scale

COUNTS = (2, 4)  # beside one
SHARE = 0.4  # of the mean, that the least busy process has to do at least
WORST = 250.0  # ms
KEPT = 0.95  # of one process's total: "does not fall", as well as this machine can tell


class Crowd:
    """What each of some processes did in the same seconds."""

    def __init__(self, did: Sequence[dict[str, float]], seconds: float) -> None:
        self._done = [one["enqueued"] + one["ran"] for one in did]
        self.total = sum(self._done) / seconds  # jobs acknowledged and jobs begun, a second
        self.worst = max(one["worst"] for one in did)  # ms
        self.cpu = sum(one["cpu"] for one in did) / sum(self._done) * 2e6  # µs of a job, enqueued and run

    @property
    def least_share(self) -> float:
        """Of the process that did least, against the mean."""
        return min(self._done) / statistics.mean(self._done)


def measure(scale: Scale, files: Files) -> list[Row]:
    rounds = [{count: crowd(count, files.empty(), scale.loaded) for count in (1, *COUNTS)} for _ in range(scale.runs)]
    rows = []
    for count in COUNTS:
        crowds = [of_count[count] for of_count in rounds]
        rows += [
            Row(
                f"workers.{count}-total", f"{count} processes: enqueued and begun, together", "/s",
                [one.total for one in crowds], [of_count[1].total for of_count in rounds],
                statistics.median(one.cpu for one in crowds), [at_least(KEPT, "ratio")], beside="one process",
            ),
            Row(
                f"workers.{count}-share", f"{count} processes: least share, of the mean", "",
                [one.least_share for one in crowds], bars=[at_least(SHARE, "low")],
            ),
            Row(
                f"workers.{count}-worst", f"{count} processes: slowest enqueue", "ms", [one.worst for one in crowds],
                [of_count[1].worst for of_count in rounds], bars=[at_most(WORST, "high")], beside="one process",
            ),
        ]  # fmt: skip
    return rows


def crowd(count: int, database: Path, seconds: float) -> Crowd:
    command = [sys.executable, "-m", "tests.bench.worker", str(database), str(seconds)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{' '.join(command)} did not start")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        did = [json.loads(process.communicate(timeout=seconds + 60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return Crowd(did, seconds)
