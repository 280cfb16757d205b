"""The named points of store and runner at which a process kills itself, and when passing one counts."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import Enum

from tests.crash.kills.gauge import CALLERS, Gauge


class Phase(Enum):
    """What surrounds a point, and so what must hold at a kill there."""

    LOAD = "load"  # callers wait, no slot is idle
    START = "start"  # before the app serves: nothing is loaded yet, and what the dead have left is on its way back
    REOPEN = "reopen"  # after an I/O error that came under load: callers wait, but nothing is claimed, so slots empty
    ALONE = "alone"  # around the run of a lone suspect: callers wait; every slot is free, or the suspect would not be alone
    STOP = "stop"  # during the shutdown: callers wait until the store closes; slots empty by themselves


@dataclass(frozen=True, slots=True)
class Point:
    """most: the process kills itself at some passing up to this one. stubborn: the kind of job that the shutdown must meet."""

    name: str
    phase: Phase
    most: int = 1
    stubborn: str = ""


def _around(verb: str, most: int) -> list[Point]:
    return [Point(f"before {verb}", Phase.LOAD, most), Point(f"after {verb}", Phase.LOAD, most)]


def _start(name: str) -> Point:
    return Point(name, Phase.START)


_BY_NAME = {
    point.name: point
    for point in [
        # start, in the order of the way up
        _start("before open"),
        _start("after open"),
        _start("before register"),
        _start("register: sign of life made, not yet shown"),
        _start("register: sign of life shown, not yet registered"),
        _start("after register"),
        _start("replay: between orphans and finish"),
        _start("replay: after finish"),
        _start("replay: done, not yet serving"),
        # the store's verbs
        *_around("insert", 400),
        *_around("claim", 60),
        *_around("finish (terminal)", 60),
        *_around("finish (requeue)", 30),
        *_around("beat", 10),
        *_around("note", 4),
        *_around("orphans", 2),
        *_around("cancel", 12),
        *_around("requeue", 6),
        *_around("prune", 4),
        Point("before claim_alone", Phase.ALONE),
        Point("after claim_alone", Phase.ALONE),
        # the writer
        Point("writer: before an insert alone", Phase.LOAD, 60),
        Point("writer: inserted alone, nobody answered", Phase.LOAD, 60),
        Point("writer: before BEGIN", Phase.LOAD, 60),
        Point("writer: acts done, counters not written", Phase.LOAD, 60),
        Point("writer: before COMMIT", Phase.LOAD, 60),
        Point("writer: committed, nobody answered", Phase.LOAD, 60),
        Point("before checkpoint", Phase.LOAD, 4),
        Point("checkpoint: write lock held", Phase.LOAD, 4),
        Point("checkpoint: midway", Phase.LOAD, 4),
        Point("after checkpoint", Phase.LOAD, 4),
        Point("before reopen", Phase.REOPEN, 40),
        Point("reopen: disconnected", Phase.REOPEN, 40),
        Point("after reopen", Phase.REOPEN, 40),
        # the runner
        Point("attempt: claimed, not begun", Phase.LOAD, 300),
        Point("attempt: returned, not in the ledger", Phase.LOAD, 300),
        Point("attempt: in the ledger, not settled", Phase.LOAD, 300),
        Point("attempt: recorded, not told", Phase.LOAD, 300),
        # shutdown, in the order of the way down
        Point("stop: drained, nothing cancelled", Phase.STOP, stubborn="endless"),
        Point("stop: cancelled, not flushed", Phase.STOP, stubborn="endless"),
        Point("stop: flushed", Phase.STOP, stubborn="endless"),
        Point("before abandon", Phase.STOP, stubborn="deaf"),
        Point("after abandon", Phase.STOP, stubborn="deaf"),
        Point("stop: flushed, not closed", Phase.STOP),
        Point("before retire", Phase.STOP),
        Point("after retire", Phase.STOP),
        Point("before close", Phase.STOP),
        Point("after close", Phase.STOP),
    ]
}
POINTS = tuple(_BY_NAME.values())
MIDWAY = _BY_NAME["checkpoint: midway"]


def named(name: str) -> Point:
    return _BY_NAME[name]


@dataclass(frozen=True, slots=True)
class Arm:
    """Which point kills, and at which passing. delay: seconds into it, where it lasts (see MIDWAY)."""

    point: Point
    passing: int
    delay: float = 0.0


class Trap:
    """Counts the passings of the armed point under its load, and kills at the one that was asked for."""

    def __init__(self, arm: Arm | None, gauge: Gauge) -> None:
        self.arm = arm
        self._gauge = gauge

    def armed(self, name: str) -> bool:
        return self.arm is not None and self.arm.point.name == name

    def passing(self, name: str) -> None:
        """This point is passed now. An unknown name is a mistake in the harness, armed or not."""
        if named(name) and self.due(name):
            self.spring()

    def due(self, name: str) -> bool:
        """Count a passing; whether it is the one to die at."""
        if self.arm is None or self.arm.point.name != name or not self._loaded(self.arm.point.phase):
            return False
        self._gauge.add("passings", 1)
        return self._gauge.get("passings") == self.arm.passing

    def _loaded(self, phase: Phase) -> bool:
        load = self._gauge.load
        match phase:
            case Phase.LOAD | Phase.REOPEN:
                return load.full
            case Phase.ALONE:
                return load.callers >= CALLERS
            case _:
                return True

    def spring(self) -> None:
        self._gauge.set("point", 1)
        os.kill(os.getpid(), signal.SIGKILL)
