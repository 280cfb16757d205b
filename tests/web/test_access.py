from __future__ import annotations

import functools
import logging
import threading
from typing import Any

import anyio
import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Mount

from asyncjobs.errors import ConfigurationError
from asyncjobs.web.access import MOUNT_LINE, is_local_host
from asyncjobs.web.app import web_app
from tests.web.fakes import FakeSource

HTML = {"accept": "text/html"}


# --- without auth= ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:8000"])
async def test_without_auth_a_person_at_this_machine_may_look_under_a_banner(browse: Any, peer: str, host: str) -> None:
    answer = await browse(web_app(FakeSource()), client=(peer, 1)).get("/stats", headers={**HTML, "host": host})
    assert answer.status_code == 200
    assert "Shown without a login" in answer.text


@pytest.mark.parametrize(
    "peer", ["10.0.0.3", "192.168.1.1", "128.0.0.1", "::ffff:10.0.0.3", "2001:db8::1", "testclient", "", "localhost", "0.0.0.0"]
)
async def test_without_auth_a_peer_elsewhere_is_refused(browse: Any, peer: str) -> None:
    assert (await browse(web_app(FakeSource()), client=(peer, 1)).get("/stats")).status_code == 403


async def test_without_auth_an_unknown_peer_or_unix_socket_is_refused(browse: Any) -> None:
    answer = await browse(web_app(FakeSource()), client=None).get("/stats")
    assert answer.status_code == 403
    assert "does not say where the request comes from" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8000", "localhost.evil.test", "127.0.0.1.evil.test", "localhost@evil.test", "10.0.0.3", "", "[::2]",
     "::1", "localhost:x", "127.1", "0.0.0.0", "[localhost]", "2130706433", "localhost,evil.test"],
)  # fmt: skip
async def test_without_auth_a_host_that_others_can_point_here_is_refused(browse: Any, host: str) -> None:
    answer = await browse(web_app(FakeSource())).get("/stats", headers={"host": host})
    assert answer.status_code == 403
    assert not is_local_host(host)


async def test_without_auth_two_hosts_are_refused(browse: Any) -> None:
    hosts = [("host", "localhost"), ("host", "evil.test")]
    assert (await browse(web_app(FakeSource())).get("/stats", headers=hosts)).status_code == 403


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded", "X-Real-IP", "Via", "CF-Ray",
     "CF-Connecting-IP", "True-Client-IP", "X-Client-IP", "X-Cluster-Client-IP", "Fly-Client-IP", "X-Envoy-Internal",
     "X-Original-Host", "X-Amzn-Trace-Id", "Tailscale-User-Login"],
)  # fmt: skip
async def test_without_auth_a_forwarded_request_is_refused_whatever_the_header_says(browse: Any, header: str) -> None:
    answer = await browse(web_app(FakeSource())).get("/stats", headers={header: "127.0.0.1"})
    assert answer.status_code == 403
    assert header.lower() in answer.json()["error"]["message"]


async def test_without_auth_http_1_0_is_refused_as_a_silent_nginx_speaks_it(browse: Any) -> None:
    app = web_app(FakeSource())

    async def by_nginx(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "http_version": "1.0"}, receive, send)

    assert (await browse(by_nginx).get("/stats")).status_code == 403


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_the_refusal_names_the_line_to_add_and_no_number(browse: Any, accept: str) -> None:
    answer = await browse(web_app(FakeSource()), client=("10.0.0.3", 1)).get("/stats", headers={"accept": accept})
    said = answer.json()["error"]["message"] if accept == "application/json" else answer.text.replace("&quot;", '"')
    assert MOUNT_LINE == 'app.mount("/jobs", jobs.web(auth=...))'
    assert MOUNT_LINE in said
    assert "default" not in said


async def test_a_refused_visitor_does_not_make_us_read_the_store(browse: Any) -> None:
    source = FakeSource()
    await browse(web_app(source), client=("10.0.0.3", 1)).get("/stats")
    assert source.reads == 0


async def test_a_hostile_host_is_only_text_on_the_refusal(browse: Any) -> None:
    answer = await browse(web_app(FakeSource())).get("/stats", headers={**HTML, "host": "<script>alert(1)</script>"})
    assert answer.status_code == 403
    assert "<script" not in answer.text


# --- with auth= ------------------------------------------------------------------------------------------------------


def answering(answer: Any) -> Any:
    return lambda request: answer


def asynchronously(answer: Any) -> Any:
    async def auth(request: Request) -> Any:
        return answer

    return auth


class AsyncCallable:
    async def __call__(self, request: Request) -> str:
        return "read"


async def _named(name: str, request: Request) -> tuple[str, str]:
    return "read", name


@pytest.mark.parametrize("made", [answering, asynchronously])
@pytest.mark.parametrize("answer", ["read", "act", ("read", "ada"), ("act", "ada")])
async def test_auth_lets_in_from_anywhere_and_without_banner(browse: Any, made: Any, answer: Any) -> None:
    client = browse(web_app(FakeSource(), auth=made(answer)), client=("203.0.113.9", 1), base_url="https://shop.example")
    page = await client.get("/stats", headers={**HTML, "x-forwarded-for": "198.51.100.2"})
    assert page.status_code == 200
    assert "without a login" not in page.text
    assert ("shown to <bdi>ada</bdi>" in page.text) is (len(answer) == 2)


@pytest.mark.parametrize("auth", [AsyncCallable(), functools.partial(_named, "ada"), lambda request: _named("ada", request)])
async def test_auth_may_be_any_callable_that_is_awaited(browse: Any, auth: Any) -> None:
    assert (await browse(web_app(FakeSource(), auth=auth)).get("/stats")).status_code == 200


@pytest.mark.parametrize("made", [answering, asynchronously])
async def test_auth_that_returns_none_refuses_even_this_machine(browse: Any, made: Any) -> None:
    answer = await browse(web_app(FakeSource(), auth=made(None))).get("/stats")
    assert answer.status_code == 403
    assert MOUNT_LINE not in answer.json()["error"]["message"]


@pytest.mark.parametrize("wrong", [True, 1, "admin", "", {}, ("read",), ("read", None), ("admin", "ada"), ["read", "ada", "x"]])
async def test_a_wrong_answer_of_auth_refuses_and_is_logged(browse: Any, wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = await browse(web_app(FakeSource(), auth=answering(wrong))).get("/stats")
    assert answer.status_code == 403
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert repr(wrong) in record.getMessage()
    assert "return None, 'read', 'act'" in record.getMessage()


async def test_auth_may_send_to_a_login(browse: Any) -> None:
    def auth(request: Request) -> None:
        raise HTTPException(303, headers={"Location": "/login", "Cache-Control": "public"})

    answer = await browse(web_app(FakeSource(), auth=auth)).get("/stats")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_auth_may_ask_for_a_password(browse: Any, accept: str) -> None:
    async def auth(request: Request) -> None:
        raise HTTPException(401, "who are you?", {"WWW-Authenticate": "Basic"})

    answer = await browse(web_app(FakeSource(), auth=auth)).get("/stats", headers={"accept": accept})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Basic")
    assert "who are you?" in answer.text


async def test_a_bug_in_auth_is_the_apps_and_shows_no_number(browse: Any) -> None:
    def auth(request: Request) -> None:
        raise ZeroDivisionError

    source = FakeSource()
    with pytest.raises(ZeroDivisionError):
        await browse(web_app(source, auth=auth)).get("/stats")
    assert source.reads == 0


async def test_a_def_auth_is_asked_in_a_thread_and_an_async_one_on_the_loop(browse: Any) -> None:
    threads = []

    def waits(request: Request) -> str:
        threads.append(threading.get_ident())
        return "read"

    async def asks(request: Request) -> str:
        return waits(request)

    for auth in (waits, asks):
        await browse(web_app(FakeSource(), auth=auth)).get("/stats")
    here = threading.get_ident()
    assert [thread == here for thread in threads] == [False, True]


async def test_an_async_auth_needs_no_thread(browse: Any) -> None:
    threads = anyio.to_thread.current_default_thread_limiter()
    borrowers = [object() for _ in range(int(threads.total_tokens))]
    for borrower in borrowers:
        threads.acquire_on_behalf_of_nowait(borrower)
    try:
        with anyio.fail_after(5):
            assert (await browse(web_app(FakeSource(), auth=asynchronously("read"))).get("/stats")).status_code == 200
    finally:
        for borrower in borrowers:
            threads.release_on_behalf_of(borrower)


async def test_auth_sees_the_app_it_belongs_to(browse: Any) -> None:
    seen = []

    def auth(request: Request) -> str:
        seen.append(request.app)
        return "read"

    app = Starlette(routes=[Mount("/jobs", web_app(FakeSource(), auth=auth))])
    await browse(app).get("/jobs/stats")
    assert seen == [app]


@pytest.mark.parametrize("wrong", ["locally", True, ("a", "b")])
def test_an_auth_that_is_no_function_is_refused_when_mounting(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a function of the request"):
        web_app(FakeSource(), auth=wrong)
