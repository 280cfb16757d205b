"""Looking: never behind a write, never for long."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.errors import StoreUnavailable
from asyncjobs.store.base import HistoryBucket, JobQuery, Metric
from asyncjobs.store.sqlite import reader
from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.store.tally import buckets_of
from tests.store.acts import NOW, ids, one, put, take
from tests.store.sqlite import inside

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_a_read_past_its_deadline_is_given_up_and_the_next_works(store: SQLiteStore) -> None:
    await put(store, "a")
    store._reader.deadline = 0.05
    async with asyncio.timeout(5):
        with pytest.raises(StoreUnavailable, match="took too long"):
            await store._reader.read(lambda cursor: cursor.execute(ENDLESS).fetchall())
    store._reader.deadline = 5.0
    assert (await one(store, "a")).id == "a"
    assert await store._reader._hopper.call(lambda connection: connection.in_transaction) is False


async def test_a_read_past_its_deadline_holds_up_no_write(store: SQLiteStore) -> None:
    reading = asyncio.ensure_future(store._reader.read(lambda cursor: cursor.execute(ENDLESS).fetchall()))
    await asyncio.sleep(0)
    await put(store, "a")
    assert not reading.done()
    with pytest.raises(StoreUnavailable):
        await reading


async def test_reads_go_on_while_another_program_writes(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN EXCLUSIVE")
    stranger.execute("UPDATE jobs SET priority = 3")
    async with asyncio.timeout(2):
        assert (await one(store, "a")).priority == 1
        assert ids((await store.page(JobQuery(), limit=5)).jobs) == ["a"]
        assert (await store.stats(now=NOW)).queues["default"].waiting == 1
        await store.history(since=0, until=NOW + 1)
        await store.orphans(10)
    stranger.execute("ROLLBACK")
    stranger.close()


async def test_reads_go_on_while_this_process_commits(store: SQLiteStore) -> None:
    await put(store, "a")
    async with asyncio.timeout(2), inside.Busy(store):
        assert (await one(store, "a")).id == "a"


async def test_the_reader_can_write_nothing(store: SQLiteStore) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store._reader._hopper.call(lambda connection: connection.execute("DELETE FROM jobs"))


async def test_a_cancelled_read_leaves_the_reader_fit_for_the_next(store: SQLiteStore) -> None:
    await put(store, "a")
    go_on = threading.Event()
    reading = asyncio.ensure_future(store._reader.read(lambda _: go_on.wait(5)))
    await asyncio.sleep(0)
    reading.cancel()
    go_on.set()
    assert (await one(store, "a")).id == "a"


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "١٢", "1.5", " 1"])
async def test_a_position_that_is_none_begins_at_the_start(store: SQLiteStore, after: str) -> None:
    await put(store, "a", "b")
    assert ids((await store.page(JobQuery(), limit=5, after=after)).jobs) == ["b", "a"]


async def test_a_take_over_is_never_given_up_for_its_size(store: SQLiteStore) -> None:
    for n in range(20):
        await put(store, f"large-{n}", args='"' + "x" * 250_000 + '"')
    await take(store, runner="dead", n=20)
    store._reader.deadline = 0.0
    assert len(await store.orphans(500)) == 20


async def test_history_is_added_up_beside_the_loop(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(store, "a")
    threads: list[int] = []

    def noted(entries: Any) -> list[HistoryBucket]:
        threads.append(threading.get_ident())
        return buckets_of(entries)

    monkeypatch.setattr(reader, "buckets_of", noted)
    (bucket,) = await store.history(since=0, until=NOW + 1)
    assert bucket.counts == {Metric.ENQUEUED: 1}
    assert threads
    assert threading.get_ident() not in threads


async def test_a_closed_store_leaves_the_whole_database_in_one_file(path: Path, store: SQLiteStore) -> None:
    await put(store, "a")
    await store.close()
    assert not path.with_name(path.name + "-wal").exists()
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    assert connection.execute("SELECT id FROM jobs").fetchall() == [("a",)]
    connection.close()
