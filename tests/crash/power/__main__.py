"""`python -m tests.crash.power --images 1000`: what a power cut can leave, and whether anything acknowledged is missing in it."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from pathlib import Path

from tests.crash.ending import end, end_canary
from tests.crash.power import campaign
from tests.crash.power.canaries import CUTS
from tests.crash.power.judge import Fault
from tests.crash.power.vfs import Interposer, Unsynced


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.power", description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="disks to rebuild and judge")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--canary", choices=CUTS, default="none", help="remove a guard, and see whether the campaign notices")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there too")
    options = parser.parse_args()
    interposer = Interposer(Unsynced())  # here stores are only judged; the one that is cut lives in a child
    with CUTS[options.canary]():
        result = asyncio.run(campaign.run(options.seed, options.images, options.canary))
    interposer.check()
    print(*result.findings, sep="\n", end="\n" if result.findings else "")
    print(result.sentence())
    if result.too_little:
        print(f"too little to prove anything: {dict(result.too_little)}, where {campaign.ENOUGH} are needed")
    if options.json is not None:
        faults = {fault.value: result.faults[fault] for fault in Fault}
        options.json.write_text(json.dumps({"seed": result.seed, **result.counts, "faults": faults, "passed": result.passed}))
    if options.canary != "none":
        return end_canary(options.canary, seen=bool(result.findings))
    return end(result.passed)


if __name__ == "__main__":
    sys.exit(main())
