"""SIGKILL at random moments under load: what was acknowledged is done, once per token."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from pathlib import Path

from tests.crash.server import Ledger, Server

KILLS = 20
SEED = 20261123


def test_twenty_kills_lose_nothing_and_finish_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    ledger = Ledger(tmp_path)
    server = Server(tmp_path)
    try:
        for _ in range(KILLS):
            server.start()
            flood = threading.Thread(target=server.post, args=("/flood?count=100000",))
            flood.start()
            acked = len(ledger.lines("ack"))
            server.wait_until(lambda acked=acked: len(ledger.lines("ack")) > acked + 20)
            threading.Event().wait(chance.uniform(0.0, 0.25))
            server.kill()
            flood.join()
        server.start()
        server.wait_until(lambda: _open_jobs(server) == 0, within=90)
        server.terminate()
    finally:
        server.stop()
    _judge(tmp_path, ledger)


def _open_jobs(server: Server) -> int:
    stats = server.get("/jobs/stats")
    return -1 if stats is None else sum(q["waiting"] + q["busy"] + q["scheduled"] + q["held"] for q in stats["queues"].values())


def _judge(folder: Path, ledger: Ledger) -> None:
    acked = {words[0] for words in ledger.lines("ack")}
    assert len(acked) > 1000, "too little load to prove anything"
    connection = sqlite3.connect(folder / "jobs.db")
    try:
        states = dict(connection.execute("SELECT id, state FROM jobs"))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()
    lost = acked - states.keys()
    assert not lost, f"{len(lost)} acknowledged jobs are not in the store"
    assert set(states.values()) == {2}, "every job has succeeded"
    starts = Counter((words[0], words[1]) for words in ledger.lines("start"))
    assert max(starts.values()) == 1, "no attempt began twice under one token"
    ends = Counter((words[0], words[1]) for words in ledger.lines("end"))
    assert max(ends.values()) == 1
    assert all(words[2] == "0" for words in ledger.lines("up")), "a start left jobs of the dead running"
    print(f"seed {SEED}: {KILLS} kills, {len(acked)} acknowledged, 0 lost, {len(ledger.lines('start'))} attempts")
