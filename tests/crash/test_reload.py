"""`uvicorn --reload`: the old process's jobs go on in the new one."""

from __future__ import annotations

from pathlib import Path

from tests.crash.server import Ledger, Server


def test_jobs_go_on_over_reloads(tmp_path: Path) -> None:
    watched = tmp_path / "code"
    watched.mkdir()
    touched = watched / "touched.py"
    touched.write_text("")
    server = Server(tmp_path, "--reload", "--reload-dir", str(watched), env={"CRASH_SHUTDOWN": "1"})
    ledger = Ledger(tmp_path)
    try:
        server.start()
        ids = {server.post("/enqueue/long?arg=1.0")["id"] for _ in range(3)}
        server.wait_until(lambda: len(ledger.lines("start")) >= 3)
        for _ in range(2):
            ups = len(ledger.lines("up"))
            # uvicorn forgets what it has seen at each reload, so a single touch may come too early for it.
            server.wait_until(lambda ups=ups: touched.touch() or len(ledger.lines("up")) > ups)
        server.wait_until(lambda: {words[0] for words in ledger.lines("end")} == ids)
        assert all(server.get(f"/state/{id}")["crashes"] == 0 for id in ids)
        assert server.terminate() < 4
    finally:
        server.stop()
