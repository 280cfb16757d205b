"""The pages that show a part of the numbers: queues, failures, schedules, processes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asyncjobs.diagnose import Severity
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import Condition
from asyncjobs.web.app import web_app
from tests.web.fakes import (
    AS_OF,
    FakeSource,
    a_finding,
    a_group,
    a_process,
    a_queue,
    a_schedule,
    a_snapshot,
)
from tests.web.test_stats_page import look


async def numbers(browse: Any, source: FakeSource, path: str, status: int = 200) -> Any:
    answer = await browse(web_app(source)).get(path)
    assert answer.status_code == status
    return answer.json()


async def test_the_queues_stand_in_tables_of_their_own(browse: Any) -> None:
    source = FakeSource(a_snapshot(a_queue("mail", waiting=3, latency=2.0), a_queue("web")))
    page = await look(browse, source, "/stats/queues")
    assert page.by_tag["caption"][:2] == ["Queues", "Since the store was made"]
    assert "stats/queue?name=mail" in [link.removeprefix("../") for link in page.links()]
    data = await numbers(browse, source, "/stats/queues")
    assert {name: queue["waiting"] for name, queue in data["queues"].items()} == {"mail": 3, "web": 0}
    assert data["as_of_ms"] == AS_OF
    assert "There are none" in (await look(browse, FakeSource(a_snapshot()), "/stats/queues")).text


async def test_a_queue_has_a_page_with_its_own_numbers_findings_and_processes(browse: Any) -> None:
    mail = a_queue(
        "mail", waiting=3, latency=2.0, failed=4, limits=Limits(3, Rate.of("100/min")), max_waiting=500, pause=Pause(AS_OF, "ada", "a holiday"),
    )  # fmt: skip
    findings = [a_finding("mail is slow."), a_finding("web is slow.", queue="web"), a_finding("all is slow.", queue=None)]
    living = a_process(slots={"mail": 5, "web": 2}, busy={"mail": 3})
    others = [a_process(pid=7, this=False, slots={"web": 5}), a_process(pid=8, alive=False, slots={"mail": 5})]
    source = FakeSource(a_snapshot(mail, a_queue("web"), findings=findings, processes=(living, *others)))
    page = await look(browse, source, "/stats/queue?name=mail")
    assert page.by_tag["h1"] == ["Queue mail"]
    assert page.title == "mail · queue"
    assert "❚❚ paused since 24 Nov 2026, 19:20:31 by ada: a holiday" in page.by_tag["p"]
    assert page.by_tag["li"] == ["▲ mail is slow."]
    assert {"3", "100/min", "500"} <= set(page.by_tag["dd"])
    assert "../stats/jobs?state=failed&queue=mail" in page.links()
    assert [row for row in page.by_tag["tr"] if row.startswith("shop-1")] == ["shop-1:4412 (this one)3 / 5"]
    data = await numbers(browse, source, "/stats/queue?name=mail")
    assert (data["name"], data["waiting"], data["pause"]["by"], data["global_limit"]) == ("mail", 3, "ada", 3)
    assert [finding["sentence"] for finding in data["findings"]] == ["mail is slow."]


@pytest.mark.parametrize("path", ["/stats/queue", "/stats/queue?name=%3Cb%3E"])
async def test_a_queue_that_there_is_none_of_is_a_404_in_words(browse: Any, path: str) -> None:
    page = await look(browse, FakeSource(), path, status=404)
    assert "There is no queue" in page.text
    assert "<b>" not in [tag for tag, _ in page.tags]
    assert (await numbers(browse, FakeSource(), path, 404))["error"]["code"] == "not_found"


async def test_all_groups_of_failures_stand_on_their_page(browse: Any) -> None:
    groups = [a_group(f"t{number}", count=20 - number) for number in range(12)]
    source = FakeSource(a_snapshot(a_queue(failed=300), failures=groups))
    page = await look(browse, source, "/stats/failures")
    assert [row for row in page.by_tag["td"] if row.startswith("t1")] == ["t1", "t10", "t11"]
    assert "300 jobs have failed for good" in page.text
    assert [group["task"] for group in (await numbers(browse, source, "/stats/failures"))["groups"]] == [
        one.task for one in groups
    ]
    assert "No job that is kept has failed" in (await look(browse, FakeSource(), "/stats/failures")).text


async def test_schedules_say_in_words_when_they_fire_and_the_next_five_times(browse: Any) -> None:
    fired = a_schedule(last_at=AS_OF - 1000, last_job="j/1", fired=1)
    paused = a_schedule("weekly", when="every 90000", paused=Pause(AS_OF, "ada", "a holiday"))
    alien = a_schedule("alien", when="cron Mars/Olympus 0 9 * * *")
    source = FakeSource(a_snapshot(a_queue(), schedules=(fired, paused, a_schedule("once", next_at=None), alien)))
    page = await look(browse, source, "/stats/schedules")
    first, second, third, fourth = page.by_tag["tr"][1:]
    assert first.startswith(
        "nightlyAt 09:00 on Monday through Friday, by the clock of Europe/Berlin0 9 * * mon-fri (Europe/Berlin)"
    )
    assert first.endswith(
        "24 Nov 2026, 19:21:3125 Nov 2026, 08:00:0026 Nov 2026, 08:00:0027 Nov 2026, 08:00:0030 Nov 2026, 08:00:00"
        "24 Nov 2026, 19:20:30reports.build on mail"
    )
    assert "../stats/job?id=j%2F1" in page.links()
    assert (
        second
        == "weekly❚❚ pausedevery 1 min 30 spaused since 24 Nov 2026, 19:20:31 by ada: a holidaynot yetreports.build on mail"
    )
    assert "never again" in third
    assert fourth == "aliencron Mars/Olympus 0 9 * * *24 Nov 2026, 19:21:31not yetreports.build on mail"
    data = (await numbers(browse, source, "/stats/schedules"))["schedules"]
    assert data[0]["words"] == "At 09:00 on Monday through Friday, by the clock of Europe/Berlin"
    assert [len(one["next_times"]) for one in data] == [5, 5, 0, 1]
    assert "There are none" in (await look(browse, FakeSource(), "/stats/schedules")).text


@pytest.mark.parametrize(
    ("facts", "mark"),
    [
        ({"paused": Pause(AS_OF, "ada"), "next_at": AS_OF - 99_000}, "❚❚ paused"),
        ({"next_at": AS_OF - 60_001}, "▲ late: nobody has fired it"),
        ({"next_at": AS_OF - 60_000}, ""),
        ({"next_at": None}, ""),
    ],
)
async def test_a_schedule_is_marked_by_what_keeps_it(browse: Any, facts: dict[str, Any], mark: str) -> None:
    page = await look(browse, FakeSource(a_snapshot(a_queue(), schedules=(a_schedule(**facts),))), "/stats/schedules")
    assert "nightly" + mark in page.by_tag["th"]


async def test_processes_are_shown_with_what_they_do_how_they_are_and_whether_they_live(browse: Any) -> None:
    condition = Condition(AS_OF, 1.5, 48 << 20, "3.13.0")
    living = a_process(slots={"mail": 5, "web": 2}, busy={"mail": 3}, condition=condition)
    gone = a_process(pid=99, this=False, alive=False, slots={}, busy={})
    source = FakeSource(a_snapshot(a_queue(), processes=(living, gone), problems={"store": "the disk is full"}))
    page = await look(browse, source, "/stats/processes")
    first, second = page.by_tag["tr"][1:]
    assert first == "shop-1:4412 (this one)● alivemail 3 / 5, web 0 / 224 Nov 2026, 18:20:310.1.03.13.01.5 s48 MiB"
    assert second.startswith("shop-1:99✕ gone; its jobs are taken overworks no queue, only enqueues")
    assert second.endswith("0.1.0–––")
    assert "the disk is full" in page.by_tag["dd"]
    data = await numbers(browse, source, "/stats/processes")
    assert data["processes"][0]["condition"] == {
        "at": "2026-11-24T19:20:31.042Z", "at_ms": AS_OF, "lag": 1.5, "memory": 48 << 20, "python": "3.13.0",
    }  # fmt: skip
    assert data["processes"][1]["condition"] is None
    assert ([one["pid"] for one in data["processes"]], data["problems"]) == ([4412, 99], {"store": "the disk is full"})


@pytest.mark.parametrize("path", ["queues", "queue?name=default", "failures", "tasks", "schedules", "processes"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_they_are_all_of_the_one_reading_and_known_by_it(browse: Any, path: str, accept: str) -> None:
    source = FakeSource()
    client = browse(web_app(source))
    first = await client.get(f"/stats/{path}", headers={"accept": accept})
    again = await client.get(f"/stats/{path}", headers={"accept": accept, "if-none-match": first.headers["etag"]})
    assert (again.status_code, source.reads) == (304, 1)
    other = FakeSource(replace(a_snapshot(a_queue()), findings=[a_finding(severity=Severity.BAD)]))
    changed = await browse(web_app(other)).get(
        f"/stats/{path}", headers={"accept": accept, "if-none-match": first.headers["etag"]}
    )
    assert changed.status_code == 200
