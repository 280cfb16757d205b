"""The same with a guard removed: the harness must see the fault that it is for, and none where the guard stands."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.torture import resets
from tests.crash.torture.campaign import Result, judge_folder
from tests.crash.torture.parent import Parent

ROUND = 5.0  # seconds of commits beside checkpoints; one round mostly suffices
ROUNDS = 12
WORK = 2.0  # seconds
DRAIN = 15.0  # seconds
BLIND_DRAIN = 4.0  # seconds that are waited in vain; a take-over lasts less than two


@dataclass(frozen=True, slots=True)
class Canary:
    """What was seen with the guard (nothing, or `passed` is False) and without it (something, or it is)."""

    name: str
    passed: bool
    what: str

    def __str__(self) -> str:
        return f"canary {self.name}: {'as it should be' if self.passed else 'BLIND, or faulty with the guard'}; {self.what}"

    def as_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "what": self.what}


def passive(seed: str, rounds: int = ROUNDS) -> Canary:
    """Checkpoints from a timer, without the write lock: rows go back to what they were."""
    if not resets.is_vulnerable(sqlite3.sqlite_version_info):
        return Canary("passive", True, f"not applicable: SQLite {sqlite3.sqlite_version} has the WAL-reset race mended")
    commits, faults = _resets(f"{seed} guarded", guarded=True)
    if faults:
        return Canary("passive", False, f"checkpoints under the write lock broke {len(faults)} promises: {faults[0]}")
    told = f"under the write lock {commits} commits broke nothing"
    for count in range(1, rounds + 1):
        commits, faults = _resets(f"{seed} {count}", guarded=False)
        if faults:
            return Canary("passive", True, f"{told}; without it, in round {count} {commits} broke {len(faults)}, as {faults[0]}")
    return Canary("passive", False, f"{told}; without it {rounds} rounds of {ROUND:g} s broke nothing either")


def _resets(seed: str, *, guarded: bool) -> tuple[int, list[Any]]:
    with tempfile.TemporaryDirectory(prefix="asyncjobs-resets-") as folder:
        return resets.torment(Path(folder), seed, ROUND, guarded=guarded)


def flock(seed: str) -> Canary:
    """A process that has forked a child is killed: while that one lives, `flock` says that the process does."""
    real, blind = _killed(seed), _killed(seed, "flock")
    passed = not real.faults and bool(real.takeovers) and {"unfinished", "drain"} <= blind.promises.keys()
    worst = f"{real.net.worst:.2f} s" if real.takeovers else "none"
    return Canary(
        "flock",
        passed,
        f"take-over from a dead parent of a living child: {worst}, {real.faults}; with flock: {dict(blind.promises)}",
    )


def _killed(seed: str, lock: str | None = None) -> Result:
    """Two processes with forked children; one is killed in the middle of a job, for good."""

    def act(parent: Parent) -> None:
        parent.bring_up()
        parent.kill_within_a_long(0)

    return _scene(seed, act, lock, "--forks")


def lockf(seed: str) -> Canary:
    """Somebody opens and closes the lock's file in its process, as looking who lives does: plain `lockf` is dropped by that."""
    real, blind = _at_work(seed), _at_work(seed, "lockf")
    return Canary(
        "lockf",
        not real.faults and "robbed" in blind.promises,
        f"with the real lock: {real.faults}; with lockf: {dict(blind.promises)}",
    )


def _at_work(seed: str, lock: str | None = None) -> Result:
    """Two processes that nobody disturbs."""

    def act(parent: Parent) -> None:
        parent.bring_up()
        parent.let_work(WORK)

    return _scene(seed, act, lock)


def _scene(seed: str, act: Callable[[Parent], None], lock: str | None, *options: str) -> Result:
    """Two processes to whom this happens, with another lock than the real one if there is a name."""
    with_lock = () if lock is None else ("--with-lock", lock)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-canary-") as folder:
        parent = Parent(Path(folder), 2, seed, (*options, *with_lock))
        return judge_folder(Path(folder), parent, act, DRAIN if lock is None else BLIND_DRAIN)


CANARIES: Mapping[str, Callable[[str], Canary]] = {"passive": passive, "flock": flock, "lockf": lockf}
