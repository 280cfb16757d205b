"""The page of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from asyncjobs import JobContext, Jobs, Queue, Retry
from asyncjobs.pause import Pause
from asyncjobs.vitals import DeclaredTask
from asyncjobs.web import present_task
from asyncjobs.web.app import web_app
from tests.web.fakes import AS_OF, FakeSource, a_snapshot, a_task
from tests.web.html import Page

HTML = {"accept": "text/html"}


async def look(browse: Any, source: Any, answer: str = "act") -> Page:
    return Page((await browse(web_app(source, auth=lambda request: answer)).get("/stats/tasks", headers=HTML)).text)


async def read(browse: Any, source: Any) -> dict[str, Any]:
    answer = await browse(web_app(source)).get("/stats/tasks")
    return {task["name"]: task for task in answer.json()["tasks"]}


async def test_each_task_has_a_row_the_busiest_first(browse: Any) -> None:
    source = FakeSource(
        a_snapshot(
            tasks=[
                a_task("idle", started=0, succeeded=0, failures=0, failed=0, declared=DeclaredTask("mail", 1, None)),
                a_task("send", pause=Pause(AS_OF, "ada", "a holiday")),
                a_task("elsewhere", started=90, declared=None),
                a_task("gone", started=1, declared=None, alive=False, unknown=3),
            ]
        )
    )
    page = await look(browse, source)
    rows = page.by_tag["tr"][1:]
    assert [row.split("on ")[0].split("❚❚")[0][:9] for row in rows] == ["elsewhere", "send", "gone▲ no ", "idle"]
    assert "send❚❚ paused since 24 Nov 2026, 19:20:31 by ada: a holidayon mail, 8 attempts, 30 s each12931" in rows[1]
    assert "no living process knows it; 3 jobs are held" in rows[2]
    assert rows[3].startswith("idleon mail, 1 attempt0000")
    assert {"../stats/jobs?task=send", "../stats/jobs?state=failed&task=send", "../stats/queue?name=mail"} <= set(page.links())
    labels = [given["aria-label"] for tag, given in page.tags if tag == "button"]
    assert labels == ["Resume task send", "Pause task idle"]
    assert not [tag for tag, _ in (await look(browse, source, "read")).tags if tag == "button"]
    assert "There are none" in (await look(browse, FakeSource(a_snapshot()))).text


async def test_tasks_for_programs_have_the_names_that_are_promised(browse: Any) -> None:
    told = await read(browse, FakeSource(a_snapshot(tasks=[a_task("send"), a_task("gone", declared=None)])))
    assert (told["send"]["declared"], told["gone"]["declared"]) == ({"queue": "mail", "attempts": 8, "timeout": 30.0}, None)
    assert (told["send"]["started"], told["send"]["failed"], told["send"]["run"]["count"]) == (12, 1, 12)
    for name in (*told["send"], *told["send"]["declared"], "since"):
        assert name in (present_task.__doc__ or "")


@pytest.fixture
async def jobs() -> Any:
    jobs = Jobs("memory:", queues={"default": 5, "mail": Queue(2)})

    @jobs.task(name="send", queue="mail", retry=Retry(attempts=1), timeout=30, aliases=["send_before"])
    async def send(ctx: JobContext, fails: bool) -> None:
        if fails:
            raise ValueError

    @jobs.task(name="never")
    async def never() -> None: ...

    async with jobs.running():
        yield jobs


async def test_what_has_happened_to_a_task_is_counted(browse: Any, jobs: Jobs) -> None:
    handles = [await jobs.enqueue("send", fails) for fails in (True, False, False)]
    for handle in handles:
        await jobs.wait_ended(handle.id, 5)
    await jobs.pause(task="never", by="ada")
    told = await read(browse, jobs)
    assert set(told) == {"send", "never"}, "an alias is no task of its own"
    send = told["send"]
    assert [send[name] for name in ("started", "succeeded", "failures", "failed", "unknown", "alive")] == [3, 2, 1, 1, 0, True]
    assert (send["wait"]["count"], send["run"]["count"]) == (3, 3)
    assert send["declared"] == {"queue": "mail", "attempts": 1, "timeout": 30.0}
    assert (told["never"]["started"], told["never"]["pause"]["by"]) == (0, "ada")
