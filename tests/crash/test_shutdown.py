"""SIGTERM ends in time, whatever the jobs do."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from tests.crash.clients import Clients
from tests.crash.server import Ledger, Server

SHUTDOWN = 4.0
PAGES = 20


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    server = Server(tmp_path, env={"CRASH_SHUTDOWN": str(SHUTDOWN)})
    yield server.start()
    server.stop()


def _begin(server: Server, task: str, *args: object) -> str:
    answer = server.post(f"/enqueue/{task}?" + "&".join(f"arg={a}" for a in args))
    id: str = answer["id"]
    ledger = Ledger(server.folder)
    server.wait_until(lambda: any(words[0] == id for words in ledger.lines("start")))
    return id


def test_interrupted_jobs_keep_their_attempt_and_run_again(server: Server) -> None:
    id = _begin(server, "long", 60.0)
    assert server.terminate() < SHUTDOWN + 1
    server.start()
    began = server.wait_until(lambda: len(Ledger(server.folder).lines("start")) == 2)
    state = server.get(f"/state/{id}")
    assert began
    assert (state["attempt"], state["crashes"], state["outcomes"]) == (1, 0, ["released"])


def test_jobs_that_end_within_the_time_are_waited_for(server: Server) -> None:
    id = _begin(server, "long", 1.0)
    assert server.terminate() < SHUTDOWN + 1
    server.start()
    assert server.get(f"/state/{id}")["state"] == "succeeded"


@pytest.mark.parametrize("task", ["deaf", "endless"])
def test_a_job_that_never_ends_does_not_keep_the_process(server: Server, task: str) -> None:
    id = _begin(server, task)
    assert server.terminate() < SHUTDOWN + 1
    server.start()
    server.wait_until(lambda: len(Ledger(server.folder).lines("start")) == 2)
    state = server.get(f"/state/{id}")
    assert (state["attempt"], state["crashes"], state["outcomes"]) == (1, 0, ["released"]), "an orderly stop is no crash"


@pytest.mark.parametrize(("task", "within"), [(None, 2.0), ("deaf", SHUTDOWN + 1)])
def test_open_pages_keep_no_server_from_ending(server: Server, task: str | None, within: float) -> None:
    id = _begin(server, task) if task else None
    tags: dict[int, str] = {}
    answered: list[int] = []

    def look(connection: http.client.HTTPConnection, number: int, turn: int) -> None:
        asked = {"Host": "localhost", "Accept": "text/html", "If-None-Match": tags.get(number, "")}
        connection.request("GET", "/jobs/stats", headers=asked)
        answer = connection.getresponse()
        answer.read()
        tags[number] = answer.headers["ETag"]
        answered.append(answer.status)

    pages = Clients(server.port, look, count=PAGES, rate=10 * PAGES)
    pages.start()
    try:
        server.wait_until(lambda: len(tags) == PAGES and len(answered) > 3 * PAGES)
        assert server.terminate() < within
    finally:
        pages.stop()
    assert set(answered) <= {200, 304}
    assert len(pages.broken) == PAGES, "each was open to the end"
    if id is not None:
        server.start()
        server.wait_until(lambda: len(Ledger(server.folder).lines("start")) == 2)
        assert server.get(f"/state/{id}")["outcomes"] == ["released"]


def test_an_idle_server_ends_at_once(server: Server) -> None:
    assert server.terminate() < 2
