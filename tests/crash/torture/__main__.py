"""`python -m tests.crash.torture --seconds 600 --processes 4`: several processes on one file, and whether every promise holds."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from pathlib import Path

from tests.crash.ending import end
from tests.crash.torture import campaign, canaries


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of torture; the drain comes after it")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--seed", default=str(secrets.randbits(32)))
    parser.add_argument("--canary", choices=canaries.CANARIES, help="show what is seen with this guard, and without it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    if options.canary is not None:
        answer = canaries.CANARIES[options.canary](options.seed)
        print(answer)
        if options.json is not None:
            options.json.write_text(json.dumps({"seed": options.seed, "canary": options.canary, **answer.as_json()}))
        return 0 if answer.passed else 1
    result = campaign.run(options.seed, options.processes, options.seconds)
    print(result)
    if options.json is not None:
        options.json.write_text(json.dumps(result.as_json()))
    return end(result.passed)


if __name__ == "__main__":
    sys.exit(main())
