"""An app that is nothing but the page, for who has no app to mount it in."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

MOUNTED_AT, PAGE = "/jobs", "/jobs/stats"  # where apps have it, too


def alone(page: ASGIApp) -> ASGIApp:
    """It is at PAGE, and whoever asks for the server alone is led there."""

    async def lead(request: Request) -> Response:
        return RedirectResponse(PAGE.removeprefix("/"))

    return Starlette(routes=[Route("/", lead), Mount(MOUNTED_AT, page)])
