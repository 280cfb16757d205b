"""finish: the fence, and what each end leaves in the job."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from asyncjobs.job import ATTEMPTS_KEPT, AttemptRecord, Error, Hold, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Metric, Store, Verdict
from tests.store.acts import (
    BOOM,
    NOW,
    claim,
    end,
    everything,
    failure,
    ids,
    new,
    one,
    put,
    queue_stats,
    retry,
    run,
    sign_on,
    success,
    take,
)


async def test_a_finish_is_seen_by_every_handle_when_it_returns(store: Store, other: Store) -> None:
    await end(store, success(await run(store, "a"), result='"done"'), now=NOW + 5)
    job = await one(other, "a")
    assert (job.state, job.finished_at, job.result) == (State.SUCCEEDED, NOW + 5, '"done"')


async def test_a_retry_is_seen_by_every_handle_when_it_returns(store: Store, other: Store) -> None:
    await end(store, retry(await run(store, "a"), run_at=NOW + 5))
    assert (await one(other, "a")).run_at == NOW + 5


async def test_a_finish_with_an_old_token_changes_nothing(store: Store) -> None:
    old = await run(store, "a")
    await end(store, retry(old))
    [current] = await take(store)
    for finish in (success(old), failure(old), retry(old)):
        assert await store.finish([finish], now=NOW + 9) == [Verdict.LOST]
    assert await one(store, "a") == current


async def test_a_finish_with_a_token_that_never_was_changes_nothing(store: Store) -> None:
    job = await run(store, "a")
    assert await store.finish([Finish("a", job.token + 1, "succeeded", State.SUCCEEDED)], now=NOW) == [Verdict.LOST]
    assert await one(store, "a") == job


async def test_a_finish_is_idempotent(store: Store, other: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job, result="1"), now=NOW + 1)
    before = await one(store, "a")
    assert await store.finish([success(job, result="2")], now=NOW + 2) == [Verdict.ALREADY]
    assert await other.finish([failure(job)], now=NOW + 2) == [Verdict.ALREADY]
    assert await one(store, "a") == before


async def test_the_end_of_a_retried_attempt_is_recorded_once(store: Store) -> None:
    job = await run(store, "a")
    await end(store, retry(job, run_at=NOW + 10))
    before = await one(store, "a")
    assert await store.finish([retry(job, run_at=NOW + 99)], now=NOW) == [Verdict.ALREADY]
    assert await one(store, "a") == before


async def test_the_end_of_an_attempt_stays_recorded_after_a_requeue(store: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job))
    await store.requeue(["a"], now=NOW)
    assert await store.finish([success(job)], now=NOW) == [Verdict.ALREADY]
    assert (await one(store, "a")).state is State.QUEUED


async def test_of_two_finishes_of_one_attempt_in_a_batch_the_first_applies(store: Store) -> None:
    job = await run(store, "a")
    assert await store.finish([success(job), failure(job)], now=NOW) == [Verdict.APPLIED, Verdict.ALREADY]
    assert (await one(store, "a")).state is State.SUCCEEDED


async def test_of_many_finishes_in_flight_one_applies(store: Store, other: Store) -> None:
    job = await run(store, "a")
    finishing = [(store, other)[n % 2].finish([success(job, result=str(n))], now=NOW) for n in range(20)]
    verdicts = [verdict for [verdict] in await asyncio.gather(*finishing)]
    assert sorted(verdicts) == [Verdict.ALREADY] * 19 + [Verdict.APPLIED]


async def test_a_lost_finish_never_raises(store: Store) -> None:
    job = await run(store, "a")
    gone = Finish("gone", job.token, "succeeded", State.SUCCEEDED)
    assert await store.finish([gone, success(job), gone], now=NOW) == [Verdict.LOST, Verdict.APPLIED, Verdict.LOST]


async def test_a_finish_of_a_pruned_job_is_lost(store: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job))
    await store.prune({State.SUCCEEDED: NOW + 1}, limit=10)
    assert await store.finish([success(job)], now=NOW) == [Verdict.LOST]


async def test_verdicts_come_in_order(store: Store) -> None:
    await sign_on(store)
    await put(store, *(f"j{n}" for n in range(10)))
    jobs = await take(store)
    await end(store, *(success(job) for job in jobs[::2]))
    assert await store.finish([success(job) for job in jobs], now=NOW) == [Verdict.ALREADY, Verdict.APPLIED] * 5


async def test_no_finishes_are_answered_with_nothing(store: Store) -> None:
    assert list(await store.finish([], now=NOW)) == []


async def test_an_end_is_appended_to_the_attempts(store: Store) -> None:
    first = await run(store, "a", now=NOW)
    await end(store, retry(first, run_at=NOW + 5, error=BOOM), now=NOW + 3)
    [second] = await take(store, "r2", now=NOW + 7)
    await end(store, success(second), now=NOW + 8)
    assert (await one(store, "a")).attempts == (
        AttemptRecord(1, "failed", "r1", NOW, NOW + 3, BOOM),
        AttemptRecord(2, "succeeded", "r2", NOW + 7, NOW + 8, None),
    )


async def test_the_last_attempts_are_kept(store: Store) -> None:
    job = await run(store, "a")
    for _ in range(ATTEMPTS_KEPT + 2):
        await end(store, retry(job))
        [job] = await take(store)
    assert [record.number for record in job.attempts] == [1, *range(4, ATTEMPTS_KEPT + 3)]
    assert job.attempts[0].number == 1  # by which a time for all of them is reckoned


async def test_a_retry_is_queued_for_its_time(store: Store) -> None:
    await end(store, retry(await run(store, "a"), run_at=NOW + 500, error=BOOM))
    job = await one(store, "a")
    assert (job.state, job.run_at, job.attempt, job.error, job.finished_at) == (State.QUEUED, NOW + 500, 1, BOOM, None)
    assert job.scheduled_at == NOW


async def test_give_back_lowers_the_attempt_by_one(store: Store) -> None:
    job = await run(store, "a")
    await end(store, retry(job))
    [job] = await take(store)
    await end(store, retry(job, outcome="snoozed", give_back=True))
    assert (await one(store, "a")).attempt == 1
    assert [record.number for record in (await one(store, "a")).attempts] == [1, 2]


async def test_a_retry_may_move_to_another_queue(store: Store) -> None:
    await end(store, retry(await run(store, "a"), queue="slow"))
    assert (await one(store, "a")).queue == "slow"
    assert await take(store) == []
    assert (await queue_stats(store)).states[State.QUEUED] == 0
    assert (await queue_stats(store, "slow")).states[State.QUEUED] == 1
    assert ids((await claim(store, wants={"slow": 1})).jobs) == ["a"]


async def test_crashes_and_hold_are_as_the_finish_says(store: Store) -> None:
    job = await run(store, "a")
    await end(store, retry(job, outcome="lost", give_back=True, crashes=2, hold=Hold.ALONE))
    after = await one(store, "a")
    assert (after.crashes, after.hold, after.attempt) == (2, Hold.ALONE, 0)


@pytest.mark.parametrize("outcome", ["failed", "released"])
async def test_any_other_end_sets_crashes_back(store: Store, outcome: str) -> None:
    await end(store, retry(await run(store, "a"), outcome="lost", crashes=1))
    [job] = await take(store)
    assert job.crashes == 1
    await end(store, retry(job, outcome=outcome))
    assert (await one(store, "a")).crashes == 0


async def test_a_failure_keeps_its_error_and_the_runner_that_had_it(store: Store) -> None:
    await end(store, failure(await run(store, "a")), now=NOW + 4)
    job = await one(store, "a")
    assert (job.state, job.error, job.finished_at, job.runner, job.started_at) == (State.FAILED, BOOM, NOW + 4, "r1", NOW)


async def test_an_end_without_an_error_keeps_the_last_one(store: Store) -> None:
    await end(store, retry(await run(store, "a"), error=BOOM))
    [job] = await take(store)
    await end(store, retry(job, outcome="snoozed", give_back=True))
    assert (await one(store, "a")).error == BOOM


async def test_success_says_the_last_word_on_the_error(store: Store) -> None:
    await end(store, retry(await run(store, "a"), error=BOOM))
    [job] = await take(store)
    await end(store, success(job))
    assert (await one(store, "a")).error is None
    await end(store, success(await run(store, "b"), error=Error("TooLarge", "the result is 2 MB")))
    assert (await one(store, "b")).error == Error("TooLarge", "the result is 2 MB")


async def test_cancel_beats_retry(store: Store) -> None:
    job = await run(store, "a", unique_key="k")
    await store.cancel(["a"], now=NOW)
    finish = retry(job, run_at=NOW + 5, outcome="lost", give_back=True, hold=Hold.ALONE, crashes=2, queue="slow")
    await end(store, finish, now=NOW + 1)
    after = await one(store, "a")
    assert (after.state, after.finished_at, after.cancel_requested) == (State.CANCELLED, NOW + 1, False)
    assert (after.hold, after.queue, after.attempt) == (Hold.NONE, "default", 1)
    assert [record.outcome for record in after.attempts] == ["lost"]
    assert await take(store, now=NOW + 99) == []


async def test_success_beats_cancel(store: Store) -> None:
    job = await run(store, "a")
    await store.cancel(["a"], now=NOW)
    await end(store, success(job, result="7"))
    after = await one(store, "a")
    assert (after.state, after.result, after.cancel_requested) == (State.SUCCEEDED, "7", False)


async def test_failure_for_good_beats_cancel(store: Store) -> None:
    job = await run(store, "a")
    await store.cancel(["a"], now=NOW)
    await end(store, failure(job))
    assert (await one(store, "a")).state is State.FAILED


async def test_a_cancelled_caller_does_not_undo_its_finish(store: Store) -> None:
    job = await run(store, "a")
    finishing = asyncio.create_task(store.finish([success(job)], now=NOW))
    await asyncio.sleep(0)
    finishing.cancel()
    await asyncio.wait([finishing])
    assert await store.finish([success(job)], now=NOW) == [Verdict.ALREADY]


async def test_what_follows_a_finish_is_inserted_with_it_once(store: Store, other: Store) -> None:
    job = await run(store, "a")
    end_of_it = failure(job, follow=new("follow", key="k", expires_at=NOW + 5))
    assert await store.finish([end_of_it, replace(success(job), follow=new("never"))], now=NOW) == [
        Verdict.APPLIED,
        Verdict.ALREADY,
    ]
    assert await other.finish([end_of_it], now=NOW) == [Verdict.ALREADY]
    assert ids(await everything(other)) == ["follow", "a"]
    follow = await one(other, "follow")
    assert (follow.state, follow.key, follow.expires_at) == (State.QUEUED, "k", NOW + 5)
    assert (await queue_stats(store)).totals[Metric.ENQUEUED] == 2


async def test_what_follows_respects_keys_that_are_taken_for_a_time(store: Store) -> None:
    for n in (1, 2):
        job = await run(store, f"dies{n}")
        await end(store, replace(failure(job), follow=new(f"alert{n}", queue="mail", unique_key="k", unique_for=9)))
    assert [job.id for job in await everything(store) if job.queue == "mail"] == ["alert1"]


async def test_what_follows_a_success_is_inserted_too(store: Store) -> None:
    job = await run(store, "a")
    await end(store, replace(success(job), follow=new("follow")))
    assert ids(await take(store)) == ["follow"]
