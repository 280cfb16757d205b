"""What must be left of file and runners, and what must be known of each life."""

from __future__ import annotations

from collections.abc import Iterator

from tests.crash.kills.case import Case

ENDED_BY = "killed", "stopped"


def the_file_is_whole(case: Case) -> Iterator[str]:
    if case.found.integrity != "ok":
        yield case.found.integrity


def replay_comes_before_the_first_request(case: Case) -> Iterator[str]:
    for life in case.story.lives.values():
        if life.stood:
            yield f"{life.stood} jobs of the dead stood running when life {life.number} began to serve"


def every_life_is_known_to_its_end(case: Case) -> Iterator[str]:
    for life in case.story.lives.values():
        if life.over_at is None or life.how not in ENDED_BY:
            yield f"life {life.number} has no end"
    if not case.story.lives:
        yield "nobody lived"


def nothing_of_the_runners_is_left(case: Case) -> Iterator[str]:
    """After an orderly stop. A process that is killed between making its sign of life and showing it leaves a hidden file."""
    if case.found.runners:
        yield f"{case.found.runners} runners are still registered"
    unborn = sum(life.runner is None for life in case.story.lives.values())
    for suffix, allowed in ((".lock", 0), (".sock", 0), (".new", unborn)):
        if case.found.signs[suffix] > allowed:
            yield f"{case.found.signs[suffix]} files {suffix} are left beside the database, where at most {allowed} may be"
