"""The overview: the numbers of the JSON in words, for a browser without script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from asyncjobs.diagnose import Finding, Rule, Severity
from asyncjobs.histogram import BOUNDS
from asyncjobs.job import State
from asyncjobs.pause import Pause
from asyncjobs.schedule import LATE, Schedule
from asyncjobs.stats import Durations, ProcessSnapshot, QueueSnapshot, Snapshot
from asyncjobs.store.base import COUNT_LIMIT, FailureGroup
from asyncjobs.vitals import FAILURES
from asyncjobs.web.access import MOUNT_LINE, Visitor
from asyncjobs.web.act_pages import button
from asyncjobs.web.chart import bars, histogram, per_minute, share, spark, step
from asyncjobs.web.job_list import how_far, job_link
from asyncjobs.web.layout import (
    LIVE,
    TITLE,
    Place,
    Section,
    box,
    code_block,
    document,
    moment,
    named,
    number_cell,
    paused,
    table_of,
)
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present import presented, total
from asyncjobs.web.view import NumbersView, Visit
from asyncjobs.web.words import NOTHING, clock, count, counted, date, duration, iso, when

_SHAPES = {Severity.WARN: "▲", Severity.BAD: "✕"}  # so that colour is not the only sign

GROUPS = 10  # of failed jobs that are shown
SAID = 200  # characters of what an error said
_RANKS = {Severity.BAD: 0, Severity.WARN: 1}
_WORDS = {  # of a queue, where the rule's own name says less
    Rule.NO_WORKER: "nobody works it",
    Rule.SLOWER: "behind",
    Rule.MORE_ARRIVE: "behind",
    Rule.TOO_FEW_SLOTS: "behind",
    Rule.GLOBAL_LIMIT: "at its limit",
    Rule.RATE: "at its rate",
    Rule.MANY_FAIL: "failing",
}

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
        _failures(snapshot, place),
        _longest(snapshot, place),
        _paused_tasks(snapshot.paused_tasks, place),
        _schedules(snapshot, place),
        _processes(snapshot.processes),
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
            "li", element("span", _SHAPES[one.severity], class_=one.severity.value, aria_hidden="true"), " ", named(one.sentence)
        )
        for one in findings
    ]
    worst = Severity.BAD if any(one.severity is Severity.BAD for one in findings) else Severity.WARN
    heading = f"{_SHAPES[worst]} {counted(len(findings), 'thing needs', 'things need')} attention"
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
        return (empty, line, _depth(queues, total(queues), findings, place) if queues else None)
    all_of_them = total(queues)
    return (
        _headline(all_of_them),
        _charts(all_of_them),
        _depth(queues, all_of_them, findings, place),
        element(
            "details",
            element("summary", "More about the queues"),
            _ever(queues, all_of_them),
            _each_minute(all_of_them),
            _durations(queues, all_of_them, "Time from due to start, last hour", "Starts", lambda queue: queue.wait),
            _durations(queues, all_of_them, "Run time of attempts, last hour", "Attempts", lambda queue: queue.run),
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


def _depth(queues: Sequence[QueueSnapshot], all_of_them: QueueSnapshot, findings: Sequence[Finding], place: Place) -> Markup:
    """Worst first."""
    wrong = {finding.queue: finding for finding in findings if finding.queue is not None}

    def cells(queue: QueueSnapshot) -> Content:
        return (
            element("td", _state(queue, wrong.get(queue.name)) if queue.name else None),
            element("td", share(queue.running, queue.slots), f"{count(queue.running)} / {count(queue.slots)}", class_="number"),
            number_cell(count(queue.waiting, more=queue.waiting_more)),
            number_cell(duration(queue.latency) if queue.waiting else NOTHING),
            number_cell(count(queue.scheduled, more=queue.scheduled_more)),
            number_cell(count(queue.retrying)),
            number_cell(count(queue.held), warn=queue.held > 0),
            number_cell(duration(queue.wait.p95)),
            element(
                "td",
                spark(queue.minutes) if any(one.succeeded or one.failures for one in queue.minutes) else NOTHING,
                class_="number",
            ),
            _buttons(place, *_queue_buttons(queue, place)),
        )

    def worst(queue: QueueSnapshot) -> tuple[int, float, str]:
        finding = wrong.get(queue.name)
        return (_RANKS[finding.severity] if finding else len(_RANKS), -queue.latency, queue.name)

    heads = (
        "Running / slots",
        "Waiting",
        "Oldest waiting",
        "Scheduled",
        "Retrying",
        "Held",
        "Start p95",
        "Finished, last hour",
        *_do(place),
    )
    return _by_queue("Queues", heads, sorted(queues, key=worst), all_of_them, cells, "State")


def _queue_buttons(queue: QueueSnapshot, place: Place) -> Iterator[Content]:
    if queue.name:
        for verb in ("limits", "resume" if queue.pause else "pause"):
            yield button(place, verb, "stats", f"queue {queue.name}", queue=queue.name)


def _state(queue: QueueSnapshot, finding: Finding | None) -> Content:
    if queue.pause:
        return element("span", "❚❚ paused", class_="muted")
    if finding is None:
        busy = queue.running or queue.waiting
        return element("span", "● keeping up", class_="ok") if busy else element("span", "○ idle", class_="muted")
    return element(
        "span", f"{_SHAPES[finding.severity]} {_WORDS.get(finding.rule, finding.rule.value)}", class_=finding.severity.value
    )


def _ever(queues: Sequence[QueueSnapshot], all_of_them: QueueSnapshot) -> Markup:
    def cells(queue: QueueSnapshot) -> Content:
        return (
            number_cell(count(queue.enqueued)),
            number_cell(count(queue.processed)),
            number_cell(count(queue.succeeded)),
            number_cell(count(queue.failures)),
            number_cell(count(queue.failed)),
            number_cell(count(queue.cancelled)),
        )

    heads = ("Enqueued", "Processed", "Succeeded", "Failures", "Failed jobs", "Cancelled")
    return _by_queue("Since the store was made", heads, queues, all_of_them, cells)


def _each_minute(all_of_them: QueueSnapshot) -> Content:
    rows = [
        element(
            "tr", element("th", clock(one.at), scope="row"), number_cell(count(one.succeeded)), number_cell(count(one.failures))
        )
        for one in all_of_them.minutes
        if one.succeeded or one.failures
    ]
    heads = (
        element("th", "UTC", scope="col"),
        [element("th", head, scope="col", class_="number") for head in ("Succeeded", "Failed")],
    )
    table = table_of("Finished in each minute of the last hour", heads, rows)
    return element("details", element("summary", "Minute by minute"), table) if rows else None


def _durations(
    queues: Sequence[QueueSnapshot],
    all_of_them: QueueSnapshot,
    caption: str,
    counts: str,
    of: Callable[[QueueSnapshot], Durations],
) -> Content:
    def cells(queue: QueueSnapshot) -> Content:
        durations = of(queue)
        return (
            number_cell(count(durations.count)),
            number_cell(duration(durations.p50)),
            number_cell(duration(durations.p95)),
            number_cell(duration(durations.p99)),
            element("td", bars(durations) if durations.count else NOTHING, class_="number"),
        )

    if not of(all_of_them).count:
        return element("section", element("h2", caption), element("p", "None.", class_="empty"))
    shortest, longest = duration(BOUNDS[0] / 1000), duration(BOUNDS[-1] / 1000)
    heads = (counts, "p50", "p95", "p99", f"From {shortest} to over {longest}")
    return (_by_queue(caption, heads, queues, all_of_them, cells), _steps(queues, caption, of))


def _steps(queues: Sequence[QueueSnapshot], caption: str, of: Callable[[QueueSnapshot], Durations]) -> Markup:
    """Every count of the histograms, as a table that is folded away."""
    shown = [queue for queue in queues if of(queue).count]
    buckets = [bucket for queue in shown for bucket, number in of(queue).histogram.items() if number]
    rows = [
        element(
            "tr",
            element("th", step(bucket), scope="row"),
            [number_cell(count(of(queue).histogram.get(bucket, 0))) for queue in shown],
        )
        for bucket in range(min(buckets), max(buckets) + 1)
    ]
    heads = [element("th", named(queue.name), scope="col", class_="number") for queue in shown]
    table = table_of(f"{caption}: every step", (element("th", "Took", scope="col"), heads), rows)
    return element("details", element("summary", "Every step in numbers"), table)


def _buttons(place: Place, *buttons: Content) -> Content:
    """A cell of them, for who may act."""
    return element("td", element("div", buttons, class_="buttons")) if place.acts else None


def _do(place: Place) -> tuple[str, ...]:
    """The head of the column with buttons, where there is one."""
    return ("Do",) if place.acts else ()


def _failures(snapshot: Snapshot, place: Place) -> Content:
    groups = snapshot.failures
    if not groups:
        return None
    heads = [element("th", head, scope="col") for head in ("Error", "Task")]
    heads += [element("th", "Jobs", scope="col", class_="number")]
    heads += [element("th", head, scope="col") for head in ("First", "Last", *_do(place))]
    rows = [element("tr", _group(group, place)) for group in groups[:GROUPS]]
    most = f" of the last {count(FAILURES)}" if sum(group.count for group in groups) >= FAILURES else ""
    rest = (
        f"; {counted(len(groups) - GROUPS, 'smaller group is', 'smaller groups are')} in the JSON" if len(groups) > GROUPS else ""
    )
    return table_of(f"Jobs that failed for good{most}, by error and task{rest}", heads, rows)


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
        _buttons(place, *(_group_button(place, verb, group) for verb in ("retry-matching", "discard-matching") if group.error)),
    )


def _group_button(place: Place, verb: str, group: FailureGroup) -> Content:
    about = f"{group.error} of {group.task}"
    return button(place, verb, "stats", about, state=State.FAILED.value, task=group.task, error=group.error)


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


def _schedules(snapshot: Snapshot, place: Place) -> Content:
    schedules = snapshot.schedules
    if not schedules:
        return None
    heads = [element("th", head, scope="col") for head in ("Schedule", "When", "Next", "Last", "Enqueues", *_do(place))]
    rows = [
        element(
            "tr",
            element("th", named(schedule.name), _schedule_marks(schedule, snapshot), scope="row"),
            element("td", when(schedule)),
            element("td", paused(schedule.paused) if schedule.paused else moment(schedule.next_at, "never again")),
            element("td", moment(schedule.last_at, "not yet")),
            element("td", named(schedule.job.name), " on ", named(schedule.job.queue)),
            _buttons(place, *_schedule_buttons(schedule, place)),
        )
        for schedule in schedules
    ]
    return table_of("Schedules", heads, rows)


def _schedule_buttons(schedule: Schedule, place: Place) -> Iterator[Content]:
    for verb in ("run-schedule", "edit-schedule", "resume-schedule" if schedule.paused else "pause-schedule"):
        yield button(place, verb, "stats", f"schedule {schedule.name}", schedule=schedule.name)


def _schedule_marks(schedule: Schedule, snapshot: Snapshot) -> Content:
    if schedule.paused:
        return element("span", "❚❚ paused", class_="mark")
    if schedule.name in snapshot.undeclared:
        return element("span", "not in this process's code: does not fire here", class_="mark")
    if schedule.next_at is not None and schedule.next_at < snapshot.as_of - LATE:
        return element("span", "▲ late: nobody has fired it", class_="mark warn")
    return None


def _paused_tasks(tasks: Mapping[str, Pause], place: Place) -> Content:
    if not tasks:
        return None
    rows = [
        element(
            "tr",
            element("th", named(task), scope="row"),
            element("td", "❚❚ ", paused(pause)),
            _buttons(place, button(place, "resume-task", "stats", f"task {task}", task=task)),
        )
        for task, pause in tasks.items()
    ]
    return table_of("Paused tasks", [element("th", head, scope="col") for head in ("Task", "State", *_do(place))], rows)


def _processes(processes: Sequence[ProcessSnapshot]) -> Markup:
    if not processes:
        return element("section", element("h2", "Processes"), element("p", "No process is registered.", class_="empty"))
    heads = [element("th", head, scope="col") for head in ("Process", "State", "Running / slots", "Started", "Version")]
    rows = [
        element(
            "tr",
            element("th", named(f"{process.host}:{process.pid}"), " (this one)" if process.this else None, scope="row"),
            element(
                "td", "● alive" if process.alive else "✕ gone; its jobs are taken over", class_=None if process.alive else "warn"
            ),
            element("td", _taken(process)),
            element("td", element("time", date(process.started_at), datetime=iso(process.started_at))),
            element("td", process.version),
        )
        for process in processes
    ]
    return table_of("Processes", heads, rows)


def _taken(process: ProcessSnapshot) -> Content:
    names = sorted({*process.slots, *process.busy})
    if not names:
        return "works no queue, only enqueues"
    taken = [(named(name), f" {count(process.busy.get(name, 0))} / {count(process.slots.get(name, 0))}") for name in names]
    return [(", " if place else None, one) for place, one in enumerate(taken)]


def _glossary() -> Markup:
    terms = [(element("dt", term), element("dd", meaning)) for term, meaning in _GLOSSARY]
    return element("details", element("summary", "What the numbers mean"), element("dl", terms, class_="glossary"))


def _by_queue(
    caption: str,
    heads: Sequence[str],
    queues: Sequence[QueueSnapshot],
    all_of_them: QueueSnapshot,
    cells: Callable[[QueueSnapshot], Content],
    *words: str,
) -> Markup:
    """A table with a row for each queue, and one for all of them when they are several. words: heads of columns that hold no numbers, first."""
    rows = [element("tr", element("th", named(queue.name), _marks(queue), scope="row"), cells(queue)) for queue in queues]
    foot = element("tr", element("th", "All queues", scope="row"), cells(all_of_them)) if len(queues) > 1 else None
    titles = [
        *(element("th", word, scope="col") for word in words),
        *(element("th", head, scope="col", class_="number") for head in heads),
    ]
    return table_of(caption, (element("th", "Queue", scope="col"), titles), rows, foot)


def _marks(queue: QueueSnapshot) -> Content:
    return (
        element("span", "❚❚ ", paused(queue.pause), class_="mark") if queue.pause else None,
        element("span", "▲ no process works it", class_="mark warn") if not queue.slots else None,
        element("span", f"{queue.limits.at_once} at once", class_="mark") if queue.limits.at_once is not None else None,
        element("span", f"{queue.limits.rate}", class_="mark") if queue.limits.rate is not None else None,
        element("span", f"{count(queue.max_waiting)} queued at most", class_="mark") if queue.max_waiting is not None else None,
    )
