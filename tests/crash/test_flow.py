"""Time and flow in several processes: a selection of it, and whether its judge can see.

The whole of it: `python -m tests.crash.flow`, and with `--kills 200`.
"""

from __future__ import annotations

import pytest

from tests.crash.flow import campaign
from tests.crash.flow.canaries import CANARIES
from tests.crash.flow.judge import most_at_once

SEED = "20261126"


def test_every_limit_holds_and_every_time_fires_once_in_four_processes() -> None:
    verdict = campaign.run(SEED, processes=4, jobs=2_000, seconds=5, kills=0)
    print(verdict)
    assert not verdict.faults


def test_it_holds_when_processes_are_killed_and_the_dead_hold_nothing_back() -> None:
    verdict = campaign.run(SEED, processes=4, jobs=2_000, seconds=5, kills=12)
    print(verdict)
    assert not verdict.faults


@pytest.mark.parametrize(
    ("canary", "fault"),
    [
        ("no global limit", "jobs of licensed - ran at once, 3 may"),
        ("no rate", "the rate was exceeded"),
        ("no keys", "jobs of single"),
        ("no unique", "had not ended"),
        ("fires whatever its version", "was fired for more than once"),
    ],
)
def test_a_guard_that_is_taken_out_is_missed(canary: str, fault: str) -> None:
    verdict = campaign.run(SEED, processes=4, jobs=2_000, seconds=3, kills=0, canary=canary)
    print(verdict)
    assert any(fault in told for told in verdict.faults)


def test_every_canary_is_flown() -> None:
    flown = {canary for canary, _ in test_a_guard_that_is_taken_out_is_missed.pytestmark[0].args[1]}  # type: ignore[attr-defined]
    assert flown == CANARIES.keys()


@pytest.mark.parametrize(
    ("intervals", "most"),
    [([], 0), ([(1, 2)], 1), ([(1, 2), (2, 3)], 1), ([(1, 5), (2, 3), (4, 6)], 2), ([(1, 9), (2, 8), (3, 4)], 3)],
)
def test_most_at_once_counts_the_worst_moment(intervals: list[tuple[int, int]], most: int) -> None:
    assert most_at_once(intervals) == most
