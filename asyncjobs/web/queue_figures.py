"""One queue, or all of them as one: its six numbers, and its two drawings."""

from __future__ import annotations

from asyncjobs.stats import QueueSnapshot
from asyncjobs.web.chart import histogram, per_minute
from asyncjobs.web.layout import Place
from asyncjobs.web.markup import Content, Markup, element
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


def charts(queue: QueueSnapshot) -> Markup:
    """What ended when, and how late it had begun."""
    well, badly = sum(one.succeeded for one in queue.minutes), sum(one.failures for one in queue.minutes)
    ended = f"{count(well)} succeeded · {count(badly)} failed"
    starts = f"p50 {duration(queue.wait.p50)} · p95 {duration(queue.wait.p95)}"
    return element(
        "div",
        _chart("Finished per minute", ended, per_minute(queue.minutes) if well or badly else None),
        _chart("Time from due to start", starts, histogram(queue.wait) if queue.wait.count else None),
        class_="charts",
    )


def _jobs(queue: QueueSnapshot, place: Place, state: str, number: str) -> Content:
    return place.link("stats/jobs", number, query={"state": state, **({"queue": queue.name} if queue.name else {})})


def _chart(heading: str, note: str, drawing: Markup | None) -> Markup:
    title = element("h2", heading, " ", element("span", note if drawing else "last hour", class_="note"))
    return element("section", title, drawing or element("p", "None in the last hour.", class_="empty"))
