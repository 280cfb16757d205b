"""Tally: what one change adds to counters and history, by its own words."""

from __future__ import annotations

import pytest

from asyncjobs.job import State
from asyncjobs.store.base import HISTORY_STEP, Metric
from asyncjobs.store.tally import HELD, NO_BUCKET, RETRYING, Tally, total_of

NOW = 1_800_000_000_123
BEGIN = NOW - NOW % HISTORY_STEP


def counters(tally: Tally) -> dict[tuple[str, str], int]:
    return {key: count for key, count in tally.counters.items() if count}


def finished(outcome: str, to: State, **fields: object) -> Tally:
    tally = Tally()
    asked = {"queue_after": "q", "retrying": False, "held": False, "ran": 30, "now": NOW, **fields}
    tally.finished("q", "task", outcome, to, **asked)  # type: ignore[arg-type]
    return tally


def counted(tally: Tally) -> dict[str, int]:
    """History without times, names and histograms."""
    return {metric.value: n for (*_, metric, bucket), n in tally.history.items() if bucket == NO_BUCKET}


def test_no_counter_has_two_meanings() -> None:
    keys = [*State, HELD, RETRYING, *map(total_of, Metric)]
    assert len(set(keys)) == len(keys)


def test_an_insert_counts_one_queued() -> None:
    tally = Tally()
    tally.inserted("q", "task", NOW)
    assert counters(tally) == {("q", State.QUEUED): 1, ("q", total_of(Metric.ENQUEUED)): 1}
    assert dict(tally.history) == {(BEGIN, "q", "task", Metric.ENQUEUED, NO_BUCKET): 1}


def test_a_claim_moves_from_queued_to_running_and_measures_the_wait() -> None:
    tally = Tally()
    tally.claimed("q", "task", retrying=True, was_held=True, waited=30, now=NOW)
    assert counters(tally) == {
        ("q", State.QUEUED): -1, ("q", State.RUNNING): 1, ("q", HELD): -1, ("q", RETRYING): -1, ("q", total_of(Metric.STARTED)): 1,
    }  # fmt: skip
    assert dict(tally.history) == {
        (BEGIN, "q", "task", Metric.STARTED, NO_BUCKET): 1, (BEGIN, "q", "task", Metric.WAIT, 5): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "to", "metrics", "is_timed"),
    [
        ("succeeded", State.SUCCEEDED, {"succeeded": 1}, True),
        ("failed", State.QUEUED, {"failures": 1}, True),
        ("failed", State.FAILED, {"failures": 1, "dead": 1}, True),
        ("failed", State.CANCELLED, {"failures": 1, "cancelled": 1}, True),
        ("timed_out", State.QUEUED, {"failures": 1}, True),
        ("timed_out", State.FAILED, {"failures": 1, "dead": 1}, True),
        ("cancelled", State.CANCELLED, {"cancelled": 1}, False),
        ("snoozed", State.QUEUED, {"snoozed": 1}, False),
        ("released", State.QUEUED, {"released": 1}, False),
        ("released", State.CANCELLED, {"released": 1, "cancelled": 1}, False),
        ("lost", State.QUEUED, {"lost": 1}, False),
        ("lost", State.FAILED, {"lost": 1, "dead": 1, "failures": 1}, False),
    ],
)
def test_each_end_counts_what_it_is(outcome: str, to: State, metrics: dict[str, int], is_timed: bool) -> None:
    tally = finished(outcome, to)
    assert counted(tally) == metrics
    assert [bucket for (*_, metric, bucket) in tally.history if metric is Metric.RUN] == ([5] if is_timed else [])
    assert counters(tally) == {("q", State.RUNNING): -1, ("q", to): 1} | {
        ("q", total_of(Metric(metric))): n for metric, n in metrics.items()
    }


def test_a_move_counts_where_the_job_goes_and_what_happened_where_it_was() -> None:
    tally = finished("failed", State.QUEUED, queue_after="slow", retrying=True, held=True)
    assert counters(tally) == {
        ("q", State.RUNNING): -1, ("slow", State.QUEUED): 1, ("slow", RETRYING): 1, ("slow", HELD): 1,
        ("q", total_of(Metric.FAILURES)): 1,
    }  # fmt: skip
    assert {queue for _, queue, *_ in tally.history} == {"q"}


def test_an_ended_job_is_neither_held_nor_retrying() -> None:
    assert (
        counters(finished("cancelled", State.CANCELLED, retrying=True, held=True))
        .keys()
        .isdisjoint({("q", RETRYING), ("q", HELD)})
    )


def test_a_cancelled_queued_job_leaves_the_queue() -> None:
    tally = Tally()
    tally.cancelled_queued("q", "task", retrying=True, held=True, now=NOW)
    assert counters(tally) == {
        ("q", State.QUEUED): -1, ("q", State.CANCELLED): 1, ("q", RETRYING): -1, ("q", HELD): -1,
        ("q", total_of(Metric.CANCELLED)): 1,
    }  # fmt: skip


def test_a_requeue_a_hold_and_a_prune_move_counts_without_history() -> None:
    tally = Tally()
    tally.requeued("q", State.FAILED)
    tally.held("q", 2)
    tally.held("q", -1)
    tally.pruned("q", State.SUCCEEDED, 3)
    assert counters(tally) == {("q", State.FAILED): -1, ("q", State.QUEUED): 1, ("q", HELD): 1, ("q", State.SUCCEEDED): -3}
    assert not tally.history


def test_a_negative_duration_counts_as_none() -> None:
    assert {
        bucket for (*_, metric, bucket) in finished("succeeded", State.SUCCEEDED, ran=-5).history if metric is Metric.RUN
    } == {0}
