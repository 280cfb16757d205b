"""Threads for `def` jobs: as many as run at once, and none that the process waits for at its end.

anyio's worker threads, and those of concurrent.futures, are joined at interpreter exit; one that never returns would keep the
process from ending. These are daemons. The number is bounded by the queues' slots, which the dispatcher keeps.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

_Work = tuple[asyncio.AbstractEventLoop, asyncio.Future[object], contextvars.Context, Callable[[], object]]


class Threads:
    """Runs functions in daemon threads; a thread that has become free is used again."""

    def __init__(self) -> None:
        self._idle: deque[SimpleQueue[_Work | None]] = deque()  # append and pop are atomic; the threads append
        self._closed = False
        self._count = 0

    def run(self, function: Callable[[], object]) -> asyncio.Future[object]:
        """Call `function` in a thread, in a copy of the current context; the future has its result or whatever it raised.

        Cancelling the future doesn't stop the function: nothing can.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            self._count += 1
            threading.Thread(target=self._serve, args=(inbox,), name=f"asyncjobs-{self._count}", daemon=True).start()
        inbox.put((loop, future, contextvars.copy_context(), function))
        return future

    def close(self) -> None:
        """Let the free threads end, and each busy one after its function. Waits for none of them."""
        self._closed = True
        while self._idle:
            self._idle.pop().put(None)

    def _serve(self, inbox: SimpleQueue[_Work | None]) -> None:
        while (work := inbox.get()) is not None:
            loop, future, context, function = work
            error: BaseException | None = None
            result: object = None
            try:
                result = context.run(function)
            except BaseException as raised:  # SystemExit and its like are the job's failure; in a thread they would vanish
                error = raised
            try:
                loop.call_soon_threadsafe(_resolve, future, result, error)
            except RuntimeError:  # the loop was closed while the function ran: the app has gone, nobody is left to tell
                return
            del work, future, context, function, result, error  # hold nothing of a job while waiting for the next
            if self._closed:
                return
            self._idle.append(inbox)


def _resolve(future: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if future.done():  # the waiter was torn down with its loop
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # asyncio refuses to put this one into a future
        future.set_exception(RuntimeError(f"the job raised {error!r}"))
    else:
        future.set_exception(error)
