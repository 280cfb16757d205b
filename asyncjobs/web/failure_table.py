"""Jobs that failed for good, in groups of one error in one task."""

from __future__ import annotations

from asyncjobs.job import State
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import FailureGroup
from asyncjobs.vitals import FAILURES
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.layout import Place, moment, named, number_cell, table_of
from asyncjobs.web.markup import Content, element
from asyncjobs.web.words import NOTHING, count

SAID = 200  # characters of what an error said


def failure_table(snapshot: Snapshot, place: Place, most: int | None = None) -> Content:
    """most: how many groups to show; all of them without."""
    place = place.only("retry-matching", "discard-matching")
    groups = snapshot.failures if most is None else snapshot.failures[:most]
    if not groups:
        return None
    heads = [element("th", head, scope="col") for head in ("Error", "Task")]
    heads += [element("th", "Jobs", scope="col", class_="number")]
    heads += [element("th", head, scope="col") for head in ("First", "Last", *do_head(place))]
    rows = [element("tr", _group(group, place)) for group in groups]
    looked_at = f" of the last {count(FAILURES)}" if sum(group.count for group in snapshot.failures) >= FAILURES else ""
    return table_of(f"Jobs that failed for good{looked_at}, by error and task", heads, rows)


def _group(group: FailureGroup, place: Place) -> Content:
    asked = {"state": State.FAILED.value, "task": group.task, "error": group.error}
    return (
        element(
            "th",
            place.link("stats/jobs", named(group.error or "no error"), query=asked),
            element("div", named(group.message[:SAID]), class_="said muted"),
            scope="row",
        ),
        element("td", named(group.task)),
        number_cell(count(group.count)),
        element("td", moment(group.first_at, NOTHING)),
        element("td", moment(group.last_at, NOTHING)),
        buttons_cell(
            place, *(_group_button(place, verb, group) for verb in ("retry-matching", "discard-matching") if group.error)
        ),
    )


def _group_button(place: Place, verb: str, group: FailureGroup) -> Content:
    about = f"{group.error} of {group.task}"
    return button(place, verb, about, state=State.FAILED.value, task=group.task, error=group.error)
