"""Limits of a queue over all processes: how many run at once, and how often they start."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from asyncjobs.job import Hold
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import Claim, Claimed, Store
from tests.store.acts import MINUTE, NOW, WORK, end, ids, put, retry, sign_on, success, take
from tests.store.worlds import World

RATE = Rate(1000.0, 2)  # one a second, two at once


async def claim(store: Store, limits: Mapping[str, Limits], runner: str = "r1", n: int = 10, now: int = NOW) -> Claimed:
    return await store.claim(Claim(runner, dict.fromkeys(["default", *limits], n), WORK, limits), now=now)


def at_once(count: int) -> dict[str, Limits]:
    return {"default": Limits(count)}


def rate(rate: Rate = RATE) -> dict[str, Limits]:
    return {"default": Limits(rate=rate)}


# --- at once -----------------------------------------------------------------------------------------------------------


async def test_no_more_run_at_once_than_may_in_all_processes_together(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await put(store, *"abcd")
    first = await claim(store, at_once(3), "r1", 2)
    second = await claim(other, at_once(3), "r2", 2)
    assert (ids(first.jobs), ids(second.jobs)) == (["a", "b"], ["c"])
    assert (first.blocked, second.blocked) == (set(), {"default"})
    assert second.next_due is None
    assert (await claim(store, at_once(3), "r1")).blocked == {"default"}


async def test_the_end_of_an_attempt_makes_room(store: Store) -> None:
    await sign_on(store)
    await put(store, *"abc")
    [a] = (await claim(store, at_once(1))).jobs
    await end(store, success(a))
    [b] = (await claim(store, at_once(1))).jobs
    await end(store, retry(b, run_at=NOW + MINUTE))
    claimed = await claim(store, at_once(1))
    assert ids(claimed.jobs) == ["c"]
    assert claimed.blocked == set()  # b is not due yet


async def test_many_claims_in_flight_do_not_exceed_it(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await put(store, *(f"j{n}" for n in range(40)))
    claims = (claim(handle, at_once(7), runner, 3) for _ in range(6) for handle, runner in ((store, "r1"), (other, "r2")))
    assert sum(len(claimed.jobs) for claimed in await asyncio.gather(*claims)) == 7


async def test_a_limit_counts_what_the_dead_still_hold_until_it_is_settled(world: World, store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await put(store, "a", "b")
    [a] = (await claim(store, at_once(1), "r1")).jobs
    world.kill(store, "r1")
    assert (await claim(other, at_once(1), "r2")).blocked == {"default"}
    await end(other, retry(a, outcome="lost"))
    assert ids((await claim(other, at_once(1), "r2")).jobs) == ["a"]


async def test_a_limit_of_one_queue_says_nothing_of_another(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b")
    await put(store, "m", "n", queue="mail")
    claimed = await claim(store, {"mail": Limits(1)})
    assert ids(claimed.jobs) == ["a", "b", "m"]
    assert claimed.blocked == {"mail"}


async def test_a_job_that_must_run_alone_waits_for_room_too(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    [a] = await take(store)
    await end(store, retry(a, outcome="lost", crashes=2, hold=Hold.ALONE))
    await put(store, "b")
    [b] = (await claim(store, at_once(1))).jobs
    asked = Claim("r1", {"default": 1}, WORK, at_once(1))
    refused = await store.claim_alone(asked, now=NOW)
    assert (list(refused.jobs), refused.alone_due) == ([], NOW)
    assert (await claim(store, at_once(1), n=0)).alone_due == NOW
    await end(store, success(b))
    assert ids((await store.claim_alone(asked, now=NOW)).jobs) == ["a"]


# --- how often ---------------------------------------------------------------------------------------------------------


async def test_no_more_start_than_the_rate_has_room_for_in_all_processes_together(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    await put(store, *"abcdef")
    assert ids((await claim(store, rate(), "r1")).jobs) == ["a", "b"]
    refused = await claim(other, rate(), "r2")
    assert list(refused.jobs) == []
    assert NOW < (refused.next_due or 0) <= NOW + 1000
    assert refused.blocked == set()
    assert ids((await claim(other, rate(), "r2", now=refused.next_due or 0)).jobs) == ["c"]
    assert ids((await claim(store, rate(), "r1", now=NOW + 60_000)).jobs) == ["d", "e"]


async def test_a_rate_goes_on_where_it_was_after_a_restart(world: World, store: Store) -> None:
    await sign_on(store)
    await put(store, *"abc")
    await claim(store, rate())
    await store.close()
    late = world.handle()
    await late.open()
    assert list((await claim(late, rate())).jobs) == []
    await late.close()
    await store.open()


async def test_a_rate_over_half_a_minute_is_kept_to_a_hundredth(store: Store, other: Store) -> None:
    await sign_on(store, "r1")
    await sign_on(other, "r2")
    limits = rate(Rate.of("20/s"))
    await put(store, *(f"j{n}" for n in range(700)))
    now, started = NOW, 0
    while now < NOW + 30_000:
        for handle, runner in ((store, "r1"), (other, "r2")):
            claimed = await claim(handle, limits, runner, now=now)
            started += len(claimed.jobs)
        now = max(claimed.next_due or now, now + 1) + 3
    assert 597 <= started <= 603


async def test_what_is_not_due_yet_is_named_by_its_own_time(store: Store) -> None:
    await sign_on(store)
    await put(store, "a", "b")
    await put(store, "later", run_at=NOW + MINUTE)
    claimed = await claim(store, rate())
    assert ids(claimed.jobs) == ["a", "b"]
    assert claimed.next_due == NOW + MINUTE


async def test_a_job_that_must_run_alone_is_spent_of_the_rate(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    [a] = await take(store)
    await end(store, retry(a, outcome="lost", crashes=2, hold=Hold.ALONE))
    await put(store, *"bc")
    asked = Claim("r1", {"default": 1}, WORK, rate())
    assert ids((await store.claim_alone(asked, now=NOW)).jobs) == ["a"]
    assert ids((await claim(store, rate())).jobs) == ["b"]
    assert list((await store.claim_alone(asked, now=NOW)).jobs) == []


async def test_a_job_that_must_run_alone_is_due_when_its_rate_lets_it_begin(store: Store) -> None:
    await sign_on(store)
    await put(store, "a")
    [a] = await take(store)
    await end(store, retry(a, outcome="lost", crashes=2, hold=Hold.ALONE))
    await put(store, *"bc")
    opens = (await claim(store, rate())).alone_due or 0
    assert NOW < opens <= NOW + 1000
    asked = Claim("r1", {"default": 1}, WORK, rate())
    assert (await store.claim_alone(asked, now=NOW)).alone_due == opens
    assert ids((await store.claim_alone(asked, now=opens)).jobs) == ["a"]


@pytest.mark.parametrize(
    ("after", "now"), [(rate(Rate.of("10/s")), NOW), (rate(), NOW - 60 * MINUTE)], ids=["raised", "clock set back"]
)
async def test_a_rate_that_is_spent_far_ahead_begins_anew(store: Store, after: Mapping[str, Limits], now: int) -> None:
    await sign_on(store)
    await put(store, *"abc", now=now)
    await claim(store, rate(Rate.of("2/h") if now == NOW else RATE))
    refused = await claim(store, after, now=now)
    assert list(refused.jobs) == []
    assert now < (refused.next_due or 0) <= now + 1000
    assert len((await claim(store, after, now=refused.next_due or 0)).jobs) == 1


@pytest.mark.parametrize("limits", [at_once(1), rate()])
async def test_a_paused_queue_is_neither_blocked_nor_waited_for(store: Store, limits: Mapping[str, Limits]) -> None:
    await sign_on(store)
    await put(store, *"abc")
    await store.set_paused("default", True, now=NOW)
    claimed = await claim(store, limits)
    assert (list(claimed.jobs), claimed.blocked, claimed.next_due) == ([], set(), None)
