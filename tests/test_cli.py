"""`python -m asyncjobs`, as a process of its own beside real apps: what it shows, and what it leaves as it is."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import pytest

from asyncjobs import ConfigurationError, Jobs, State, UnknownQueue, UnknownTask
from asyncjobs.clock import SystemClock
from asyncjobs.outsider import Outsider
from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.web.pages import PAGES
from tests.crash.server import Server
from tests.store import acts
from tests.web.html import Page

ROOT = Path(__file__).resolve().parents[1]
WITHIN = 30.0  # seconds; for machines that are busy with something else
WEEKS = 30 * 86_400_000  # ms; longer than any app keeps a job by default
HTML = "text/html"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "asyncjobs", *words]


def ended(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, timeout=WITHIN)


class Dashboard:
    """The command, from the line that it prints to its end."""

    def __init__(self, path: Path, *options: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            command("dashboard", str(path), "--port", "0", *options),
            cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.process.communicate()

    def ask(self, path: str, *, accept: str = "application/json", form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, body, and where it leads."""
        parts = urlsplit(urljoin(self.address, path))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WITHIN)
        try:
            headers = {"accept": accept, "sec-fetch-site": "same-origin"}
            if form is not None:
                headers["content-type"] = "application/x-www-form-urlencoded"
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request("GET" if form is None else "POST", target, None if form is None else urlencode(form), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers.get("location", "")
        finally:
            connection.close()

    def stats(self, page: str = "") -> Any:
        status, body, _ = self.ask(f"/jobs/stats{page}")
        assert status == 200, body
        return json.loads(body)

    def act(self, **form: str) -> tuple[int, str]:
        status, body, _ = self.ask("/jobs/stats/act", form=form)
        return status, body

    def look_everywhere(self) -> set[str]:
        """Follow every link and every question, as HTML and as JSON; which pages there were."""
        todo, seen = [self.address], set[str]()
        while todo:
            address = todo.pop()
            if address in seen:
                continue
            seen.add(address)
            status, body, _ = self.ask(address, accept=HTML)
            assert status == 200, (address, body)
            if not body.startswith("<!doctype html>"):
                continue
            assert self.ask(address)[0] == 200
            todo += [urljoin(address, link) for link in Page(body).links()]
        return {urlsplit(address).path.removeprefix("/jobs/") for address in seen}

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and what was said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=WITHIN)
        return self.process.returncode, said


Start = Callable[..., Dashboard]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Dashboard] = []

    def starting(path: Path, *options: str, **more: Any) -> Dashboard:
        started.append(Dashboard(path, *options, **more))
        return started[-1]

    yield starting
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


def wait_until(true: Callable[[], object]) -> None:
    """There is no event to await in another process."""
    give_up = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


async def filled(path: Path) -> None:
    """One of everything that a page shows, of weeks ago and due for weeks, and nobody who works it."""
    now = SystemClock().now() - WEEKS
    store = SQLiteStore(path)
    await store.open()
    await acts.sign_on(store)
    await acts.put(store, "good", "bad", "gone", now=now)
    good, bad, _ = await acts.take(store, now=now)
    await store.finish([acts.success(good), acts.failure(bad)], now=now)
    await store.cancel(["gone"], now=now)
    await acts.put(store, "due", now=now)
    await acts.put(store, "later", now=now, run_at=now + 2 * WEEKS)
    await store.timetable.put(acts.fires_at("nightly", now), now=now)
    await store.set_paused("default", True, now=now, by="ada", why="a holiday")
    await store.set_task_paused("old", True, now=now)
    await store.retire("r1")  # `gone` still runs, and is an orphan from here on
    await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.db"
    asyncio.run(filled(path))
    return path


def standing(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file with what is in it, and when it was written; but for -shm, which is SQLite's notes of who reads."""
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file() and not file.name.endswith("-shm")
    }


def rows(path: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


# --- looking -------------------------------------------------------------------------------------------------------------


def test_every_page_of_a_file_at_rest_is_shown_and_the_file_stays_as_it_is(path: Path, start: Start) -> None:
    before = standing(path.parent)
    page = start(path)
    assert page.address.startswith("http://127.0.0.1:")
    assert page.address.endswith("/jobs/stats")
    assert page.look_everywhere() >= set(PAGES)
    stats = page.stats()
    assert (stats["file"], stats["succeeded"], stats["failed"], stats["busy"]) == (str(path), 1, 1, 1)
    assert stats["queues"]["default"]["configured"] is False
    assert "schedule missed" in [finding["rule"] for finding in stats["findings"]]
    assert page.stats("/job?id=due")["why"][0]["reason"] == "unknown task"
    assert page.stats("/job?id=gone")["state"] == "running"
    assert page.stop() == (0, "")
    assert standing(path.parent) == before


def test_the_address_of_the_server_leads_to_the_page(path: Path, start: Start) -> None:
    page = start(path)
    assert page.ask("/")[::2] == (307, "jobs/stats")
    assert page.ask("/jobs/health")[0] == 200
    assert page.ask("/elsewhere")[0] == 404


def test_who_only_looks_can_change_nothing(path: Path, start: Start) -> None:
    before = standing(path.parent)
    page = start(path)
    assert "<button" not in page.ask("/jobs/stats", accept=HTML)[1]
    for form in (
        {"do": "retry", "id": "bad"},
        {"do": "discard-matching", "state": "failed"},
        {"do": "resume", "queue": "default"},
    ):
        assert page.act(**form)[0] == 403
    page.stop()
    assert standing(path.parent) == before


def test_an_app_beside_it_goes_on_untouched(server: Server, tmp_path: Path, start: Start) -> None:
    server.start()
    long = server.post("/enqueue/long?arg=2.5")["id"]
    server.wait_until(lambda: server.get(f"/state/{long}")["state"] == "running")
    page = start(tmp_path / "jobs.db")
    [process] = page.stats()["processes"]
    assert (process["pid"], process["alive"], process["this"]) == (server.get("/ping")["pid"], True, False)
    assert page.stats("/job?id=" + long)["state"] == "running"
    server.post("/flood?count=50")
    page.look_everywhere()
    server.wait_until(lambda: page.stats()["succeeded"] == 51)
    state = server.get(f"/state/{long}")
    assert (state["state"], state["attempt"], state["crashes"]) == ("succeeded", 1, 0)
    assert [one["pid"] for one in page.stats()["processes"]] == [process["pid"]]
    server.terminate()
    assert not (tmp_path / "jobs.db-wal").exists()  # as when nobody looks
    assert page.stats()["succeeded"] == 51
    assert page.stop() == (0, "")


@pytest.mark.parametrize("options", [(), ("--act",)])
def test_what_a_killed_app_left_is_shown_and_left_to_its_next_start(
    server: Server, tmp_path: Path, start: Start, options: tuple[str, ...]
) -> None:
    server.start()
    long = server.post("/enqueue/long?arg=60.0")["id"]
    server.wait_until(lambda: server.get(f"/state/{long}")["state"] == "running")
    server.kill()
    path = tmp_path / "jobs.db"
    before = standing(tmp_path)
    assert before["jobs.db-wal"][0]
    page = start(path, *options)
    stats = page.stats()
    assert ([one["alive"] for one in stats["processes"]], stats["busy"]) == ([False], 1)
    assert "go on when the app starts again" in page.ask("/jobs/stats/processes", accept=HTML)[1]
    assert page.stats(f"/job?id={long}")["state"] == "running"
    assert page.stop() == (0, "")
    assert rows(path, "SELECT state, crashes FROM jobs") == [(1, 0)]
    if not options:
        assert standing(tmp_path) == before
    server.start()
    server.wait_until(lambda: server.get(f"/state/{long}")["crashes"] == 1)  # that is its app's to find


# --- acting --------------------------------------------------------------------------------------------------------------


def test_without_leave_it_says_how_to_get_it(path: Path, start: Start) -> None:
    page = start(path)
    for asked in (page.act(do="retry", id="bad"), page.ask("/jobs/stats/confirm?do=cancel&id=due")[:2]):
        assert asked[0] == 403
        assert "start it with --act." in asked[1]
        assert "auth=" not in asked[1]
    assert page.stop() == (0, "")


def test_with_leave_one_acts_as_on_the_page_of_the_app(path: Path, start: Start) -> None:
    page = start(path, "--act")
    page.look_everywhere()
    assert page.act(do="retry", id="bad")[0] == 303
    assert page.act(do="cancel-matching", state="queued", task="work")[0] == 303
    assert page.act(do="resume", queue="default")[0] == 303
    assert page.act(do="resume-task", task="old")[0] == 303
    assert page.act(do="pause-task", task="work")[0] == 303
    assert page.act(do="pause-schedule", schedule="nightly", why="too late")[0] == 303
    assert page.act(do="edit-schedule", schedule="nightly", every="7200")[0] == 303
    assert page.act(do="run-schedule", schedule="nightly")[0] == 303
    assert page.act(do="reset-limits", queue="default")[0] == 303
    assert page.act(do="discard", id="good")[0] == 303
    refused = [
        page.act(do="limits", queue="default", limit="3", keep="yes"),
        page.act(do="pause", queue="mial"),
        page.act(do="resume-task", task="mial"),
    ]
    assert [status for status, _ in refused] == [400, 400, 400]
    assert "said by its app's code" in refused[0][1]
    assert [one["verb"] for one in page.stats("/acts")["acts"]][::-1] == [
        "retry", "cancel-matching", "resume", "resume-task", "pause-task", "pause-schedule", "edit-schedule", "run-schedule", "reset-limits", "discard",
    ]  # fmt: skip
    [schedule] = page.stats("/schedules")["schedules"]
    assert (schedule["when"], schedule["paused"]["why"]) == ("every 2 h", "too late")
    assert page.stop() == (0, "")
    assert not Path(f"{path}-wal").exists()
    states = dict(rows(path, "SELECT id, state FROM jobs"))
    assert [states.pop(id, None) for id in ("bad", "due", "later", "good", "gone")] == [4, 4, 4, None, 1]
    assert list(states.values()) == [0]  # what the schedule enqueued, for whoever knows its task
    assert rows(path, "SELECT count(*) FROM runners") == [(0,)]


def test_with_leave_nothing_is_done_that_nobody_asked_for(path: Path, start: Start) -> None:
    dump = "SELECT * FROM {}"
    tables = ("jobs", "schedules", "history", "counters", "pauses", "task_pauses", "acts")
    before = [rows(path, dump.format(table)) for table in tables]
    page = start(path, "--act")
    page.look_everywhere()
    page.stop()
    assert [rows(path, dump.format(table)) for table in tables] == before


def test_what_is_done_reaches_the_app_at_once(server: Server, tmp_path: Path, start: Start) -> None:
    server.start()
    long = server.post("/enqueue/long?arg=60.0")["id"]
    server.wait_until(lambda: server.get(f"/state/{long}")["state"] == "running")
    page = start(tmp_path / "jobs.db", "--act")
    assert page.act(do="cancel", id=long)[0] == 303
    server.wait_until(lambda: server.get(f"/state/{long}")["state"] == "cancelled")
    assert page.act(do="retry", id=long)[0] == 303
    server.wait_until(lambda: server.get(f"/state/{long}")["state"] == "running")
    assert page.stop() == (0, "")
    assert server.get(f"/state/{long}")["state"] == "running"


async def test_without_leave_no_verb_gets_as_far_as_the_store(path: Path) -> None:
    async with Outsider(path) as outside:
        for refused in (
            outside.retry(["bad"]),
            outside.cancel(["due"]),
            outside.discard(["bad"]),
            outside.where(state="failed").retry(),
            outside.pause("default"),
            outside.resume("default"),
            outside.set_limits("default", None),
            outside.record_act("ada", "retry", "bad", 1),
            outside.schedules.pause("nightly"),
            outside.schedules.run_now("nightly"),
        ):
            with pytest.raises(ConfigurationError, match="--act"):
                await refused


async def test_what_an_outsider_cannot_know_is_said(path: Path) -> None:
    async with Outsider(path, acts=True) as outside:
        with pytest.raises(UnknownQueue, match="default"):
            await outside.pause("mial")
        with pytest.raises(UnknownTask, match="old"):
            await outside.resume(task="mial")
        with pytest.raises(ConfigurationError, match="succeeded"):
            await outside.list(state="done")
        handle = await outside.schedules.run_now("nightly")
        assert await handle.cancel()
        assert (await handle.job()).state is State.CANCELLED


# --- its life ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_a_signal_with_a_browser_connected(path: Path, start: Start, number: int) -> None:
    page = start(path)
    parts = urlsplit(page.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WITHIN)
    connection.request("GET", "/jobs/stats")
    connection.getresponse().read()  # and stays open
    began = time.monotonic()
    assert page.stop(number) == (0, "")
    assert time.monotonic() - began < 5
    connection.close()


def test_it_shows_itself_in_a_browser_where_that_is_asked_for(path: Path, start: Start, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/shown.new; mv {tmp_path}/shown.new {tmp_path}/shown\n')
    browser.chmod(0o755)
    page = start(path, "--open", env={"BROWSER": str(browser), "PATH": "/usr/bin:/bin"})
    wait_until((tmp_path / "shown").exists)
    assert (tmp_path / "shown").read_text().strip() == page.address


def test_another_loopback_address_will_do(path: Path, start: Start) -> None:
    page = start(path, "--host", "127.0.0.2")
    assert page.address.startswith("http://127.0.0.2:")
    assert page.stats()["succeeded"] == 1


# --- refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("dashboard",),
        ("dashboard", "jobs.db", "--host", "0.0.0.0"),
        ("dashboard", "jobs.db", "--host", "example.org"),
        ("dashboard", "jobs.db", "--port", "65536"),
        ("dashboard", "jobs.db", "--port", "-1"),
        ("dashboard", "jobs.db", "--nonsense"),
    ],
)
def test_words_that_are_not_understood_end_it_with_2(words: tuple[str, ...]) -> None:
    done = ended(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: python -m asyncjobs" in done.stderr


def of_schema(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with sqlite3.connect(path, isolation_level=None) as made:
            made.execute("CREATE TABLE jobs (x)")
            made.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            made.execute(f"PRAGMA user_version = {version}")
        made.close()

    return make


@pytest.mark.parametrize("options", [(), ("--act",)])
@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_text("no database" * 100), "is not an SQLite database"),
        (of_schema(schema.VERSION + 1), "newer asyncjobs"),
        (of_schema(schema.VERSION - 1), "older asyncjobs"),
    ],
)
def test_a_file_that_cannot_be_had_is_told_of_in_a_sentence_and_left(
    tmp_path: Path, arrange: Callable[[Path], object], sentence: str, options: tuple[str, ...]
) -> None:
    path = tmp_path / "other.db"
    arrange(path)
    before = standing(tmp_path)
    done = ended("dashboard", str(path), "--port", "0", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert standing(tmp_path) == before


def test_jobs_in_memory_are_no_file() -> None:
    done = ended("dashboard", "memory:")
    assert (done.returncode, done.stderr.startswith("asyncjobs: 'memory:' is known to the process alone")) == (1, True)


def test_a_port_that_is_taken_is_told_of(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ended("dashboard", str(path), "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "--port 0 takes a free one" in done.stderr


def test_without_a_server_it_says_which_line_mends_it(path: Path) -> None:
    program = "import sys; sys.modules['uvicorn'] = None; from asyncjobs.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "dashboard", str(path)], cwd=ROOT, capture_output=True, text=True, timeout=WITHIN
    )
    assert (done.returncode, done.stderr) == (
        1,
        "asyncjobs: the page wants a server, which is missing here: pip install uvicorn\n",
    )


def test_a_page_of_the_web_that_points_its_name_here_sees_nothing(path: Path, start: Start) -> None:
    parts = urlsplit(start(path).address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=WITHIN)
    connection.request("GET", "/jobs/stats", headers={"host": "evil.example"})
    assert connection.getresponse().status == 403
    connection.close()


async def test_an_app_and_an_outsider_agree_on_the_numbers(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db", queues={"default": 3})

    @jobs.every(hours=1)
    @jobs.task(name="send")
    async def send() -> None: ...

    async with jobs.running(), Outsider(tmp_path / "jobs.db") as outside:
        handle = await send.enqueue()
        await handle.result(timeout=WITHIN)
        ours, theirs = await jobs.stats(), await outside.stats()
        assert [(q.name, q.succeeded, q.slots) for q in theirs.queues] == [(q.name, q.succeeded, q.slots) for q in ours.queues]
        assert [(one.id, one.alive) for one in theirs.processes] == [(one.id, one.alive) for one in ours.processes]
        assert theirs.schedules == ours.schedules
        assert (theirs.undeclared, theirs.findings) == (ours.undeclared, ours.findings)
        assert await outside.get(handle.id) == await jobs.get(handle.id)
        assert await outside.explain(handle.id) == await jobs.explain(handle.id)
        assert (await outside.list(task="send")).jobs == (await jobs.list(task="send")).jobs
        assert await outside.history(since=3600.0, step=60.0) == await jobs.history(since=3600.0, step=60.0)
