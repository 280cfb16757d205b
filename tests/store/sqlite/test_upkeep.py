"""What beats and prunes keep in order, a part at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.job import Hold
from asyncjobs.store.sqlite import operating, upkeep
from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.acts import MINUTE, NOW, everything, ids, put, sign_on, take


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "jobs.db")
    await store.open()
    await sign_on(store)
    yield store
    await store.close()


def rows(store: SQLiteStore, table: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{store.path}?mode=ro", uri=True)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


async def test_many_jobs_of_a_resumed_task_are_let_go_a_part_with_each_beat(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "UNHOLD_AT_ONCE", 2)
    await store.set_task_paused("work", True, now=NOW)
    await put(store, *"abcde")
    await take(store)
    await store.set_task_paused("work", False, now=NOW)
    left = []
    for _ in range(3):
        left.append(sum(job.hold is Hold.PAUSED for job in await everything(store)))
        await store.beat("r1", now=NOW)
    assert left == [3, 1, 0]
    assert rows(store, "task_pauses") == []
    assert ids(await take(store)) == list("abcde")


async def test_many_jobs_that_have_expired_are_cancelled_a_part_with_each_beat(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operating, "EXPIRED_AT_ONCE", 2)
    await put(store, *"abc", expires_at=NOW + 1)
    gone = [list((await store.beat("r1", now=NOW + 1)).expired) for _ in range(3)]
    assert gone == [["a", "b"], ["c"], []]


async def test_a_key_whose_time_is_over_leaves_no_row_behind(store: SQLiteStore) -> None:
    await put(store, "a", unique_key="short", unique_for=1000)
    await put(store, "b", unique_key="long", unique_for=MINUTE)
    await put(store, "later", now=NOW + 2000)
    await store.prune({}, limit=10)
    assert [key for key, *_ in rows(store, "taken_keys")] == ["long"]
