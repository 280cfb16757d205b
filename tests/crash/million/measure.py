"""Starts the process, and looks at it until it has ended."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.footprint import Footprint, Sampler, footprint

PACE = 0.1  # seconds between samples
CANARIES = ("memory", "kept", "left")  # what each does: hoards, prunes nothing, leaves something behind


@dataclass(frozen=True, slots=True)
class Plan:
    """longest_wait: seconds that a timer in the process may take; prune_within: seconds for all the pruning after the drain;
    rest: seconds for which it is left alone to be looked at; within: seconds for everything.
    """

    jobs: int
    longest_wait: float
    prune_within: float
    rest: float
    within: float
    canaries: Sequence[str] = ()


@dataclass(slots=True)
class Course:
    """stages: name → monotonic second at which it began. facts: what the process said of itself at its end.
    closed: bytes of the database after it.
    """

    samples: list[tuple[str, Footprint]] = field(default_factory=list)  # with the stage that each fell into
    stages: dict[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    closed: int = 0

    def of(self, *stages: str) -> Sequence[Footprint]:
        """The samples of these stages, of all when none is named."""
        return [sample for stage, sample in self.samples if not stages or stage in stages]

    def seconds(self, stage: str, until: str) -> float:
        return self.stages[until] - self.stages[stage]


def run(folder: Path, plan: Plan) -> Course:
    """Raises RuntimeError when the process failed or took too long."""
    database = folder / "jobs.db"
    command = [
        sys.executable, "-m", "tests.crash.million.child", str(database), "--jobs", str(plan.jobs),
        "--longest-wait", str(plan.longest_wait), "--prune-within", str(plan.prune_within), "--rest", str(plan.rest),
        "--canaries", *plan.canaries,
    ]  # fmt: skip
    course = Course()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        deadline = threading.Timer(plan.within, process.kill)
        deadline.start()
        try:
            _follow(process, database, course)
        finally:
            deadline.cancel()
            process.kill()
    if "ended" not in course.stages or process.returncode != 0:
        raise RuntimeError(f"the process ended with {process.returncode}, in stage {list(course.stages)[-1:]}")
    course.closed = database.stat().st_size
    return course


def _follow(process: subprocess.Popen[str], database: Path, course: Course) -> None:
    stage = ""

    def take() -> None:
        try:
            taken = footprint(process.pid, database)
        except (FileNotFoundError, ProcessLookupError):
            return  # it has ended, and we are about to be told
        course.samples.append((stage, taken))

    assert process.stdout is not None
    with Sampler(take, PACE):
        for line in process.stdout:
            said = json.loads(line)
            stage = said.pop("stage")
            course.stages[stage] = said.pop("at")
            course.facts = said
        process.wait()
