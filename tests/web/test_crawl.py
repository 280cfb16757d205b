"""Every link and every form, wherever the page is mounted, followed as a browser follows them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.web.app import web_app
from asyncjobs.web.pages import PAGES
from tests.web.fakes import AS_OF, FakeSource, a_group, a_job, a_queue, a_schedule, a_snapshot, a_task
from tests.web.html import Page
from tests.web.test_mounting import stripping, with_root_path

HTML = {"accept": "text/html", "sec-fetch-site": "same-origin"}


def a_source() -> FakeSource:
    """One of everything that a page leads to or does."""
    snapshot = a_snapshot(
        a_queue("mail"), a_queue("off", pause=Pause(AS_OF)), failures=[a_group()], schedules=[a_schedule()], paused_tasks={"old": Pause(AS_OF)},
        tasks=[a_task("sync"), a_task("old", pause=Pause(AS_OF))], longest=[a_job("a", state=State.RUNNING, started_at=AS_OF)],
    )  # fmt: skip
    source = FakeSource(snapshot, jobs=[a_job("a"), a_job("b/c ä", state=State.FAILED, finished_at=AS_OF)])
    source.next = "17"
    return source


def forms(page: Page) -> list[tuple[str, str, dict[str, str]]]:
    """(method, action, hidden fields) of each."""
    found: list[tuple[str, str, dict[str, str]]] = []
    for tag, given in page.tags:
        if tag == "form":
            found.append((given["method"] or "", given["action"] or "", {}))
        elif tag == "input" and found and given.get("type") == "hidden":
            found[-1][2][given["name"] or ""] = given["value"] or ""
    return found


async def crawl(browse: Any, app: Any, start: str, within: str, **more: Any) -> tuple[set[str], int]:
    """The paths that were seen from here on, and how many acts were done. Fails at what leads nowhere, or out of `within`."""
    client = browse(app, **more)
    todo, seen, paths, acts = [start], set[str](), set[str](), 0
    while todo:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = await client.get(address, headers=HTML)
        assert answer.status_code == 200, address
        paths.add(urlsplit(address).path)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        page = Page(answer.text)
        found = [urljoin(address, link) for link in page.links()]
        for method, action, fields in forms(page):
            target = urljoin(address, action)
            assert target.startswith(within)
            if method == "post" and fields.get("do"):
                done = await client.post(target, data={**fields, "limit": "5"}, headers=HTML)
                assert done.status_code == 303, fields
                found.append(urljoin(target, done.headers["location"]))
                acts += 1
            elif method == "get":
                asked = await client.get(target, params=fields, headers=HTML)
                assert asked.status_code == 200
                found.append(str(asked.url))
        assert all(link.startswith(within) for link in found), found
        todo += found
    return paths, acts


EVERYTHING = {*PAGES, "stats/confirm", "static/style.css", "static/live.js"}


MOUNTS = {  # where a browser finds it → how it came there
    "/": lambda inner: inner,
    "/jobs/": lambda inner: Starlette(routes=[Mount("/jobs", inner)]),
    "/a/b/": lambda inner: Starlette(routes=[Mount("/a", routes=[Mount("/b", inner)])]),
    "/api/jobs/": lambda inner: with_root_path(Starlette(routes=[Mount("/jobs", inner)]), "/api"),
    "/proxied/jobs/": lambda inner: stripping(Starlette(routes=[Mount("/jobs", inner)]), "/proxied"),
}


@pytest.mark.parametrize("prefix", MOUNTS)
async def test_every_link_and_form_works_under_any_mount(browse: Any, prefix: str) -> None:
    source = a_source()
    app = MOUNTS[prefix](web_app(source, auth=lambda request: "act"))
    base = f"http://localhost:8000{prefix}"
    paths, acts = await crawl(browse, app, f"{base}stats", base)
    assert {path.removeprefix(prefix) for path in paths} == EVERYTHING
    assert acts == len(source.recorded) >= 8


async def test_two_of_them_in_one_app_keep_to_themselves(browse: Any) -> None:
    sources = a_source(), a_source()
    mounts = [
        Mount(f"/{name}", web_app(source, auth=lambda request: "act"))
        for name, source in zip(("one", "two"), sources, strict=True)
    ]
    app = Starlette(routes=[*mounts])
    for name in ("one", "two"):
        await crawl(browse, app, f"http://localhost:8000/{name}/stats", f"http://localhost:8000/{name}/")
    assert len(sources[0].recorded) == len(sources[1].recorded) > 0
