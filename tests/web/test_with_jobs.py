"""The page over a real `Jobs`, which the other tests here stand in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asyncjobs import Jobs, Pause, Queue, Retry, State
from tests.fakes import FakeClock, settled
from tests.web.html import Page

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}


async def test_what_fails_is_seen_put_back_and_written_down(browse: Any) -> None:
    clock = FakeClock()
    jobs = Jobs("memory:", queues={"mail": 5}, clock=clock)
    broken = [True]

    @jobs.every(hours=1)
    @jobs.task(name="send", retry=Retry(1))
    async def send(password: str = "s3cret") -> None:
        if broken[0]:
            raise KeyError("plan")

    async with jobs.running():
        client = browse(jobs.web(auth=lambda request: ("act", "ada")))

        async def act(**fields: str) -> str:
            answer = await client.post("/stats/act", data=fields, headers=HTML)
            assert answer.status_code == 303
            await settled()
            return str(answer.headers["location"])

        handles = [await send.enqueue("s3cret") for _ in range(3)]
        await settled()
        await clock.advance(1.1)
        page = Page((await client.get("/stats", headers=HTML)).text)
        assert any(row.startswith("KeyError'plan'send3") for row in page.by_tag["tr"])
        assert (await client.get(f"/stats/job?id={handles[0].id}")).json()["arguments"] == {"password": "•••"}
        broken[0] = False
        assert await act(do="retry-matching", state="failed", task="send", error="KeyError") == "../stats?did=retry-matching&n=3"
        await clock.advance(61)
        assert [await handle.status() for handle in handles] == [State.SUCCEEDED] * 3
        await act(do="pause", queue="mail", why="a holiday")
        later = await send.enqueue()
        await settled()
        assert "Queue 'mail' is paused" in (await client.get(f"/stats/job?id={later.id}")).json()["why"][0]["sentence"]
        assert (await jobs.stats()).queues[0].pause == Pause(clock.now(), "ada", "a holiday")
        await act(do="cancel", id=later.id)
        await act(do="discard", id=later.id)
        await act(do="resume", queue="mail")
        await act(do="run-schedule", schedule="send")
        await act(do="pause-schedule", schedule="send")
        assert (await jobs.schedules.get("send")).paused is not None
        await act(do="resume-schedule", schedule="send")
        await act(do="limits", queue="mail", limit="3", rate="5/s", keep="yes")
        assert jobs.limits("mail") == Queue(3, rate="5/s")
        shown = Page((await client.get("/stats/confirm?do=limits&queue=mail", headers=HTML)).text)
        assert [given.get("value") for tag, given in shown.tags if given.get("name") in ("limit", "rate")] == ["3", "5/s"]
        await act(do="reset-limits", queue="mail")
        assert jobs.limits("mail") == Queue(5)
        await act(do="edit-schedule", schedule="send", every="7200", jitter="1.5")
        assert ((await jobs.schedules.get("send")).when, (await jobs.schedules.get("send")).jitter) == ("every 7200000", 1.5)
        await jobs.pause(task="send")
        await act(do="resume-task", task="send")
        await clock.advance(2)
        assert await act(do="discard-matching", state="failed", error="KeyError") == "../stats?did=discard-matching&n=0"
        refused = await client.post(
            "/stats/act", data={"do": "pause", "queue": "mial"}, headers={"sec-fetch-site": "same-origin"}
        )
        assert (refused.status_code, "mial" in refused.text) == (400, True)
        assert [one["verb"] for one in (await client.get("/stats/acts")).json()["acts"]] == [
            "discard-matching", "resume-task", "edit-schedule", "reset-limits", "limits", "resume-schedule", "pause-schedule", "run-schedule", "resume", "discard", "cancel", "pause",
            "retry-matching",
        ]  # fmt: skip
        assert {one.who for one in await jobs.acts()} == {"ada"}
        assert (await jobs.list(state="queued")).jobs == []


async def test_queues_that_the_code_no_longer_has_are_told_apart(tmp_path: Path) -> None:
    before, now = Jobs(tmp_path / "jobs.db", queues={"old": 1, "mail": 1}), Jobs(tmp_path / "jobs.db", queues={"mail": 1})

    @before.task(queue="old", name="send")
    async def send() -> None: ...

    async with before.running(work=()):
        await send.enqueue()
    async with now.running():
        queues = (await now.stats()).queues
    assert {queue.name: queue.configured for queue in queues} == {"old": False, "mail": True}
