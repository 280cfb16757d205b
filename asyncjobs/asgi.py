"""What handlers of a web app share: an answer when jobs can't be taken now, and an id for requests that are sent twice."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from asyncjobs.errors import ArgumentError

RETRY_AFTER = 10  # seconds that a client is asked to wait
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')  # printable ASCII; the draft's quotation marks may be left out


async def unavailable(request: Request, error: Exception) -> Response:
    """503 with Retry-After and the error's sentence: `app.add_exception_handler(QueueFull, unavailable)`, StoreUnavailable likewise."""
    return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": str(RETRY_AFTER)})


def idempotency_id(request: Request, *, scope: str = "") -> str | None:
    """A job's id from the request's `Idempotency-Key`, the same when the request is sent again; None where it has none.

    `await task.options(id=idempotency_id(request, scope=user.id)).enqueue(...)`. The id is a digest of method, path, scope and key, so that
    no client can name another's job; scope: whoever sends it, where keys of several clients could be alike.
    Raises ArgumentError for a header that can't be one (draft-ietf-httpapi-idempotency-key-header: a quoted text).
    """
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    found = _KEY.fullmatch(given.strip())
    if found is None:
        raise ArgumentError("Idempotency-Key: give a quoted text of 1 to 255 printable ASCII characters, a UUID for example")
    facts = "\0".join((request.method, request.url.path, scope, found[1]))
    return "idempotent-" + hashlib.sha256(facts.encode()).hexdigest()[:40]
