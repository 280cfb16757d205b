"""One contender's way through all rounds: load, the end of everything at a chosen moment, a restart; and what the ledger says."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.server import Ledger
from tests.crash.survives.contenders import Contender
from tests.crash.survives.judge import Figures, Restart, judge
from tests.crash.survives.load import Load
from tests.crash.survives.machine import Machine

# Seconds of load before each end. asyncjobs runs what was interrupted again after a second, which is over before the next end:
# else the harness would kill the same job again and again, and whoever looks for jobs that kill their process would find it.
MOMENTS = (2.0, 4.0)
QUIET = 15.0  # seconds without a sign of work, after which nothing more will come


@dataclass(frozen=True, slots=True)
class Plan:
    """moments: seconds of load before each end. orderly: by SIGTERM, as a deploy does it, else by SIGKILL. quiet: see QUIET."""

    moments: Sequence[float]
    orderly: bool = False
    quiet: float = QUIET


def moments_of(seed: int, rounds: int, between: tuple[float, float] = MOMENTS) -> list[float]:
    """The same for every contender."""
    chance = random.Random(seed)
    return [chance.uniform(*between) for _ in range(rounds)]


def run(contender: Contender, plan: Plan, folder: Path) -> Figures:
    """`folder` is the contender's disk: empty before, and left as the last process left it."""
    ledger = Ledger(folder)
    machine = Machine(folder, contender)
    restarts: list[Restart] = []
    end = machine.terminate if plan.orderly else machine.kill
    try:
        machine.start()
        for number, moment in enumerate(plan.moments):
            _one_round(machine, Load(machine.port, str(number), ledger), moment, end)
            over_at = time.monotonic_ns()
            machine.start()
            restarts.append(Restart(over_at, time.monotonic_ns()))
        _drain(ledger, plan.quiet)
    finally:
        machine.stop()
    return judge(ledger, restarts)


def _one_round(machine: Machine, load: Load, moment: float, end: Callable[[], object]) -> None:
    load.start()
    try:
        time.sleep(moment)
        machine.check()
        end()
    finally:
        load.stop()


def _drain(ledger: Ledger, quiet: float) -> None:
    """Until everything acknowledged has ended, or nothing has been heard of for so long that the rest is lost."""
    heard, since = -1, time.monotonic()
    while time.monotonic() - since < quiet:
        ended = {words[0] for words in ledger.lines("end")}
        if {words[0] for words in ledger.lines("ack")} <= ended:
            return
        lines = len(ledger.lines("start")) + len(ended)
        if lines != heard:
            heard, since = lines, time.monotonic()
        time.sleep(0.1)
