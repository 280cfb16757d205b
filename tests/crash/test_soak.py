"""A few seconds of the soak, and a judge of drifts that sees each kind. The minutes are `python -m tests.crash.soak`'s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.bounds import broken
from tests.crash.footprint import KNOWN, MIB, Footprint
from tests.crash.soak.judge import drift, judge
from tests.crash.soak.run import Plan, Sample, run

SECONDS = 400  # of a made-up soak
# A few seconds say nothing about a drift of these: the machine is busy, and the first checkpoint, which falls into them, opens a
# connection of its own.
NEEDS_MINUTES = ("enqueue p50", "start p50", "descriptors, last quarter")


@pytest.mark.skipif(not KNOWN, reason="reads /proc")
def test_a_mixed_load_is_done_and_leaves_nothing_behind(tmp_path: Path) -> None:
    plan = Plan(seconds=6.0, rate=60.0, seed=20261124)
    bounds = judge(run(tmp_path, plan), plan)
    assert [str(bound) for bound in broken(bounds) if not bound.what.startswith(NEEDS_MINUTES)] == []


def _sample(second: int) -> Sample:
    held = Footprint(at=second, rss=50 * MIB, descriptors=25, threads=24, database=8 * MIB, log=(second % 2) * 16 * MIB)
    said = {"enqueue_p50": 2.0, "enqueue_p99": 9.0, "start_p50": 3.0, "start_p99": 9.0, "lag": 5.0}
    return Sample(held, said, bare=1.0)


def _broken(change: Callable[[Sample, float], Sample]) -> list[str]:
    """Of a soak that changes so, from 0 at its start to 1 at its end."""
    samples = [change(_sample(second), second / SECONDS) for second in range(SECONDS)]
    return [bound.what for bound in broken(drift(samples, rate=300))]


def _slower(sample: Sample, name: str, factor: float) -> Sample:
    before = sample.said[name]
    assert before is not None
    return replace(sample, said={**sample.said, name: before * factor})


def test_what_stays_as_it_is_has_no_drift() -> None:
    assert _broken(lambda sample, share: sample) == []


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda one, share: replace(one, held=replace(one.held, rss=round((50 + 30 * share) * MIB))), "memory, last quarter"),
        (lambda one, share: replace(one, held=replace(one.held, descriptors=25 + round(20 * share))), "descriptors"),
        (lambda one, share: replace(one, held=replace(one.held, threads=24 + round(4 * share))), "threads"),
        (lambda one, share: replace(one, held=replace(one.held, log=round(60 * share) * MIB)), "-wal, last quarter"),
        (lambda one, share: replace(one, held=replace(one.held, log=65 * MIB)), "-wal, peak"),
        (lambda one, share: replace(one, held=replace(one.held, database=round(90 * share) * MIB)), "database, peak"),
        (lambda one, share: _slower(one, "enqueue_p50", 1 + 2 * share), "enqueue p50"),
        (lambda one, share: _slower(one, "start_p50", 1 + 2 * share), "start p50"),
    ],
)
def test_a_drift_is_seen(change: Callable[[Sample, float], Sample], seen: str) -> None:
    assert any(what.startswith(seen) for what in _broken(change))


def test_a_disk_that_becomes_slower_is_not_held_against_us() -> None:
    assert _broken(lambda one, share: replace(_slower(one, "enqueue_p50", 1 + 2 * share), bare=1 + 2 * share)) == []
