"""`python -m tests.crash.million`: a million jobs enqueued, drained and pruned in one process, and what that left in it."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from tests.crash.bounds import broken, record
from tests.crash.ending import end, end_canary
from tests.crash.footprint import KNOWN, MIB
from tests.crash.million.judge import judge
from tests.crash.million.measure import CANARIES, Course, Plan, run

PRUNED_A_SECOND = 2_000  # jobs at the very least, after the minute that the janitor may sleep
DONE_A_SECOND = 1_000  # enqueued, run and pruned: for giving up only


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.million", description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument(
        "--canary",
        dest="canaries",
        choices=CANARIES,
        nargs="*",
        default=[],
        help="have the process do something wrong, and see whether this notices",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    if not KNOWN:
        print("this program reads /proc, which this system does not have")
        return 2
    plan = Plan(
        jobs=options.jobs,
        longest_wait=math.inf,
        prune_within=90 + options.jobs / PRUNED_A_SECOND,
        rest=5.0,
        within=300 + options.jobs / DONE_A_SECOND,
        canaries=options.canaries,
    )
    with tempfile.TemporaryDirectory(prefix="asyncjobs-million-") as folder:
        course = run(Path(folder), plan)
    bounds = judge(course, plan)
    print(*_progress(course, plan), "", *bounds, sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps({"jobs": plan.jobs, "stages": _stages(course), "bounds": record(bounds)}, indent=2))
    failed = broken(bounds)
    print(
        f"\n{course.facts['acknowledged']:,} jobs acknowledged, {course.facts['ran_once']:,} run once (no chance in it, so no seed): "
        f"{len(failed)} bounds not kept"
    )
    if options.canaries:
        return end_canary(", ".join(options.canaries), seen=bool(failed))
    return end(not failed)


def _stages(course: Course) -> dict[str, dict[str, float]]:
    """What each stage took, and the most that it held."""
    names = list(course.stages)
    return {
        name: {
            "seconds": course.seconds(name, after),
            "rss_mib": max((sample.rss for sample in course.of(name)), default=0) / MIB,
            "database_mib": max((sample.database for sample in course.of(name)), default=0) / MIB,
            "wal_mib": max((sample.log for sample in course.of(name)), default=0) / MIB,
            "descriptors": max((sample.descriptors for sample in course.of(name)), default=0),
            "threads": max((sample.threads for sample in course.of(name)), default=0),
        }
        for name, after in pairwise(names)
    }


def _progress(course: Course, plan: Plan) -> list[str]:
    lines = [
        f"{'':<12}{'seconds':>9}{'jobs/s':>10}{'RSS MiB':>9}{'file MiB':>10}{'wal MiB':>9}{'fds':>5}{'threads':>9}   (at most)"
    ]
    for name, held in _stages(course).items():
        rate = f"{plan.jobs / held['seconds']:,.0f}" if name in ("enqueueing", "draining", "pruning") else ""
        lines.append(
            f"{name:<12}{held['seconds']:>9.1f}{rate:>10}{held['rss_mib']:>9.1f}{held['database_mib']:>10.1f}"
            f"{held['wal_mib']:>9.1f}{held['descriptors']:>5.0f}{held['threads']:>9.0f}"
        )
    return lines


if __name__ == "__main__":
    sys.exit(main())
