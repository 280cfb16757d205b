from __future__ import annotations

from typing import Any

import pytest

from asyncjobs.web.app import web_app
from tests.web.fakes import FakeSource

CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGE, DATA = "text/html; charset=utf-8", "application/json"


@pytest.mark.parametrize(
    ("accept", "face"),
    [
        (CHROME, PAGE),
        (FIREFOX, PAGE),
        ("text/html", PAGE),
        ("TEXT/HTML", PAGE),
        ("text/html;level=1;q=0.3", PAGE),
        ("text/*;q=0.5", PAGE),
        ("text/html, */*", PAGE),
        ("application/json;q=0.5, text/html;q=0.6", PAGE),
        ("*/*", DATA),
        ("", DATA),
        ("application/json", DATA),
        ("application/json, text/plain, */*", DATA),
        ("application/json, text/html;q=0.9", DATA),
        ("text/html, application/json", DATA),
        ("text/html;q=0", DATA),
        ("text/html;q=0.000, */*", DATA),
        ("text/html;q=0.2, */*;q=0.3", DATA),
        ("image/png", DATA),
        ("text/html;q=nan", PAGE),  # a quality that is none counts for nothing said
        (";;,,q=1", DATA),
    ],
)
async def test_a_browser_gets_the_page_and_everyone_else_json(browse: Any, accept: str, face: str) -> None:
    answer = await browse(web_app(FakeSource())).get("/stats", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"], answer.headers["vary"]) == (200, face, "Accept")


async def test_without_accept_it_is_json(browse: Any) -> None:
    client = browse(web_app(FakeSource()))
    del client.headers["accept"]
    assert (await client.get("/stats")).headers["content-type"] == DATA


@pytest.mark.parametrize(("query", "accept", "face"), [("json", CHROME, DATA), ("html", "*/*", PAGE), ("xml", CHROME, PAGE)])
async def test_format_in_the_query_decides_where_it_names_one(browse: Any, query: str, accept: str, face: str) -> None:
    answer = await browse(web_app(FakeSource())).get(f"/stats?format={query}", headers={"accept": accept})
    assert answer.headers["content-type"] == face


@pytest.mark.parametrize("path", ["/nowhere", "/stats"])
async def test_errors_have_the_same_two_faces(browse: Any, path: str) -> None:
    client = browse(web_app(FakeSource(started=False)))
    page, data = [await client.get(path, headers={"accept": accept}) for accept in (CHROME, "*/*")]
    assert (page.headers["content-type"], data.headers["content-type"]) == (PAGE, DATA)
    assert page.headers["vary"] == data.headers["vary"] == "Accept"
    assert data.json()["error"]["message"]
