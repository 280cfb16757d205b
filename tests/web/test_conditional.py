"""A page that has not changed is not sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asyncjobs.errors import StoreUnavailable
from asyncjobs.stats import Snapshot
from asyncjobs.web.app import web_app
from tests.web.fakes import AS_OF, FakeSource, FakeWatch, a_job, a_queue, a_snapshot

HTML = {"accept": "text/html"}


@pytest.mark.parametrize("path", ["/stats", "/stats/jobs", "/stats/job?id=a", "/stats/acts"])
@pytest.mark.parametrize("headers", [HTML, {}])
async def test_what_a_client_has_already_is_not_sent_again(browse: Any, path: str, headers: dict[str, str]) -> None:
    source = FakeSource(jobs=[a_job("a")])
    client = browse(web_app(source, clock=FakeWatch()))
    first = await client.get(path, headers=headers)
    again = await client.get(path, headers={**headers, "if-none-match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["cache-control"] == "private, no-store"
    other = {} if headers else HTML
    assert (await client.get(path, headers={**other, "if-none-match": first.headers["etag"]})).status_code == 200
    source.jobs, source.recorded, source.answer = (
        [a_job("a", attempt=1)],
        [("ada", "retry", "a", 1)],
        a_snapshot(a_queue(waiting=1)),
    )
    client = browse(web_app(source, clock=FakeWatch()))
    assert (await client.get(path, headers={**headers, "if-none-match": first.headers["etag"]})).status_code == 200


async def test_the_time_of_day_alone_changes_nothing(browse: Any) -> None:
    clock, source = FakeWatch(), FakeSource()
    client = browse(web_app(source, clock=clock))
    first = await client.get("/stats", headers=HTML)
    assert isinstance(source.answer, Snapshot)
    source.answer = replace(source.answer, as_of=AS_OF + 2_000)
    clock.seconds += 2
    assert (await client.get("/stats", headers={**HTML, "if-none-match": first.headers["etag"]})).status_code == 304
    assert source.reads == 2
    source.answer = replace(source.answer, queues=[a_queue(latency=3.0)])
    clock.seconds += 2
    assert (await client.get("/stats", headers={**HTML, "if-none-match": first.headers["etag"]})).status_code == 200


async def test_who_looks_and_may_act_and_what_was_done_make_another_page(browse: Any) -> None:
    source = FakeSource()
    tags = set()
    for answer, query in (("read", ""), (("read", "ada"), ""), ("act", ""), ("act", "?did=retry&n=1"), ("act", "?live=1")):
        client = browse(web_app(source, clock=FakeWatch(), auth=lambda request, answer=answer: answer))
        tags.add((await client.get(f"/stats{query}", headers=HTML)).headers["etag"])
    assert len(tags) == 5


async def test_what_could_not_be_read_is_no_page_to_be_kept(browse: Any) -> None:
    answer = await browse(web_app(FakeSource(StoreUnavailable("busy")))).get("/stats", headers=HTML)
    assert "etag" not in answer.headers
