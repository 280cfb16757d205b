"""The real clock and its ids; sleeping on a clock that a test holds."""

from __future__ import annotations

import asyncio
import os
import uuid

import pytest

from asyncjobs.clock import SystemClock, sleep
from tests.fakes import FakeClock


class Frozen(SystemClock):
    """A system clock whose wall a test sets."""

    wall = 1_800_000_000_000

    def now(self) -> int:
        return self.wall


def test_an_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    clock = Frozen()
    made = uuid.UUID(clock.new_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == clock.wall
    assert str(made) == str(uuid.UUID(str(made)))


def test_ids_made_later_sort_later_while_the_wall_clock_stands() -> None:
    clock = Frozen()
    ids = [clock.new_id() for _ in range(20_000)]  # more than one millisecond's counter holds
    assert ids == sorted(set(ids))


def test_ids_made_later_sort_later_when_the_wall_clock_is_set_back() -> None:
    clock = Frozen()
    ids = [clock.new_id()]
    for step in (-3_600_000, 5, -1, 4_000_000, -9):
        clock.wall += step
        ids += [clock.new_id() for _ in range(3)]
    assert ids == sorted(set(ids))


def test_ids_of_two_clocks_differ() -> None:
    one, two = Frozen(), Frozen()
    assert len({clock.new_id() for clock in (one, two) for _ in range(1_000)}) == 2_000


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_ids_of_a_forked_child_are_others() -> None:
    clock = Frozen()
    clock.new_id()  # what chance it has left is the child's too
    ours, theirs = os.pipe()
    if not (child := os.fork()):
        os.write(theirs, " ".join(clock.new_id() for _ in range(20)).encode())
        os._exit(0)
    assert os.waitpid(child, 0) == (child, 0)
    of_child = os.read(ours, 4096).decode().split()
    assert len(of_child) == 20
    assert not {id[19:] for id in of_child} & {clock.new_id()[19:] for _ in range(20)}


def test_the_wall_clock_is_in_milliseconds_of_utc() -> None:
    assert 1_700_000_000_000 < SystemClock().now() < 10_000_000_000_000


def test_monotonic_never_goes_back() -> None:
    clock = SystemClock()
    times = [clock.monotonic() for _ in range(1_000)]
    assert times == sorted(times)


def test_chance_is_from_nought_to_below_one() -> None:
    clock = SystemClock()
    assert all(0 <= clock.random() < 1 for _ in range(1_000))


async def test_call_later_runs_on_the_loop_and_can_be_cancelled() -> None:
    clock, called = SystemClock(), asyncio.Event()
    clock.call_later(60.0, lambda: pytest.fail("it was cancelled")).cancel()
    clock.call_later(-1.0, called.set)
    await called.wait()


async def test_sleep_is_of_the_clocks_time() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(sleep(clock, 10.0))
    await clock.advance(9.9)
    assert not sleeper.done()
    await clock.advance(0.2)
    assert sleeper.done()
    await sleeper


async def test_a_cancelled_sleep_leaves_no_timer() -> None:
    clock = FakeClock()
    sleeper = asyncio.create_task(sleep(clock, 10.0))
    await clock.advance(1.0)
    sleeper.cancel()
    await asyncio.wait([sleeper])
    assert sleeper.cancelled()
    assert all(timer.callback is None for _, _, timer in clock._timers)
