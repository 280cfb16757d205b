"""Jobs that match, to be acted on together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

from asyncjobs.clock import Clock
from asyncjobs.errors import ConfigurationError
from asyncjobs.hearer import Hearer
from asyncjobs.job import Only, State
from asyncjobs.registry import AnyTask
from asyncjobs.runner.failure import type_name
from asyncjobs.store.base import Cancellation, JobQuery, Store
from asyncjobs.task import Task, checked_at

AT_ONCE = 500  # jobs of one commit, so that no enqueue waits long behind it
LONGEST_SPREAD = 366 * 86_400.0  # seconds


def checked_spread(spread: float | timedelta) -> int:
    """In ms. Raises ConfigurationError."""
    seconds = spread.total_seconds() if isinstance(spread, timedelta) else spread
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= LONGEST_SPREAD:
        raise ConfigurationError(f"spread={spread!r}: give seconds from 0 to a year, or a timedelta")
    return round(seconds * 1000)


def query_of(
    state: State | str | None,
    queue: str | None,
    task: str | AnyTask | None,
    error: str | type[BaseException] | None,
    text: str | None,
    since: datetime | None,
    until: datetime | None,
) -> JobQuery:
    """What is asked of a list. Raises ConfigurationError for a state that is none, ArgumentError for times without a time zone."""
    try:
        wanted = None if state is None else State(state)
    except ValueError:
        raise ConfigurationError(f"state={state!r}: give one of {', '.join(State)}") from None
    return JobQuery(
        wanted,
        queue,
        task.name if isinstance(task, Task) else task,
        error if error is None or isinstance(error, str) else type_name(error),
        None if since is None else checked_at("since", since),
        None if until is None else checked_at("until", until),
        text or None,
    )


class Selection:
    """Given by `jobs.where(...)`. Each verb takes what matches as it comes to it (retry: all of it first, the oldest first), and says how
    many it has changed. most: of so many that match, the newest of them; None for all.

    Jobs that others enqueue or change meanwhile may be among them or not; one that no longer may be changed is left alone.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        living: Callable[[], Hearer],
        query: JobQuery,
        only: Only | None,
        told: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._living = living
        self._query = query
        self._only = only
        self._told = told  # called with the id of each job that has ended by this

    async def ids(self, *, most: int | None = None) -> list[str]:
        """Of all that match, the newest first."""
        return [id async for batch in self._batches(most) for id in batch]

    async def cancel(self, *, most: int | None = None) -> int:
        """Cancel the queued ones, ask for the end of those that run."""
        runner, count = self._living(), 0
        async for ids in self._batches(most):
            verdicts = await self._store.cancel(ids, now=self._clock.now())
            count += sum(verdict in (Cancellation.CANCELLED, Cancellation.REQUESTED) for verdict in verdicts)
            for id in ids:
                self._told(id)
        runner.beat()
        return count

    async def retry(self, *, spread: float | timedelta = 0.0, most: int | None = None) -> int:
        """Put those back that have ended, at once or evenly over so many seconds (or a timedelta), the oldest first."""
        whole = checked_spread(spread)
        runner = self._living()
        ids, now, count = (await self.ids(most=most))[::-1], self._clock.now(), 0
        for begin in range(0, len(ids), AT_ONCE):
            some = ids[begin : begin + AT_ONCE]
            first, share = whole * begin // len(ids), whole * len(some) // len(ids)
            count += sum(await self._store.requeue(some, now=self._clock.now(), due=now + first, spread=share))
        runner.ring_all()
        return count

    async def discard(self, *, most: int | None = None) -> int:
        """Remove those that have ended, and what is known of them."""
        self._living()
        count = 0
        async for ids in self._batches(most):
            count += sum(await self._store.discard(ids))
        return count

    async def purge(self) -> int:
        """Cancel those that are queued, and remove all but those that run."""
        self._living()
        count = 0
        async for ids in self._batches(None):
            await self._store.cancel(ids, now=self._clock.now(), running=False)
            count += sum(await self._store.discard(ids))
            for id in ids:
                self._told(id)
        return count

    async def _batches(self, most: int | None) -> AsyncIterator[Sequence[str]]:
        self._living()
        after, left = None, most
        while True:
            page = await self._store.page(self._query, limit=AT_ONCE, after=after)
            ids = [job.id for job in page.jobs if self._only is None or self._only(job)][:left]
            if ids:
                yield ids
            left = None if left is None else left - len(ids)
            if page.next is None or left == 0:
                return
            after = page.next
