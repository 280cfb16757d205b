from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncjobs.web.app import web_app
from tests.web.fakes import FakeSource
from tests.web.html import Page

HTML = {"accept": "text/html"}


def web() -> Any:
    return web_app(FakeSource())


def fastapi(root_path: str = "") -> FastAPI:
    app = FastAPI()
    app.root_path = root_path  # as its argument, which newer versions call deprecated
    app.mount("/jobs", web())
    return app


def stripping(app: Any, prefix: str) -> Any:
    """A proxy that takes a prefix off and tells nobody."""

    async def proxied(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"].startswith(prefix)
        await app({**scope, "path": scope["path"].removeprefix(prefix)}, receive, send)

    return proxied


def with_root_path(app: Any, root_path: str) -> Any:
    """A server that was told its root_path, and hands on whole paths as ASGI wants them."""

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": root_path}, receive, send)

    return served


MOUNTS = [
    pytest.param(web, "", id="at the root"),
    pytest.param(lambda: Starlette(routes=[Mount("/jobs", web())]), "/jobs", id="Starlette"),
    pytest.param(lambda: Starlette(routes=[Mount("/a/b", routes=[Mount("/jobs", web())])]), "/a/b/jobs", id="two mounts"),
    pytest.param(fastapi, "/jobs", id="FastAPI"),
    pytest.param(lambda: with_root_path(fastapi(), "/api"), "/api/jobs", id="root_path of the server"),
    pytest.param(lambda: with_root_path(web(), "/api"), "/api", id="at the root, root_path of the server"),
    pytest.param(lambda: stripping(fastapi(root_path="/api"), "/api"), "/api/jobs", id="root_path of FastAPI, stripped"),
    pytest.param(lambda: fastapi(root_path="/api"), "/jobs", id="root_path of FastAPI, asked directly"),
    pytest.param(lambda: stripping(fastapi(), "/api"), "/api/jobs", id="stripped and told nobody"),
    pytest.param(lambda: stripping(web(), "/api/v2"), "/api/v2", id="at the root, stripped and told nobody"),
]


@pytest.mark.parametrize(("app", "mount"), MOUNTS)
@pytest.mark.parametrize("path", ["/stats", "/nowhere", "/no/where/at/all", "/stats/"])
async def test_every_link_of_a_page_leads_somewhere(browse: Any, app: Any, mount: str, path: str) -> None:
    client = browse(app())
    page = await client.get(mount + path, headers=HTML)
    assert page.status_code == (200 if path == "/stats" else 404)
    links = Page(page.text).links()
    found = [await client.get(urljoin(mount + path, link), headers=HTML) for link in links]
    assert len(found) >= 2
    assert [answer.status_code for answer in found] == [200] * len(found)
    assert found[0].headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(("app", "mount"), MOUNTS)
async def test_health_is_below_every_mount(browse: Any, app: Any, mount: str) -> None:
    assert (await browse(app()).get(mount + "/health")).status_code == 200


@pytest.mark.parametrize(("app", "mount"), MOUNTS)
async def test_the_mount_itself_leads_to_the_stats(browse: Any, app: Any, mount: str) -> None:
    client = browse(app())
    answer = await client.get(mount + "/")
    assert answer.status_code == 307
    assert answer.headers["location"] == "stats"
    assert urljoin(mount + "/", answer.headers["location"]) == mount + "/stats"


async def test_a_root_path_asked_for_without_its_slash_leads_to_the_stats_too(browse: Any) -> None:
    answer = await browse(with_root_path(web(), "/a/jobs")).get("/a/jobs")
    assert urljoin("/a/jobs", answer.headers["location"]) == "/a/jobs/stats"


async def test_a_redirect_never_speaks_of_the_host(browse: Any) -> None:
    answer = await browse(fastapi()).get("/jobs/", headers={"host": "evil.test", "x-forwarded-host": "evil.test"})
    assert answer.headers["location"] == "stats"


async def test_fastapi_describes_nothing_of_ours(browse: Any) -> None:
    assert (await browse(fastapi()).get("/openapi.json")).json()["paths"] == {}
