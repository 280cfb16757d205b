"""The processes: who works what, and what ails this one."""

from __future__ import annotations

from asyncjobs.stats import Snapshot
from asyncjobs.web.layout import Section, box, document
from asyncjobs.web.markup import element
from asyncjobs.web.present import presented_processes
from asyncjobs.web.process_table import process_table
from asyncjobs.web.view import NumbersView, Visit


def _page(snapshot: Snapshot, visit: Visit) -> str:
    listed = [(element("dt", part), element("dd", why)) for part, why in snapshot.problems.items()]
    return document(
        visit.place,
        "Processes",
        box("bad", "▲ In this process", element("dl", listed, class_="problems")) if listed else None,
        process_table(snapshot.processes),
        here=Section.PROCESSES,
        stays_fresh=True,
    )


PROCESSES = NumbersView(_page, lambda snapshot, visit: presented_processes(snapshot))
