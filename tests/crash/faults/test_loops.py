"""A loop of the runner crashes, again and again: it is named, started again, and the rest goes on meanwhile."""

from __future__ import annotations

import pytest

from tests.crash.faults.controls import STEPS
from tests.crash.faults.server import FaultServer

TIMES = 4
CONSTANTS = {
    "asyncjobs.runner.janitor.PRUNE_INTERVAL": 0.1,  # seconds; 60 for users
    "asyncjobs.runner.supervise.PROVEN": 0.5,  # seconds; 2 for users
}


@pytest.mark.parametrize("part", STEPS)
def test_a_loop_that_crashes_is_started_again(lasting: FaultServer, part: str) -> None:
    lasting.is_well()
    with lasting.visited():
        lasting.do("crash", part=part, times=TIMES)
        meanwhile = lasting.put("work")
        lasting.do("poke_watch")
        lasting.wait_for_health(503)
        assert lasting.says(f"asyncjobs is degraded: {part}: crashed: RuntimeError: {part} was made to crash")
        lasting.wait_until(lambda: lasting.do("poke_watch") or lasting.do("left_to_crash", part=part) == 0)
    assert lasting.ended(meanwhile)["state"] == "succeeded"
    lasting.wait_for_health(200)
    assert lasting.says(f"asyncjobs: the {part} loop crashed and is started again")
    assert lasting.says(f"asyncjobs has recovered: {part}")
    lasting.is_well()
    lasting.lost_nothing()
    assert len(lasting.starts(meanwhile)) == 1
