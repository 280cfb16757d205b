"""The rules of diagnose: each with numbers that make it apply, and the sentence; healthy numbers give none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncjobs import Jobs, Queue
from asyncjobs.diagnose import Finding, Rule, Severity, diagnose
from asyncjobs.flow import DAY, flow_of
from asyncjobs.job import NewJob, State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.schedule import Schedule
from asyncjobs.store.base import Condition, HistoryBucket, Metric, QueueStats, RunnerInfo, RunnerStats, Stats
from asyncjobs.vitals import Vitals
from tests.fakes import FakeClock, settled

NOW = 1_800_000_000_000  # a whole minute, 08:00 UTC
MINUTE = 60_000


def flow(at: int, minutes: int = 5, run: int = 9, wait: int = 0, **a_minute: int) -> list[HistoryBucket]:
    """So many minutes before `at`, each with these counts; `run`, `wait`: the histogram's bucket of those that ended, that began."""
    counts = {Metric(name): count for name, count in a_minute.items()}
    began, ended = counts.get(Metric.STARTED, 0), counts.get(Metric.SUCCEEDED, 0) + counts.get(Metric.FAILURES, 0)
    waits, runs = {wait: began} if began else {}, {run: ended} if ended else {}
    return [HistoryBucket(at - n * MINUTE, "crm", "call", counts, waits, runs) for n in range(1, minutes + 1)]


def vitals(history: list[HistoryBucket] | None = None, *, running: int = 0, slots: int = 4, **facts: Any) -> Vitals:
    """Of one queue, "crm"."""
    stats = {name: facts.pop(name) for name in ("paused_tasks", "unknown_tasks") if name in facts}
    more = {
        name: facts.pop(name) for name in ("problems", "stuck", "limits", "schedules", "max_waiting", "declared") if name in facts
    }
    queue = QueueStats({State.RUNNING: running}, **facts)
    runners = [RunnerStats(RunnerInfo("r1", 1, "h", "0", 0, {"crm": slots} if slots else {}), {}, True)]
    return Vitals(Stats(NOW, {"crm": queue}, runners, **stats), flow_of(history or [], NOW), **more)


def only(found: list[Finding], rule: Rule) -> str:
    assert [finding.rule for finding in found] == [rule]
    return found[0].sentence


def test_what_this_process_says_itself() -> None:
    [finding] = diagnose(vitals(problems={"store": "the disk is full (0 B free on /data)"}))
    assert (finding.rule, finding.severity, finding.sentence) == (
        Rule.PROBLEM,
        Severity.BAD,
        "store: the disk is full (0 B free on /data)",
    )


def test_a_task_that_nobody_knows() -> None:
    sentence = only(diagnose(vitals(unknown_tasks={"old.task": 12})), Rule.UNKNOWN_TASK)
    assert (
        sentence
        == "12 jobs name 'old.task', which no living process that works their queue knows. Bring it back, or name it in aliases=."
    )
    assert only(diagnose(vitals(unknown_tasks={"old.task": 1})), Rule.UNKNOWN_TASK).startswith("1 job names 'old.task'")


def test_a_paused_task() -> None:
    sentence = only(diagnose(vitals(paused_tasks={"call": Pause(NOW - 31 * MINUTE, "ana")})), Rule.TASK_PAUSED)
    assert sentence == "Task call is paused (by ana, 31 min)."


def test_a_schedule_that_nobody_fires() -> None:
    late = Schedule("nightly", "every 60000", NewJob("", "call", "crm", 0), NOW - 2 * MINUTE)
    fine = [
        Schedule("a", "every 60000", late.job, NOW - 1000),
        Schedule("b", "every 60000", late.job, 0, paused=Pause(NOW)),
        Schedule("c", "every 1", late.job, None),
    ]
    sentence = only(diagnose(vitals(schedules=[late, *fine])), Rule.SCHEDULE_MISSED)
    assert sentence == "Schedule nightly was due at 07:58 UTC and was not fired: no process that knows it works a queue."
    gone = replace(late, declared="as it was")
    assert diagnose(vitals(schedules=[gone])) == []
    assert only(diagnose(vitals(schedules=[gone], declared={"nightly"})), Rule.SCHEDULE_MISSED)


def test_a_paused_queue_in_which_jobs_wait() -> None:
    pause = Pause(NOW - 31 * MINUTE, "ana", "vendor outage")
    assert (
        only(diagnose(vitals(pause=pause, waiting=12)), Rule.QUEUE_PAUSED)
        == "crm is paused (by ana, 31 min, 'vendor outage'); 12 waiting."
    )
    assert diagnose(vitals(pause=pause)) == []


def test_a_queue_that_nobody_works() -> None:
    sentence = only(diagnose(vitals(slots=0, waiting=40, oldest_due=NOW - 62 * MINUTE)), Rule.NO_WORKER)
    assert sentence == "No running process works crm; 40 waiting since 06:58 UTC."
    assert diagnose(vitals(slots=0)) == []


def test_a_process_that_is_dead_works_nothing() -> None:
    dead = RunnerStats(RunnerInfo("r1", 1, "h", "0", 0, {"crm": 4}), {}, alive=False)
    given = replace(vitals(), stats=Stats(NOW, {"crm": QueueStats({}, waiting=1, oldest_due=NOW)}, [dead]))
    assert only(diagnose(given), Rule.NO_WORKER) == "No running process works crm; 1 waiting since 08:00 UTC."


def test_slots_that_jobs_hold_which_ignore_their_cancellation() -> None:
    sentence = only(diagnose(vitals(stuck={"crm": 3}, running=3)), Rule.STUCK)
    assert sentence == "3 of 4 slots of crm are held by jobs that ignore their cancellation."
    assert only(diagnose(vitals(stuck={"crm": 2}, running=2)), Rule.STUCK)
    assert diagnose(vitals(stuck={"crm": 1}, running=1)) == []


def test_a_queue_that_refuses_what_is_new() -> None:
    full = replace(vitals(max_waiting={"crm": 1000}), stats=Stats(NOW, {"crm": QueueStats({State.QUEUED: 1000})}, ()))
    assert only(diagnose(full), Rule.FULL) == "crm refuses new jobs: 1,000 of 1,000 are queued (max_waiting)."
    assert diagnose(replace(full, max_waiting={"crm": 1001})) == []


def test_jobs_for_later_do_not_count_as_come() -> None:
    now = flow(NOW, run=11, enqueued=180, started=2, succeeded=2)
    facts: dict[str, Any] = {"running": 1, "slots": 1, "waiting": 1, "oldest_due": NOW - 31_000, "scheduled": 900}
    assert diagnose(vitals(now, **facts)) == []


FALLS_BEHIND: dict[str, Any] = {"running": 4, "waiting": 400, "oldest_due": NOW - 31_000}


@pytest.mark.parametrize("facts", [{"oldest_due": NOW - 30_000}, {"running": 3}, {"running": 0}])
def test_a_queue_with_a_slot_to_spare_or_a_short_wait_does_not_fall_behind(facts: dict[str, Any]) -> None:
    now = flow(NOW, run=11, enqueued=120, started=40, succeeded=40)
    assert diagnose(vitals(now, **FALLS_BEHIND | facts)) == []


def test_a_queue_of_which_as_many_end_as_come_does_not_fall_behind() -> None:
    even = FALLS_BEHIND | {"waiting": 0, "oldest_due": NOW - 31_000}
    assert diagnose(vitals(flow(NOW, run=11, started=120, succeeded=120), **even)) == []
    assert only(diagnose(vitals(flow(NOW, run=12, started=120, succeeded=119), **even)), Rule.TOO_FEW_SLOTS)


def test_of_those_that_began_only_what_became_due_in_the_window_has_come() -> None:
    """A minute's starts lie in its middle: of starts that had waited 210 s, two of five minutes' had come within five."""
    now, facts = (
        flow(NOW, run=12, wait=16, started=60, succeeded=60),
        FALLS_BEHIND | {"waiting": 180, "oldest_due": NOW - 300_000},
    )
    assert diagnose(vitals(now, **facts)) == []
    assert only(diagnose(vitals(now, **facts | {"waiting": 181})), Rule.TOO_FEW_SLOTS)


def test_what_happened_before_and_after_the_last_five_whole_minutes_counts_for_nothing() -> None:
    failing = flow(NOW - 5 * MINUTE, 60, failures=40, started=40) + flow(NOW + MINUTE, 1, failures=40, started=40)
    given = vitals(failing)
    within = Stats(NOW + MINUTE - 1, given.stats.queues, given.stats.runners)
    assert diagnose(replace(given, stats=within)) == []
    assert only(diagnose(replace(given, stats=replace(within, as_of=NOW + MINUTE))), Rule.MANY_FAIL)


YESTERDAY = NOW - DAY + 60 * MINUTE


def test_jobs_that_take_longer_than_yesterday() -> None:
    now, before = (
        flow(NOW, run=11, enqueued=60, started=40, succeeded=40),
        flow(YESTERDAY, 120, run=9, enqueued=60, started=60, succeeded=60),
    )
    assert only(diagnose(vitals(now + before, **FALLS_BEHIND)), Rule.SLOWER) == "Jobs of crm take 3.5 s (0.75 s yesterday)."


def test_more_jobs_than_yesterday() -> None:
    now, before = flow(NOW, enqueued=120, started=40, succeeded=40), flow(YESTERDAY, 120, enqueued=40, started=40, succeeded=40)
    assert (
        only(diagnose(vitals(now + before, **FALLS_BEHIND)), Rule.MORE_ARRIVE)
        == "More jobs of crm arrive than yesterday (2/s, 0.67/s then)."
    )


def test_too_few_slots() -> None:
    now = flow(NOW, run=11, enqueued=120, started=40, succeeded=40)
    assert only(diagnose(vitals(now, **FALLS_BEHIND)), Rule.TOO_FEW_SLOTS) == "crm needs about 7 slots, and has 4."


def test_a_global_limit_that_holds_jobs_back() -> None:
    given: dict[str, Any] = {"running": 1, "waiting": 9, "oldest_due": NOW - 61_000, "limits": {"crm": Limits(1)}}
    assert only(diagnose(vitals(**given)), Rule.GLOBAL_LIMIT) == "crm is held by its global limit of 1; 9 waiting."
    assert diagnose(vitals(**{**given, "oldest_due": NOW - 5_000})) == []


def test_a_rate_that_holds_jobs_back() -> None:
    now = flow(NOW, enqueued=900, started=600, succeeded=600)
    given: dict[str, Any] = {"waiting": 412, "oldest_due": NOW - 40_000, "limits": {"crm": Limits(rate=Rate.of("10/s"))}}
    assert only(diagnose(vitals(now, **given)), Rule.RATE) == "crm is held by its rate of 10/s; 412 waiting, clear in 41 s."
    assert diagnose(vitals(flow(NOW, started=530, succeeded=530), **given)) == []
    assert diagnose(vitals(now, **given | {"oldest_due": NOW - 20_000}, running=4)) == []
    assert diagnose(vitals(now, **given | {"waiting": 0})) == []


def test_many_attempts_that_fail() -> None:
    now = flow(NOW, enqueued=20, started=30, succeeded=10, failures=20)
    assert only(diagnose(vitals(now)), Rule.MANY_FAIL) == "67% of the attempts of crm fail."
    assert diagnose(vitals(flow(NOW, started=30, succeeded=21, failures=9))) == []
    assert only(diagnose(vitals(flow(NOW, 1, started=20, failures=20))), Rule.MANY_FAIL)
    assert diagnose(vitals(flow(NOW, 1, started=19, failures=19))) == []


def test_a_queue_that_catches_up() -> None:
    """600 began and ended in five minutes, of which those of the last two had come within them, 240; of the 210 that wait 105."""
    now = flow(NOW, wait=16, started=120, succeeded=120)
    given: dict[str, Any] = {"running": 2, "waiting": 210, "oldest_due": NOW - 600_000}
    assert only(diagnose(vitals(now, **given)), Rule.CATCHING_UP) == "crm is catching up: 210 waiting, clear in 4 min."
    assert diagnose(vitals(now, **given | {"waiting": 0})) == []
    assert diagnose(vitals(flow(NOW, started=120, succeeded=120), **given)) == []


def test_a_short_wait_is_nothing_to_catch_up_with() -> None:
    now = flow(NOW, wait=16, started=120, succeeded=120)
    assert only(diagnose(vitals(now, running=2, waiting=9, oldest_due=NOW - 60_001)), Rule.CATCHING_UP)
    assert diagnose(vitals(now, running=2, waiting=9, oldest_due=NOW - 60_000)) == []


def test_the_first_rule_of_a_queue_is_the_one_that_is_told() -> None:
    now = flow(NOW, run=11, enqueued=120, started=40, succeeded=10, failures=30)
    assert only(diagnose(vitals(now, pause=Pause(NOW), **FALLS_BEHIND)), Rule.QUEUE_PAUSED).startswith("crm is paused")


@given(
    slots=st.integers(1, 100), running=st.floats(0, 1), arrivals=st.integers(0, 5_000), fails=st.floats(0, 0.29), run=st.integers(0, 21),
    before=st.integers(0, 5_000), waiting=st.integers(0, 50), oldest=st.integers(0, 30_000), scheduled=st.integers(0, 10_000), limited=st.booleans(),
)  # fmt: skip
def test_a_queue_that_keeps_up_has_nothing_wrong(
    slots: int,
    running: float,
    arrivals: int,
    fails: float,
    run: int,
    before: int,
    waiting: int,
    oldest: int,
    scheduled: int,
    limited: bool,
) -> None:
    failed = int(arrivals * fails)
    now = flow(NOW, run=run, enqueued=arrivals, started=arrivals, succeeded=arrivals - failed, failures=failed)
    then = flow(YESTERDAY, 120, run=min(run + 3, 21), enqueued=before, started=before, succeeded=before)
    limits = {"crm": Limits(slots + 1, Rate.of("1000/s"))} if limited else {}
    facts = {"waiting": waiting, "scheduled": scheduled, "oldest_due": NOW - oldest if waiting else None}
    assert diagnose(vitals(now + then, running=int(slots * running), slots=slots, limits=limits, **facts)) == []


async def test_jobs_diagnoses_itself() -> None:
    clock = FakeClock()
    jobs = Jobs("memory:", queues={"default": 1, "elsewhere": Queue(1)}, work=("default",), clock=clock)

    @jobs.task(queue="elsewhere")
    async def work() -> None: ...

    async with jobs.running():
        await clock.advance(1)
        assert await jobs.diagnose() == []
        await work.enqueue()
        await settled()
        [finding] = await jobs.diagnose()
        assert (finding.rule, finding.queue) == (Rule.NO_WORKER, "elsewhere")
        assert finding.evidence["waiting"] == 1
        await jobs.pause(task=work, by="ada")
        assert [finding.rule for finding in await jobs.diagnose()] == [Rule.TASK_PAUSED, Rule.NO_WORKER]


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_has_a_test(rule: Rule) -> None:
    with open(__file__) as file:
        assert f"Rule.{rule.name}" in file.read()


def test_an_event_loop_that_comes_late() -> None:
    healthy = vitals()

    def late(lag: float, *, alive: bool = True) -> Vitals:
        runner = replace(healthy.stats.runners[0], condition=Condition(NOW, lag, 48_000_000, "3.13.0"), alive=alive)
        return replace(healthy, stats=replace(healthy.stats, runners=[runner]))

    assert only(diagnose(late(3.14)), Rule.LOOP_BLOCKED) == (
        "The event loop of h:1 came 3.1 s late: something blocks it, which its log names. Blocking work belongs in a `def` task."
    )
    assert diagnose(late(0.9)) == []
    assert diagnose(late(3.1, alive=False)) == []
