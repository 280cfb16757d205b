"""One schedule: when it fires, and what became of the jobs that it enqueued last."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from asyncjobs.errors import UnknownSchedule
from asyncjobs.job import Job
from asyncjobs.record import record
from asyncjobs.schedule import Schedule
from asyncjobs.web.filters import Filters
from asyncjobs.web.job_list import job_link, look_for, state_mark
from asyncjobs.web.layout import Place, Section, document, moment, named, number_cell, paused, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present import Fields, presented_moment, presented_schedule
from asyncjobs.web.schedule_table import following, schedule_buttons
from asyncjobs.web.source import Source
from asyncjobs.web.view import Missing, View, Visit
from asyncjobs.web.words import NOTHING, count, duration, in_words, when

LAST = 20  # runs that are shown


@record
class Seen:
    schedule: Schedule
    runs: Sequence[Job]


async def _look(source: Source, visit: Visit) -> Seen:
    name = visit.query.get("name", "")
    try:
        schedule = await source.schedules.get(name)
    except UnknownSchedule as error:
        raise Missing(str(error)) from error
    asked = {**Filters(task=schedule.job.name).asked(visit.redaction), "only": lambda job: _meta(job).get("schedule") == name}
    return Seen(schedule, (await look_for(source, asked, LAST)).jobs)


def _meta(job: Job) -> dict[str, str]:
    """What a schedule writes into its jobs: its name, and the time that it fired for."""
    try:
        meta = json.loads(job.meta)
    except (ValueError, RecursionError):
        return {}
    return (
        {name: meta[name] for name in ("schedule", "time") if isinstance(meta.get(name), str)} if isinstance(meta, dict) else {}
    )


def _page(seen: Seen, visit: Visit) -> str:
    schedule, place = seen.schedule, visit.place
    heads = [element("th", head, scope="col") for head in ("For", "Job", "State", "Began")]
    heads += [element("th", "Took", scope="col", class_="number"), element("th", "Error", scope="col")]
    rows = [_run(job, visit.now, place) for job in seen.runs]
    facts: list[tuple[str, Content]] = [
        ("When", in_words(schedule)), ("As it is declared", element("code", when(schedule))), ("Enqueues", named(schedule.job.name)),
        ("Queue", named(schedule.job.queue)), ("Jobs enqueued, ever", count(schedule.fired)),
        ("Next", paused(schedule.paused) if schedule.paused else following(schedule)),
    ]  # fmt: skip
    return document(
        place,
        ("Schedule ", named(schedule.name)),
        element("div", list(schedule_buttons(schedule, place)), class_="buttons") if place.acts else None,
        element("dl", [element("div", element("dt", name), element("dd", fact)) for name, fact in facts], class_="facts"),
        table_of(f"Its last runs, {LAST} at most", heads, rows)
        if rows
        else element(
            "p", "None of its jobs is there: it has not fired, or they have been removed since they ended.", class_="empty"
        ),
        title=f"{schedule.name} · schedule",
        here=Section.SCHEDULES,
        stays_fresh=True,
    )


def _run(job: Job, now: int, place: Place) -> Markup:
    return element(
        "tr",
        element("th", _fired_for(job), scope="row"),
        element("td", job_link(job.id, place)),
        element("td", state_mark(job.view(now))),
        element("td", moment(job.started_at, NOTHING)),
        number_cell(duration(_took(job))),
        element("td", named(job.error.type) if job.error else None),
    )


def _fired_for(job: Job) -> Content:
    text = _meta(job).get("time", NOTHING)
    try:
        return moment(round(datetime.fromisoformat(text).timestamp() * 1000), NOTHING)
    except (ValueError, OverflowError):  # none, or what somebody else has written there
        return named(text)


def _took(job: Job) -> float | None:
    """Seconds of its last attempt, where that has ended."""
    return max(job.finished_at - job.started_at, 0) / 1000 if job.finished_at is not None and job.started_at is not None else None


def _fields(seen: Seen, visit: Visit) -> Fields:
    """As at `stats/schedules`, but for undeclared, with runs: [{id, time, state, view, started_at, finished_at, took, error}, ...], the newest first,
    times also with _ms. time: the one that it fired for, null for one that was run by hand; took: seconds of the last attempt; error: its type."""
    return {**presented_schedule(seen.schedule), "runs": [_presented(job, visit.now) for job in seen.runs]}


def _presented(job: Job, now: int) -> Fields:
    return {
        "id": job.id,
        "time": _meta(job).get("time"),
        "state": job.state.value,
        "view": job.view(now),
        **presented_moment("started_at", job.started_at),
        **presented_moment("finished_at", job.finished_at),
        "took": _took(job),
        "error": job.error.type if job.error else None,
    }


SCHEDULE = View(_look, _page, _fields)
