"""The page of one schedule, with what became of its jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asyncjobs import Jobs
from asyncjobs.errors import UnknownSchedule
from asyncjobs.job import Error, State
from asyncjobs.web import schedule_page
from asyncjobs.web.app import web_app
from tests.web.fakes import AS_OF, FakeSource, FakeWatch, a_job
from tests.web.html import Page

HTML = {"accept": "text/html"}


def run(id: str, schedule: Any = "nightly", time: Any = "2026-11-24T08:00:00+00:00", **facts: Any) -> Any:
    return a_job(id, name="reports.build", meta=json.dumps({"schedule": schedule, "time": time, "request": "r-1"}), **facts)


RUNS = [
    run("c", state=State.RUNNING, started_at=AS_OF - 5_000),
    run("b", state=State.FAILED, started_at=AS_OF - 90_000, finished_at=AS_OF - 42_000, error=Error("KeyError", "boom")),
    run("a", state=State.SUCCEEDED, started_at=AS_OF - 9_000, finished_at=AS_OF - 9_500, time=None),
]


async def get(browse: Any, source: Any, path: str, **more: Any) -> Any:
    return await browse(web_app(source, auth=lambda request: "act", clock=FakeWatch())).get(path, **more)


async def test_its_last_runs_are_told_with_what_became_of_them(browse: Any) -> None:
    source = FakeSource(jobs=RUNS)
    page = Page((await get(browse, source, "/stats/schedule?name=nightly", headers=HTML)).text)
    assert page.by_tag["tr"][1:] == [
        "24 Nov 2026, 08:00:00c◐ running24 Nov 2026, 19:20:26–",
        "24 Nov 2026, 08:00:00b✕ failed24 Nov 2026, 19:19:0148 sKeyError",
        "–a✓ succeeded24 Nov 2026, 19:20:220 ms",
    ]
    assert page.by_tag["dd"][:2] == [
        "At 09:00 on Monday through Friday, by the clock of Europe/Berlin",
        "0 9 * * mon-fri (Europe/Berlin)",
    ]
    assert [given["aria-label"] for tag, given in page.tags if tag == "button"] == [
        "Run now schedule nightly", "Edit schedule nightly", "Pause schedule nightly",
    ]  # fmt: skip
    assert "../stats/job?id=b" in page.links()
    assert (source.asked["task"], source.asked["limit"]) == ("reports.build", 20)
    data = (await get(browse, source, "/stats/schedule?name=nightly")).json()
    assert (data["name"], len(data["next_times"]), data["paused"]) == ("nightly", 5, None)
    assert [(one["id"], one["took"], one["error"]) for one in data["runs"]] == [
        ("c", None, None),
        ("b", 48.0, "KeyError"),
        ("a", 0.0, None),
    ]
    for name in data["runs"][0]:
        assert name.removesuffix("_ms") in (schedule_page._fields.__doc__ or "")


async def test_jobs_of_its_task_that_others_have_put_in_are_no_runs_of_it(browse: Any) -> None:
    source = FakeSource()
    await get(browse, source, "/stats/schedule?name=nightly")
    only = source.asked["only"]
    assert [only(job) for job in (run("a"), run("b", "weekly"), run("c", 7), a_job("d"), a_job("e", meta="[]"), a_job("f", meta="{"))] == [
        True, False, False, False, False, False,
    ]  # fmt: skip
    page = Page((await get(browse, source, "/stats/schedule?name=nightly", headers=HTML)).text)
    assert "None of its jobs is there" in page.text


async def test_one_that_there_is_none_of_is_a_404_in_words(browse: Any) -> None:
    source = FakeSource()
    source.refuses = UnknownSchedule("nightli", ["nightly"])
    answer = await get(browse, source, "/stats/schedule?name=nightli")
    assert answer.status_code == 404
    assert "nightli" in answer.json()["error"]["message"]


@pytest.mark.parametrize("act", ["run-schedule", "pause-schedule"])
async def test_acts_lead_back_to_it(browse: Any, act: str) -> None:
    client = browse(web_app(FakeSource(), auth=lambda request: "act"))
    fields = f"do={act}&schedule=nightly&back=stats/schedule?name=nightly"
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    answer = await client.post("/stats/act", content=fields, headers=headers)
    assert answer.headers["location"] == f"../stats/schedule?name=nightly&did={act}&n=1"


async def test_a_job_that_is_run_now_stands_there(browse: Any) -> None:
    jobs = Jobs("memory:")

    @jobs.cron("@daily", name="nightly")
    async def report() -> None: ...

    async with jobs.running():
        handle = await jobs.schedules.run_now("nightly")
        await jobs.wait_ended(handle.id, 5)
        await jobs.enqueue(report)
        data = (await get(browse, jobs, "/stats/schedule?name=nightly")).json()
        assert [(one["id"], one["state"]) for one in data["runs"]] == [(handle.id, "succeeded")]
