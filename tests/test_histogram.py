"""Buckets of durations, and percentiles read from them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs.histogram import BOUNDS, bucket_of, merged, percentile

DURATIONS = st.integers(0, 2 * BOUNDS[-1])


def test_bounds_are_inclusive() -> None:
    assert [bucket_of(ms) for ms in (0, 1, 2, 3, 5, 6)] == [0, 0, 1, 2, 2, 3]


def test_what_is_longer_than_the_last_bound_has_a_bucket_of_its_own() -> None:
    assert bucket_of(BOUNDS[-1]) == len(BOUNDS) - 1
    assert bucket_of(BOUNDS[-1] + 1) == len(BOUNDS)


@given(DURATIONS)
def test_a_duration_lies_between_the_bounds_of_its_bucket(duration: int) -> None:
    bucket = bucket_of(duration)
    assert bucket == 0 or BOUNDS[bucket - 1] < duration
    assert bucket == len(BOUNDS) or duration <= BOUNDS[bucket]


def test_nothing_counted_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({3: 0}, 0.5) is None


def test_a_percentile_is_linear_within_its_bucket() -> None:
    assert percentile({bucket_of(60): 10}, 0.5) == 75.0  # between 50 and 100


def test_empty_buckets_between_are_stepped_over() -> None:
    assert percentile({0: 50, 1: 0, 6: 50}, 0.95) == pytest.approx(95.0)


def test_the_open_bucket_answers_with_the_last_bound() -> None:
    assert percentile({len(BOUNDS): 5}, 0.5) == BOUNDS[-1]


@given(st.lists(st.integers(0, BOUNDS[-1]), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_within_the_bucket_of_the_true_one(durations: list[int], fraction: float) -> None:
    durations.sort()
    rank = min(range(len(durations)), key=lambda index: (index + 1 < fraction * len(durations), index))
    true = durations[rank]
    estimate = percentile(Counter(map(bucket_of, durations)), fraction)
    assert estimate is not None
    bucket = bucket_of(true)
    low = BOUNDS[bucket - 1] if bucket else 0
    assert low <= estimate <= BOUNDS[bucket] * 1.000001


@given(st.lists(st.lists(DURATIONS)))
def test_merged_histograms_count_what_all_of_them_count(parts: list[list[int]]) -> None:
    together = Counter(bucket_of(duration) for part in parts for duration in part)
    assert merged(Counter(map(bucket_of, part)) for part in parts) == dict(together)
