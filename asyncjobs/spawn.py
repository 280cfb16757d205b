"""Tasks that end when their owner ends them, not when asyncio tears its loop down."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio.tasks import _unregister_task
from collections.abc import Coroutine
from typing import Any, TypeVar

V = TypeVar("V")


def spawn(work: Coroutine[Any, Any, V], *, name: str, context: contextvars.Context | None = None) -> asyncio.Task[V]:
    """Start a task that stands on nobody's list: the caller keeps it, and ends it.

    As `asyncio.run` ends, it cancels everything in `asyncio.all_tasks()` at once and awaits it all without a bound. A second
    Ctrl+C gets there before the lifespan could end: a job that ignores its cancellation would keep the process for ever, and
    the store's writer be gone before the others' last words. So only the runner's main task is on that list, and it stops
    jobs, loops and store in their order and within its bounds.
    """
    task = asyncio.get_running_loop().create_task(work, name=name, context=context)
    _unregister_task(task)
    return task
