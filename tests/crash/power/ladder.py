"""From a recording to what a disk must and may hold after a cut: each job's life as a ladder of steps, in the order they happened.

A job found on a disk stands on one of its steps. The *least* step that it may stand on is the last that a power cut must not
undo; the *most* is the last that had been asked for. What stands between is a matter of luck, and what stands nowhere on the
ladder was never true.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from asyncjobs.job import Job, NewJob, State
from asyncjobs.outcome import Finish
from asyncjobs.store.base import Cancellation, Inserted, Verdict
from tests.crash.power.calls import NEVER, Call, calls_of
from tests.crash.power.recording import Event


@dataclass(frozen=True, slots=True)
class Step:
    """The job after one change. moment: run_at of a queued job, started_at of a running one, finished_at of one that has ended."""

    call: Call
    state: State
    token: int
    moment: int
    cancel_requested: bool = False

    def holds(self, job: Job) -> bool:
        """Whether the job stands here."""
        moment = {State.QUEUED: job.run_at, State.RUNNING: job.started_at}.get(job.state, job.finished_at)
        found = (job.state, job.token, moment, job.cancel_requested)
        return found == (self.state, self.token, self.moment, self.cancel_requested)


@dataclass(slots=True)
class Ladder:
    """One job. `batch`: the ids that were inserted with it, all or none."""

    new: NewJob
    batch: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)

    def least(self, cut: int, horizon: int) -> int:
        """The index of the last step that no cut may undo; -1 where the job itself may be missing."""
        due = [
            index
            for index, step in enumerate(self.steps)
            if step.call.answered < horizon or (step.call.synced and step.call.answered < cut)
        ]
        return due[-1] if due else -1

    def most(self, cut: int) -> int:
        """The index of the last step that may have been taken; -1 where the job was not yet asked for."""
        for index, step in enumerate(self.steps):
            if step.call.asked >= cut:
                return index - 1
        return len(self.steps) - 1


class Ledger:
    """What the callers of one recording were told."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.calls = calls_of(events)
        self.ladders: dict[str, Ladder] = {}
        self.issued: dict[tuple[str, int], int] = {}  # (id, token) → the place of the claim's return
        synced = [call for call in self.calls if call.synced and call.has_changed and call.answered < NEVER]
        self._synced = sorted(synced, key=lambda call: call.answered)
        self._answered = [call.answered for call in self._synced]
        self._horizons: list[int] = []
        for call in self._synced:
            self._horizons.append(max(call.asked, self._horizons[-1] if self._horizons else 0))
        self._climb()

    def horizon(self, cut: int) -> int:
        """What was answered before this place is safe at a cut at `cut`, whatever it asked for: a later commit was synced.

        Each synced commit takes everything before it along; the last one acknowledged before the cut was not yet asked for.
        """
        count = bisect_right(self._answered, cut - 1)
        return self._horizons[count - 1] if count else 0

    def pruned_before(self, cut: int) -> dict[State, int]:
        """finished_at below which an ended job of each state may be gone."""
        before: dict[State, int] = {}
        for call in self.calls:
            if call.verb == "prune" and call.asked < cut:
                for state, moment in call.what.items():
                    before[state] = max(before.get(state, 0), moment)
        return before

    @property
    def claims_failed(self) -> bool:
        """Whether a claim has raised: what it may have taken all the same nobody knows of."""
        return any(call.verb == "claim" and call.error for call in self.calls)

    def acknowledged(self, survives: str) -> int:
        return sum(ladder.new.survives == survives and ladder.steps[0].call.answered < NEVER for ladder in self.ladders.values())

    # --- building

    def _climb(self) -> None:
        claims: dict[str, list[Step]] = {}
        finishes: dict[tuple[str, int], tuple[Call, Finish, int]] = {}
        operations: list[tuple[Call, str, int]] = []  # cancels and requeues that had an effect
        for call in self.calls:
            match call.verb, call.what, call.answer:
                case "insert", (jobs, now), answer:
                    self._inserted(call, jobs, now, answer)
                case "claim", _, list(taken):
                    for id, token, started_at in taken:
                        claims.setdefault(id, []).append(Step(call, State.RUNNING, token, started_at))
                        if (id, token) in self.issued:
                            raise AssertionError(f"token {token} of {id} was issued twice, without any cut")
                        self.issued[id, token] = call.answered
                case "finish", (ends, now), list(verdicts):
                    for end, verdict in zip(ends, verdicts, strict=True):
                        if verdict is not Verdict.LOST:  # "already": by a try of the same that had failed, it was said
                            finishes.setdefault((end.id, end.token), (call, end, now))
                case (("cancel" | "requeue"), (ids, now), list(answers)):
                    operations += [(call, id, now) for id, answer in zip(ids, answers, strict=True) if _has_changed(answer)]
        for id, taken in claims.items():
            self._worked(self.ladders[id], sorted(taken, key=lambda step: step.token), finishes)
        if finishes:
            raise AssertionError(f"an attempt that nobody was given has ended: {next(iter(finishes))}")
        for call, id, now in sorted(operations, key=lambda operation: operation[0].asked):
            _operated(self.ladders[id], call, now)
        for ladder in self.ladders.values():
            _follow_cancels(ladder)

    def _inserted(self, call: Call, jobs: Sequence[NewJob], now: int, answer: object) -> None:
        batch = tuple(job.id for job in jobs)
        if isinstance(answer, list) and answer != [Inserted(id, True) for id in batch]:
            raise AssertionError(f"the load inserts new jobs only, and was answered {answer}")
        for job in jobs:
            self.ladders[job.id] = Ladder(job, batch, [Step(call, State.QUEUED, 0, max(job.run_at, now))])

    @staticmethod
    def _worked(ladder: Ladder, taken: list[Step], finishes: dict[tuple[str, int], tuple[Call, Finish, int]]) -> None:
        for step in taken:
            ladder.steps.append(step)
            ended = finishes.pop((ladder.new.id, step.token), None)
            if ended is not None:
                call, end, now = ended
                ladder.steps.append(Step(call, end.to, step.token, now if end.run_at is None else end.run_at))


def _has_changed(answer: object) -> bool:
    return answer is True or (isinstance(answer, Cancellation) and answer is not Cancellation.UNKNOWN)


def _operated(ladder: Ladder, call: Call, now: int) -> None:
    """Put a cancel or a requeue where it belongs: behind the claims that it came after, and the ends of these.

    A requeue is asked for when the end is known. A cancel may overlap with the end of the claim before it, but is answered after
    that claim was; and no claim can follow it but through a requeue that was asked for later.
    """
    edge = call.asked if call.verb == "requeue" else call.answered
    at = 1
    for index, step in enumerate(ladder.steps):
        if step.state is State.RUNNING and step.call.answered < edge:
            at = index + 1
    before = ladder.steps[at - 1]
    if _answer_for(call, ladder.new.id) is Cancellation.REQUESTED:
        ladder.steps.insert(at, replace(before, call=call, cancel_requested=True))
        return
    while at < len(ladder.steps) and ladder.steps[at].state is not State.RUNNING:
        at += 1
    before = ladder.steps[at - 1]
    if call.verb == "requeue":
        ladder.steps.insert(at, Step(call, State.QUEUED, before.token, now))
    elif not before.state.ended:  # "had ended" is said to a cancel too whose first try has failed, and was stored
        ladder.steps.insert(at, Step(call, State.CANCELLED, before.token, now))


def _answer_for(call: Call, id: str) -> object:
    return call.answer[call.what[0].index(id)]


def _follow_cancels(ladder: Ladder) -> None:
    """A job whose cancel was requested ends cancelled where it would have been put back (see Finish)."""
    for index, step in enumerate(ladder.steps[1:], 1):
        if ladder.steps[index - 1].cancel_requested and step.state is State.QUEUED:
            ladder.steps[index] = replace(step, state=State.CANCELLED, moment=step.call.what[1])
