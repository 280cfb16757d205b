"""Retry: what may be configured, and when the next attempt comes."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs.errors import ConfigurationError
from asyncjobs.retry import MAX_DELAY, Retry, delay

CHANCES = st.floats(0, 1, exclude_max=True)


def test_the_default_curve_spans_about_a_week() -> None:
    days = sum(delay(None, 0.0, attempt, 0.5) for attempt in range(1, 20)) / 86_400
    assert 6 < days < 8


def test_the_default_curve_is_the_attempt_to_the_fourth_and_fifteen() -> None:
    assert [delay(None, 0.0, attempt, 0.5) for attempt in (1, 2, 3)] == [16.0, 31.0, 96.0]


def test_a_number_is_always_that() -> None:
    assert [delay(30.0, 0.0, attempt, 0.5) for attempt in (1, 2, 500)] == [30.0] * 3


def test_of_a_sequence_the_last_one_repeats() -> None:
    assert [delay((1.0, 10.0, 60.0), 0.0, attempt, 0.5) for attempt in (1, 2, 3, 4, 99)] == [1.0, 10.0, 60.0, 60.0, 60.0]


def test_chance_spreads_the_delay_around_its_middle() -> None:
    assert [delay(100.0, 0.25, 1, chance) for chance in (0.0, 0.5)] == [75.0, 100.0]
    assert delay(100.0, 0.25, 1, math.nextafter(1, 0)) == pytest.approx(125.0)


@given(
    backoff=st.none() | st.floats(0, MAX_DELAY) | st.lists(st.floats(0, MAX_DELAY), min_size=1).map(tuple),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 1_000),
    chance=CHANCES,
)
def test_a_delay_lies_within_its_jitter_and_never_beyond_a_year(
    backoff: float | tuple[float, ...] | None, jitter: float, attempt: int, chance: float
) -> None:
    middle = delay(backoff, 0.0, attempt, chance)
    seconds = delay(backoff, jitter, attempt, chance)
    assert 0 <= seconds <= MAX_DELAY
    if middle * (1 + jitter) <= MAX_DELAY:
        assert middle * (1 - jitter) * 0.999 <= seconds <= middle * (1 + jitter) * 1.001


@given(chance=CHANCES, attempt=st.integers(1, 18))
def test_with_the_default_jitter_a_later_attempt_waits_longer(chance: float, attempt: int) -> None:
    assert delay(None, 0.0, attempt, chance) < delay(None, 0.0, attempt + 1, chance)


@pytest.mark.parametrize(
    ("given_backoff", "kept"),
    [
        (None, None),
        (30, 30.0),
        (0.5, 0.5),
        ([1, 10], (1.0, 10.0)),
        ((2,), (2.0,)),
        (timedelta(minutes=1), 60.0),
        ([timedelta(seconds=1), 10], (1.0, 10.0)),
    ],
)
def test_a_backoff_is_kept_as_a_job_can_store_it(given_backoff: Any, kept: object) -> None:
    assert Retry(backoff=given_backoff).curve == kept


async def _async(error: BaseException) -> float:
    return 1.0


@pytest.mark.parametrize("after", [5, ValueError, _async])
def test_what_says_how_long_to_wait_is_a_plain_function(after: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Retry\(after=.*no class, no async def"):
        Retry(after=after)


@pytest.mark.parametrize(("on", "never"), [(OSError, OSError), ((KeyError, TimeoutError), OSError)])
def test_what_is_never_retried_is_not_what_is_retried(on: Any, never: Any) -> None:
    with pytest.raises(ConfigurationError, match="contradict each other"):
        Retry(on=on, never=never)


@pytest.mark.parametrize("attempts", [0, -1, 1.5, True, "3", None, 1_001])
def test_attempts_that_cannot_work_are_refused(attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Retry\(attempts="):
        Retry(attempts=attempts)


@pytest.mark.parametrize(
    "backoff",
    [
        -1,
        math.nan,
        math.inf,
        "5",
        b"5",
        [],
        [1, -1],
        timedelta(-1),
        [timedelta(999)],
        [1, "2"],
        [True],
        True,
        MAX_DELAY + 1,
        {1: 2},
    ],
)
def test_backoffs_that_cannot_work_are_refused(backoff: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Retry\(backoff="):
        Retry(backoff=backoff)


@pytest.mark.parametrize("jitter", [-0.1, 1.1, math.nan, "0.5", True, None])
def test_jitters_that_cannot_work_are_refused(jitter: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Retry\(jitter="):
        Retry(jitter=jitter)


@pytest.mark.parametrize("classes", ["ValueError", (ValueError, "x"), 5, ValueError("an instance"), int])
def test_only_exception_classes_choose_what_is_retried(classes: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Retry\(on="):
        Retry(on=classes)
    with pytest.raises(ConfigurationError, match=r"Retry\(never="):
        Retry(never=classes)


def test_every_error_is_retried_unless_told_otherwise() -> None:
    assert Retry().allows(ValueError())
    assert Retry().allows(SystemExit())


def test_on_names_what_is_retried_with_its_subclasses() -> None:
    retry = Retry(on=(OSError, KeyError))
    assert retry.allows(ConnectionResetError())
    assert not retry.allows(ValueError())


def test_never_goes_before_on() -> None:
    retry = Retry(on=OSError, never=ConnectionError)
    assert retry.allows(FileNotFoundError())
    assert not retry.allows(ConnectionResetError())
