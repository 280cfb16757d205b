"""The processes on the store."""

from __future__ import annotations

from collections.abc import Sequence

from asyncjobs.diagnose import BLOCKED
from asyncjobs.stats import ProcessSnapshot
from asyncjobs.store.base import Condition
from asyncjobs.web.layout import moment, named, number_cell, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.words import NOTHING, count, duration, size


def process_table(processes: Sequence[ProcessSnapshot]) -> Markup:
    if not processes:
        return element("section", element("h2", "Processes"), element("p", "No process is registered.", class_="empty"))
    heads = [
        element("th", head, scope="col") for head in ("Process", "State", "Running / slots", "Started", "asyncjobs", "Python")
    ]
    heads += [element("th", head, scope="col", class_="number") for head in ("Loop late by, at most", "Memory")]
    rows = [
        element(
            "tr",
            element("th", named(f"{process.host}:{process.pid}"), " (this one)" if process.this else None, scope="row"),
            element(
                "td",
                "● alive" if process.alive else f"✕ gone; its jobs {taken_over(processes)}",
                class_=None if process.alive else "warn",
            ),
            element("td", _taken(process)),
            element("td", moment(process.started_at, NOTHING)),
            element("td", process.version),
            _condition(process.condition),
        )
        for process in processes
    ]
    return table_of("On this store", heads, rows)


def taken_over(processes: Sequence[ProcessSnapshot]) -> str:
    """What becomes of the jobs that dead ones ran."""
    return "are taken over" if any(one.alive for one in processes) else "go on when the app starts again"


def _condition(condition: Condition | None) -> Content:
    if condition is None:
        return (element("td", NOTHING), number_cell(NOTHING), number_cell(NOTHING))
    late = number_cell(duration(condition.lag), warn=condition.lag > BLOCKED)
    return (element("td", condition.python), late, number_cell(NOTHING if condition.memory is None else size(condition.memory)))


def _taken(process: ProcessSnapshot) -> Content:
    names = sorted({*process.slots, *process.busy})
    if not names:
        return "works no queue, only enqueues"
    taken = [(named(name), f" {count(process.busy.get(name, 0))} / {count(process.slots.get(name, 0))}") for name in names]
    return [(", " if place else None, one) for place, one in enumerate(taken)]
