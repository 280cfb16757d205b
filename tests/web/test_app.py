from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from asyncjobs.web.app import web_app
from tests.web.fakes import FakeSource
from tests.web.html import Page

HTML = {"accept": "text/html"}
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types asyncjobs"
)


async def answers(browse: Any) -> dict[str, Any]:
    """One answer of each kind."""
    open_, closed = browse(web_app(FakeSource())), browse(web_app(FakeSource(), auth=lambda request: None))
    stopped = browse(web_app(FakeSource(started=False)))
    return {
        "json": await open_.get("/stats"),
        "page": await open_.get("/stats", headers=HTML),
        "home": await open_.get("/"),
        "health": await open_.get("/health"),
        "unhealthy": await stopped.get("/health"),
        "not started": await stopped.get("/stats"),
        "refused": await closed.get("/stats"),
        "refused page": await closed.get("/stats", headers=HTML),
        "not found": await open_.get("/nowhere"),
        "wrong method": await open_.post("/stats"),
    }


async def test_every_answer_is_closed_to_caches_frames_and_foreign_content(browse: Any) -> None:
    for kind, answer in (await answers(browse)).items():
        found = {name: answer.headers.get(name) for name in (
            "content-security-policy", "x-content-type-options", "referrer-policy", "cache-control", "x-frame-options"
        )}  # fmt: skip
        assert found == {
            "content-security-policy": CSP,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cache-control": "private, no-store",
            "x-frame-options": "DENY",
        }, kind
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("tag", "key", "name"), [("link", "href", "style.css"), ("script", "src", "live.js")])
async def test_what_lies_in_static_may_be_kept_for_ever_under_its_version_only(
    browse: Any, tag: str, key: str, name: str
) -> None:
    client = browse(web_app(FakeSource()))
    page = Page((await client.get("/stats", headers=HTML)).text)
    (href,) = [given[key] for found, given in page.tags if found == tag]
    current, other = await client.get(f"/{href}"), await client.get(f"/static/{name}?v=0")
    assert current.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert other.headers["cache-control"] == "no-cache"
    assert current.headers["content-security-policy"] == CSP
    assert current.content == other.content != b""
    assert current.headers["content-type"].startswith("text/")


async def test_all_that_a_page_loads_is_small(browse: Any) -> None:
    client = browse(web_app(FakeSource()))
    sizes = [len((await client.get(path, headers=HTML)).content) for path in ("/static/style.css", "/static/live.js", "/stats")]
    assert sum(sizes) < 60 * 1024


async def test_the_stylesheet_asks_nothing_of_others_and_knows_the_dark(browse: Any) -> None:
    css = (await browse(web_app(FakeSource())).get("/static/style.css")).text
    assert "url(" not in css
    assert "@import" not in css
    assert "prefers-color-scheme: dark" in css


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", ["/stats", "/", "/nowhere", "/static/style.css"])
async def test_head_has_the_headers_of_get_and_no_body(browse: Any, path: str, accept: str) -> None:
    client = browse(web_app(FakeSource()), headers={"accept": accept})
    get, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")


@pytest.mark.parametrize("path", ["/stats", "/health", "/nowhere"])
async def test_head_sends_no_body_to_the_server(browse: Any, path: str) -> None:
    app, sent = web_app(FakeSource()), []

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        async def tell(message: Any) -> None:
            sent.append(message)
            await send(message)

        await app(scope, receive, tell)

    await browse(listening).head(path)
    assert [message.get("body", b"") for message in sent] == [b"", b""]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/stats", "/health", "/", "/static/style.css"])
async def test_nothing_can_be_changed(browse: Any, method: str, path: str) -> None:
    source = FakeSource()
    answer = await browse(web_app(source)).request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert source.reads == 0


@pytest.mark.parametrize("path", ["/nowhere", "/stats/", "/stats/x", "/static/", "/static/../app.py", "/static/x.css"])
async def test_an_unknown_address_is_a_404_that_leads_back(browse: Any, path: str) -> None:
    client = browse(web_app(FakeSource()))
    data, page = await client.get(path), await client.get(path, headers=HTML)
    assert (data.status_code, data.json()["error"]["code"]) == (404, "not_found")
    assert page.status_code == 404
    assert Page(page.text).by_tag["h1"] == ["Not Found"]


async def test_a_404_of_ours_is_not_given_to_the_app_around(browse: Any) -> None:
    app = Starlette(routes=[Mount("/jobs", web_app(FakeSource()))])
    answer = await browse(app).get("/jobs/nowhere")
    assert answer.headers["content-security-policy"] == CSP


def test_it_can_be_served_alone_and_closes_websockets() -> None:
    with TestClient(web_app(FakeSource()), base_url="http://localhost", client=("127.0.0.1", 1)) as client:
        assert client.get("/stats").status_code == 200
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/stats"):
            pass


@pytest.mark.parametrize("path", ["/stats", "/stats/jobs", "/stats/acts", "/metrics"])
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_a_page_that_fails_says_where_the_log_has_it(
    browse: Any, path: str, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await browse(web_app(FakeSource(ZeroDivisionError("s3cret")))).get(path, headers={"accept": accept})
    assert answer.status_code == 500
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    number = record.getMessage().rpartition(" ")[2]
    assert number in answer.text
    assert "The jobs go on." in answer.text
    assert record.exc_info is not None
    assert "s3cret" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
