"""Where code is at this moment, as a traceback says it: what a task waits for, what a thread does."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

DEEPEST = 100  # frames that are followed
TOLD = 40  # of these the innermost are told


def of_task(task: asyncio.Task[Any], below: CodeType) -> str:
    """What this task waits for, outermost first, below the frame of this code; on into a task that it waits for.

    "" where it has ended, or hasn't come so far.
    """
    return _told(_awaited(task), below)


def of_thread(ident: int, below: CodeType) -> str:
    """What this thread does, outermost first, below the frame of this code; "" where it is gone."""
    return _told(reversed(list(_called(sys._current_frames().get(ident)))), below)


def _told(frames: Iterator[tuple[FrameType, int]], below: CodeType) -> str:
    seen = list(frames)
    for place, (frame, _) in enumerate(seen):
        if frame.f_code is below:
            lines = [traceback.FrameSummary(one.f_code.co_filename, line, one.f_code.co_name) for one, line in seen[place + 1 :]]
            return "".join(traceback.StackSummary.from_list(lines[-TOLD:]).format())
    return ""


def _awaited(task: asyncio.Task[Any]) -> Iterator[tuple[FrameType, int]]:
    waits_for: object = task
    for _ in range(DEEPEST):
        if isinstance(waits_for, asyncio.Task):
            task, waits_for = waits_for, waits_for.get_coro()
        frame = next((found for name in ("cr_frame", "gi_frame", "ag_frame") if (found := getattr(waits_for, name, None))), None)
        if frame is not None:
            yield frame, frame.f_lineno
        inner = next(
            (found for name in ("cr_await", "gi_yieldfrom", "ag_await") if (found := getattr(waits_for, name, None))), None
        )
        if not hasattr(inner, "send") or type(inner).__name__ == "FutureIter":  # the innermost: it waits for a future
            inner = getattr(task, "_fut_waiter", None)
        if inner is None or (isinstance(inner, asyncio.Future) and not isinstance(inner, asyncio.Task)):
            return
        waits_for = inner


def _called(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back
