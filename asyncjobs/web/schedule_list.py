"""The schedules: what fires when, in words, and when next."""

from __future__ import annotations

from asyncjobs.stats import Snapshot
from asyncjobs.web.layout import Section, code_block, document
from asyncjobs.web.markup import element
from asyncjobs.web.present import presented_schedules
from asyncjobs.web.schedule_table import schedule_table
from asyncjobs.web.view import NumbersView, Visit


def _page(snapshot: Snapshot, visit: Visit) -> str:
    place = visit.place
    none = element("p", "There are none. A crontab line above a function makes one: ", class_="empty")
    example = code_block('@jobs.cron("0 9 * * mon-fri", tz="Europe/Berlin")\nasync def morning_report() -> None: ...')
    return document(
        place,
        "Schedules",
        schedule_table(snapshot, place) or (none, example),
        here=Section.SCHEDULES,
        stays_fresh=True,
    )


SCHEDULES = NumbersView(_page, lambda snapshot, visit: presented_schedules(snapshot))
