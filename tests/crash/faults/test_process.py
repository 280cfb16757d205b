"""The process dies, forks, is asked twice to end, has no descriptor left."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.server import QUICK, FaultServer, asked

SHUTDOWN = 3.0  # seconds
MARGIN = 3.0  # seconds that an exit may take beyond the shutdown, on a busy machine
LOOKS = 1.0  # seconds, in which the janitor looks four times at who lives
DEATHS = 3  # until it is found out
FAST_CRASHES = {"asyncjobs.outcome.CRASH_DELAYS": [0.1, 0.3]}  # seconds; 1 and 10 for users


# --- that dies


@pytest.mark.parametrize("how", ["exit", "kill", "segfault"])
def test_a_job_that_kills_its_process_every_time_is_found_out(serve: Serve, how: str) -> None:
    server = serve(constants=FAST_CRASHES)
    server.begin("naps")  # its neighbour, which nobody may blame
    poison = server.put("dies", how=how)
    for _ in range(DEATHS):
        server.wait_until(lambda: is_gone(server))
        server.spawn()  # it may be gone before it answers: with the delays that users have, it is not
    server.wait_until(lambda: server.get("/ping"))
    server.wait_until(lambda: "killed its process" in reason_of(server, poison))
    assert server.job(poison)["state"] == "failed"
    assert server.says(f"job {poison} (dies) killed its process: 3 times in a row")
    server.acknowledged.remove(poison)
    server.is_well()
    server.lost_nothing()


def is_gone(server: FaultServer) -> bool:
    assert server.process is not None
    return server.process.poll() is not None


def reason_of(server: FaultServer, id: str) -> str:
    """Why the job failed; nothing while it has not."""
    error = server.job(id)["error"]
    return error[1] if error else ""


# --- that forks


@pytest.fixture
def forked(serve: Serve) -> Iterator[FaultServer]:
    """A server with a child that does nothing but live on."""
    server = serve()
    child = server.do("fork")
    server.wait_until(lambda: server.ledger.lines("forked"))
    yield server
    os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_enqueues_is_told(serve: Serve) -> None:
    server = serve()
    server.do("fork_and_enqueue")
    assert server.ledger.lines("told") == [["UsedAfterFork"]] * 2
    assert server.health() == 200
    server.is_well()
    assert not server.says("Traceback")


def test_a_child_that_outlives_its_parent_keeps_none_of_its_jobs(forked: FaultServer, build: Serve) -> None:
    forked.is_well()
    running = forked.begin("hold")
    forked.kill_alone()
    successor = build(name="successor").start()  # on a port of its own: the child has the parent's open
    successor.wait_until(lambda: len(successor.starts(running)) == 2, within=5)
    successor.release()
    successor.acknowledged = forked.acknowledged
    successor.lost_nothing()


def test_a_server_with_a_forked_child_ends_when_asked(forked: FaultServer) -> None:
    assert forked.terminate() < SHUTDOWN + MARGIN


# --- that is to end


@pytest.mark.parametrize(
    ("job", "connection"),
    [
        ("nothing", "open"),
        ("hold", "closed"),
        ("hold_by_a_group", "closed"),
        ("deaf", "closed"),
        ("deaf", "open"),
        ("endless", "open"),
    ],
)
def test_a_second_ctrl_c_ends_the_process(serve: Serve, job: str, connection: str) -> None:
    server = serve(env={"FAULTS_SHUTDOWN": str(SHUTDOWN)})
    if job != "nothing":
        id = server.begin(job)
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        if connection == "open":
            client.request("GET", "/slowly")
            server.wait_until(lambda: server.ask("GET", "/callers").body["slow"] == 1)
        server.interrupt()
        server.wait_until_said("Shutting down")
        server.interrupt()
        if sys.version_info >= (3, 12):
            # There uvicorn 0.54 itself waits for open connections, whatever the app: asyncio's Server.wait_closed (seen with an app of
            # one handler, 2026-11-27).
            client.close()
        server.wait_for_end(SHUTDOWN + MARGIN)
    server.start()
    if job != "nothing":
        server.wait_until(lambda: len(server.starts(id)) == 2, within=5)
        found = server.job(id)
        assert (found["attempt"], found["crashes"], found["outcomes"]) == (1, 0, ["released"])


# --- that has no descriptor left


def test_without_a_descriptor_left_what_is_connected_is_served_and_jobs_run(serve: Serve) -> None:
    """Looking whether a sibling lives needs one too: who can't be looked at is not dead."""
    server = serve(name="exhausted", env={"ASYNCJOBS_WORK": "default"})  # the other queues are the sibling's
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as client:
        assert asked(client, "GET", "/ping").status == 200
        assert asked(client, "POST", "/do/use_up_descriptors", {}).body > 100
        sibling = serve(name="sibling")
        running = sibling.begin("hold_one")
        until = time.monotonic() + LOOKS
        while time.monotonic() < until:
            stored = asked(client, "POST", "/enqueue/work", {})
            assert stored.status == 202, stored
            sibling.ended(stored.body["id"])
            assert asked(client, "GET", "/ping").seconds < QUICK
        assert asked(client, "POST", "/do/give_descriptors_back", {}).status == 200
    for one in (server, sibling):
        one.release()
        one.is_well()
    sibling.lost_nothing()
    assert len(sibling.starts(running)) == 1, "it was taken over from a living process"
