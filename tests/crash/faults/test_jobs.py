"""A job does what no job should: the app doesn't notice, and the job says what it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.faults.conftest import Serve
from tests.crash.faults.server import FaultServer
from tests.crash.faults.tasks import RAISED

BLOCKED = float(os.environ.get("FAULTS_BLOCKED", "3"))  # seconds; a longer run has it block for 30
HUGE = 100  # MB
KEPT = 50 << 20  # bytes of memory that may stay after something huge has gone
# Seconds that a visitor may wait while something huge is turned into JSON, which is done on the loop: 0.3 on a quiet machine
# (2026-11), and ten times that on a busy one.
ENCODING = 10.0


@pytest.mark.parametrize("task", ["raises", "raises_in_thread"])
@pytest.mark.parametrize("what", RAISED)
def test_whatever_a_job_raises_is_its_own_failure(lasting: FaultServer, task: str, what: str) -> None:
    with lasting.visited():
        job = lasting.ended(lasting.enqueue(task, what=what).body["id"])
    assert (job["state"], job["outcomes"]) == ("failed", ["failed"])
    kind, message = job["error"]
    assert kind.rpartition(".")[2] == what
    assert message == str(RAISED[what])
    assert lasting.says(f"({task}) failed for good in attempt 1 of 1: {kind}: {message}")
    assert lasting.health() == 200


@pytest.mark.parametrize("task", ["recurses", "recurses_in_thread"])
def test_a_job_that_recurses_to_death_fails(lasting: FaultServer, task: str) -> None:
    with lasting.visited():
        job = lasting.ended(lasting.enqueue(task).body["id"])
    assert (job["state"], job["error"][0]) == ("failed", "RecursionError")
    assert lasting.says(f"({task}) failed for good in attempt 1 of 1: RecursionError")
    assert lasting.health() == 200


def test_a_timeout_of_ours_is_told_apart_from_one_of_its_own(lasting: FaultServer) -> None:
    ours, its_own = lasting.enqueue("overruns").body["id"], lasting.enqueue("raises", what="TimeoutError").body["id"]
    assert (lasting.ended(ours)["outcomes"], lasting.job(ours)["error"][0]) == (["timed_out"], "JobTimeout")
    assert (lasting.ended(its_own)["outcomes"], lasting.job(its_own)["error"][0]) == (["failed"], "TimeoutError")


def test_a_result_of_100_mb_is_not_kept_and_fails_nothing(lasting: FaultServer) -> None:
    before = memory_of(lasting)
    with lasting.visited(ENCODING):
        job = lasting.ended(lasting.put("returns", megabytes=HUGE))
    assert (job["state"], job["result"], job["error"][0]) == ("succeeded", False, "ResultNotKept")
    assert "above the limit of 65,536" in job["error"][1]
    assert lasting.says("its result was not kept")
    lasting.wait_until(lambda: memory_of(lasting) < before + KEPT)


def test_arguments_of_100_mb_are_refused_to_the_caller(lasting: FaultServer) -> None:
    before = memory_of(lasting)
    with lasting.visited(ENCODING):
        refused = lasting.ask("POST", f"/enqueue-huge/{HUGE}")
    assert (refused.status, refused.body["error"]) == (503, "PayloadTooLarge")
    assert "above the limit of 262,144" in refused.body["message"]
    lasting.wait_until(lambda: memory_of(lasting) < before + KEPT)
    assert lasting.health() == 200


def memory_of(server: FaultServer) -> int:
    """Bytes that its process has in memory."""
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_job_that_blocks_the_loop_is_named_and_hurts_no_other_process(serve: Serve) -> None:
    blocked = serve(name="blocked")
    sibling = serve(name="sibling", env={"ASYNCJOBS_WORK": "default,one"})  # not the queue of what blocks
    id = blocked.begin("blocks", seconds=BLOCKED)
    with sibling.visited():
        blocked.wait_until_said(f"by job blocks {id}")
        assert blocked.says("time.sleep(seconds)"), "the log shows where it is"
        sibling.is_well()
        assert not blocked.says("the event loop goes on"), "the sibling was looked at too late"
    blocked.wait_until_said("the event loop goes on after")
    blocked.is_well()
    for server in (blocked, sibling):
        server.lost_nothing()
    assert len(blocked.starts(id)) == 1, "it was taken over from a living process"


def test_a_job_that_ignores_its_cancellation_keeps_its_slot_and_no_other(serve: Serve) -> None:
    server = serve(constants={"asyncjobs.runner.attempt.CANCEL_GRACE": 0.3})
    with server.visited():
        deaf = server.begin("deaf")
        behind = server.put("work_one")
        server.wait_until(lambda: server.starts(behind))
        assert server.ask("GET", "/slots").body["one"] == [1, 1, 1]
        assert server.job(deaf)["state"] == "running", "what still runs is not called ended"
        server.wait_until_said(f"job {deaf} (deaf) still runs")
    server.release()
    assert server.ended(deaf)["state"] == "succeeded"
    server.wait_until(lambda: server.ask("GET", "/slots").body["one"] == [0, 1, 0])
    server.is_well()
