"""`python -m tests.crash.survives --kills 100`: what survives what, by four ways to do work after the answer."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.crash.survives import campaign
from tests.crash.survives.campaign import Plan, moments_of
from tests.crash.survives.contenders import ASYNCJOBS, CONTENDERS, HUEY, Contender
from tests.crash.survives.judge import Figures
from tests.crash.survives.table import Results, rewrite, table

ENOUGH = 20  # acknowledged for each end; less load than that proves nothing


def main() -> int:
    options = _parser().parse_args()
    if not HUEY.is_installed and not options.without_huey:
        print('huey is not installed: pip install -e ".[survives]", or leave it out with --without-huey')
        return 2
    contenders = [one for one in CONTENDERS if one is not HUEY or not options.without_huey]
    print(f"seed {options.seed}: {options.kills} kills and {options.deploys} deploys of each", flush=True)
    results = {one: _through(one, options.seed, options.kills, options.deploys) for one in contenders}
    command = f"python -m tests.crash.survives --kills {options.kills} --deploys {options.deploys} --seed {options.seed}"
    if options.without_huey:
        command += " --without-huey"
    text = table(results, kills=options.kills, deploys=options.deploys, command=command, seed=options.seed)
    print(f"\n{text}\n")
    if options.readme is not None:
        rewrite(options.readme, text)
    if options.json is not None:
        options.json.write_text(json.dumps(_record(results, options), indent=2))
    problems = _problems(results, options.kills, options.deploys)
    print(*problems, sep="\n", end="\n" if problems else "")
    killed, deployed = results[ASYNCJOBS]
    print(
        f"seed {options.seed}: {options.kills} kills, {killed.acknowledged} acknowledged by asyncjobs, {killed.lost} lost, "
        f"{killed.interrupted} interrupted, {killed.ended_twice} finished twice; "
        f"{'' if deployed is None else f'{options.deploys} deploys, {deployed.lost} lost; '}"
        f"{'FAILED' if problems else 'passed'}"
    )
    return 1 if problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.survives", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each contender")
    parser.add_argument("--deploys", type=int, default=10, help="orderly stops of each contender; 0 leaves that column out")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="for the moments")
    parser.add_argument("--without-huey", action="store_true", help="for where it is not installed")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="rewrite the table between its two marks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def _through(contender: Contender, seed: int, kills: int, deploys: int) -> tuple[Figures, Figures | None]:
    killed = _campaign(contender, Plan(moments_of(seed, kills)))
    deployed = _campaign(contender, Plan(moments_of(seed, deploys), orderly=True)) if deploys else None
    print(
        f"{contender.name}: {killed.acknowledged} acknowledged, {killed.interrupted} interrupted, {killed.lost} lost"
        + ("" if deployed is None else f"; by deploys {deployed.lost} of {deployed.acknowledged}"),
        flush=True,
    )
    return killed, deployed


def _campaign(contender: Contender, plan: Plan) -> Figures:
    with tempfile.TemporaryDirectory(prefix="asyncjobs-survives-") as folder:
        return campaign.run(contender, plan, Path(folder))


def _problems(results: Results, kills: int, deploys: int) -> Sequence[str]:
    """What asyncjobs promises and did not keep, and where a contender had too little to do for its row to mean anything."""
    killed, deployed = results[ASYNCJOBS]
    problems = [f"asyncjobs lost {figures.lost}" for figures in (killed, deployed) if figures is not None and figures.lost]
    if killed.worst_resumed is None:
        problems.append("asyncjobs did not resume what was interrupted, at least once")
    for contender, (by_kills, by_deploys) in results.items():
        if by_kills.acknowledged < kills * ENOUGH or (by_deploys is not None and by_deploys.acknowledged < deploys * ENOUGH):
            problems.append(f"{contender.name}: too little was acknowledged to prove anything")
        if not by_kills.interrupted:
            problems.append(f"{contender.name}: no kill met any work")
    return problems


def _record(results: Results, options: argparse.Namespace) -> dict[str, object]:
    def figures(one: Figures | None) -> dict[str, object] | None:
        return None if one is None else {**asdict(one), "resumed": list(one.resumed)}

    return {
        "seed": options.seed,
        "kills": options.kills,
        "deploys": options.deploys,
        "contenders": {
            one.app: {"kills": figures(killed), "deploys": figures(deployed)} for one, (killed, deployed) in results.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
