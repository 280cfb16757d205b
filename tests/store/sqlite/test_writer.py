"""One commit for everybody: what shares it, what it costs, and what becomes of it when the file or the disk fails."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.errors import OutcomeUnknown, StoreClosed, StoreFull, StoreUnavailable
from asyncjobs.job import Progress, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Inserted, Verdict
from asyncjobs.store.sqlite import accepted, committer, inbox, inserting, schema
from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.store.sqlite.transaction import Transaction
from tests.store.acts import NOW, claim, end, everything, failure, ids, new, one, put, retry, run, sign_on, success
from tests.store.sqlite import inside

IOERR, FULL = sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL


def poison(_: object) -> None:
    raise ValueError("poison")


async def stored(store: SQLiteStore) -> list[str]:
    return sorted(ids(await everything(store)))


# --- sharing a commit ----------------------------------------------------------------------------------------------------


async def test_an_insert_and_a_claim_of_one_loop_turn_share_one_commit(store: SQLiteStore) -> None:
    await sign_on(store)
    statements = await inside.traced(store)
    _, claimed = await asyncio.gather(put(store, "a"), claim(store))
    assert ids(claimed.jobs) == ["a"]
    assert inside.commits(statements) == 1


async def test_a_claim_of_the_turn_after_the_insert_shares_its_commit(store: SQLiteStore) -> None:
    """So does the dispatcher's, which the insert has woken."""
    await sign_on(store)
    statements = await inside.traced(store)
    inserting = asyncio.ensure_future(put(store, "a"))
    claiming = asyncio.ensure_future(inside.later(lambda: claim(store)))
    claimed, _ = await asyncio.gather(claiming, inserting)
    assert ids(claimed.jobs) == ["a"]
    assert inside.commits(statements) == 1


async def test_a_claim_submitted_before_the_insert_still_finds_its_job(store: SQLiteStore) -> None:
    await sign_on(store)
    claimed, _ = await asyncio.gather(claim(store), put(store, "a"))
    assert ids(claimed.jobs) == ["a"]


async def test_what_arrives_during_a_commit_shares_the_next(store: SQLiteStore) -> None:
    statements = await inside.traced(store)
    async with inside.Busy(store) as busy:
        waiting = [asyncio.ensure_future(put(store, f"j{n}")) for n in range(20)]
        await asyncio.sleep(0)
        busy.end()
        await asyncio.gather(*waiting)
    assert inside.commits(statements) == 1 + 1


async def test_of_many_that_wait_one_half_goes_first(store: SQLiteStore) -> None:
    """Who waits for the other half can bring what comes next while this one is on its way."""
    statements = await inside.traced(store)
    async with inside.Busy(store) as busy:
        waiting = [asyncio.ensure_future(put(store, f"j{n}")) for n in range(64)]
        await asyncio.sleep(0)
        busy.end()
        await asyncio.gather(*waiting)
    assert inside.commits(statements) == 1 + 2
    assert await stored(store) == sorted(f"j{n}" for n in range(64))


async def test_inserts_alone_are_one_statement_without_a_transaction_around_it(store: SQLiteStore) -> None:
    """So the thread lets go of the interpreter once, and needs it no more until all is on disk."""
    await put(store, "first")
    await store.beat("r1", now=NOW)  # what comes is synced again
    await put(store, "second")
    statements = await inside.traced(store)
    await asyncio.gather(put(store, "a"), put(store, "b", "c"))
    assert len(statements) == 1
    assert await stored(store) == ["a", "b", "c", "first", "second"]


@pytest.mark.parametrize("count", [1, 2, inserting.STEP, inserting.STEP + 1, inserting.AT_ONCE, inserting.AT_ONCE + 1, 300])
async def test_as_many_rows_are_inserted_as_were_given(store: SQLiteStore, count: int) -> None:
    names = [f"j{n:03}" for n in range(count)]
    inserted = await store.insert([new(name) for name in names], now=NOW)
    assert inserted == [Inserted(name, True) for name in names]
    assert await stored(store) == names


async def test_one_that_meets_another_is_told_so_and_its_batch_is_stored(store: SQLiteStore) -> None:
    await put(store, "known")
    calls = [[new("a")], [new("known"), new("b")], [new("a")]]
    answers = await asyncio.gather(*(store.insert(jobs, now=NOW) for jobs in calls))
    assert [[found.created for found in answer] for answer in answers] == [[True], [False, True], [False]]
    assert await stored(store) == ["a", "b", "known"]


async def test_an_insert_that_was_committed_in_an_io_error_is_created_all_the_same(store: SQLiteStore) -> None:
    inside.fail_tries(store, inside.failure(IOERR), committed=True)
    assert await store.insert([new("a")], now=NOW) == [Inserted("a", True)]


async def test_a_batch_is_capped(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BATCH_ROWS", 10)
    statements = await inside.traced(store)
    async with inside.Busy(store) as busy:
        waiting = [asyncio.ensure_future(put(store, *[f"{n}-{i}" for i in range(5)])) for n in range(5)]
        await asyncio.sleep(0)
        busy.end()
        await asyncio.gather(*waiting)
    assert inside.commits(statements) == 1 + 3


async def test_an_operation_above_the_cap_is_not_split(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "BATCH_ROWS", 10)
    statements = await inside.traced(store)
    await put(store, *[f"j{i}" for i in range(25)])
    assert inside.commits(statements) == 1


# --- who fails, and who is left alone ------------------------------------------------------------------------------------


async def test_a_poisoned_operation_fails_alone(store: SQLiteStore) -> None:
    answers = await asyncio.gather(
        put(store, "a"), inside.submit(store, poison), put(store, "b"), claim(store), return_exceptions=True
    )
    assert isinstance(answers[1], ValueError)
    assert ids(answers[3].jobs) == ["a", "b"]  # type: ignore[union-attr]
    assert await stored(store) == ["a", "b"]


async def test_what_sqlite_cannot_hold_fails_alone_and_is_no_error_of_the_store(store: SQLiteStore) -> None:
    job, other = await run(store, "a"), await run(store, "b")
    await inside.on_thread(store, lambda connection: connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 50_000))
    large = Finish(job.id, job.token, "succeeded", State.SUCCEEDED, result="x" * 60_000)
    answers = await asyncio.gather(
        store.finish([large], now=NOW), store.finish([success(other)], now=NOW), return_exceptions=True
    )
    assert isinstance(answers[0], ValueError)
    assert answers[1] == [Verdict.APPLIED]


async def test_a_poisoned_insert_stores_none_of_its_jobs(store: SQLiteStore) -> None:
    with pytest.raises(OverflowError):
        await store.insert([new("a"), new("b", priority=2**64)], now=NOW)
    assert await stored(store) == []


async def test_what_was_committed_before_the_disk_filled_up_is_acknowledged(store: SQLiteStore) -> None:
    """A poisoned neighbour has each operation committed by itself; then the store fails in the middle."""

    def fill(_: object) -> None:
        raise inside.failure(FULL)

    answers = await asyncio.gather(
        store.insert([new("a")], now=NOW), inside.submit(store, poison), inside.submit(store, fill), return_exceptions=True
    )
    assert answers[0] == [Inserted("a", True)]
    assert isinstance(answers[1], ValueError)
    assert isinstance(answers[2], StoreFull)


async def test_those_that_fail_together_get_an_error_each(store: SQLiteStore) -> None:
    inside.fail_tries(store, inside.failure(FULL))
    one, two = await asyncio.gather(put(store, "a"), put(store, "b"), return_exceptions=True)
    assert isinstance(one, StoreFull)
    assert isinstance(two, StoreFull)
    assert one is not two


async def test_a_cancelled_waiters_insert_is_there(store: SQLiteStore) -> None:
    async with inside.Busy(store):
        waiter = asyncio.ensure_future(put(store, "a"))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    await put(store, "b")
    assert await stored(store) == ["a", "b"]


async def test_a_bug_in_the_writer_fails_its_batch_and_not_the_next(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(store._gate, "enter", lambda: 1 / 0)
        with pytest.raises(OutcomeUnknown):
            await put(store, "a")
    assert "the writer failed" in caplog.text
    await put(store, "a")
    assert await stored(store) == ["a"]


async def test_a_writer_that_was_cancelled_refuses_instead_of_letting_anybody_wait(path: Path) -> None:
    store = SQLiteStore(path)
    await store.open()
    task = inside.writer(store)._task
    assert task is not None
    async with asyncio.timeout(5):
        waiting = asyncio.ensure_future(put(store, "a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((StoreClosed, StoreUnavailable)):
            await waiting
        with pytest.raises(StoreClosed):
            await put(store, "b")
        await store.close()


async def test_a_writer_that_was_cancelled_during_a_commit_answers_everybody(path: Path) -> None:
    """The thread finishes its batch by itself; those of many that wait behind it are refused."""
    store = SQLiteStore(path)
    await store.open()
    writing, task = inside.writer(store), inside.writer(store)._task
    assert task is not None
    async with asyncio.timeout(10):
        busy = inside.Busy(store)
        await busy.__aenter__()
        waiting = [asyncio.ensure_future(put(store, f"j{n}")) for n in range(100)]
        await asyncio.sleep(0)
        assert writing.backlog == 100
        task.cancel()
        await asyncio.wait({task})
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(answer) for answer in answers} == {StoreClosed}
        with pytest.raises(StoreUnavailable):
            await busy.__aexit__()
        await store.close()


# --- closing -------------------------------------------------------------------------------------------------------------


async def test_close_flushes_what_was_submitted(path: Path, store: SQLiteStore) -> None:
    async with inside.Busy(store) as busy:
        waiting = [asyncio.ensure_future(put(store, f"j{n}")) for n in range(3)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        busy.end()
        await closing
        await asyncio.gather(*waiting)
    await store.open()
    assert await stored(store) == ["j0", "j1", "j2"]


async def test_an_operation_submitted_while_close_drains_is_refused(store: SQLiteStore) -> None:
    async with inside.Busy(store) as busy:
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        with pytest.raises(StoreClosed):
            await put(store, "a")
        busy.end()
        await closing


async def test_no_thread_outlives_close(
    store: SQLiteStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one that the system lets wait between its last answer and its end."""
    before, waited_for, join = set(threading.enumerate()), threading.Event(), threading.Thread.join

    class Held(logging.Handler):
        """Keeps a driver's thread between its last answer and its end until somebody waits for that."""

        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            if "completed" in message and "close_and_stop" in message:
                assert waited_for.wait(10)

    def joined(thread: threading.Thread, timeout: float | None = None) -> None:
        waited_for.set()
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", joined)
    handler, driver = Held(), logging.getLogger("aiosqlite")
    caplog.set_level(logging.DEBUG, logger="aiosqlite")
    driver.addHandler(handler)
    other = SQLiteStore(store.path)
    await other.open()
    await other.close()
    after = set(threading.enumerate())
    driver.removeHandler(handler)
    waited_for.set()
    assert after <= before


async def test_a_cancelled_close_goes_on_and_the_next_waits_for_it(path: Path) -> None:
    before = set(threading.enumerate())
    store = SQLiteStore(path)
    await store.open()
    ours = set(threading.enumerate()) - before
    async with inside.Busy(store) as busy:
        waiting = asyncio.ensure_future(put(store, "a"))
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        busy.end()
        await store.close()
    await waiting
    assert inside.ended(ours)
    await store.open()
    assert await stored(store) == ["a"]
    await store.close()


async def test_opening_while_a_cancelled_close_goes_on_waits_for_it(store: SQLiteStore) -> None:
    closed = inside.writer(store)._task
    assert closed is not None
    async with inside.Busy(store) as busy:
        closing = asyncio.ensure_future(store.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        threads = set(threading.enumerate())
        opening = asyncio.ensure_future(store.open())
        await inside.turns(10)
        assert set(threading.enumerate()) <= threads  # nothing is opened beside what is still open
        busy.end()
        await opening
    assert closed.done()
    await put(store, "a")
    assert await stored(store) == ["a"]


async def test_after_close_everything_is_in_the_one_file(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    await store.close()
    assert [found.name for found in path.parent.iterdir()] == ["jobs.db"]


async def test_an_open_that_fails_half_way_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    store = SQLiteStore(path)
    with monkeypatch.context() as broken:
        broken.setattr("asyncjobs.store.sqlite.reader._PRAGMAS", ("query_only 1",))
        with pytest.raises(StoreUnavailable):
            await store.open()
    assert inside.ended(set(threading.enumerate()) - before)
    with pytest.raises(StoreClosed):
        await store.get(["a"])
    await store.open()
    await put(store, "a")
    await store.close()


# --- how safe a commit is ------------------------------------------------------------------------------------------------

NORMAL, SYNCED = 1, 2
Verb = Callable[[SQLiteStore], Awaitable[object]]

VERBS: dict[str, tuple[int, Verb]] = {
    "insert with power": (SYNCED, lambda store: store.insert([new("b")], now=NOW)),
    "insert of a mixed batch": (SYNCED, lambda store: store.insert([new("b", survives="crash"), new("c")], now=NOW)),
    "insert that survives a crash": (NORMAL, lambda store: store.insert([new("b", survives="crash")], now=NOW)),
    "cancel": (SYNCED, lambda store: store.cancel(["a"], now=NOW)),
    "requeue": (SYNCED, lambda store: store.requeue(["a"], now=NOW)),
    "pause": (SYNCED, lambda store: store.set_paused("default", True, now=NOW)),
    "resume": (SYNCED, lambda store: store.set_paused("default", False, now=NOW)),
    "register": (SYNCED, lambda store: sign_on(store, "r2")),
    "retire": (NORMAL, lambda store: store.retire("r2")),
    "claim": (NORMAL, lambda store: claim(store)),
    "beat": (NORMAL, lambda store: store.beat("r1", now=NOW)),
    "note": (NORMAL, lambda store: store.note({"a": (1, Progress(1))})),
    "abandon": (NORMAL, lambda store: store.abandon({"a": 1})),
    "prune": (NORMAL, lambda store: store.prune({State.SUCCEEDED: NOW}, limit=10)),
}


async def level_after(store: SQLiteStore, verb: Awaitable[object], expected: int) -> int:
    """The PRAGMA as this verb left it, having been the other way before."""
    other = NORMAL + SYNCED - expected
    await (store.set_paused("other", True, now=NOW) if other == SYNCED else store.note({}))
    assert await inside.pragma(store, "synchronous") == other
    await verb
    return int(await inside.pragma(store, "synchronous"))


@pytest.mark.parametrize("verb", VERBS)
async def test_a_commit_is_synced_exactly_when_it_must_survive_a_power_cut(store: SQLiteStore, verb: str) -> None:
    expected, act = VERBS[verb]
    assert await level_after(store, act(store), expected) == expected


@pytest.mark.parametrize(
    ("expected", "how"), [(NORMAL, success), (NORMAL, failure), (SYNCED, retry)], ids=["success", "failure", "retry"]
)
async def test_a_finish_is_synced_when_the_job_goes_on(store: SQLiteStore, expected: int, how: Callable[..., object]) -> None:
    job = await run(store, "a")
    assert await level_after(store, end(store, how(job)), expected) == expected  # type: ignore[arg-type]


async def test_one_that_must_be_synced_has_the_whole_batch_synced(store: SQLiteStore) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(claim(store), put(store, "a"), store.note({}))

    assert await level_after(store, all_at_once(), SYNCED) == SYNCED


async def test_the_generation_is_raised_by_a_synced_commit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(connection: sqlite3.Connection, path: str) -> None:
        really(connection, path)
        connection.execute("PRAGMA synchronous = NORMAL")  # as some builds of SQLite begin

    really = schema.prepare
    monkeypatch.setattr(schema, "prepare", prepare)
    store = SQLiteStore(path)
    await store.open()
    assert await inside.pragma(store, "synchronous") == SYNCED
    floor = store._floor
    await store.close()
    await store.open()
    assert store._floor > floor
    await store.close()


# --- the file is gone, locked or read-only -------------------------------------------------------------------------------


async def test_a_file_that_was_removed_acknowledges_nothing(path: Path, tmp_path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    os.unlink(path)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await put(store, "b")
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await store.get(["a"])
    assert "jobs.db" not in os.listdir(tmp_path)


async def test_a_file_that_was_replaced_acknowledges_nothing(path: Path, tmp_path: Path, store: SQLiteStore) -> None:
    foreign = tmp_path / "other.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    foreign.replace(path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="removed or replaced"):
            await put(store, "b")


async def test_a_file_that_was_moved_behind_a_link_acknowledges_nothing(path: Path, tmp_path: Path, store: SQLiteStore) -> None:
    """The same file; but who opens it by the link keeps another log beside it."""
    await put(store, "a")
    os.rename(path, tmp_path / "real.db")
    os.symlink(tmp_path / "real.db", path)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await put(store, "b")


async def test_a_file_that_was_replaced_is_not_taken_for_ours_after_an_io_error(
    path: Path, tmp_path: Path, store: SQLiteStore
) -> None:
    inside.fail_tries(store, inside.failure(IOERR), inside.failure(IOERR))
    with pytest.raises(OutcomeUnknown):
        await put(store, "a")
    (tmp_path / "aside").touch()
    (tmp_path / "aside").replace(path)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await put(store, "a")
    assert os.stat(path).st_size == 0


async def test_a_file_that_is_put_back_is_used_again(path: Path, tmp_path: Path, store: SQLiteStore) -> None:
    os.rename(path, tmp_path / "away.db")
    with pytest.raises(StoreUnavailable):
        await put(store, "a")
    (tmp_path / "away.db").rename(path)
    await put(store, "a")
    assert await stored(store) == ["a"]


async def test_a_stranger_who_holds_the_lock_makes_it_unavailable_until_he_lets_go(path: Path, store: SQLiteStore) -> None:
    await inside.pragma(store, "busy_timeout = 20")
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked by another program"):
        await put(store, "a")
    stranger.execute("ROLLBACK")
    stranger.close()
    await put(store, "a")
    assert await stored(store) == ["a"]


async def test_a_connection_that_may_not_write_says_so(store: SQLiteStore) -> None:
    await inside.pragma(store, "busy_timeout")
    await inside.on_thread(store, lambda connection: connection.execute("PRAGMA query_only = 1").fetchall())
    with pytest.raises(StoreUnavailable, match="read-only"):
        await put(store, "a")
    await inside.on_thread(store, lambda connection: connection.execute("PRAGMA query_only = 0").fetchall())
    await put(store, "a")


# --- no space ------------------------------------------------------------------------------------------------------------


async def test_a_file_at_its_limit_is_full_and_recovers(store: SQLiteStore) -> None:
    pages = await inside.pragma(store, "page_count")
    await inside.pragma(store, f"max_page_count = {pages}")
    with pytest.raises(StoreFull, match="disk is full"):
        await put(store, "a", args="x" * 100_000)
    assert await stored(store) == []
    await inside.pragma(store, "max_page_count = 1000000")
    await put(store, "a", args="x" * 100_000)
    assert await stored(store) == ["a"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount") or "mount-is-not-here"
    try:
        mounted = (
            subprocess.run(
                [mount, "-t", "tmpfs", "-o", "size=1m,nr_inodes=20", "tmpfs", str(disk)], capture_output=True
            ).returncode
            == 0
        )
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip(
            "may not mount a small disk here; test_a_file_at_its_limit_is_full_and_recovers asks the same of SQLite alone"
        )
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(b"x" * 4096) == 4096:
                pass
        file.truncate(max(file.tell() - leave, 0))
    return ballast


def use_up_inodes(disk: Path, *wanted: str) -> list[Path]:
    """No file can be created on this disk any more, once the wanted ones are; the unwanted."""
    files: list[Path] = []
    for name in wanted:
        (disk / name).touch()
    with suppress(OSError):
        while True:
            file = disk / f"file{len(files)}"
            file.touch()
            files.append(file)
    return files


async def test_a_full_disk_is_full_and_the_same_insert_succeeds_when_there_is_space(small_disk: Path) -> None:
    store = SQLiteStore(small_disk / "jobs.db")
    await store.open()
    await put(store, "a")
    ballast = fill(small_disk)
    with pytest.raises(StoreFull, match="disk is full"):
        await put(store, "b", args="x" * 200_000)
    assert await stored(store) == ["a"]
    ballast.unlink()
    await put(store, "b", args="x" * 200_000)
    assert await stored(store) == ["a", "b"]
    await store.close()


@pytest.mark.parametrize("room", [0, 4096, 8192, 20_480, 40_960])
async def test_a_store_that_is_opened_on_a_full_disk_is_full_and_opens_when_there_is_space(small_disk: Path, room: int) -> None:
    ballast = fill(small_disk, leave=room)
    store = SQLiteStore(small_disk / "jobs.db")
    with pytest.raises(StoreFull):
        await store.open()
    ballast.unlink()
    await store.open()
    await put(store, "a")
    await store.close()


async def test_a_store_that_can_have_no_log_on_a_full_disk_is_full_and_opens_when_there_is_space(small_disk: Path) -> None:
    files = use_up_inodes(small_disk, "jobs.db")
    store = SQLiteStore(small_disk / "jobs.db")
    with pytest.raises(StoreFull):
        await store.open()
    for file in files:
        file.unlink()
    await store.open()
    await put(store, "a")
    await store.close()


async def test_registering_on_a_full_disk_is_full_and_works_when_there_is_space(small_disk: Path) -> None:
    store = SQLiteStore(small_disk / "jobs.db")
    await store.open()
    files = use_up_inodes(small_disk)
    with pytest.raises(StoreFull):
        await sign_on(store)
    for file in files:
        file.unlink()
    await sign_on(store)
    await store.close()


# --- I/O errors ----------------------------------------------------------------------------------------------------------


async def test_after_an_io_error_the_database_is_reopened_and_the_batch_done_again(store: SQLiteStore) -> None:
    before = await inside.on_thread(store, id)
    inside.fail_tries(store, inside.failure(IOERR))
    assert await store.insert([new("a")], now=NOW) == [Inserted("a", True)]
    assert await inside.on_thread(store, id) != before
    assert await stored(store) == ["a"]


async def test_what_an_io_error_had_stored_after_all_is_not_stored_twice(store: SQLiteStore) -> None:
    job = await run(store, "a")
    inside.fail_tries(store, inside.failure(IOERR), committed=True)
    answers = await asyncio.gather(store.insert([new("b")], now=NOW), store.finish([success(job)], now=NOW))
    assert (answers[0], answers[1]) == ([Inserted("b", True)], ["already"]), "created by this very call"
    stats = (await store.stats(now=NOW)).queues["default"]
    assert (stats.states[State.QUEUED], stats.states[State.SUCCEEDED]) == (1, 1)


@pytest.mark.parametrize("second", [IOERR, FULL, sqlite3.SQLITE_BUSY])
async def test_an_insert_that_fails_again_after_an_io_error_is_unknown_by_its_ids(store: SQLiteStore, second: int) -> None:
    """Whatever stopped the second try: the first may have reached the disk."""
    inside.fail_tries(store, inside.failure(IOERR), inside.failure(second))
    inserted, noted = await asyncio.gather(put(store, "a", "b"), store.note({}), return_exceptions=True)
    assert isinstance(inserted, OutcomeUnknown)
    assert inserted.ids == ("a", "b")
    assert isinstance(noted, StoreUnavailable)
    assert not isinstance(noted, OutcomeUnknown)
    await put(store, "a", "b")
    assert await stored(store) == ["a", "b"]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN])
async def test_a_connection_that_may_not_write_is_not_kept(store: SQLiteStore, code: int) -> None:
    before = await inside.on_thread(store, id)
    inside.fail_tries(store, inside.failure(code))
    with pytest.raises(StoreUnavailable) as info:
        await put(store, "a")
    assert not isinstance(info.value, OutcomeUnknown), "nothing can have been stored"
    await put(store, "a")
    assert await inside.on_thread(store, id) != before


async def test_after_an_io_error_the_log_is_emptied_before_the_batch_is_done_again(path: Path, store: SQLiteStore) -> None:
    """What a failed fsync left of it may be on disk in part."""
    await put(store, "a")
    sizes: list[int] = []
    inside.fail_tries(store, inside.failure(IOERR))
    trying = inside.writer(store)._committer._try
    inside.writer(store)._committer._try = lambda *given: (sizes.append(os.stat(f"{path}-wal").st_size), trying(*given))[1]  # type: ignore[method-assign]
    await put(store, "b")
    assert sizes[0] > 0
    assert sizes[1] == 0


async def test_a_log_that_a_reader_holds_open_is_not_taken_for_emptied(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncjobs.store.sqlite.committer.BUSY_TIMEOUT", 0.05)
    await put(store, "a")
    reader = sqlite3.connect(path, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        inside.fail_tries(store, inside.failure(IOERR))
        with pytest.raises(OutcomeUnknown):
            await put(store, "b")
    finally:
        reader.close()
    await put(store, "b")
    assert await stored(store) == ["a", "b"]


async def test_a_log_that_was_removed_is_saved_and_said(path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "LATELY", 0.0)
    await put(store, "a")
    os.unlink(f"{path}-wal")
    with pytest.raises(StoreUnavailable, match="-wal was removed"):
        await put(store, "b")
    copy = sqlite3.connect(f"file:{path}?immutable=1", uri=True)  # the file by itself, without any log
    try:
        assert copy.execute("SELECT id FROM jobs").fetchall() == [("a",)]
    finally:
        copy.close()


async def test_a_log_that_was_removed_right_after_a_commit_leaves_the_outcome_of_the_next_open(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the files have just been looked at, they are next looked at when it is written."""
    monkeypatch.setattr(committer, "LATELY", 60.0)
    await put(store, "a")
    os.unlink(f"{path}-wal")
    with pytest.raises(OutcomeUnknown, match="-wal was removed"):
        await put(store, "b")
    with pytest.raises(StoreUnavailable, match="-wal was removed") as info:
        await put(store, "c")
    assert not isinstance(info.value, OutcomeUnknown)


@pytest.mark.parametrize("ending", ["", "-wal"])
async def test_a_file_that_goes_while_it_is_written_leaves_the_outcome_open(path: Path, store: SQLiteStore, ending: str) -> None:
    trying = inside.writer(store)._committer._try

    def try_and_remove(connection: sqlite3.Connection, batch: Any) -> Transaction:
        transaction = trying(connection, batch)
        os.unlink(f"{path}{ending}")
        return transaction

    inside.writer(store)._committer._try = try_and_remove  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown, match="was removed") as info:
        await put(store, "a")
    assert info.value.ids == ("a",)


async def test_a_log_that_goes_while_it_is_written_and_cannot_be_saved_leaves_the_outcome_open(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "a")
    await inside.pragma(store, "busy_timeout = 20")
    trying = inside.writer(store)._committer._try

    def try_and_remove(connection: sqlite3.Connection, batch: Any) -> Transaction:
        transaction = trying(connection, batch)
        with suppress(FileNotFoundError):
            os.unlink(f"{path}-wal")
        return transaction

    inside.writer(store)._committer._try = try_and_remove  # type: ignore[method-assign]
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN").execute("SELECT count(*) FROM jobs").fetchall()
        with pytest.raises(OutcomeUnknown, match="-wal was removed") as info:
            await put(store, "b")
        assert info.value.ids == ("b",)
    with pytest.raises(StoreUnavailable, match="is safe in the database"):  # saved now that nobody reads it
        await put(store, "c")


async def test_a_log_that_is_gone_is_not_let_go_of_after_an_io_error(path: Path, store: SQLiteStore) -> None:
    """The descriptor that is open is the only one; reopening would find another log, or none."""
    await put(store, "a")
    os.unlink(f"{path}-wal")
    inside.writer(store)._committer.needs_reopening = True
    with pytest.raises(StoreUnavailable, match="is safe in the database"):
        await put(store, "b")


async def test_nothing_is_written_once_others_lock_elsewhere(path: Path, store: SQLiteStore) -> None:
    """Without the `-shm` that we have open, the next to open the database makes its own: two writers at once, and a lost file."""
    await put(store, "a")
    os.unlink(f"{path}-shm")
    look = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('SELECT id FROM jobs').fetchall(), flush=True); input()"
    with subprocess.Popen(  # noqa: ASYNC220  # it answers at once
        [sys.executable, "-c", look, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "[('a',)]\n"
        with pytest.raises(StoreUnavailable, match=r"-shm was removed or replaced.*what was stored is in the log"):
            await put(store, "b")
        stranger.communicate("\n")


async def test_a_shm_that_was_removed_is_noticed_before_anybody_makes_another(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    os.unlink(f"{path}-shm")
    with pytest.raises(StoreUnavailable, match=r"-shm was removed or replaced.*is safe in the database"):
        await put(store, "b")


async def test_an_error_that_leaves_no_doubt_is_not_called_unknown(store: SQLiteStore) -> None:
    inside.fail_tries(store, inside.failure(FULL))
    with pytest.raises(StoreFull):
        await put(store, "a")


async def test_an_insert_of_a_known_job_is_not_created_by_an_io_error(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, "a")
    really, failures = inserting.insert_all, [inside.failure(IOERR)]

    def failing(cursor: sqlite3.Cursor, rows: Any) -> None:
        if failures:
            raise failures.pop()
        really(cursor, rows)

    monkeypatch.setattr(inserting, "insert_all", failing)
    assert await store.insert([new("a", args="other")], now=NOW) == [Inserted("a", False)]


@pytest.mark.parametrize("by", ["an earlier start", "a sibling"])
async def test_an_insert_of_a_job_that_another_has_made_is_not_created_by_an_io_error(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Where nothing was inserted here before it, or before the other's."""
    another = SQLiteStore(path)
    await another.open()
    await put(another if by == "a sibling" else store, "theirs", now=NOW - 1)
    if by == "an earlier start":
        await store.close()
        await store.open()
        assert await store.insert([new("theirs")], now=NOW) == [Inserted("theirs", False)]
    really, failures = inserting.insert_all, [inside.failure(IOERR)]

    def failing(cursor: sqlite3.Cursor, rows: Any) -> None:
        if failures:
            raise failures.pop()
        really(cursor, rows)

    monkeypatch.setattr(inserting, "insert_all", failing)
    assert await store.insert([new("theirs"), new("ours")], now=NOW) == [Inserted("theirs", False), Inserted("ours", True)]
    assert not failures
    await another.close()


async def test_a_database_that_cannot_be_reopened_is_unavailable_until_it_can(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unopenable() -> None:
        raise inside.failure(sqlite3.SQLITE_CANTOPEN)

    with monkeypatch.context() as broken:
        broken.setattr(inside.writer(store)._hopper, "open", unopenable)
        inside.fail_tries(store, inside.failure(IOERR))
        with pytest.raises(OutcomeUnknown):
            await put(store, "a")
        with pytest.raises(StoreUnavailable) as info:  # not even tried: no doubt about this one
            await put(store, "b")
        assert not isinstance(info.value, OutcomeUnknown)
    await put(store, "b")
    assert await stored(store) == ["b"]


async def test_a_store_that_cannot_be_reopened_can_be_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unopenable() -> None:
        raise inside.failure(sqlite3.SQLITE_CANTOPEN)

    store = SQLiteStore(path)
    await store.open()
    with monkeypatch.context() as broken:
        broken.setattr(inside.writer(store)._hopper, "open", unopenable)
        inside.fail_tries(store, inside.failure(IOERR))
        with pytest.raises(OutcomeUnknown):
            await put(store, "a")
        await store.close()
    await store.open()
    await put(store, "a")
    await store.close()


async def test_many_that_wait_for_a_store_that_cannot_be_reopened_are_all_answered(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is a part of them, and nobody comes to ring for the rest."""

    async def unopenable() -> None:
        raise inside.failure(sqlite3.SQLITE_CANTOPEN)

    monkeypatch.setattr(inside.writer(store)._hopper, "open", unopenable)
    inside.fail_tries(store, inside.failure(IOERR))
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(put(store, f"j{n}") for n in range(100)), return_exceptions=True)
        await store.close()
    assert all(isinstance(answer, StoreUnavailable) for answer in answers)


async def test_a_write_that_the_system_refuses_is_unknown_and_succeeds_later(store: SQLiteStore) -> None:
    """A real I/O error: files may not grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with pytest.raises(OutcomeUnknown) as info:
            await put(store, "a", args="x" * 200_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert info.value.ids == ("a",)
    await put(store, "a", args="x" * 200_000)
    assert (await one(store, "a")).args == "x" * 200_000


async def test_a_job_that_survives_nothing_is_stored_once_the_store_can(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted, "AGAIN_AFTER", 0.05)
    inside.fail_tries(store, inside.failure(FULL), inside.failure(FULL))
    await store.insert([new("a", survives="nothing")], now=NOW)
    with pytest.raises(StoreFull):
        await store.note({})  # in the same commit
    with pytest.raises(StoreUnavailable, match="on its way to the disk"):
        await one(store, "a")
    while len(store._accepted):
        assert store._accepted._retrying is not None
        await asyncio.wait({store._accepted._retrying})
        with suppress(StoreUnavailable):  # once more
            await store._accepted.settled(["a"])
    assert (await one(store, "a")).survives == "nothing"


async def test_a_job_that_survives_nothing_and_could_not_be_stored_is_tried_once_more_by_close(
    path: Path, store: SQLiteStore
) -> None:
    inside.fail_tries(store, inside.failure(FULL))
    await store.insert([new("a", survives="nothing")], now=NOW)
    with pytest.raises(StoreFull):
        await store.note({})
    await store.close()
    await store.open()
    assert (await one(store, "a")).survives == "nothing"


async def test_a_job_that_survives_nothing_and_is_lost_by_close_is_in_the_log(
    store: SQLiteStore, caplog: pytest.LogCaptureFixture
) -> None:
    inside.fail_tries(store, inside.failure(FULL), inside.failure(FULL))
    await store.insert([new("a", survives="nothing")], now=NOW)
    with pytest.raises(StoreFull):
        await store.note({})
    await store.close()
    assert "were not stored: a" in caplog.text
