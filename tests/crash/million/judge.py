"""Whether the process stayed within its bounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tests.crash.bounds import Bound
from tests.crash.footprint import MIB, Footprint
from tests.crash.million.measure import Course, Plan

FLAT = 50.0  # MiB that memory may rise over what it was after the warm-up
QUEUED = 20.0  # MiB that a million queued jobs may cost, at rest
LOG = 64.0  # MiB of the -wal at any moment: four times what the writer lets it grow by
# MiB of the file once everything is pruned, while the process goes on: pages that were given back leave the file with the
# next checkpoint, which comes with the work that follows. 1.7 after a million (2026-11); twenty thousand kept would be five.
PRUNED = 4.0
CLOSED = 1.0  # MiB of the file once the process has ended: the history of a minute for each minute, and nothing of the jobs
DOCUMENTED = frozenset({"jobs.db", "jobs.db.runners"})  # files that stay


def judge(course: Course, plan: Plan) -> list[Bound]:
    warm, idle = course.of("warm"), course.of("idle")
    working = course.of("enqueueing", "queued", "draining", "pruning", "idle")
    before = _rss(warm)
    facts = course.facts
    return [
        Bound("jobs not acknowledged", plan.jobs - facts["acknowledged"], 0),
        Bound("acknowledged jobs that did not run exactly once", facts["acknowledged"] - facts["ran_once"], 0),
        Bound("peak of memory over after the warm-up", max(sample.rss for sample in working) / MIB - before, FLAT, "MiB"),
        Bound("memory with all of them queued over none", _rss(course.of("queued")) - before, QUEUED, "MiB"),
        Bound("memory at the end over after the warm-up", _rss(idle) - before, FLAT, "MiB"),
        Bound("peak of the -wal", max(sample.log for sample in working) / MIB, LOG, "MiB"),
        Bound("ended jobs left in the file", 0 if facts["pruned"] else plan.jobs, 0),
        Bound("file once all is pruned, the process idle", idle[-1].database / MIB, PRUNED, "MiB"),
        Bound("file after the end", course.closed / MIB, CLOSED, "MiB"),
        *_left(facts["left"]),
    ]


def _rss(samples: Sequence[Footprint]) -> float:
    """MiB, the middle one."""
    return statistics.median(sample.rss for sample in samples) / MIB


def _left(left: dict[str, list[str]]) -> list[Bound]:
    """What the process had after the lifespan's end and not before its start."""
    names = {kind: [name for name in names if name not in DOCUMENTED] for kind, names in left.items()}
    return [Bound(f"{kind} left behind", len(which), 0, detail=", ".join(which)) for kind, which in names.items()]
