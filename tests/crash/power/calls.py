"""The calls of a store's verbs in a recording: what was asked, when, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asyncjobs.job import State
from asyncjobs.store.base import Cancellation
from tests.crash.power.recording import Answered, Asked, Event, Refused

NEVER = 1 << 62  # later than any place in a recording


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb. asked, answered: places in the recording; NEVER where it has raised, or not returned."""

    verb: str
    what: Any
    asked: int
    answered: int
    answer: Any
    error: str | None = None

    @property
    def synced(self) -> bool:
        """Whether its return promises that it survives a power cut (see Store, and DESIGN §6 on safety)."""
        match self.verb, self.what:
            case "insert", (jobs, _):
                return any(job.survives == "power" for job in jobs)
            case "finish", (finishes, _):
                return any(finish.to is State.QUEUED for finish in finishes)
            case _:
                return self.verb in ("open", "register", "cancel", "requeue")

    @property
    def has_changed(self) -> bool:
        """Whether something was written for it: SQLite syncs no commit that is empty."""
        return self.verb not in ("cancel", "requeue") or (
            isinstance(self.answer, list)
            and any(answer in (True, Cancellation.CANCELLED, Cancellation.REQUESTED) for answer in self.answer)
        )


def calls_of(events: Iterable[Event]) -> list[Call]:
    """All of them, in the order in which they were asked."""
    open_calls: dict[int, tuple[Asked, int]] = {}
    calls: list[Call] = []
    for place, event in enumerate(events):
        match event:
            case Asked(call):
                open_calls[call] = event, place
            case Answered(call, answer):
                asked, at = open_calls.pop(call)
                calls.append(Call(asked.verb, asked.what, at, place, answer))
            case Refused(call, error):
                asked, at = open_calls.pop(call)
                calls.append(Call(asked.verb, asked.what, at, NEVER, None, error))
    calls += [Call(asked.verb, asked.what, at, NEVER, None) for asked, at in open_calls.values()]
    return sorted(calls, key=lambda call: call.asked)
