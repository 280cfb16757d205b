"""What may be done from the page, by whom, and what keeps others from it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from asyncjobs.errors import StoreUnavailable, UnknownQueue
from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.queue import Queue
from asyncjobs.web import acting
from asyncjobs.web.act_pages import BACK
from asyncjobs.web.acting import LARGEST, VERBS
from asyncjobs.web.app import NO_ACTS, web_app
from tests.web.fakes import AS_OF, FakeSelection, FakeSource, a_group, a_job, a_queue, a_schedule, a_snapshot
from tests.web.html import Page

HTML = {"accept": "text/html"}
SAME = {"sec-fetch-site": "same-origin"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
HOW = {
    "why": "a holiday", "limit": "4", "rate": "3/s", "burst": "", "global_limit": "9", "keep": "yes", "cron": "@daily", "tz": "UTC", "every": "",
    "jitter": "2.5",
}  # fmt: skip
EVERYTHING = {"id": "a", "state": "failed", "task": "sync", "error": "KeyError", "queue": "mail", "schedule": "nightly"}


def let(answer: Any) -> Any:
    return lambda request: answer


async def post(
    browse: Any, source: FakeSource, fields: dict[str, str], *, auth: Any = ("act", "ada"), headers: Any = SAME, **more: Any
) -> Any:
    auth = auth if auth in (None, "local") else let(auth)
    body = urlencode(fields, errors="surrogatepass")
    return await browse(web_app(source, auth=auth), **more).post("/stats/act", content=body, headers={**FORM, **headers})


CALLED: dict[str, tuple[Any, ...]] = {
    "retry": ("retry", ["a"]), "cancel": ("cancel", ["a"]), "discard": ("discard", ["a"]),
    "retry-matching": ("where", "failed", "mail", "sync", "KeyError", "retry", 60.0),
    "cancel-matching": ("where", "failed", "mail", "sync", "KeyError", "cancel"),
    "discard-matching": ("where", "failed", "mail", "sync", "KeyError", "discard"),
    "pause": ("pause", "mail", "ada", "a holiday"), "resume": ("resume", "mail", None), "pause-task": ("pause", "sync", "ada", "a holiday"), "resume-task": ("resume", None, "sync"),
    "pause-schedule": ("schedules.pause", "nightly", "ada", "a holiday"), "resume-schedule": ("schedules.resume", "nightly"),
    "limits": ("set_limits", "mail", Queue(4, rate="3/s", global_limit=9), True), "reset-limits": ("set_limits", "mail", None, False),
    "edit-schedule": ("schedules.edit", "nightly", {"cron": "@daily", "tz": "UTC", "jitter": 2.5}),
    "check": ("check",), "backup": ("backup",),
    "run-schedule": ("schedules.run_now", "nightly"),
}  # fmt: skip


@pytest.mark.parametrize("do", VERBS)
async def test_each_verb_does_what_it_says_and_is_written_down(browse: Any, do: str) -> None:
    source = FakeSource()
    answer = await post(browse, source, {"do": do, **EVERYTHING, **HOW, "back": "stats/jobs?queue=mail&did=x"})
    await asyncio.sleep(0)  # what takes long has only begun
    assert (answer.status_code, source.called) == (303, [CALLED[do]])
    assert answer.headers["location"] == f"../stats/jobs?queue=mail&did={do}&n=1"
    assert source.recorded == [("ada", do, " ".join(VERBS[do].given(EVERYTHING).values()), 1)]


async def test_what_was_done_stands_in_a_list(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=let(("read", "ada"))))
    assert "Nothing yet." in (await client.get("/stats/acts", headers=HTML)).text
    source.recorded = [("ada", "retry-matching", "sync KeyError", 28), ("<b>", "explode", "\u202ex", 1)]
    page = Page((await client.get("/stats/acts", headers=HTML)).text)
    assert page.by_tag["tr"][1] == "24 Nov 2026, 19:20:31adaRetrysync KeyError28"
    assert page.by_tag["tr"][2].endswith("<b>explode\\u202ex1")
    assert (await client.get("/stats/acts")).json()["acts"][0] == {
        "at": "2026-11-24T19:20:31.042Z", "at_ms": AS_OF, "who": "ada", "verb": "retry-matching", "target": "sync KeyError", "count": 28,
    }  # fmt: skip
    source.answer = StoreUnavailable("busy")
    assert (await client.get("/stats/acts")).status_code == 503
    assert (await browse(web_app(source), client=("10.0.0.3", 1)).get("/stats/acts")).status_code == 403


async def test_several_jobs_are_acted_on_together(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=let(("act", "ada"))))
    answer = await client.post("/stats/act", content="do=retry&id=a&id=b+c&id=%3Cd%3E", headers={**SAME, **FORM})
    assert answer.headers["location"] == "../stats?did=retry&n=3"
    answer = await client.post("/stats/confirm", content="do=cancel&id=a&id=b+c&id=%3Cd%3E", headers={**FORM, **HTML})
    page = Page(answer.text)
    assert page.by_tag["dd"] == ["a and 2 others"]
    hidden = {given["name"]: given["value"] or "" for tag, given in page.tags if tag == "input" and given.get("type") == "hidden"}
    assert hidden["id"] == "a\nb c\n<d>"
    await client.post(
        "/stats/act", data={**hidden, "id": hidden["id"].replace("\n", "\r\n")}, headers=SAME
    )  # as a browser sends it
    assert source.called == [("retry", ["a", "b c", "<d>"]), ("cancel", ["a", "b c", "<d>"])]
    assert source.recorded[0] == ("ada", "retry", "a\nb c\n<d>", 3)


async def test_jobs_of_a_list_are_ticked_or_taken_as_they_match(browse: Any) -> None:
    source = FakeSource(jobs=[a_job("a"), a_job("b")])
    for query, shown in (
        ("", []), ("?queue=mail", []), ("?state=done", []), ("?state=queued&queue=mail", ["Cancel all jobs that match"]),
        ("?state=failed", ["Retry all jobs that match", "Discard all jobs that match"]),
    ):  # fmt: skip
        page = Page((await browse(web_app(source, auth=let("act"))).get(f"/stats/jobs{query}", headers=HTML)).text)
        assert buttons(page) == shown
        ticks = [given["value"] for tag, given in page.tags if tag == "input" and given.get("name") == "id"]
        assert ticks == ["a", "b"]
        named = [
            (given.get("value"), given.get("formaction"))
            for tag, given in page.tags
            if tag == "button" and given.get("name") == "do"
        ]
        assert named == [("retry", "../stats/act"), ("cancel", None), ("discard", None)]
    page = Page((await browse(web_app(source, auth=let("read"))).get("/stats/jobs?state=failed", headers=HTML)).text)
    assert not [given for tag, given in page.tags if given.get("type") in ("checkbox", "hidden")]
    assert buttons(page) == []


async def test_a_name_that_is_a_novel_is_cut(browse: Any) -> None:
    source = FakeSource()
    assert (await post(browse, source, {"do": "pause", "queue": "mail"}, auth=("act", "a" * 5_000))).status_code == 303
    assert (source.called, source.recorded) == ([("pause", "mail", "a" * 500, "")], [("a" * 500, "pause", "mail", 1)])


async def test_a_program_acts_by_json_and_gets_json(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=let(("act", "bot"))), base_url="https://shop.example")
    answer = await client.post("/stats/act", json={"do": "retry", "id": "a"})
    assert (answer.status_code, answer.json()) == (200, {"did": "retry", "target": "a", "count": 1, "more": False})


@pytest.mark.parametrize("auth", ["read", ("read", "ada"), None])
async def test_who_may_only_look_can_not_act(browse: Any, auth: Any) -> None:
    source = FakeSource()
    answer = await post(browse, source, {"do": "retry", "id": "a"}, auth=auth)
    assert (answer.status_code, source.called, source.recorded) == (403, [], [])


async def test_who_is_refused_can_not_act(browse: Any) -> None:
    source = FakeSource()
    for auth, client in ((lambda request: None, ("127.0.0.1", 1)), ("local", ("10.0.0.3", 1))):
        app = web_app(source, auth=auth)
        assert (
            await browse(app, client=client).post("/stats/act", data={"do": "retry", "id": "a"}, headers=SAME)
        ).status_code == 403
    assert source.called == []


async def test_a_person_at_this_machine_may_act_where_auth_is_local(browse: Any) -> None:
    source = FakeSource()
    assert (await post(browse, source, {"do": "retry", "id": "a"}, auth="local")).status_code == 303
    assert source.recorded[0][0] == "somebody at this machine"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_a_post_acts(browse: Any, method: str) -> None:
    source = FakeSource()
    answer = await browse(web_app(source, auth=let("act"))).request(method, "/stats/act?do=retry&id=a", headers=SAME)
    assert (answer.status_code, answer.headers["allow"], source.called) == (405, "POST", [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "http://localhost:8000"}, 403),
        ({"origin": "http://localhost:8000"}, 303),
        ({"origin": "http://LOCALHOST:8000"}, 303),
        ({"origin": "http://localhost:8001"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "null", "host": ""}, 403),
        ({"origin": "http://[::1"}, 403),
        ({"origin": "http://localhost:8000@evil.example"}, 403),
        ({"origin": "", "host": ""}, 403),
        ({"origin": ""}, 403),
        ({}, 303),
        ({"cookie": "session=1"}, 403),
    ],
)
async def test_a_page_of_another_origin_acts_in_nobodys_name(browse: Any, headers: dict[str, str], status: int) -> None:
    source = FakeSource()
    answer = await post(browse, source, {"do": "retry", "id": "a"}, headers=headers)
    assert answer.status_code == status
    assert len(source.called) == (status == 303)


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"do=explode", "application/x-www-form-urlencoded", "give one of retry, cancel"),
        (b"", "application/x-www-form-urlencoded", "give one of retry, cancel"),
        (b"do=retry", "application/x-www-form-urlencoded", "'retry' wants id"),
        (b"do=retry-matching", "application/x-www-form-urlencoded", "wants state"),
        (b"do=retry&id=\xff", "application/x-www-form-urlencoded", "can't be read"),
        (b"&".join(b"a=1" for _ in range(1001)), "application/x-www-form-urlencoded", "can't be read"),
        (b"[1]", "application/json", "JSON object"),
        (b'{"do": 1}', "application/json", "JSON object"),
        (b'{"do": ', "application/json", "can't be read"),
        (b"[" * 60_000, "application/json", "can't be read"),
        (b'{"do": ' + b"9" * 5_000 + b"}", "application/json", "can't be read"),
        (b"do=retry&id=a", "text/plain", "send a form"),
        (b"do=retry&id=" + b"a" * LARGEST, "application/x-www-form-urlencoded", "larger than"),
    ],
)
async def test_what_can_not_be_done_as_it_was_asked_is_refused_in_a_sentence(
    browse: Any, body: bytes, kind: str, sentence: str
) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=let("act")))
    answer = await client.post("/stats/act", content=body, headers={**SAME, "content-type": kind})
    assert (answer.status_code, source.called) == (400, [])
    assert sentence in answer.json()["error"]["message"]


async def test_a_person_at_this_machine_is_told_which_line_lets_one_act(browse: Any) -> None:
    answer = await post(browse, FakeSource(), {"do": "retry", "id": "a"}, auth=None)
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, NO_ACTS)
    assert "auth=" in NO_ACTS


async def test_what_is_not_there_is_said(browse: Any) -> None:
    source = FakeSource()
    source.refuses = UnknownQueue("mial", ["mail"])
    answer = await post(browse, source, {"do": "pause", "queue": "mial"}, headers={**SAME, **HTML})
    assert answer.status_code == 400
    assert "configured queues: mail" in Page(answer.text).text
    assert source.recorded == []


async def test_a_store_that_is_away_is_said_and_nothing_is_claimed(browse: Any) -> None:
    source = FakeSource()
    source.refuses = StoreUnavailable("busy")
    answer = await post(browse, source, {"do": "retry", "id": "a"})
    assert (answer.status_code, source.recorded) == (503, [])


async def test_what_was_done_and_can_not_be_written_down_is_logged(browse: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource()
    source.forgets = StoreUnavailable("the disk is full")
    with caplog.at_level(logging.INFO):
        assert (await post(browse, source, {"do": "retry", "id": "a\x1b[0m"})).status_code == 303
    said = [one for one in caplog.records if one.name.startswith("asyncjobs")]
    assert [(one.name, one.levelname) for one in said] == [("asyncjobs.audit", "INFO"), ("asyncjobs.web", "ERROR")]
    assert said[0].getMessage() == "'ada' did retry: 'a\\x1b[0m', 1"
    assert "the disk is full" in said[1].getMessage()


@pytest.mark.parametrize(
    "back",
    [
        "", "https://evil.example/", "//evil.example", "stats/../../x", "stats/act", "/stats", "stats/jobs/../x", "\\\\evil.example", "\tstats/jobs",
        "/\\evil.example", "javascript:alert(1)", "stats/jobs\r\nSet-Cookie: a=1", "stats/jobs#//evil.example", "?//evil.example",
    ],
)  # fmt: skip
async def test_an_act_leads_back_to_a_page_of_ours_alone(browse: Any, back: str) -> None:
    answer = await post(browse, FakeSource(), {"do": "retry", "id": "a", "back": back})
    assert answer.headers["location"] == "../stats?did=retry&n=1"


@pytest.mark.parametrize("query", ["a=1&" * 21, "a=" + "1" * 3_000])
@pytest.mark.parametrize("face", ["text/html", "application/json"])
async def test_a_way_back_that_no_page_of_ours_asks_for_is_left_out(browse: Any, query: str, face: str) -> None:
    """And is no reason to say that what was done has failed."""
    source, back = FakeSource(), f"stats/jobs?{query}"
    answer = await post(browse, source, {"do": "retry", "id": "a", "back": back}, headers={**SAME, "accept": face})
    assert (answer.status_code, answer.headers["location"], len(source.called)) == (303, "../stats/jobs?did=retry&n=1", 1)
    client = browse(web_app(source, auth=let("act")))
    asked = await client.get("/stats/confirm?" + urlencode({"do": "cancel", "id": "a", "back": back}), headers={"accept": face})
    assert asked.status_code == 200
    assert 'href="../stats/jobs"' in asked.text


async def test_what_was_done_is_said_on_the_page_that_follows(browse: Any) -> None:
    client = browse(web_app(FakeSource(), auth=let("act")))
    for query, said in (
        ("did=retry&n=1", "1 job was put back."), ("did=discard-matching&n=28", "28 jobs were removed."),
        ("did=pause&n=1", "Pause: paused."), ("did=retry&n=0", "Nothing was changed: it is gone, or was changed meanwhile."),
    ):  # fmt: skip
        page = Page((await client.get(f"/stats?{query}", headers=HTML)).text)
        assert [given for _, given in page.tags if given.get("role") == "status"]
        assert said in page.by_tag["p"]
    for query in ("did=<b>&n=1", "did=retry", "did=retry&n=x", "did=retry&n=-1", "did=retry&n=99999999999", "n=1"):
        page = Page((await client.get(f"/stats?{query}", headers=HTML)).text)
        assert not [given for _, given in page.tags if given.get("role") == "status"]


async def test_what_takes_something_away_asks_before(browse: Any) -> None:
    client = browse(web_app(FakeSource(), auth=let("act")))
    for do, verb in VERBS.items():
        answer = await client.get(
            "/stats/confirm", params={"do": do, **EVERYTHING, "back": "stats/jobs?queue=mail"}, headers=HTML
        )
        assert answer.status_code == (200 if verb.asks else 400)
        if verb.asks:
            page = Page(answer.text)
            hidden = [(given["name"], given["value"]) for _, given in page.tags if given.get("type") == "hidden"]
            assert dict(hidden[: 2 + len(verb.given(EVERYTHING))]) == {
                "do": do,
                **verb.given(EVERYTHING),
                "back": "stats/jobs?queue=mail",
            }
            assert {given["method"] for tag, given in page.tags if tag == "form"} == {"post"}
            assert "../stats/jobs?queue=mail" in page.links()


async def test_what_is_changed_is_asked_for_as_it_is_now(browse: Any) -> None:
    client = browse(web_app(FakeSource(), auth=let("act")))

    async def asked(**query: str) -> dict[str | None, str | None]:
        page = Page((await client.get("/stats/confirm", params=query, headers=HTML)).text)
        return {given["name"]: given.get("value") for tag, given in page.tags if tag == "input" and given.get("type") != "hidden"}

    assert await asked(do="limits", queue="mail") == {
        "limit": "5", "global_limit": "7", "rate": "10/s", "burst": "", "max_waiting": "", "keep": "yes",
    }  # fmt: skip
    assert await asked(do="edit-schedule", schedule="nightly") == {
        "cron": "0 9 * * mon-fri", "tz": "Europe/Berlin", "every": "", "jitter": "0",
    }  # fmt: skip
    assert await asked(do="edit-schedule", schedule="often") == {"cron": "", "tz": "", "every": "90.5", "jitter": "2.5"}
    assert await asked(do="pause", queue="mail") == {"why": ""}


@pytest.mark.parametrize(("error", "status"), [(UnknownQueue("mial", ["mail"]), 400), (StoreUnavailable("busy"), 503)])
async def test_what_can_not_be_looked_up_is_not_asked_about(browse: Any, error: Exception, status: int) -> None:
    source = FakeSource()
    source.refuses = error
    client = browse(web_app(source, auth=let("act")))
    for query in ("do=limits&queue=mial", "do=edit-schedule&schedule=x"):
        assert (await client.get(f"/stats/confirm?{query}", headers=HTML)).status_code == status


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"do": "limits", "queue": "mail"}, "limit='': give a whole number"),
        ({"do": "limits", "queue": "mail", "limit": "-1"}, "give a whole number"),
        ({"do": "limits", "queue": "mail", "limit": "0"}, "from 1 to"),
        ({"do": "limits", "queue": "mail", "limit": "5", "rate": "fast"}, "fast"),
        ({"do": "limits", "queue": "mail", "limit": "5", "max_waiting": "\u0663"}, "give a whole number"),
        ({"do": "edit-schedule", "schedule": "s", "every": "soon"}, "give a number of seconds"),
    ],
)
async def test_how_it_can_not_be_is_said(browse: Any, fields: dict[str, str], sentence: str) -> None:
    source = FakeSource()
    answer = await post(browse, source, fields)
    assert (answer.status_code, source.called, source.recorded) == (400, [], [])
    assert sentence in answer.json()["error"]["message"]


@pytest.mark.parametrize(("auth", "status"), [("act", 400), ("read", 403)])
async def test_a_question_about_nothing_is_refused(browse: Any, auth: str, status: int) -> None:
    client = browse(web_app(FakeSource(), auth=let(auth)))
    assert (await client.get("/stats/confirm?do=discard", headers=HTML)).status_code == status


def buttons(page: Page) -> list[str | None]:
    return [given.get("aria-label") for tag, given in page.tags if tag == "button" and given.get("aria-label")]


async def test_buttons_are_there_for_who_may_act_and_mean_something(browse: Any) -> None:
    source = FakeSource(
        a_snapshot(
            a_queue("mail"), a_queue("off", pause=Pause(AS_OF)), failures=[a_group("sync", "KeyError")],
            schedules=[a_schedule("nightly"), a_schedule("stopped", paused=Pause(AS_OF))], paused_tasks={"old": Pause(AS_OF)},
        ),
        jobs=[a_job("w"), a_job("f", state=State.FAILED, finished_at=AS_OF)],
    )  # fmt: skip
    expected = {
        "/stats": [
            "Limits queue mail", "Pause queue mail", "Limits queue off", "Resume queue off", "Retry KeyError of sync", "Discard KeyError of sync", "Resume task old",
        ],
        "/stats/failures": ["Retry KeyError of sync", "Discard KeyError of sync"],
        "/stats/queues": ["Limits queue mail", "Pause queue mail", "Limits queue off", "Resume queue off"],
        "/stats/queue?name=off": ["Limits queue off", "Resume queue off"],
        "/stats/schedules": [
            "Run now schedule nightly", "Edit schedule nightly", "Pause schedule nightly", "Run now schedule stopped", "Edit schedule stopped", "Resume schedule stopped",
        ],
        "/stats/job?id=w": ["Cancel job w"],
        "/stats/job?id=f": ["Retry job f", "Discard job f"],
    }  # fmt: skip
    for path, names in expected.items():
        for auth, shown in (("act", names), ("read", [])):
            page = Page((await browse(web_app(source, auth=let(auth))).get(path, headers=HTML)).text)
            assert buttons(page) == shown
            posts = [given for tag, given in page.tags if tag == "form" and given.get("method") == "post"]
            assert bool(posts) == any(not name.startswith(("Cancel", "Discard", "Pause", "Limits", "Edit")) for name in shown)


async def test_an_act_is_seen_at_once(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=let("act")))
    await client.get("/stats")
    await client.post("/stats/act", data={"do": "pause", "queue": "mail"}, headers=SAME)
    await client.get("/stats")
    assert source.reads == 2


def test_each_way_back_is_a_page(browse: Any) -> None:
    assert all(f"/{path}" in web_app(FakeSource())._routes for path in BACK)  # type: ignore[attr-defined]


async def test_what_is_done_to_all_that_match_is_done_to_what_the_list_shows(browse: Any) -> None:
    source = FakeSource()
    how = {"state": "failed", "text": "ada", "argument": "to=ada@example.org", "since": "2026-11-24T19:00", "until": "2026-11-25"}
    await post(browse, source, {"do": "retry-matching", **how})
    only = source.asked.pop("only")
    assert source.asked == {
        "text": "ada",
        "since": datetime(2026, 11, 24, 19, tzinfo=UTC),
        "until": datetime(2026, 11, 25, tzinfo=UTC),
    }
    assert (only(a_job()), only(a_job(args='{"args":[],"kwargs":{"to":"ada"}}'))) == (True, False)


@pytest.mark.parametrize(("match", "more"), [(10_000, False), (10_001, True)])
async def test_where_more_match_than_are_done_at_once_that_is_said(browse: Any, match: int, more: bool) -> None:
    source = FakeSource()
    source.match = match
    answer = await post(browse, source, {"do": "discard-matching", "state": "failed"})
    assert ("more=1" in answer.headers["location"]) is more
    told = await browse(web_app(source, auth=lambda request: "act")).get(
        "/" + answer.headers["location"].removeprefix("../"), headers={"accept": "text/html"}
    )
    assert ("There are more that match" in told.text) is more


async def test_what_is_not_found_in_time_is_not_acted_on(browse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource()

    async def for_ever(self: Any, *, most: int) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(FakeSelection, "ids", for_ever)
    monkeypatch.setattr(acting, "FOUND_WITHIN", 0.01)
    answer = await post(browse, source, {"do": "discard-matching", "state": "failed", "text": "a"})
    assert (answer.status_code, source.called, source.recorded) == (400, [], [])
    assert "not found within" in answer.json()["error"]["message"]
