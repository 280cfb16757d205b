"""insert: all or none, idempotent by id, one holder of a unique key."""

from __future__ import annotations

import asyncio

from asyncjobs.job import Hold, NewJob, Policy, State
from asyncjobs.store.base import Inserted, Store
from tests.store.acts import NOW, end, everything, failure, ids, new, one, put, retry, run, success, take
from tests.store.worlds import World


async def test_insert_is_seen_by_every_handle_when_it_returns(store: Store, other: Store) -> None:
    await put(store, "a")
    assert (await one(other, "a")).state is State.QUEUED


async def test_insert_survives_its_handle(world: World, store: Store) -> None:
    await put(store, "a")
    await store.close()
    await store.open()
    assert (await one(store, "a")).state is State.QUEUED


async def test_insert_keeps_every_field(store: Store) -> None:
    policy = Policy(max_attempts=3, backoff=(1.5, 60.0), jitter=0.0, retry_queue="slow", timeout=2.5, keep_result=False)
    await store.insert(
        [
            NewJob(
                "a", "work", "mail", NOW + 5, '{"args":[1],"kwargs":{}}', '{"request":"7"}',
                priority=3, policy=policy, unique_key="k", survives="crash",
            )
        ],
        now=NOW,
    )  # fmt: skip
    job = await one(store, "a")
    assert (job.id, job.name, job.queue, job.args, job.meta) == (
        "a",
        "work",
        "mail",
        '{"args":[1],"kwargs":{}}',
        '{"request":"7"}',
    )
    assert (job.priority, job.policy, job.unique_key, job.survives) == (3, policy, "k", "crash")
    assert (job.enqueued_at, job.scheduled_at, job.run_at) == (NOW, NOW + 5, NOW + 5)


async def test_a_policy_keeps_one_number_and_none_apart(store: Store) -> None:
    await put(store, "a", policy=Policy(backoff=7.0, timeout=None))
    assert (await one(store, "a")).policy == Policy(backoff=7.0, timeout=None)


async def test_a_new_job_has_nothing_behind_it(store: Store) -> None:
    await put(store, "a")
    job = await one(store, "a")
    assert (job.state, job.attempt, job.token, job.crashes, job.hold, job.cancel_requested) == (
        State.QUEUED,
        0,
        0,
        0,
        Hold.NONE,
        False,
    )
    assert (job.runner, job.started_at, job.finished_at, job.result, job.error, job.progress, job.attempts) == (None,) * 6 + ((),)


async def test_a_time_in_the_past_counts_as_due_now(store: Store) -> None:
    await store.insert([new("a", run_at=NOW - 10)], now=NOW)
    job = await one(store, "a")
    assert (job.run_at, job.scheduled_at) == (NOW, NOW)


async def test_insert_answers_in_order(store: Store) -> None:
    answers = await store.insert([new("b"), new("a"), new("c")], now=NOW)
    assert list(answers) == [Inserted("b", True), Inserted("a", True), Inserted("c", True)]


async def test_insert_is_idempotent_by_id(store: Store) -> None:
    await put(store, "a", args='{"args":[1],"kwargs":{}}')
    before = await one(store, "a")
    assert list(await store.insert([new("a", args="other", queue="mail")], now=NOW + 1)) == [Inserted("a", False)]
    assert await one(store, "a") == before
    assert len(await everything(store)) == 1


async def test_an_id_stays_taken_when_its_job_has_ended(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    assert list(await store.insert([new("a")], now=NOW)) == [Inserted("a", False)]
    assert (await one(store, "a")).state is State.SUCCEEDED


async def test_of_one_id_twice_in_a_batch_the_first_wins(store: Store) -> None:
    answers = await store.insert([new("a", meta='{"n":1}'), new("a", meta='{"n":2}')], now=NOW)
    assert list(answers) == [Inserted("a", True), Inserted("a", False)]
    assert (await one(store, "a")).meta == '{"n":1}'


async def test_a_taken_unique_key_answers_with_its_holder(store: Store, other: Store) -> None:
    await put(store, "a", unique_key="k")
    assert list(await other.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("a", False)]
    assert await other.get(["b"]) == [None]


async def test_of_one_unique_key_twice_in_a_batch_the_first_wins(store: Store) -> None:
    answers = await store.insert([new("a", unique_key="k"), new("b", unique_key="k"), new("c", unique_key="k")], now=NOW)
    assert list(answers) == [Inserted("a", True), Inserted("a", False), Inserted("a", False)]


async def test_an_id_that_exists_is_met_before_its_key(store: Store) -> None:
    await put(store, "a")
    await put(store, "b", unique_key="k")
    assert list(await store.insert([new("a", unique_key="k")], now=NOW)) == [Inserted("a", False)]


async def test_unique_holds_over_queues_and_tasks(store: Store) -> None:
    await put(store, "a", unique_key="k")
    answers = await store.insert([new("b", unique_key="k", queue="mail", name="other")], now=NOW)
    assert list(answers) == [Inserted("a", False)]


async def test_unique_holds_while_queued_running_and_retrying(store: Store) -> None:
    job = await run(store, "a", unique_key="k")
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("a", False)]
    await end(store, retry(job, run_at=NOW + 5))
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("a", False)]


async def test_unique_ends_with_success(store: Store) -> None:
    await end(store, success(await run(store, "a", unique_key="k")))
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("b", True)]


async def test_unique_ends_with_failure(store: Store) -> None:
    await end(store, failure(await run(store, "a", unique_key="k")))
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("b", True)]


async def test_unique_ends_with_cancellation(store: Store) -> None:
    await put(store, "a", unique_key="k")
    await store.cancel(["a"], now=NOW)
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("b", True)]


async def test_a_batch_with_conflicts_stores_the_rest(store: Store) -> None:
    await put(store, "a", unique_key="k")
    answers = await store.insert([new("b"), new("a"), new("c", unique_key="k"), new("d")], now=NOW)
    assert [answer.created for answer in answers] == [True, False, False, True]
    assert ids(reversed(await everything(store))) == ["a", "b", "d"]


async def test_a_batch_is_seen_whole_or_not_at_all(store: Store, other: Store) -> None:
    batch = [new(f"j{n}") for n in range(300)]
    inserting = asyncio.create_task(store.insert(batch, now=NOW))
    seen = set()
    while not inserting.done():
        seen.add(sum(job is not None for job in await other.get([job.id for job in batch])))
        await asyncio.sleep(0)
    await inserting
    assert seen <= {0, 300}
    assert len(await everything(other)) == 300


async def test_a_cancelled_caller_leaves_the_whole_batch_behind(store: Store) -> None:
    inserting = asyncio.create_task(store.insert([new(f"j{n}") for n in range(300)], now=NOW))
    await asyncio.sleep(0)
    inserting.cancel()
    await asyncio.wait([inserting])
    await put(store, "after")
    assert len(await everything(store)) == 301


async def test_an_empty_batch_is_answered_with_nothing(store: Store) -> None:
    assert list(await store.insert([], now=NOW)) == []


async def test_inserts_in_flight_together_are_each_stored_once(store: Store, other: Store) -> None:
    inserting = [(store, other)[n % 2].insert([new(f"j{n % 20}", unique_key=f"k{n % 10}")], now=NOW) for n in range(100)]
    answers = [answer for [answer] in await asyncio.gather(*inserting)]
    stored = await everything(store)
    assert sorted(answer.id for answer in answers if answer.created) == sorted(ids(stored))
    assert len(stored) == 10
    await take(store)
