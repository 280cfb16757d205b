"""Random histories of two processes on one store, run on the memory store as the model and on another store beside it.

After every step both must agree about every job, count and page. The machine knows no SQL and no memory: it is given two
worlds. `test_store_machine.py` runs it on SQLite, `test_machine_finds_faults.py` on stores with a fault put in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from asyncjobs.job import Hold, Job, NewJob, Policy, Progress, State
from asyncjobs.outcome import Cancelled, Failed, Finish, Lost, Outcome, Released, Snoozed, Succeeded, TimedOut, settle
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.schedule import Fire, Schedule
from asyncjobs.store.base import Act, Claim, Claimed, FailureGroup, JobQuery, RunnerInfo, Stats, Store
from asyncjobs.store.tally import HELD
from tests.store.acts import BOOM, NOW, new
from tests.store.recount import counted, events, recount, totals
from tests.store.worlds import MemoryWorld, World

T = TypeVar("T")

QUEUES = ("default", "mail")
TASKS = ("work", "sweep", "nobodys")  # the last is never registered
KEYS = ("k1", "k2")
SCHEDULES = ("nightly", "weekly")
HANDLES = st.integers(0, 1)
WANTS = st.sampled_from(
    [{"default": 3, "mail": 2}, {"mail": 2, "default": 3}, {"default": 1, "mail": 0}, {"mail": 1}, {"default": 2}]
)
LIMITS = st.sampled_from(
    [{}, {}, {"default": Limits(2)}, {"default": Limits(3, Rate(5_000.0))}, {"mail": Limits(1, Rate(700.0, 2))}]
)
PRUNED = st.sampled_from([tuple(State), (State.FAILED, State.SUCCEEDED), (State.CANCELLED,), ()])
TASK_SETS = st.sampled_from([("work", "sweep"), ("work", "sweep"), ("work",), ("sweep",)])
OUTCOMES: tuple[Outcome, ...] = (
    Succeeded('"result"'),
    Succeeded(None, BOOM),
    Failed(BOOM),
    Failed(BOOM, retry_after=3.0),
    Failed(BOOM, retryable=False),
    TimedOut(BOOM),
    Cancelled(),
    Cancelled("no more"),
    Snoozed(2.0),
    Released(),
    Lost(),
)


class Disagreement(AssertionError):
    """The store under test and the model, or the store and its invariants, differ."""


@dataclass(frozen=True)
class Attempt:
    """One claim, as a later finish names it: perhaps when it is long over. Tokens are each side's own."""

    id: str
    number: int  # of this claim in the whole history
    jobs: tuple[Job, Job]


@dataclass
class Side:
    """One of the two stores: two handles on one world."""

    index: int
    world: World
    handles: list[Store] = field(default_factory=list)
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)  # (id, token) → number of the claim
    latest: dict[str, int] = field(default_factory=dict)  # id → its last token

    def number(self, job: Job, number: int) -> None:
        """Give a claim its number; its token must be new, and above all earlier ones of the job."""
        if (job.id, job.token) in self.numbers or job.token <= self.latest.get(job.id, 0):
            raise Disagreement(f"the token of {job} was given before, or did not grow")
        self.numbers[job.id, job.token] = number
        self.latest[job.id] = job.token

    def plain(self, job: Job | None) -> Job | None:
        """The job with the number of its last claim for its token, to compare over stores."""
        if job is None or job.token == 0:
            return job
        if (job.id, job.token) not in self.numbers:
            raise Disagreement(f"{job} has a token that no claim gave")
        return replace(job, token=self.numbers[job.id, job.token])


class StoreMachine(RuleBasedStateMachine):
    """`subject` makes the world under test; given by a subclass."""

    attempts: Bundle[Attempt] = Bundle("attempts")

    def subject(self) -> World:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.sides = [Side(0, MemoryWorld()), Side(1, self.subject())]
        self.now = NOW
        self.ids: list[str] = []
        self.claims = 0
        self.by_id: dict[str, Attempt] = {}  # the last claim of each job
        self.runners: list[RunnerInfo] = []  # by handle
        self.signed_on = 0
        self.ever_paused: set[str] = set()

    @initialize()
    def open(self) -> None:
        async def open_both() -> None:
            for side in self.sides:
                side.handles = [side.world.handle(), side.world.handle()]
                for handle in side.handles:
                    await handle.open()

        self.run(open_both())
        self.runners = [self.sign_on(handle, ("work", "sweep")) for handle in (0, 1)]
        first = [
            new(self.fresh_id(), name=("work", "sweep")[n % 2], queue=QUEUES[n // 3], unique_key=("k1", None)[n % 2])
            for n in range(4)
        ]
        self.same(lambda side: side.handles[0].insert(first, now=self.now))

    def teardown(self) -> None:
        async def close_both() -> None:
            for side in self.sides:
                for handle in side.handles:
                    await handle.close()

        try:
            self.run(close_both())
        finally:
            self.loop.close()

    # --- running verbs on both sides

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        # Not Runner.run: it sets and resets a signal handler each time, which takes longer than most of these verbs.
        return self.loop.get_loop().run_until_complete(work)

    def both(self, verb: Callable[[Side], Awaitable[T]]) -> tuple[T, T]:
        async def run() -> tuple[T, T]:
            return await verb(self.sides[0]), await verb(self.sides[1])

        return self.run(run())

    def same(self, verb: Callable[[Side], Awaitable[T]]) -> T:
        """Run it on both; the answers must be equal."""
        model, subject = self.both(verb)
        return self.agree("answered", model, subject)

    def agree(self, what: str, model: T, subject: T) -> T:
        if model != subject:
            raise Disagreement(f"{what}:\n  model   {model}\n  subject {subject}")
        return model

    def fresh_id(self) -> str:
        self.ids.append(f"j{len(self.ids)}")
        return self.ids[-1]

    def some_ids(self, picks: Iterable[int]) -> list[str]:
        return [self.ids[pick % len(self.ids)] for pick in picks] if self.ids else []

    # --- time

    @rule(milliseconds=st.sampled_from([1, 1_000, 10_000, 61_000]))
    def wait(self, milliseconds: int) -> None:
        self.now += milliseconds

    @rule(milliseconds=st.sampled_from([4_000, 5_001, 3_600_000]))
    def set_the_clock_back(self, milliseconds: int) -> None:
        self.now -= milliseconds

    # --- producing

    @rule(
        handle=HANDLES,
        drafts=st.lists(
            st.fixed_dictionaries(
                {
                    "queue": st.sampled_from(QUEUES),
                    "name": st.sampled_from(["work", "work", "sweep", "nobodys"]),
                    "priority": st.sampled_from([0, 1, 1, 3]),
                    "delay": st.sampled_from([-1_000, 0, 0, 0, 1_000, 70_000]),
                    "unique_key": st.sampled_from([None, None, KEYS[0], KEYS[0], KEYS[1]]),
                    "survives": st.sampled_from(["power", "crash"]),
                    "key": st.sampled_from([None, None, "a", "a", "b"]),
                    "key_limit": st.sampled_from([1, 1, 2]),
                    "unique": st.sampled_from(["", "", "until started", "for a time", "replaces"]),
                    "args": st.sampled_from(["[1]", "[2]"]),
                    "max_waiting": st.sampled_from([None, None, 1, 3]),
                    "expires_at": st.sampled_from([None, None, NOW + 5_000]),
                    "again": st.sampled_from([None, None, None, 0, 1, 5]),
                }
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def insert(self, handle: int, drafts: list[dict[str, Any]]) -> None:
        batch = []
        for draft in drafts:
            again, delay = draft.pop("again"), draft.pop("delay")
            unique = draft.pop("unique") if draft["unique_key"] else draft.pop("unique") and ""
            draft["policy"] = Policy(key_limit=draft.pop("key_limit"), unique_until_started=unique == "until started")
            draft |= {"unique_for": 5_000 if unique == "for a time" else None, "replaces": unique == "replaces"}
            living = self.stored() if again is not None else []
            id = living[again % len(living)] if living else self.fresh_id()
            batch.append(new(id, run_at=self.now + delay, **draft))
        self.same(lambda side: side.handles[handle].insert(batch, now=self.now))

    def stored(self) -> list[str]:
        """Ids of jobs that are there: one that was pruned is not inserted again, since its tokens would start anew."""
        found = self.run(_get(self.sides[0].handles[0], self.ids))
        return [job.id for job in found if job is not None]

    @rule(handle=HANDLES, count=st.integers(2, 4), cancelled=st.booleans())
    def insert_loosely(self, handle: int, count: int, cancelled: bool) -> None:
        """Jobs that survive nothing, or a caller that is cancelled: all of them are there after the next commit."""
        batch = [new(self.fresh_id(), run_at=self.now, survives="crash" if cancelled else "nothing") for _ in range(count)]
        after = [new(self.fresh_id(), run_at=self.now)]

        async def insert(side: Side) -> None:
            inserting = asyncio.ensure_future(side.handles[handle].insert(batch, now=self.now))
            if cancelled:
                await asyncio.sleep(0)
                inserting.cancel()
            await asyncio.wait([inserting])

        self.both(insert)
        self.same(lambda side: side.handles[handle].insert(after, now=self.now))

    # --- working

    def sign_on(self, handle: int, tasks: tuple[str, ...]) -> RunnerInfo:
        """A new runner, as a process that starts anew has one."""
        self.signed_on += 1
        info = RunnerInfo(f"r{self.signed_on}", 1, "here", "0", self.now, {"default": 3, "mail": 2}, frozenset(tasks))
        self.register(handle, info)
        return info

    def register(self, handle: int, info: RunnerInfo) -> None:
        self.same(lambda side: side.handles[handle].register(info, now=self.now))
        self.same(
            lambda side: _beat(side, handle, info.id, self.now)
        )  # what it knows is claimable by its next beat at the latest

    @rule(handle=HANDLES, tasks=TASK_SETS)
    def register_again(self, handle: int, tasks: tuple[str, ...]) -> None:
        self.runners[handle] = replace(self.runners[handle], tasks=frozenset(tasks))
        self.register(handle, self.runners[handle])

    @rule(handle=HANDLES, count=st.integers(2, 3))
    def fall_due_together(self, handle: int, count: int) -> None:
        """Jobs of one key that none of them has held back, since they were scheduled."""
        batch = [new(self.fresh_id(), run_at=self.now + 1, key="together") for _ in range(count)]
        self.same(lambda side: side.handles[handle].insert(batch, now=self.now))
        self.now += 1

    @rule(target=attempts, limits=LIMITS, first=HANDLES)
    def claim_one_each(self, limits: dict[str, Limits], first: int) -> Any:
        """Both processes, one after the other."""
        claimed = [self.claimed_by(handle, {"default": 1, "mail": 1}, limits) for handle in (first, 1 - first)]
        return multiple(*claimed[0], *claimed[1])

    @rule(target=attempts, handle=HANDLES, wants=WANTS, limits=LIMITS)
    def claim(self, handle: int, wants: dict[str, int], limits: dict[str, Limits]) -> Any:
        return multiple(*self.claimed_by(handle, wants, limits))

    def claimed_by(self, handle: int, wants: dict[str, int], limits: dict[str, Limits]) -> list[Attempt]:
        runner = self.runners[handle]
        asked = Claim(runner.id, wants, runner.tasks, limits)
        model, subject = self.both(lambda side: side.handles[handle].claim(asked, now=self.now))
        self.agree("blocked", model.blocked, subject.blocked)
        self.check_limits(asked, model)
        self.check_keys()
        self.follow_holds(asked)
        self.check_next_due(asked, model.next_due, subject.next_due)
        return self.claimed(model, subject)

    def check_limits(self, claim: Claim, claimed: Claimed) -> None:
        """What the model itself must not exceed, by its jobs alone."""
        for queue, limits in claim.limits.items():
            taken = [job for job in claimed.jobs if job.queue == queue]
            jobs = [job for job in self.run(_get(self.sides[0].handles[0], self.ids)) if job is not None]
            running = [job for job in jobs if job.state is State.RUNNING and job.queue == queue]
            if taken and limits.at_once is not None and len(running) > limits.at_once:
                raise Disagreement(f"{len(running)} of {queue} run at once, {limits.at_once} may")
            if limits.rate is not None and len(taken) > limits.rate.burst:
                raise Disagreement(f"{len(taken)} of {queue} begin at once, {limits.rate.burst} may")

    def check_keys(self) -> None:
        """Of each key no more run than may, and nobody is held by one that has a place."""
        jobs = [job for job in self.run(_get(self.sides[0].handles[0], self.ids)) if job is not None and job.key is not None]
        for key in {job.key for job in jobs}:
            running = [job for job in jobs if job.key == key and job.state is State.RUNNING]
            if running and len(running) > max(job.policy.key_limit for job in running):
                raise Disagreement(f"{len(running)} jobs of key {key} run at once")

    def follow_holds(self, claim: Claim) -> None:
        """How many of the jobs that nobody knows a claim meets on its way is the store's affair: the model holds the same."""
        jobs, its_jobs = self.both(lambda side: side.handles[0].get(self.ids))
        data = self.sides[0].world.data  # type: ignore[attr-defined]  # a MemoryWorld
        for model, subject in zip(jobs, its_jobs, strict=True):
            if (
                model is None
                or subject is None
                or model.hold is subject.hold
                or subject.hold not in (Hold.UNROUTABLE, Hold.PAUSED)
            ):
                continue
            known = {name for runner in self.runners for name in runner.tasks}
            right = model.name in data.paused_tasks if subject.hold is Hold.PAUSED else model.name not in known
            if model.run_at > self.now or claim.wants.get(model.queue) is None or not right:
                raise Disagreement(f"held, but due later, of another queue, or neither unknown nor paused: {subject}")
            data.put(replace(model, hold=subject.hold))
            data.counters[model.queue, HELD] += 1

    def check_next_due(self, claim: Claim, model: int | None, subject: int | None) -> None:
        """Times at or before now are as good as each other; earlier than need be only for a job of a task unknown here."""
        if model is None or subject is None or model > self.now or subject > self.now:
            jobs = [job for job in self.run(_get(self.sides[0].handles[0], self.ids)) if job is not None]
            strange = [
                job.run_at
                for job in jobs
                if job.state is State.QUEUED
                and job.queue in claim.wants
                and job.name not in claim.tasks - self.sides[0].world.data.paused_tasks.keys()  # type: ignore[attr-defined]
                and job.run_at > self.now
            ]
            if subject not in strange or (model is not None and subject is not None and subject > model):
                self.agree("next_due", model, subject)

    @rule(target=attempts, handle=HANDLES, queues=st.sets(st.sampled_from(QUEUES), min_size=1), limits=LIMITS)
    def claim_alone(self, handle: int, queues: set[str], limits: dict[str, Limits]) -> Any:
        runner = self.runners[handle]
        asked = Claim(runner.id, dict.fromkeys(sorted(queues), 1), runner.tasks, limits)
        return multiple(*self.claimed(*self.both(lambda side: side.handles[handle].claim_alone(asked, now=self.now))))

    def claimed(self, model: Claimed, subject: Claimed) -> list[Attempt]:
        self.agree("claimed", [job.id for job in model.jobs], [job.id for job in subject.jobs])
        self.agree("alone_due", model.alone_due, subject.alone_due)
        attempts = []
        for jobs in zip(model.jobs, subject.jobs, strict=True):
            self.claims += 1
            for side, job in zip(self.sides, jobs, strict=True):
                side.number(job, self.claims)
            plain = [side.plain(job) for side, job in zip(self.sides, jobs, strict=True)]
            self.agree("claimed", plain[0], plain[1])
            self.by_id[jobs[0].id] = Attempt(jobs[0].id, self.claims, jobs)
            attempts.append(self.by_id[jobs[0].id])
        return attempts

    @rule(
        handle=HANDLES,
        picks=st.lists(st.integers(0, 50), min_size=1, max_size=3),
        outcome=st.sampled_from(OUTCOMES),
        queue=st.sampled_from([None, "mail"]),
        later=st.sampled_from([0, 2_000]),
        follow=st.booleans(),
    )
    def finish(self, handle: int, picks: list[int], outcome: Outcome, queue: str | None, later: int, follow: bool) -> None:
        """End attempts that run; of one that is picked twice the second finish meets the first."""
        running = self.running()
        if running:
            self.now += later
            ends = [(running[pick % len(running)], outcome, queue) for pick in picks]
            self.settle(handle, ends, new(self.fresh_id(), run_at=self.now) if follow else None)

    @rule(handle=HANDLES, pick=st.integers(0, 50), give_back=st.booleans())
    def suspect(self, handle: int, pick: int, give_back: bool) -> None:
        """A running attempt dies for the second time: it goes on alone."""
        if running := self.running():
            attempt = running[pick % len(running)]

            def finish(side: Side) -> Finish:
                job = attempt.jobs[side.index]
                return Finish(
                    job.id, job.token, "lost", State.QUEUED, run_at=self.now, give_back=give_back, crashes=2, hold=Hold.ALONE
                )

            self.same(lambda side: side.handles[handle].finish([finish(side)], now=self.now))

    @rule(handle=HANDLES, stale=attempts, outcome=st.sampled_from(OUTCOMES))
    def finish_once_more(self, handle: int, stale: Attempt, outcome: Outcome) -> None:
        """End an attempt that may long be over."""
        self.settle(handle, [(stale, outcome, None)])

    def settle(self, handle: int, ends: list[tuple[Attempt, Outcome, str | None]], follow: NewJob | None = None) -> None:
        def finishes(side: Side) -> list[Finish]:
            made = []
            for attempt, outcome, queue in ends:
                finish = replace(settle(attempt.jobs[side.index], outcome, now=self.now, chance=0.5), follow=follow)
                made.append(replace(finish, queue=queue) if finish.to is State.QUEUED else finish)
            return made

        self.same(lambda side: side.handles[handle].finish(finishes(side), now=self.now))

    def running(self) -> list[Attempt]:
        """What runs by the model's word."""
        jobs = self.run(_get(self.sides[0].handles[0], self.ids))
        return [self.by_id[job.id] for job in jobs if job is not None and job.state is State.RUNNING]

    @rule(handle=HANDLES, pick=st.integers(0, 50), ahead=st.integers(1, 3))
    def finish_with_a_token_that_never_was(self, handle: int, pick: int, ahead: int) -> None:
        for id in self.some_ids([pick]):

            def made_up(side: Side, id: str = id) -> Finish:
                return Finish(id, side.latest.get(id, 0) + ahead, "succeeded", State.SUCCEEDED)

            self.same(lambda side: side.handles[handle].finish([made_up(side)], now=self.now))  # called at once

    @rule(handle=HANDLES, attempt=attempts, done=st.integers(0, 9))
    def note(self, handle: int, attempt: Attempt, done: int) -> None:
        progress = Progress(done, 9.5, "half\0way")
        self.same(lambda side: side.handles[handle].note({attempt.id: (attempt.jobs[side.index].token, progress)}))

    @rule(handle=HANDLES)
    def beat_once(self, handle: int) -> None:
        self.beat(handle)

    def beat(self, handle: int) -> None:
        self.same(lambda side: _beat(side, handle, self.runners[handle].id, self.now))

    @rule(handle=HANDLES, tasks=TASK_SETS)
    def kill(self, handle: int, tasks: tuple[str, ...]) -> None:
        """The process dies, and another one starts in its place."""
        for side in self.sides:
            side.world.kill(side.handles[handle], self.runners[handle].id)
        self.runners[handle] = self.sign_on(handle, tasks)

    @rule(handle=HANDLES, comes_back=st.booleans())
    def retire(self, handle: int, comes_back: bool) -> None:
        self.same(lambda side: side.handles[handle].retire(self.runners[handle].id))
        if comes_back:
            self.register(handle, self.runners[handle])
        else:
            self.runners[handle] = self.sign_on(handle, ("work", "sweep"))

    @rule(handle=HANDLES, later=st.sampled_from([0, 600_000]))
    def settle_orphans(self, handle: int, later: int) -> None:
        """What a janitor does, whose age of jobs must not mislead it."""
        self.now += later
        self.beat(handle)
        orphans = self.both(lambda side: side.handles[handle].orphans(100))
        found = [sorted(_plain(side, jobs), key=_id) for side, jobs in zip(self.sides, orphans, strict=True)]
        self.agree("orphans", found[0], found[1])

        def finishes(side: Side) -> list[Finish]:
            return [settle(job, Lost(), now=self.now, chance=0.5) for job in sorted(orphans[side.index], key=_id)]

        self.same(lambda side: side.handles[handle].finish(finishes(side), now=self.now))

    @rule(handle=HANDLES)
    def reopen(self, handle: int) -> None:
        """Its runner's process lives on."""

        async def again(side: Side) -> None:
            await side.handles[handle].close()
            await side.handles[handle].open()

        self.both(again)

    # --- operating

    @rule(handle=HANDLES, picks=st.lists(st.integers(0, 50), min_size=1, max_size=3), running=st.booleans())
    def cancel(self, handle: int, picks: list[int], running: bool) -> None:
        ids = [*self.some_ids(picks), "unknown"]
        self.same(lambda side: side.handles[handle].cancel(ids, now=self.now, running=running))

    @rule(
        handle=HANDLES,
        picks=st.lists(st.integers(0, 50), min_size=1, max_size=3),
        later=st.sampled_from([None, 0, 20_000]),
        spread=st.sampled_from([0, 3_000]),
    )
    def requeue(self, handle: int, picks: list[int], later: int | None, spread: int) -> None:
        ids, due = [*self.some_ids(picks), "unknown"], None if later is None else self.now + later
        self.same(lambda side: side.handles[handle].requeue(ids, now=self.now, due=due, spread=spread))

    @rule(handle=HANDLES, queue=st.sampled_from(QUEUES))
    def pause(self, handle: int, queue: str) -> None:
        self.ever_paused.add(queue)
        self.same(lambda side: side.handles[handle].set_paused(queue, True, now=self.now))

    @precondition(lambda self: self.ever_paused)
    @rule(handle=HANDLES, pick=st.integers(0, 1))
    def resume(self, handle: int, pick: int) -> None:
        queue = sorted(self.ever_paused)[pick % len(self.ever_paused)]
        self.same(lambda side: side.handles[handle].set_paused(queue, False, now=self.now))

    @rule(handle=HANDLES, task=st.sampled_from(TASKS[:2]), paused=st.booleans())
    def pause_task(self, handle: int, task: str, paused: bool) -> None:
        self.same(lambda side: side.handles[handle].set_task_paused(task, paused, now=self.now, by="ada", why="\ud800"))

    @rule(handle=HANDLES, limits=st.sampled_from([None, "[1]", "[2]"]))
    def keep_limits(self, handle: int, limits: str | None) -> None:
        self.same(lambda side: side.handles[handle].keep_limits("mail", limits, now=self.now))

    @rule(handle=HANDLES, who=st.sampled_from(["ada", "\0\ud800"]))
    def act_by_hand(self, handle: int, who: str) -> None:
        self.same(lambda side: side.handles[handle].record_act(Act(self.now, who, "retry", "a", 1)))

    @rule(newest=st.sampled_from([1, 3, 50]))
    def look_at_what_failed_and_was_done(self, newest: int) -> None:
        async def look(side: Side) -> tuple[Sequence[FailureGroup], Sequence[Act], Sequence[str]]:
            handle = side.handles[len(self.ids) % 2]
            longest = [job.id for job in await handle.longest_running(newest)]
            return list(await handle.failures(newest)), list(await handle.acts(newest)), longest

        self.same(look)

    @rule(handle=HANDLES, picks=st.lists(st.integers(0, 50), min_size=1, max_size=3))
    def discard(self, handle: int, picks: list[int]) -> None:
        ids = [*self.some_ids(picks), "unknown"]
        self.same(lambda side: side.handles[handle].discard(ids))

    @rule(
        handle=HANDLES,
        states=PRUNED,
        ago=st.sampled_from([0, 0, 5_000]),
        limit=st.sampled_from([1, 2, 100]),
    )
    def prune(self, handle: int, states: tuple[State, ...], ago: int, limit: int) -> None:
        before = {state: self.now + 1 - ago for state in states}
        self.same(lambda side: side.handles[handle].prune(before, limit=limit))

    # --- schedules

    @rule(handle=HANDLES, name=st.sampled_from(SCHEDULES), minutes=st.integers(1, 2), ahead=st.sampled_from([0, 60_000]))
    def declare(self, handle: int, name: str, minutes: int, ahead: int) -> None:
        schedule = Schedule(name, f"every {minutes * 60_000}", new("", run_at=0), self.now + ahead, declared=f"{minutes}")
        self.same(lambda side: side.handles[handle].timetable.declare([schedule], now=self.now))

    @precondition(lambda self: self.schedules())
    @rule(handle=HANDLES, pick=st.integers(0, 1), paused=st.booleans(), stale=st.booleans())
    def put_schedule(self, handle: int, pick: int, paused: bool, stale: bool) -> None:
        schedule = self.schedules()[pick % len(self.schedules())]
        put = replace(schedule, paused=Pause(self.now) if paused else None, version=schedule.version - stale)
        self.same(lambda side: side.handles[handle].timetable.put(put, now=self.now))

    @precondition(lambda self: self.schedules())
    @rule(
        handle=HANDLES,
        picks=st.lists(st.integers(0, 1), min_size=1, max_size=2),
        count=st.integers(0, 2),
        key=st.sampled_from([None, "k1"]),
    )
    def fire(self, handle: int, picks: list[int], count: int, key: str | None) -> None:
        """Of one that is picked twice the second fire is void."""
        schedules = self.schedules()
        fires = []
        for schedule in (schedules[pick % len(schedules)] for pick in picks):
            jobs = [new(self.fresh_id(), run_at=self.now, unique_key=key) for _ in range(count)]
            fires.append(Fire(schedule.name, schedule.version, self.now if count else None, self.now + 60_000, jobs))
        self.same(lambda side: side.handles[handle].timetable.fire(fires, now=self.now))

    @rule(handle=HANDLES, name=st.sampled_from(SCHEDULES))
    def remove_schedule(self, handle: int, name: str) -> None:
        self.same(lambda side: side.handles[handle].timetable.remove(name))

    def schedules(self) -> Sequence[Schedule]:
        """As the model has them."""
        return self.run(self.sides[0].handles[0].timetable.all()) if self.sides[0].handles else []  # type: ignore[arg-type]

    # --- looking

    @rule(
        handle=HANDLES,
        limit=st.integers(1, 4),
        state=st.none() | st.sampled_from(State),
        queue=st.none() | st.sampled_from(QUEUES),
        task=st.none() | st.sampled_from(TASKS),
        error=st.sampled_from([None, None, BOOM.type, "Cancel"]),
    )
    def read_pages(
        self, handle: int, limit: int, state: State | None, queue: str | None, task: str | None, error: str | None
    ) -> None:
        query = JobQuery(state, queue, task, error)

        async def walk(side: Side) -> list[list[str]]:
            shown, after = [], None
            while True:
                page = await side.handles[handle].page(query, limit=limit, after=after)
                shown.append([job.id for job in page.jobs])
                if page.next is None:
                    return shown
                after = page.next

        self.same(walk)

    @rule(handle=HANDLES, pick=st.integers(0, 50))
    def situation(self, handle: int, pick: int) -> None:
        async def look(side: Side, id: str) -> Any:
            found = await side.handles[handle].situation(id, now=self.now)
            if found is None:
                return None
            runners = _comparable(Stats(0, {}, found.runners))
            return replace(
                found, job=side.plain(found.job), runners=runners, running=list(found.running), of_key=list(found.of_key)
            )

        for id in [*self.some_ids([pick]), "unknown"]:
            self.same(lambda side, id=id: look(side, id))  # type: ignore[misc]

    # --- what holds after every step

    @invariant()
    def the_stores_agree(self) -> None:
        if not self.sides[0].handles:
            return

        async def look(side: Side) -> tuple[list[Job | None], Stats, dict[Any, int], Sequence[Schedule]]:
            handle = side.handles[len(self.ids) % 2]
            jobs = await handle.get(self.ids)
            stats = await handle.stats(now=self.now)
            return _plain(side, jobs), stats, events(await handle.history(since=0, until=2**48)), await handle.timetable.all()

        (jobs, stats, history, schedules), (its_jobs, its_stats, its_history, its_schedules) = self.both(look)
        for model, subject in zip(jobs, its_jobs, strict=True):
            self.agree("a job", model, subject)
        self.agree("stats", _comparable(stats), _comparable(its_stats))
        self.agree("history", history, its_history)
        self.agree("schedules", schedules, its_schedules)
        there = [job for job in its_jobs if job is not None]
        self.agree("a recount", recount(there, self.now), counted(its_stats))
        for job in there:
            _check(job)


def _check(job: Job) -> None:
    """What is true of every job at any time."""
    claims = [
        (job.state.ended == (job.finished_at is not None), "finished_at is set exactly when it has ended"),
        (job.attempt >= 0, "attempts are never negative"),
        (
            job.state is not State.RUNNING or (job.attempt >= 1 and job.runner is not None and job.started_at is not None),
            "running",
        ),
        (not job.cancel_requested or job.state is State.RUNNING, "only running jobs are asked to end"),
        (not job.state.ended or job.hold is Hold.NONE, "what has ended is not held"),
        (len(job.attempts) <= 20, "the last twenty attempts are kept"),
    ]
    for holds, what in claims:
        if not holds:
            raise Disagreement(f"{what}, but {job}")


def _comparable(stats: Stats) -> Any:
    """Stats without what two right stores may tell differently: zeros that are said or left out."""
    queues = {
        queue: replace(of, states={state: of.states.get(state, 0) for state in State}, totals=totals(of.totals))  # type: ignore[arg-type]
        for queue, of in stats.queues.items()
    }
    runners = {
        runner.info.id: (runner.info, {queue: count for queue, count in runner.running.items() if count}, runner.alive)
        for runner in stats.runners
    }
    return stats.as_of, queues, runners, stats.paused_tasks, dict(stats.unknown_tasks)


async def _get(store: Store, ids: Sequence[str]) -> Sequence[Job | None]:
    return await store.get(ids)


async def _beat(side: Side, handle: int, runner: str, now: int) -> Any:
    beat = await side.handles[handle].beat(runner, now=now)
    return (
        {id: side.numbers.get((id, token)) for id, token in beat.held.items()},
        beat.cancels,
        beat.paused,
        beat.schedules,
        beat.limits,
        sorted(beat.expired),
    )


def _plain(side: Side, jobs: Iterable[Job | None]) -> list[Any]:
    return [side.plain(job) for job in jobs]


def _id(job: Job) -> str:
    return job.id
