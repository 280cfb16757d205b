"""Answers that are sent again only when they have changed (RFC 9110 §13)."""

from __future__ import annotations

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response


def tag_of(mark: str) -> str:
    """The ETag of what changes when `mark` does."""
    return f'W/"{sha256(mark.encode(errors="surrogatepass")).hexdigest()[:32]}"'


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has what this tag names already."""
    return tag in {one.strip() for one in request.headers.get("if-none-match", "").split(",")}


def not_modified(tag: str) -> Response:
    return Response(status_code=304, headers={"ETag": tag, "Vary": "Accept"})
