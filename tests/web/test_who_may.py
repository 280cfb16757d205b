"""How an app says who may what: a set of acts, its own dependencies and middleware, and a name and password in the environment."""

from __future__ import annotations

import hmac
import logging
from base64 import b64encode
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBearer, OAuth2PasswordBearer
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.routing import Mount

from asyncjobs.errors import ConfigurationError
from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.web.acting import VERBS
from asyncjobs.web.app import web_app
from asyncjobs.web.basic import PASSWORD, USER
from tests.web.fakes import AS_OF, FakeSource, a_group, a_job, a_queue, a_schedule, a_snapshot, a_task
from tests.web.html import Page

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
PAGES = (
    "stats", "stats/jobs?state=failed", "stats/job?id=a", "stats/failures", "stats/queues", "stats/queue?name=mail", "stats/tasks",
    "stats/schedules", "stats/schedule?name=nightly", "stats/store",
)  # fmt: skip


def full() -> FakeSource:
    """Something of everything that can be acted on."""
    pause = Pause(AS_OF, "ada", "a holiday")
    return FakeSource(
        a_snapshot(
            a_queue("mail"), a_queue("web", pause=pause), failures=[a_group()], schedules=[a_schedule(), a_schedule("weekly", paused=pause)],
            paused_tasks={"sync": pause}, tasks=[a_task(), a_task("sync", pause=pause)],
        ),
        jobs=[a_job("a", state=State.FAILED), a_job("b")],
    )  # fmt: skip


def offered(page: Page) -> set[str]:
    """The acts that a page has buttons for."""
    fields = [given for tag, given in page.tags if tag == "input" and given.get("name") == "do"]
    named = [given for tag, given in page.tags if tag == "button" and given.get("name") == "do"]
    return {str(given["value"]) for given in (*fields, *named)}


async def all_offered(browse: Any, answer: Any) -> set[str]:
    client = browse(web_app(full(), auth=lambda request: answer))
    found: set[str] = set()
    for path in PAGES:
        page = Page((await client.get(f"/{path}", headers=HTML)).text)
        found |= offered(page)
        if not offered(page):
            assert "Do" not in page.by_tag.get("th", []), path
    return found


# --- a set of acts -----------------------------------------------------------------------------------------------------


async def test_who_may_do_everything_is_offered_every_act_and_who_may_look_none(browse: Any) -> None:
    assert await all_offered(browse, "act") == set(VERBS) - {"cancel-matching", "reset-limits"}, "these are on pages of their own"
    assert await all_offered(browse, "read") == set()
    assert await all_offered(browse, set()) == set()


@pytest.mark.parametrize(
    "may", [{"retry"}, {"cancel", "retry-matching"}, frozenset({"resume-task"}), {"check"}, {"edit-schedule"}]
)
async def test_who_may_do_some_acts_is_offered_these_alone(browse: Any, may: set[str]) -> None:
    assert await all_offered(browse, (may, "ada")) == set(may)


@pytest.mark.parametrize("do", VERBS)
async def test_what_is_not_in_the_set_is_refused_by_its_name(browse: Any, do: str) -> None:
    source = full()
    client = browse(web_app(source, auth=lambda request: (set(VERBS) - {do}, "ada")))
    fields = f"do={do}&id=a&state=failed&queue=mail&task=sync&schedule=nightly&limit=3"
    answer = await client.post("/stats/act", content=fields, headers=FORM)
    assert (answer.status_code, source.called, source.recorded) == (403, [], [])
    assert answer.json()["error"]["message"] == f"Nothing was done: You may look, and not {do}: the auth= of this app says so."
    asked = await client.post("/stats/confirm", content=fields, headers=FORM)
    assert asked.status_code == 403
    assert f"not {do}" in asked.json()["error"]["message"]


async def test_what_is_in_the_set_is_done(browse: Any) -> None:
    source = full()
    client = browse(web_app(source, auth=lambda request: ({"retry"}, "ada")))
    assert (await client.post("/stats/act", content="do=retry&id=a", headers=FORM)).status_code == 303
    assert (source.called, source.recorded) == ([("retry", ["a"])], [("ada", "retry", "a", 1)])


@pytest.mark.parametrize("may", [{"retry", "explode"}, {"read"}, {"act"}, {7}, ["retry"], ({"retry", ""}, "ada")])
async def test_a_set_that_names_what_is_no_act_refuses_and_is_logged(
    browse: Any, may: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = full()
    answer = await browse(web_app(source, auth=lambda request: may)).get("/stats")
    assert (answer.status_code, source.reads) == (403, 0)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "There are: backup, cancel," in record.getMessage()


# --- what an app has already -------------------------------------------------------------------------------------------


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def fastapi(auth: Any) -> FastAPI:
    app = FastAPI()
    app.mount("/jobs", web_app(FakeSource(), auth=auth))
    return app


async def test_a_fastapi_dependency_says_who_may_look(browse: Any) -> None:
    scheme = HTTPBasic()

    async def current_user(request: Request) -> str:
        credentials = await scheme(request)
        if credentials is None or (credentials.username, credentials.password) != ("ada", "s3cret"):
            raise HTTPException(401, "Who are you?", {"WWW-Authenticate": "Basic"})
        return credentials.username

    async def may(request: Request) -> tuple[Any, str]:
        return "act", await current_user(request)

    app = fastapi(may)
    app.get("/me")(lambda user=Depends(current_user): user)  # noqa: B008
    client = browse(app)
    assert (await client.get("/me", headers=basic("ada", "s3cret"))).json() == "ada"
    assert "shown to <bdi>ada</bdi>" in (await client.get("/jobs/stats", headers={**HTML, **basic("ada", "s3cret")})).text
    for headers in ({}, basic("ada", "wrong"), {"authorization": "Basic ~"}):
        answer = await client.get("/jobs/stats", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")


async def test_a_fastapi_bearer_scheme_refuses_with_its_own_status(browse: Any) -> None:
    scheme = HTTPBearer()

    async def may(request: Request) -> Any:
        token = await scheme(request)
        return "read" if token is not None and token.credentials == "t0ken" else None

    client = browse(fastapi(may))
    assert (await client.get("/jobs/stats", headers={"authorization": "Bearer t0ken"})).status_code == 200
    assert (await client.get("/jobs/stats", headers={"authorization": "Bearer no"})).status_code == 403
    assert (await client.get("/jobs/stats")).status_code in (401, 403), "by FastAPI's version"


async def test_a_fastapi_dependency_that_wants_another_is_given_what_that_finds(browse: Any) -> None:
    """As the README says it."""
    oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")

    async def current_user(token: str = Depends(oauth2_scheme)) -> str:
        if token != "t0ken":
            raise HTTPException(401, "Who are you?", {"WWW-Authenticate": "Bearer"})
        return "ada"

    async def by_dependency(request: Request) -> Any:
        return "act", await current_user(await oauth2_scheme(request) or "")

    client = browse(fastapi(by_dependency))
    page = await client.get("/jobs/stats", headers={**HTML, "authorization": "Bearer t0ken"})
    assert "shown to <bdi>ada</bdi>" in page.text
    for headers in ({"authorization": "Bearer no"}, {}):
        answer = await client.get("/jobs/stats", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.headers["cache-control"] == "private, no-store"


class Tokens(AuthenticationBackend):
    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.headers.get("x-user")
        return None if name is None else (AuthCredentials(["jobs"] if name == "ada" else []), SimpleUser(name))


def by_middleware(request: Request) -> Any:
    if not request.user.is_authenticated:
        return None
    return ("act" if "jobs" in request.auth.scopes else "read", request.user.display_name)


async def test_an_authentication_middleware_says_who_may_what(browse: Any) -> None:
    app = Starlette(
        routes=[Mount("/jobs", web_app(full(), auth=by_middleware))],
        middleware=[Middleware(AuthenticationMiddleware, backend=Tokens())],
    )
    client = browse(app)
    assert (await client.get("/jobs/stats")).status_code == 403
    pages = {name: Page((await client.get("/jobs/stats", headers={**HTML, "x-user": name})).text) for name in ("ada", "bob")}
    assert "shown to ada" in pages["ada"].text
    assert (bool(offered(pages["ada"])), bool(offered(pages["bob"]))) == (True, False)


async def test_without_its_middleware_nobody_is_let_in_and_the_app_is_told_what_is_missing(browse: Any) -> None:
    source = full()
    app = Starlette(routes=[Mount("/jobs", web_app(source, auth=by_middleware))])
    with pytest.raises(AssertionError, match="AuthenticationMiddleware must be installed"):
        await browse(app).get("/jobs/stats")
    assert source.reads == 0


# --- a name and a password ---------------------------------------------------------------------------------------------


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(USER, "ada")
    monkeypatch.setenv(PASSWORD, "p:ß")


@pytest.mark.usefixtures("ada")
async def test_who_gives_name_and_password_may_act_under_that_name(browse: Any) -> None:
    source = full()
    client = browse(web_app(source, auth="basic"), client=("203.0.113.9", 1))
    page = await client.get("/stats", headers={**HTML, **basic("ada", "p:ß")})
    assert page.status_code == 200
    assert "without a login" not in page.text
    acted = await client.post("/stats/act", content="do=retry&id=a", headers={**FORM, **basic("ada", "p:ß")})
    assert (acted.status_code, source.recorded) == (303, [("ada", "retry", "a", 1)])


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "headers",
    [
        {}, basic("ada", "p:s"), basic("ada", "p:ß "), basic("Ada", "p:ß"), basic("ada:p", "ß"[:0]), basic("", ""), {"authorization": "Basic"},
        {"authorization": "Basic !!!"}, {"authorization": "Basic \xff"}, {"authorization": "Bearer YWRhOnA6w58="},
    ],
)  # fmt: skip
async def test_everybody_else_is_asked_for_them(browse: Any, headers: dict[str, str]) -> None:
    source = full()
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await browse(web_app(source, auth="basic")).get("/stats", headers=sent)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Basic realm="asyncjobs", charset="UTF-8"')
    assert source.reads == 0
    assert "p:" not in answer.text


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("ada", "p:ß"),
        basic("ada", "x"),
        basic("x", "p:ß"),
        basic("", ""),
        basic("a" * 9_999, "b"),
        {"authorization": "Basic !"},
    ],
)
async def test_what_was_given_is_compared_in_a_time_that_tells_nothing_of_it(
    browse: Any, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    """Once and whole, name and password together, at one length: no part of them is found right by itself."""
    compared: list[tuple[bytes, bytes]] = []

    def comparing(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("asyncjobs.web.basic.compare_digest", comparing)
    await browse(web_app(full(), auth="basic")).get("/stats", headers=headers)
    ((given, expected),) = compared
    assert len(given) == len(expected) == 32


@pytest.mark.parametrize(
    ("user", "password", "named"),
    [(None, "x", USER), ("ada", None, PASSWORD), ("", "x", USER), ("ada", "", PASSWORD), ("a:b", "x", "colon")],
)
def test_where_the_environment_does_not_say_both_the_app_does_not_start(
    monkeypatch: pytest.MonkeyPatch, user: str | None, password: str | None, named: str
) -> None:
    for variable, value in ((USER, user), (PASSWORD, password)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=named):
        web_app(FakeSource(), auth="basic")


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 200), ({"content-type": "application/json", "sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "application/json", "origin": "https://evil.example"}, 403), ({"content-type": "application/x-www-form-urlencoded"}, 403),
        ({"content-type": "text/plain"}, 403), ({"content-type": "application/json", "cookie": "a=1"}, 403),
    ],
)  # fmt: skip
async def test_a_page_of_another_origin_can_not_use_the_password_that_a_browser_remembers(
    browse: Any, headers: dict[str, str], status: int
) -> None:
    source = full()
    body = '{"do":"retry","id":"a"}' if "json" in headers["content-type"] else "do=retry&id=a"
    client = browse(web_app(source, auth="basic"))
    answer = await client.post("/stats/act", content=body, headers={**headers, **basic("ada", "p:ß")})
    assert (answer.status_code, len(source.called)) == (status, status == 200)
