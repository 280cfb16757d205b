"""The schedules: when each fires, and what can be done to it."""

from __future__ import annotations

from collections.abc import Iterator

from asyncjobs.schedule import LATE, Schedule
from asyncjobs.stats import Snapshot
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.job_list import job_link
from asyncjobs.web.layout import Place, Section, moment, named, paused, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present import FOLLOWING
from asyncjobs.web.queue_table import queue_link
from asyncjobs.web.words import NOTHING, in_words, when

SOONEST = 5  # that the overview names


def schedule_table(snapshot: Snapshot, place: Place) -> Content:
    schedules, place = snapshot.schedules, place.only("run-schedule", "edit-schedule", "pause-schedule", "resume-schedule")
    if not schedules:
        return None
    heads = [element("th", head, scope="col") for head in ("Schedule", "When", "Next", "Last", "Enqueues", *do_head(place))]
    rows = [
        element(
            "tr",
            element("th", schedule_link(schedule.name, place), _schedule_marks(schedule, snapshot), scope="row"),
            element("td", in_words(schedule), _line(schedule), class_="told"),
            element("td", paused(schedule.paused) if schedule.paused else following(schedule)),
            element("td", _last(schedule, place)),
            element("td", named(schedule.job.name), " on ", queue_link(schedule.job.queue, place), class_="told"),
            buttons_cell(place, *schedule_buttons(schedule, place)),
        )
        for schedule in schedules
    ]
    return table_of("When each fires", heads, rows)


def next_table(snapshot: Snapshot, place: Place) -> Content:
    """Those that fire next, the soonest first; late ones stand first."""
    coming = sorted(
        (one for one in snapshot.schedules if one.next_at is not None and not one.paused), key=lambda one: one.next_at or 0
    )
    rows = [
        element(
            "tr",
            element("th", schedule_link(schedule.name, place), _schedule_marks(schedule, snapshot), scope="row"),
            element("td", moment(schedule.next_at, NOTHING)),
            element("td", in_words(schedule), class_="told"),
            element("td", _last(schedule, place)),
        )
        for schedule in coming[:SOONEST]
    ]
    heads = [element("th", head, scope="col") for head in ("Schedule", "Next", "When", "Last")]
    return (
        (table_of("Next to fire", heads, rows), element("p", place.link(Section.SCHEDULES, "All schedules"), class_="turn"))
        if snapshot.schedules
        else None
    )


def schedule_link(name: str, place: Place) -> Markup:
    return place.link("stats/schedule", named(name), query={"name": name})


def _line(schedule: Schedule) -> Content:
    """As the code has it, where that says more than the words."""
    line = when(schedule)
    return element("div", element("code", line), class_="muted") if line != in_words(schedule) else None


def following(schedule: Schedule) -> Content:
    times = schedule.coming(FOLLOWING)
    return element("ol", [element("li", moment(at, NOTHING)) for at in times], class_="times") if times else "never again"


def _last(schedule: Schedule, place: Place) -> Content:
    at = moment(schedule.last_at, "not yet")
    return at if schedule.last_job is None else job_link(schedule.last_job, place, at)


def schedule_buttons(schedule: Schedule, place: Place) -> Iterator[Content]:
    for verb in ("run-schedule", "edit-schedule", "resume-schedule" if schedule.paused else "pause-schedule"):
        yield button(place, verb, f"schedule {schedule.name}", schedule=schedule.name)


def _schedule_marks(schedule: Schedule, snapshot: Snapshot) -> Content:
    if schedule.paused:
        return element("span", "❚❚ paused", class_="mark")
    if schedule.name in snapshot.undeclared:
        return element("span", "not in this process's code: does not fire here", class_="mark")
    if schedule.next_at is not None and schedule.next_at < snapshot.as_of - LATE:
        return element("span", "▲ late: nobody has fired it", class_="mark warn")
    return None
