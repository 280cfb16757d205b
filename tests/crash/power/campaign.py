"""One campaign: record each load in a child, cut it in many places, and judge what is left."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.power import cuts, recording
from tests.crash.power.disk import Disk
from tests.crash.power.judge import Fault, Finding, judge
from tests.crash.power.ladder import Ledger

ROOT = Path(__file__).resolve().parents[3]
WITHIN = 120.0  # seconds, for a child that takes about two
KEPT = (0.0, 0.3, 0.7, 0.95, 1.0)  # of what was not synced: none, some, most, nearly all, everything
VARIANTS = 4  # images of one cut
SHARES = {"seam": 3, "app": 1}  # of the images
SHOWN = 10  # findings that are told one by one
ENOUGH = {
    "acknowledged power": 200,
    "acknowledged crash": 50,
    "checkpoints": 20,
    "resets": 10,
    "tokens": 100,
}  # else nothing is proved


@dataclass(slots=True)
class Result:
    """What a campaign has done and found."""

    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[Fault] = field(default_factory=Counter)  # images that have it
    findings: list[str] = field(default_factory=list)

    @property
    def too_little(self) -> Mapping[str, int]:
        """Of what there was not enough to prove anything."""
        return {what: self.counts[what] for what, least in ENOUGH.items() if self.counts[what] < least}

    @property
    def passed(self) -> bool:
        return not self.faults and not self.too_little

    def sentence(self) -> str:
        count = self.counts
        return (
            f"seed {self.seed}: {count['operations']} recorded operations, {count['images']} images ({count['cuts']} cuts), "
            f"{count['checkpoints']} checkpoints, {count['resets']} logs begun anew; {count['acknowledged power']} acknowledged power / "
            f"{count['acknowledged crash']} crash, {count['tokens']} tokens; images with a fault: "
            + ", ".join(f"{fault} {self.faults[fault]}" for fault in Fault)
        )


async def run(seed: int, images: int, canary: str = "none") -> Result:
    """Raises when a child fails; what is wrong with an image is in the result."""
    result, chance = Result(seed), random.Random(seed)
    shares = sum(SHARES.values())
    for load, share in SHARES.items():
        events = record(load, chance.getrandbits(32), canary)
        ledger = Ledger(events)
        result.counts.update(_proof(events, ledger))
        places = cuts.choose(events, math.ceil(images * share / shares / VARIANTS), chance)
        disk, followed = Disk(), 0
        for cut in places:
            disk.follow(events[followed:cut])
            followed = cut
            result.counts["cuts"] += 1
            for keep in chance.sample(KEPT, VARIANTS):
                result.counts["images"] += 1
                findings = await judge(disk.after_cut(chance, keep), ledger, cut)
                _note(result, findings, f"{load}, cut {cut}, keeping {keep}")
    return result


def record(load: str, seed: int, canary: str) -> Sequence[recording.Event]:
    """What a child that carries out this load has written."""
    with tempfile.TemporaryDirectory(prefix="asyncjobs-power-") as folder:
        command = [sys.executable, "-m", "tests.crash.power.child", folder]
        command += ["--load", load, "--seed", str(seed), "--canary", canary]
        child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN)
        if child.returncode:
            raise RuntimeError(f"the recorded child failed: {' '.join(command)}\n{child.stderr[-6000:]}")
        return recording.load(Path(folder) / "recording")


def _proof(events: Sequence[recording.Event], ledger: Ledger) -> dict[str, int]:
    return {
        "operations": cuts.operations(events),
        "checkpoints": cuts.checkpoints(events),
        "resets": cuts.resets(events),
        "acknowledged power": ledger.acknowledged("power"),
        "acknowledged crash": ledger.acknowledged("crash"),
        "tokens": len(ledger.issued),
    }


def _note(result: Result, findings: Sequence[Finding], where: str) -> None:
    result.faults.update({finding.fault for finding in findings})
    result.findings += [
        f"{where}: {finding.fault}: {finding.detail[:300]}" for finding in findings[: SHOWN - len(result.findings)]
    ]
