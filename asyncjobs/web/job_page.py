"""One job: what it is, why it doesn't run, what became of each attempt."""

from __future__ import annotations

import json
from collections.abc import Iterator

from asyncjobs.explain import Explanation
from asyncjobs.job import AttemptRecord, Error, Job, State
from asyncjobs.record import record
from asyncjobs.web.act_pages import button
from asyncjobs.web.job_list import how_far, job_link, state_mark
from asyncjobs.web.layout import Place, Section, code_block, document, moment, named, number_cell, table_of
from asyncjobs.web.markup import Content, Markup, element
from asyncjobs.web.present_job import obstacles, presented_job
from asyncjobs.web.source import Source
from asyncjobs.web.view import Missing, View, Visit
from asyncjobs.web.words import NOTHING, duration, short_date


@record
class Seen:
    """why: it is not running; now: where it is at this moment, None where it doesn't run in this process."""

    job: Job
    why: Explanation | None
    now: str | None


async def _look(source: Source, visit: Visit) -> Seen:
    id = visit.query.get("id", "")
    job = await source.get(id)
    if job is None:
        raise Missing(f"There is no job {id!r}: it was never put in, or has been removed since it ended.")
    return Seen(job, await source.explain(id), source.whereabouts(id) if job.state is State.RUNNING else None)


def _page(seen: Seen, visit: Visit) -> str:
    """All there is to say of it."""
    job, place, redaction = seen.job, visit.place, visit.redaction
    return document(
        place,
        "Job",
        element(
            "p",
            job_link(job.id, place, named(job.id)),
            " of task ",
            element("strong", named(job.name)),
            " · ",
            state_mark(job.view(visit.now)),
        ),
        _buttons(job, place),
        _why(job, seen.why),
        _now(seen),
        element("dl", [element("div", element("dt", name), element("dd", fact)) for name, fact in _facts(job)], class_="facts"),
        _attempts(job),
        _values("Arguments", redaction.arguments(job.args)),
        _values("Result", redaction.of_json(job.result)) if job.result is not None else None,
        _values("Meta", redaction.of_json(job.meta)) if job.meta != "{}" else None,
        title=f"{job.name} · job",
        here=Section.JOBS,
        stays_fresh=True,
    )


JOB_PAGE = View(_look, _page, lambda seen, visit: presented_job(seen.job, seen.why, seen.now, visit.now, visit.redaction))


def _buttons(job: Job, place: Place) -> Content:
    """Those that mean something in its state."""
    about = f"job {job.id}"
    buttons = (
        [button(place, "retry", about, id=job.id), button(place, "discard", about, back=Section.JOBS, id=job.id)]
        if job.state.ended
        else [button(place, "cancel", about, id=job.id)]
    )
    return element("div", buttons, class_="buttons") if place.acts else None


def _why(job: Job, why: Explanation | None) -> Content:
    sentences = obstacles(job, why)
    if not sentences:
        return None
    listed = [element("li", named(one.sentence)) for one in sentences]
    return element("section", element("h2", "Why is it not running?"), element("ul", listed), class_="box")


def _now(seen: Seen) -> Content:
    if seen.job.state is not State.RUNNING:
        return None
    if seen.now is None:
        told: Content = element("p", "It runs in another process, whose page can tell.", class_="empty")
    else:
        told = code_block(seen.now) if seen.now else element("p", "It is just beginning, or at its end.", class_="empty")
    return element("section", element("h2", "Where is it now?"), told)


def _facts(job: Job) -> Iterator[tuple[str, Content]]:
    yield "Queue", named(job.queue)
    yield "Priority", f"{job.priority}"
    yield "Attempts", f"{job.attempt} of {job.policy.max_attempts} begun"
    yield "Put in", moment(job.enqueued_at, NOTHING)
    if job.state is State.QUEUED:
        yield "Due", moment(job.run_at, NOTHING)
    if job.started_at is not None:
        yield "Last start", moment(job.started_at, NOTHING)
    if job.finished_at is not None:
        yield "Ended", moment(job.finished_at, NOTHING)
    if job.expires_at is not None:
        yield "Expires", moment(job.expires_at, NOTHING)
    if job.key is not None:
        yield "Key", named(job.key)
    if job.unique_key is not None:
        yield "Unique key", named(job.unique_key)
    yield "Survives", job.survives
    if job.progress is not None:
        yield "Progress", how_far(job.progress)


def _attempts(job: Job) -> Content:
    if not job.attempts:
        return None
    heads = [element("th", head, scope="col") for head in ("Attempt", "Outcome", "Started")]
    heads += [element("th", "Took", scope="col", class_="number"), element("th", "Error", scope="col")]
    table = table_of("Attempts that have ended", heads, [_attempt(record) for record in job.attempts])
    failed = [record for record in reversed(job.attempts) if record.error is not None and record.error.traceback]
    return (table, [_traceback(record, last=record is failed[0]) for record in failed])


def _attempt(record: AttemptRecord) -> Markup:
    return element(
        "tr",
        element("th", f"{record.number}", scope="row"),
        element("td", record.outcome),
        element("td", moment(record.started_at, NOTHING)),
        number_cell(duration((record.ended_at - record.started_at) / 1000)),
        element("td", _said(record.error), class_="said"),
    )


def _said(error: Error | None) -> Content:
    return None if error is None else (element("strong", named(error.type)), ": ", named(error.message))


def _traceback(record: AttemptRecord, *, last: bool) -> Markup:
    """Of the last one open to see."""
    heading = f"Where attempt {record.number} failed, {short_date(record.ended_at)}" if not last else "Where it failed last"
    traceback = "" if record.error is None else record.error.traceback
    return element("details", element("summary", heading), code_block(traceback), open=last)


def _values(heading: str, values: object) -> Markup:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    return element("section", element("h2", heading), code_block(text))
