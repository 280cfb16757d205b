"""Kills the app again and again, and judges what is left: `python -m tests.crash.kills --kills 500 --each-point 3`.

The lives of the app are forked from this process, which has imported everything: a restart is measured without the
interpreter's own start. Linux only, as are the process handles that it waits on.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.ending import end, end_canary
from tests.crash.kills.campaign import Campaign, Tally
from tests.crash.kills.canaries import CANARIES
from tests.crash.kills.judge import Verdict, judge
from tests.crash.kills.life import Failed
from tests.crash.kills.points import POINTS, Arm

KILLS_A_FOLDER = 100  # bounds the database that a judge reads
ENOUGH = 50  # acknowledged enqueues a kill: fewer prove nothing
MIDWAY_DELAY = 0.002  # seconds, at most
SHOWN = 5  # findings of one invariant that are printed


@dataclass
class Result:
    """Of all folders together."""

    seed: int
    each_point: int  # kills that are due at each point
    tally: Tally = field(default_factory=Tally)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0

    @property
    def broken(self) -> int:
        """Failures so far, apart from what is still to come."""
        return len(self.tally.failures) + len(self.verdict.findings)

    @property
    def failures(self) -> list[str]:
        failures = [*self.tally.failures, *map(str, self.verdict.findings)]
        if self.verdict.acknowledged < ENOUGH * self.tally.kills:
            failures.append(f"{self.verdict.acknowledged} acknowledged enqueues at {self.tally.kills} kills prove too little")
        if not self.tally.kills:
            failures.append("nothing was killed")
        for point in POINTS:
            if self.tally.point_kills[point.name] < self.each_point:
                failures.append(f"{point.name}: {self.tally.point_kills[point.name]} of {self.each_point} kills")
        return failures

    def __str__(self) -> str:
        tally, verdict = self.tally, self.verdict
        others = tally.poisoned + tally.preparing + tally.missed
        return (
            f"seed {self.seed}: {tally.random_kills} random kills, {tally.point_kills.total()} kills at "
            f"{len(tally.point_kills)} of {len(POINTS)} points, {others} other kills, "
            f"{verdict.acknowledged} acknowledged, {verdict.lost} lost, {verdict.attempts} attempts, {verdict.twice} finished twice, "
            f"{verdict.never_begun} claimed and never begun, {verdict.killed_their_process} lone suspects found guilty, "
            f"{verdict.worst_stood} running at the first request, "
            f"callers at a kill {min(tally.callers, default=0)} or more, slots busy {_mean(tally.shares):.0%} on average, "
            f"worst restart to first request {tally.first_answer:.2f} s, "
            f"worst time until dead jobs were back {verdict.worst_back:.2f} s, {len(self.failures)} failures, {self.seconds:.0f} s"
        )


def main() -> int:
    options = _options()
    print(f"seed {options.seed}", flush=True)
    result = Result(options.seed, options.each_point)
    began = time.monotonic()
    folders = _folders(options)
    for number, (kills, arms, poison) in enumerate(folders, 1):
        folder = Path(tempfile.mkdtemp(prefix="asyncjobs-kills-", dir=options.data))
        broken = result.broken
        _one_folder(folder, options, number, kills, arms, poison, result)
        if result.broken == broken and not options.keep:
            shutil.rmtree(folder)
        else:
            print(f"kept {folder}", flush=True)
        result.seconds = time.monotonic() - began
        print(
            f"folder {number} of {len(folders)}: {result.tally.kills} kills, {result.verdict.acknowledged} acknowledged, "
            f"{result.verdict.lost} lost, {result.broken} failures, {result.seconds:.0f} s",
            flush=True,
        )
        if result.tally.failures:
            break
    _tell(result, options.json)
    if options.canary:
        return end_canary(options.canary, seen=bool(result.verdict.findings))
    return end(not result.failures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash.kills", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=500, help="at random moments (%(default)s)")
    parser.add_argument("--each-point", type=int, default=3, help="at each named point (%(default)s)")
    parser.add_argument("--poison", type=int, default=3, help="jobs that kill their own process (%(default)s)")
    parser.add_argument(
        "--window", type=float, default=0.8, help="seconds of full load within which a random kill falls (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--echo", action="store_true", help="tell the store each attempt's end twice, which must change nothing")
    parser.add_argument(
        "--canary",
        default="",
        choices=sorted(CANARIES),
        help="break this in the app, and see whether the campaign notices (unfenced finish: with --echo)",
    )
    parser.add_argument("--data", type=Path, help="where the folders are made (the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the folders of those that hold, too")
    parser.add_argument("--json", type=Path, help="write the figures here")
    return parser.parse_args()


def _folders(options: argparse.Namespace) -> list[tuple[int, list[Arm], int]]:
    """Random kills, armed points and poison jobs, dealt out to as many folders as keep each small."""
    chance = random.Random(options.seed)
    arms = [arm for point_arms in (_arms(chance, options.each_point)) for arm in point_arms]
    count = max(1, round((options.kills + len(arms)) / KILLS_A_FOLDER))
    return [
        (len(range(number, options.kills, count)), arms[number::count], len(range(number, options.poison, count)))
        for number in range(count)
    ]


def _arms(chance: random.Random, times: int) -> list[list[Arm]]:
    """Each point so often, at different passings where one life passes it more than once."""
    arms = []
    for point in POINTS:
        passings = chance.sample(range(1, point.most + 1), min(times, point.most))
        passings += chance.choices(range(1, point.most + 1), k=times - len(passings))
        arms.append([Arm(point, passing, chance.uniform(0.0, MIDWAY_DELAY)) for passing in passings])
    return arms


def _one_folder(
    folder: Path, options: argparse.Namespace, number: int, kills: int, arms: list[Arm], poison: int, result: Result
) -> None:
    seed = options.seed + 1_000_003 * number
    campaign = Campaign(folder, seed, window=options.window, echo=options.echo, canary=options.canary)
    try:
        campaign.run(kills, arms, poison)
    except Failed as failure:
        campaign.tally.failures.append(str(failure))
    finally:
        campaign.close()
    _add(result.tally, campaign.tally)
    result.verdict.add(judge(folder))


def _add(total: Tally, tally: Tally) -> None:
    total.random_kills += tally.random_kills
    total.point_kills += tally.point_kills
    total.poisoned += tally.poisoned
    total.preparing += tally.preparing
    total.missed += tally.missed
    total.failures += tally.failures
    total.shares += tally.shares
    total.callers += tally.callers
    total.first_answer = max(total.first_answer, tally.first_answer)
    total.drained = max(total.drained, tally.drained)


def _tell(result: Result, json_file: Path | None) -> None:
    shown: Counter[str] = Counter()
    for failure in result.failures:
        invariant = failure.partition(":")[0]
        shown[invariant] += 1
        if shown[invariant] <= SHOWN:
            print(f"FAILED: {failure}")
    for invariant, count in shown.items():
        if count > SHOWN:
            print(f"... and {count - SHOWN} more: {invariant}")
    print(result)
    if json_file is not None:
        figures = {
            **vars(result.tally),
            **vars(result.verdict),
            "seed": result.seed,
            "seconds": result.seconds,
            "failures": result.failures,
        }
        figures["each_point"] = result.each_point
        del figures["findings"]  # they are among the failures
        json_file.write_text(json.dumps(figures, indent=1))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


if __name__ == "__main__":
    sys.exit(main())
