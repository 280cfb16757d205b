"""The history that the numbers speak of, of which minutes that are long over are read once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asyncjobs.store.base import HISTORY_STEP, HistoryBucket, Reader
from asyncjobs.vitals import spans

# Ms after a minute's end until which something may still be added to it: by a process whose clock is behind, and by what was long on its way.
SETTLED = 120_000
AGAIN = 600_000  # ms after which all is read again, whatever was wrong with a clock


class RecentHistory:
    """Of one store. An hour of a hundred busy queues and tasks is ten thousands of rows: too many to read anew each second on the app's own loop."""

    def __init__(self, store: Callable[[], Reader]) -> None:
        self._stretches = [_Stretch(store) for _ in spans(0)]
        self._read_at: int | None = None  # when all was read last, ms

    async def get(self, now: int) -> list[HistoryBucket]:
        """Of `vitals.spans(now)`; ms."""
        if self._read_at is None or not self._read_at <= now < self._read_at + AGAIN:
            self._read_at = now
            for stretch in self._stretches:
                stretch.forget()
        settled = now - now % HISTORY_STEP - SETTLED
        return [
            bucket
            for stretch, (since, until) in zip(self._stretches, spans(now), strict=True)
            for bucket in await stretch.get(since, until, settled)
        ]


class _Stretch:
    """From one moment to another, both of which move on."""

    def __init__(self, store: Callable[[], Reader]) -> None:
        self._store = store
        self.forget()

    def forget(self) -> None:
        self._since: int | None = None  # what is kept begins there, and ends at _until
        self._until = 0
        self._kept: Sequence[HistoryBucket] = ()

    async def get(self, since: int, until: int, settled: int) -> Sequence[HistoryBucket]:
        """settled: what is before that is kept."""
        if self._since is None or not self._since <= since <= self._until <= until:
            self._since, self._until, self._kept = since, since, ()
        read_from = self._until
        known = [bucket for bucket in self._kept if since <= bucket.at < read_from]
        known += await self._store().history(since=read_from, until=until)
        if self._until == read_from:  # nobody else has gone on meanwhile
            begins = min(settled, until)
            self._until = max(begins - begins % HISTORY_STEP, read_from)
            self._since, self._kept = since, [bucket for bucket in known if bucket.at < self._until]
        return known
