"""An exception as text, within bounds, whatever it is."""

from __future__ import annotations

import traceback

from asyncjobs.job import ERROR_LIMIT, Error

MESSAGE_LIMIT = 4 * 1024  # characters
NAME_LIMIT = 256  # characters
FRAMES = 64


def error_of(raised: BaseException) -> Error:
    """Type, message and traceback of what a job raised; causes and notes included, our own frame left out.

    Never raises: an exception's class, `__str__`, notes and frames are user code, and may raise anything, SystemExit too.
    """
    try:
        return Error(type_name(type(raised)), cut(str(raised), MESSAGE_LIMIT), cut(_traceback(raised), ERROR_LIMIT))
    except BaseException:
        return Error("UnspeakableError", "the job raised an exception that can't be put into words: its own methods raise")


def type_name(kind: type[BaseException]) -> str:
    """`ValueError`, `httpx.ConnectError`."""
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    return cut(name, NAME_LIMIT)


def _traceback(raised: BaseException) -> str:
    frames = raised.__traceback__.tb_next if raised.__traceback__ else None
    return "".join(traceback.format_exception(type(raised), raised, frames, limit=-FRAMES))


def cut(text: str, limit: int) -> str:
    """Head and tail of what is too long: the cause stands at one end, what was raised last at the other."""
    if len(text) <= limit:
        return text
    half = (limit - 40) // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
