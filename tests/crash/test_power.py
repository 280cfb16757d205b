"""Power cuts, rebuilt from what was written: the disk forgets any part of what was not synced, and nothing acknowledged is missing."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crash.power.disk import Disk
from tests.crash.power.recording import Created, Deleted, FolderSynced, Synced, SyncFailed, Truncated, Written
from tests.crash.server import WITHIN

SEED = 20261124
IMAGES, CANARY_IMAGES = 150, 84


def campaign(folder: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    """`python -m tests.crash.power` with these options: its exit status, its counts, what it has printed."""
    counts = folder / "counts.json"
    command = [sys.executable, "-m", "tests.crash.power", "--seed", str(SEED), "--json", str(counts), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * WITHIN)
    assert counts.exists(), done.stderr
    return done.returncode, json.loads(counts.read_text()), done.stdout


def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    status, counts, said = campaign(tmp_path, "--images", str(IMAGES))
    print(said)
    assert not any(counts["faults"].values()), said
    assert status == 0, said
    assert counts["images"] >= IMAGES


@pytest.mark.parametrize(("canary", "fault"), [("never-synced", "lost"), ("without-floor", "issued twice")])
def test_the_campaign_sees_that_a_guard_is_missing(tmp_path: Path, canary: str, fault: str) -> None:
    status, counts, said = campaign(tmp_path, "--images", str(CANARY_IMAGES), "--canary", canary)
    assert counts["faults"][fault] > 0, said
    assert status == 0, said


# --- the rebuilt disk ----------------------------------------------------------------------------------------------------


def left(disk: Disk, keep: float = 0.0, seed: int = 0) -> dict[str, bytes]:
    return disk.after_cut(random.Random(seed), keep)


def disk_of(*events: Any) -> Disk:
    disk = Disk()
    disk.follow([Created("f", 1), FolderSynced(), *events])
    return disk


def test_what_was_synced_stays_and_the_rest_may_go() -> None:
    disk = disk_of(Written(1, 0, b"aaaa"), Synced(1), Written(1, 2, b"bb"), Truncated(1, 3))
    assert left(disk) == {"f": b"aaaa"}
    assert left(disk, keep=1.0) == {"f": b"aab"}


def test_a_later_write_may_survive_an_earlier() -> None:
    disk = disk_of(Written(1, 0, b"a"), Written(1, 1, b"b"))
    assert {left(disk, 0.5, seed)["f"] for seed in range(50)} == {b"", b"a", b"\0b", b"ab"}


def test_a_write_may_be_torn_between_sectors() -> None:
    disk = disk_of(Written(1, 0, bytes(1024)), Synced(1), Written(1, 256, b"x" * 512))
    whole, first, second = b"x" * 512, b"x" * 256 + bytes(256), bytes(256) + b"x" * 256
    assert {left(disk, 0.9, seed)["f"][256:768] for seed in range(100)} == {bytes(512), whole, first, second}


def test_after_a_failed_sync_a_later_one_does_not_bring_the_pages_back() -> None:
    disk = disk_of(Written(1, 0, b"aa"), SyncFailed(1), Written(1, 0, b"b"), Synced(1))
    assert left(disk, keep=1.0) == {"f": b"b"}


def test_a_name_comes_and_goes_for_sure_with_the_folders_sync() -> None:
    disk = disk_of(Written(1, 0, b"old"), Synced(1), Deleted("f"), Created("f", 2), Written(2, 0, b"new"), Synced(2))
    assert {tuple(left(disk, 0.5, seed).items()) for seed in range(50)} == {(("f", b"old"),), (("f", b"new"),), ()}
    disk.follow([FolderSynced()])
    assert left(disk) == {"f": b"new"}
