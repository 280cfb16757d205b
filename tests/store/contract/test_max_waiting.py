"""max_waiting: a queue that takes no more than so many."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from asyncjobs.job import State
from asyncjobs.store.base import Inserted, Store
from tests.store.acts import MINUTE, NOW, end, everything, ids, new, put, queue_stats, retry, sign_on, success, take


@pytest.fixture
async def store(store: Store) -> Store:
    await sign_on(store)
    return store


async def insert(store: Store, *names: str, limit: int = 2, **fields: Any) -> list[Inserted]:
    return list(await store.insert([new(name, max_waiting=limit, **fields) for name in names], now=NOW))


async def test_more_than_may_be_queued_are_refused_and_nothing_of_them_is_stored(store: Store, other: Store) -> None:
    assert await insert(store, "a", "b") == [Inserted("a", True), Inserted("b", True)]
    assert await insert(other, "c") == [Inserted("c", False, True)]
    assert ids(await everything(store)) == ["b", "a"]
    assert (await queue_stats(store)).states[State.QUEUED] == 2


async def test_a_batch_goes_in_whole_or_not_at_all(store: Store) -> None:
    await insert(store, "a")
    assert await insert(store, "b", "c") == [Inserted("b", False, True), Inserted("c", False, True)]
    assert ids(await everything(store)) == ["a"]


async def test_one_that_begins_makes_room_and_one_that_is_retried_takes_it(store: Store) -> None:
    await insert(store, "a", "b")
    a, b = await take(store)
    assert [answer.created for answer in await insert(store, "c", "d")] == [True, True]
    await end(store, retry(a, run_at=NOW + MINUTE))
    assert await insert(store, "e") == [Inserted("e", False, True)]
    await end(store, success(b))


async def test_what_is_scheduled_or_held_counts(store: Store) -> None:
    await insert(store, "later", run_at=NOW + MINUTE)
    await insert(store, "held", name="nobodys")
    await take(store)
    assert await insert(store, "c") == [Inserted("c", False, True)]


async def test_another_queue_and_what_has_no_limit_are_not_concerned(store: Store) -> None:
    await insert(store, "a", "b")
    assert await insert(store, "m", queue="mail") == [Inserted("m", True)]
    await put(store, "c")
    assert [job.id for job in await everything(store)] == ["c", "m", "b", "a"]


async def test_what_meets_a_job_that_is_there_is_not_refused(store: Store) -> None:
    await insert(store, "a", "b", unique_key=None)
    await put(store, "k", unique_key="key", queue="mail")
    assert await insert(store, "a") == [Inserted("a", False)]
    answers = await store.insert([new("x", unique_key="key", max_waiting=2), new("c", max_waiting=2)], now=NOW)
    assert answers == [Inserted("k", False), Inserted("c", False, True)]


async def test_what_meets_another_takes_no_room_in_its_batch(store: Store) -> None:
    await insert(store, "a", unique_key="key")
    assert await insert(store, "met", unique_key="key") == [Inserted("a", False)]
    batch = [new("met", unique_key="key", max_waiting=2), new("b", max_waiting=2)]
    assert await store.insert(batch, now=NOW) == [Inserted("a", False), Inserted("b", True)]


async def test_of_several_with_one_unique_key_one_takes_room(store: Store) -> None:
    answers = await insert(store, "a", "b", "c", unique_key="key", limit=1)
    assert answers == [Inserted("a", True), Inserted("a", False), Inserted("a", False)]


async def test_what_does_not_meet_another_takes_room_of_its_own(store: Store) -> None:
    """A key for a time and one until the end are two, and an id is no key."""
    batch = [new("a", unique_key="b", unique_for=MINUTE), new("c", unique_key="b"), new("b")]
    answers = await store.insert([replace(job, max_waiting=2) for job in batch], now=NOW)
    assert [answer.refused for answer in answers] == [True] * 3
    answers = await store.insert([replace(job, max_waiting=3) for job in batch], now=NOW)
    assert [answer.created for answer in answers] == [True] * 3


async def test_a_key_that_a_clock_took_which_was_ahead_is_met_by_nobody(store: Store) -> None:
    await store.insert([new("ahead", unique_key="key", unique_for=2000)], now=NOW + 60 * MINUTE)
    assert await insert(store, "b", unique_key="key", unique_for=2000, limit=1) == [Inserted("b", False, True)]


async def test_many_at_once_do_not_exceed_it(store: Store, other: Store) -> None:
    answers = await asyncio.gather(
        *(insert(handle, f"{n}{side}", limit=7) for n in range(20) for side, handle in enumerate((store, other)))
    )
    assert sum(answer.created for [answer] in answers) == 7
    assert len(await everything(store)) == 7
