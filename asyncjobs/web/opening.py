"""open_web(): the page, loaded when it is asked for: who only enqueues, or serves none, doesn't pay for it."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp

from asyncjobs.clock import Clock
from asyncjobs.web.auth import Auth
from asyncjobs.web.source import Source


def open_web(source: Source, *, auth: Auth | None, redact: Collection[str], clock: Clock) -> ASGIApp:
    """See `Jobs.web`."""
    from asyncjobs.web.app import web_app

    return web_app(source, auth=auth, redact=redact, clock=clock)
