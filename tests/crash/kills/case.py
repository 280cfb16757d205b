"""What is judged: a ledger and a database, and what both call the same attempt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.crash.kills.found import Found, Record, Row
from tests.crash.kills.ledger import Attempt, Story

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Case:
    story: Story
    found: Found


def key_of(attempt: Attempt | Record) -> Key:
    """Which attempt of its job this is: records hold no token. One claimed twice within a millisecond has one key."""
    return attempt.runner, attempt.number, attempt.started_at


def outcomes_by_attempt(row: Row) -> dict[Key, set[str]]:
    """Of the records that the job keeps; one outcome each, but for what shares a key."""
    found: dict[Key, set[str]] = {}
    for record in row.records:
        found.setdefault(key_of(record), set()).add(record.outcome)
    return found


def said_last(story: Story, attempt: Attempt) -> str:
    """How the body of this attempt ended; empty when its process died in it."""
    ends = story.ends.get((attempt.id, attempt.token))
    return ends[-1][0] if ends else ""


def never_begun(case: Case, row: Row) -> list[Record]:
    """Records of attempts that were claimed, and have no first line in the ledger."""
    begun = {key_of(start.attempt) for start in case.story.starts.get(row.id, ())}
    return [record for record in row.records if key_of(record) not in begun]


def lost_in_the_midst(case: Case) -> Counter[str]:
    """Lost attempts by runner, without those that had written their last line: they had given up their slots, and no longer
    ran beside anybody, while their end was on its way to the store."""
    found: Counter[str] = Counter()
    for row in case.found.rows.values():
        ended = {key_of(start.attempt) for start in case.story.starts.get(row.id, ()) if said_last(case.story, start.attempt)}
        for record in row.records:
            if record.outcome == "lost" and key_of(record) not in ended:
                found[record.runner] += 1
    return found
