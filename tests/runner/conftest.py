"""A `Jobs` on the memory store under a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from asyncjobs import Jobs
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def jobs(clock: FakeClock) -> Jobs:
    return Jobs("memory:", queues={"default": 10, "one": 1, "slow": 2}, clock=clock)


@pytest.fixture
async def running(jobs: Jobs, clock: FakeClock) -> AsyncIterator[Jobs]:
    """Started, its first claim behind it. Register tasks before it: name `jobs` first among a test's fixtures."""
    async with jobs.running():
        await clock.advance(0.1)
        yield jobs
