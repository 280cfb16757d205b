"""claim: exclusive, in order, and only what is due and allowed."""

from __future__ import annotations

import asyncio

from asyncjobs.job import PRIORITY_STEP, State
from asyncjobs.store.base import Store
from tests.store.acts import MINUTE, NOW, claim, end, ids, new, one, put, retry, run, sign_on, success, take


async def test_a_claimed_job_runs(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", now=NOW - 7)
    [job] = await take(store, "r1")
    assert (job.state, job.runner, job.started_at, job.attempt) == (State.RUNNING, "r1", NOW, 1)
    assert job.token > 0
    assert await one(store, "a") == job


async def test_a_claim_is_exclusive_across_runners(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await put(store, *(f"j{n}" for n in range(100)))
    claims = [take((store, other)[n % 2], f"r{n % 2 + 1}", n=3) for n in range(40)]
    taken = [job for jobs in await asyncio.gather(*claims) for job in jobs]
    assert len(taken) == 100
    assert len({job.id for job in taken}) == 100


async def test_no_claim_takes_what_runs_or_has_ended(store: Store, other: Store) -> None:
    job = await run(store, "a")
    assert await take(other, "r2") == []
    await end(store, success(job))
    assert await take(other, "r2") == []


async def test_jobs_are_claimed_in_order_of_insertion(store: Store) -> None:
    await sign_on(store)
    await put(store, "c", "a", "b")
    await put(store, "0")
    assert ids(await take(store)) == ["c", "a", "b", "0"]


async def test_many_are_claimed_at_once_in_order(store: Store) -> None:
    await sign_on(store)
    names = [f"j{n}" for n in range(450)]
    await put(store, *names)
    claimed = await take(store, n=430)
    assert ids(claimed) == names[:430]
    assert [await one(store, job.id) for job in claimed[::50]] == claimed[::50]
    assert ids(await take(store, n=430)) == names[430:]


async def test_large_jobs_are_claimed_like_others(store: Store) -> None:
    await sign_on(store)
    sizes = {f"j{n}": 300_000 if n % 3 else 3 for n in range(9)}
    for name, size in sizes.items():
        await put(store, name, args='"' * size, meta="\\" * size)
    claimed = await take(store, n=8)
    assert [(job.id, len(job.args), len(job.meta)) for job in claimed] == [(name, n, n) for name, n in list(sizes.items())[:8]]
    assert [await one(store, job.id) for job in claimed] == claimed


async def test_jobs_are_claimed_in_order_of_run_at(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("late", run_at=NOW + 2), new("early", run_at=NOW + 1)], now=NOW)
    assert ids(await take(store, now=NOW + 5)) == ["early", "late"]


async def test_a_step_of_priority_is_worth_a_minute(store: Store) -> None:
    await sign_on(store)
    jobs = [
        new("third", priority=2, run_at=NOW),
        new("second", priority=0, run_at=NOW + 2 * PRIORITY_STEP - 1),
        new("first", priority=1, run_at=NOW),
        new("last", priority=0, run_at=NOW + 2 * PRIORITY_STEP + 1),
    ]
    await store.insert(jobs, now=NOW)
    assert ids(await take(store, now=NOW + 3 * PRIORITY_STEP)) == ["first", "second", "third", "last"]


async def test_at_equal_rank_insertion_decides_over_priorities(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("a", priority=1), new("b", priority=0, run_at=NOW + PRIORITY_STEP)], now=NOW)
    assert ids(await take(store, now=NOW + PRIORITY_STEP)) == ["a", "b"]


async def test_fewer_slots_take_the_first_ones(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("low", priority=3), new("mid", priority=1), new("top", priority=0)], now=NOW)
    assert ids(await take(store, n=2)) == ["top", "mid"]
    assert ids(await take(store, n=2)) == ["low"]


async def test_a_retried_job_keeps_its_place_in_the_order_of_insertion(store: Store) -> None:
    job = await run(store, "a")
    await put(store, "b")
    await end(store, retry(job, run_at=NOW))
    assert ids(await take(store)) == ["a", "b"]


async def test_one_order_over_all_wanted_queues(store: Store) -> None:
    await sign_on(store, queues={"default": 2, "mail": 2})
    await store.insert([new("d1"), new("m1", queue="mail"), new("d2"), new("m2", queue="mail", priority=0)], now=NOW)
    assert ids((await claim(store, wants={"default": 2, "mail": 2})).jobs) == ["m2", "d1", "m1", "d2"]


async def test_each_queue_gives_up_to_what_is_wanted_of_it(store: Store) -> None:
    await sign_on(store)
    await put(store, "d1", "d2", "d3")
    await put(store, "m1", "m2", "m3", queue="mail")
    await put(store, "x1", queue="extra")
    claimed = await claim(store, wants={"default": 1, "mail": 2, "empty": 5})
    assert ids(claimed.jobs) == ["d1", "m1", "m2"]


async def test_a_want_of_nothing_takes_nothing(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    claimed = await claim(store, wants={"default": 0})
    assert list(claimed.jobs) == []
    assert claimed.next_due is not None
    assert claimed.next_due <= NOW


async def test_a_claim_respects_run_at(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", run_at=NOW + 10)
    assert await take(store, now=NOW + 9) == []
    assert ids(await take(store, now=NOW + 10)) == ["a"]


async def test_priority_does_not_make_a_job_due(store: Store) -> None:
    await sign_on(store)
    await put(store, "low", priority=3)
    await put(store, "top", priority=0, run_at=NOW + 1)
    assert ids(await take(store)) == ["low"]


async def test_next_due_tells_the_next_time(store: Store) -> None:
    await sign_on(store)
    await store.insert([new("b", run_at=NOW + 90, priority=0), new("a", run_at=NOW + 30, priority=3)], now=NOW)
    assert (await claim(store)).next_due == NOW + 30


async def test_next_due_is_not_after_now_while_more_is_due(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b")
    claimed = await claim(store, wants={"default": 1})
    assert ids(claimed.jobs) == ["a"]
    assert claimed.next_due is not None
    assert claimed.next_due <= NOW


async def test_next_due_is_none_when_nothing_is_known(store: Store) -> None:
    await sign_on(store)
    assert (await claim(store)).next_due is None
    await put(store, "a")
    await put(store, "b", queue="mail")
    assert (await claim(store)).next_due is None


async def test_next_due_leaves_out_paused_queues(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    await store.set_paused("default", True, now=NOW)
    assert (await claim(store)).next_due is None


async def test_next_due_leaves_out_what_only_a_sibling_knows(store: Store, other: Store) -> None:
    await sign_on(store)
    await sign_on(other, "r2", tasks={"theirs"})
    await put(store, "a", name="theirs")
    claimed = await claim(store)
    assert claimed.next_due is None or claimed.next_due > NOW


async def test_next_due_is_not_hidden_behind_tasks_that_nobody_here_knows(store: Store, other: Store) -> None:
    await sign_on(store)
    await sign_on(other, "r2", tasks={"theirs"})
    await put(store, *(f"t{n}" for n in range(10)), name="theirs", run_at=NOW + 10)
    await put(store, *(f"n{n}" for n in range(10)), name="nobodys", run_at=NOW + 10)
    await put(store, "a", run_at=NOW + 20)
    for now in (NOW, NOW + 10):
        claimed = await claim(store, wants={"default": 1}, now=now)
        assert claimed.next_due is not None
        assert now < claimed.next_due <= NOW + 20
    assert ids(await take(store, now=NOW + 20)) == ["a"]


async def test_attempt_grows_by_one_with_each_claim_and_token_grows(store: Store) -> None:
    job = await run(store, "a")
    tokens = [job.token]
    for attempt in range(2, 6):
        await end(store, retry(job))
        [job] = await take(store)
        assert job.attempt == attempt
        tokens.append(job.token)
    assert tokens == sorted(set(tokens))


async def test_a_given_back_attempt_is_counted_again_and_the_token_still_grows(store: Store) -> None:
    first = await run(store, "a")
    await end(store, retry(first, outcome="released", give_back=True))
    assert (await one(store, "a")).attempt == 0
    [second] = await take(store)
    assert second.attempt == 1
    assert second.token > first.token


async def test_tokens_grow_over_reopening_and_handles(store: Store, other: Store) -> None:
    job = await run(store, "a")
    for handle in (other, store, other):
        await end(handle, retry(job))
        await handle.close()
        await handle.open()
        token = job.token
        [job] = await take(handle)
        assert job.token > token


async def test_every_open_begins_above_all_tokens_given_before(store: Store) -> None:
    """So that a cut which takes claims with it can't make one be given twice."""
    first = await run(store, "a")
    await store.close()
    await store.open()
    second = await run(store, "b")
    assert second.token > first.token


async def test_a_claim_counts_the_attempt_before_it_returns(store: Store, other: Store) -> None:
    job = await run(store, "a")
    seen = await one(other, "a")
    assert (seen.state, seen.attempt, seen.token) == (State.RUNNING, 1, job.token)


async def test_a_cancelled_claim_leaves_its_jobs_running_for_the_runner_to_find(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    claiming = asyncio.create_task(take(store))
    await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait([claiming])
    await put(store, "b", queue="another")  # answered no earlier than the claim is carried out
    assert set((await store.beat("r1", now=NOW)).held) == {"a"}


async def test_a_job_inserted_while_the_clock_was_ahead_waits_for_its_time(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", now=NOW + MINUTE)
    assert await take(store) == []


async def test_the_lowest_priority_waits_for_what_comes_within_three_minutes_and_no_longer(store: Store) -> None:
    """As much of the first priority arrives as is claimed, so that there always is some."""
    await sign_on(store)
    await put(store, "last", priority=3)
    for second in range(0, 300, 2):
        now = NOW + second * 1000
        await put(store, f"a{second}", priority=0, now=now)
        [job] = await take(store, n=1, now=now)
        if job.id == "last":
            break
        await end(store, success(job), now=now)
    assert second == 180
