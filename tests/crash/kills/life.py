"""One forked process of the app, as its parent sees it: begun, asked, killed, and known by its end."""

from __future__ import annotations

import http.client
import json
import os
import random
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from tests.crash.kills.app import live
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.order import SLOTS, Order

WITHIN = 30.0  # seconds; for machines that are busy with something else
LOOK = 0.001  # seconds between looks at the gauge
LOG = "server.log"


class Failed(Exception):
    """The app did not do what it had to: the harness can't go on."""


class Life:
    """The process shares the listening socket with all others of its folder, so what is asked while none of them serves is
    answered by the next: the time from its birth to its first answer is measured by asking at once."""

    def __init__(self, order: Order, listener: socket.socket) -> None:
        self.order = order
        self.gauge = Gauge(order.folder / "gauge", SLOTS)
        self._listener = listener
        self.born_at = time.monotonic()
        self.first_answer: float | None = None  # seconds from birth
        self.ended_by: int | None = None  # a signal, or minus the exit status
        self.pid = os.fork()
        if self.pid == 0:
            self._live()
        self._handle = os.pidfd_open(self.pid)

    def _live(self) -> None:
        """Never returns: what stands on the parent's stack is not the child's."""
        try:
            log = os.open(self.order.folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            live(self.order, self.gauge, self._listener)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(1)

    def ask(self, method: str, path: str) -> Any:
        """The JSON answer. Raises Failed when the process dies, or takes too long."""
        connection = http.client.HTTPConnection("127.0.0.1", self._listener.getsockname()[1], timeout=WITHIN)
        try:
            connection.request(method, path)
            ready, _, _ = select.select([connection.sock, self._handle], [], [], WITHIN)
            if connection.sock not in ready:
                raise Failed(f"life {self.order.life} {'died' if ready else 'hangs'} before it answered {path}: {self.log()}")
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Failed(f"life {self.order.life} did not answer {path} ({error!r}): {self.log()}") from error
        finally:
            connection.close()
        if self.first_answer is None:
            self.first_answer = time.monotonic() - self.born_at
        return answer

    def wait_until(self, condition: Callable[[], bool], what: str, within: float = WITHIN) -> None:
        """Look at it again and again: a gauge rings no bell. Raises Failed when the process dies first."""
        give_up = time.monotonic() + within
        while not condition():
            if self._ended(LOOK):
                raise Failed(f"life {self.order.life} died while waiting until {what}: {self.log()}")
            if time.monotonic() > give_up:
                raise Failed(f"life {self.order.life}: not in {within:g} s: {what}; {self.gauge.load}: {self.log()}")

    def wait_until_full(self) -> None:
        self.wait_until(lambda: self.gauge.load.full, "callers wait and no slot is idle")

    def kill(self, chance: random.Random, window: float) -> None:
        """SIGKILL at some moment of the next `window` seconds, or the first after it at which the load is full."""
        self._ended(chance.uniform(0.0, window))
        self.wait_until_full()
        os.kill(self.pid, signal.SIGKILL)
        self.wait_dead(WITHIN)

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait_dead(self, within: float) -> bool:
        """Whether it has ended; then the gauge shows its last moment, and `ended_by` how it ended."""
        if not self._ended(within):
            return False
        _, status = os.waitpid(self.pid, 0)
        self.ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        return True

    def _ended(self, within: float) -> bool:
        ready, _, _ = select.select([self._handle], [], [], within)
        return bool(ready)

    def log(self) -> str:
        path = self.order.folder / LOG
        return "..." + path.read_text(errors="replace")[-3000:] if path.exists() else "no log"

    def end(self) -> None:
        """Whatever state it is in; harmless twice."""
        if self.ended_by is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait_dead(WITHIN)

    def close(self) -> None:
        """End it, and let go of what is held of it."""
        self.end()
        os.close(self._handle)
        self.gauge.close()
