"""Jobs with survives="nothing": accepted at once, on their way with the next commit."""

from __future__ import annotations

from asyncjobs.job import State
from asyncjobs.store.base import Inserted, Store
from tests.store.acts import NOW, ids, new, one, put, sign_on, take


async def test_a_job_that_survives_nothing_goes_with_the_next_commit(store: Store, other: Store) -> None:
    answers = await store.insert([new("a", survives="nothing")], now=NOW)
    assert list(answers) == [Inserted("a", True)]
    await put(store, "b")
    assert (await one(other, "a")).survives == "nothing"


async def test_a_job_that_survives_nothing_is_flushed_by_close(store: Store, other: Store) -> None:
    await store.insert([new("a", survives="nothing")], now=NOW)
    await store.close()
    assert (await one(other, "a")).state is State.QUEUED


async def test_a_job_that_survives_nothing_is_claimed_like_any_other(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("a", survives="nothing")], now=NOW)
    await put(store, "b")
    assert ids(await take(store)) == ["a", "b"]


async def test_a_job_that_survives_nothing_is_in_the_next_claim(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("a", survives="nothing")], now=NOW)
    assert ids(await take(store)) == ["a"]


async def test_a_batch_with_one_that_survives_is_as_safe_as_that_one(store: Store, other: Store) -> None:
    await store.insert([new("a", survives="nothing"), new("b", survives="power")], now=NOW)
    assert [job and job.id for job in await other.get(["a", "b"])] == ["a", "b"]


async def test_an_id_twice_is_stored_once_even_if_it_survives_nothing(store: Store) -> None:
    await put(store, "a", meta="1")
    await store.insert([new("a", survives="nothing", meta="2"), new("b", survives="nothing")], now=NOW)
    await put(store, "c")
    assert (await one(store, "a")).meta == "1"
    assert (await one(store, "b")).state is State.QUEUED
