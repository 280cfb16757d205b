"""The overview: the numbers of the JSON in words, for a browser without script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncjobs.diagnose import Finding, Severity
from asyncjobs.pause import Pause
from asyncjobs.stats import QueueSnapshot, Snapshot
from asyncjobs.store.base import COUNT_LIMIT
from asyncjobs.web.access import MOUNT_LINE, Visitor
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.chart import histogram, per_minute
from asyncjobs.web.failure_table import failure_table
from asyncjobs.web.job_list import how_far, job_link
from asyncjobs.web.layout import (
    LIVE,
    TITLE,
    Place,
    Section,
    box,
    code_block,
    document,
    named,
    number_cell,
    paused,
    table_of,
)
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present import presented, total
from asyncjobs.web.process_table import process_table
from asyncjobs.web.queue_table import SEVERITY_SHAPES, depth_table, duration_tables, ever_table, minute_table
from asyncjobs.web.schedule_table import schedule_table
from asyncjobs.web.view import NumbersView, Visit
from asyncjobs.web.words import count, counted, date, duration, iso

_GLOSSARY = (
    ("Waiting", "due, and not begun."),
    ("Running", "being executed now, in any process; of so many slots in all living processes together."),
    ("Oldest waiting", "how long the longest-waiting due job has waited."),
    ("Scheduled", "due later, those to be retried later among them."),
    ("Retrying", "of those waiting and scheduled, the jobs with a failed attempt behind them."),
    (
        "Held",
        "can't begin for a reason of their own: no living process that works their queue knows their task, it is paused, others of their key come first, or they must run alone.",
    ),
    ("Processed", "attempts that ended by themselves, well (succeeded) or not (failures). A job may take several."),
    ("Failed jobs", "jobs that failed for good, with no attempt left. Counted since the store was made, as all in that table."),
    ("p50, p95, p99", "half, 95 % and 99 % took no longer. Read from fixed steps, so right to within one step."),
    (f"{COUNT_LIMIT:,}+", "there are more; waiting and scheduled jobs are counted that far."),
)


def _page(snapshot: Snapshot, visit: Visit) -> str:
    """Everything at one moment."""
    visitor, place = visit.visitor, visit.place
    name = (" · shown to ", named(visitor.name)) if visitor.name is not None else None
    return document(
        place,
        TITLE,
        _as_of(snapshot, place),
        _banner(visitor),
        _attention(snapshot),
        _queues(snapshot.queues, snapshot.findings, place),
        failure_table(snapshot, place),
        _longest(snapshot, place),
        _paused_tasks(snapshot.paused_tasks, place),
        schedule_table(snapshot, place),
        process_table(snapshot.processes),
        _glossary(),
        title=f"({len(snapshot.findings)}) {TITLE}" if snapshot.findings else TITLE,
        footer=element("p", f"asyncjobs {snapshot.version}", name),
        here=Section.OVERVIEW,
        stays_fresh=True,
    )


OVERVIEW = NumbersView(_page, lambda snapshot, visit: presented(snapshot))


def _as_of(snapshot: Snapshot, place: Place) -> Markup:
    by_hand: Content = (
        (f"loads itself every {LIVE} seconds, ", place.link("stats", "stop"))
        if place.live
        else (place.link("stats", "Refresh"), " · ", place.link("stats?live=1", f"every {LIVE} seconds"))
    )
    fresh = (element("noscript", by_hand), element("span", data_live=""))
    at = element("time", date(snapshot.as_of), datetime=iso(snapshot.as_of))
    return element("p", "Numbers of ", at, " · ", fresh, " · ", place.link("stats?format=json", "JSON"), class_="as-of")


def _banner(visitor: Visitor) -> Content:
    if not visitor.local:
        return None
    return element(
        "p",
        "Shown without a login, because you look from this machine; everyone else is refused. To let others in: ",
        element("code", MOUNT_LINE),
        class_="banner",
    )


def _attention(snapshot: Snapshot) -> Markup:
    """What is wrong, in words; or that nothing is, and how one can tell."""
    findings = snapshot.findings
    if not findings:
        return element("p", element("span", "●", class_="ok", aria_hidden="true"), " Everything is keeping up.", _pace(snapshot))
    listed = [
        element(
            "li",
            element("span", SEVERITY_SHAPES[one.severity], class_=one.severity.value, aria_hidden="true"),
            " ",
            named(one.sentence),
        )
        for one in findings
    ]
    worst = Severity.BAD if any(one.severity is Severity.BAD for one in findings) else Severity.WARN
    heading = f"{SEVERITY_SHAPES[worst]} {counted(len(findings), 'thing needs', 'things need')} attention"
    return box(worst.value, heading, element("ul", listed))


def _pace(snapshot: Snapshot) -> str | None:
    every = total(snapshot.queues)
    if not every.run.count:
        return None
    slowest = f"; 99 % started within {duration(every.wait.p99)} of their time" if every.wait.count else ""
    return f" {counted(every.run.count, 'attempt', 'attempts')} ended in the last hour{slowest}."


def _queues(queues: Sequence[QueueSnapshot], findings: Sequence[Finding], place: Place) -> Content:
    if not any(queue.enqueued for queue in queues):
        empty = element("p", "No queue has had a job yet. The first one is one line away: ", class_="empty")
        line = code_block("await jobs.enqueue(send_welcome, user_id=user_id)")
        return (empty, line, depth_table(queues, total(queues), findings, place) if queues else None)
    all_of_them = total(queues)
    return (
        _headline(all_of_them),
        _charts(all_of_them),
        depth_table(queues, all_of_them, findings, place),
        element(
            "details",
            element("summary", "More about the queues"),
            ever_table(queues, all_of_them),
            minute_table(all_of_them),
            duration_tables(queues, all_of_them, "Time from due to start, last hour", "Starts", lambda queue: queue.wait),
            duration_tables(queues, all_of_them, "Run time of attempts, last hour", "Attempts", lambda queue: queue.run),
        ),
    )


def _charts(queue: QueueSnapshot) -> Markup:
    """Of all queues: what ended when, and how late it had begun."""
    well, badly = sum(one.succeeded for one in queue.minutes), sum(one.failures for one in queue.minutes)
    ended = f"{count(well)} succeeded · {count(badly)} failed"
    starts = f"p50 {duration(queue.wait.p50)} · p95 {duration(queue.wait.p95)}"
    return element(
        "div",
        _chart("Finished per minute", ended, per_minute(queue.minutes) if well or badly else None),
        _chart("Time from due to start", starts, histogram(queue.wait) if queue.wait.count else None),
        class_="charts",
    )


def _chart(heading: str, note: str, drawing: Markup | None) -> Markup:
    title = element("h2", heading, " ", element("span", note if drawing else "last hour", class_="note"))
    return element("section", title, drawing or element("p", "None in the last hour.", class_="empty"))


def _headline(queue: QueueSnapshot) -> Markup:
    oldest = f"oldest {duration(queue.latency)}" if queue.waiting else "nothing is late"
    starts = f"p99 {duration(queue.wait.p99)}" if queue.wait.count else "none in the last hour"
    figures = (
        ("Waiting", count(queue.waiting, more=queue.waiting_more), oldest),
        ("Running", count(queue.running), f"of {counted(queue.slots, 'slot', 'slots')}"),
        ("Scheduled", count(queue.scheduled, more=queue.scheduled_more), f"{count(queue.retrying)} retrying"),
        ("Held", count(queue.held), "can't begin now" if queue.held else "nothing is stuck"),
        ("Failed jobs", count(queue.failed), f"of {count(queue.enqueued)} ever"),
        ("Due to start, p95", duration(queue.wait.p95), starts),
    )
    return element(
        "dl",
        [
            element("div", element("dt", name), element("dd", figure, class_="figure"), element("dd", note))
            for name, figure, note in figures
        ],
        class_="headline",
    )


def _longest(snapshot: Snapshot, place: Place) -> Content:
    rows = [
        element(
            "tr",
            element("th", job_link(job.id, place), scope="row"),
            element("td", named(job.name)),
            element("td", named(job.queue)),
            number_cell(duration(max(snapshot.as_of - (job.started_at or 0), 0) / 1000)),
            element(
                "td",
                f"attempt {job.attempt} of {job.policy.max_attempts}",
                (" · ", how_far(job.progress)) if job.progress else None,
            ),
        )
        for job in snapshot.longest
    ]
    heads = [element("th", head, scope="col") for head in ("Job", "Task", "Queue")]
    heads += [element("th", "Runs for", scope="col", class_="number"), element("th", "How far", scope="col")]
    return table_of("Longest running", heads, rows) if rows else None


def _paused_tasks(tasks: Mapping[str, Pause], place: Place) -> Content:
    if not tasks:
        return None
    rows = [
        element(
            "tr",
            element("th", named(task), scope="row"),
            element("td", "❚❚ ", paused(pause)),
            buttons_cell(place, button(place, "resume-task", "stats", f"task {task}", task=task)),
        )
        for task, pause in tasks.items()
    ]
    return table_of("Paused tasks", [element("th", head, scope="col") for head in ("Task", "State", *do_head(place))], rows)


def _glossary() -> Markup:
    terms = [(element("dt", term), element("dd", meaning)) for term, meaning in _GLOSSARY]
    return element("details", element("summary", "What the numbers mean"), element("dl", terms, class_="glossary"))
