"""What handlers of a web app share: an answer when jobs can't be taken now, and an id for requests that are sent twice."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from asyncjobs.errors import ArgumentError, QueueFull

RETRY_AFTER = 10  # seconds that a client is asked to wait
_TEXT = r"[\x21\x23-\x7e]{1,255}"  # printable ASCII
_KEY = re.compile(rf'"({_TEXT})"|({_TEXT})')  # the draft's quotation marks may be left out


async def unavailable(request: Request, error: Exception) -> Response:
    """503 with Retry-After and a sentence for the client: `app.add_exception_handler(QueueFull, unavailable)`, StoreUnavailable likewise."""
    what = (
        f"The queue {' or '.join(map(repr, error.queues))} is full" if isinstance(error, QueueFull) else "This can't be taken now"
    )
    detail = f"{what}; try again in {RETRY_AFTER} seconds."
    return JSONResponse({"detail": detail}, 503, headers={"Retry-After": str(RETRY_AFTER)})


def idempotency_id(request: Request, *, scope: str | int | UUID = "") -> str | None:
    """A job's id from the request's `Idempotency-Key`, the same when the request is sent again; None where it has none.

    `await task.options(id=idempotency_id(request, scope=user.id)).enqueue(...)`. The id is a digest of method, path, scope and key, so that
    no client can name another's job; scope: whoever sends it, where keys of several clients could be alike.
    Raises HTTPException 400 for a header that can't be one (draft-ietf-httpapi-idempotency-key-header: a quoted text), ArgumentError for such a scope.
    """
    if isinstance(scope, bool) or not isinstance(scope, (str, int, UUID)):
        raise ArgumentError(
            f"scope={scope!r}: give a text, a whole number or a UUID that says who sends the request, e.g. scope=user.id"
        )
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    found = _KEY.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None:
        raise HTTPException(
            400,
            "Idempotency-Key: send one, a text of 1 to 255 printable ASCII characters in quotation marks, for example a UUID.",
        )
    facts = "\0".join((request.method, request.url.path, str(scope), found[1] or found[2]))
    return "idempotent-" + hashlib.sha256(facts.encode()).hexdigest()[:40]
