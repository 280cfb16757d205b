"""The list of jobs and the page of one, for people and for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from asyncjobs.errors import ConfigurationError, StoreUnavailable
from asyncjobs.explain import Explanation, Obstacle, Reason
from asyncjobs.job import AttemptRecord, Error, Hold, Policy, Progress, State
from asyncjobs.web import present_job
from asyncjobs.web.app import web_app
from asyncjobs.web.layout import Section
from asyncjobs.web.redact import HIDDEN
from tests.web.fakes import AS_OF, FakeSource, FakeWatch, a_job
from tests.web.html import Page

HTML = {"accept": "text/html"}
BOOM = Error("ConnectionError", "the server hung up", 'Traceback:\n  File "mail.py", line 7')
BRIEF = {
    "id", "task", "queue", "state", "view", "priority", "attempt", "max_attempts", "enqueued_at", "enqueued_at_ms", "due_at", "due_at_ms",
    "started_at", "started_at_ms", "finished_at", "finished_at_ms", "expires_at", "expires_at_ms", "error", "key", "unique_key", "progress",
    "arguments",
}  # fmt: skip
WHOLE = BRIEF | {"meta", "result", "survives", "runner", "attempts", "now", "why"}


async def look(browse: Any, source: FakeSource, path: str, *, status: int = 200, **more: Any) -> Page:
    answer = await browse(web_app(source, clock=FakeWatch(), **more)).get(path, headers=HTML)
    assert answer.status_code == status
    return Page(answer.text)


async def read(browse: Any, source: FakeSource, path: str, *, status: int = 200, **more: Any) -> Any:
    answer = await browse(web_app(source, clock=FakeWatch(), **more)).get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    return answer.json()


def failed(**facts: Any) -> Any:
    attempts = tuple(AttemptRecord(n, "failed", "r1", AS_OF - 9_000 * n, AS_OF - 9_000 * n + 4_810, BOOM) for n in (2, 1))
    return a_job(
        state=State.FAILED, attempt=2, started_at=AS_OF - 9_000, finished_at=AS_OF, error=BOOM, attempts=attempts, **facts
    )


# --- the list ----------------------------------------------------------------------------------------------------------


async def test_each_job_has_a_row_with_a_link_to_its_page(browse: Any) -> None:
    jobs = [failed(), a_job("welcome/7 ä?&", run_at=AS_OF + 9_000), a_job("b", hold=Hold.KEY)]
    page = await look(browse, FakeSource(jobs=jobs), "/stats/jobs")
    first, second, third = page.by_tag["tr"][1:]
    assert first.startswith(
        f'…{jobs[0].id[-12:]}send_email✕ failedmail2 / 824 Nov 2026, 19:19:31to="ada@example.org"ConnectionError'
    )
    assert "◷ scheduled" in second
    assert "❚❚ held" in third
    links = [link for link in page.links() if "job?" in link]
    assert links[1] == "../stats/job?id=welcome%2F7+%C3%A4%3F%26"
    found = await look(browse, FakeSource(jobs=jobs), links[1].removeprefix(".."))
    assert "welcome/7 ä?&" in found.text


async def test_what_is_asked_for_is_asked_of_the_store_and_stays_in_the_form(browse: Any) -> None:
    source = FakeSource(jobs=[a_job()])
    source.next = "17"
    asked = "state=failed&queue=mail&task=&error=ConnectionError&text=ada&argument=to%3Dada%40example.org&since=2026-11-24T19:00&until=2026-11-24T21:20:31.5%2B01:00"
    page = await look(browse, source, f"/stats/jobs?{asked}&after=40")
    only = source.asked.pop("only")
    assert source.asked == {
        "state": "failed", "queue": "mail", "task": None, "error": "ConnectionError", "text": "ada", "limit": 50, "after": "40",
        "since": datetime(2026, 11, 24, 19, tzinfo=UTC), "until": datetime(2026, 11, 24, 20, 20, 31, 500_000, tzinfo=UTC),
    }  # fmt: skip
    assert (only(a_job()), only(a_job(args='{"args":[],"kwargs":{"to":"bob","cc":"ada@example.org"}}'))) == (True, False)
    assert {"value": "failed", "selected": None} in [given for tag, given in page.tags if tag == "option"]
    assert {given["name"]: given["value"] for tag, given in page.tags if tag == "input"} == {
        "queue": "mail", "task": "", "error": "ConnectionError", "text": "ada", "argument": "to=ada@example.org",
        "since": "2026-11-24T19:00:00", "until": "2026-11-24T20:20:31",
    }  # fmt: skip
    (further,) = [link for link in page.links() if "after" in link]
    await look(browse, source, further.removeprefix(".."))
    assert source.asked["after"] == "17"
    assert (source.asked["queue"], source.asked["text"], source.asked["until"].second) == ("mail", "ada", 31)


async def test_it_looks_a_few_times_before_it_shows_that_there_is_nothing_so_far(browse: Any) -> None:
    source = FakeSource()
    source.next = "17"
    page = await look(browse, source, "/stats/jobs?text=ada")
    assert "None of those that were looked at so far." in page.text
    assert "Look further" in page.text
    assert (source.reads, source.asked["after"]) == (4, "17")
    full = FakeSource(jobs=[a_job(f"j{n}") for n in range(50)])
    full.next = "17"
    assert "Older" in (await look(browse, full, "/stats/jobs")).text
    assert full.reads == 1


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=2026-13-01",
        "since=0001-01-01T00:00%2B14:00",
        "argument=user_id",
        "argument=%3D7",
        "argument=a%3D",
    ],
)
async def test_what_can_not_be_looked_for_is_said(browse: Any, query: str) -> None:
    source = FakeSource()
    name = query.partition("=")[0]
    message = (await read(browse, source, f"/stats/jobs?{query}", status=400))["error"]["message"]
    assert message.startswith(f"{name}='")
    assert "give a" in message
    assert source.reads == 0


async def test_where_there_is_none_the_page_says_whether_any_was_looked_for(browse: Any) -> None:
    assert "There are no jobs." in (await look(browse, FakeSource(), "/stats/jobs")).text
    none = await look(browse, FakeSource(), "/stats/jobs?queue=mial")
    assert "No job matches. Show all" in none.text


async def test_a_list_for_programs_has_the_names_that_are_promised(browse: Any) -> None:
    source = FakeSource(jobs=[failed(), a_job(progress=Progress(3, 10, "rows"))])
    source.next = "17"
    data = await read(browse, source, "/stats/jobs")
    assert set(data) == {"jobs", "next"}
    assert data["next"] == "17"
    assert [set(job) for job in data["jobs"]] == [BRIEF, BRIEF]
    assert data["jobs"][0]["error"] == {"type": "ConnectionError", "message": "the server hung up"}
    assert data["jobs"][1]["progress"] == {"done": 3, "total": 10, "note": "rows"}


@pytest.mark.parametrize(
    "name", sorted(WHOLE | {"jobs", "next", "number", "outcome", "ended_at", "reason", "sentence", "total", "note"})
)
def test_every_name_is_explained_where_the_names_are_made(name: str) -> None:
    assert name.removesuffix("_ms") in (present_job.__doc__ or "")


async def test_a_state_that_is_none_is_refused_in_a_sentence(browse: Any) -> None:
    source = FakeSource(ConfigurationError("state='done': give one of queued, running"))
    assert "give one of queued" in (await look(browse, source, "/stats/jobs?state=done", status=400)).text
    assert (await read(browse, source, "/stats/jobs?state=done", status=400))["error"]["message"].startswith("state='done'")


# --- one job -----------------------------------------------------------------------------------------------------------


async def test_a_job_is_told_with_each_attempt_and_where_it_failed_last(browse: Any) -> None:
    job = failed(meta='{"request":"r-1"}')
    page = await look(browse, FakeSource(jobs=[job]), f"/stats/job?id={job.id}")
    assert page.title == "send_email · job"
    assert [row[:7] for row in page.by_tag["tr"][1:]] == ["2failed", "1failed"]
    assert page.by_tag["tr"][1].endswith("4.8 sConnectionError: the server hung up")
    assert page.by_tag["summary"] == ["Where it failed last", "Where attempt 2 failed, 24 Nov 2026, 19:20:17"]
    assert [given.get("open", "") for tag, given in page.tags if tag == "details"] == [None, ""], "the last one alone is open"
    assert page.by_tag["pre"] == [BOOM.traceback, BOOM.traceback, '{\n  "to": "ada@example.org"\n}', '{\n  "request": "r-1"\n}']
    assert all(given.get("tabindex") == "0" for tag, given in page.tags if tag == "pre"), "what scrolls is reached by keyboard"
    assert "Why is it not running?" not in page.text


async def test_a_job_that_waits_says_why(browse: Any) -> None:
    source = FakeSource(jobs=[a_job("a"), a_job("b", state=State.RUNNING)])
    obstacles = [Obstacle(Reason.QUEUE_PAUSED, "Queue 'mail' is paused.", {}), Obstacle(Reason.BEHIND, "3 come first.", {})]
    source.why = Explanation("a", obstacles)
    page = await look(browse, source, "/stats/job?id=a")
    assert page.by_tag["li"] == ["Queue 'mail' is paused.", "3 come first."]
    assert "Why is it" not in (await look(browse, source, "/stats/job?id=b")).text
    data = await read(browse, source, "/stats/job?id=a")
    assert data["why"][0] == {"reason": "queue paused", "sentence": "Queue 'mail' is paused."}
    assert (await read(browse, source, "/stats/job?id=b"))["why"] == []


async def test_a_job_that_runs_here_says_where_it_is(browse: Any) -> None:
    source = FakeSource(jobs=[a_job(id, state=State.RUNNING, started_at=AS_OF) for id in "abc"] + [a_job("d")])
    source.here = {"a": 'File "crm.py", line 88, in push', "b": "", "d": "was put back meanwhile"}
    page = await look(browse, source, "/stats/job?id=a")
    assert page.by_tag["pre"][0] == 'File "crm.py", line 88, in push'
    assert "just beginning, or at its end" in (await look(browse, source, "/stats/job?id=b")).text
    assert "in another process" in (await look(browse, source, "/stats/job?id=c")).text
    assert "Where is it now" not in (await look(browse, source, "/stats/job?id=d")).text
    told = [(await read(browse, source, f"/stats/job?id={id}"))["now"] for id in "abcd"]
    assert told == [source.here["a"], "", None, None]


async def test_a_job_for_programs_has_the_names_that_are_promised(browse: Any) -> None:
    job = failed(result=None, key="mail#7", expires_at=AS_OF + 1)
    data = await read(browse, FakeSource(jobs=[job]), f"/stats/job?id={job.id}")
    assert set(data) == WHOLE
    assert (data["state"], data["view"], data["key"], data["expires_at_ms"]) == ("failed", "failed", "mail#7", AS_OF + 1)
    assert data["error"]["traceback"] == BOOM.traceback
    assert data["attempts"][0] == {
        "number": 2, "outcome": "failed", "runner": "r1", "started_at": "2026-11-24T19:20:13.042Z", "started_at_ms": AS_OF - 18_000,
        "ended_at": "2026-11-24T19:20:17.852Z", "ended_at_ms": AS_OF - 13_190, "error": data["error"],
    }  # fmt: skip


async def test_every_fact_of_a_job_that_runs_is_there(browse: Any) -> None:
    job = a_job(
        state=State.RUNNING, attempt=1, started_at=AS_OF, progress=Progress(3, 10, "rows"), key="k", unique_key="u", expires_at=AS_OF,
        policy=Policy(max_attempts=3), survives="crash",
    )  # fmt: skip
    page = await look(browse, FakeSource(jobs=[job]), f"/stats/job?id={job.id}")
    assert page.by_tag["dt"] == [
        "Queue", "Priority", "Attempts", "Put in", "Last start", "Expires", "Key", "Unique key", "Survives", "Progress",
    ]  # fmt: skip
    assert (page.by_tag["dd"][2], page.by_tag["dd"][-1]) == ("1 of 3 begun", "3 of 10 rows")


@pytest.mark.parametrize("path", ["/stats/job?id=gone", "/stats/job"])
async def test_a_job_that_is_not_there_is_a_404_that_says_what_that_may_mean(browse: Any, path: str) -> None:
    assert "or has been removed since it ended" in (await look(browse, FakeSource(), path, status=404)).text
    assert (await read(browse, FakeSource(), path, status=404))["error"]["code"] == "not_found"


# --- both --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/stats/jobs", "/stats/job?id=a"])
async def test_what_is_secret_is_shown_nowhere(browse: Any, path: str) -> None:
    secret = '{"args":[],"kwargs":{"password":"s3cret","email":"s3cret","n":{"token":"s3cret"}}}'
    job = a_job("a", args=secret, meta='{"cookie":"s3cret"}', result='{"jwt":"s3cret"}', state=State.SUCCEEDED)
    for headers in (HTML, {}):
        answer = await browse(web_app(FakeSource(jobs=[job]), redact=["email"])).get(path, headers=headers)
        assert "s3cret" not in answer.text
        assert HIDDEN in (answer.text if headers else answer.text.encode().decode("unicode_escape"))


@pytest.mark.parametrize("path", ["/stats/jobs", "/stats/job?id=a"])
async def test_who_may_not_look_at_the_numbers_may_not_look_at_jobs(browse: Any, path: str) -> None:
    source = FakeSource(jobs=[a_job("a")])
    for app in (web_app(source, auth=lambda request: None), web_app(source)):
        answer = await browse(app, client=("10.0.0.3", 1)).get(path)
        assert answer.status_code == 403
    assert source.reads == 0


@pytest.mark.parametrize("path", ["/stats/jobs", "/stats/job?id=a"])
async def test_a_store_that_can_not_be_read_is_said(browse: Any, path: str) -> None:
    page = await look(browse, FakeSource(StoreUnavailable("another process holds jobs.db")), path, status=503)
    assert "another process holds jobs.db" in page.text
    assert (await read(browse, FakeSource(StoreUnavailable("busy")), path, status=503))["error"]["code"] == "store_unavailable"


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "\u202egnp.exe", "a\0b", "\ud800", "&lt;"]
)
@pytest.mark.parametrize("path", ["/stats/jobs?queue={}&task={}&error={}", "/stats/job?id=a"])
async def test_hostile_text_in_a_job_changes_no_tag(browse: Any, path: str, hostile: str) -> None:
    async def shown(text: str) -> Page:
        error = Error(text, text, text)
        job = a_job(
            "a", name=text, queue=text, state=State.QUEUED, key=text, unique_key=text, progress=Progress(1, 2, text), error=error,
            attempts=(AttemptRecord(1, "failed", text, AS_OF, AS_OF, error),), args='{"args":[],"kwargs":{"x":"<b>"}}',
        )  # fmt: skip
        source = FakeSource(jobs=[job])
        source.why = Explanation("a", [Obstacle(Reason.DUE, text, {})])
        source.next = text
        return await look(browse, source, path.format(*[quote(text, errors="surrogatepass")] * 3))

    benign, attacked = await shown("harmless"), await shown(hostile)
    assert attacked.shape == benign.shape
    assert [set(given) for _, given in attacked.tags] == [set(given) for _, given in benign.tags]
    assert not {"\0", "\u202e", "\ud800"} & set(attacked.text)


async def test_the_sections_lead_to_each_other_from_wherever_the_page_is_mounted(browse: Any) -> None:
    for path, here in (
        ("stats", "stats"),
        ("stats/jobs", "stats/jobs"),
        ("stats/job?id=a", "stats/jobs"),
        ("stats/queue?name=default", "stats/queues"),
    ):
        page = await look(browse, FakeSource(jobs=[a_job("a")]), "/" + path)
        links = [given for tag, given in page.tags if tag == "a"][: len(Section)]
        up = "" if path == "stats" else "../"
        assert [given["href"] for given in links] == [up + section for section in Section]
        assert [given.get("aria-current") for given in links] == ["page" if one == here else None for one in Section]
    refused = await browse(web_app(FakeSource()), client=("10.0.0.3", 1)).get("/stats", headers=HTML)
    assert "stats/jobs" not in refused.text


@pytest.mark.parametrize(
    ("query", "live"), [("", True), ("?queue=mail&since=2026-11-24", True), ("?text=ada", False), ("?argument=n%3D7", False)]
)
async def test_a_list_that_was_searched_for_is_not_searched_for_again_by_itself(browse: Any, query: str, live: bool) -> None:
    page = await look(browse, FakeSource(jobs=[a_job()]), f"/stats/jobs{query}")
    (main,) = [given for tag, given in page.tags if tag == "main"]
    assert ("data-still" not in main) is live
    assert "script" in page.shape, "which selects all"
