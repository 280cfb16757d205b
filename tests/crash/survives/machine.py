"""What stands for the machine: a contender's processes, which start and die together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.crash.server import Server
from tests.crash.survives.contenders import Contender

GRACE = 10.0  # seconds between SIGTERM and SIGKILL, as docker stop has it


class Machine(Server):
    """The contender's app under uvicorn, and what it needs beside it."""

    def __init__(self, folder: Path, contender: Contender) -> None:
        super().__init__(folder)
        self._contender = contender
        self._beside: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        uvicorn = [sys.executable, "-m", "uvicorn", self._contender.target, "--port", str(self.port), "--no-access-log"]
        self.process = self._run(uvicorn)
        if self._contender.beside:
            self._beside = self._run(self._contender.beside)

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=self.env, start_new_session=True)

    @property
    def _processes(self) -> list[subprocess.Popen[bytes]]:
        return [process for process in (self.process, self._beside) if process is not None]

    def check(self) -> None:
        """Nobody may have died by itself: the figures would speak of something else."""
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended by itself ({process.returncode}):\n{self.log.read_text()[-6000:]}")

    def kill(self) -> None:
        """SIGKILL to all at once."""
        for process in self._processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()

    def terminate(self) -> float:
        """SIGTERM to all at once, SIGKILL to who is still there after GRACE; how many seconds it took."""
        began = time.monotonic()
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(max(began + GRACE - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return time.monotonic() - began

    def stop(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
