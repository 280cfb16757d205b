"""Checks and copies of the file, beside the store's work."""

# ruff: noqa: ASYNC230, ASYNC240

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from asyncjobs.errors import ConfigurationError, StoreClosed, StoreMismatch, StoreUnavailable
from asyncjobs.store.sqlite import aside
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, everything, ids, new, put


async def test_a_whole_file_has_no_faults_and_a_damaged_one_has_them_named(store: SQLiteStore, path: Path) -> None:
    await store.insert([new(f"j{n}") for n in range(500)], now=NOW)
    assert await store.check() == []
    await store.close()
    with open(path, "r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\xff" * 4096)
    damaged = SQLiteStore(path)
    await damaged.open()
    try:
        faults = await damaged.check()
    except StoreUnavailable as error:  # where SQLite can't even read on
        faults = [error.reason]
    assert faults
    assert any(word in faults[0].lower() for word in ("damaged", "page", "index")), faults
    await damaged.close()


async def test_a_copy_holds_what_was_stored_and_works_by_itself(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    await put(store, "a", "b")
    copy = tmp_path / "elsewhere" / "copy.db"
    copy.parent.mkdir()
    assert await store.backup(str(copy)) == str(copy)
    assert os.listdir(copy.parent) == ["copy.db"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    await put(store, "c")
    other = SQLiteStore(copy)
    await other.open()
    assert sorted(ids(await everything(other))) == ["a", "b"]
    assert await other.check() == []
    await put(other, "d")
    await other.close()
    assert await store.backup(str(copy)) == str(copy), "what was there is replaced"
    with sqlite3.connect(copy) as connection:
        assert sorted(connection.execute("SELECT id FROM jobs")) == [("a",), ("b",), ("c",)]
    connection.close()


async def test_without_a_path_it_stands_beside_the_file_and_is_told_of(store: SQLiteStore, path: Path) -> None:
    before = await store.storage()
    assert (before.backup_at, before.backup) == (None, None)
    assert await store.backup(None) == f"{path}.backup"
    storage = await store.storage()
    assert storage.backup == Path(f"{path}.backup").stat().st_size
    assert storage.backup_at is not None
    assert (storage.kind, storage.path) == (f"SQLite {sqlite3.sqlite_version}", str(path))
    assert storage.size is not None
    assert storage.size % 4096 == 0
    assert storage.log is not None
    assert storage.log > 0
    assert storage.room is not None
    assert storage.room > 1 << 20


async def test_pages_that_hold_nothing_are_counted(store: SQLiteStore) -> None:
    await store.insert([new(f"j{n}", args=f'"{"x" * 9_000}"') for n in range(50)], now=NOW)
    full = await store.storage()
    await store.cancel([f"j{n}" for n in range(50)], now=NOW)
    await store.discard([f"j{n}" for n in range(50)])
    empty = await store.storage()
    assert full.free is not None
    assert empty.free is not None
    assert empty.free - full.free > 50 * 8_000


@pytest.mark.parametrize("to", ["", "-wal", "-shm", "/.."])
async def test_a_copy_never_takes_the_place_of_the_store_itself(store: SQLiteStore, path: Path, to: str) -> None:
    with pytest.raises(ConfigurationError, match="path of a file"):
        await store.backup(f"{path.parent if to == '/..' else path}{to}")
    await put(store, "a")
    assert ids(await everything(store)) == ["a"]


async def test_a_copy_that_can_not_be_written_leaves_what_was_there(
    store: SQLiteStore, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreMismatch, match="can't be written"):
        await store.backup(str(tmp_path / "nowhere" / "copy.db"))
    copy = Path(await store.backup(str(tmp_path / "copy.db")))
    before = copy.read_bytes()
    await put(store, "a")

    def fails(path: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(aside, "_sync", fails)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        await store.backup(str(copy))
    assert copy.read_bytes() == before
    assert not Path(f"{copy}.part").exists()


async def test_jobs_go_on_meanwhile_and_a_store_that_closes_waits_for_neither(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.insert([new(f"j{n}") for n in range(500)], now=NOW)
    monkeypatch.setattr(aside, "CHECK_EVERY", 100)
    begun, go = threading.Event(), threading.Event()
    copy = aside._copy

    def slowly(connection: sqlite3.Connection, target: str) -> str:
        begun.set()
        assert go.wait(5)
        return copy(connection, target)

    monkeypatch.setattr(aside, "_copy", slowly)
    copying = asyncio.ensure_future(store.backup(None))
    await asyncio.to_thread(begun.wait, 5)
    await put(store, "meanwhile")
    assert "meanwhile" in ids(await everything(store))
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(StoreClosed):
        await copying
    await closing
    assert not os.path.exists(f"{store.path}.backup")
    assert not os.path.exists(f"{store.path}.backup.part")
    await store.open()
    assert await store.check() == []
