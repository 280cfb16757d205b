"""How often jobs may start, reckoned in one number."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs.errors import ConfigurationError
from asyncjobs.rate import LATENESS, Rate

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "interval", "burst"),
    [
        ("10/s", 100.0, 1), ("50/s", 20.0, 5), ("1000/sec", 1.0, 100), ("100/min", 600.0, 1), ("5/h", 720_000.0, 1),
        ("1/d", 86_400_000.0, 1), ("3/10s", 10_000 / 3, 1), (" 0.5 / s ", 2000.0, 1), ("90/1.5min", 1000.0, 1),
    ],
)  # fmt: skip
def test_a_rate_is_read_as_people_write_it(text: str, interval: float, burst: int) -> None:
    rate = Rate.of(text)
    assert (rate.interval, rate.burst) == (pytest.approx(interval), burst)
    assert rate.per_second == pytest.approx(1000 / interval)
    assert Rate.of(text, 7).burst == 7


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("10/s", "10/s"), ("1000000/s", "1000000/s"), ("100/min", "100/min"), ("60/min", "1/s"), ("5/h", "5/h"), ("1/d", "1/d"),
        ("3/10s", "18/min"), ("0.5/s", "30/min"), ("90/1.5min", "1/s"), ("2.5/d", "2.5/d"), ("1/100s", "36/h"), ("7/11s", "38.18182/min"),
        ("1/4d", "0.25/d"),
    ],
)  # fmt: skip
def test_a_rate_says_itself_as_people_write_it(given: str, said: str) -> None:
    rate = Rate.of(given)
    assert str(rate) == said
    assert Rate.of(said).interval == pytest.approx(rate.interval)


@pytest.mark.parametrize(
    "text", ["", "10", "10/", "/s", "0/s", "-1/s", "10/0s", "10/week", "1e3/s", "10 per s", "1/9999d", "9999999/s", 10, None]
)
def test_what_is_no_rate_is_refused_in_a_sentence(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="how many jobs may start in which time"):
        Rate.of(text)


@pytest.mark.parametrize("burst", [0, -1, 1.5, True, "3"])
def test_what_is_no_burst_is_refused_in_a_sentence(burst: Any) -> None:
    with pytest.raises(ConfigurationError, match="burst="):
        Rate.of("10/s", burst)


def test_a_quiet_rate_has_room_for_a_burst_and_then_for_one_after_each_interval() -> None:
    rate = Rate(100.0, 3)
    assert rate.room(0, NOW) == 3
    spent = rate.spend(0, NOW, 3)
    assert rate.room(spent, NOW) == 0
    opens = rate.next_at(spent, NOW)
    assert opens == NOW + 100
    assert rate.room(spent, opens - 1) == 0
    assert rate.room(spent, opens) == 1
    assert rate.room(spent, opens + 100) == 2


@pytest.mark.parametrize(("text", "starts"), [("10/s", 10), ("20/s", 21), ("200/s", 219)])
def test_the_first_second_after_a_quiet_time_has_the_burst_and_no_more_than_the_rate_beside_it(text: str, starts: int) -> None:
    rate = Rate.of(text)
    for spent in (0.0, NOW - 1.1 * rate.interval):
        now, started = NOW, 0
        while now < NOW + 1000:
            count = rate.room(spent, now)
            spent, started = rate.spend(spent, now, count), started + count
            now = max(rate.next_at(spent, now), now + 1)
        assert started == starts


def test_what_a_late_start_costs_is_made_up_for_by_the_next() -> None:
    rate = Rate(100.0)
    spent = rate.spend(0, NOW, 1)
    spent = rate.spend(spent, NOW + 130, 1)
    assert rate.next_at(spent, NOW + 130) == NOW + 200
    spent = rate.spend(spent, NOW + 270, 1)  # by half an interval at most
    assert rate.next_at(spent, NOW + 270) == NOW + 320


def test_a_clock_that_is_set_back_closes_it_for_no_longer_than_a_full_bucket_takes() -> None:
    rate = Rate(100.0, 3)
    spent = rate.spend(0, NOW, 3)
    long_ago = NOW - 10**9
    assert rate.next_at(spent, long_ago) <= long_ago + 100
    spent = rate.settled(spent, long_ago)
    assert rate.room(spent, long_ago) == 0
    assert rate.room(spent, rate.next_at(spent, long_ago)) == 1


def test_a_rate_that_is_raised_waits_no_longer_than_the_new_one_says() -> None:
    spent, faster = Rate.of("2/h").spend(0, NOW, 1), Rate.of("10/s")
    settled = faster.settled(spent, NOW)
    assert faster.next_at(settled, NOW) <= NOW + 100
    assert faster.room(settled, NOW + 100) == 1


def test_what_spending_leads_to_is_kept_also_by_a_claim_that_was_asked_a_little_earlier() -> None:
    rate = Rate(100.0, 3)
    spent = rate.spend(0, NOW, 3)
    assert rate.settled(spent, NOW - 500) == spent


@given(interval=st.floats(0.5, 5_000), burst=st.integers(1, 20), late=st.floats(0, 200), seed=st.integers(0, 2**32))
def test_it_is_never_exceeded_and_reached_when_starts_are_a_little_late(
    interval: float, burst: int, late: float, seed: int
) -> None:
    rate, chance, now, spent, started = Rate(interval, burst), random.Random(seed), float(NOW), 0.0, 0
    late = min(late, LATENESS * 0.9, interval * 0.4)
    until = NOW + 400 * interval
    while now < until:
        count = rate.room(spent, int(now))
        if count:
            spent = rate.spend(spent, int(now), count)
            started += count
        now = max(rate.next_at(spent, int(now)), int(now)) + 1 + chance.uniform(0, late)
        elapsed = now - NOW
        assert started <= elapsed / interval + burst + 1
    if interval > 10:  # below, a start a millisecond is not what one claim at a time can reach without a burst
        assert started >= 0.95 * 400


def test_every_room_is_what_next_at_has_promised() -> None:
    chance = random.Random(1)
    for _ in range(2000):
        rate = Rate(chance.uniform(0.3, 10_000), chance.randrange(1, 50))
        spent = NOW + chance.uniform(-1e5, min(1e5, rate.burst * rate.interval))  # further ahead the clock was set back
        opens = rate.next_at(spent, NOW)
        assert (rate.room(spent, NOW) >= 1) == (opens <= NOW)
        if opens > NOW:
            assert rate.room(spent, opens) >= 1
