"""Somebody stopped something."""

from __future__ import annotations

from asyncjobs.record import record


@record
class Pause:
    """When it was stopped (ms), and by whom and why as far as they said."""

    since: int
    by: str = ""
    why: str = ""
