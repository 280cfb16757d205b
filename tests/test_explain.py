"""explain, of situations made by hand: which obstacles there are where only a few facts differ."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.explain import Explanation, Reason, explain
from asyncjobs.job import AttemptRecord, Hold, Job, Policy, State
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import AHEAD_LIMIT, RunnerInfo, RunnerStats, Situation

NOW = 1_800_000_000_000  # 2027-01-15 08:00 UTC


def job(**fields: Any) -> Job:
    plain = {
        "id": "j1", "name": "work", "queue": "default", "state": State.QUEUED, "args": "{}", "meta": "{}", "priority": 2,
        "policy": Policy(), "survives": "crash", "enqueued_at": NOW, "scheduled_at": NOW, "run_at": NOW,
    }  # fmt: skip
    return Job(**{**plain, **fields})


def runner(queue: str = "default", slots: int = 2, tasks: tuple[str, ...] = ("work",), alive: bool = True) -> RunnerStats:
    return RunnerStats(RunnerInfo("r1", 1, "here", "0", NOW, {queue: slots}, frozenset(tasks)), {}, alive)


def explained(*runners: RunnerStats, limits: Limits | None = None, of: dict[str, Any] | None = None, **facts: Any) -> Explanation:
    return explain(Situation(NOW, job(**of or {}), runners=runners or (runner(),), **facts), limits)


def reasons(*runners: RunnerStats, limits: Limits | None = None, of: dict[str, Any] | None = None, **facts: Any) -> list[Reason]:
    return [obstacle.reason for obstacle in explained(*runners, limits=limits, of=of, **facts).obstacles]


@pytest.mark.parametrize(
    ("runners", "expected"),
    [
        ([runner()], [Reason.DUE]),
        ([runner(alive=False)], [Reason.UNKNOWN_TASK, Reason.NO_WORKER]),
        ([runner(), runner(alive=False)], [Reason.DUE]),
        ([runner(tasks=("else",))], [Reason.UNKNOWN_TASK]),
        ([runner(queue="mail")], [Reason.NO_WORKER]),
        ([runner(queue="mail"), runner(tasks=("else",))], [Reason.NO_WORKER]),
        ([runner(queue="mail"), runner()], [Reason.DUE]),
    ],
)
def test_some_living_process_must_work_its_queue_and_know_its_task(runners: list[RunnerStats], expected: list[Reason]) -> None:
    assert reasons(*runners) == expected


def test_slots_are_those_of_living_processes_that_know_its_task() -> None:
    others = [runner(tasks=("else",), slots=9), runner(alive=False, slots=9)]
    assert reasons(runner(slots=2), *others, running_count=1) == [Reason.DUE]
    found = explained(runner(slots=2), *others, running_count=2, running=[("a", "r1"), ("b", "r1")])
    assert str(found) == "All 2 slots of queue 'default' are taken: a, b."
    assert reasons(*others, running_count=99) == [Reason.UNKNOWN_TASK]


def test_of_its_key_those_before_it_are_told_or_that_it_was_put_aside() -> None:
    keyed = {"key": "work#k", "policy": Policy(key_limit=2)}
    assert reasons(of=keyed, of_key=["a"], of_key_count=1) == [Reason.DUE]
    full = explained(of=keyed, of_key=["a", "b"], of_key_count=2)
    assert str(full) == "Of its key 'work#k' 2 jobs may run at once, and a, b come before it."
    aside = explained(of={**keyed, "hold": Hold.KEY})
    assert str(aside).endswith("2 jobs may run at once, and others that can't begin either come before it.")
    assert aside.reason is Reason.KEY
    assert reasons(of={"hold": Hold.NONE}, of_key_count=9) == [Reason.DUE]


def test_limits_are_no_obstacle_while_there_is_room_or_before_its_time() -> None:
    limits = Limits(2, Rate(1000.0))
    assert reasons(limits=limits, running_count=1, spent_to=0.0) == [Reason.DUE]
    assert reasons(runner(slots=9), limits=limits, running_count=2) == [Reason.GLOBAL_LIMIT]
    assert reasons(limits=limits, spent_to=NOW + 1000.0) == [Reason.RATE]
    everything: dict[str, Any] = {"limits": limits, "running_count": 2, "spent_to": NOW + 1000.0, "ahead": 3}
    assert reasons(**everything) == [Reason.GLOBAL_LIMIT, Reason.RATE, Reason.SLOTS, Reason.BEHIND]
    assert reasons(**everything, of={"run_at": NOW + 1}) == [Reason.SCHEDULED]


@pytest.mark.parametrize(
    ("ahead", "said"), [(1, "1 due job comes"), (AHEAD_LIMIT - 1, "999 due jobs come"), (AHEAD_LIMIT, "1,000+ due jobs come")]
)
def test_as_many_are_before_it_as_were_counted(ahead: int, said: str) -> None:
    assert str(explained(ahead=ahead)) == f"{said} before it in queue 'default'."


def test_what_must_run_alone_is_not_behind_others() -> None:
    assert reasons(of={"hold": Hold.ALONE, "crashes": 2}, ahead=3) == [Reason.ALONE]


def test_what_was_requeued_is_scheduled_not_tried_again() -> None:
    failed = (AttemptRecord(3, "failed", "r1", NOW - 9, NOW - 5),)
    again = {"run_at": NOW + 5000, "attempts": failed, "policy": Policy(max_attempts=3)}
    assert str(explained(of={**again, "attempt": 0})) == "It is scheduled for 2027-01-15 08:00:05 UTC."
    assert str(explained(of={**again, "attempt": 1})).startswith(
        "It is tried again at 2027-01-15 08:00:05 UTC: attempt 1 of 3 ended"
    )
    assert str(explained(of={**again, "attempt": 1, "attempts": ()})).startswith("It is scheduled for")


def test_it_has_expired_from_that_millisecond_on() -> None:
    assert reasons(of={"expires_at": NOW}) == [Reason.EXPIRED]
    assert reasons(of={"expires_at": NOW + 1}) == [Reason.DUE]


def test_of_what_runs_it_is_told_whether_its_end_was_asked_for() -> None:
    running = {"state": State.RUNNING, "attempt": 2, "started_at": NOW, "runner": "r1"}
    assert str(explained(of=running)) == "It runs since 2027-01-15 08:00:00 UTC, in attempt 2."
    asked = explained(of={**running, "cancel_requested": True})
    assert str(asked) == "It runs since 2027-01-15 08:00:00 UTC, in attempt 2; its end was asked for."
