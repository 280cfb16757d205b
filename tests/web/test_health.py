from __future__ import annotations

import logging
from typing import Any

import pytest

from asyncjobs.web.app import web_app
from tests.web.fakes import FakeSource


async def test_health_of_a_well_process_is_200(browse: Any) -> None:
    answer = await browse(web_app(FakeSource())).get("/health")
    assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_health_of_an_ill_process_is_503_without_its_reason(browse: Any) -> None:
    source = FakeSource()
    source.problems = {"store": "the disk under /srv/jobs.db is full"}
    answer = await browse(web_app(source)).get("/health")
    assert (answer.status_code, answer.text) == (503, "unavailable\n")


async def test_health_of_a_process_that_is_not_started_is_503(browse: Any) -> None:
    answer = await browse(web_app(FakeSource(started=False))).get("/health")
    assert (answer.status_code, answer.text) == (503, "unavailable\n")


async def test_health_is_open_to_everyone_and_reads_nothing(browse: Any) -> None:
    source = FakeSource()
    client = browse(web_app(source, auth=lambda request: None), client=("203.0.113.9", 1))
    answer = await client.get("/health", headers={"host": "shop.example", "x-forwarded-for": "1.2.3.4"})
    assert answer.status_code == 200
    assert source.reads == 0


async def test_the_reason_of_a_503_is_logged_once_and_so_is_its_end(browse: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = FakeSource()
    client = browse(web_app(source))
    with caplog.at_level(logging.INFO, "asyncjobs.web"):
        for problems in ({}, {"store": "disk full"}, {"store": "disk full"}, {}, {}):
            source.problems = problems
            await client.get("/health")
    assert caplog.messages == ["health answers 503: store: disk full", "health answers 200 again"]


@pytest.mark.parametrize(("problems", "status"), [({}, 200), ({"store": "disk full"}, 503)])
async def test_head_of_health_has_the_headers_of_get_and_no_body(browse: Any, problems: Any, status: int) -> None:
    source = FakeSource()
    source.problems = problems
    client = browse(web_app(source))
    get, head = await client.get("/health"), await client.head("/health")
    assert (head.status_code, head.content, head.headers) == (status, b"", get.headers)
