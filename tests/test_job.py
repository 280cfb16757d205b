"""Job.view: the state as people speak of it."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.job import Hold, Job, Policy, State

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


def test_three_states_have_ended() -> None:
    assert {state for state in State if state.ended} == {State.SUCCEEDED, State.FAILED, State.CANCELLED}
