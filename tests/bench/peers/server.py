"""w5's server: uvicorn with one worker, uvloop and httptools, in the peer's venv."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.bench.peers.order import ORDER, Order
from tests.bench.peers.root import CHECKOUT, LOGS

START = 20.0  # s that it may take to answer
STOP = 10.0  # s from SIGTERM to SIGKILL


class Server:
    """Up inside of `with`. Raises RuntimeError with the reason from its log if it doesn't come up."""

    def __init__(self, python: Path, order: Order) -> None:
        self._port = _free_port()
        self._log = LOGS / "uvicorn.log"
        self._environment = {**os.environ, ORDER: order.to_json()}
        self._command = [
            str(python), "-m", "uvicorn", "--factory", "tests.bench.peers.app:from_environment", "--host", "127.0.0.1",
            "--port", str(self._port), "--workers", "1", "--loop", "uvloop", "--http", "httptools", "--no-access-log",
            "--log-level", "warning",
        ]  # fmt: skip

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def ran(self) -> int:
        """How many jobs have begun in the server's process."""
        with urllib.request.urlopen(self.url("/ran"), timeout=30) as answer:
            count: int = json.load(answer)["ran"]
        return count

    def __enter__(self) -> Server:
        LOGS.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=CHECKOUT, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_up()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop()

    def _wait_until_up(self) -> None:
        until = time.monotonic() + START
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.ran()
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)  # nothing tells when another process listens
        lines = self._log.read_text().strip().splitlines() or ["it says nothing"]
        reason = next((line for line in reversed(lines) if "Error: " in line), lines[-1])  # uvicorn's own lines come after it
        raise RuntimeError(f"the server did not come up: {reason}")

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
