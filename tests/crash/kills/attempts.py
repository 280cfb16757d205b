"""What each attempt must be: begun once, recorded once, as it ended, and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from tests.crash.kills import accounts
from tests.crash.kills.case import Case, key_of, lost_in_the_midst, never_begun, outcomes_by_attempt, said_last
from tests.crash.kills.ledger import Start, Story

# What the body of an attempt said last, and the outcomes that may then be recorded. Whoever is stopped while it raises is
# recorded by the reason of the stop; "lost" is possible always: the process died before the end was recorded.
OUTCOMES = {
    "ok": {"succeeded", "lost"},
    "failed": {"failed", "cancelled", "timed_out", "released", "lost"},
    "snoozed": {"snoozed", "cancelled", "released", "lost"},
    "quit": {"cancelled", "released", "lost"},
    "stopped": {"cancelled", "timed_out", "released", "lost"},
    "": {"lost"},  # the process died in it
}
NEVER_BEGUN = {"lost", "released", "cancelled"}  # outcomes of an attempt that was claimed and has no first line
ABANDONED = "deaf"  # the task whose attempts may be released without a last line


def no_attempt_begins_twice(case: Case) -> Iterator[str]:
    yield from begun_twice(case)


def begun_twice(case: Case) -> Iterator[str]:
    for id, starts in case.story.starts.items():
        for token, times in Counter(start.attempt.token for start in starts).items():
            if times > 1:
                yield f"{id} began {times} times under token {token}"


def no_attempt_finishes_twice(case: Case) -> Iterator[str]:
    yield from finished_twice(case)


def finished_twice(case: Case) -> Iterator[str]:
    for id, records in case.story.records.items():
        for token, times in Counter(recorded.attempt.token for recorded in records).items():
            if times > 1:
                yield f"{id}: the store told {times} times that it recorded the end of token {token}"
    for row in case.found.rows.values():
        for key, times in Counter(row.records).items():
            if times > 1:
                yield f"{row.id} has {times} records of one attempt: {key}"


def nothing_begins_after_its_success(case: Case) -> Iterator[str]:
    for id, records in case.story.records.items():
        succeeded = min((recorded.attempt.token for recorded in records if recorded.outcome == "succeeded"), default=None)
        if succeeded is not None:
            for start in case.story.starts.get(id, ()):
                if start.attempt.token > succeeded:
                    yield f"{id} succeeded under token {succeeded}, and began again under {start.attempt.token}"
    for row in case.found.rows.values():
        if any(record.outcome == "succeeded" for record in row.records[:-1]):
            yield f"{row.id} has a record of an attempt after its success"


def tokens_grow(case: Case) -> Iterator[str]:
    for id, starts in case.story.starts.items():
        tokens = [start.attempt.token for start in sorted(starts, key=_moment)]
        if tokens != sorted(tokens):
            yield f"{id} began under the tokens {tokens}, in this order"
        row = case.found.rows.get(id)
        if row is not None and row.token < tokens[-1]:
            yield f"{id} began under token {tokens[-1]}, and has token {row.token}"


def attempts_of_one_job_never_overlap(case: Case) -> Iterator[str]:
    for id, starts in case.story.starts.items():
        ordered = sorted(starts, key=_moment)
        for earlier, later in pairwise(ordered):
            over_at = _over_at(case.story, earlier)
            if over_at is None or over_at > later.at:
                yield f"{id} began under {later.attempt.token} while {earlier.attempt.token} still ran"


def _moment(start: Start) -> int:
    return start.at


def _over_at(story: Story, start: Start) -> int | None:
    """When this attempt was over for certain: at its last line, or with its process."""
    ends = story.ends.get((start.attempt.id, start.attempt.token))
    if ends:
        return ends[-1][1]
    life = story.life_of(start.attempt.runner)
    return None if life is None else life.over_at


def every_begun_attempt_has_its_record(case: Case) -> Iterator[str]:
    """By runner, number and time of the claim; and the record says what its body said, or that the process died."""
    for id, starts in case.story.starts.items():
        row = case.found.rows.get(id)
        if row is None:  # said elsewhere
            continue
        kept = outcomes_by_attempt(row)
        for start in starts:
            outcomes = kept.get(key_of(start.attempt))
            if outcomes is None:
                if len(row.records) < accounts.KEPT:
                    yield f"{id} began under {start.attempt.token}, and the store has no record of it"
                continue
            how = said_last(case.story, start.attempt)
            allowed = OUTCOMES[how] | ({"released"} if row.task == ABANDONED else set())
            if not outcomes & allowed:
                yield f"{id}: token {start.attempt.token} ended {how or 'with its process'}, and is recorded as {', '.join(outcomes)}"


def every_told_end_has_its_record(case: Case) -> Iterator[str]:
    for id, records in case.story.records.items():
        row = case.found.rows.get(id)
        if row is None or len(row.records) >= accounts.KEPT:
            continue
        kept = outcomes_by_attempt(row)
        for recorded in records:
            if recorded.outcome not in kept.get(key_of(recorded.attempt), ()):
                yield f"{id}: the store told that token {recorded.attempt.token} ended {recorded.outcome}, and has no such record"


def attempts_that_never_began_were_given_up(case: Case) -> Iterator[str]:
    for row in case.found.rows.values():
        for record in never_begun(case, row):
            if record.outcome not in NEVER_BEGUN:
                yield f"{row.id} has a record of an attempt that never began, as {record.outcome}"


def only_the_dead_lose_attempts(case: Case) -> Iterator[str]:
    """A lost attempt's runner was killed, and was in the midst of no more than it had slots."""
    in_the_midst = lost_in_the_midst(case)
    lost = Counter(record.runner for row in case.found.rows.values() for record in row.records if record.outcome == "lost")
    for runner, count in lost.items():
        life = case.story.life_of(runner)
        if life is None:
            yield f"{count} attempts were lost with {runner}, which was never up"
        elif life.how != "killed":
            yield f"{count} attempts were lost with life {life.number}, which was not killed"
        elif in_the_midst[runner] > life.slots:
            yield f"{in_the_midst[runner]} attempts were lost in the midst with life {life.number}, which had {life.slots} slots"


def crashes_are_counted(case: Case) -> Iterator[str]:
    """As many as attempts were lost since the last one that ended otherwise."""
    for row in case.found.rows.values():
        trailing = 0
        for record in reversed(row.records):
            if record.outcome != "lost":
                break
            trailing += 1
        if row.crashes != trailing:
            yield f"{row.id} has {row.crashes} crashes, and its last {trailing} attempts were lost"


def attempts_are_counted(case: Case) -> Iterator[str]:
    for row in case.found.rows.values():
        yield from accounts.numbers(row, requeues=len(case.story.requeues.get(row.id, ())))
