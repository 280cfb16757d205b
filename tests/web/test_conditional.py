"""A page that has not changed is not sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asyncjobs.errors import StoreUnavailable
from asyncjobs.stats import Snapshot
from asyncjobs.web import app as web
from asyncjobs.web import latest
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


async def test_many_tabs_cost_one_reading_and_one_writing_of_it(browse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source, watch = FakeSource(), FakeWatch()
    app = web_app(source, clock=watch)
    written: list[bool] = []
    body = web._body

    def counted(*given: Any, **more: Any) -> bytes:
        written.append(more["html"])
        return body(*given, **more)

    monkeypatch.setattr(web, "_body", counted)
    clients = [browse(app) for _ in range(10)]
    pages = {(await client.get("/stats", headers={"accept": "text/html"})).text for client in clients for _ in range(3)}
    assert (len(pages), source.reads, written) == (1, 1, [True])
    for client in clients:
        await client.get("/stats")
    assert written == [True, False]
    watch.seconds += 1
    for client in clients:
        await client.get("/stats")
    assert (source.reads, written) == (2, [True, False, False])


async def test_what_is_written_for_one_is_shown_to_nobody_else(browse: Any) -> None:
    source = FakeSource()
    app = web_app(source, auth=lambda request: ("read", request.headers["x-user"]), clock=FakeWatch())
    for name in ("ada", "bob", "ada"):
        page = await browse(app).get("/stats", headers={"accept": "text/html", "x-user": name})
        assert f"shown to <bdi>{name}</bdi>" in page.text
    assert source.reads == 1


async def test_of_one_reading_so_many_bytes_are_kept_and_no_more(browse: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    most = 100_000
    monkeypatch.setattr(latest, "WRITTEN", most)
    watch = FakeWatch()
    client = browse(web_app(FakeSource(), clock=watch))
    for second in range(2):
        kept: list[int] = []
        for number in range(50):
            answer = await client.get(f"/stats?n={number}", headers=HTML)
            assert (answer.status_code, "What the numbers mean" in answer.text) == (200, True), second
            kept.append(sum(map(len, client._transport.app._latest._written.values())))
            assert len(answer.content) <= kept[-1] <= most
        assert max(kept[10:]) > most / 2
        watch.seconds += 1
