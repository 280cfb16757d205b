"""The log stays short, and nobody but the holder of the write lock moves it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.store.sqlite import log as log_module
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, everything, ids, new, put
from tests.store.sqlite import inside

LIMIT = 64 << 20


def log_size(path: Path) -> int:
    return os.stat(f"{path}-wal").st_size


async def test_a_hundred_thousand_inserts_leave_a_short_log(path: Path, store: SQLiteStore) -> None:
    longest = 0
    for begin in range(0, 100_000, 1_000):
        await store.insert([new(f"j{begin + n}", survives="crash") for n in range(1_000)], now=NOW)
        longest = max(longest, log_size(path))
    print(f"longest log {longest / 2**20:.1f} MiB")
    assert longest < LIMIT


async def test_large_arguments_leave_a_short_log(path: Path, store: SQLiteStore) -> None:
    longest, text = 0, "x" * 250_000
    for begin in range(0, 600, 20):
        await asyncio.gather(*(put(store, f"j{begin + n}", args=text, survives="crash") for n in range(20)))
        longest = max(longest, log_size(path))
    print(f"longest log {longest / 2**20:.1f} MiB")
    assert longest < log_module.LOG_KEPT + 2 * log_module.LOG_GROWTH < LIMIT


async def test_the_log_that_a_long_reader_holds_up_is_short_again_after_it(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "LOG_GROWTH", 1 << 20)
    await inside.pragma(store, "journal_size_limit = 1048576")
    text = "x" * 250_000
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM jobs").fetchall()
    for n in range(40):
        await put(store, f"a{n}", args=text, survives="crash")
    assert log_size(path) > 8 << 20  # as long as it reads, nothing of the log may go
    reader.execute("COMMIT")
    reader.close()
    for n in range(20):
        await put(store, f"b{n}", args=text, survives="crash")
    assert log_size(path) < 4 << 20


async def checkpointed(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """Let every commit be followed by a checkpoint; the connection that takes it."""
    monkeypatch.setattr(log_module, "CHECKPOINT_CHANGES", 0)
    await put(store, "first")
    await inside.idle(store)
    helper = inside.writer(store)._committer.log._checkpointer
    assert helper is not None
    return helper


async def test_no_connection_checkpoints_by_itself(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = await checkpointed(store, monkeypatch)
    question = "PRAGMA wal_autocheckpoint"
    assert await inside.pragma(store, "wal_autocheckpoint") == 0
    assert await inside.on_thread(store, lambda _: helper.execute(question).fetchall()) == [(0,)]
    assert await store._reader._hopper.call(lambda connection: connection.execute(question).fetchall()) == [(0,)]


async def test_a_checkpoint_is_taken_while_the_write_lock_is_held(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = await checkpointed(store, monkeypatch)
    tried = []

    def try_to_write(statement: str) -> None:
        if "wal_checkpoint" in statement:
            stranger = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                stranger.execute("BEGIN IMMEDIATE")
                tried.append("written")
            except sqlite3.OperationalError as error:
                tried.append(str(error))
            stranger.close()

    await inside.on_thread(store, lambda _: helper.set_trace_callback(try_to_write))
    await put(store, "a")
    await inside.idle(store)
    assert tried == ["database is locked"]


async def test_a_checkpoint_moves_the_log_into_the_database(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.stat(path).st_size
    await checkpointed(store, monkeypatch)
    await put(store, "a", args="x" * 500_000)
    await inside.idle(store)
    assert os.stat(path).st_size > before + 400_000


class Failing:
    def __init__(self, really: sqlite3.Connection, code: int) -> None:
        self.really = really
        self.code = code
        self.tried = 0

    def execute(self, _: str) -> Any:
        self.tried += 1
        raise inside.failure(self.code)

    def close(self) -> None:
        self.really.close()


async def test_a_failing_checkpoint_fails_no_commit(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = Failing(await checkpointed(store, monkeypatch), sqlite3.SQLITE_FULL)
    inside.writer(store)._committer.log._checkpointer = failing  # type: ignore[assignment]
    await put(store, "a")
    await put(store, "b")
    await inside.idle(store)
    assert failing.tried == 2
    assert "the checkpoint failed" in caplog.text
    assert sorted(ids(await everything(store))) == ["a", "b", "first"]


async def test_a_checkpoint_that_could_not_sync_the_log_has_it_emptied_before_the_next_commit(
    path: Path, store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the kernel dropped of it then, no later sync writes."""
    failing = Failing(await checkpointed(store, monkeypatch), sqlite3.SQLITE_IOERR)
    inside.writer(store)._committer.log._checkpointer = failing  # type: ignore[assignment]
    before = await inside.on_thread(store, id)
    await put(store, "a")
    await inside.idle(store)
    monkeypatch.setattr("asyncjobs.store.sqlite.log.CHECKPOINT_CHANGES", 1_000)
    assert os.stat(f"{path}-wal").st_size > 0
    sizes: list[int] = []
    trying = inside.writer(store)._committer._try
    inside.writer(store)._committer._try = lambda *given: (sizes.append(os.stat(f"{path}-wal").st_size), trying(*given))[1]  # type: ignore[method-assign]
    await put(store, "b")
    assert (failing.tried, sizes) == (1, [0])
    assert await inside.on_thread(store, id) != before
