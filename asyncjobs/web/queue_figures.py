"""One queue, or all of them as one: its six numbers, and its two drawings."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from asyncjobs.stats import QueueSnapshot
from asyncjobs.web.chart import histogram, per_step
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.layout import Place
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.span import HOUR, SPANS
from asyncjobs.web.view import Visit
from asyncjobs.web.words import count, counted, duration


def headline(queue: QueueSnapshot, place: Place) -> Markup:
    """The numbers that say how it is; those that are jobs lead to these."""
    oldest = f"oldest {duration(queue.latency)}" if queue.waiting else "nothing is late"
    starts = f"p99 {duration(queue.wait.p99)}" if queue.wait.count else "none in the last hour"
    now = queue.minutes[-2].ended if len(queue.minutes) > 1 else 0
    figures: list[tuple[str, Content, Content]] = [
        ("Waiting", _jobs(queue, place, "queued", count(queue.waiting, more=queue.waiting_more)), oldest),
        ("Running", _jobs(queue, place, "running", count(queue.running)), f"of {counted(queue.slots, 'slot', 'slots')}"),
        (
            "Scheduled",
            count(queue.scheduled, more=queue.scheduled_more),
            f"{count(queue.retrying)} retrying · {count(queue.held)} held",
        ),
        ("Failed jobs", _jobs(queue, place, "failed", count(queue.failed)), f"of {count(queue.enqueued)} ever"),
        ("Finished per minute", count(now), f"{count(sum(one.ended for one in queue.minutes))} in the last hour"),
        ("Due to start, p95", duration(queue.wait.p95), starts),
    ]
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", figure, class_="figure"), element("dd", note))
            for name, figure, note in figures
        ],
        class_="headline",
    )


def charts(queue: QueueSnapshot, visit: Visit) -> Markup:
    """What ended when, and how late it had begun or how long it took, in the time that was asked for."""
    seen = visit.past(queue)
    if isinstance(seen, Unreadable):
        sorry = element("p", f"The {visit.span.words} can't be shown now: {seen.reason}", class_="empty")
        return element("section", element("h2", "Finished ", _ranges(visit)), sorry)
    took, (what, of) = (seen.run, _MEASURES["run"]) if visit.query.get("of") == "run" else (seen.wait, _MEASURES["start"])
    well, badly = sum(one.succeeded for one in seen.steps), sum(one.failures for one in seen.steps)
    ended = f"{count(well)} succeeded · {count(badly)} failed"
    steps = f"p50 {duration(took.p50)} · p95 {duration(took.p95)}"
    nothing = element("p", f"None in the {seen.span.words}.", class_="empty")
    return element(
        "div",
        _chart(
            f"Finished in each {_EACH[seen.span.name]}",
            ended if well or badly else "",
            _ranges(visit),
            per_step(seen) if well or badly else nothing,
        ),
        _chart(what, steps if took.count else "", _measures(visit, of), histogram(took) if took.count else nothing),
        class_="charts",
    )


_EACH = {"1h": "minute", "6h": "6 minutes", "24h": "half hour", "7d": "3 hours"}
_MEASURES = {"start": ("Time from due to start", "start"), "run": ("Run time of attempts", "run")}


def _ranges(visit: Visit) -> Markup:
    """The other lengths that can be looked at."""
    ways = [_way(visit, "range", name, visit.span.name, {"range": name} if name != HOUR.name else {}) for name in SPANS]
    return element("span", ways, class_="ranges", role="group", aria_label="How far back")


def _measures(visit: Visit, chosen: str) -> Markup:
    ways = [_way(visit, "of", name, chosen, {"of": name} if name != "start" else {}) for name in _MEASURES]
    return element("span", ways, class_="ranges", role="group", aria_label="What is measured")


def _way(visit: Visit, field: str, name: str, chosen: str, asked: Mapping[str, str]) -> Markup:
    """To the same page with another choice."""
    query = {kept: visit.query[kept] for kept in ("name", "range", "of") if kept != field and kept in visit.query} | dict(asked)
    address = visit.place.here.partition("?")[0] + (f"?{urlencode(query, errors='replace')}" if query else "")
    return element("a", name, href=visit.place.up + address, aria_current="true" if name == chosen else None)


def _jobs(queue: QueueSnapshot, place: Place, state: str, number: str) -> Content:
    return place.link("stats/jobs", number, query={"state": state, **({"queue": queue.name} if queue.name else {})})


def _chart(heading: str, note: str, choice: Markup, drawing: Markup) -> Markup:
    title = element("h2", heading, " ", element("span", note, class_="note") if note else None)
    return element("section", element("div", title, choice, class_="titled"), drawing)
