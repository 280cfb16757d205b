"""The jobs, newest first, by state, queue, task and error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from asyncjobs.job import Job, Progress, State
from asyncjobs.store.base import Page
from asyncjobs.web.act_pages import button
from asyncjobs.web.filters import Filters
from asyncjobs.web.layout import Place, Section, document, moment, named, number_cell, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present_job import presented_page
from asyncjobs.web.redact import Redaction
from asyncjobs.web.source import Source
from asyncjobs.web.view import View, Visit
from asyncjobs.web.words import NOTHING, preview

LIMIT = 50  # jobs of one page
LOOKS = 4  # of a quarter of a second each at most
_WHOLE, _END = 20, 12  # characters of an id that are shown: up to so many all, of longer ones the last
_PREVIEW = 96  # characters of its arguments

SHAPES = {  # so that colour is not the only sign
    "queued": "○", "scheduled": "◷", "held": "❚❚", "retrying": "▲", "running": "◐", "cancelling": "◐",
    "succeeded": "✓", "failed": "✕", "cancelled": "–",
}  # fmt: skip
_SELECTED = {
    "retry": ("Retry", True),
    "cancel": ("Cancel", False),
    "discard": ("Discard", False),
}  # whether nothing is asked before
_TIME = {"type": "datetime-local", "step": "1"}
_FIELDS: Sequence[tuple[str, str, Mapping[str, str]]] = (
    ("queue", "Queue", {}), ("task", "Task", {}), ("error", "Error", {}), ("text", "Text", {}),
    ("argument", "Argument", {"placeholder": "user_id=7"}), ("since", "Put in from (UTC)", _TIME), ("until", "to", _TIME),
)  # fmt: skip
_LOOKS = {"retrying": "warn", "failed": "bad", "succeeded": "ok", "held": "warn"}


async def _look(source: Source, visit: Visit) -> Page:
    return await look_for(source, Filters.of(visit.query).asked(visit.redaction), LIMIT, visit.query.get("after"))


async def look_for(source: Source, asked: Mapping[str, Any], limit: int, after: str | None = None) -> Page:
    """Some that match, where a few looks find any: one that finds none says where to go on."""
    for _ in range(LOOKS):
        page = await source.list(**asked, limit=limit, after=after)
        if page.jobs or page.next is None:
            break
        after = page.next
    return page


def _page(page: Page, visit: Visit) -> str:
    filters, place = Filters.of(visit.query), visit.place.only(*_SELECTED)
    rows = [_row(job, visit.now, visit.redaction, place) for job in page.jobs]
    heads = [element("th", head, scope="col") for head in ("Job", "Task", "State", "Queue")]
    heads += [element("th", "Attempt", scope="col", class_="number")]
    heads += [element("th", head, scope="col") for head in ("Put in", "Arguments", "Error")]
    if place.acts:
        every = element("input", type="checkbox", data_every="id", hidden=True, aria_label="Select all on this page")
        heads = [element("th", every, element("span", "Select"), scope="col"), *heads]
    found: Content = table_of("Jobs, newest first", heads, rows) if rows else _none(page, filters, place)
    if rows and not place.acts:
        found = (_matching(filters, visit.place), found)
    if rows and place.acts:
        found = (_matching(filters, visit.place), _selected(found, filters, place))
    return document(
        place,
        "Jobs",
        _form(filters, place),
        found,
        _turn(page, filters, place),
        here=Section.JOBS,
        stays_fresh=True,
        still=filters.looks_closely,
    )


JOB_LIST = View(_look, _page, lambda page, visit: presented_page(page, visit.now, visit.redaction))


def job_link(id: str, place: Place, *words: Content) -> Markup:
    """To one job. Its id is no part of the path: it may be any text, and a path has words that mean something."""
    return place.link("stats/job", *(words or (brief_id(id),)), query={"id": id})


def brief_id(id: str) -> Markup:
    """Its end, where it is long: by that those of one moment differ."""
    return element("bdi", id if len(id) <= _WHOLE else f"…{id[-_END:]}", title=id)


def how_far(progress: Progress) -> Content:
    """What it said of that last."""
    of = "" if progress.total is None else f" of {progress.total:g}"
    return (f"{progress.done:g}{of} ", named(progress.note))


def state_mark(view: str) -> Markup:
    return element("span", f"{SHAPES[view]} {view}", class_=_LOOKS.get(view))


def _row(job: Job, now: int, redaction: Redaction, place: Place) -> Markup:
    box = element("input", type="checkbox", name="id", value=job.id, aria_label=f"Select job {job.id}")
    return element(
        "tr",
        element("td", box) if place.acts else None,
        element("th", job_link(job.id, place), scope="row"),
        element("td", named(job.name)),
        element("td", state_mark(job.view(now))),
        element("td", named(job.queue)),
        number_cell(f"{job.attempt} / {job.policy.max_attempts}"),
        element("td", moment(job.enqueued_at, NOTHING)),
        element("td", element("code", preview(redaction.arguments(job.args), _PREVIEW))),
        element("td", named(job.error.type) if job.error else None),
    )


def _form(filters: Filters, place: Place) -> Markup:
    """By GET, so that what is looked for has an address."""
    states = [element("option", "any", value="")]
    states += [element("option", state.value, value=state.value, selected=filters.state == state) for state in State]
    given = filters.given()
    fields = [
        element("label", label, " ", element("input", name=name, value=given.get(name, ""), autocomplete="off", **more))
        for name, label, more in _FIELDS
    ]
    return element(
        "form",
        element("label", "State ", element("select", states, name="state")),
        fields,
        element("button", "Show"),
        method="get", action=place.up + "stats/jobs", class_="filters", role="search",
    )  # fmt: skip


def _selected(table: Content, filters: Filters, place: Place) -> Markup:
    """The table, and what can be done to the jobs that are ticked in it."""
    act, ask = place.up + "stats/act", place.up + "stats/confirm"
    buttons = [
        element("button", f"{words} selected{'' if at_once else '…'}", name="do", value=verb, formaction=act if at_once else None)
        for verb, (words, at_once) in _SELECTED.items()
        if verb in place.may
    ]
    back = element("input", type="hidden", name="back", value=_address(filters))
    return element("form", back, table, element("div", buttons, class_="buttons"), method="post", action=ask)


def _matching(filters: Filters, place: Place) -> Content:
    """What can be done to all that match, on this page and beyond: where their state is asked for, so that it means something."""
    if filters.state not in set(State):
        return None
    verbs = ("retry-matching", "discard-matching") if State(filters.state).ended else ("cancel-matching",)
    return element(
        "div",
        element("span", "All that match: ", class_="muted"),
        [button(place, verb, "all jobs that match", back=_address(filters), **filters.given()) for verb in verbs],
        class_="buttons",
    )


def _address(filters: Filters) -> str:
    return "stats/jobs" + (f"?{urlencode(filters.given(), errors='replace')}" if filters.given() else "")


def _none(page: Page, filters: Filters, place: Place) -> Markup:
    if page.next is not None:
        return element("p", "None of those that were looked at so far.", class_="empty")
    if filters.given():
        return element("p", "No job matches. ", place.link("stats/jobs", "Show all"), class_="empty")
    return element("p", "There are no jobs.", class_="empty")


def _turn(page: Page, filters: Filters, place: Place) -> Content:
    if page.next is None:
        return None
    words = "Older" if len(page.jobs) == LIMIT else "Look further: there is more, which has not been looked at"
    return element("p", place.link("stats/jobs", words, query={**filters.given(), "after": page.next}), class_="turn")
