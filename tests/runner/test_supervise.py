"""A loop that dies is started again, and called well once it has shown that it is."""

from __future__ import annotations

import asyncio

import pytest

from asyncjobs.clock import sleep
from asyncjobs.runner.health import Health
from asyncjobs.runner.supervise import PROVEN, STEADY, keep
from tests.fakes import FakeClock


@pytest.mark.parametrize("lasts", [0.0, PROVEN - 1, PROVEN + 1, STEADY - 1])
async def test_a_loop_that_fails_each_time_after_a_while_is_never_called_well_again(lasts: float) -> None:
    """What it fails at may take longer than it takes to prove itself."""
    clock, health, failures = FakeClock(), Health(), 0

    async def failing() -> None:
        nonlocal failures
        await sleep(clock, lasts)
        failures += 1
        raise RuntimeError("again")

    kept = asyncio.create_task(keep("loop", failing, clock, health))
    while failures < 2:
        await clock.advance(1)
    while failures < 6:
        await clock.advance(1)
        assert "again" in health.reasons["loop"]
    kept.cancel()


async def test_a_loop_that_goes_on_after_a_failure_is_well() -> None:
    clock, health, failures = FakeClock(), Health(), 0

    async def mended() -> None:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise RuntimeError("not yet")
        await asyncio.Event().wait()

    kept = asyncio.create_task(keep("loop", mended, clock, health))
    while failures < 3:
        await clock.advance(0.1)
    assert "loop" in health.reasons
    await clock.advance(PROVEN)
    assert not health.reasons
    kept.cancel()
