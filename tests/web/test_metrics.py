from __future__ import annotations

import re
from typing import Any

import pytest

from asyncjobs.diagnose import Severity
from asyncjobs.errors import StoreUnavailable
from asyncjobs.pause import Pause
from asyncjobs.web.app import web_app
from tests.web.fakes import AS_OF, FakeSource, a_finding, a_process, a_queue, a_snapshot

LINE = re.compile(r'(?P<name>[a-z_]+)(\{(?P<label>[a-z]+)="(?P<value>(?:[^"\\\n]|\\["\\n])*)"\})? (?P<number>[0-9.e+-]+)')


async def scraped(browse: Any, source: FakeSource) -> dict[tuple[str, str | None], float]:
    """(name, value of its label) → number; every line is a comment or a number, and every number has been announced."""
    answer = await browse(web_app(source)).get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    announced, found = set(), {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            announced.add(line.split()[2])
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        assert match["name"] in announced
        found[match["name"], match["value"]] = float(match["number"])
    return found


async def test_the_numbers_of_each_queue_are_counters_and_gauges(browse: Any) -> None:
    mail = a_queue(
        "mail", waiting=12, running=3, scheduled=4, retrying=2, held=1, slots=5, latency=372.125, enqueued=1_480_000, succeeded=4000, failures=321,
        failed=9, cancelled=6, pause=Pause(AS_OF),
    )  # fmt: skip
    findings = [a_finding(), a_finding(severity=Severity.BAD)]
    processes = [a_process(), a_process(alive=False)]
    found = await scraped(browse, FakeSource(a_snapshot(mail, a_queue("web"), findings=findings, processes=processes)))
    assert {name: number for (name, queue), number in found.items() if queue == "mail"} == {
        "asyncjobs_enqueued_total": 1_480_000, "asyncjobs_succeeded_total": 4000, "asyncjobs_failures_total": 321, "asyncjobs_failed_total": 9,
        "asyncjobs_cancelled_total": 6, "asyncjobs_waiting": 12, "asyncjobs_running": 3, "asyncjobs_scheduled": 4, "asyncjobs_retrying": 2,
        "asyncjobs_held": 1, "asyncjobs_slots": 5, "asyncjobs_latency_seconds": 372.125, "asyncjobs_paused": 1,
    }  # fmt: skip
    assert found["asyncjobs_paused", "web"] == 0
    assert (found["asyncjobs_processes", None], found["asyncjobs_healthy", None]) == (1, 1)
    assert (found["asyncjobs_findings", "warn"], found["asyncjobs_findings", "bad"]) == (1, 1)


@pytest.mark.parametrize("hostile", ['a"b', "a\\b", "a\nb", "\ud800", '"} 1\nasyncjobs_healthy 0'])
async def test_a_hostile_name_stays_a_label(browse: Any, hostile: str) -> None:
    found = await scraped(browse, FakeSource(a_snapshot(a_queue(hostile))))
    assert found["asyncjobs_healthy", None] == 1
    assert len({queue for _, queue in found}) == 4  # it, no label, warn and bad


async def test_who_may_not_look_scrapes_nothing_and_a_store_that_is_away_is_said(browse: Any) -> None:
    source = FakeSource()
    assert (await browse(web_app(source), client=("10.0.0.3", 1)).get("/metrics")).status_code == 403
    assert source.reads == 0
    assert (await browse(web_app(FakeSource(StoreUnavailable("busy")))).get("/metrics")).status_code == 503
