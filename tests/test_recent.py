"""The history behind the numbers is read anew only where it may still change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from asyncjobs.recent import AGAIN, SETTLED, RecentHistory
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Metric
from asyncjobs.vitals import HOUR, spans

MINUTE = HISTORY_STEP
NOW = 1_795_548_031_042
DAY = 24 * HOUR


class Ledger:
    """Counts what was enqueued in each minute; `read` are the stretches that were asked for."""

    def __init__(self) -> None:
        self.minutes: dict[int, int] = {}
        self.read: list[tuple[int, int]] = []
        self.fails: Exception | None = None

    def add(self, at: int) -> None:
        minute = at - at % MINUTE
        self.minutes[minute] = self.minutes.get(minute, 0) + 1

    def buckets(self, since: int, until: int) -> list[HistoryBucket]:
        return [
            HistoryBucket(at, "mail", "send", {Metric.ENQUEUED: n}, {}, {})
            for at, n in sorted(self.minutes.items())
            if since <= at < until
        ]

    async def history(self, *, since: int, until: int, **more: Any) -> Sequence[HistoryBucket]:
        self.read.append((since, until))
        if self.fails is not None:
            raise self.fails
        return self.buckets(since, until)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    for minute in range(26 * 60):
        ledger.add(NOW - minute * MINUTE)
    return ledger


def wanted(ledger: Ledger, now: int) -> list[HistoryBucket]:
    return [bucket for since, until in spans(now) for bucket in ledger.buckets(since, until)]


async def test_it_is_what_the_store_has_while_time_goes_on(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type,return-value]
    for seconds in range(0, 400, 7):
        now = NOW + seconds * 1000
        ledger.add(now)
        ledger.add(now - 30_000)  # by a process whose clock is behind
        ledger.add(now - DAY + HOUR + 30_000)
        assert await recent.get(now) == wanted(ledger, now), seconds


async def test_what_is_settled_is_not_read_again(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type,return-value]
    await recent.get(NOW)
    assert ledger.read == list(spans(NOW))
    ledger.read.clear()
    for seconds in range(1, 200):
        await recent.get(NOW + seconds * 1000)
    assert max(until - since for since, until in ledger.read) <= SETTLED + 2 * MINUTE


async def test_after_a_while_all_of_it_is_read_again(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type,return-value]
    await recent.get(NOW)
    ledger.add(NOW - 30 * MINUTE)  # long after
    assert await recent.get(NOW + 1000) != wanted(ledger, NOW + 1000)
    assert await recent.get(NOW + AGAIN) == wanted(ledger, NOW + AGAIN)


@pytest.mark.parametrize("jump", [-1, -HOUR, -3 * DAY, HOUR // 2, 2 * HOUR, 5 * DAY])
async def test_a_clock_that_is_set_loses_nothing(ledger: Ledger, jump: int) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type,return-value]
    await recent.get(NOW)
    ledger.add(NOW + jump)
    for seconds in range(3):
        assert await recent.get(NOW + jump + seconds * 1000) == wanted(ledger, NOW + jump + seconds * 1000)


async def test_a_reading_that_fails_leaves_what_was_known(ledger: Ledger) -> None:
    recent = RecentHistory(lambda: ledger)  # type: ignore[arg-type,return-value]
    ledger.fails = OSError()
    with pytest.raises(OSError):
        await recent.get(NOW)
    ledger.fails = None
    assert await recent.get(NOW) == wanted(ledger, NOW)
    ledger.fails = OSError()
    with pytest.raises(OSError):
        await recent.get(NOW + 70_000)
    ledger.fails = None
    assert await recent.get(NOW + 140_000) == wanted(ledger, NOW + 140_000)
