"""Twenty thousand jobs through one process, as `python -m tests.crash.million` does with a million; and its canaries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.crash.bounds import broken
from tests.crash.footprint import KNOWN
from tests.crash.million.judge import judge
from tests.crash.million.measure import CANARIES, Plan, run

pytestmark = pytest.mark.skipif(not KNOWN, reason="reads /proc")


def _broken(folder: Path, jobs: int, *, canaries: Sequence[str] = ()) -> set[str]:
    plan = Plan(jobs, longest_wait=0.5, prune_within=0.5 if "kept" in canaries else 30.0, rest=0.4, within=120, canaries=canaries)
    return {bound.what for bound in broken(judge(run(folder, plan), plan))}


def test_many_jobs_leave_nothing_in_memory_on_disk_or_behind(tmp_path: Path) -> None:
    assert _broken(tmp_path, 20_000) == set()


def test_the_measurement_sees_what_is_kept_in_memory_on_disk_and_behind(tmp_path: Path) -> None:
    assert _broken(tmp_path, 2_000, canaries=CANARIES) == {
        "peak of memory over after the warm-up",
        "memory at the end over after the warm-up",
        "ended jobs left in the file",
        "file after the end",
        "threads left behind",
        "tasks left behind",
        "descriptors left behind",
        "files left behind",
    }
