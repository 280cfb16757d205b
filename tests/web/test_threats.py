"""What somebody may try on the page, and the tests that hold it off: GUARDED_BY names them, wherever they stand; those of all pages at once are here."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from asyncjobs import Jobs
from asyncjobs.errors import StoreUnavailable, UnknownQueue
from asyncjobs.explain import Explanation, Obstacle, Reason
from asyncjobs.job import AttemptRecord, Error, NewJob, Progress, State
from asyncjobs.pause import Pause
from asyncjobs.store.base import Condition, Storage
from asyncjobs.web.acting import LONGEST, VERBS
from asyncjobs.web.app import Web, web_app
from asyncjobs.web.pages import PAGES
from tests.fakes import FakeClock
from tests.web.fakes import (
    AS_OF,
    FakeSource,
    FakeWatch,
    a_finding,
    a_group,
    a_job,
    a_process,
    a_queue,
    a_schedule,
    a_snapshot,
    a_task,
)
from tests.web.html import Page

GUARDED_BY = {  # threat → tests: file below tests, without test_; or "here"
    "a page of the web that points its own name at this machine (DNS rebinding)": {
        "web.access": ["without_auth_a_host_that_others_can_point_here_is_refused", "without_auth_two_hosts_are_refused"],
        "here": ["who_is_not_let_in_gets_nothing_at_any_address"],
    },
    "a proxy that makes everybody a loopback peer": {
        "web.access": [
            "without_auth_a_forwarded_request_is_refused_whatever_the_header_says", "without_auth_an_unknown_peer_or_unix_socket_is_refused",
            "without_auth_http_1_0_is_refused_as_a_silent_nginx_speaks_it",
        ],
    },
    "somebody elsewhere where there is no auth=": {
        "web.access": ["without_auth_a_peer_elsewhere_is_refused", "a_refused_visitor_does_not_make_us_read_the_store"],
        "web.acting": ["who_is_refused_can_not_act"], "here": ["who_is_not_let_in_gets_nothing_at_any_address"],
    },
    "an auth= that answers nonsense, or breaks": {
        "web.access": ["a_wrong_answer_of_auth_refuses_and_is_logged", "a_bug_in_auth_is_the_apps_and_shows_no_number"],
        "web.who_may": ["a_set_that_names_what_is_no_act_refuses_and_is_logged", "where_the_environment_does_not_say_both_the_app_does_not_start"],
    },
    "acting beyond what one may": {
        "web.acting": ["who_may_only_look_can_not_act"],
        "web.who_may": [
            "what_is_not_in_the_set_is_refused_by_its_name", "everybody_else_is_asked_for_them",
            "what_was_given_is_compared_in_a_time_that_tells_nothing_of_it",
        ],
        "here": ["nobody_gets_the_page_that_was_written_for_another"],
    },
    "a page of another origin that acts in a visitor's name (CSRF)": {
        "web.acting": ["a_page_of_another_origin_acts_in_nobodys_name", "only_a_post_acts"],
        "web.who_may": ["a_page_of_another_origin_can_not_use_the_password_that_a_browser_remembers"],
        "here": ["a_header_or_field_that_names_another_method_does_nothing"],
    },
    "a page of another origin that shows or reads ours": {
        "web.app": ["every_answer_is_closed_to_caches_frames_and_foreign_content"], "here": ["no_answer_is_open_to_other_origins"],
    },
    "markup and script in whatever others write": {
        "web.markup": ["text_stays_text_and_an_attribute_stays_one_attribute", "what_would_act_unseen_is_spelt_out"],
        "browser.hostile": ["a_job_called_script_is_text"],
        "here": [
            "hostile_text_anywhere_changes_no_page", "hostile_text_changes_no_page_that_says_no", "no_page_has_script_or_style_within",
            "no_page_leads_elsewhere", "the_data_of_a_page_is_never_taken_for_a_page",
        ],
    },
    "an act or a login that leads elsewhere": {
        "web.acting": ["an_act_leads_back_to_a_page_of_ours_alone"], "web.mounting": ["a_redirect_never_speaks_of_the_host"],
    },
    "lines put into headers or logs": {
        "here": [
            "no_text_makes_a_header_or_a_line_of_the_log", "an_address_makes_no_line_of_the_log",
            "what_is_kept_of_an_act_is_not_as_long_as_what_was_asked",
        ]
    },
    "secrets, on a page or found out by a search": {
        "web.jobs_pages": ["what_is_secret_is_shown_nowhere"], "web.filters": ["a_secret_is_not_found_out_by_its_value"],
        "web.redact": ["what_says_that_it_is_secret_is_hidden", "it_is_hidden_at_any_depth_and_whole"], "browser.hostile": ["a_secret_is_not_shown"],
        "here": ["a_search_for_what_is_hidden_ends_as_one_for_what_is_nowhere", "what_is_secret_is_on_no_page"],
    },
    "requests that are too large, or too strange": {
        "web.acting": ["what_can_not_be_done_as_it_was_asked_is_refused_in_a_sentence"], "web.fuzz": ["every_answer_is_one_that_the_document_describes"],
        "here": ["a_long_name_or_value_costs_no_more_than_its_length", "a_job_that_is_nested_too_deeply_to_be_read_takes_no_page_down"],
    },
    "paths that pretend to be elsewhere": {"here": ["a_path_that_is_not_exactly_ours_is_nowhere"]},
    "what health tells strangers": {"web.health": ["health_of_an_ill_process_is_503_without_its_reason", "health_is_open_to_everyone_and_reads_nothing"]},
}  # fmt: skip

HTML = {"accept": "text/html"}
HOSTILE = [
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "</textarea></title></style><svg/onload=alert(1)>", "javascript:alert(1)",
    "\u202egnp.exe", "a\0b\x1b[31m", "\ud800", "&lt;b&gt;", "{{7*7}}",
]  # fmt: skip


@pytest.mark.parametrize("threat", GUARDED_BY)
def test_each_threat_has_its_tests(threat: str) -> None:
    for where, names in GUARDED_BY[threat].items():
        parts = where.rpartition(".")
        module = importlib.import_module(__name__ if where == "here" else f"tests.{parts[0]}.test_{parts[2]}")
        missing = [name for name in names if not callable(getattr(module, f"test_{name}", None))]
        assert not missing, where


def asked_as(text: str) -> str:
    """As an address can have it: what is no text at all comes as something else, and no id is like it."""
    return text.encode(errors="replace").decode()


def full(text: str) -> FakeSource:
    """This text wherever others write one."""
    pause, error, inner = Pause(AS_OF, text, text), Error(text, text, text), {text: text}
    stored = json.dumps({"args": [text], "kwargs": inner})
    job = a_job(
        asked_as(text), name=text, queue=text, state=State.QUEUED, key=text, unique_key=text, progress=Progress(1, 2, text), error=error, runner=text,
        attempts=(AttemptRecord(1, text, text, AS_OF, AS_OF, error),), args=stored, meta=json.dumps(inner),
    )  # fmt: skip
    ran = a_job("ran", name=text, state=State.SUCCEEDED, args=stored, result=json.dumps([text, inner]), finished_at=AS_OF)
    runs = a_job("runs", name=text, state=State.RUNNING, started_at=AS_OF, runner=text)
    source = FakeSource(
        a_snapshot(
            a_queue(text, pause=pause, waiting=1, latency=9.0), a_queue("web"), findings=[a_finding(text, queue=text), a_finding(text, queue=None)],
            failures=[a_group(text, text, message=text)], longest=[job], paused_tasks={text: pause}, unknown_tasks={text: 3}, version=text,
            schedules=[a_schedule(text, paused=pause, last_job=text), a_schedule("b")], problems={text: text}, file=text,
            tasks=[a_task(text, pause=pause, unknown=1, started=99), a_task("b", declared=None)],
            processes=[a_process(host=text, version=text, slots={text: 1}, condition=Condition(AS_OF, 2.0, 1, text))],
        ),
        jobs=[job, a_job("b", meta=json.dumps({"schedule": text, "time": text})), ran, runs],
    )  # fmt: skip
    source.why, source.here, source.next = Explanation(text, [Obstacle(Reason.DUE, text, {})]), {"runs": text}, text
    source.faults = [text]
    source.stored = Storage(text, text, 1, 2, 3, 4, 5, AS_OF, 7)
    source.recorded = [(text, text, text, 1)]
    return source


def addresses(text: str) -> list[str]:
    """Every page, and every question that is asked before an act, about this text."""
    said = quote(text, errors="surrogatepass")
    asked = {
        "stats/job": f"id={quote(asked_as(text))}",
        "stats/queue": f"name={said}",
        "stats/schedule": f"name={said}",
        "stats/jobs": f"queue={said}&text={said}",
    }
    about = urlencode(
        {name: text for name in ("id", "queue", "task", "schedule", "error", "back", "why")}, errors="surrogatepass"
    )
    questions = [f"stats/confirm?do={name}&state=failed&{about}" for name, verb in VERBS.items() if verb.asks]
    others = ["stats/job?id=ran", "stats/job?id=runs", f"nowhere?{said}", f"stats/jobs?since={said}", f"stats/job?id={said}gone"]
    return [*(f"{path}?{asked.get(path, '')}" for path in PAGES), *questions, *others]


async def shown(browse: Any, text: str) -> dict[str, Page]:
    client = browse(web_app(full(text), auth=lambda request: ("act", text), clock=FakeWatch()))
    await client.post("/stats/act", json={"do": "check"}, headers={"sec-fetch-site": "same-origin"})
    await asyncio.sleep(0)  # it has nothing to wait for
    wanted, names = addresses(text), addresses("name")
    return {name: Page((await client.get(f"/{path}", headers=HTML)).text) for name, path in zip(names, wanted, strict=True)}


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_text_anywhere_changes_no_page(browse: Any, hostile: str) -> None:
    benign, attacked = await shown(browse, "harmless"), await shown(browse, hostile)
    if hostile != asked_as(hostile):
        del attacked["stats/queue?name=name"]  # which no address can name
    for path, page in attacked.items():
        assert page.shape == benign[path].shape, path
        assert [set(given) for _, given in page.tags] == [set(given) for _, given in benign[path].tags], path
        assert not {"\0", "\x1b", "\u202e", "\ud800"} & set(page.text), path
        assert not [link for link in page.links() if link.lower().startswith("javascript")], path


async def test_no_page_has_script_or_style_within(browse: Any) -> None:
    for path, page in (await shown(browse, "harmless")).items():
        for tag, given in page.tags:
            assert not [name for name in given if name == "style" or name.startswith("on")], path
            assert tag not in ("style", "iframe", "object", "embed", "base"), path
            assert tag != "script" or given.get("src"), path
        assert not any(page.by_tag.get("script", [])), path


@pytest.mark.parametrize(
    "hostile", [one for one in HOSTILE if one.encode(errors="replace").decode() == one]
)  # a reason is logged, and kept
async def test_hostile_text_changes_no_page_that_says_no(browse: Any, hostile: str) -> None:
    async def refused(text: str) -> list[Page]:
        away, failing = full(text), full(text)
        away.answer, away.problems = StoreUnavailable(text), {text: f"{text} too"}
        failing.refuses = UnknownQueue(text, [text])

        def login(request: Request) -> Any:
            raise HTTPException(401, text)

        header = {**HTML, "host": quote(text, errors="replace")}
        data = {**HTML, "content-type": "application/json"}
        acts = [json.dumps({"do": "pause", "queue": text}), json.dumps({"do": text})]
        return [
            Page((await browse(web_app(away, auth=lambda request: "act")).get("/stats", headers=HTML)).text),
            Page((await browse(web_app(away, auth=login)).get("/stats", headers=HTML)).text),
            Page((await browse(web_app(away), headers=header).get("/stats")).text),
            *[
                Page(
                    (
                        await browse(web_app(failing, auth=lambda request: "act")).post("/stats/act", content=act, headers=data)
                    ).text
                )
                for act in acts
            ],
        ]

    for benign, attacked in zip(await refused("harmless"), await refused(hostile), strict=True):
        assert attacked.shape == benign.shape, benign.title
        assert not {"\0", "\x1b", "\u202e", "\ud800"} & set(attacked.text)


async def test_no_page_leads_elsewhere(browse: Any) -> None:
    """Every address on it is relative, whatever others have written: none is of another origin, or of a scheme that is run."""
    for text in ("harmless", "//evil.example", "https:evil.example", "\\\\evil.example", "javascript:alert(1)", "../../../x"):
        for path, page in (await shown(browse, text)).items():
            for _, given in page.tags:
                for name in {"href", "src", "action", "formaction"} & set(given):
                    where = urlsplit(urljoin("http://localhost:8000/a/b/jobs/stats/x", given[name] or ""))
                    assert (where.scheme, where.netloc) == ("http", "localhost:8000"), path
                    assert where.path.startswith("/a/b/jobs/"), path


async def test_the_data_of_a_page_is_never_taken_for_a_page(browse: Any) -> None:
    client = browse(web_app(full("<script>alert(1)</script>"), auth=lambda request: "act", clock=FakeWatch()))
    for path in addresses("<script>alert(1)</script>"):
        answer = await client.get(f"/{path}")
        if not path.startswith("stats/confirm"):  # which is a question for a person
            assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("application/json", "nosniff")
            answer.json()


REBOUND = {"host": "evil.example"}
NOT_LET_IN: list[tuple[Any, Any, dict[str, str]]] = [  # auth, peer, headers
    (None, ("10.0.0.3", 1), {}), (None, None, {}), (None, ("127.0.0.1", 1), REBOUND), ("local", ("127.0.0.1", 1), REBOUND),
    ("local", ("127.0.0.1", 1), {"x-forwarded-for": "127.0.0.1"}), (lambda request: None, ("127.0.0.1", 1), {}),
]  # fmt: skip
OPEN = {"", "/", "/health", "/static/style.css", "/static/live.js"}  # which tell nothing of the jobs


@pytest.mark.parametrize(("auth", "peer", "headers"), NOT_LET_IN)
async def test_who_is_not_let_in_gets_nothing_at_any_address(browse: Any, auth: Any, peer: Any, headers: Any) -> None:
    source = full("s3cret")
    app = web_app(source, auth=auth)
    assert isinstance(app, Web)
    assert set(app._routes) >= OPEN | {f"/{path}" for path in PAGES} | {"/stats/confirm", "/stats/act", "/metrics"}
    client = browse(app, client=peer)
    for path, route in app._routes.items():
        for method in route.methods:
            sent = {**headers, "sec-fetch-site": "same-origin", "content-type": "application/json"}
            body = '{"do":"retry","id":"a"}' if method == "POST" else None
            answer = await client.request(method, f"{path}?id=a&name=s3cret&do=cancel", headers=sent, content=body)
            assert (answer.status_code == 403) is (path not in OPEN), path
            assert "s3cret" not in answer.text
    assert (source.reads, source.called) == (0, [])


async def test_nobody_gets_the_page_that_was_written_for_another(browse: Any) -> None:
    """What is written of one reading is kept for all who ask for the same; who asks, and what such a one may do, are part of that."""
    answers = {"ada": ("act", "ada"), "bob": ("read", "bob"), "eve": ({"retry-matching"}, "eve"), "": None}
    client = browse(web_app(full("name"), auth=lambda request: answers[request.headers["x-user"]], clock=FakeWatch()))

    async def seen(name: str, tag: str = "") -> Any:
        return await client.get("/stats", headers={**HTML, "x-user": name, "if-none-match": tag})

    first = {name: await seen(name) for name in answers}
    for name in ("ada", "bob", "eve"):
        said, buttons = f"shown to <bdi>{name}</bdi>" in first[name].text, first[name].text.count("<button")
        assert (said, buttons > 0) == (True, name != "bob")
        assert [(await seen(one, first[name].headers["etag"])).status_code for one in answers] == [
            403 if not one else 304 if one == name else 200 for one in answers
        ]
    assert first["ada"].text.count("<button") > first["eve"].text.count("<button")


async def test_what_is_secret_is_on_no_page(browse: Any) -> None:
    """Of all that is kept of a job that has a name, whatever has become of it, at every address and in both faces."""
    kept = '{"password":"s3cret","n":[{"api_key":"s3cret"}],"email":"s3cret"}'
    facts: Any = {"args": f'{{"args":[],"kwargs":{kept}}}', "meta": kept, "result": kept}
    states = {
        "queued": State.QUEUED,
        "runs": State.RUNNING,
        "ran": State.SUCCEEDED,
        "failed": State.FAILED,
        "left": State.CANCELLED,
    }
    jobs = [a_job(id, state=state, started_at=AS_OF, **facts) for id, state in states.items()]
    job = NewJob("", "reports.build", "mail", 0, args=facts["args"], meta=kept)
    snapshot = a_snapshot(a_queue("name"), longest=jobs, schedules=[a_schedule("name", job=job)], tasks=[a_task()])
    client = browse(web_app(FakeSource(snapshot, jobs=jobs), auth=lambda request: "act", redact=["email"], clock=FakeWatch()))
    for path in [*addresses("name"), *(f"stats/job?id={id}" for id in states), "metrics", "stats/openapi.json"]:
        for accept in ("text/html", "application/json"):
            assert "s3cret" not in (await client.get(f"/{path}", headers={"accept": accept})).text, path


async def test_no_answer_is_open_to_other_origins(browse: Any) -> None:
    client = browse(web_app(full("a"), auth=lambda request: "act"))
    for path in [*addresses("a"), "health", "metrics", "stats/openapi.json", "static/style.css", "static/live.js"]:
        for method in ("GET", "OPTIONS", "POST"):
            headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
            answer = await client.request(method, f"/{path}", headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control-")], path
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "no-store" in answer.headers["cache-control"] or path.startswith("static/")


@pytest.mark.parametrize("face", ["text/html", "application/json"])
@pytest.mark.parametrize(
    "query", ["text=sk_live_{}", "argument=n=sk_live_{}", "state=queued&text=_live_{}", "after=290&text=sk_live_{}"]
)
async def test_a_search_for_what_is_hidden_ends_as_one_for_what_is_nowhere(browse: Any, query: str, face: str) -> None:
    """Or one would find out a secret, letter by letter, by whether there is more to be looked at."""
    clock = FakeClock()
    jobs = Jobs("memory:", queues={"default": 1}, clock=clock)

    @jobs.task(name="t")
    async def t(api_token: str, n: int) -> None: ...

    async with jobs.running(work=()):
        await jobs.enqueue_many([t.options(delay=60).call("sk_live_abc", n) for n in range(300)])
        client = browse(jobs.web(auth=lambda request: "read"), headers={"accept": face})
        hidden, nowhere = [(await client.get(f"/stats/jobs?{query.format(end)}")).text for end in ("a", "b")]
    assert hidden.replace('_a"', '_b"') == nowhere
    assert "No job matches" in hidden or '"next":null' in hidden


@pytest.mark.parametrize("header", ["x-http-method-override", "x-http-method", "x-method-override"])
async def test_a_header_or_field_that_names_another_method_does_nothing(browse: Any, header: str) -> None:
    source = full("a")
    client = browse(web_app(source, auth=lambda request: "act"))
    for address in ("/stats/act?do=retry&id=a", "/stats/act?_method=POST&do=retry&id=a"):
        answer = await client.get(address, headers={header: "POST", "sec-fetch-site": "same-origin"})
        assert answer.status_code == 405
    assert source.called == []


@pytest.mark.parametrize("hostile", ["a\r\nSet-Cookie: x=1", "a\nX: y", "a\rb", "\x1b[31mred", "a\u2028b", "\ud800"])
async def test_no_text_makes_a_header_or_a_line_of_the_log(browse: Any, hostile: str, caplog: pytest.LogCaptureFixture) -> None:
    source = full("a")
    client = browse(web_app(source, auth=lambda request: ("act", hostile)))
    fields = {"do": "pause", "queue": hostile, "why": hostile, "back": f"stats/queue?name={hostile}"}
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    with caplog.at_level(logging.INFO):
        answer = await client.post("/stats/act", content=urlencode(fields, errors="surrogatepass"), headers=headers)
        page = await client.get(f"/stats/queue?{urlencode({'name': hostile}, errors='surrogatepass')}", headers=HTML)
    assert "x" not in answer.headers
    assert "set-cookie" not in answer.headers
    for one in (*answer.headers.values(), *page.headers.values()):
        assert one.isprintable()
        assert one.isascii()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("asyncjobs")]
    assert said
    assert all(line.isprintable() for line in said)


async def test_an_address_makes_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """As a server hands it on that doesn't look: it stands there where a page fails."""
    status = await asked(web_app(FakeSource(ZeroDivisionError())), "/stats", query=b"a\r\n200 OK\x1b[31m\x85\xff")
    (message,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert status == 500
    assert message.isprintable()


async def test_what_is_kept_of_an_act_is_not_as_long_as_what_was_asked(browse: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = full("a")
    client = browse(web_app(source, auth=lambda request: ("act", "ada" * 9_999)))
    source.recorded.clear()
    ids = "\n".join(f"job-{n}" for n in range(5_000))
    with caplog.at_level(logging.INFO, "asyncjobs.audit"):
        answer = await client.post("/stats/act", json={"do": "retry", "id": ids}, headers={"sec-fetch-site": "same-origin"})
    assert answer.json()["count"] == 5_000
    ((who, _, target, count),) = source.recorded
    assert (len(who), len(target), count) == (LONGEST, LONGEST, 5_000)
    assert all(len(message) < 3 * LONGEST for message in caplog.messages)


async def test_a_long_name_or_value_costs_no_more_than_its_length(browse: Any) -> None:
    """What looks for secrets and numbers goes over a text once: a hundred thousand letters of the worst kind are read at once."""
    worst = "a" * 20_000 + "-_" * 20_000 + "pass" * 10_000
    job = a_job("a", args='{"args":[],"kwargs":{"' + worst + '":"' + worst + '"}}')
    client = browse(web_app(FakeSource(jobs=[job]), auth=lambda request: "act", clock=FakeWatch()))
    for path in (
        "stats/job?id=a",
        "stats/jobs?argument=" + "a." * 2_000 + "=7",
        "stats?range=" + "1" * 5_000,
        "stats?n=" + "9" * 5_000 + "&did=retry",
    ):
        assert (await client.get(f"/{path}", headers={**HTML, "accept": "text/html;q=" + "0" * 5_000})).status_code == 200


async def test_a_job_that_is_nested_too_deeply_to_be_read_takes_no_page_down(browse: Any) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    jobs = [a_job("a", args=f'{{"args":[{deep}],"kwargs":{{}}}}', meta=deep, result=deep, state=State.SUCCEEDED), a_job("b")]
    source = FakeSource(a_snapshot(a_queue(), schedules=[a_schedule()], longest=jobs), jobs=jobs)
    client = browse(web_app(source, auth=lambda request: "act"))
    for path in (
        "stats",
        "stats/jobs",
        "stats/jobs?text=a",
        "stats/jobs?argument=a=1",
        "stats/job?id=a",
        "stats/schedule?name=nightly",
    ):
        for accept in ("text/html", "application/json"):
            answer = await client.get(f"/{path}", headers={"accept": accept})
            assert answer.status_code == 200, path
            assert "[[[" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "//stats", "/stats/", "/stats//jobs", "/Stats", "/stats/jobs/", "/%73tats/%2e%2e/stats", "/stats/../stats/act", "/stats%2Fjobs", "/stats;x=1",
        "/static/../stats", "/static/%2e%2e/app.py", "/static/style.css/..", "/stats\\jobs", "/health/stats",
    ],
)  # fmt: skip
async def test_a_path_that_is_not_exactly_ours_is_nowhere(path: str) -> None:
    """Asked as a server hands it on: clients put most of these right by themselves."""
    source = full("a")
    assert (await asked(web_app(source, auth=lambda request: "act"), path), source.reads) == (404, 0)


async def asked(app: Any, path: str, query: bytes = b"") -> int:
    """The status of what is answered."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode(),
        "root_path": "", "query_string": query, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status
