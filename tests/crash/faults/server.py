"""The app of the faults in a real server: asked for everything that a user, a monitor and an operator would see."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.crash.server import WITHIN, Ledger, Server

QUICK = 1.0  # seconds: what a plain page may take on a busy machine, while the runner is in trouble
APP = "tests.crash.faults.app:app"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any  # decoded JSON, else text
    seconds: float


class FaultServer(Server):
    """uvicorn serving `tests.crash.faults.app:app`.

    constants: values for production constants (`controls.set_constants`). prefix: words before the command.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "server",
        env: Mapping[str, str] | None = None,
        constants: Mapping[str, object] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, env={**(env or {}), "FAULTS_CONSTANTS": json.dumps(dict(constants or {}))})
        self.log = folder / f"{name}.log"
        self.ledger = Ledger(folder)
        self.acknowledged: list[str] = []  # ids; a job that was stored and never told is not in it
        self._prefix = list(prefix)

    def start(self) -> FaultServer:
        super().start()
        return self

    def spawn(self) -> None:
        command = [*self._prefix, sys.executable, "-m", "uvicorn", APP, "--port", str(self.port), "--no-access-log"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env, start_new_session=True)

    # --- asking

    def ask(self, method: str, path: str, body: object = None, *, timeout: float = 20.0) -> Answer:
        """One request on a connection of its own. Raises OSError when there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            return asked(connection, method, path, body)
        finally:
            connection.close()

    def do(self, what: str, **options: object) -> Any:
        """Have the app break something, or mend it."""
        answer = self.ask("POST", f"/do/{what}", options)
        assert answer.status == 200, answer
        return answer.body

    def enqueue(self, task: str, *, delay: float | None = None, **arguments: object) -> Answer:
        answer = self.ask("POST", f"/enqueue/{task}" + ("" if delay is None else f"?delay={delay}"), arguments)
        if answer.status == 202:
            self.acknowledged.append(answer.body["id"])
        return answer

    def put(self, task: str, *, delay: float | None = None, **arguments: Any) -> str:
        """Enqueue, which must succeed; the id."""
        answer = self.enqueue(task, delay=delay, **arguments)
        assert answer.status == 202, answer
        id: str = answer.body["id"]
        return id

    def begin(self, task: str, **arguments: Any) -> str:
        """Enqueue, and wait until its first line has run."""
        id = self.put(task, **arguments)
        self.wait_until(lambda: self.starts(id))
        return id

    def job(self, id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/state/{id}")
        assert answer.status == 200, answer
        body: dict[str, Any] = answer.body
        return body

    def ended(self, id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        self.wait_until(lambda: self.job(id)["state"] not in ("queued", "running"))
        return self.job(id)

    def release(self) -> None:
        """Let the jobs that hold go on."""
        self.ask("POST", "/release")

    # --- what must be so

    def starts(self, id: str) -> list[list[str]]:
        return [words for words in self.ledger.lines("start") if words[0] == id]

    def health(self) -> int:
        return self.ask("GET", "/jobs/health").status

    def says(self, text: str) -> bool:
        """Whether the log does."""
        return text in self.log.read_text()

    def lines(self) -> list[str]:
        """Of the log."""
        return self.log.read_text().splitlines()

    def wait_for_health(self, status: int) -> None:
        self.wait_until(lambda: self.health() == status)

    def wait_until_said(self, text: str) -> None:
        self.wait_until(lambda: self.says(text))

    def lost_nothing(self) -> None:
        """Everything acknowledged ends well."""
        assert self.acknowledged, "nothing was acknowledged, so nothing is proven"
        for id in self.acknowledged:
            job = self.ended(id)
            assert job["state"] == "succeeded", (id, job)

    def is_well(self) -> None:
        """Health, and a new job runs."""
        self.wait_for_health(200)
        assert self.ended(self.put("work"))["state"] == "succeeded"

    @contextmanager
    def visited(self, bound: float = QUICK) -> Iterator[None]:
        """Somebody asks for a plain page all the while: every answer comes, and comes quickly."""
        over = threading.Event()
        taken: list[float] = []  # seconds
        failures: list[str] = []

        def visit() -> None:
            while not over.is_set() or not taken:
                began = time.monotonic()
                try:
                    taken.append(self.ask("GET", "/ping").seconds)
                except OSError as error:
                    failures.append(f"{error!r} after {time.monotonic() - began:.1f} s")
                    return
                over.wait(0.02)

        visitor = threading.Thread(target=visit)
        visitor.start()
        try:
            yield
        finally:
            over.set()
            visitor.join()
        assert not failures, failures
        assert max(taken) < bound, f"of {len(taken)} visitors one waited {max(taken):.2f} s"

    # --- ending

    def kill_alone(self) -> None:
        """SIGKILL to the server, not to what it has forked."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def interrupt(self) -> None:
        """Ctrl+C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)

    def wait_for_end(self, within: float = WITHIN) -> int:
        """The exit status."""
        assert self.process is not None
        return self.process.wait(within)


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: object = None) -> Answer:
    began = time.monotonic()
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    text = answer.read().decode()
    is_json = answer.getheader("content-type", "").startswith("application/json")
    return Answer(answer.status, json.loads(text) if is_json else text, time.monotonic() - began)
