"""Every wrong input: carried unchanged, or a named error whose sentence says what to do; nothing stored, nothing lost."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from asyncjobs import (
    ArgumentError,
    ConfigurationError,
    Jobs,
    NotStarted,
    OnLoopThread,
    PayloadTooLarge,
    Queue,
    Retry,
    State,
    StoreMismatch,
    StoreUnavailable,
    UnknownQueue,
    UnknownTask,
    UsedAfterFork,
    WrongLoop,
)
from asyncjobs.from_thread import FromThread


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[Jobs]:
    jobs = Jobs(tmp_path / "jobs.db", queues={"default": 5, "mail": 1})

    @jobs.task(name="echo")
    async def echo(value: Any) -> Any:
        return value

    @jobs.task(name="number")
    async def number(n: int, *, loud: bool = False) -> int:
        return n

    async with jobs.running():
        yield jobs
        # Whatever the test tried: nothing of it may be stored but what it enqueued on purpose.
        stored = (await jobs.list(limit=1000)).jobs
        assert all(job.name in ("echo", "number") for job in stored)


async def stored(jobs: Jobs) -> int:
    return len((await jobs.list(limit=1000)).jobs)


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\x00b",
        2**70,
        -(2**70),
        "\U0001f600",
        "",
        -0.0,
        1e308,
        [[[[]]]],
        {"": None},
        {"$": 1},
        True,
        None,
        "x" * 200_000,
    ],
    ids=repr,
)
async def test_odd_values_are_carried_unchanged(jobs: Jobs, value: object) -> None:
    handle = await jobs.enqueue("echo", value)
    job = await handle.job()
    if isinstance(value, str) and len(value) > 60_000:  # above what is kept of a result
        assert value in job.args
    else:
        assert repr(await handle.result(timeout=10)) == repr(value)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (float("nan"), "NaN|nan"),
        (float("inf"), "inf|Inf"),
        (object(), "annotat"),
        ({1, object()}, "annotat|object"),
        (lambda: 1, "annotat"),
    ],
    ids=["nan", "inf", "object", "set", "function"],
)
async def test_values_that_cannot_be_carried_are_refused(jobs: Jobs, value: object, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        await jobs.enqueue("echo", value)
    assert await stored(jobs) == 0


async def test_a_cycle_and_deep_nesting_are_refused(jobs: Jobs) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (cycle, deep):
        with pytest.raises(ArgumentError, match=r"deep|nest|itself|cycle"):
            await jobs.enqueue("echo", value)
    while deep:  # freed level by level: Python's own destructor would go as deep
        deep = deep[0]
    assert await stored(jobs) == 0


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((), {}, "n"),
        ((1, 2), {}, "positional|too many"),
        ((1,), {"shout": True}, "shout"),
        (("7",), {}, "expected int"),
        ((1,), {"n": 2}, "n"),
    ],
)
async def test_wrong_arguments_raise_in_the_caller(jobs: Jobs, args: tuple[Any, ...], kwargs: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says) as caught:
        await jobs.enqueue("number", *args, **kwargs)
    assert isinstance(caught.value, TypeError)
    assert await stored(jobs) == 0


async def test_ten_megabytes_are_refused_with_what_to_do(jobs: Jobs) -> None:
    with pytest.raises(PayloadTooLarge, match=r"10,000,\d+ bytes.*limit of 262,144.*max_payload"):
        await jobs.enqueue("echo", "x" * 10_000_000)
    assert await stored(jobs) == 0


async def test_an_unknown_queue_is_named_with_the_known_ones(jobs: Jobs) -> None:
    with pytest.raises(UnknownQueue, match=r"'mial'.*default, mail.*mean 'mail'"):

        @jobs.task(queue="mial")
        async def nothing() -> None: ...

    task = jobs._tasks["number"]
    with pytest.raises(UnknownQueue, match="'male'"):
        await task.options(queue="male").enqueue(1)
    assert await stored(jobs) == 0


async def test_an_unknown_task_is_named_with_the_known_ones(jobs: Jobs) -> None:
    async def plain() -> None: ...

    with pytest.raises(ArgumentError, match="was called, which ran nothing yet"):
        await jobs.enqueue(plain())  # type: ignore[call-overload]
    with pytest.raises(ArgumentError, match="belongs to another Jobs"):
        await jobs.enqueue(Jobs("memory:").task(name="number")(plain))
    with pytest.raises(ArgumentError, match=r"jobs\.enqueue_many\(\[call\]\)`; for one write `await number\.enqueue"):
        await jobs.enqueue(jobs._tasks["number"].call(3))  # type: ignore[call-overload]
    for wrong in ("nmber", plain):
        with pytest.raises(UnknownTask, match=r"registered tasks: echo, number.*@jobs.task"):
            await jobs.enqueue(wrong)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"delay": -1}, "delay=-1"),
        ({"delay": float("nan")}, "delay=nan"),
        ({"delay": 1, "at": datetime.now().astimezone()}, "one of them"),
        ({"at": datetime(2027, 1, 1)}, "no time zone"),
        ({"priority": 9}, "priority=9"),
        ({"id": ""}, "id="),
        ({"id": "a\x00b"}, r"U\+0000"),
        ({"id": "\ud800"}, r"U\+D800"),
        ({"id": 7}, "int, not str"),
        ({"unique": "k" * 1_000_000}, "1,000,000 characters"),
        ({"meta": {"a": {1, 2}}}, "meta|a"),
        ({"retry": Retry(never=(OSError,))}, "on=, never= and after="),
        ({"retry": 3}, "retry=3"),
        ({"meta": "x"}, "meta='x'"),
        ({"queue": 0}, "queue=0"),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_bad_options_are_refused_in_a_sentence(jobs: Jobs, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        jobs._tasks["number"].options(**options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Queue(limit=0),
        lambda: Queue(limit=True),
        lambda: Jobs("x.db", queues={}),
        lambda: Jobs("x.db", queues={"a\nb": 1}),
        lambda: Jobs("x.db", shutdown_timeout=0),
        lambda: Jobs("x.db", retention={"done": 1}),
        lambda: Jobs("oracle://x"),
        lambda: Jobs(":memory:"),
        lambda: Jobs(""),
        lambda: Jobs("x.db", queues=True),  # type: ignore[arg-type]
        lambda: Jobs("x.db", queues="mail"),  # type: ignore[arg-type]
        lambda: Jobs(0),  # type: ignore[arg-type]
        lambda: Jobs("x.db", max_payload=0),
        lambda: Jobs("x.db", retention={"failed": float("nan")}),
        lambda: Jobs("x.db").task(retry="often")(_nothing),  # type: ignore[call-overload]
        lambda: Jobs("x.db").task(aliases=1)(_nothing),  # type: ignore[call-overload]
        lambda: Jobs("x.db").task(keep_result="no")(_nothing),  # type: ignore[call-overload]
        lambda: Jobs("x.db").task(survives="fire")(_nothing),  # type: ignore[call-overload]
        lambda: Retry(attempts=0),
        lambda: Retry(backoff=-1),
        lambda: Retry(backoff=[]),
        lambda: Retry(backoff="often"),  # type: ignore[arg-type]
        lambda: Retry(jitter=2),
        lambda: Retry(on="OSError"),  # type: ignore[arg-type]
    ],
)
def test_bad_configuration_is_refused_where_it_is_written(make: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert len(str(caught.value)) > 30


@pytest.mark.parametrize("queue", [3, ["mail"], b"mail"])
def test_a_queue_that_is_no_text_is_refused_with_what_to_give(queue: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"give the name of a configured queue, e\.g\. queue='default'"):
        Jobs("x.db").task(queue=queue)(_nothing)


def test_a_task_above_its_schedule_is_told_to_go_below() -> None:
    jobs = Jobs("x.db")
    for schedule in (jobs.cron("@daily"), jobs.every(minutes=5, name="other")):
        with pytest.raises(ConfigurationError, match=r"put @jobs\.cron\(\.\.\.\) .* above @jobs\.task"):
            jobs.task(queue="default")(schedule(_nothing))


def test_work_names_only_configured_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownQueue, match="mial"):
        Jobs("x.db", queues={"mail": 1}, work=["mial"])
    monkeypatch.setenv("ASYNCJOBS_WORK", "mial")
    with pytest.raises(UnknownQueue, match=r"mial.*ASYNCJOBS_WORK"):
        Jobs("x.db", queues={"mail": 1})


async def test_enqueue_before_start_says_so(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs.db")
    task = jobs.task(name="t")(_nothing)
    with pytest.raises(NotStarted, match=r"lifespan=jobs\.lifespan"):
        await jobs.enqueue(task)
    assert not (tmp_path / "jobs.db").exists()


async def _nothing() -> None: ...


async def test_enqueue_from_another_loop_says_what_to_call(jobs: Jobs) -> None:
    def elsewhere() -> None:
        asyncio.run(_enqueue(jobs))

    with pytest.raises(WrongLoop, match=r"jobs\.from_thread"):
        await asyncio.to_thread(elsewhere)
    assert await stored(jobs) == 0


async def _enqueue(jobs: Jobs) -> None:
    await jobs.enqueue("number", 1)


def test_from_thread_does_not_wait_for_a_loop_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncjobs.from_thread.LOOK_EVERY", 0.01)
    loop, began = asyncio.new_event_loop(), asyncio.Event()

    async def unanswered(*_: object) -> Any:
        began.set()
        await asyncio.Event().wait()

    async def end_over_its_head() -> None:
        await began.wait()
        (left,) = asyncio.all_tasks() - {asyncio.current_task()}
        left._log_destroy_pending = False  # type: ignore[attr-defined]  # it is, and asyncio would say so

    with ThreadPoolExecutor(1) as threads:
        enqueued = threads.submit(FromThread(lambda: loop, unanswered, unanswered).enqueue, "number", 5)
        loop.run_until_complete(end_over_its_head())
        loop.close()
        with pytest.raises(StoreUnavailable, match="event loop ended"):
            enqueued.result(10)


def _start_in_child(make: Callable[[], Jobs], answers: Any) -> None:
    async def start() -> None:
        async with make().running(work=()):
            pass

    try:
        asyncio.run(start())
        answers.put(("", ""))
    except BaseException as error:
        answers.put((type(error).__name__, str(error)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_database_that_was_open_at_a_fork_is_refused_to_the_child(tmp_path: Path) -> None:
    """What SQLite knew of locks is copied with the process, and may say for good that somebody holds one."""
    context, path = multiprocessing.get_context("fork"), tmp_path / "jobs.db"

    async def told(make: Callable[[], Jobs]) -> tuple[str, str]:
        answers = context.SimpleQueue()
        child = context.Process(target=_start_in_child, args=(make, answers))
        child.start()
        said: tuple[str, str] = await asyncio.to_thread(answers.get)
        await asyncio.to_thread(child.join)
        return said

    started = Jobs(path)
    assert await told(lambda: started) == ("", "")
    async with started.running(work=()):
        name, text = await told(lambda: Jobs(path))
        assert (name, f"{path} was open in process {os.getpid()}" in text) == ("StoreMismatch", True)
        assert (await told(lambda: started))[0] == UsedAfterFork.__name__
        assert await told(lambda: Jobs(tmp_path / "other.db")) == ("", "")
    assert await told(lambda: started) == ("", "")


async def test_from_thread_stores_from_a_thread_and_refuses_the_loops_own(jobs: Jobs) -> None:
    handle = await asyncio.to_thread(jobs.from_thread.enqueue, "number", 5)
    assert await handle.result(timeout=10) == 5
    with pytest.raises(OnLoopThread, match=r"await jobs\.enqueue"):
        jobs.from_thread.enqueue("number", 5)


def _in_child(jobs: Jobs, answers: Any) -> None:
    try:
        asyncio.run(_enqueue(jobs))
    except BaseException as error:
        answers.put((type(error).__name__, str(error)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_use_in_a_forked_child_is_refused_and_the_parent_goes_on(jobs: Jobs) -> None:
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(jobs, answers))
    child.start()
    name, text = await asyncio.to_thread(answers.get)
    await asyncio.to_thread(child.join)
    assert name == UsedAfterFork.__name__
    assert str(os.getpid()) in text
    assert await (await jobs.enqueue("number", 2)).result(timeout=10) == 2


def _not_a_database(folder: Path) -> Path:
    path = folder / "notes.txt"
    path.write_text("these are notes, not a database, and long enough to be read as one" * 20)
    return path


def _newer(folder: Path) -> Path:
    path = folder / "newer.db"

    async def make() -> None:
        async with Jobs(path).running(work=()):
            pass

    asyncio.run(make())
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    return path


def _foreign(folder: Path) -> Path:
    path = folder / "foreign.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE users (id INTEGER)")
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "missing" / "jobs.db", r"missing"),
        (_not_a_database, r"notes\.txt"),
        (_newer, r"999|newer"),
        (_foreign, r"foreign\.db"),
        (lambda folder: folder, r"folder|directory"),
    ],
    ids=["missing folder", "no database", "newer schema", "another program's", "a folder"],
)
def test_an_unusable_path_fails_the_start_in_a_sentence(tmp_path: Path, make: Any, says: str) -> None:
    path = make(tmp_path)
    before = path.read_bytes() if path.is_file() else None

    async def start() -> None:
        async with Jobs(path).running():
            pass

    with pytest.raises((StoreMismatch, ConfigurationError), match=says) as caught:
        asyncio.run(start())
    assert str(tmp_path) in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


async def test_what_is_no_id_and_no_call_is_named(jobs: Jobs) -> None:
    for verb in (jobs.get, jobs.cancel, jobs.retry):
        with pytest.raises(ArgumentError, match="1 is no job id"):
            await verb(1)  # type: ignore[operator]
    with pytest.raises(ArgumentError, match=r"task\.call"):
        await jobs.enqueue_many([1])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="since=nan"):
        await jobs.history(since=float("nan"))
    for step in (0, 90, 60.5, float("nan"), float("inf"), True, "60"):
        with pytest.raises(ConfigurationError, match="whole minutes"):
            await jobs.history(step=step)  # type: ignore[arg-type]


async def test_a_job_that_ended_can_be_put_back(jobs: Jobs) -> None:
    handle = await jobs.enqueue("number", 3)
    await handle.result(timeout=10)
    assert await jobs.retry(handle.id) == {handle.id: True}
    assert await handle.result(timeout=10) == 3
    assert await jobs.retry("nobody") == {"nobody": False}
    assert (await handle.job()).state is State.SUCCEEDED
