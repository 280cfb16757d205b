"""The JSON answers, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from starlette.responses import Response

from asyncjobs.explain import Explanation
from asyncjobs.job import Job
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import Act, Page
from asyncjobs.web.acting import Done
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.present import Fields, presented, presented_acts, presented_error, presented_unreadable
from asyncjobs.web.present_job import presented_job, presented_page
from asyncjobs.web.redact import Redaction


def stats_json(snapshot: Snapshot) -> Response:
    return _answer(presented(snapshot), 200)


def job_list_json(page: Page, now: int, redaction: Redaction) -> Response:
    return _answer(presented_page(page, now, redaction), 200)


def job_json(job: Job, why: Explanation | None, now: int, redaction: Redaction) -> Response:
    return _answer(presented_job(job, why, now, redaction), 200)


def act_json(done: Done) -> Response:
    return _answer({"did": done.verb, "target": done.target, "count": done.count}, 200)


def acts_json(acts: Sequence[Act]) -> Response:
    return _answer(presented_acts(acts), 200)


def unreadable_json(reading: Unreadable, problems: Mapping[str, str]) -> Response:
    return _answer(presented_unreadable(reading, problems), 503)


def error_json(status: int, code: str, message: str) -> Response:
    return _answer(presented_error(code, message), status)


def _answer(fields: Fields, status: int) -> Response:
    # ASCII, so that a lone surrogate in a name is carried too; no NaN, which is not JSON.
    body = json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n"
    return Response(body, status, media_type="application/json")
