"""The way in for code in another thread: `def` handlers, callbacks of libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, wait
from typing import Any, ParamSpec, TypeVar, overload

from asyncjobs.errors import StoreUnavailable
from asyncjobs.handle import JobHandle
from asyncjobs.task import Call, Configured, Task

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

LOOK_EVERY = 0.5  # seconds; nothing tells a thread that a loop was closed


class FromThread:
    """Blocking twins of the ways to enqueue. Each raises OnLoopThread on the loop's own thread, which it would block."""

    def __init__(
        self,
        loop: Callable[[], asyncio.AbstractEventLoop],
        enqueue: Callable[..., Coroutine[Any, Any, JobHandle[Any]]],
        enqueue_many: Callable[[Iterable[Call[Any]]], Coroutine[Any, Any, list[JobHandle[Any]]]],
    ) -> None:
        self._loop = loop  # the one that Jobs runs on; raises where this call can't be
        self._enqueue = enqueue
        self._enqueue_many = enqueue_many

    @overload
    def enqueue(self, task: Task[P, Any, R] | Configured[P, R], /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]: ...
    @overload
    def enqueue(self, task: str, /, *args: Any, **kwargs: Any) -> JobHandle[Any]: ...
    def enqueue(self, task: Any, /, *args: Any, **kwargs: Any) -> JobHandle[Any]:
        """`await jobs.enqueue(...)` from a thread: returns when the job is stored, with the same errors."""
        loop = self._loop()
        return _answer(self._enqueue(task, *args, **kwargs), loop)

    def enqueue_many(self, calls: Iterable[Call[Any]]) -> list[JobHandle[Any]]:
        """`await jobs.enqueue_many(...)` from a thread."""
        loop = self._loop()
        return _answer(self._enqueue_many(calls), loop)


def _answer(work: Coroutine[Any, Any, V], loop: asyncio.AbstractEventLoop) -> V:
    """What `work` returns or raises on that loop. A loop that was closed meanwhile answers no more: nobody waits for it."""
    future = asyncio.run_coroutine_threadsafe(work, loop)
    while not wait([future], timeout=LOOK_EVERY).done:
        if loop.is_closed():
            raise _unanswered()
    try:
        return future.result()
    except CancelledError as error:  # as the loop ends it cancels all that it runs
        raise _unanswered() from error


def _unanswered() -> StoreUnavailable:
    return StoreUnavailable("the app's event loop ended before the store had answered; whether the job is stored is not known")
