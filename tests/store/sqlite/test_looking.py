"""A handle that only looks: at a file in use, at rest, left by a killed process, where nothing may be written; and changes none."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.errors import StoreClosed, StoreError, StoreMismatch
from asyncjobs.job import State
from asyncjobs.store.base import JobQuery
from asyncjobs.store.sqlite import schema
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import NOW, new, put, run
from tests.store.sqlite.children import Children


def standing(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Each file with what is in it, and when it was written; but for -shm, which is SQLite's notes of who reads."""
    return {
        file.name: (file.read_bytes(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
        if file.is_file() and not file.name.endswith("-shm")
    }


async def rested(path: Path, *ids: str) -> None:
    """A file with these jobs, closed."""
    store = SQLiteStore(path)
    await store.open()
    await put(store, *ids)
    await store.close()


async def waiting(looks: SQLiteStore) -> int:
    return (await looks.stats(now=NOW)).queues["default"].waiting


@pytest.fixture
async def looks(path: Path) -> SQLiteStore:
    return SQLiteStore(path, looks=True)


async def test_a_file_at_rest_is_read_and_nothing_appears_beside_it(path: Path, looks: SQLiteStore) -> None:
    await rested(path, "a", "b")
    before = standing(path.parent)
    names = sorted(file.name for file in path.parent.iterdir())
    await looks.open()
    assert await waiting(looks) == 2
    assert [job.id for job in (await looks.page(JobQuery(), limit=10)).jobs] == ["b", "a"]
    assert await looks.timetable.all() == []
    await looks.close()
    assert standing(path.parent) == before
    assert sorted(file.name for file in path.parent.iterdir()) == names


async def test_a_file_in_use_is_read_as_of_its_last_commit(path: Path, looks: SQLiteStore, store: SQLiteStore) -> None:
    await put(store, "a")
    await looks.open()
    assert await waiting(looks) == 1
    await put(store, "b")
    assert await waiting(looks) == 2
    await store.close()
    assert "jobs.db-wal" not in standing(path.parent)  # nothing of ours kept its owner from putting its log away
    assert await waiting(looks) == 2
    await looks.close()


async def test_what_begins_while_a_file_at_rest_is_read_is_seen(path: Path, looks: SQLiteStore) -> None:
    await rested(path, "a")
    await looks.open()
    reads: list[int] = []

    def read(cursor: sqlite3.Cursor) -> int:
        ((count,),) = cursor.execute("SELECT count(*) FROM jobs").fetchall()
        reads.append(count)
        if len(reads) == 1:  # an app that starts, works and stops meanwhile, as far as the file can tell
            with sqlite3.connect(path, isolation_level=None) as other:
                other.execute("DELETE FROM jobs").fetchall()
            other.close()
        return int(count)

    assert await looks._reader.read(read) == 0
    assert reads == [1, 0]
    await looks.close()


async def test_a_file_that_is_put_in_its_place_is_the_one_that_is_read(path: Path, tmp_path: Path, looks: SQLiteStore) -> None:
    await rested(path, "a")
    await looks.open()
    assert await waiting(looks) == 1
    await rested(tmp_path / "new.db", "a", "b", "c")
    (tmp_path / "new.db").rename(path)
    assert await waiting(looks) == 3
    await looks.close()


async def test_what_a_killed_process_left_is_shown_and_left(path: Path, looks: SQLiteStore, children: Children) -> None:
    child = children("runner", "r1")
    assert await child.answer() == "ready"
    await child.ask("put", "a", "default")
    await child.ask("put", "b", "default")
    assert await child.ask("take") == ["a", "b"]
    child.kill()
    before = standing(path.parent)
    assert before["jobs.db-wal"][0]
    await looks.open()
    stats = await looks.stats(now=NOW)
    assert [(one.info.id, one.alive) for one in stats.runners] == [("r1", False)]
    assert stats.queues["default"].states[State.RUNNING] == 2
    await looks.close()
    assert standing(path.parent) == before


async def test_a_copy_of_the_database_alone_is_read(path: Path, tmp_path: Path) -> None:
    await rested(path, "a")
    (tmp_path / "there").mkdir()
    copy = Path(shutil.copy(path, tmp_path / "there" / "copy.db"))
    looks = SQLiteStore(copy, looks=True)
    await looks.open()
    assert await waiting(looks) == 1
    await looks.close()
    assert [file.name for file in copy.parent.iterdir()] == ["copy.db"]


async def test_it_writes_nothing(path: Path, looks: SQLiteStore) -> None:
    await rested(path, "a")
    await looks.open()
    with pytest.raises(StoreClosed):
        await looks.insert([new("b")], now=NOW)
    with pytest.raises(StoreError, match="readonly"):
        await looks._reader.read(lambda cursor: cursor.execute("DELETE FROM jobs").fetchall())
    await looks.close()
    with pytest.raises(StoreClosed):
        await looks.get(["a"])


async def test_a_job_that_runs_is_its_own_process_s(store: SQLiteStore, path: Path, looks: SQLiteStore) -> None:
    await run(store, "a")
    await looks.open()
    assert [one.alive for one in (await looks.stats(now=NOW)).runners] == [True]
    await looks.close()


# --- refused -------------------------------------------------------------------------------------------------------------


def nothing(path: Path) -> None: ...


def a_folder(path: Path) -> None:
    path.mkdir()


def a_text(path: Path) -> None:
    path.write_text("this is a text, and longer than the header of a database is, which has a hundred bytes" * 3)


def an_empty_file(path: Path) -> None:
    path.touch()


def of_another_program(path: Path) -> None:
    with sqlite3.connect(path, isolation_level=None) as made:
        made.execute("CREATE TABLE t (x)")
    made.close()


def of_schema(version: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with sqlite3.connect(path, isolation_level=None) as made:
            made.execute("CREATE TABLE jobs (x)")
            made.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            made.execute(f"PRAGMA user_version = {version}")
        made.close()

    return make


@pytest.mark.parametrize(
    ("arrange", "sentence"),
    [
        (nothing, "is not there, and was not made"),
        (a_folder, "is a folder"),
        (a_text, "is not an SQLite database"),
        (an_empty_file, "is empty"),
        (of_another_program, "of another program"),
        (of_schema(schema.VERSION + 1), "made by a newer asyncjobs"),
        (of_schema(schema.VERSION - 1), "made by an older asyncjobs"),
    ],
)
async def test_what_is_no_file_of_ours_is_refused_and_left(
    path: Path, looks: SQLiteStore, arrange: Callable[[Path], None], sentence: str
) -> None:
    arrange(path)
    before = standing(path.parent)
    with pytest.raises(StoreMismatch, match=sentence):
        await looks.open()
    assert standing(path.parent) == before


async def test_a_file_that_a_newer_app_has_migrated_meanwhile_is_not_guessed_at(path: Path, looks: SQLiteStore) -> None:
    await rested(path, "a")
    await looks.open()
    with sqlite3.connect(path, isolation_level=None) as newer:
        newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    newer.close()
    with pytest.raises(StoreMismatch, match="newer asyncjobs"):
        await waiting(looks)
    await looks.close()


# --- where nothing may be written ----------------------------------------------------------------------------------------


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that every user may look into, and nobody but its owner write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_nobody(children: Children, tmp_path: Path, path: Path) -> Any:
    return asyncio.run(children("looker", str(tmp_path / "warm.db"), at=path).answer())


def left_by_a_killed_one(children: Children, path: Path) -> None:
    child = children("runner", "r1", at=path)
    assert asyncio.run(child.answer()) == "ready"
    asyncio.run(child.ask("put", "a", "default"))
    child.kill()
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}.runners/r1.lock")):
        file.chmod(0o644)
    Path(f"{path}.runners").chmod(0o755)


def test_a_file_at_rest_is_read_where_nothing_may_be_written(children: Children, tmp_path: Path, shared: Path) -> None:
    path = shared / "jobs.db"
    asyncio.run(rested(path, "a"))
    path.chmod(0o644)
    assert as_nobody(children, tmp_path, path) == [1, {}]
    assert [file.name for file in shared.iterdir() if file.is_file()] == ["jobs.db"]


def test_who_may_only_read_sees_that_a_process_is_gone(children: Children, tmp_path: Path, shared: Path) -> None:
    path = shared / "jobs.db"
    left_by_a_killed_one(children, path)
    assert as_nobody(children, tmp_path, path) == [1, {"r1": False}]


def test_a_log_that_cannot_be_read_is_told_of_and_not_passed_over(children: Children, tmp_path: Path, shared: Path) -> None:
    path = shared / "jobs.db"
    left_by_a_killed_one(children, path)
    Path(f"{path}-shm").unlink()
    kind, said = as_nobody(children, tmp_path, path)
    assert (kind, "what was stored last is in its log, jobs.db-wal" in said) == ("StoreMismatch", True), said


def test_a_file_of_others_is_refused(children: Children, tmp_path: Path, shared: Path) -> None:
    path = shared / "jobs.db"
    asyncio.run(rested(path, "a"))
    kind, said = as_nobody(children, tmp_path, path)
    assert (kind, "may not be read by this user" in said) == ("StoreMismatch", True), said
