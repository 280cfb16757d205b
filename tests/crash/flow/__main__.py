"""`python -m tests.crash.flow`: cron, limits, keys, rates, unique jobs and retries of several processes on one file, judged; `--kills 200`."""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.crash.ending import end
from tests.crash.flow import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.flow", description=__doc__)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the rated jobs take")
    parser.add_argument(
        "--kills", type=int, default=0, help="so many processes get SIGKILL, one after the other, and are replaced"
    )
    parser.add_argument("--seed", default=str(secrets.randbits(32)))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    verdict = campaign.run(
        options.seed, processes=options.processes, jobs=options.jobs, seconds=options.seconds, kills=options.kills
    )
    print(verdict)
    return end(not verdict.faults)


if __name__ == "__main__":
    sys.exit(main())
