"""The page of what keeps the jobs, and what is begun there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from asyncjobs import Jobs
from asyncjobs.errors import StoreUnavailable
from asyncjobs.store.base import Storage
from asyncjobs.web import store_page
from asyncjobs.web.app import web_app
from tests.web.fakes import AS_OF, FakeSource, FakeWatch
from tests.web.html import Page as Parsed

HTML = {"accept": "text/html"}
ACT = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}


class Waits(FakeSource):
    """A source whose checks and copies end when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.fails: Exception | None = None

    async def check(self) -> Sequence[str]:
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return self.faults

    async def backup(self) -> str:
        await self.go.wait()
        if self.fails is not None:
            raise self.fails
        return "/srv/jobs.db.backup"


def client_of(browse: Any, source: Any, answer: str = "act") -> Any:
    return browse(web_app(source, auth=lambda request: answer, clock=FakeWatch()))


async def look(client: Any) -> Parsed:
    return Parsed((await client.get("/stats/store", headers=HTML)).text)


async def read(client: Any) -> Any:
    return (await client.get("/stats/store")).json()


async def do(client: Any, verb: str) -> Any:
    return await client.post("/stats/act", content=f"do={verb}&back=stats/store", headers=ACT)


async def rest() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_it_tells_what_keeps_the_jobs_and_how_large_that_is(browse: Any) -> None:
    source = FakeSource()
    page = await look(client_of(browse, source))
    assert page.by_tag["dd"] == ["SQLite 3.40.1", "/srv/jobs.db", "15", "48 MiB, 1 MiB of it free", "4 MiB", "9 GiB"]
    assert "It was not checked by this process yet" in page.text
    assert "There is none beside it" in page.text
    assert [given["aria-label"] for tag, given in page.tags if tag == "button"] == ["Check now the file", "Copy now the file"]
    assert not [tag for tag, _ in (await look(client_of(browse, source, "read"))).tags if tag == "button"]
    data = await read(client_of(browse, source))
    assert (data["path"], data["size"], data["log"], data["checked"], data["copied"]) == (
        "/srv/jobs.db",
        48 << 20,
        4 << 20,
        None,
        None,
    )
    for name in data:
        assert name.removesuffix("_ms") in (store_page._fields.__doc__ or "")


async def test_where_there_is_no_file_there_is_nothing_to_check_or_copy(browse: Any) -> None:
    source = FakeSource()
    source.stored = Storage("memory")
    page = await look(client_of(browse, source))
    assert "Jobs are kept in memory alone" in page.text
    assert not [tag for tag, _ in page.tags if tag == "button"]


async def test_a_check_goes_on_after_its_request_and_says_what_it_found(browse: Any) -> None:
    source = Waits()
    client = client_of(browse, source)
    assert (await do(client, "check")).status_code == 303
    assert "The check is under way since" in (await look(client)).text
    again = await do(client, "check")
    assert (again.status_code, source.recorded) == (400, [("somebody whom auth= let act", "check", "", 1)])
    assert "a check is under way already" in again.text
    source.go.set()
    await rest()
    assert "It is whole, as of 24 Nov 2026, 19:20:31." in (await look(client)).text
    assert (await read(client))["checked"] == {
        "began_at": "2026-11-24T19:20:31.042Z", "began_at_ms": AS_OF, "ended_at": "2026-11-24T19:20:31.042Z", "ended_at_ms": AS_OF, "found": [],
        "error": None,
    }  # fmt: skip
    source.faults = ["Page 7: never used", "row 3 missing from index jobs_keyed"]
    assert (await do(client, "check")).status_code == 303
    await rest()
    page = await look(client)
    assert "2 faults were found. Keep the file" in page.text
    assert page.by_tag["li"] == source.faults


@pytest.mark.parametrize(("verb", "what"), [("check", "The check"), ("backup", "The copy")])
async def test_what_came_to_nothing_is_said(browse: Any, verb: str, what: str) -> None:
    source = Waits()
    client = client_of(browse, source)
    source.fails = StoreUnavailable("the disk is full")
    source.go.set()
    await do(client, verb)
    await rest()
    assert f"▲ {what} came to nothing: the disk is full" in (await look(client)).text
    source.fails = None
    assert (await do(client, verb)).status_code == 303
    await rest()
    assert "came to nothing" not in (await look(client)).text


async def test_a_file_is_checked_and_copied_while_its_app_runs(browse: Any, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db")
    async with jobs.running():
        client = client_of(browse, jobs)
        await do(client, "backup")
        await do(client, "check")
        async with asyncio.timeout(10):
            while not ((data := await read(client))["copied"]["ended_at"] and data["checked"]["ended_at"]):
                await asyncio.sleep(0.01)
        assert data["copied"]["found"] == [str(tmp_path / "jobs.db.backup")]
        assert (data["checked"]["found"], data["checked"]["error"]) == ([], None)
        assert data["backup"] == (tmp_path / "jobs.db.backup").stat().st_size
        assert (await jobs.acts())[0].verb == "check"
