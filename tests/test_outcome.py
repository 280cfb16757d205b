"""settle: what becomes of a job by the end of its attempt, one clause an outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from asyncjobs.errors import ConfigurationError
from asyncjobs.job import Error, Hold, Job, Policy, State
from asyncjobs.outcome import (
    Cancel,
    Cancelled,
    Failed,
    Finish,
    Lost,
    Outcome,
    Released,
    RetryAfter,
    Snooze,
    Snoozed,
    Succeeded,
    TimedOut,
    settle,
)

NOW = 1_800_000_000_000
BOOM = Error("ValueError", "boom")


def running(**fields: Any) -> Job:
    """A job in its first attempt of three, which waits 60 s between them."""
    return Job(
        **{
            "id": "a", "name": "work", "queue": "default", "state": State.RUNNING, "args": "", "meta": "{}", "priority": 1,
            "policy": Policy(max_attempts=3, backoff=60.0, jitter=0.5), "survives": "power", "enqueued_at": NOW, "scheduled_at": NOW,
            "run_at": NOW, "attempt": 1, "token": 7, "runner": "r1", "started_at": NOW, **fields,
        }
    )  # fmt: skip


def settled(outcome: Outcome, chance: float = 0.5, **fields: Any) -> Finish:
    return settle(running(**fields), outcome, now=NOW, chance=chance)


def queued(outcome: str, run_at: int, **fields: Any) -> Finish:
    return Finish("a", 7, outcome, State.QUEUED, run_at=run_at, **fields)


def test_a_success_keeps_its_result_and_the_word_on_it() -> None:
    note = Error("TooLarge", "2 MB")
    assert settled(Succeeded("7", note)) == Finish("a", 7, "succeeded", State.SUCCEEDED, result="7", error=note)


def test_a_failure_is_tried_again_after_its_backoff() -> None:
    assert settled(Failed(BOOM)) == queued("failed", NOW + 60_000, error=BOOM)


@pytest.mark.parametrize(("expires_at", "to"), [(NOW + 60_001, State.QUEUED), (NOW + 60_000, State.FAILED)])
def test_a_retry_that_would_come_when_it_has_expired_is_none(expires_at: int, to: State) -> None:
    assert settled(Failed(BOOM), expires_at=expires_at).to is to


def test_chance_places_the_retry_within_the_jitter() -> None:
    assert settled(Failed(BOOM), chance=0.0).run_at == NOW + 30_000


def test_a_retry_moves_to_the_queue_for_retries() -> None:
    policy = Policy(max_attempts=3, backoff=1.0, jitter=0.0, retry_queue="slow")
    assert settled(Failed(BOOM), policy=policy).queue == "slow"
    assert settled(TimedOut(BOOM), policy=policy).queue == "slow"
    assert settled(Snoozed(1.0), policy=policy).queue is None


def test_retry_after_overrides_the_backoff_and_its_jitter() -> None:
    assert settled(Failed(BOOM, retry_after=5.0), chance=0.0) == queued("failed", NOW + 5_000, error=BOOM)


def test_the_last_attempt_that_fails_is_the_end() -> None:
    end = Finish("a", 7, "failed", State.FAILED, error=BOOM)
    assert settled(Failed(BOOM), attempt=3) == end
    assert settled(Failed(BOOM, retry_after=5.0), attempt=3) == end
    assert settled(Failed(BOOM), attempt=2).to is State.QUEUED


def test_an_error_that_is_not_retryable_is_the_end() -> None:
    assert settled(Failed(BOOM, retryable=False)) == Finish("a", 7, "failed", State.FAILED, error=BOOM)


def test_a_timeout_is_tried_again_until_the_last_attempt() -> None:
    assert settled(TimedOut(BOOM)) == queued("timed_out", NOW + 60_000, error=BOOM)
    assert settled(TimedOut(BOOM), attempt=3) == Finish("a", 7, "timed_out", State.FAILED, error=BOOM)


def test_a_cancellation_says_why_if_anybody_did() -> None:
    assert settled(Cancelled("no more")) == Finish("a", 7, "cancelled", State.CANCELLED, error=Error("Cancel", "no more"))
    assert settled(Cancelled()).to is State.CANCELLED


@pytest.mark.parametrize("attempt", [1, 3, 99])
def test_a_snooze_and_a_release_give_the_attempt_back_however_many_there_were(attempt: int) -> None:
    assert settled(Snoozed(2.5), attempt=attempt) == queued("snoozed", NOW + 2_500, give_back=True)
    assert settled(Released(), attempt=attempt) == queued("released", NOW, give_back=True)


def test_a_first_crash_waits_a_second() -> None:
    assert settled(Lost()) == queued("lost", NOW + 1_000, give_back=True, crashes=1)


def test_a_second_crash_waits_ten_seconds_and_then_for_an_idle_runner() -> None:
    assert settled(Lost(), crashes=1) == queued("lost", NOW + 10_000, give_back=True, crashes=2, hold=Hold.ALONE)


def test_a_third_crash_alone_is_the_end_and_says_so() -> None:
    finish = settled(Lost(), crashes=2, hold=Hold.ALONE)
    assert (finish.to, finish.crashes, finish.hold) == (State.FAILED, 3, Hold.NONE)
    assert finish.error is not None
    assert finish.error.message.startswith("killed its process: 3 times in a row")


def test_a_third_crash_that_was_not_alone_blames_nobody() -> None:
    assert settled(Lost(), crashes=2) == queued("lost", NOW + 10_000, give_back=True, crashes=3, hold=Hold.ALONE)


@pytest.mark.parametrize("outcome", [Failed(BOOM), TimedOut(BOOM), Snoozed(1.0), Released(), Succeeded(), Cancelled()])
def test_any_other_end_sets_crashes_and_the_hold_back(outcome: Outcome) -> None:
    finish = settled(outcome, crashes=2, hold=Hold.ALONE)
    assert (finish.crashes, finish.hold) == (0, Hold.NONE)


@pytest.mark.parametrize(
    ("to", "run_at"),
    [(State.QUEUED, None), (State.SUCCEEDED, NOW), (State.FAILED, NOW), (State.RUNNING, None), (State.RUNNING, NOW)],
)
def test_a_finish_that_makes_no_sense_cannot_be_built(to: State, run_at: int | None) -> None:
    with pytest.raises(ValueError, match="no such finish"):
        Finish("a", 7, "failed", to, run_at=run_at)


def test_what_users_raise_takes_seconds_or_a_timedelta() -> None:
    assert Snooze(timedelta(minutes=1)).seconds == Snooze(60).seconds == 60.0
    assert RetryAfter(timedelta(minutes=1)).seconds == RetryAfter(60).seconds == 60.0
    assert Cancel("why").why == "why"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), "5", None, True])
def test_what_users_raise_refuses_seconds_that_cannot_be(seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="Snooze"):
        Snooze(seconds)
    with pytest.raises(ConfigurationError, match="RetryAfter"):
        RetryAfter(seconds)
