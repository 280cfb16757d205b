"""Once a second: what the store holds against this runner, and what it must be told.

One round trip has several duties: cancel requests, pauses, limits and schedules from elsewhere, progress notes on their way out, who
runs here where that has changed, how this process is, and strays. A stray is an attempt that the store thinks we run and that we don't know: the reply to its claim was lost. Nobody else may
touch it, since its runner lives; so we give it back.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from asyncjobs.clock import Clock
from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import Job, Progress
from asyncjobs.outcome import Released
from asyncjobs.runner.bell import Bell
from asyncjobs.runner.dispatcher import Dispatcher
from asyncjobs.runner.ledger import Ledger
from asyncjobs.store.base import Condition, Store

logger = logging.getLogger("asyncjobs.runner")

INTERVAL = 1.0  # seconds: how long a cancel from another process takes at most


class Pulse:
    """The runner's heartbeat; nothing takes it for a sign of life, so a late one harms nobody."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        dispatcher: Dispatcher,
        ledger: Ledger,
        *,
        runner: str,
        running: Callable[[], Mapping[str, int]],
        cancel: Callable[[str], None],
        before: Callable[[], Awaitable[None]],
        condition: Callable[[], Condition | None],
        schedules: Callable[[int], None],
        limits: Callable[[Mapping[str, str]], None],
        expired: Callable[[str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._dispatcher = dispatcher
        self._ledger = ledger
        self._runner = runner
        self._running = running  # job id → token, of the attempts here
        self._before = before  # what must be in the store before it is asked
        self._condition = condition  # what is to be reported of this process, if anything
        self._cancel = cancel  # asks for the end of an attempt here
        self._limits = limits  # told of what the store keeps
        self._expired = expired  # told of each job that a beat has cancelled
        self._schedules = schedules  # told of the version that a schedule was given last
        self._notes: dict[str, tuple[int, Progress]] = {}  # written by note(), on any thread; swapped by beat()
        self._suspects: dict[str, int] = {}  # strays of the last beat
        self.answered_at: float | None = None  # monotonic; when the store last answered a beat
        self._bell = Bell(clock)
        self._stopping = False

    def note(self, job: Job, progress: Progress) -> None:
        """Keep this progress for the next beat; the latest of a job wins."""
        self._notes[job.id] = (job.token, progress)

    def last_note(self, job: Job) -> Progress | None:
        """The progress of this attempt that no beat has written yet; its end takes it along."""
        token, progress = self._notes.pop(job.id, (0, None))
        return progress if token == job.token else None

    def ring(self) -> None:
        """Beat now: something was changed here that a beat finds out, or makes known."""
        self._bell.ring()

    def stop(self) -> None:
        self._stopping = True
        self._bell.ring()

    async def run(self) -> None:
        """Beat until stop()."""
        while not self._stopping:
            await self.beat()
            await self._bell.wait(INTERVAL)

    async def beat(self) -> None:
        """One round trip."""
        began = self._clock.monotonic()
        await self._before()
        notes, self._notes = self._notes, {}
        if notes:
            try:
                await self._store.note(notes)
            except StoreUnavailable:
                self._notes = {**notes, **self._notes}
                raise
        if (condition := self._condition()) is not None:
            await self._store.report(self._runner, condition)
        beat = await self._store.beat(self._runner, now=self._clock.now())
        self.answered_at = self._clock.monotonic()
        for id in beat.cancels:
            self._cancel(id)
        self._schedules(beat.schedules)
        self._limits(beat.limits)
        for id in beat.expired:
            self._expired(id)
        self._dispatcher.set_paused(beat.paused)
        self._dispatcher.ring()  # watch() may be silent: whatever was missed is found within a beat
        await self._release_strays(beat.held, began)

    async def _release_strays(self, held: Mapping[str, int], began: float) -> None:
        """What was a stray at two beats is one. A claim that was under way may still answer for some: they wait."""
        running = self._running()
        strays = {id: token for id, token in held.items() if running.get(id) != token and not self._ledger.holds(id, token)}
        proven = [id for id, token in strays.items() if self._suspects.get(id) == token]
        self._suspects = strays
        claiming_since = self._dispatcher.claiming_since
        if not proven or (claiming_since is not None and claiming_since <= began):
            return
        for job in await self._store.get(proven):
            if job is not None and strays.get(job.id) == job.token and self._running().get(job.id) != job.token:
                logger.warning(
                    "job %s (%s) was claimed here, but the claim's answer was lost; it is given back", job.id, job.name
                )
                self._ledger.add(job, Released())
        self._suspects = {}
