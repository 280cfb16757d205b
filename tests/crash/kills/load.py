"""The callers: they enqueue for as long as the process lives, and keep every queue supplied, not swamped."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asyncjobs import Jobs, Task
from asyncjobs.errors import NotStarted, Stopping, StoreClosed
from asyncjobs.job import State
from asyncjobs.store.base import JobQuery, Store
from tests.crash.kills.gauge import Gauge
from tests.crash.kills.ledger import Ledger
from tests.crash.kills.order import SLOTS, Order

CALLERS = 20
BATCH = 5
SUPPLY = 3  # due jobs that wait for each slot: more is not enqueued
SCARCE = 2  # due jobs that wait for each slot: below it jobs last LONGER times as long, so that a slow machine's slots fill, too
LONGER = 5
LOOK = 0.05  # seconds between looks at what is due
CANCEL_EVERY = 0.02  # seconds
REQUEUE_EVERY = 0.03
DISCARD_EVERY = 0.02
LONG_AGO = 1  # ms since the epoch
RECENT = 400  # ids that cancels and repeated enqueues are drawn from
EARLIER = 50  # of them, at most, of a kind from earlier lives: callers repeat what a crash has left unanswered
ASKED_AGAIN = ("work", "slow", "noted", "flaky")

# Task → (weight, shortest, longest milliseconds), by queue.
KINDS: Mapping[str, Mapping[str, tuple[float, int, int]]] = {
    "default": {
        "work": (55, 20, 60),
        "noted": (15, 20, 60),
        "flaky": (8, 10, 40),
        "doomed": (3, 5, 20),
        "late": (2, 1, 5),
        "snoozer": (5, 20, 100),
        "quitter": (3, 5, 20),
        "many": (0.2, 0, 0),
        "parent": (6, 20, 60),
    },
    "threads": {"threaded": (85, 20, 60), "threaded_flaky": (15, 10, 40)},
    "slow": {"slow": (100, 50, 150)},
}
DELAYED = 0.05  # of the default queue's jobs, share that is due later


class Load:
    """Begun by the first request. What it does follows from the seed and the life's number, as far as other tasks let it."""

    def __init__(
        self, jobs: Jobs, store: Store, tasks: Mapping[str, Task[..., Any, Any]], ledger: Ledger, gauge: Gauge, order: Order
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._tasks = tasks
        self._ledger = ledger
        self._gauge = gauge
        self._order = order
        self._chance = random.Random(f"{order.seed} {order.life}")
        self._count = 0
        self._recent: deque[str] = deque(maxlen=RECENT)  # acknowledged ids that may be asked for again, or cancelled
        self._failed: deque[str] = deque(maxlen=RECENT)  # ids of doomed jobs, which may be requeued once they have failed
        self._running: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Put in what this life was ordered to have, then let everybody go."""
        for kind, count, argument in (
            ("victim", self._order.victims, 0),
            ("poison", self._order.poison, 0),
            (self._order.stubborn, bool(self._order.stubborn), self._order.life),
        ):
            for _ in range(count):
                await self._enqueue(kind, argument)
        self._failed.extend(await self._earlier(State.FAILED, "doomed"))
        for task in ASKED_AGAIN:
            self._recent.extend(await self._earlier(State.SUCCEEDED, task))
        loops: list[Callable[[], Awaitable[None]]] = [
            self._look,
            self._cancel,
            self._requeue,
            self._discard,
            *[self._call] * CALLERS,
        ]
        self._running = [asyncio.create_task(self._until_stopped(loop)) for loop in loops]

    async def _earlier(self, state: State, task: str) -> list[str]:
        """Ids of jobs that earlier lives have left in this state."""
        page = await self._store.page(JobQuery(state, task=task), limit=EARLIER)
        return [job.id for job in page.jobs]

    async def _until_stopped(self, loop: Callable[[], Awaitable[None]]) -> None:
        """Callers go on while the runner drains; the store's end is theirs."""
        try:
            while True:
                await loop()
        except Stopping:
            return

    # --- each of these is one step of a loop ---

    async def _call(self) -> None:
        queue = min(SLOTS, key=self._supply)
        if self._supply(queue) >= SUPPLY:
            await self._ask_again()
        elif queue == "default" and self._chance.random() < 0.05:
            await self._enqueue_batch()
        else:
            kinds = KINDS[queue]
            (kind,) = self._chance.choices(list(kinds), [weight for weight, _, _ in kinds.values()])
            _, shortest, longest = kinds[kind]
            milliseconds = self._chance.randint(shortest, longest) * (LONGER if self._supply(queue) < SCARCE else 1)
            delay = self._chance.uniform(0.02, 0.3) if queue == "default" and self._chance.random() < DELAYED else None
            await self._enqueue(kind, milliseconds, delay)

    def _supply(self, queue: str) -> float:
        """Due jobs that wait for each slot of this queue."""
        return self._gauge.get(f"due {queue}") / SLOTS[queue]

    async def _look(self) -> None:
        """Set the gauge right: between looks it counts inserts and claims, not what falls due by itself."""
        snapshot = await self._store.stats(now=self._jobs._clock.now())
        for queue in SLOTS:
            found = snapshot.queues.get(queue)
            self._gauge.set(f"due {queue}", 0 if found is None else found.waiting)
        await asyncio.sleep(LOOK)

    async def _cancel(self) -> None:
        await asyncio.sleep(CANCEL_EVERY)
        if self._recent:
            id = self._chance.choice(self._recent)
            self._ledger.cancel_asked(id)
            answers = await self._acting(self._jobs.cancel(id))
            self._ledger.cancel_answered(id, answers[id])

    async def _requeue(self) -> None:
        """What has not failed yet is refused."""
        await asyncio.sleep(REQUEUE_EVERY)
        if self._failed:
            id = self._failed.popleft()
            self._ledger.requeue_asked(id)
            answers = await self._acting(self._jobs.retry(id))
            self._ledger.requeue_answered(id, answers[id])

    async def _discard(self) -> None:
        """Something for the janitor to prune: a job that was cancelled long ago, by the date it is given here."""
        await asyncio.sleep(DISCARD_EVERY)
        id = await self._enqueue("dross", 0, delay=3_600.0)
        await self.discard(id)

    async def discard(self, id: str) -> None:
        self._ledger.discarded(id)
        await self._acting(self._store.cancel([id], now=LONG_AGO))

    # --- enqueueing ---

    async def _enqueue(self, kind: str, argument: int, delay: float | None = None) -> str:
        id = self._new_id(kind)
        self._ledger.asked([id])
        await self._waiting(self._tasks[kind].options(id=id, delay=delay).enqueue(argument))
        self._acknowledged(kind, [id])
        return id

    async def _enqueue_batch(self) -> None:
        ids = [self._new_id("work") for _ in range(BATCH)]
        self._ledger.asked(ids)
        await self._waiting(self._jobs.enqueue_many(self._tasks["work"].options(id=id).call(5) for id in ids))
        self._acknowledged("work", ids)

    async def _ask_again(self) -> None:
        """As a caller does that never got its answer: the same id, which changes nothing."""
        if not self._recent:
            await asyncio.sleep(0)
            return
        id = self._chance.choice(self._recent)
        handle = await self._waiting(self._tasks["work"].options(id=id).enqueue(0))
        if handle.created:
            self._ledger.anew(id)

    def _acknowledged(self, kind: str, ids: list[str]) -> None:
        self._ledger.acknowledged(ids)
        self._gauge.add("acknowledged", len(ids))
        if kind == "doomed":
            self._failed.extend(ids)
        elif kind in ASKED_AGAIN:
            self._recent.extend(ids)

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._order.life}-{self._count}"

    async def _waiting(self, answer: Awaitable[Any]) -> Any:
        """One more caller waits."""
        self._gauge.add("callers", 1)
        try:
            return await self._acting(answer)
        finally:
            self._gauge.add("callers", -1)

    async def _acting(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (StoreClosed, NotStarted):
            raise Stopping from None
