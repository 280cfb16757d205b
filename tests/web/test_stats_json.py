from __future__ import annotations

import json
from typing import Any

import pytest

from asyncjobs.errors import NotStarted, Stopping, StoreClosed, StoreUnavailable
from asyncjobs.histogram import BOUNDS
from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.web import present
from asyncjobs.web.app import web_app
from tests.web.fakes import (
    AS_OF,
    FakeSource,
    a_finding,
    a_group,
    a_job,
    a_process,
    a_queue,
    a_schedule,
    a_snapshot,
    durations,
    minutes,
)

NUMBERS = {
    "enqueued", "processed", "succeeded", "failures", "failed", "dead", "cancelled", "waiting", "waiting_more", "busy",
    "scheduled", "scheduled_more", "retries", "held", "slots", "latency", "wait", "run", "minutes",
}  # fmt: skip
TOP = NUMBERS | {
    "queues",
    "processes",
    "schedules",
    "paused_tasks",
    "unknown_tasks",
    "version",
    "file",
    "as_of",
    "as_of_ms",
    "healthy",
    "problems",
    "findings",
    "groups",
    "longest",
}
GROUP = {"task", "error", "jobs", "first_at", "first_at_ms", "last_at", "last_at_ms", "message"}
DURATIONS = {"count", "p50", "p95", "p99", "histogram"}
SCHEDULE = {
    "name", "task", "queue", "when", "next_at", "next_at_ms", "last_at", "last_at_ms", "last_job", "fired", "paused",
    "undeclared",
}  # fmt: skip
PROCESS = {"id", "pid", "host", "version", "started_at", "started_at_ms", "alive", "this", "slots", "busy", "condition"}

MAIL = a_queue(
    "mail", waiting=10_000, waiting_more=True, running=3, scheduled=40, retrying=7, held=2, pause=Pause(AS_OF, "ada"), limits=Limits(3, Rate.of("10/s")), max_waiting=500, slots=5, enqueued=900,
    processed=700, succeeded=640, failures=60, failed=4, cancelled=1, latency=372.1,
    wait=durations({0: 3, 2: 1, 22: 1}), run=durations({9: 4}),
)  # fmt: skip
WEB = a_queue("web", waiting=5, running=1, scheduled=2, scheduled_more=True, retrying=1, held=1, latency=0.4, cancelled=2)


async def read(browse: Any, source: FakeSource) -> Any:
    answer = await browse(web_app(source)).get("/stats")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_the_names_are_those_that_are_promised(browse: Any) -> None:
    data = await read(browse, FakeSource(a_snapshot(MAIL, WEB)))
    assert set(data) == TOP
    assert set(data["queues"]) == {"mail", "web"}
    assert set(data["queues"]["mail"]) == NUMBERS | {
        "paused",
        "pause",
        "global_limit",
        "rate",
        "burst",
        "max_waiting",
        "configured",
    }
    assert set(data["wait"]) == set(data["queues"]["mail"]["run"]) == DURATIONS
    assert set(data["processes"][0]) == PROCESS


@pytest.mark.parametrize(
    "name",
    sorted(
        TOP
        | {"paused", "configured"}
        | DURATIONS
        | PROCESS
        | SCHEDULE
        | {"since", "since_ms", "by", "why"}
        | GROUP
        | {"le", "error", "code", "message", "at_ms", "rule", "severity", "queue", "sentence", "evidence"}
    ),
)
def test_every_name_is_explained_where_the_names_are_made(name: str) -> None:
    assert name in (present.__doc__ or "")


async def test_a_queue_shows_every_number_of_its_snapshot(browse: Any) -> None:
    mail = (await read(browse, FakeSource(a_snapshot(MAIL, WEB))))["queues"]["mail"]
    del mail["wait"], mail["run"], mail["minutes"]
    assert mail == {
        "enqueued": 900, "processed": 700, "succeeded": 640, "failures": 60, "failed": 4, "dead": 4, "cancelled": 1,
        "waiting": 10_000, "waiting_more": True, "busy": 3, "scheduled": 40, "scheduled_more": False, "retries": 7, "held": 2,
        "slots": 5, "latency": 372.1, "paused": True,
        "pause": {"since": "2026-11-24T19:20:31.042Z", "since_ms": AS_OF, "by": "ada", "why": ""},
        "global_limit": 3, "rate": 10.0, "burst": 1, "max_waiting": 500, "configured": True,
    }  # fmt: skip


async def test_the_totals_add_the_queues_up_and_latency_is_the_longest(browse: Any) -> None:
    data = await read(browse, FakeSource(a_snapshot(MAIL, WEB)))
    assert {name: data[name] for name in NUMBERS - {"wait", "run", "minutes"}} == {
        "enqueued": 901, "processed": 701, "succeeded": 641, "failures": 60, "failed": 4, "dead": 4, "cancelled": 3,
        "waiting": 10_005, "waiting_more": True, "busy": 4, "scheduled": 42, "scheduled_more": True, "retries": 8, "held": 3,
        "slots": 15, "latency": 372.1,
    }  # fmt: skip
    assert data["wait"]["count"] == 6


async def test_a_histogram_is_cumulative_over_fixed_bounds_and_ends_with_all(browse: Any) -> None:
    wait = (await read(browse, FakeSource(a_snapshot(MAIL))))["queues"]["mail"]["wait"]
    assert [step["le"] for step in wait["histogram"]] == [*(bound / 1000 for bound in BOUNDS), None]
    assert [step["count"] for step in wait["histogram"]] == [3, 3, *[4] * 20, 5]
    assert wait["count"] == 5
    assert (wait["p50"], wait["p99"]) == (MAIL.wait.p50, 86_400.0)


async def test_percentiles_of_nothing_are_null(browse: Any) -> None:
    wait = (await read(browse, FakeSource(a_snapshot(a_queue(wait=durations())))))["wait"]
    assert (wait["count"], wait["p50"], wait["p95"], wait["p99"]) == (0, None, None, None)


async def test_no_queue_at_all_is_all_zero(browse: Any) -> None:
    data = await read(browse, FakeSource(a_snapshot()))
    assert data["queues"] == {}
    assert (data["processed"], data["latency"], data["waiting_more"]) == (0, 0.0, False)


async def test_the_moment_the_process_and_its_health_are_told(browse: Any) -> None:
    process = a_process(slots={"mail": 5}, busy={"mail": 3})
    data = await read(browse, FakeSource(a_snapshot(MAIL, processes=(process,), problems={"store": "disk full"})))
    assert (data["as_of"], data["as_of_ms"]) == ("2026-11-24T19:20:31.042Z", AS_OF)
    assert (data["version"], data["healthy"], data["problems"]) == ("0.1.0", False, {"store": "disk full"})
    assert data["processes"] == [
        {
            "id": process.id, "pid": 4412, "host": "shop-1", "version": "0.1.0", "started_at": "2026-11-24T18:20:31.042Z",
            "started_at_ms": AS_OF - 3_600_000, "alive": True, "this": True, "slots": {"mail": 5}, "busy": {"mail": 3},
            "condition": None,
        }
    ]  # fmt: skip


async def test_hostile_names_survive_unchanged(browse: Any) -> None:
    name = "</script>\0\u202e\ud800\n邮件"
    answer = await browse(web_app(FakeSource(a_snapshot(a_queue(name))))).get("/stats")
    assert list(json.loads(answer.content)["queues"]) == [name]


async def test_not_started_says_how_to_start(browse: Any) -> None:
    answer = await browse(web_app(FakeSource(started=False))).get("/stats")
    assert answer.status_code == 503
    data = answer.json()
    assert data["error"] == {"code": "not_started", "message": str(NotStarted())}
    assert (data["healthy"], data["problems"], data["version"]) == (False, {"runner": str(NotStarted())}, "0.1.0")


async def test_the_longest_running_come_with_their_start(browse: Any) -> None:
    job = a_job("a", state=State.RUNNING, attempt=2, started_at=AS_OF - 5)
    assert (await read(browse, FakeSource(a_snapshot(MAIL, longest=[job]))))["longest"] == [
        {
            "id": "a",
            "task": "send_email",
            "queue": "mail",
            "attempt": 2,
            "started_at": "2026-11-24T19:20:31.037Z",
            "started_at_ms": AS_OF - 5,
        }
    ]


async def test_failed_jobs_come_in_groups(browse: Any) -> None:
    data = await read(browse, FakeSource(a_snapshot(MAIL, failures=[a_group()])))
    (group,) = data["groups"]
    assert set(group) == GROUP
    assert (group["task"], group["error"], group["jobs"], group["last_at_ms"]) == ("sync_crm", "ConnectionError", 28, AS_OF)


async def test_what_ended_in_each_minute_adds_up(browse: Any) -> None:
    queues = [a_queue("a", minutes=minutes((1, 0), (3, 1))), a_queue("b", minutes=minutes((2, 5)))]
    data = await read(browse, FakeSource(a_snapshot(*queues)))
    last = {"at_ms": AS_OF - AS_OF % 60_000, "succeeded": 5, "failures": 6}
    assert (len(data["minutes"]), data["minutes"][-1]) == (60, last)
    assert data["queues"]["a"]["minutes"][-2:] == [
        {"at_ms": last["at_ms"] - 60_000, "succeeded": 1, "failures": 0},
        {"at_ms": last["at_ms"], "succeeded": 3, "failures": 1},
    ]


async def test_what_is_wrong_comes_with_its_evidence(browse: Any) -> None:
    data = await read(browse, FakeSource(a_snapshot(MAIL, findings=[a_finding()])))
    assert data["findings"] == [
        {
            "rule": "too few slots", "severity": "warn", "queue": "mail", "sentence": "mail is falling behind.",
            "evidence": {"needs": 7, "oldest": 90.5},
        }
    ]  # fmt: skip


async def test_an_unavailable_store_is_told_in_words_with_the_problems_of_this_process(browse: Any) -> None:
    source = FakeSource(StoreUnavailable("another process holds jobs.db"))
    source.problems = {"outcomes": "3 outcomes are not on disk yet"}
    answer = await browse(web_app(source)).get("/stats")
    assert answer.status_code == 503
    assert answer.json()["error"] == {"code": "store_unavailable", "message": "another process holds jobs.db"}
    assert (answer.json()["healthy"], answer.json()["problems"]) == (False, dict(source.problems))


@pytest.mark.parametrize("error", [StoreClosed(), Stopping(), NotStarted()])
async def test_any_error_of_ours_while_reading_is_a_503_with_its_sentence(browse: Any, error: Exception) -> None:
    answer = await browse(web_app(FakeSource(error))).get("/stats")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, str(error))


async def test_schedules_are_told_with_their_times(browse: Any) -> None:
    due = a_schedule(fired=3, last_at=AS_OF - 5, last_job="j1")
    paused = a_schedule("weekly", when="every 300000", next_at=None, paused=Pause(AS_OF, "ada", "a holiday"))
    strange = a_schedule("strange", when="cron Mars/Olympus @daily")
    data = await read(browse, FakeSource(a_snapshot(schedules=(due, paused, strange))))
    assert set(data["schedules"][0]) == SCHEDULE
    assert data["schedules"][0] == {
        "name": "nightly", "task": "reports.build", "queue": "mail", "when": "0 9 * * mon-fri (Europe/Berlin)",
        "next_at": "2026-11-24T19:21:31.042Z", "next_at_ms": AS_OF + 60_000, "last_at": "2026-11-24T19:20:31.037Z",
        "last_at_ms": AS_OF - 5, "last_job": "j1", "fired": 3, "paused": None, "undeclared": False,
    }  # fmt: skip
    assert data["schedules"][1]["when"] == "every 5 min"
    assert data["schedules"][1]["next_at"] is data["schedules"][1]["last_at"] is None
    assert data["schedules"][1]["paused"] == {
        "since": "2026-11-24T19:20:31.042Z", "since_ms": AS_OF, "by": "ada", "why": "a holiday",
    }  # fmt: skip
    assert data["schedules"][2]["when"] == "cron Mars/Olympus @daily"
