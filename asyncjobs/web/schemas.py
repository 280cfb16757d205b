"""What the JSON of each page is, as JSON Schema (2020-12, OpenAPI 3.1): exact where the names are ours, open where they are users'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from asyncjobs.diagnose import Rule, Severity
from asyncjobs.explain import Reason
from asyncjobs.job import State
from asyncjobs.web.job_list import SHAPES
from asyncjobs.web.span import HOUR, SPANS

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
YES_NO: Schema = {"type": "boolean"}
SECONDS: Schema = {"type": "number", "minimum": 0}
ANYTHING: Schema = {}
MOMENT: Schema = {"type": "string", "format": "date-time"}


def fields(*parts: Mapping[str, Schema], also: Mapping[str, Schema] | None = None, **more: Schema) -> Schema:
    """An object of these, and no others. also: those that needn't be there."""
    known: dict[str, Schema] = {name: schema for part in parts for name, schema in part.items()} | more
    return {"type": "object", "required": sorted(known), "properties": {**known, **(also or {})}, "additionalProperties": False}


def each(schema: Schema) -> Schema:
    """Any name → this."""
    return {"type": "object", "additionalProperties": schema}


def several(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def maybe(schema: Schema) -> Schema:
    """This, or null."""
    return (
        {**schema, "type": [schema["type"], "null"]}
        if isinstance(schema.get("type"), str) and "enum" not in schema
        else {"anyOf": [schema, {"type": "null"}]}
    )


def one_of(words: Any) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def moment(name: str, *, null: bool = True) -> dict[str, Schema]:
    at, ms = MOMENT, {"type": "integer"}
    return {name: maybe(at), f"{name}_ms": maybe(ms)} if null else {name: at, f"{name}_ms": ms}


_STEPS = several(fields(at_ms={"type": "integer"}, succeeded=COUNT, failures=COUNT))
_DURATIONS = fields(
    count=COUNT,
    p50=maybe(SECONDS),
    p95=maybe(SECONDS),
    p99=maybe(SECONDS),
    histogram=several(fields(le=maybe(SECONDS), count=COUNT)),
)
_PAUSE = fields(moment("since", null=False), by=TEXT, why=TEXT)
_AS_OF = moment("as_of", null=False)
_NUMBERS: dict[str, Schema] = {
    **dict.fromkeys(
        (
            "enqueued", "processed", "succeeded", "failures", "failed", "dead", "cancelled", "waiting", "busy", "scheduled", "retries", "held",
            "slots",
        ),
        COUNT,
    ),
    "waiting_more": YES_NO, "scheduled_more": YES_NO, "latency": SECONDS, "wait": _DURATIONS, "run": _DURATIONS, "minutes": _STEPS,
}  # fmt: skip
_QUEUE: dict[str, Schema] = {
    **_NUMBERS, "paused": YES_NO, "pause": maybe(_PAUSE), "global_limit": maybe(COUNT), "rate": maybe(SECONDS), "burst": maybe(COUNT),
    "max_waiting": maybe(COUNT), "configured": YES_NO,
}  # fmt: skip
_QUEUES = each(fields(_QUEUE))
_CONDITION = fields(moment("at", null=False), lag=SECONDS, memory=maybe(COUNT), python=TEXT)
_PROCESSES = several(
    fields(
        moment("started_at", null=False), id=TEXT, pid=COUNT, host=TEXT, version=TEXT, alive=YES_NO, this=YES_NO, slots=each(COUNT),
        busy=each(COUNT), condition=maybe(_CONDITION),
    )
)  # fmt: skip
_SCHEDULE: dict[str, Schema] = {
    "name": TEXT, "task": TEXT, "queue": TEXT, "when": TEXT, **moment("next_at"), **moment("last_at"), "last_job": maybe(TEXT), "fired": COUNT,
    "paused": maybe(_PAUSE),
}  # fmt: skip
_TIMES: dict[str, Schema] = {"words": TEXT, "next_times": several(MOMENT)}
_FINDINGS = several(
    fields(rule=one_of(Rule), severity=one_of(Severity), queue=maybe(TEXT), sentence=TEXT, evidence=each(ANYTHING))
)
_GROUPS = several(
    fields(moment("first_at", null=False), moment("last_at", null=False), task=TEXT, error=TEXT, jobs=COUNT, message=TEXT)
)
_PAST = {
    "past": maybe(fields(range=one_of(SPANS), step=COUNT, steps=_STEPS, wait=_DURATIONS, run=_DURATIONS)),
    "past_error": TEXT,
}
_ERROR = fields(type=TEXT, message=TEXT)
_WHOLE_ERROR = fields(type=TEXT, message=TEXT, traceback=TEXT)
_JOB: dict[str, Schema] = {
    "id": TEXT, "task": TEXT, "queue": TEXT, "state": one_of(State), "view": one_of(SHAPES), "priority": COUNT, "attempt": COUNT,
    "max_attempts": COUNT, **moment("enqueued_at", null=False), **moment("due_at", null=False), **moment("started_at"), **moment("finished_at"),
    **moment("expires_at"), "error": maybe(_ERROR), "key": maybe(TEXT), "unique_key": maybe(TEXT),
    "progress": maybe(fields(done={"type": "number"}, total=maybe({"type": "number"}), note=TEXT)), "arguments": each(ANYTHING),
}  # fmt: skip
_ATTEMPT = fields(
    moment("started_at", null=False),
    moment("ended_at", null=False),
    number=COUNT,
    outcome=TEXT,
    runner=TEXT,
    error=maybe(_WHOLE_ERROR),
)
_CHORE = fields(moment("began_at", null=False), moment("ended_at"), found=several(TEXT), error=maybe(TEXT))
_DECLARED = fields(queue=TEXT, attempts=COUNT, timeout=maybe(SECONDS))

ERROR = fields(error=fields(code=TEXT, message=TEXT), also={"version": TEXT, "healthy": YES_NO, "problems": each(TEXT)})
DONE = fields(did=TEXT, target=TEXT, count=COUNT, more=YES_NO)


class Page(NamedTuple):
    """What a page is about, which names its address may ask for (name → what of it), and its JSON."""

    about: str
    asks: Mapping[str, Schema]
    json: Schema


_RANGE = {"range": {**one_of(SPANS), "default": HOUR.name}}
_NAME: dict[str, Schema] = {"name": TEXT}
_FOUND: dict[str, Schema] = {
    "state": one_of(["", *State]), "queue": TEXT, "task": TEXT, "error": TEXT, "text": TEXT, "argument": TEXT, "since": TEXT, "until": TEXT,
    "after": TEXT,
}  # fmt: skip

PAGES: Mapping[str, Page] = {  # one for each of pages.PAGES
    "stats": Page(
        "All numbers",
        _RANGE,
        fields(
            _NUMBERS, _AS_OF, queues=_QUEUES, processes=_PROCESSES, paused_tasks=each(_PAUSE), unknown_tasks=each(COUNT),
            schedules=several(fields(_SCHEDULE, undeclared=YES_NO)), version=TEXT, healthy=YES_NO, problems=each(TEXT), findings=_FINDINGS,
            groups=_GROUPS, longest=several(fields(moment("started_at"), id=TEXT, task=TEXT, queue=TEXT, attempt=COUNT)), file=maybe(TEXT),
            also=_PAST,
        ),
    ),
    "stats/jobs": Page("Jobs that match, newest first", _FOUND, fields(jobs=several(fields(_JOB)), next=maybe(TEXT))),
    "stats/job": Page(
        "One job",
        {"id": TEXT},
        fields(
            {**_JOB, "error": maybe(_WHOLE_ERROR)}, meta=ANYTHING, result=ANYTHING, survives=one_of(["power", "crash", "nothing"]), runner=maybe(TEXT),
            attempts=several(_ATTEMPT), now=maybe(TEXT), why=several(fields(reason=one_of(Reason), sentence=TEXT)),
        ),
    ),
    "stats/failures": Page("Failed jobs by error and task", {}, fields(_AS_OF, groups=_GROUPS)),
    "stats/queues": Page("All queues", {}, fields(_AS_OF, queues=_QUEUES)),
    "stats/queue": Page("One queue", {**_NAME, **_RANGE}, fields(_QUEUE, _AS_OF, name=TEXT, findings=_FINDINGS, also=_PAST)),
    "stats/tasks": Page(
        "All tasks",
        {},
        fields(
            _AS_OF,
            tasks=several(
                fields(
                    dict.fromkeys(("unknown", "started", "succeeded", "failures", "failed"), COUNT), name=TEXT, declared=maybe(_DECLARED),
                    alive=YES_NO, pause=maybe(_PAUSE), wait=_DURATIONS, run=_DURATIONS,
                )
            ),
        ),
    ),
    "stats/schedules": Page("All schedules", {}, fields(_AS_OF, schedules=several(fields(_SCHEDULE, _TIMES, undeclared=YES_NO)))),
    "stats/schedule": Page(
        "One schedule, with its last runs",
        _NAME,
        fields(
            _SCHEDULE, _TIMES,
            runs=several(
                fields(
                    moment("started_at"), moment("finished_at"), id=TEXT, time=maybe(TEXT), state=one_of(State), view=one_of(SHAPES),
                    took=maybe(SECONDS), error=maybe(TEXT),
                )
            ),
        ),
    ),
    "stats/processes": Page("All processes", {}, fields(_AS_OF, processes=_PROCESSES, problems=each(TEXT))),
    "stats/store": Page(
        "What keeps the jobs",
        {},
        fields(
            dict.fromkeys(("schema", "size", "free", "log", "room", "backup"), maybe(COUNT)), moment("backup_at"), kind=TEXT, path=maybe(TEXT),
            checked=maybe(_CHORE), copied=maybe(_CHORE),
        ),
    ),
    "stats/acts": Page(
        "What was done by hand, newest first",
        {},
        fields(acts=several(fields(moment("at", null=False), who=TEXT, verb=TEXT, target=TEXT, count=COUNT))),
    ),
}  # fmt: skip
