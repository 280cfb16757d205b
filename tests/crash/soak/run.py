"""Drives the load against a real server, and looks at it once a second."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.footprint import Footprint, Sampler, footprint
from tests.crash.server import WITHIN, Server
from tests.crash.soak.load import BURST, Load
from tests.crash.soak.yardstick import Yardstick

CANARIES = ("none", "memory", "descriptors", "latency", "log")  # what each breaks: see the app
BARE = "bare.db"
OWN = (BARE, "server.log")  # files in the folder that are not the server's
PACE = 1.0  # seconds between samples
PAUSE_EVERY, PAUSE_FOR = 15, 1  # samples: the queue of the long jobs stands still that often, that long


@dataclass(frozen=True, slots=True)
class Plan:
    """rate: requests a second. Every one of them enqueues a job."""

    seconds: float
    rate: float
    seed: int
    canary: str = "none"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the parent sees, and what the app says of its last second (ms by name; None where nothing happened).

    bare: ms of a commit on this machine at that time, see Yardstick.
    """

    held: Footprint
    said: Mapping[str, float | None]
    bare: float


@dataclass(slots=True)
class Course:
    """totals: of the store at the end, all queues together. left: files beside the database after an orderly end."""

    samples: list[Sample] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    stopped_in: float = 0.0  # seconds
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # that the server showed at the end


class SoakServer(Server):
    def spawn(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "tests.crash.soak.app:app", "--port", str(self.port), "--no-access-log"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.env, start_new_session=True)


def run(folder: Path, plan: Plan) -> Course:
    """Raises RuntimeError when a request failed."""
    server = SoakServer(folder, env={**os.environ, "SOAK_CANARY": plan.canary})
    course = Course()
    yardstick = Yardstick(folder / BARE)
    try:
        server.start()
        server.post(f"/burst/{BURST}")
        load = Load(server.port, rate=plan.rate, seed=plan.seed)
        watcher = Watcher(server, course, yardstick)
        load.start()
        try:
            with Sampler(watcher.look, PACE):
                _wait(plan.seconds, load)
        finally:
            load.stop()
        if load.broken:
            raise RuntimeError(f"a request failed: {load.broken[0]!r}; the server's log:\n{server.log.read_text()[-4000:]}")
        course.acknowledged = load.acknowledged + Counter(threaded=BURST)
        server.post("/resume")
        course.totals = server.wait_until(lambda: _totals_at_rest(server), within=2 * WITHIN)
        course.problems = list(server.get("/jobs/stats")["problems"])
        course.stopped_in = server.terminate()
        course.left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.name.startswith(OWN))
    finally:
        server.stop()
        yardstick.close()
    return course


def _wait(seconds: float, load: Load) -> None:
    """Until the time is over, or a client has failed."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and not load.broken:
        time.sleep(0.1)


class Watcher:
    """Looks once a second; asks for the stats then, as a page and as JSON in turn; pauses and resumes now and then."""

    def __init__(self, server: Server, course: Course, yardstick: Yardstick) -> None:
        self._server = server
        self._yardstick = yardstick
        self._course = course
        self._turn = 0

    def look(self) -> None:
        self._turn += 1
        assert self._server.process is not None
        said = self._server.get("/sample")
        held = footprint(self._server.process.pid, self._server.folder / "jobs.db")
        if said is None or not self._stats_are_shown():
            raise RuntimeError(f"the server did not answer; its log:\n{self._server.log.read_text()[-4000:]}")
        self._course.samples.append(Sample(held, said, self._yardstick.measure()))
        if self._turn % PAUSE_EVERY == 0:
            self._server.post("/pause")
        elif self._turn % PAUSE_EVERY == PAUSE_FOR:
            self._server.post("/resume")

    def _stats_are_shown(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=WITHIN)
        try:
            face = "text/html" if self._turn % 2 else "application/json"
            connection.request("GET", "/jobs/stats", headers={"Accept": face})
            answer = connection.getresponse()
            answer.read()
            return answer.status == http.client.OK and answer.getheader("content-type", "").startswith(face)
        finally:
            connection.close()


def _totals_at_rest(server: Server) -> Counter[str] | None:
    """The store's counters, once nothing waits or runs any more."""
    stats = server.get("/jobs/stats")
    if stats is None:
        return None
    queues = list(stats["queues"].values())
    if any(queue[state] for queue in queues for state in ("waiting", "busy", "scheduled", "held")):
        return None
    names = ("enqueued", "succeeded", "failed", "cancelled", "failures")
    return Counter({name: sum(queue[name] for queue in queues) for name in names})
