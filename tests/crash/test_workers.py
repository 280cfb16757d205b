"""uvicorn with several processes on one file: workers that are killed, reloads, and a second server started by mistake."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from asyncjobs.job import State
from asyncjobs.store.sqlite.rows import COLUMNS, job_of
from tests.crash.server import Ledger, Server

SEED = 20261124
KILLS = 8
RELOADS = 6
MISTAKES = 5
PAUSE = 0.1  # seconds between requests of one caller: the machine is for the workers
SLOWEST = 2.0  # seconds from a death to the first line of the next attempt


@dataclass(frozen=True, slots=True)
class Attempt:
    """As the app's ledger has it; `ended_at` is None where its process was gone first. Times in ns."""

    id: str
    token: int
    pid: int
    began_at: int
    ended_at: int | None


def attempts(folder: Path) -> dict[str, list[Attempt]]:
    """By job, in the order in which they began."""
    ledger = Ledger(folder)
    ends = {(id, token): int(at) for id, token, _, at in ledger.lines("end")}
    found: defaultdict[str, list[Attempt]] = defaultdict(list)
    for id, token, pid, at in sorted(ledger.lines("start"), key=lambda words: int(words[3])):
        found[id].append(Attempt(id, int(token), int(pid), int(at), ends.get((id, token))))
    return found


def judge(folder: Path, acked: set[str], deaths: dict[int, int]) -> int:
    """Nothing lost, nothing run twice, no success run again, no crash but of the dead's (pid → ns). How many attempts there were."""
    with closing(sqlite3.connect(folder / "jobs.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        jobs = {job.id: job for job in map(job_of, connection.execute(f"SELECT {COLUMNS} FROM jobs"))}
    assert acked <= jobs.keys(), f"{len(acked - jobs.keys())} acknowledged jobs are not in the store"
    assert Counter(job.state for job in jobs.values()).keys() == {State.SUCCEEDED}
    its = attempts(folder)
    # Who leaves in order takes its row along; whoever has finished anything is known by that.
    pids = {job.attempts[-1].runner: its[id][-1].pid for id, job in jobs.items()}
    for id, job in jobs.items():
        assert len({attempt.token for attempt in its[id]}) == len(its[id]), f"{id} began twice under one token"
        outcomes = [record.outcome for record in job.attempts]
        for before, after in pairwise(its[id]):
            over_at = before.ended_at
            if over_at is None and "failed" not in outcomes:  # what raises leaves no line of its end
                over_at = deaths.get(before.pid)
            assert over_at is None or after.began_at >= over_at, f"{id} began while it ran elsewhere"
            assert after.token > before.token
        assert outcomes.count("succeeded") == 1
        assert outcomes[-1] == "succeeded", f"{id} ran again after its success: {outcomes}"
        for record in job.attempts:
            assert record.outcome != "lost" or pids.get(record.runner) in (None, *deaths), f"{id} was taken from a living process"
    return sum(map(len, its.values()))


def acked(folder: Path) -> set[str]:
    return {id for (id,) in Ledger(folder).lines("ack")}


def open_jobs(server: Server) -> int:
    """How many have not ended; -1 while nobody answers."""
    stats = server.get("/jobs/stats")
    return -1 if stats is None else sum(q["waiting"] + q["busy"] + q["scheduled"] + q["held"] for q in stats["queues"].values())


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    """What is put in here is stopped at the end."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.stop()


# --- four workers --------------------------------------------------------------------------------------------------------


class Workers:
    """The workers of one server, known by the lines of those that came up."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ledger = Ledger(server.folder)
        self.deaths: dict[int, int] = {}  # pid → monotonic ns

    @property
    def living(self) -> list[int]:
        return [pid for pid in (int(words[0]) for words in self._ledger.lines("up")) if pid not in self.deaths]

    def kill(self, pid: int) -> None:
        self.deaths[pid] = time.monotonic_ns()
        os.kill(pid, signal.SIGKILL)

    def wait_for(self, count: int) -> None:
        """At least so many are up."""
        self._server.wait_until(lambda: len(self.living) >= count)


def test_workers_killed_again_and_again_lose_nothing(tmp_path: Path, servers: list[Server]) -> None:
    chance = random.Random(SEED)
    server = Server(tmp_path, "--workers", "4")
    servers.append(server)
    server.start()
    workers, over = Workers(server), threading.Event()
    load = [threading.Thread(target=_load, args=(server, over)) for _ in range(3)]
    workers.wait_for(4)
    for thread in load:
        thread.start()
    try:
        for _ in range(KILLS):
            workers.wait_for(3)
            busy = _with_a_long_job(server, workers)
            over.wait(chance.uniform(0.0, 0.3))
            workers.kill(chance.choice(busy))
    finally:
        over.set()
        for thread in load:
            thread.join()
    workers.wait_for(4)
    server.wait_until(lambda: open_jobs(server) == 0, within=60)
    assert server.terminate() < 8
    count, known = judge(tmp_path, acked(tmp_path), workers.deaths), acked(tmp_path)
    slowest = _take_overs(tmp_path, workers.deaths)
    print(f"seed {SEED}: {KILLS} workers killed, {len(known)} acknowledged, {count} attempts, taken over in {slowest} s")
    assert len(known) > 200, "too little load to prove anything"
    assert len({attempt.pid for its in attempts(tmp_path).values() for attempt in its}) >= 4 + KILLS / 2, "too few have worked"
    assert len(slowest) >= KILLS / 2, "too few jobs were taken over to prove anything"
    assert max(slowest) < SLOWEST


def _load(server: Server, over: threading.Event) -> None:
    """Callers until it is over; each request ends with the worker that it met."""
    while not over.wait(PAUSE):
        server.post("/flood?count=40")
        server.post("/enqueue/long?arg=0.6")


def _with_a_long_job(server: Server, workers: Workers) -> list[int]:
    """Workers that run one of those now: whose death will be noticed."""

    def busy() -> list[int]:
        running = {a.pid for its in attempts(server.folder).values() for a in its if a.ended_at is None}
        return [pid for pid in workers.living if pid in running]

    found: list[int] = server.wait_until(busy)
    return found


def _take_overs(folder: Path, deaths: dict[int, int]) -> list[float]:
    """Seconds from each death to the first line of the next attempt, of what ran there and has free slots everywhere.

    Of jobs that met one death only: the second makes them wait for ten seconds, and it need not show in the ledger, since a worker
    may die between its claim of a job and that one's first line.
    """
    roomy = _long_jobs_lost_once(folder)
    return sorted(
        round((after.began_at - deaths[before.pid]) / 1e9, 2)
        for id, of_one in attempts(folder).items()
        if id in roomy
        for before, after in pairwise(of_one)
        if before is of_one[0] and before.ended_at is None
    )


def _long_jobs_lost_once(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "jobs.db")) as connection:
        jobs = map(job_of, connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE name LIKE '%:long'"))
        return {job.id for job in jobs if [record.outcome for record in job.attempts].count("lost") == 1}


# --- reloads -------------------------------------------------------------------------------------------------------------


def test_jobs_go_on_over_reloads(tmp_path: Path, servers: list[Server]) -> None:
    watched = tmp_path / "code"
    watched.mkdir()
    touched = watched / "touched.py"
    touched.write_text("")
    server = Server(tmp_path, "--reload", "--reload-dir", str(watched), env={"CRASH_SHUTDOWN": "0.5"})
    servers.append(server)
    server.start()
    ledger = Ledger(tmp_path)
    ids: set[str] = set()
    for _ in range(RELOADS):
        ids |= {server.post("/enqueue/long?arg=1.0")["id"] for _ in range(3)}
        _reload(server, touched, ids)
    server.wait_until(lambda: {words[0] for words in ledger.lines("end")} == ids)
    assert server.terminate() < 4
    judge(tmp_path, ids, {})
    its = attempts(tmp_path)
    again = sum(len(of_one) > 1 for of_one in its.values())
    print(f"{RELOADS} reloads, {len(ids)} jobs, {again} of them begun again")
    assert again, "no reload met a running job"
    _one_process_at_a_time([attempt for of_one in its.values() for attempt in of_one])


def _reload(server: Server, touched: Path, ids: set[str]) -> None:
    """Once all of these have begun; return when the next process serves."""
    ledger = Ledger(server.folder)
    server.wait_until(lambda: {words[0] for words in ledger.lines("start")} >= ids)
    ups = len(ledger.lines("up"))

    def is_new() -> bool:
        touched.touch()  # again: uvicorn forgets what it has seen at each reload, so a single touch may come too early for it
        return len(ledger.lines("up")) > ups

    server.wait_until(is_new)
    server.wait_until(lambda: server.get("/ping") is not None)


def _one_process_at_a_time(all_attempts: list[Attempt]) -> None:
    """What a process runs lies before all that the next one runs."""
    by_time = sorted(all_attempts, key=lambda attempt: attempt.began_at)
    in_order = [pid for pid, following in pairwise([*(a.pid for a in by_time), None]) if pid != following]
    assert len(in_order) == len(set(in_order)), f"two processes have taken turns: {in_order}"
    last_end = {pid: max((a.ended_at or a.began_at) for a in by_time if a.pid == pid) for pid in in_order}
    first = {pid: min(a.began_at for a in by_time if a.pid == pid) for pid in in_order}
    assert all(last_end[before] <= first[after] for before, after in pairwise(in_order))


# --- a mistake -----------------------------------------------------------------------------------------------------------


def test_a_second_server_on_a_used_port_touches_nothing(tmp_path: Path, servers: list[Server]) -> None:
    """It runs its lifespan, finds that the port is taken, and goes."""
    server = Server(tmp_path)
    servers.append(server)
    server.start()
    over = threading.Event()
    load = threading.Thread(target=_load, args=(server, over))
    load.start()
    ledger = Ledger(tmp_path)
    try:
        for count in range(MISTAKES):
            server.wait_until(lambda: bool(_with_a_long_job(server, Workers(server))))
            mistake = Server(tmp_path, port=server.port)
            servers.append(mistake)
            mistake.spawn()
            assert _status(mistake) != 0
            assert len(ledger.lines("up")) == count + 2, "its lifespan never ran"
    finally:
        over.set()
        load.join()
    server.wait_until(lambda: open_jobs(server) == 0)
    assert server.terminate() < 4
    count = judge(tmp_path, acked(tmp_path), {})
    crashed = _count(tmp_path, "crashes <> 0 OR attempts LIKE '%\"lost\"%'")
    given_back = _count(
        tmp_path, "attempts LIKE '%\"released\"%'"
    )  # where it took long to find its port taken, so had begun to claim
    print(
        f"{MISTAKES} mistakes, {len(acked(tmp_path))} acknowledged, {count} attempts, {crashed} crashed, {given_back} given back"
    )
    assert crashed == 0
    assert len(acked(tmp_path)) > 100, "too little load to prove anything"


def _status(server: Server) -> int:
    assert server.process is not None
    try:
        return server.process.wait(30)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"it did not go; its log:\n{server.log.read_text()[-3000:]}") from None


def _count(folder: Path, where: str) -> int:
    """Of jobs."""
    with closing(sqlite3.connect(folder / "jobs.db")) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM jobs WHERE {where}").fetchone()
        return int(count)
