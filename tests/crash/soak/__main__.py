"""`python -m tests.crash.soak --minutes 20`: a mixed load on a real server, and whether anything drifts."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.crash.bounds import broken, record
from tests.crash.ending import end, end_canary
from tests.crash.footprint import KNOWN
from tests.crash.soak.judge import Quarter, judge, quarters
from tests.crash.soak.run import CANARIES, Plan, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=300.0, help="jobs enqueued a second")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="for the mix")
    parser.add_argument(
        "--canary", choices=CANARIES, default="none", help="have the app do something wrong, and see whether this notices"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures and every sample there too")
    options = parser.parse_args()
    if not KNOWN:
        print("this program reads /proc, which this system does not have")
        return 2
    plan = Plan(options.minutes * 60, options.rate, options.seed, options.canary)
    print(f"seed {plan.seed}: {plan.rate:g} jobs/s for {options.minutes:g} minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="asyncjobs-soak-") as folder:
        course = run(Path(folder), plan)
    bounds = judge(course, plan)
    print("", *_table(quarters(course.samples)), "", *bounds, "", sep="\n")
    if options.json is not None:
        samples = [{**asdict(sample.held), **sample.said, "bare": sample.bare} for sample in course.samples]
        options.json.write_text(json.dumps({"plan": asdict(plan), "bounds": record(bounds), "samples": samples}))
    failed = broken(bounds)
    totals = course.totals
    print(
        f"seed {plan.seed}: {course.acknowledged.total():,} acknowledged, "
        f"{course.acknowledged.total() - totals['succeeded'] - totals['failed'] - totals['cancelled']} lost, "
        f"{totals['succeeded']:,} succeeded, {totals['failed']:,} failed, {totals['cancelled']:,} cancelled, "
        f"{totals['failures']:,} failed attempts; {len(failed)} bounds not kept"
    )
    if options.canary != "none":
        return end_canary(options.canary, seen=bool(failed))
    return end(not failed)


def _table(every: Sequence[Quarter]) -> list[str]:
    names = list(asdict(every[0]))
    heads = [name.replace("_", " ") for name in names]
    lines = [f"{'quarter':<8}" + "".join(f"{head:>15}" for head in heads) + "   (ms, MiB)"]
    for number, quarter in enumerate(every, 1):
        lines.append(f"{number:<8}" + "".join(f"{getattr(quarter, name):>15.2f}" for name in names))
    return lines


if __name__ == "__main__":
    sys.exit(main())
