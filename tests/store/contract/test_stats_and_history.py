"""stats and history: counters equal a recount, history equals the test's own ledger."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from asyncjobs.job import Error, Hold, Job, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import COUNT_LIMIT, HISTORY_STEP, Cancellation, FailureGroup, HistoryBucket, Metric, Store, Verdict
from tests.store.acts import (
    BOOM,
    MINUTE,
    NOW,
    claim,
    end,
    everything,
    failure,
    new,
    one,
    put,
    queue_stats,
    retry,
    run,
    sign_on,
    success,
    take,
)  # fmt: skip
from tests.store.recount import Ledger, counted, events, recount, totals

QUEUES = ("default", "mail")
TASKS = frozenset({"work", "sweep"})


class Life:
    """A random life of one store, and the ledger of it."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.dice = random.Random(seed)
        self.now = NOW
        self.count = 0
        self.running: list[Job] = []
        self.ledger = Ledger()

    async def insert(self) -> None:
        batch = []
        for _ in range(self.dice.randint(1, 4)):
            self.count += 1
            delay = self.dice.choice([0, 0, 5_000, 100_000])
            name, queue = self.dice.choice(["work", "sweep", "nobodys"]), self.dice.choice(QUEUES)
            batch.append(
                new(
                    f"j{self.count}",
                    name=name,
                    queue=queue,
                    run_at=self.now + delay,
                    unique_key=self.dice.choice([None, None, "k"]),
                )
            )
        for answer in await self.store.insert(batch, now=self.now):
            if answer.created:
                self.ledger.inserted(await one(self.store, answer.id), self.now)

    async def claim(self) -> None:
        before = {job.id: job for job in await everything(self.store)}
        claimed = await claim(self.store, wants=dict.fromkeys(QUEUES, self.dice.randint(1, 3)), tasks=TASKS, now=self.now)
        for job in claimed.jobs:
            self.ledger.claimed(before[job.id], self.now)
            self.running.append(job)

    async def finish(self) -> None:
        if not self.running:
            return
        before = await one(self.store, self.running.pop(self.dice.randrange(len(self.running))).id)
        finish = self.dice.choice(
            [
                success(before),
                failure(before),
                failure(before, outcome="timed_out"),
                retry(before, self.now + 9_000),
                retry(before, self.now, "snoozed", give_back=True),
                retry(before, self.now, "released", give_back=True),
                retry(before, self.now + 1_000, "lost", give_back=True, crashes=2, hold=Hold.ALONE),
                retry(before, self.now, "timed_out", queue="mail"),
                Finish(before.id, before.token, "lost", State.FAILED, crashes=3),
                Finish(before.id, before.token, "cancelled", State.CANCELLED),
            ]
        )
        assert await self.store.finish([finish, finish], now=self.now) == [Verdict.APPLIED, Verdict.ALREADY]
        self.ledger.finished(before, finish, await one(self.store, before.id), self.now)

    async def cancel(self) -> None:
        if self.count:
            [before] = await self.store.get([f"j{self.dice.randint(1, self.count)}"])
            if before is not None:
                [answer] = await self.store.cancel([before.id], now=self.now)
                if answer is Cancellation.CANCELLED:
                    self.ledger.cancelled(before, self.now)

    async def requeue(self) -> None:
        if self.count:
            await self.store.requeue([f"j{self.dice.randint(1, self.count)}"], now=self.now)

    async def prune(self) -> None:
        await self.store.prune({State.SUCCEEDED: self.now - 1_000, State.FAILED: self.now - 50_000}, limit=3)

    async def wait(self) -> None:
        self.now += self.dice.choice([1, 700, 4_000, 61_000])

    async def go(self, steps: int) -> None:
        acts = [self.insert, self.insert, self.claim, self.claim, self.finish, self.finish, self.finish]
        acts += [self.cancel, self.requeue, self.prune, self.wait, self.wait]
        for _ in range(steps):
            await self.dice.choice(acts)()


@pytest.mark.parametrize("seed", range(8))
async def test_counters_equal_a_recount_and_history_the_ledger(store: Store, other: Store, seed: int) -> None:
    await sign_on(store, tasks=TASKS)
    life = Life(store, seed)
    await life.go(150)
    for now in (life.now, life.now + 10_000):
        stats = await other.stats(now=now)
        assert counted(stats) == recount(await everything(other), now)
        assert {queue: totals(of.totals) for queue, of in stats.queues.items()} == {
            q: life.ledger.totals(q) for q in stats.queues
        }
    assert events(await other.history(since=0, until=life.now + MINUTE)) == dict(life.ledger.events)


async def test_stats_of_nothing_are_empty(store: Store) -> None:
    stats = await store.stats(now=NOW)
    assert (stats.as_of, dict(stats.queues), list(stats.runners)) == (NOW, {}, [])


async def test_a_queue_appears_once_a_runner_works_it(store: Store) -> None:
    await sign_on(store, queues={"mail": 3})
    stats = await queue_stats(store, "mail")
    assert (dict(stats.states), totals(stats.totals)) == (dict.fromkeys(State, 0), {})


async def test_every_state_is_counted_even_if_it_is_nought(store: Store) -> None:
    await put(store, "a")
    assert dict((await queue_stats(store)).states) == dict.fromkeys(State, 0) | {State.QUEUED: 1}


async def test_waiting_and_scheduled_follow_the_time_asked_for(store: Store) -> None:
    await store.insert([new("a"), new("b", run_at=NOW + 5), new("c", run_at=NOW + 9)], now=NOW)
    stats = [await queue_stats(store, now=NOW + later) for later in (-1, 0, 5, 9)]
    assert [(of.waiting, of.scheduled, of.oldest_due) for of in stats] == [(0, 3, None), (1, 2, NOW), (2, 1, NOW), (3, 0, NOW)]


async def test_oldest_due_is_the_longest_waiting_whatever_its_priority(store: Store) -> None:
    await store.insert([new("a", run_at=NOW + 3, priority=0), new("b", run_at=NOW + 2, priority=3)], now=NOW)
    assert (await queue_stats(store, now=NOW + 9)).oldest_due == NOW + 2


async def test_the_split_is_counted_up_to_its_limit(store: Store) -> None:
    await store.insert([new(f"w{n}") for n in range(COUNT_LIMIT)], now=NOW)
    assert not (await queue_stats(store)).waiting_more
    await put(store, "one more")
    await store.insert([new(f"s{n}", run_at=NOW + 9) for n in range(COUNT_LIMIT)], now=NOW)
    stats = await queue_stats(store)
    assert (stats.waiting, stats.waiting_more, stats.scheduled, stats.scheduled_more) == (COUNT_LIMIT, True, COUNT_LIMIT, False)
    assert stats.states[State.QUEUED] == 2 * COUNT_LIMIT + 1
    stats = await queue_stats(store, now=NOW - 1)
    assert (stats.waiting, stats.waiting_more, stats.scheduled, stats.scheduled_more) == (0, False, COUNT_LIMIT, True)
    stats = await queue_stats(store, now=NOW + 9)
    assert (stats.waiting, stats.waiting_more, stats.scheduled, stats.scheduled_more) == (COUNT_LIMIT, True, 0, False)


async def test_retrying_counts_the_queued_with_an_attempt_behind_them(store: Store) -> None:
    await end(store, retry(await run(store, "again")))
    await take(store)
    await end(store, retry(await run(store, "failed"), run_at=NOW + 5))
    await end(store, retry(await run(store, "released"), run_at=NOW + 5, outcome="released", give_back=True))
    assert (await queue_stats(store)).retrying == 1
    await store.cancel(["failed", "released"], now=NOW)
    assert (await queue_stats(store)).retrying == 0


async def test_failed_jobs_fall_into_groups_by_task_and_error(store: Store) -> None:
    assert list(await store.failures(9)) == []
    errors = {"a": BOOM, "b": Error("KeyError", "x"), "c": replace(BOOM, message="again\0\ud800"), "d": None}
    for at, (id, error) in enumerate(errors.items()):
        await end(store, failure(await run(store, id), error=error), now=NOW + at)
    await end(store, success(await run(store, "fine")), now=NOW + 9)
    await put(store, "waits")
    none = FailureGroup("work", "", 1, NOW + 3, NOW + 3, "")
    assert list(await store.failures(9)) == [
        FailureGroup("work", "ValueError", 2, NOW, NOW + 2, "again\0\ud800"), none,
        FailureGroup("work", "KeyError", 1, NOW + 1, NOW + 1, "x"),
    ]  # fmt: skip
    assert list(await store.failures(2)) == [none, FailureGroup("work", "ValueError", 1, NOW + 2, NOW + 2, "again\0\ud800")]


async def test_a_succeeded_job_is_one_job_and_one_in_the_totals(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    await put(store, "b")
    await store.cancel(["b"], now=NOW)
    stats = await queue_stats(store)
    assert (stats.states[State.SUCCEEDED], stats.states[State.CANCELLED]) == (1, 1)
    assert totals(stats.totals) == {"enqueued": 2, "started": 1, "succeeded": 1, "cancelled": 1}


async def test_totals_have_no_histograms(store: Store) -> None:
    await end(store, success(await run(store, "a")))
    assert not {Metric.WAIT, Metric.RUN} & set((await queue_stats(store)).totals)


async def test_history_is_by_minute_queue_and_task(store: Store) -> None:
    begin = NOW - NOW % HISTORY_STEP
    await put(store, "a", now=begin)
    await put(store, "b", now=begin + HISTORY_STEP - 1, queue="mail")
    await put(store, "c", now=begin + HISTORY_STEP, name="sweep")
    assert list(await store.history(since=begin, until=begin + 2 * HISTORY_STEP)) == [
        HistoryBucket(begin, "default", "work", {Metric.ENQUEUED: 1}, {}, {}),
        HistoryBucket(begin, "mail", "work", {Metric.ENQUEUED: 1}, {}, {}),
        HistoryBucket(begin + HISTORY_STEP, "default", "sweep", {Metric.ENQUEUED: 1}, {}, {}),
    ]


async def test_history_is_of_the_asked_time_and_queue(store: Store) -> None:
    begin = NOW - NOW % HISTORY_STEP
    for minute in range(4):
        await put(store, f"d{minute}", now=begin + minute * HISTORY_STEP)
        await put(store, f"m{minute}", now=begin + minute * HISTORY_STEP, queue="mail")
    found = await store.history(since=begin + HISTORY_STEP, until=begin + 3 * HISTORY_STEP, queue="mail")
    assert [(bucket.at, bucket.queue) for bucket in found] == [(begin + n * HISTORY_STEP, "mail") for n in (1, 2)]
    assert list(await store.history(since=begin + 1, until=begin + HISTORY_STEP)) == []


async def test_history_in_steps_adds_up_the_minutes_that_lie_in_each(store: Store) -> None:
    await sign_on(store)
    step = 5 * HISTORY_STEP
    begin = NOW - NOW % step
    for minute in (0, 4, 5, 9, 10):
        at = begin + minute * HISTORY_STEP
        await put(store, f"d{minute}", now=at)
        [job] = await take(store, now=at)
        await end(store, success(job), now=at + 3_000)
    await put(store, "mail", now=begin + 4 * HISTORY_STEP, queue="mail")
    found = await store.history(since=begin + HISTORY_STEP, until=begin + 10 * HISTORY_STEP, step=step)
    assert [(one.at - begin, one.queue, one.counts.get(Metric.ENQUEUED), one.counts.get(Metric.SUCCEEDED), sum(one.run.values())) for one in found] == [
        (0, "default", 1, 1, 1), (0, "mail", 1, None, 0), (step, "default", 2, 2, 2),
    ]  # fmt: skip
    await put(store, "later", now=begin + 6 * HISTORY_STEP)
    minutes = await store.history(since=0, until=begin + 20 * HISTORY_STEP)
    [whole] = [one for one in await store.history(since=0, until=begin + 20 * HISTORY_STEP, step=20 * step, queue="default")]
    assert whole.at == begin - begin % (20 * step)
    assert (
        whole.counts[Metric.ENQUEUED] == sum(one.counts.get(Metric.ENQUEUED, 0) for one in minutes if one.queue == "default") == 6
    )


async def test_history_has_the_waits_and_runs_in_buckets(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", now=NOW - 40)
    [job] = await take(store)
    await end(store, success(job), now=NOW + 3_000)
    [bucket] = [b for b in await store.history(since=0, until=NOW + MINUTE) if b.run]
    assert dict(bucket.run) == {11: 1}  # above 2 s, up to 5 s
    waits = [b.wait for b in await store.history(since=0, until=NOW + MINUTE) if b.wait]
    assert [dict(wait) for wait in waits] == [{5: 1}]  # above 20 ms, up to 50 ms


async def test_a_run_that_the_clock_made_negative_counts_as_short(store: Store) -> None:
    job = await run(store, "a")
    await end(store, success(job), now=NOW - 500)
    found = [bucket.run for bucket in await store.history(since=0, until=NOW + MINUTE) if bucket.run]
    assert [dict(run) for run in found] == [{0: 1}]


async def test_what_changes_nothing_counts_nothing(store: Store) -> None:
    job = await run(store, "a", unique_key="k")
    await end(store, success(job))
    before = (await store.stats(now=NOW)).queues, await store.history(since=0, until=NOW + MINUTE)
    await store.insert([new("a")], now=NOW)
    await store.finish([success(job), failure(job)], now=NOW)
    await store.cancel(["a", "x"], now=NOW)
    await store.requeue(["x"], now=NOW)
    await store.beat("r1", now=NOW)
    assert ((await store.stats(now=NOW)).queues, await store.history(since=0, until=NOW + MINUTE)) == before
