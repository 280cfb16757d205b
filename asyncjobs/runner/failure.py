"""An exception as text, within bounds, whatever it is."""

from __future__ import annotations

import traceback

from asyncjobs.job import ERROR_LIMIT, Error

MESSAGE_LIMIT = 4 * 1024  # characters
FRAMES = 64


def error_of(raised: BaseException) -> Error:
    """Type, message and traceback of what a job raised; causes and notes included, our own frame left out."""
    return Error(type_name(type(raised)), _cut(_message(raised), MESSAGE_LIMIT), _cut(_traceback(raised), ERROR_LIMIT))


def type_name(kind: type[BaseException]) -> str:
    """`ValueError`, `httpx.ConnectError`."""
    return kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"


def _message(raised: BaseException) -> str:
    try:
        return str(raised)
    except Exception as error:  # user code: __str__ may do anything
        return f"<its __str__ raised {type(error).__name__}>"


def _traceback(raised: BaseException) -> str:
    frames = raised.__traceback__.tb_next if raised.__traceback__ else None
    try:
        return "".join(traceback.format_exception(type(raised), raised, frames, limit=-FRAMES))
    except Exception as error:  # user code again: __str__, __notes__, a source loader
        return f"<no traceback: formatting it raised {type(error).__name__}>"


def _cut(text: str, limit: int) -> str:
    """Head and tail of what is too long: the cause stands at one end, what was raised last at the other."""
    if len(text) <= limit:
        return text
    half = (limit - 40) // 2
    return f"{text[:half]}\n... {len(text) - 2 * half:,} characters left out ...\n{text[-half:]}"
