"""Where to cut: at every kind of moment, and anywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

from tests.crash.power.recording import Answered, Asked, Created, Deleted, DiskEvent, Event, Synced, Truncated, Written

LOG = "jobs.db-wal"
DATABASE = "jobs.db"


class Moment(StrEnum):
    ACKNOWLEDGED = "after an answer"
    CLAIMED = "after the return of a claim that nothing has synced"
    COMMIT = "within a commit"
    CHECKPOINT = "within a checkpoint"
    RESET = "at the start of a log"
    FOLDER = "at a file's coming or going"
    ANY = "anywhere"


def moments(events: Sequence[Event]) -> dict[Moment, list[int]]:
    """Places of each kind: a cut there comes before the event, so one behind the last event comes after everything."""
    found: dict[Moment, list[int]] = {moment: [] for moment in Moment}
    names: dict[int, str] = {}
    claims: set[int] = set()  # under way, since the last sync of the log
    for place, event in enumerate(events):
        match event:
            case Created(name, inode):
                names[inode] = name
                found[Moment.FOLDER] += [place, place + 1]
            case Deleted():
                found[Moment.FOLDER] += [place, place + 1]
            case Asked(call, "claim"):
                claims.add(call)
            case Answered(call, answer):
                found[Moment.CLAIMED if call in claims and answer else Moment.ACKNOWLEDGED].append(place + 1)
            case Synced(inode) if names[inode] == LOG:
                found[Moment.COMMIT].append(place)
                claims.clear()
            case Written(inode, 0) | Truncated(inode) if names[inode] == LOG:
                found[Moment.RESET] += range(place, min(place + 6, len(events)))
            case Written(inode) if names[inode] == LOG:
                found[Moment.COMMIT].append(place)
            case Written(inode) | Synced(inode) | Truncated(inode) if names[inode] == DATABASE:
                found[Moment.CHECKPOINT] += [place, place + 1]
            case _:
                pass
        found[Moment.ANY].append(place)
    found[Moment.ANY].append(len(events))
    return found


def choose(events: Sequence[Event], count: int, chance: random.Random) -> list[int]:
    """`count` places, as many of each kind of moment as there are, in order."""
    kinds = [places for places in moments(events).values() if places]
    return sorted(chance.choice(kinds[index % len(kinds)]) for index in range(count))


def resets(events: Sequence[Event]) -> int:
    """How often the log began anew: each time behind a checkpoint that had emptied it, or in a new file."""
    logs = {event.inode for event in events if isinstance(event, Created) and event.name == LOG}
    return sum(isinstance(event, Written) and event.offset == 0 and event.inode in logs for event in events)


def checkpoints(events: Sequence[Event]) -> int:
    """How often the database file was synced, as a checkpoint ends."""
    databases = {event.inode for event in events if isinstance(event, Created) and event.name == DATABASE}
    return sum(isinstance(event, Synced) and event.inode in databases for event in events)


def operations(events: Sequence[Event]) -> int:
    return sum(isinstance(event, DiskEvent) for event in events)
