"""Answers that are sent again only when they have changed."""

from __future__ import annotations

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response


def unless_known(request: Request, response: Response, mark: str | None = None) -> Response:
    """This response with an ETag; or 304, without a body, where the client has it already.

    mark: what it depends on, where that is not its whole body: the time of day, which stands in it, changes nothing by itself.
    """
    body = bytes(response.body) if mark is None else mark.encode()
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(status_code=304, headers={"ETag": tag, "Vary": "Accept"})
    response.headers["ETag"] = tag
    return response
