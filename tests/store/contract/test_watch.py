"""watch: a bell between processes. The contract lets it be silent; these stores are not, so their bells are tested."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from asyncjobs.store.base import Store
from tests.store.acts import NOW, end, put, retry, run, sign_on

PATIENCE = 10.0  # seconds: a bound for a hang; nothing waits for it otherwise


async def test_an_insert_elsewhere_rings(store: Store, other: Store) -> None:
    await sign_on(other, "r2", queues={"mail": 1})
    async with other.watch() as changes:
        await put(store, "a", queue="mail")
        async with asyncio.timeout(PATIENCE):
            queues = await anext(aiter(changes))
    assert queues == frozenset() or "mail" in queues


async def resume(store: Store) -> None:
    await store.set_paused("default", False, now=NOW)


async def requeue(store: Store) -> None:
    assert await store.requeue(["ended"], now=NOW) == [True]


async def retry_later(store: Store) -> None:
    [job] = await store.get(["running"])
    assert job is not None
    await end(store, retry(job, run_at=NOW))


@pytest.mark.parametrize("act", [resume, requeue, retry_later])
async def test_whatever_makes_work_elsewhere_rings(store: Store, other: Store, act: Callable[[Store], Awaitable[None]]) -> None:
    await sign_on(other, "r2")  # before all else: a store may look only now and then who lives
    await run(store, "running")
    await put(store, "ended")
    await store.cancel(["ended"], now=NOW)
    await store.set_paused("default", True, now=NOW)
    async with other.watch() as changes:
        await act(store)
        async with asyncio.timeout(PATIENCE):
            queues = await anext(aiter(changes))
    assert queues == frozenset() or "default" in queues


async def test_what_rang_before_somebody_looked_is_not_lost(store: Store, other: Store) -> None:
    await sign_on(other, "r2", queues={"mail": 1, "default": 1})
    async with other.watch() as changes:
        await put(store, "a", queue="mail")
        await put(store, "b")
        heard: set[str] = set()
        async with asyncio.timeout(PATIENCE):
            async for queues in changes:
                heard |= queues or {"mail", "default"}
                if heard >= {"mail", "default"}:
                    break
    assert heard >= {"mail", "default"}


async def test_a_watch_ends_with_its_block_and_can_be_had_again(store: Store, other: Store) -> None:
    await sign_on(other, "r2")
    for turn in range(3):
        async with other.watch() as changes:
            await put(store, f"a{turn}")
            async with asyncio.timeout(PATIENCE):
                assert isinstance(await anext(aiter(changes)), frozenset)


async def test_a_waiting_watch_can_be_cancelled(store: Store) -> None:
    await sign_on(store)
    waiting = asyncio.Event()

    async def listen() -> None:
        async with store.watch() as changes:
            waiting.set()
            async for _ in changes:
                pass

    listener = asyncio.create_task(listen())
    await waiting.wait()
    listener.cancel()
    await asyncio.wait([listener])
    assert listener.cancelled()
    await put(store, "a", now=NOW)
