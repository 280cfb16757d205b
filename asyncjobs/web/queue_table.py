"""The queues in tables: how deep they are, what came of their jobs, how long these waited and took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from asyncjobs.diagnose import Finding, Rule, Severity
from asyncjobs.histogram import BOUNDS
from asyncjobs.stats import Durations, QueueSnapshot
from asyncjobs.web.act_pages import button, buttons_cell, do_head
from asyncjobs.web.chart import bars, share, spark, step
from asyncjobs.web.layout import Place, named, number_cell, paused, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.words import NOTHING, clock, count, duration

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
SEVERITY_SHAPES = {Severity.WARN: "▲", Severity.BAD: "✕"}  # so that colour is not the only sign


def depth_table(queues: Sequence[QueueSnapshot], all_of_them: QueueSnapshot, findings: Sequence[Finding], place: Place) -> Markup:
    """Worst first."""
    place = place.only("limits", "pause", "resume")
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
            buttons_cell(place, *queue_buttons(queue, place)),
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
        *do_head(place),
    )
    return _by_queue(place, "Queues", heads, sorted(queues, key=worst), all_of_them, cells, "State")


def details(queues: Sequence[QueueSnapshot], all_of_them: QueueSnapshot, place: Place) -> Markup:
    """All the rest that is known of them, folded away."""
    return element(
        "details",
        element("summary", "More in numbers"),
        _ever(queues, all_of_them, place),
        _minutes(all_of_them),
        _durations(queues, all_of_them, "Time from due to start, last hour", "Starts", lambda queue: queue.wait, place),
        _durations(queues, all_of_them, "Run time of attempts, last hour", "Attempts", lambda queue: queue.run, place),
    )


def finding_line(finding: Finding) -> Markup:
    mark = element("span", SEVERITY_SHAPES[finding.severity], class_=finding.severity.value, aria_hidden="true")
    return element("li", mark, " ", named(finding.sentence))


def queue_buttons(queue: QueueSnapshot, place: Place) -> Iterator[Content]:
    if queue.name:
        for verb in (*(["limits"] if queue.configured else []), "resume" if queue.pause else "pause"):
            yield button(place, verb, f"queue {queue.name}", queue=queue.name)


def _state(queue: QueueSnapshot, finding: Finding | None) -> Content:
    if queue.pause:
        return element("span", "❚❚ paused", class_="muted")
    if finding is None and not queue.slots:  # what runs in it is a dead process's
        return element("span", "○ not worked", class_="muted")
    if finding is None:
        busy = queue.running or queue.waiting
        return element("span", "● keeping up", class_="ok") if busy else element("span", "○ idle", class_="muted")
    return element(
        "span",
        f"{SEVERITY_SHAPES[finding.severity]} {_WORDS.get(finding.rule, finding.rule.value)}",
        class_=finding.severity.value,
    )


def _ever(queues: Sequence[QueueSnapshot], all_of_them: QueueSnapshot, place: Place) -> Markup:
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
    return _by_queue(place, "Since the store was made", heads, queues, all_of_them, cells)


def _minutes(all_of_them: QueueSnapshot) -> Content:
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
    place: Place,
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
    return (_by_queue(place, caption, heads, queues, all_of_them, cells), _steps(queues, caption, of))


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


def queue_link(name: str, place: Place) -> Markup:
    return place.link("stats/queue", named(name), query={"name": name})


def _by_queue(
    place: Place,
    caption: str,
    heads: Sequence[str],
    queues: Sequence[QueueSnapshot],
    all_of_them: QueueSnapshot,
    cells: Callable[[QueueSnapshot], Content],
    *words: str,
) -> Markup:
    """A table with a row for each queue, and one for all of them when they are several. words: heads of columns that hold no numbers, first."""
    rows = [
        element("tr", element("th", queue_link(queue.name, place), _marks(queue), scope="row"), cells(queue)) for queue in queues
    ]
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
