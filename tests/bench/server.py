"""The measured app as its own process, from entering until leaving."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.crash.server import free_port

WITHIN = 30.0  # seconds that a start or a stop may take: for giving up only


class Server:
    """tests.bench.app on a free loopback port; `database` None: without us."""

    def __init__(self, database: Path | None) -> None:
        self.port = free_port()
        self._command = [sys.executable, "-m", "tests.bench.app", str(self.port)]
        if database is not None:
            self._command.append(str(database))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(self._command)
        give_up = time.monotonic() + WITHIN
        while True:
            try:
                self.post("/noop")
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    self.__exit__()
                    raise RuntimeError(f"{' '.join(self._command)} did not start") from None
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def terminate(self) -> None:
        """SIGTERM, without waiting for what comes of it."""
        assert self._process is not None
        self._process.terminate()

    @property
    def is_up(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def post(self, path: str) -> Any:
        """The JSON answer. Raises OSError where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        try:
            connection.request("POST", path)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{path} was answered with {answer.status}: {body[:500]!r}")
        return json.loads(body)

    def cpu(self) -> float:
        """Seconds of processor that it has had, in nanosecond steps: those of /proc/PID/stat are too long for an idle one."""
        total = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            total += int(Path(f"/proc/{self.pid}/task/{thread}/schedstat").read_text().split()[0])
        return total / 1e9
