"""`python -m tests.crash.power.sweep`: let the n-th operation of each kind fail, for n after n, and see that nobody was lied to."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import secrets
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from asyncjobs.store.sqlite import log
from tests.crash.ending import end, end_canary
from tests.crash.power.canaries import SWEEP
from tests.crash.power.faults import KINDS, Fault, Kind
from tests.crash.power.trial import Trial, attempt
from tests.crash.power.vfs import Interposer, Unsynced

TIMES = (1, 20)  # once, and for a while
CHANGES, LOG = 60, 32 << 10  # rows and bytes between checkpoints, for a load of a few hundred rows
SHOWN = 10
ENOUGH = 0.5  # of the points must have struck, or the sweep has missed the load


@dataclass(slots=True)
class Result:
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    def note(self, where: str, trial: Trial) -> None:
        self.counts.update(points=1, struck=bool(trial.struck), acknowledged=trial.acknowledged, bad=bool(trial.findings))
        self.told += trial.told
        self.findings += [f"{where}: {finding[:300]}" for finding in trial.findings]

    @property
    def passed(self) -> bool:
        return not self.findings and self.counts["struck"] >= ENOUGH * self.counts["points"] > 0

    def sentence(self) -> str:
        told = ", ".join(f"{count} {error}" for error, count in sorted(self.told.items()) if count) or "nobody"
        return (
            f"seed {self.seed}: {self.counts['points']} fault points ({self.counts['struck']} struck), {self.counts['acknowledged']} "
            f"inserts acknowledged, refused: {told}; points with a finding: {self.counts['bad']}"
        )


class Errors(logging.Handler):
    """What the library itself calls an error in its log: a fault of the disk is none, a bug of ours is."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"logged: {record.getMessage()} {record.exc_info and record.exc_info[1]!r}")


async def sweep(interposer: Interposer, kinds: Sequence[Kind], points: int, seed: int) -> Result:
    """For each kind, `points` operations spread over those of a sound run, each failing once and for a while."""
    result, errors = Result(seed), Errors()
    log = logging.getLogger("asyncjobs.store")
    log.addHandler(errors)
    log.propagate = False
    sound = await attempt(interposer, None, seed)
    result.note("without any fault", sound)
    for kind in kinds:
        count = sound.seen[kind.operation]
        for first in sorted({1 + index * count // points for index in range(points)}):
            for times in TIMES:
                trial = await attempt(interposer, Fault(kind, first, times), seed)
                trial.findings += errors.messages
                errors.messages.clear()
                result.note(f"{kind.operation} {first} of {count} fails {times} times ({kind.damage})", trial)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.power.sweep", description=__doc__)
    parser.add_argument("--kind", action="append", choices=KINDS, help="of fault; all by default")
    parser.add_argument("--points", type=int, default=60, help="operations of each kind that fail")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--canary", choices=SWEEP, default="none", help="remove a guard, and see whether the sweep notices")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there too")
    options = parser.parse_args()
    interposer = Interposer(Unsynced())
    with (
        SWEEP[options.canary](),
        mock.patch.object(log, "CHECKPOINT_CHANGES", CHANGES),
        mock.patch.object(log, "LOG_GROWTH", LOG),
        mock.patch.object(log, "LOG_KEPT", LOG),
    ):
        kinds = [KINDS[name] for name in options.kind or KINDS]
        result = asyncio.run(sweep(interposer, kinds, options.points, options.seed))
    interposer.check()
    print(*result.findings[:SHOWN], sep="\n", end="\n" if result.findings else "")
    print(result.sentence())
    if options.json is not None:
        options.json.write_text(json.dumps({"seed": result.seed, **result.counts, "told": result.told, "passed": result.passed}))
    if options.canary != "none":
        return end_canary(options.canary, seen=bool(result.findings))
    return end(result.passed)


if __name__ == "__main__":
    sys.exit(main())
