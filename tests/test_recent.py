"""The history behind the numbers is read and added up anew only where it may still change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from asyncjobs.flow import BESIDE, DAY, HOUR, Flow, flow_of
from asyncjobs.recent import AGAIN, SETTLED, STRETCH, RecentHistory
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Metric

MINUTE = HISTORY_STEP
NOW = 1_795_548_031_042
PAIRS = [("mail", "send"), ("mail", "bounce"), ("crm", "send")]


class Ledger:
    """Counts what happened in each minute; `read` are the stretches that were asked for."""

    def __init__(self) -> None:
        self.minutes: Counter[tuple[int, str, str]] = Counter()
        self.read: list[tuple[int, int]] = []
        self.fails_at = 0  # the reading of this number, from 1
        self.open = asyncio.Event()
        self.open.set()

    def add(self, at: int, pair: tuple[str, str] = PAIRS[0]) -> None:
        self.minutes[at - at % MINUTE, *pair] += 1

    def buckets(self, since: int, until: int, step: int = MINUTE) -> list[HistoryBucket]:
        found = Counter[tuple[int, str, str]]()
        for (at, queue, task), n in self.minutes.items():
            if since <= at < until:
                found[at - at % step, queue, task] += n
        return [
            HistoryBucket(at, queue, task, {Metric.STARTED: n}, {n % 7: n}, {3: n})
            for (at, queue, task), n in sorted(found.items())
        ]

    async def history(self, *, since: int, until: int, step: int = MINUTE, **more: Any) -> Sequence[HistoryBucket]:
        self.read.append((since, until))
        if len(self.read) == self.fails_at:
            raise OSError
        found = self.buckets(since, until, step)
        await self.open.wait()
        return found

    def flow(self, now: int) -> Flow:
        """What is wanted, in one go."""
        return flow_of(self.buckets(0, now + 1), now)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    for minute in range(26 * 60):
        for pair in PAIRS[: 1 + minute % 4]:
            ledger.add(NOW - minute * MINUTE, pair)
    return ledger


def of_the_hour(flow: Flow) -> Flow:
    return replace(flow, before={})


async def test_it_is_what_the_store_has_while_time_goes_on(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    for seconds in range(0, 2 * 3600, 7):
        now = NOW + seconds * 1000
        ledger.add(now, PAIRS[seconds // 600 % 3])  # none of a pair for more than half an hour
        ledger.add(now - 30_000)  # by a process whose clock is behind
        if seconds % 91 == 0 or seconds < 400:
            assert of_the_hour(await recent.get(now)) == of_the_hour(ledger.flow(now)), seconds


async def test_what_stopped_an_hour_ago_is_not_spoken_of_any_more(ledger: Ledger) -> None:
    recent, then = RecentHistory(lambda: ledger), NOW - HOUR + 3 * MINUTE  # type: ignore[arg-type]
    ledger.add(then, ("old", "gone"))
    for _ in range(4):
        ledger.add(then)  # so many in a minute as never else, which is a step of the histogram
    assert "old" in (await recent.get(NOW)).queues
    flow = await recent.get(NOW + 5 * MINUTE)
    assert ("old" in flow.queues, "old" in flow.minutes, "gone" in flow.tasks) == (False, False, False)
    assert of_the_hour(flow) == of_the_hour(ledger.flow(NOW + 5 * MINUTE))


async def test_a_day_before_is_read_once_in_a_while(ledger: Ledger) -> None:
    def started(flow: Flow) -> dict[str, int]:
        return {name: one.counts[Metric.STARTED] for name, one in flow.before.items()}

    ledger.add(NOW - DAY + BESIDE + 5 * MINUTE)
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    assert started(await recent.get(NOW)) == started(ledger.flow(NOW))
    ledger.read.clear()
    assert started(await recent.get(NOW + AGAIN - 1)) == started(ledger.flow(NOW))
    assert min(since for since, _ in ledger.read) > NOW - HOUR
    assert started(await recent.get(NOW + AGAIN)) == started(ledger.flow(NOW + AGAIN)) != started(ledger.flow(NOW))


async def test_what_is_settled_is_not_read_again(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    await recent.get(NOW)
    ledger.read.clear()
    for seconds in range(1, 200):
        await recent.get(NOW + seconds * 1000)
    assert max(until - since for since, until in ledger.read) <= SETTLED + 2 * MINUTE


async def test_no_reading_is_long(ledger: Ledger) -> None:
    await RecentHistory(lambda: ledger).get(NOW)  # type: ignore[arg-type]
    assert max(until - since for since, until in ledger.read) <= STRETCH
    assert sum(until - since for since, until in ledger.read) <= HOUR + 2 * BESIDE + 2 * MINUTE


async def test_after_a_while_all_of_it_is_read_again(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    await recent.get(NOW)
    ledger.add(NOW - 30 * MINUTE)  # long after
    assert of_the_hour(await recent.get(NOW + 1000)) != of_the_hour(ledger.flow(NOW + 1000))
    assert of_the_hour(await recent.get(NOW + AGAIN)) == of_the_hour(ledger.flow(NOW + AGAIN))


@pytest.mark.parametrize("jump", [-1, -HOUR, -3 * DAY, HOUR // 2, 2 * HOUR, 5 * DAY])
async def test_a_clock_that_is_set_loses_nothing(ledger: Ledger, jump: int) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    await recent.get(NOW)
    ledger.add(NOW + jump)
    for seconds in range(3):
        now = NOW + jump + seconds * 1000
        assert of_the_hour(await recent.get(now)) == of_the_hour(ledger.flow(now))


async def test_a_clock_that_is_set_back_after_a_while_loses_nothing(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    for minutes in (0, 8, 2, 5, 4):
        now = NOW + minutes * MINUTE
        ledger.add(now)
        assert of_the_hour(await recent.get(now)) == of_the_hour(ledger.flow(now)), minutes


@pytest.mark.parametrize("fails_at", [1, 5, 12, 13, 15, 18, 19])
async def test_a_reading_that_fails_leaves_what_was_known(ledger: Ledger, fails_at: int) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    ledger.fails_at = fails_at
    with pytest.raises(OSError):
        await recent.get(NOW)
    for now in (NOW, NOW + 140_000):
        assert of_the_hour(await recent.get(now)) == of_the_hour(ledger.flow(now))
    ledger.fails_at = len(ledger.read) + 1
    with pytest.raises(OSError):
        await recent.get(NOW + 300_000)
    assert of_the_hour(await recent.get(NOW + 301_000)) == of_the_hour(ledger.flow(NOW + 301_000))


@pytest.mark.parametrize("apart", [0, 1_000, MINUTE, 2 * MINUTE])
async def test_two_who_ask_at_once_count_nothing_twice(ledger: Ledger, apart: int) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    await recent.get(NOW - 5 * MINUTE)  # so that minutes have become settled since
    ledger.open.clear()
    both = [asyncio.create_task(recent.get(now)) for now in (NOW, NOW + apart)]
    await asyncio.sleep(0)
    ledger.open.set()
    _, later = await asyncio.gather(*both)
    assert of_the_hour(later) == of_the_hour(ledger.flow(NOW + apart))
    assert of_the_hour(await recent.get(NOW + apart)) == of_the_hour(ledger.flow(NOW + apart))


async def test_what_was_given_does_not_change(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type]
    flow = await recent.get(NOW)
    told = repr(flow)
    for minutes in range(1, 70):
        ledger.add(NOW + minutes * MINUTE)
        await recent.get(NOW + minutes * MINUTE)
    assert repr(flow) == told
