"""Ledger and database against each other, when everything is over: what the library promises, invariant by invariant."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.kills import accounts, attempts, jobs, remains
from tests.crash.kills.case import Case, never_begun
from tests.crash.kills.found import KILLED_ITS_PROCESS, find
from tests.crash.kills.ledger import Story, read


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise that was broken."""

    invariant: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.sentence}"


@dataclass
class Verdict:
    """The findings, and the figures of a folder that has none."""

    findings: list[Finding] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0
    attempts: int = 0
    twice: int = 0  # finished twice, or begun twice under one token
    killed_their_process: int = 0
    never_begun: int = 0
    torn: int = 0
    worst_back: float = 0.0  # s, from a process's death until nothing stood running under it
    worst_stood: int = 0

    def add(self, other: Verdict) -> None:
        self.findings += other.findings
        for name in ("acknowledged", "lost", "attempts", "twice", "killed_their_process", "never_begun", "torn"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.worst_back = max(self.worst_back, other.worst_back)
        self.worst_stood = max(self.worst_stood, other.worst_stood)


def judge(folder: Path) -> Verdict:
    """Of a folder whose last process was stopped in good order."""
    try:
        case = Case(read(folder), find(folder))
    except sqlite3.DatabaseError as error:
        return Verdict([Finding("the file is whole", f"it can't be read: {error}")])
    findings = [
        Finding(invariant.__name__.strip("_").replace("_", " "), sentence)
        for invariant in INVARIANTS
        for sentence in invariant(case)
    ]
    story = case.story
    return Verdict(
        findings=findings,
        acknowledged=len(story.acknowledged),
        lost=len(list(jobs.lost(case))),
        attempts=sum(map(len, story.starts.values())),
        twice=len(list(attempts.begun_twice(case))) + len(list(attempts.finished_twice(case))),
        killed_their_process=sum(row.error == KILLED_ITS_PROCESS for row in case.found.rows.values()),
        never_begun=sum(len(never_begun(case, row)) for row in case.found.rows.values()),
        torn=story.torn,
        worst_back=max(_times_back(story), default=0.0),
        worst_stood=max((life.stood for life in story.lives.values()), default=0),
    )


def _times_back(story: Story) -> Iterator[float]:
    """Seconds from each death until the next process that came up had put back what stood running."""
    died_at: int | None = None
    for _, life in sorted(story.lives.items()):
        if life.up_at is not None and died_at is not None:
            yield (life.up_at - died_at) / 1e9
            died_at = None
        if life.over_at is not None and life.how == "killed" and life.up_at is not None:
            died_at = life.over_at


def counters_equal_a_recount(case: Case) -> Iterator[str]:
    yield from accounts.counters(case.found)


def history_equals_the_ledger(case: Case) -> Iterator[str]:
    yield from accounts.history(case.story, case.found)


def totals_equal_history(case: Case) -> Iterator[str]:
    yield from accounts.totals(case.story, case.found)


INVARIANTS: tuple[Callable[[Case], Iterator[str]], ...] = (
    jobs.acknowledged_jobs_are_there,
    jobs.batches_are_stored_whole_or_not_at_all,
    jobs.nothing_is_stored_that_nobody_asked_for,
    jobs.no_id_is_taken_twice,
    jobs.every_job_has_ended,
    jobs.only_lone_suspects_have_killed_their_process,
    jobs.successes_are_their_own,
    jobs.recorded_ends_stand,
    jobs.cancelled_is_cancelled,
    attempts.no_attempt_begins_twice,
    attempts.no_attempt_finishes_twice,
    attempts.nothing_begins_after_its_success,
    attempts.tokens_grow,
    attempts.attempts_of_one_job_never_overlap,
    attempts.every_begun_attempt_has_its_record,
    attempts.every_told_end_has_its_record,
    attempts.attempts_that_never_began_were_given_up,
    attempts.only_the_dead_lose_attempts,
    attempts.crashes_are_counted,
    attempts.attempts_are_counted,
    counters_equal_a_recount,
    history_equals_the_ledger,
    totals_equal_history,
    remains.the_file_is_whole,
    remains.replay_comes_before_the_first_request,
    remains.every_life_is_known_to_its_end,
    remains.nothing_of_the_runners_is_left,
)
