"""Tasks that end when their owner ends them, not when asyncio tears its loop down."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from asyncio.tasks import _unregister_task
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

V = TypeVar("V")


def spawn(work: Coroutine[Any, Any, V], *, name: str, context: contextvars.Context | None = None) -> asyncio.Task[V]:
    """Start a task that stands on nobody's list: the caller keeps it, and ends it.

    As `asyncio.run` ends, it cancels everything in `asyncio.all_tasks()` at once and awaits it all without a bound. A second
    Ctrl+C gets there before the lifespan could end: a job that ignores its cancellation would keep the process for ever, and
    the store's writer be gone before the others' last words. So of all that is ours only the runner's main task is on that list,
    and it stops jobs, loops and store in their order and within its bounds.
    """
    task = asyncio.get_running_loop().create_task(work, name=name, context=context)
    _unregister_task(task)
    return task


def let_go(which: Callable[[asyncio.Task[Any]], bool]) -> None:
    """Take these tasks off that list, too: what still runs now has been asked to end, and keeps nobody any longer.

    In time for an orderly end only. A loop that is torn down waits for those that it found on its list, ours to change or not.
    """
    for task in asyncio.all_tasks():
        if which(task):
            _unregister_task(task)
            task._log_destroy_pending = False  # type: ignore[attr-defined]


def context_of(task: asyncio.Task[Any]) -> contextvars.Context | None:
    """What this task runs in."""
    if hasattr(task, "get_context"):  # Python 3.12
        context: contextvars.Context = task.get_context()
        return context
    return next((held for held in gc.get_referents(task) if isinstance(held, contextvars.Context)), None)
