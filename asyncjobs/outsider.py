"""A database file seen from outside of its app, and with leave acted on: what the page that stands alone holds in place of a Jobs.

It is no process of that app. It registers no runner, puts nothing back, prunes nothing, fires no schedule and migrates nothing; and it
knows no code, so of a queue's limits and of which schedules are declared it can say nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, NoReturn

from asyncjobs.clock import Clock, SystemClock
from asyncjobs.endings import Endings
from asyncjobs.errors import ConfigurationError, UnknownQueue, UnknownTask
from asyncjobs.explain import Explanation, explain
from asyncjobs.handle import JobHandle
from asyncjobs.hearer import Nobody
from asyncjobs.job import Job, NewJob, Only
from asyncjobs.listing import listed
from asyncjobs.pause import checked_said
from asyncjobs.queue import Queue
from asyncjobs.recent import RecentHistory
from asyncjobs.schedules import Schedules
from asyncjobs.selection import Selection, checked_spread, query_of
from asyncjobs.stats import Snapshot, snapshot
from asyncjobs.store.base import Act, Cancellation, HistoryBucket, Page, Storage, Store
from asyncjobs.store.opening import look_at, open_store
from asyncjobs.task import AnyCall
from asyncjobs.version import VERSION
from asyncjobs.vitals import FAILURES, LONGEST, Vitals

NO_LEAVE = "This page only looks; to act from here, start it with --act."
NO_CODE = (
    "How many of queue {!r} may run is said by its app's code, which isn't known here: change it on the page of the app itself."
)


class Outsider:
    """`async with Outsider("jobs.db") as outside:` opens and closes it. It answers what a page asks (see web.source.Source).

    acts: it may act too: by the same verbs as the app, whose processes find out within a second or two.
    """

    def __init__(self, url: str | os.PathLike[str], *, acts: bool = False, clock: Clock | None = None) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        text = os.fspath(url)
        self.file = text if "://" in text else os.path.abspath(text)
        self._acts = acts
        self._looking = look_at(url, self._clock)
        self._store: Store = open_store(url, self._clock) if acts else self._looking
        self._recent = RecentHistory(lambda: self._store)
        self._endings = Endings(self._clock)
        self.schedules = Schedules(
            lambda: self._store.timetable,
            self._clock,
            living=self._leave,
            template=_no_template,
            enqueue=self._enqueue,
            looking=lambda: None,
        )
        self.started = False  # written by __aenter__ and __aexit__

    async def __aenter__(self) -> Outsider:
        """Raises StoreMismatch for what is no file of this version's, or not there; StoreUnavailable."""
        await self._looking.open()
        if self._acts:
            # Not before the look: opening it to write would make a file that is missing, and migrate one that is older.
            await self._looking.close()
            await self._store.open()
        self.started = True
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.started = False
        await self._store.close()

    @property
    def problems(self) -> Mapping[str, str]:
        """None: no runner is here that could have one."""
        return {}

    # --- looking

    async def get(self, id: str) -> Job | None:
        (job,) = await self._store.get([id])
        return job

    async def list(
        self,
        *,
        state: str | None = None,
        queue: str | None = None,
        task: str | None = None,
        error: str | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        only: Only | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page:
        """See `Jobs.list`."""
        query = query_of(state, queue, task, error, text, since, until)
        return await listed(self._store, query, only, limit=limit, after=after, monotonic=self._clock.monotonic)

    async def explain(self, id: str) -> Explanation | None:
        """But for the limits of its queue."""
        situation = await self._store.situation(id, now=self._clock.now())
        return None if situation is None else explain(situation, None)

    def whereabouts(self, id: str) -> None:
        """It runs in another process, if at all."""

    async def acts(self, limit: int = 50) -> Sequence[Act]:
        return await self._store.acts(limit)

    async def storage(self) -> Storage:
        return await self._store.storage()

    async def check(self) -> Sequence[str]:
        self._leave()
        return await self._store.check()

    async def backup(self, to: str | None = None) -> str:
        self._leave()
        return await self._store.backup(to)

    async def history(self, *, since: float, step: float) -> Sequence[HistoryBucket]:
        now, width = self._clock.now(), round(step * 1000)
        begin = now - round(since * 1000)
        return await self._store.history(since=begin - begin % width, until=now + 1, step=width)

    async def stats(self) -> Snapshot:
        now = self._clock.now()
        schedules = await self._store.timetable.all()
        vitals = Vitals(
            await self._store.stats(now=now),
            await self._recent.get(now),
            schedules,
            await self._store.failures(FAILURES),
            await self._store.longest_running(LONGEST),
            # Some code has declared them, and nothing here says that it does no more: one that isn't fired is told of.
            declared=[schedule.name for schedule in schedules],
            configured=(),
        )
        return snapshot(vitals, version=VERSION, runner="", file=self.file)

    # --- acting

    async def retry(self, ids: Sequence[str], *, spread: float = 0.0) -> Mapping[str, bool]:
        self._leave()
        done = await self._store.requeue(ids, now=self._clock.now(), spread=checked_spread(spread))
        return dict(zip(ids, done, strict=True))

    async def cancel(self, ids: Sequence[str]) -> Mapping[str, Cancellation]:
        self._leave()
        return dict(zip(ids, await self._store.cancel(ids, now=self._clock.now()), strict=True))

    async def discard(self, ids: Sequence[str]) -> Mapping[str, bool]:
        self._leave()
        return dict(zip(ids, await self._store.discard(ids), strict=True))

    def where(
        self,
        *,
        state: str | None = None,
        queue: str | None = None,
        task: str | None = None,
        error: str | None = None,
        text: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        only: Only | None = None,
    ) -> Selection:
        query = query_of(state, queue, task, error, text, since, until)
        return Selection(self._store, self._clock, self._leave, query, only, self._endings.tell)

    async def pause(self, queue: str | None = None, *, task: str | None = None, by: str = "", why: str = "") -> None:
        """Raises UnknownQueue, UnknownTask for what the file knows nothing of. A task's aliases, which are in the code, are not paused with it."""
        await self._set_paused(queue, task, True, checked_said("by", by), checked_said("why", why))

    async def resume(self, queue: str | None = None, *, task: str | None = None) -> None:
        """Raises as `pause`."""
        await self._set_paused(queue, task, False, "", "")

    async def _set_paused(self, queue: str | None, task: str | None, paused: bool, by: str, why: str) -> None:
        self._leave()
        now = self._clock.now()
        stats = await self._store.stats(now=now)
        if queue is not None:
            if queue not in stats.queues:
                raise UnknownQueue(queue, stats.queues, "Nothing of this name is in the file.")
            await self._store.set_paused(queue, paused, now=now, by=by, why=why)
        if task is not None:
            known = {*stats.paused_tasks, *stats.unknown_tasks, *(name for runner in stats.runners for name in runner.info.tasks)}
            if task not in known and not (await self.list(task=task, limit=1)).jobs:
                raise UnknownTask(task, known)
            await self._store.set_task_paused(task, paused, now=now, by=by, why=why)

    def limits(self, queue: str) -> NoReturn:
        raise ConfigurationError(NO_CODE.format(queue))

    async def set_limits(self, queue: str, limits: Queue | None, *, keep: bool = False) -> None:
        """Only None, as the code has them: what else is kept holds for a configuration, which isn't known here."""
        self._leave()
        if limits is not None:
            self.limits(queue)
        await self._store.keep_limits(queue, None, now=self._clock.now())

    async def record_act(self, who: str, verb: str, target: str, count: int) -> None:
        self._leave()
        await self._store.record_act(Act(self._clock.now(), who, verb, target, count))

    def _leave(self) -> Nobody:
        """To act. Raises ConfigurationError where it has none."""
        if not self._acts:
            raise ConfigurationError(NO_LEAVE)
        return Nobody()

    async def _enqueue(self, job: NewJob) -> JobHandle[Any]:
        """One that a schedule has made; who knows its task is for the store to find out."""
        self._leave()
        (inserted,) = await self._store.insert([job], now=self._clock.now())
        return JobHandle(self, inserted.id, inserted.created)

    # --- what handles need

    async def wait_ended(self, id: str, timeout: float | None) -> Job:
        """Raises TimeoutError, JobGone."""
        async with asyncio.timeout(timeout):
            return await self._endings.wait(id, self.get)

    async def cancel_one(self, id: str) -> bool:
        return (await self.cancel([id]))[id] in (Cancellation.CANCELLED, Cancellation.REQUESTED)

    def decode_result(self, job: Job) -> object:
        """As JSON has it: what the task's annotation makes of it isn't known here."""
        return None if job.result is None else json.loads(job.result)


def _no_template(call: AnyCall) -> NoReturn:
    raise ConfigurationError("a schedule is added where the code of its task is")
