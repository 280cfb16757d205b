"""Four workers on one file: nothing runs twice, and what a dead one leaves is taken over."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.crash.server import Ledger, Server


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    server = Server(tmp_path, "--workers", "4")
    server.start()
    server.wait_until(lambda: len(Ledger(tmp_path).lines("up")) == 4)
    yield server
    server.stop()


def test_no_job_runs_twice_while_its_process_lives(server: Server) -> None:
    ledger = Ledger(server.folder)
    for _ in range(4):
        server.post("/flood?count=400")
    server.wait_until(lambda: len(ledger.lines("end")) >= 1600)
    ends = [words[0] for words in ledger.lines("end")]
    assert len(ends) == len(set(ends)) == 1600
    assert len({words[2] for words in ledger.lines("end")}) > 1, "only one worker has worked"


def test_the_jobs_of_a_killed_worker_run_elsewhere_within_two_seconds(server: Server) -> None:
    ledger = Ledger(server.folder)
    ids = {server.post("/enqueue/long?arg=1.0")["id"] for _ in range(12)}
    server.wait_until(lambda: len(ledger.lines("start")) == len(ids))
    victim = ledger.lines("start")[0][2]
    theirs = {words[0] for words in ledger.lines("start") if words[2] == victim}
    killed_at = time.monotonic_ns()
    os.kill(int(victim), signal.SIGKILL)

    def taken_over() -> list[list[str]]:
        again = [words for words in ledger.lines("start") if words[0] in theirs and words[2] != victim]
        return again if {words[0] for words in again} == theirs else []

    again = server.wait_until(taken_over)
    slowest = max(int(words[3]) - killed_at for words in again) / 1e9
    print(f"taken over within {slowest:.2f} s")
    assert slowest < 2
    server.wait_until(lambda: {words[0] for words in ledger.lines("end")} == ids)
