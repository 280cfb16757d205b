"""The overview: the numbers of the JSON in words, for a browser without script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncjobs.diagnose import Severity
from asyncjobs.pause import Pause
from asyncjobs.stats import ProcessSnapshot, Snapshot
from asyncjobs.store.base import COUNT_LIMIT
from asyncjobs.web.access import MOUNT_LINE, Visitor
from asyncjobs.web.act_pages import button, buttons_cell, do_head
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
from asyncjobs.web.present import presented, presented_past, total
from asyncjobs.web.process_table import taken_over
from asyncjobs.web.queue_figures import charts, headline
from asyncjobs.web.queue_table import (
    SEVERITY_SHAPES,
    depth_table,
    details,
    finding_line,
)
from asyncjobs.web.schedule_table import next_table
from asyncjobs.web.view import NumbersView, Visit
from asyncjobs.web.words import count, counted, date, duration, iso

GROUPS = 10  # of failed jobs that are shown; their own page shows all

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
        _banner(visitor) if snapshot.file is None else _apart(snapshot.file, place),
        _attention(snapshot),
        _queues(snapshot, visit),
        failure_table(snapshot, place, GROUPS),
        _longest(snapshot, place),
        _paused_tasks(snapshot.paused_tasks, place),
        next_table(snapshot, place),
        _processes(snapshot.processes, place),
        _glossary(),
        title=f"({len(snapshot.findings)}) {TITLE}" if snapshot.findings else TITLE,
        footer=element("p", f"asyncjobs {snapshot.version}", name),
        here=Section.OVERVIEW,
        stays_fresh=True,
    )


OVERVIEW = NumbersView(
    _page, lambda snapshot, visit: {**presented(snapshot), **presented_past(visit.past(total(snapshot.queues)))}
)


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


def _apart(file: str, place: Place) -> Markup:
    acts = "What is done here, its processes find within seconds." if place.acts else "Nothing can be changed here."
    return element(
        "p",
        element("code", named(file)),
        f", seen from outside of its app: this page's own process works no queue, and knows no code. {acts}",
        class_="banner",
    )


def _attention(snapshot: Snapshot) -> Markup:
    """What is wrong, in words; or that nothing is, and how one can tell."""
    findings = snapshot.findings
    if not findings:
        if not any(process.alive and process.slots for process in snapshot.processes):
            return element("p", "○ Nothing waits, and no process works a queue now.", _pace(snapshot))
        return element("p", element("span", "●", class_="ok", aria_hidden="true"), " Everything is keeping up.", _pace(snapshot))
    listed = [finding_line(one) for one in findings]
    worst = Severity.BAD if any(one.severity is Severity.BAD for one in findings) else Severity.WARN
    heading = f"{SEVERITY_SHAPES[worst]} {counted(len(findings), 'thing needs', 'things need')} attention"
    return box(worst.value, heading, element("ul", listed))


def _pace(snapshot: Snapshot) -> str | None:
    every = total(snapshot.queues)
    if not every.run.count:
        return None
    slowest = f"; 99 % started within {duration(every.wait.p99)} of their time" if every.wait.count else ""
    return f" {counted(every.run.count, 'attempt', 'attempts')} ended in the last hour{slowest}."


def _queues(snapshot: Snapshot, visit: Visit) -> Content:
    queues, findings, place = snapshot.queues, snapshot.findings, visit.place
    if not any(queue.enqueued for queue in queues):
        empty = element("p", "No queue has had a job yet. The first one is one line away: ", class_="empty")
        line = code_block("await jobs.enqueue(send_welcome, user_id=user_id)")
        return (empty, line, depth_table(queues, total(queues), findings, place) if queues else None)
    all_of_them = total(queues)
    return (
        headline(all_of_them, place),
        charts(all_of_them, visit),
        depth_table(queues, all_of_them, findings, place),
        details(queues, all_of_them, place),
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
    place = place.only("resume-task")
    rows = [
        element(
            "tr",
            element("th", named(task), scope="row"),
            element("td", "❚❚ ", paused(pause)),
            buttons_cell(place, button(place, "resume-task", f"task {task}", task=task)),
        )
        for task, pause in tasks.items()
    ]
    return table_of("Paused tasks", [element("th", head, scope="col") for head in ("Task", "State", *do_head(place))], rows)


def _processes(processes: Sequence[ProcessSnapshot], place: Place) -> Markup:
    """In a line: the page of them says more."""
    alive = sum(process.alive for process in processes)
    gone = len(processes) - alive
    told = f"{counted(alive, 'process works', 'processes work')} this store" + (
        f"; {count(gone)} gone, whose jobs {taken_over(processes)}" if gone else ""
    )
    return element("p", place.link(Section.PROCESSES, told), class_="turn")


def _glossary() -> Markup:
    terms = [(element("dt", term), element("dd", meaning)) for term, meaning in _GLOSSARY]
    return element("details", element("summary", "What the numbers mean"), element("dl", terms, class_="glossary"))
