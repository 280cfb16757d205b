"""How a process is: what it reports of itself, and when."""

from __future__ import annotations

import platform

import pytest

from asyncjobs import Jobs
from asyncjobs.runner import condition
from asyncjobs.runner.condition import EVERY, Reporter, resident
from asyncjobs.runner.watchdog import INTERVAL, Watchdog
from tests.fakes import FakeClock, settled


async def test_it_reports_every_so_often(clock: FakeClock) -> None:
    lags = iter([0.5, 0.25])
    reporter = Reporter(clock, lambda: next(lags))
    first = reporter.due()
    assert first is not None
    assert (first.at, first.lag, first.python) == (clock.now(), 0.5, platform.python_version())
    await clock.advance(EVERY - 0.1)
    assert reporter.due() is None
    await clock.advance(0.1)
    second = reporter.due()
    assert second is not None
    assert second.lag == 0.25


def test_memory_is_what_the_system_says_and_unknown_where_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    held = bytearray(64 << 20)
    held[::4096] = bytes(1) * len(held[::4096])
    with_it = resident()
    size = len(held)
    del held
    without = resident()
    assert with_it is not None
    assert without is not None
    assert with_it - without > size / 2
    monkeypatch.setattr(condition, "_STATM", "/nowhere")
    assert resident() is None


class LateClock(FakeClock):
    """On which callbacks come so many seconds late."""

    late = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.late


async def test_a_loop_is_as_late_as_it_was_at_most_since_it_was_asked() -> None:
    clock = LateClock()
    watchdog = Watchdog(clock)
    watchdog.start()
    try:
        await clock.advance(3 * INTERVAL)
        assert watchdog.lag() == 0
        clock.late = 2.0
        await clock.advance(3 * INTERVAL)
        assert watchdog.lag() == 2.0
        await clock.advance(3 * INTERVAL)
        assert watchdog.lag() == 0
    finally:
        watchdog.stop()


async def test_siblings_and_the_page_are_told(jobs: Jobs, running: Jobs, clock: FakeClock) -> None:
    await settled()
    (process,) = (await running.stats()).processes
    assert process.condition is not None
    assert (process.condition.python, process.condition.lag) == (platform.python_version(), 0.0)
    before = process.condition.at
    await clock.advance(EVERY + 1.5)
    (process,) = (await running.stats()).processes
    assert process.condition is not None
    assert process.condition.at > before
