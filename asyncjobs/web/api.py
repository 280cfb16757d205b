"""The JSON answers, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from asyncjobs.web.acting import Done
from asyncjobs.web.latest import Unreadable
from asyncjobs.web.present import Fields, presented_error, presented_unreadable


def answer_json(fields: Fields) -> Response:
    return _answer(fields, 200)


def act_json(done: Done) -> Response:
    return _answer({"did": done.verb, "target": done.target, "count": done.count, "more": done.more}, 200)


def unreadable_json(reading: Unreadable, problems: Mapping[str, str]) -> Response:
    return _answer(presented_unreadable(reading, problems), 503)


def error_json(status: int, code: str, message: str) -> Response:
    return _answer(presented_error(code, message), status)


def _answer(fields: Fields, status: int) -> Response:
    # ASCII, so that a lone surrogate in a name is carried too; no NaN, which is not JSON.
    body = json.dumps(fields, allow_nan=False, separators=(",", ":")) + "\n"
    return Response(body, status, media_type="application/json")
