"""SIGKILL under load, at random moments and at every named point: a selection of `python -m tests.crash.kills`.

The campaign is a process of its own, since it forks the app's lives from itself. The judge's own tests stand beside it, in
kills/test_judge.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.kills.points import POINTS

SEED = "20261124"
WITHIN = 400.0  # seconds; for machines that are busy with something else
# What is broken in the app, the invariant that must be found broken, and after how many kills.
CANARIES = {
    "unfenced finish": ("no attempt finishes twice", 2),
    "acknowledged before commit": ("acknowledged jobs are there", 4),
    "no replay": ("replay comes before the first request", 2),
    "same token again": ("no attempt begins twice", 2),
}


def _campaign(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, figures, and what it printed."""
    figures = folder / "figures.json"
    command = [sys.executable, "-m", "tests.crash.kills", "--seed", SEED, "--data", str(folder), "--json", str(figures)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=WITHIN)
    assert figures.exists(), done.stdout + done.stderr
    return done.returncode, json.loads(figures.read_text()), done.stdout + done.stderr


def test_kills_at_random_and_at_every_point_lose_nothing_and_finish_nothing_twice(tmp_path: Path) -> None:
    status, figures, text = _campaign(tmp_path, "--kills", "15", "--each-point", "1", "--poison", "0", "--window", "0.2")
    print(*text.splitlines()[-2:], sep="\n")
    assert figures["failures"] == [], text
    assert status == 0
    assert figures["random_kills"] == 15
    assert figures["point_kills"] == dict.fromkeys((point.name for point in POINTS), 1)
    assert (figures["lost"], figures["twice"], figures["worst_stood"]) == (0, 0, 0)


def test_telling_each_end_twice_changes_nothing(tmp_path: Path) -> None:
    """What the unfenced canary needs to be seen is harmless with the fence."""
    status, figures, text = _few_kills(tmp_path)
    assert figures["failures"] == [], text
    assert status == 0


@pytest.mark.parametrize("canary", CANARIES)
def test_the_harness_sees_what_is_broken(canary: str, tmp_path: Path) -> None:
    invariant, kills = CANARIES[canary]
    status, figures, text = _few_kills(tmp_path, "--canary", canary, "--kills", str(kills))
    assert any(failure.startswith(f"{invariant}: ") for failure in figures["failures"]), text
    assert status == 0, text


def _few_kills(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    return _campaign(folder, "--kills", "2", "--each-point", "0", "--poison", "0", "--window", "0.1", "--echo", *options)
