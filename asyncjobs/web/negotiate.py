"""Which of the two faces a client gets: the page, or the JSON."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from starlette.requests import Request

_Q = re.compile(r"\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*", re.IGNORECASE)


class Face(StrEnum):
    """How an answer is shown; the values are those of `?format=`."""

    HTML = "html"
    JSON = "json"


class _Liking(NamedTuple):
    """How much a client wants a media type, and how exactly it named it: 2 the type, 1 `text/*`, 0 `*/*`; -1 not at all."""

    quality: float
    exactness: int


def face(request: Request) -> Face:
    """The page for who asks for text/html above JSON, as browsers do; JSON for everyone else. `?format=` decides over both."""
    wanted = request.query_params.get("format", "")
    if wanted in (Face.HTML, Face.JSON):
        return Face(wanted)
    accept = ",".join(request.headers.getlist("accept"))
    page, data = _liking(accept, "text/html"), _liking(accept, "application/json")
    return Face.HTML if page.quality > 0 and page > data else Face.JSON


def _liking(accept: str, media: str) -> _Liking:
    """RFC 9110 §12.5.1: the most exact range that covers the type gives its quality. Parameters other than q are ignored."""
    ranges = {media: 2, media.partition("/")[0] + "/*": 1, "*/*": 0}
    best = _Liking(0.0, -1)
    for part in accept.split(","):
        name, *parameters = part.split(";")
        exactness = ranges.get(name.strip().lower(), -1)
        if exactness > best.exactness:
            best = _Liking(_quality(parameters), exactness)
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if match := _Q.fullmatch(parameter):
            return min(float(match[1]), 1.0)
    return 1.0
