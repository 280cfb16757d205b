"""The schedules: when each fires, and what can be done to it."""

from __future__ import annotations

from collections.abc import Iterator

from asyncjobs.schedule import LATE, Schedule
from asyncjobs.stats import Snapshot
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.layout import Place, moment, named, paused, table_of
from asyncjobs.web.markup import Content, element
from asyncjobs.web.words import when


def schedule_table(snapshot: Snapshot, place: Place) -> Content:
    schedules = snapshot.schedules
    if not schedules:
        return None
    heads = [element("th", head, scope="col") for head in ("Schedule", "When", "Next", "Last", "Enqueues", *do_head(place))]
    rows = [
        element(
            "tr",
            element("th", named(schedule.name), _schedule_marks(schedule, snapshot), scope="row"),
            element("td", when(schedule)),
            element("td", paused(schedule.paused) if schedule.paused else moment(schedule.next_at, "never again")),
            element("td", moment(schedule.last_at, "not yet")),
            element("td", named(schedule.job.name), " on ", named(schedule.job.queue)),
            buttons_cell(place, *_schedule_buttons(schedule, place)),
        )
        for schedule in schedules
    ]
    return table_of("Schedules", heads, rows)


def _schedule_buttons(schedule: Schedule, place: Place) -> Iterator[Content]:
    for verb in ("run-schedule", "edit-schedule", "resume-schedule" if schedule.paused else "pause-schedule"):
        yield button(place, verb, "stats", f"schedule {schedule.name}", schedule=schedule.name)


def _schedule_marks(schedule: Schedule, snapshot: Snapshot) -> Content:
    if schedule.paused:
        return element("span", "❚❚ paused", class_="mark")
    if schedule.name in snapshot.undeclared:
        return element("span", "not in this process's code: does not fire here", class_="mark")
    if schedule.next_at is not None and schedule.next_at < snapshot.as_of - LATE:
        return element("span", "▲ late: nobody has fired it", class_="mark warn")
    return None
