"""A disk that fails below SQLite: everybody is told the truth, nothing acknowledged is missing, and the store recovers by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.server import WITHIN

SEED = 20261124
POINTS = 3  # of each kind of fault; each once and for a while. All of them: python -m tests.crash.power.sweep --points 1000
CANARY_POINTS = 30  # of ten, one to four show it, and once in a dozen runs none
LAG = 0.05  # seconds that the event loop may be late while a sync takes half a second
TRIES = 3  # on a machine that does other things: a loop that waits for the disk is late each time


def sweep(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    counts = folder / "counts.json"
    command = [sys.executable, "-m", "tests.crash.power.sweep", "--seed", str(SEED), "--json", str(counts), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * WITHIN)
    assert counts.exists(), done.stderr
    return done.returncode, json.loads(counts.read_text()), done.stdout


def scene(name: str, *options: str) -> Any:
    command = [sys.executable, "-m", "tests.crash.power.scenes", name, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_whatever_fails_nobody_is_lied_to_and_the_store_recovers(tmp_path: Path) -> None:
    status, counts, said = sweep(tmp_path, "--points", str(POINTS))
    print(said)
    assert counts["bad"] == 0, said
    assert status == 0, said
    assert counts["told"].keys() >= {"StoreFull", "StoreUnavailable"}, said


def test_the_sweep_sees_a_log_that_is_gone_on_with_after_a_failed_sync(tmp_path: Path) -> None:
    status, counts, said = sweep(tmp_path, "--kind", "sync-lost", "--points", str(CANARY_POINTS), "--canary", "log-kept")
    assert counts["bad"] > 0, said
    assert status == 0, said


@pytest.mark.parametrize(
    ("name", "canary"),
    [
        ("failed-commit", "log-kept"),
        ("failed-checkpoint", "checkpoint-unheeded"),
        ("failed-end", "pages-trusted"),
        ("failed-last", "close-unheeded"),
        ("failing-close", "close-trusted"),
    ],
)
def test_what_a_failed_sync_has_dropped_is_not_missing_from_what_is_acknowledged_later(name: str, canary: str) -> None:
    assert scene(name) == []
    assert any(line.startswith("lost: ") for line in scene(name, "--canary", canary)), "the scene proves nothing"


def test_a_slow_disk_does_not_make_the_event_loop_late() -> None:
    for _ in range(TRIES):
        seen = scene("slow-sync")
        assert seen["took"] >= 2.0, "the commits have waited for the disk"
        if seen["lag"] < LAG:
            return
    pytest.fail(f"the event loop was {seen['lag']:.3f} s late")
