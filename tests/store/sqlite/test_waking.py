"""One process tells another that there is work."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from asyncjobs.job import Hold, NewJob
from asyncjobs.store.sqlite.store import SQLiteStore
from asyncjobs.store.sqlite.watching import FALLBACK, Watch
from tests.store.acts import MINUTE, NOW, WORK, claim, end, new, put, retry, run, sign_on, success, take
from tests.store.sqlite import inside
from tests.store.sqlite.children import Child, Children


async def woken_after(store: SQLiteStore, runner: str, insert: object) -> float:
    """Seconds from the insert to this runner's watch; the names it heard are the insert's queue."""
    async with store.watch() as watch:
        begin = time.monotonic()
        _, heard = await asyncio.wait_for(asyncio.gather(insert(), anext(watch)), 5)  # type: ignore[operator]
        seconds = time.monotonic() - begin
        assert heard == {"mail"}
    print(f"{runner} was woken after {seconds * 1000:.1f} ms")
    return seconds


async def test_an_insert_wakes_another_handle_of_this_process(store: SQLiteStore, other: SQLiteStore) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    assert await woken_after(other, "r2", lambda: put(store, "a", queue="mail")) < 1


async def test_an_insert_wakes_another_process(store: SQLiteStore, children: Children) -> None:
    child: Child = children("runner", "c1")
    await child.answer()
    await sign_on(store)
    assert await woken_after(store, "r1", lambda: child.ask("put", "a", "mail")) < 1


async def told(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, *verbs: Coroutine[Any, Any, object]) -> list[set[str]]:
    """What siblings are told after each commit of these."""
    heard: list[set[str]] = []
    monkeypatch.setattr(store._waker, "tell", lambda _, queues: heard.append(set(queues)))
    await asyncio.gather(*verbs)
    await inside.idle(store)
    return heard


async def test_who_begins_all_that_there_is_wakes_nobody(
    store: SQLiteStore, other: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    assert await told(store, monkeypatch, put(store, "a", "b"), claim(store, "r1", {"default": 2})) == []


@pytest.mark.parametrize(
    ("jobs", "limit"),
    [
        ([new("a"), new("b")], 1),  # one is left
        ([new("a"), new("b", run_at=NOW + MINUTE)], 2),  # one is for later
        ([new("a"), new("b", queue="mail")], 2),  # another queue's
        ([new("a"), new("b", name="unknown")], 2),
    ],
)
async def test_what_does_not_begin_here_is_told(
    store: SQLiteStore, other: SQLiteStore, monkeypatch: pytest.MonkeyPatch, jobs: list[NewJob], limit: int
) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={*WORK, "unknown"})
    store._gate.refresh(now=True)
    (heard,) = await told(store, monkeypatch, store.insert(jobs, now=NOW), claim(store, "r1", {"default": limit}))
    assert heard == {jobs[1].queue}


async def test_a_suspect_of_a_task_unknown_here_is_told(
    store: SQLiteStore, other: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2", tasks={"theirs"})
    await put(store, "a", name="theirs")
    [job] = (await claim(other, "r2", tasks={"theirs"})).jobs
    store._gate.refresh(now=True)
    ended = store.finish([retry(job, hold=Hold.ALONE)], now=NOW)
    assert await told(store, monkeypatch, ended, claim(store, "r1")) == [{"default"}]


async def test_a_reschedule_a_requeue_and_a_resume_wake_too(store: SQLiteStore, other: SQLiteStore) -> None:
    await sign_on(other, "r2")
    job = await run(store, "a")
    store._gate.refresh(now=True)
    async with other.watch() as watch, asyncio.timeout(5):
        await end(store, retry(job))
        assert await anext(watch) == {"default"}
        [job] = await take(store)
        await end(store, success(job))
        await store.requeue(["a"], now=NOW)
        assert await anext(watch) == {"default"}
        await store.set_paused("mail", False, now=NOW)
        assert await anext(watch) == {"mail"}


async def test_a_folder_deeper_than_a_sockets_path_may_be_wakes_as_well(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 80) / ("e" * 80)
    os.makedirs(folder)
    store, other = SQLiteStore(folder / "jobs.db"), SQLiteStore(folder / "jobs.db")
    await store.open()
    await other.open()
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    assert await woken_after(other, "r2", lambda: put(store, "a", queue="mail")) < 1
    await store.close()
    await other.close()


async def test_a_sibling_that_does_not_watch_breaks_nothing(store: SQLiteStore, other: SQLiteStore) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    await put(store, "a", "b")
    async with other.watch():
        await put(store, "c")
    await put(store, "d")
    assert len(await take(other, "r2")) == 4


async def test_a_runners_folder_that_is_gone_breaks_nothing(
    path: Path, store: SQLiteStore, other: SQLiteStore, caplog: pytest.LogCaptureFixture
) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    for name in os.listdir(f"{path}.runners"):
        os.unlink(f"{path}.runners/{name}")
    os.rmdir(f"{path}.runners")
    await put(store, "a")
    async with asyncio.timeout(5), other.watch():
        await put(store, "b")
    assert len(await take(store, "r1")) == 2
    assert "the writer failed" not in caplog.text


async def test_work_whose_datagram_is_lost_is_noticed_by_the_files_version(
    store: SQLiteStore, other: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncjobs.store.sqlite.watching.FALLBACK", FALLBACK / 20)
    monkeypatch.setattr(store._waker, "tell", lambda *_: None)
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    other._gate.refresh(now=True)
    async with other.watch() as watch, asyncio.timeout(5):
        await put(store, "a")
        assert await anext(watch) == frozenset()


async def test_what_comes_while_nobody_listens_is_merged(store: SQLiteStore, other: SQLiteStore) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    store._gate.refresh(now=True)
    async with other.watch() as watch, asyncio.timeout(5):
        assert isinstance(watch, Watch)
        await put(store, "a", queue="mail")
        await put(store, "b", queue="news")
        heard: set[str] = set()
        while heard != {"mail", "news"}:
            heard |= await anext(watch)


async def test_a_watch_that_is_cancelled_while_it_stops_says_so(store: SQLiteStore) -> None:
    async def watch() -> None:
        async with store.watch():
            begun.set()
            await asyncio.Event().wait()

    begun = asyncio.Event()
    task = asyncio.ensure_future(watch())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
