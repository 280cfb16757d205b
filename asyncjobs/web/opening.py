"""open_web(): the page, loaded when it is asked for: who only enqueues, or serves none, doesn't pay for it."""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp

from asyncjobs.clock import Clock
from asyncjobs.web.auth import Auth
from asyncjobs.web.source import Source


def open_web(source: Source, *, auth: Auth | None, redact: Collection[str], clock: Clock, no_acts: str | None = None) -> ASGIApp:
    """See `Jobs.web`. no_acts: what a person at this machine is told who may only look, where it is not for an app to let such a one act."""
    from asyncjobs.web.app import NO_ACTS, web_app

    return web_app(source, auth=auth, redact=redact, clock=clock, no_acts=no_acts or NO_ACTS)
