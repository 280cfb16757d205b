"""The failures: what fails, in which task, and all of it put back with one press."""

from __future__ import annotations

from asyncjobs.job import State
from asyncjobs.stats import Snapshot
from asyncjobs.web.failure_table import failure_table
from asyncjobs.web.layout import Section, document
from asyncjobs.web.markup import element
from asyncjobs.web.present import presented_failures
from asyncjobs.web.view import NumbersView, Visit
from asyncjobs.web.words import counted


def _page(snapshot: Snapshot, visit: Visit) -> str:
    place, failed = visit.place, sum(queue.failed for queue in snapshot.queues)
    return document(
        place,
        "Failures",
        failure_table(snapshot, place) or element("p", "No job that is kept has failed for good.", class_="empty"),
        element(
            "p", f"{counted(failed, 'job has', 'jobs have')} failed for good since the store was made. ",
            place.link("stats/jobs", "Those that are kept, one by one", query={"state": State.FAILED.value}),
            class_="turn",
        ),
        here=Section.FAILURES,
        stays_fresh=True,
    )  # fmt: skip


FAILURES = NumbersView(_page, lambda snapshot, visit: presented_failures(snapshot))
