"""A job that kills its process is found out, and takes no neighbour with it."""

from __future__ import annotations

from pathlib import Path

from tests.crash.server import Ledger, Server


def test_a_poison_job_ends_failed_and_its_neighbours_succeed(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    try:
        neighbours = [server.post("/enqueue/long?arg=1.5")["id"] for _ in range(5)]
        server.post("/enqueue/poison")
        deaths = 0
        for _ in range(6):
            assert server.process is not None
            process = server.process
            server.wait_until(lambda p=process: p.poll() is not None or _failed(server), within=40)
            if process.poll() is None:
                break
            deaths += 1
            server.start()
        (starts,) = {words[0] for words in Ledger(tmp_path).lines("start")} - set(neighbours)
        poison = server.get(f"/state/{starts}")
        assert poison["state"] == "failed"
        assert "killed its process" in poison["error"]
        assert deaths == 3
        server.wait_until(lambda: all(server.get(f"/state/{id}")["state"] == "succeeded" for id in neighbours))
    finally:
        server.stop()


def _failed(server: Server) -> bool:
    stats = server.get("/jobs/stats")
    return stats is not None and stats["failed"] == 1
