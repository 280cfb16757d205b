"""Job.view: the state as people speak of it."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.job import ATTEMPTS_KEPT, AttemptRecord, Hold, Job, Policy, State, kept_attempts

NOW = 1_800_000_000_000


def job(state: State, **fields: Any) -> Job:
    return Job(
        id="a", name="work", queue="default", state=state, args="", meta="{}", priority=1, policy=Policy(), survives="power",
        enqueued_at=NOW, scheduled_at=NOW, **{"run_at": NOW, **fields},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("job", "view"),
    [
        (job(State.QUEUED), "queued"),
        (job(State.QUEUED, run_at=NOW + 1), "scheduled"),
        (job(State.QUEUED, run_at=NOW + 1, attempt=1), "retrying"),
        (job(State.QUEUED, attempt=1), "retrying"),
        (job(State.QUEUED, hold=Hold.UNROUTABLE), "held"),
        (job(State.RUNNING), "running"),
        (job(State.RUNNING, cancel_requested=True), "cancelling"),
        (job(State.SUCCEEDED), "succeeded"),
        (job(State.FAILED), "failed"),
        (job(State.CANCELLED), "cancelled"),
    ],
)
def test_a_view_names_what_people_see(job: Job, view: str) -> None:
    assert job.view(NOW) == view


def test_of_the_attempts_that_are_left_out_the_one_that_began_the_last_round_stays() -> None:
    """Of rounds of 15, 22 and 4 attempts: the last twenty have the beginning of the last round; a longer one pushes its own out."""
    numbers = [*range(1, 16), *range(1, 23)]
    records = [AttemptRecord(number, "failed", "r", at, at) for at, number in enumerate(numbers)]
    kept = kept_attempts(records)
    assert [(record.number, record.started_at) for record in kept] == [
        (1, 15),
        *((number, 14 + number) for number in range(4, 23)),
    ]
    again = [*records, *(AttemptRecord(number, "failed", "r", 36 + number, 0) for number in range(1, 5))]
    assert kept_attempts(again) == again[-ATTEMPTS_KEPT:]


def test_three_states_have_ended() -> None:
    assert {state for state in State if state.ended} == {State.SUCCEEDED, State.FAILED, State.CANCELLED}
