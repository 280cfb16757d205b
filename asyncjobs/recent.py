"""The history that the numbers speak of, of which minutes that are long over are read and added up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from asyncjobs.flow import BESIDE, DAY, HOUR, Flow, Hour, Sum, add_by_queue, minute_after
from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Reader

# Ms after a minute's end until which something may still be added to it: by a process whose clock is behind, and by what was long on its way.
SETTLED = 120_000
AGAIN = 600_000  # ms after which all is read again, whatever was wrong with a clock
# Ms that are read at a time. An hour of 200 busy pairs of queue and task is 150,000 rows: read at once they may take longer than
# a reader has, and the loop would stand still while they are added up.
STRETCH = 600_000


class RecentHistory:
    """Of one store."""

    def __init__(self, store: Callable[[], Reader]) -> None:
        self._store = store
        self._read_at: int | None = None  # when all was read last, ms; written by get, as these
        self._hour = Hour(0)
        self._before: Mapping[str, Sum] | None = None

    async def get(self, now: int) -> Flow:
        """Up to now, ms. That of a day before, which is for comparing, may be AGAIN old."""
        since = minute_after(now - HOUR)
        hour = self._hour
        if self._read_at is None or not self._read_at <= now < self._read_at + AGAIN or since < hour.since:
            self._read_at, self._before = now, None
            hour = self._hour = Hour(since)
        before = self._before
        if before is None:
            before = self._before = await self._a_day_before(now)
        latest = await self._read_on(hour, now)
        hour.forget(since)
        return hour.flow(latest, before)

    async def _read_on(self, hour: Hour, now: int) -> Sequence[HistoryBucket]:
        """Add what is settled to the hour, stretch by stretch; give what is not."""
        settled = now - now % HISTORY_STEP - SETTLED
        while True:
            begin = hour.until
            end = min(begin + STRETCH, settled) if begin < settled else now + 1
            buckets = await self._store().history(since=begin, until=end)
            if hour.until != begin:
                continue  # somebody else has gone on meanwhile
            if begin >= settled:
                return buckets
            hour.add(buckets, end)

    async def _a_day_before(self, now: int) -> Mapping[str, Sum]:
        begin, end = minute_after(now - DAY - BESIDE), minute_after(now - DAY + BESIDE)
        found: dict[str, Sum] = {}
        for at in range(begin, end, STRETCH):
            add_by_queue(found, await self._store().history(since=at, until=min(at + STRETCH, end), step=STRETCH))
        return found
