"""The process whose disk is recorded: `python -m tests.crash.power.child FOLDER --load seam --seed 1`."""

from __future__ import annotations

import argparse
import asyncio
import random
from pathlib import Path
from unittest import mock

from asyncjobs.store.sqlite import log
from tests.crash.power import app, load
from tests.crash.power.canaries import CUTS
from tests.crash.power.marked import MarkedStore
from tests.crash.power.recording import Recorder
from tests.crash.power.vfs import Interposer

CHANGES = 150  # rows between checkpoints, so that a short load passes many
LOG = 64 << 10  # bytes that the log may grow by, and that it is cut to
LOADS = {"seam": load.work, "app": app.work}


def record(folder: Path, name: str, seed: int) -> None:
    recorder = MarkedStore.recorder = Recorder()
    interposer = Interposer(recorder)
    with (
        mock.patch.object(log, "CHECKPOINT_CHANGES", CHANGES),
        mock.patch.object(log, "LOG_GROWTH", LOG),
        mock.patch.object(log, "LOG_KEPT", LOG),
    ):
        asyncio.run(LOADS[name](folder / "jobs.db", random.Random(seed)))
    interposer.check()
    recorder.save(folder / "recording")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.power.child", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--load", choices=LOADS, default="seam")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--canary", choices=CUTS, default="none")
    options = parser.parse_args()
    with CUTS[options.canary]():
        record(options.folder, options.load, options.seed)


if __name__ == "__main__":
    main()
