"""cancel and requeue: what people do to jobs."""

from __future__ import annotations

from asyncjobs.job import Error, Hold, Progress, State
from asyncjobs.outcome import CANCEL, EXPIRED
from asyncjobs.store.base import Cancellation, Inserted, Metric, Store
from tests.store.acts import BOOM, MINUTE, NOW, end, failure, ids, new, one, put, queue_stats, retry, run, sign_on, success, take


async def test_a_queued_job_is_cancelled_at_once(store: Store, other: Store) -> None:
    await put(store, "a", run_at=NOW + 50)
    assert await store.cancel(["a"], now=NOW + 3) == [Cancellation.CANCELLED]
    job = await one(other, "a")
    assert (job.state, job.finished_at, job.attempt, job.attempts) == (State.CANCELLED, NOW + 3, 0, ())
    await sign_on(store)
    assert await take(store, now=NOW + 99) == []


async def test_a_running_job_is_asked_to_end(store: Store, other: Store) -> None:
    job = await run(store, "a")
    assert await other.cancel(["a"], now=NOW) == [Cancellation.REQUESTED]
    assert await other.cancel(["a"], now=NOW) == [Cancellation.REQUESTED]
    after = await one(store, "a")
    assert (after.state, after.cancel_requested, after.token, after.finished_at) == (State.RUNNING, True, job.token, None)


async def test_a_held_job_can_be_cancelled(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", name="nobodys")
    await take(store)
    assert await store.cancel(["a"], now=NOW) == [Cancellation.CANCELLED]
    job = await one(store, "a")
    assert (job.state, job.hold) == (State.CANCELLED, Hold.NONE)
    assert (await queue_stats(store)).held == 0


async def test_cancel_answers_each_in_order(store: Store) -> None:
    await end(store, success(await run(store, "ended")))
    await run(store, "running")
    await put(store, "queued")
    answers = await store.cancel(["unknown", "queued", "ended", "running", "queued"], now=NOW)
    assert list(answers) == [
        Cancellation.UNKNOWN, Cancellation.CANCELLED, Cancellation.ENDED, Cancellation.REQUESTED, Cancellation.ENDED,
    ]  # fmt: skip


async def test_a_cancel_changes_nothing_of_what_has_ended(store: Store) -> None:
    await end(store, failure(await run(store, "a")))
    before = await one(store, "a")
    await store.cancel(["a"], now=NOW + 9)
    assert await one(store, "a") == before


async def test_requeue_keeps_the_token_and_the_attempts(store: Store) -> None:
    job = await run(store, "a")
    await end(store, failure(job))
    assert await store.requeue(["a"], now=NOW + 5) == [True]
    back = await one(store, "a")
    assert (back.state, back.run_at, back.attempt, back.token) == (State.QUEUED, NOW + 5, 0, job.token)
    assert [record.number for record in back.attempts] == [1]
    [again] = await take(store, now=NOW + 5)
    assert again.attempt == 1
    assert again.token > job.token


async def test_requeue_clears_what_the_last_life_left(store: Store) -> None:
    job = await run(store, "a", expires_at=NOW + 9)
    await store.note({"a": (job.token, Progress(1))})
    await end(store, success(job, result="7", error=BOOM))
    await store.requeue(["a"], now=NOW)
    back = await one(store, "a")
    assert (back.result, back.error, back.progress, back.finished_at, back.expires_at) == (None,) * 5
    assert (back.crashes, back.hold, back.cancel_requested) == (0, Hold.NONE, False)
    assert (back.enqueued_at, back.scheduled_at) == (NOW, NOW)


async def test_requeue_of_what_killed_its_process_starts_it_afresh(store: Store) -> None:
    job = await run(store, "a")
    await end(store, retry(job, outcome="lost", crashes=2, hold=Hold.ALONE))
    await store.cancel(["a"], now=NOW)
    await store.requeue(["a"], now=NOW)
    back = await one(store, "a")
    assert (back.crashes, back.hold) == (0, Hold.NONE)
    assert ids(await take(store)) == ["a"]


async def test_requeue_of_a_cancelled_job_is_not_cancelled_again(store: Store) -> None:
    job = await run(store, "a")
    await store.cancel(["a"], now=NOW)
    await end(store, retry(job))
    await store.requeue(["a"], now=NOW)
    [again] = await take(store)
    assert not again.cancel_requested
    await end(store, retry(again))
    assert (await one(store, "a")).state is State.QUEUED


async def test_requeue_holds_its_unique_key_again(store: Store) -> None:
    await end(store, success(await run(store, "a", unique_key="k")))
    assert await store.requeue(["a"], now=NOW) == [True]
    assert list(await store.insert([new("b", unique_key="k")], now=NOW)) == [Inserted("a", False)]


async def test_requeue_is_false_where_another_holds_its_unique_key(store: Store) -> None:
    for id in ("a", "b"):
        await end(store, failure(await run(store, id, unique_key="k")))
    assert await store.requeue(["a", "b"], now=NOW) == [True, False]
    [a] = await take(store)
    assert await store.requeue(["b"], now=NOW) == [False]
    await end(store, success(a))
    assert await store.requeue(["b"], now=NOW) == [True]


async def test_requeue_for_later_leaves_the_clock_alone(store: Store) -> None:
    await sign_on(store)
    for id in "ab":
        await end(store, success(await run(store, id)))
    await store.requeue(["a", "b"], now=NOW, due=NOW + MINUTE, spread=2000)
    await store.beat("r1", now=NOW)
    assert [(await one(store, id)).run_at - NOW for id in "ab"] == [MINUTE, MINUTE + 1000]
    assert await take(store) == []


async def test_cancel_of_queued_ones_alone_leaves_those_that_run(store: Store) -> None:
    running = await run(store, "running")
    await put(store, "queued")
    answers = await store.cancel(["running", "queued"], now=NOW, running=False)
    assert answers == [Cancellation.RUNNING, Cancellation.CANCELLED]
    assert await one(store, "running") == running


async def test_a_beat_cancels_what_has_expired_and_makes_room(store: Store) -> None:
    await sign_on(store)
    await put(store, "soon", "late", key="k", expires_at=NOW + 5)
    await put(store, "paused", queue="mail", expires_at=NOW + 6)
    await store.set_paused("mail", True, now=NOW)
    await put(store, "next", key="k", expires_at=NOW + 99)
    assert (await one(store, "next")).hold is Hold.KEY
    assert (await store.beat("r1", now=NOW + 4)).expired == []
    assert sorted((await store.beat("r1", now=NOW + 6)).expired) == ["late", "paused", "soon"]
    gone = await one(store, "paused")
    assert (gone.state, gone.finished_at, gone.error) == (State.CANCELLED, NOW + 6, Error(CANCEL, EXPIRED))
    assert ids(await take(store, now=NOW + 6)) == ["next"]
    assert (await store.beat("r1", now=NOW + 200)).expired == []
    assert (await queue_stats(store)).states[State.CANCELLED] == 2


async def test_a_cancel_leaves_what_its_attempt_failed_of_and_an_expiry_takes_its_place(store: Store) -> None:
    await put(store, "cancelled", "expired", expires_at=NOW + 5)
    await sign_on(store)
    await end(store, *[retry(job, run_at=NOW + 3, error=BOOM) for job in await take(store)])
    await store.cancel(["cancelled"], now=NOW + 1)
    await store.beat("r1", now=NOW + 5)
    assert (await one(store, "cancelled")).error == BOOM
    assert (await one(store, "expired")).error == Error(CANCEL, EXPIRED)


async def test_requeue_is_false_for_the_unknown_and_the_living(store: Store) -> None:
    running = await run(store, "running")
    await put(store, "queued")
    queued = await one(store, "queued")
    assert await store.requeue(["unknown", "running", "queued"], now=NOW + 1) == [False, False, False]
    assert list(await store.get(["running", "queued"])) == [running, queued]


async def test_requeue_of_one_id_twice_puts_it_back_once(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    assert await store.requeue(["a", "a"], now=NOW) == [True, False]


async def test_requeue_is_seen_by_every_handle_when_it_returns(store: Store, other: Store) -> None:
    await end(store, success(await run(store, "a")))
    await store.requeue(["a"], now=NOW)
    assert (await one(other, "a")).state is State.QUEUED


async def test_requeued_jobs_are_spread_evenly(store: Store) -> None:
    for name in "abcd":
        await end(store, failure(await run(store, name)))
    assert await store.requeue([*"abcd", "unknown"], now=NOW, spread=10_000) == [True] * 4 + [False]
    assert [(await one(store, name)).run_at - NOW for name in "abcd"] == [0, 2_000, 4_000, 6_000]


async def test_discard_removes_what_has_ended_alone(store: Store, other: Store) -> None:
    await end(store, failure(await run(store, "failed")))
    await run(store, "runs")
    await put(store, "waits")
    assert await other.discard(["failed", "runs", "waits", "unknown"]) == [True, False, False, False]
    assert [job and job.id for job in await store.get(["failed", "runs", "waits"])] == [None, "runs", "waits"]
    stats = await queue_stats(store)
    assert (stats.states[State.FAILED], stats.totals[Metric.DEAD]) == (0, 1)
