"""Why a job is not running: the conditions of a claim, one by one, each with a sentence and its facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from asyncjobs.job import Hold, State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.record import record
from asyncjobs.store.base import AHEAD_LIMIT, RunnerStats, Situation

NAMED = 3  # jobs that a sentence names; the facts have more


class Reason(StrEnum):
    """What stands between a job and its start, in the order in which they are told; the last three are no obstacle."""

    EXPIRED = "expired"  # it is cancelled, not begun
    SCHEDULED = "scheduled"  # its time has not come
    UNKNOWN_TASK = "unknown task"  # no living process knows it
    TASK_PAUSED = "task paused"
    QUEUE_PAUSED = "queue paused"
    NO_WORKER = "no worker"  # no living process works its queue, or none that does knows its task
    ALONE = "alone"  # it must run with nothing beside it
    KEY = "key"  # as many of its key run as may
    GLOBAL_LIMIT = "global limit"  # as many of its queue run as may, over all processes
    RATE = "rate"  # its queue's rate lets none start now
    SLOTS = "slots"  # no process that works its queue has a slot free
    BEHIND = "behind"  # others of its queue come first
    DUE = "due"  # nothing: it starts with the next claim
    RUNNING = "running"
    ENDED = "ended"


@record
class Obstacle:
    """One reason, in a sentence, with its facts: plain values, times in ms."""

    reason: Reason
    sentence: str
    facts: Mapping[str, Any]


@record
class Explanation:
    """Why a job is not running: `reason` and `sentence` of the first obstacle, `obstacles` all of them, in order."""

    id: str
    obstacles: Sequence[Obstacle]

    @property
    def reason(self) -> Reason:
        return self.obstacles[0].reason

    @property
    def sentence(self) -> str:
        return self.obstacles[0].sentence

    def __str__(self) -> str:
        return " ".join(obstacle.sentence for obstacle in self.obstacles)


def explain(situation: Situation, limits: Limits | None) -> Explanation:
    """What holds the situation's job back. limits: of its queue, as this process has them."""
    job = situation.job
    if job.state is State.RUNNING:
        asked = "; its end was asked for" if job.cancel_requested else ""
        facts = {"runner": job.runner, "started_at": job.started_at, "attempt": job.attempt, "cancelling": job.cancel_requested}
        return _only(job.id, Reason.RUNNING, f"It runs since {_at(job.started_at)}, in attempt {job.attempt}{asked}.", facts)
    if job.state.ended:
        facts = {"state": job.state.value, "finished_at": job.finished_at}
        return _only(job.id, Reason.ENDED, f"It {_ENDED[job.state]} at {_at(job.finished_at)}, and runs no more.", facts)
    found = list(_obstacles(situation, limits))
    return Explanation(job.id, found or [Obstacle(Reason.DUE, "Nothing holds it back; it starts with the next claim.", {})])


_ENDED = {State.SUCCEEDED: "succeeded", State.FAILED: "failed for good", State.CANCELLED: "was cancelled"}


def _only(id: str, reason: Reason, sentence: str, facts: Mapping[str, Any]) -> Explanation:
    return Explanation(id, [Obstacle(reason, sentence, facts)])


def _obstacles(situation: Situation, limits: Limits | None) -> Iterator[Obstacle]:
    job, now = situation.job, situation.as_of
    if job.expires_at is not None and job.expires_at <= now:
        sentence = f"It has expired at {_at(job.expires_at)}: it is not begun any more, but cancelled."
        yield Obstacle(Reason.EXPIRED, sentence, {"expires_at": job.expires_at})
    if job.run_at > now:
        yield _scheduled(situation)
    living = [runner for runner in situation.runners if runner.alive]
    knowing = [runner for runner in living if job.name in runner.info.tasks]
    working = [runner for runner in living if job.queue in runner.info.queues]
    able = [runner for runner in working if job.name in runner.info.tasks]
    if not knowing:
        yield Obstacle(
            Reason.UNKNOWN_TASK,
            f"No living process knows task {job.name!r}: bring it back, or name it in aliases= of the task that took its place.",
            {"task": job.name, "living": len(living)},
        )
    if situation.task_pause is not None:
        yield _paused(Reason.TASK_PAUSED, f"Task {job.name!r}", situation.task_pause)
    if situation.queue_pause is not None:
        yield _paused(Reason.QUEUE_PAUSED, f"Queue {job.queue!r}", situation.queue_pause)
    if not working:
        yield Obstacle(
            Reason.NO_WORKER,
            f"No living process works queue {job.queue!r}: start one that does (work=, ASYNCJOBS_WORK).",
            {"queue": job.queue, "living": len(living)},
        )
    elif knowing and not able:
        yield Obstacle(
            Reason.NO_WORKER,
            f"No living process that works queue {job.queue!r} knows task {job.name!r}: have one do both (work=, ASYNCJOBS_WORK, or import "
            "the task's module there).",
            {"queue": job.queue, "task": job.name, "living": len(living)},
        )
    if job.hold is Hold.ALONE:
        yield Obstacle(
            Reason.ALONE,
            f"Its process died {job.crashes} times in a row while it ran, so it waits for one with nothing else to do, to run there alone.",
            {"crashes": job.crashes},
        )
    if job.run_at <= now:
        yield from _limits(situation, limits, able)


def _limits(situation: Situation, limits: Limits | None, able: Sequence[RunnerStats]) -> Iterator[Obstacle]:
    """What else a claim asks of a job that is due."""
    job, now = situation.job, situation.as_of
    if job.key is not None and (job.hold is Hold.KEY or situation.of_key_count >= job.policy.key_limit):
        first = _named(situation.of_key, situation.of_key_count) if situation.of_key else "others that can't begin either"
        yield Obstacle(
            Reason.KEY,
            f"Of its key {job.key!r} {_count(job.policy.key_limit, 'job')} may run at once, and {first} "
            f"{'comes' if situation.of_key_count == 1 else 'come'} before it.",
            {
                "key": job.key,
                "key_limit": job.policy.key_limit,
                "held_by": list(situation.of_key),
                "before": situation.of_key_count,
            },
        )
    running = [id for id, _ in situation.running]
    if limits is not None and limits.at_once is not None and situation.running_count >= limits.at_once:
        yield Obstacle(
            Reason.GLOBAL_LIMIT,
            f"Queue {job.queue!r} runs {situation.running_count} of {limits.at_once} at once over all processes: {_named(running, situation.running_count)}.",
            {"global_limit": limits.at_once, "running": situation.running_count, "held_by": running},
        )
    if limits is not None and limits.rate is not None and (opens := limits.rate.next_at(situation.spent_to, now)) > now:
        yield Obstacle(
            Reason.RATE,
            f"Queue {job.queue!r} is limited to a rate of {limits.rate}; the next may start at {_at(opens)}.",
            {"per_second": limits.rate.per_second, "until": opens},
        )
    slots = sum(runner.info.queues[job.queue] for runner in able)
    if able and situation.running_count >= slots:
        all_of_them = (
            f"The only slot of queue {job.queue!r} is" if slots == 1 else f"All {slots} slots of queue {job.queue!r} are"
        )
        yield Obstacle(
            Reason.SLOTS,
            f"{all_of_them} taken: {_named(running, situation.running_count)}.",
            {"slots": slots, "running": situation.running_count, "held_by": running},
        )
    if situation.ahead and job.hold is not Hold.ALONE:
        more = "+" if situation.ahead >= AHEAD_LIMIT else ""
        of_those = f", {situation.ahead_higher:,} of them of a higher priority" if situation.ahead_higher else ""
        yield Obstacle(
            Reason.BEHIND,
            f"{situation.ahead:,}{more} due {'job comes' if situation.ahead == 1 else 'jobs come'} before it in queue {job.queue!r}{of_those}.",
            {"ahead": situation.ahead, "higher_priority": situation.ahead_higher, "more": bool(more)},
        )


def _scheduled(situation: Situation) -> Obstacle:
    job = situation.job
    facts = {"run_at": job.run_at, "attempt": job.attempt, "expires_at": job.expires_at}
    if job.attempts and job.attempt:
        why = f"It is tried again at {_at(job.run_at)}: attempt {job.attempt} of {job.policy.max_attempts} ended as {job.attempts[-1].outcome}"
    else:
        why = f"It is scheduled for {_at(job.run_at)}"
    if job.expires_at is not None and job.expires_at <= job.run_at:
        why += f", but expires before that, at {_at(job.expires_at)}"
    return Obstacle(Reason.SCHEDULED, f"{why}.", facts)


def _paused(reason: Reason, what: str, pause: Pause) -> Obstacle:
    by = f" by {pause.by}" if pause.by else ""
    why = f": {pause.why}" if pause.why else ""
    return Obstacle(
        reason, f"{what} is paused since {_at(pause.since)}{by}{why}.", {"since": pause.since, "by": pause.by, "why": pause.why}
    )


def _at(milliseconds: int | None) -> str:
    return (
        "an unknown time"
        if milliseconds is None
        else f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(ids: Sequence[str], count: int) -> str:
    """The first of so many."""
    rest = count - len(ids[:NAMED])
    return ", ".join(ids[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
