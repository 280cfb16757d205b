"""The queues, and one of them by itself."""

from __future__ import annotations

from collections.abc import Iterator

from asyncjobs.stats import QueueSnapshot, Snapshot
from asyncjobs.web.layout import Section, box, document, named, number_cell, paused, table_of
from asyncjobs.web.markup import Content, element
from asyncjobs.web.present import Fields, presented_past, presented_queue, presented_queues, total
from asyncjobs.web.queue_figures import charts, headline
from asyncjobs.web.queue_table import depth_table, details, finding_line, queue_buttons
from asyncjobs.web.view import Missing, NumbersView, Visit
from asyncjobs.web.words import count


def _list(snapshot: Snapshot, visit: Visit) -> str:
    queues, place, all_of_them = snapshot.queues, visit.place, total(snapshot.queues)
    return document(
        place,
        "Queues",
        [depth_table(queues, all_of_them, snapshot.findings, place), details(queues, all_of_them, place)]
        if queues
        else element("p", "There are none: this process works no queue, and no job has been put in.", class_="empty"),
        here=Section.QUEUES,
        stays_fresh=True,
    )


def _one(snapshot: Snapshot, visit: Visit) -> str:
    queue, place = _asked_for(snapshot, visit), visit.place
    about = [finding for finding in snapshot.findings if finding.queue == queue.name]
    return document(
        place,
        ("Queue ", named(queue.name)),
        element("p", "❚❚ ", paused(queue.pause)) if queue.pause else None,
        box(about[0].severity.value, "Needs attention", element("ul", [finding_line(one) for one in about])) if about else None,
        element("div", list(queue_buttons(queue, place)), class_="buttons") if place.acts else None,
        headline(queue, place),
        charts(queue, visit),
        element("dl", [element("div", element("dt", name), element("dd", fact)) for name, fact in _facts(queue)], class_="facts"),
        details([queue], queue, place),
        _worked_by(snapshot, queue),
        title=f"{queue.name} · queue",
        here=Section.QUEUES,
        stays_fresh=True,
    )


def _asked_for(snapshot: Snapshot, visit: Visit) -> QueueSnapshot:
    name = visit.query.get("name", "")
    for queue in snapshot.queues:
        if queue.name == name:
            return queue
    raise Missing(f"There is no queue {name!r}: none of this name has had a job, and no living process works one.")


def _facts(queue: QueueSnapshot) -> Iterator[tuple[str, Content]]:
    if queue.configured:
        yield "At once in all processes", "any number" if queue.limits.at_once is None else count(queue.limits.at_once)
        yield "Rate", "none" if queue.limits.rate is None else f"{queue.limits.rate}"
        yield "Queued at most", "any number" if queue.max_waiting is None else count(queue.max_waiting)
    else:
        yield "Limits", "not known here: the code of this page's process has no such queue"
    yield "Succeeded, ever", count(queue.succeeded)
    yield "Failures, ever", count(queue.failures)
    yield "Cancelled, ever", count(queue.cancelled)


def _worked_by(snapshot: Snapshot, queue: QueueSnapshot) -> Content:
    rows = [
        element(
            "tr",
            element("th", named(f"{one.host}:{one.pid}"), " (this one)" if one.this else None, scope="row"),
            number_cell(f"{count(one.busy.get(queue.name, 0))} / {count(one.slots[queue.name])}"),
        )
        for one in snapshot.processes
        if one.alive and queue.name in one.slots
    ]
    heads = [element("th", "Process", scope="col"), element("th", "Running / slots", scope="col", class_="number")]
    return table_of("Worked by", heads, rows) if rows else None


QUEUES = NumbersView(_list, lambda snapshot, visit: presented_queues(snapshot))


def _fields(snapshot: Snapshot, visit: Visit) -> Fields:
    queue = _asked_for(snapshot, visit)
    return {**presented_queue(snapshot, queue), **presented_past(visit.past(queue))}


QUEUE = NumbersView(_one, _fields)
