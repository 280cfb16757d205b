"""The tasks: how often each runs, how long it takes, how often it fails, and who knows it."""

from __future__ import annotations

from asyncjobs.stats import Snapshot, TaskSnapshot
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.layout import Place, Section, document, named, number_cell, paused, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present_task import presented_tasks
from asyncjobs.web.queue_table import queue_link
from asyncjobs.web.view import NumbersView, Visit
from asyncjobs.web.words import NOTHING, count, counted, duration

_HEADS = ("Started", "Succeeded", "Failures", "Failed jobs", "Due to start, p95", "Run, p50", "Run, p95")


def _page(snapshot: Snapshot, visit: Visit) -> str:
    place = visit.place.only("pause-task", "resume-task")
    heads = [element("th", head, scope="col") for head in ("Task", "As it is declared")]
    heads += [element("th", head, scope="col", class_="number") for head in _HEADS]
    heads += [element("th", head, scope="col") for head in do_head(place)]
    busiest = sorted(snapshot.tasks, key=lambda task: (-task.started, task.name))
    rows = [_row(task, place) for task in busiest]
    none = element("p", "There are none: no code has declared one, and no job has been put in.", class_="empty")
    return document(
        place,
        "Tasks",
        table_of("Of the last hour, the busiest first", heads, rows) if rows else none,
        here=Section.TASKS,
        stays_fresh=True,
    )


TASKS = NumbersView(_page, lambda snapshot, visit: presented_tasks(snapshot))


def _row(task: TaskSnapshot, place: Place) -> Markup:
    failed = place.link("stats/jobs", count(task.failed), query={"state": "failed", "task": task.name}) if task.failed else "0"
    return element(
        "tr",
        element("th", place.link("stats/jobs", named(task.name), query={"task": task.name}), _marks(task), scope="row"),
        element("td", _declared(task, place), class_="told"),
        number_cell(count(task.started)),
        number_cell(count(task.succeeded)),
        number_cell(count(task.failures), warn=task.failures > 0),
        element("td", failed, class_="number"),
        number_cell(duration(task.wait.p95)),
        number_cell(duration(task.run.p50)),
        number_cell(duration(task.run.p95)),
        buttons_cell(place, _button(task, place)),
    )


def _declared(task: TaskSnapshot, place: Place) -> Content:
    facts = task.declared
    if facts is None:
        return element("span", "elsewhere" if task.alive else NOTHING, class_="muted")
    timeout = None if facts.timeout is None else f", {duration(facts.timeout)} each"
    return ("on ", queue_link(facts.queue, place), f", {counted(facts.attempts, 'attempt', 'attempts')}", timeout)


def _marks(task: TaskSnapshot) -> Content:
    unknown = f"▲ no living process knows it; {counted(task.unknown, 'job is', 'jobs are')} held" if task.unknown else None
    return (
        element("span", "❚❚ ", paused(task.pause), class_="mark") if task.pause else None,
        element("span", unknown, class_="mark warn") if unknown else None,
    )


def _button(task: TaskSnapshot, place: Place) -> Content:
    """What is paused may be resumed by its name alone; to pause, this process must know what else it is called."""
    if task.pause is not None:
        return button(place, "resume-task", f"task {task.name}", task=task.name)
    return button(place, "pause-task", f"task {task.name}", task=task.name) if task.declared else None
