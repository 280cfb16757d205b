"""A real server in a child process, for tests that kill it: started, asked and stopped by its process id."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WITHIN = 30.0  # seconds; for machines that are busy with something else


class Server:
    """uvicorn serving `tests.crash.app:app` on a free loopback port, its data in `folder`."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, env: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder / "server.log"
        self.env = {**os.environ, "CRASH_DATA": str(folder), **(env or {})}
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Return when it answers."""
        self.spawn()
        self.wait_until(lambda: self.get("/ping") is not None)
        return self

    def spawn(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "tests.crash.app:app", "--port", str(self.port), "--no-access-log"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *self.options], stdout=log, stderr=log, env=self.env, start_new_session=True
            )

    def get(self, path: str) -> Any:
        """The JSON answer, or None when there was none."""
        return self._ask("GET", path)

    def post(self, path: str) -> Any:
        return self._ask("POST", path)

    def _ask(self, method: str, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status < 500 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to the whole session: the server and every worker it has."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> float:
        """SIGTERM to the server; how many seconds it took to end."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WITHIN)
        return time.monotonic() - began

    def stop(self) -> None:
        """Whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def wait_until(self, predicate: Any, within: float = WITHIN) -> Any:
        """Ask again until it is true; there is no event to await in another process."""
        give_up = time.monotonic() + within
        while time.monotonic() < give_up:
            dead = self.process is not None and self.process.poll() is not None
            value = predicate()
            if value:
                return value
            if dead:
                break
            time.sleep(0.02)
        raise AssertionError(f"not in {within} s; the server's log:\n{self.log.read_text()[-6000:]}")


class Ledger:
    """What jobs and handlers append to a file beside the database: one line each, whole even when the process is killed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.txt"

    def write(self, *words: object) -> None:
        line = " ".join(map(str, words)) + "\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def lines(self, word: str) -> list[list[str]]:
        """The lines that begin with this word, without it."""
        if not self.path.exists():
            return []
        return [line.split()[1:] for line in self.path.read_text().splitlines() if line.split()[:1] == [word]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
