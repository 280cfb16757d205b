"""Somebody stopped something."""

from __future__ import annotations

from asyncjobs.errors import ArgumentError
from asyncjobs.record import record

LONGEST = 500  # characters that each of `by` and `why` may have


@record
class Pause:
    """When it was stopped (ms), and by whom and why as far as they said."""

    since: int
    by: str = ""
    why: str = ""


def checked_said(name: str, said: object) -> str:
    """What `by=` or `why=` says, as it is kept. Raises ArgumentError."""
    text = str(said)
    if len(text) > LONGEST:
        raise ArgumentError(f"{name}= has {len(text):,} characters; give {LONGEST} at most, and where to read more")
    return text
