"""Memory of a process with a million jobs queued on disk, beside one with none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.bench.files import Files, Kind
from tests.bench.mark import at_most
from tests.bench.pairs import alternate
from tests.bench.row import Row
from tests.bench.scale import Scale
from tests.crash.footprint import MIB

BAR = 20.0  # MiB
WARM = 5_000  # jobs
REST = 1.0  # seconds, a beat of the runner's


def measure(scale: Scale, files: Files) -> list[Row]:
    full = files.of(Kind.QUEUED, scale.many)  # each run adds little to it
    pairs = alternate(scale.runs, lambda: resident(full, WARM, REST), lambda: resident(files.empty(), WARM, REST))
    what = f"memory with {scale.many:,} queued"
    return [
        Row("memory", what, "MiB", [a for a, _ in pairs], [b for _, b in pairs], bars=[at_most(BAR, "excess")], beside="none")
    ]


def resident(database: Path, warm: int, rest: float) -> float:
    """MiB."""
    command = [sys.executable, "-m", "tests.bench.resident", str(database), str(warm), str(rest)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60).stdout) / MIB
