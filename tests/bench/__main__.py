"""Prints each figure, what stands beside it and what it should reach; exit status 1 when a bar is missed, unless `--quick`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import record, table
from tests.bench.families import FAMILIES
from tests.bench.files import Files
from tests.bench.row import Row, Verdict
from tests.bench.scale import FULL, QUICK
from tests.crash.ending import end


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="in about a minute: too little to judge by")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="NAME", help=", ".join(FAMILIES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--readme", type=Path, metavar="FILE", help=f"put the table there, between {table.BEGIN} and {table.END}")
    options = parser.parse_args()
    if options.readme is not None:
        try:
            table.around(options.readme)  # now, and not after nine minutes
        except (OSError, ValueError) as error:
            parser.error(str(error))
    logging.basicConfig(level=logging.ERROR)
    load, began = os.getloadavg()[0], time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="asyncjobs-bench-") as folder:
        rows = _measured(options.only, quick=options.quick, folder=Path(folder))
    around = record.circumstances(_command(options), time.perf_counter() - began, load)
    print(table.text(rows))
    print(f"\n{around.sentence} {around.seconds:.0f} s; load before: {load:.1f}")
    if options.json is not None:
        record.write(options.json, rows, around)
    if options.readme is not None:
        table.rewrite(options.readme, table.markdown(rows, around.sentence))
    missed = [row.what for row in rows if row.verdict is Verdict.MISSED]
    print(f"bars missed: {'; '.join(missed) or 'none'}")
    if options.quick:
        print("not judged: a quick run is too short for that")
        return 0
    return end(not missed)


def _measured(names: list[str], *, quick: bool, folder: Path) -> list[Row]:
    files = Files(folder)
    rows: list[Row] = []
    for name in names:
        began = time.perf_counter()
        rows += FAMILIES[name](QUICK if quick else FULL, files)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def _command(options: argparse.Namespace) -> str:
    words = ["python -m tests.bench"]
    if options.quick:
        words.append("--quick")
    if options.only != list(FAMILIES):
        words.append(f"--only {' '.join(options.only)}")
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
