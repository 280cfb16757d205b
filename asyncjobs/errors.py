"""Every exception that a caller may catch, one class per thing the caller can do about it.

A class builds its own sentence from facts: what was attempted, with which value, and what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class AsyncJobsError(Exception):
    """The base of every error that this library raises on purpose."""


class ConfigurationError(AsyncJobsError, ValueError):
    """A value given to `Jobs`, `Queue`, `Retry` or a task can't work; the sentence names it and what would."""


# --- life of a Jobs object -------------------------------------------------------------------------------------------


class NotStarted(AsyncJobsError, RuntimeError):
    """The runner of this `Jobs` has not been started in this process."""

    def __init__(self) -> None:
        super().__init__(
            "asyncjobs is not started here. Give the outermost app `lifespan=jobs.lifespan`, or use "
            "`async with jobs.running(app):` inside your own lifespan. Three usual causes: the lifespan sits on a mounted "
            "sub-app (servers never run those), TestClient(app) is used without `with`, or the app is called through "
            "httpx.ASGITransport (which runs no lifespan; enter `app.router.lifespan_context(app)` around it)."
        )


class AlreadyStarted(AsyncJobsError, RuntimeError):
    """`Jobs` was started a second time before it was stopped."""

    def __init__(self) -> None:
        super().__init__(
            "this Jobs is already running. Keep one of the ways in: `lifespan=jobs.lifespan`, "
            "`async with jobs.running(app)`, or `jobs.wrap(lifespan)`. Two queues of work want two Jobs objects."
        )


class Stopping(AsyncJobsError, RuntimeError):
    """The store of this `Jobs` is closed or closing; nothing can be enqueued any more."""

    def __init__(self) -> None:
        super().__init__("asyncjobs is shutting down and its store is closing; the job was not enqueued.")


class WrongLoop(AsyncJobsError, RuntimeError):
    """A call came from another event loop, or another thread, than the one that `Jobs` was started on."""

    def __init__(self, what: str, *, in_thread: bool) -> None:
        way = (
            "From a thread (a `def` handler, for example) call `jobs.from_thread.enqueue(...)`, which blocks until the job is stored."
            if in_thread
            else "Call it on the event loop whose lifespan started this Jobs."
        )
        super().__init__(f"{what} was called outside the event loop that this Jobs runs on. {way}")


class OnLoopThread(AsyncJobsError, RuntimeError):
    """A blocking call from `jobs.from_thread` came from the loop's own thread, where it would wait for itself."""

    def __init__(self) -> None:
        super().__init__(
            "jobs.from_thread would block the event loop that has to do the work. "
            "On the loop's own thread write `await jobs.enqueue(...)`."
        )


class UsedAfterFork(AsyncJobsError, RuntimeError):
    """A started `Jobs` was used in a forked child, which shares its file handles but none of its threads."""

    def __init__(self, started_in: int, used_in: int) -> None:
        super().__init__(
            f"this Jobs was started in process {started_in} and is used in its forked child {used_in}. "
            "Start it in the process that uses it (in the app's lifespan, after the server has forked)."
        )


# --- enqueueing ------------------------------------------------------------------------------------------------------


def _known(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed) if listed else "none"


def _guess(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


class UnknownQueue(AsyncJobsError, LookupError):
    """A queue that this `Jobs` was not configured with."""

    def __init__(self, name: str, configured: Iterable[str], remedy: str = "") -> None:
        names = list(configured)
        super().__init__(
            f"Queue {name!r} is not configured; configured queues: {_known(names)}.{_guess(name, names)} "
            + (remedy or f"Add it: Jobs(..., queues={{{name!r}: 10}}).")
        )

    def __str__(self) -> str:
        return str(self.args[0])


class UnknownSchedule(AsyncJobsError, LookupError):
    """A schedule that the store doesn't have."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = list(known)
        super().__init__(
            f"there is no schedule {name!r}; there are: {_known(names)}.{_guess(name, names)} What the code declares is there once "
            "a process that works a queue has started."
        )


class QueueFull(AsyncJobsError, RuntimeError):
    """A queue has no room, by its `max_waiting`; nothing was stored. Answer the request with 503, or try again later.

    queues: which, by name; several where all of them are full, or where it isn't known which. queue: the first of them.
    """

    def __init__(self, full: Mapping[str, int]) -> None:
        """full: queue → its max_waiting."""
        named = " or ".join(f"{queue!r} (max_waiting={most:,})" for queue, most in full.items())
        super().__init__(
            f"queue {named} is full: it has no room for what was to be enqueued, of which nothing was. Try again later, or enqueue fewer at "
            "once. To answer such requests with 503: `from asyncjobs.asgi import unavailable`, "
            "`app.add_exception_handler(QueueFull, unavailable)`."
        )
        self.queues = tuple(full)
        self.queue = self.queues[0]


class AlreadyEnqueued(AsyncJobsError, RuntimeError):
    """A unique job was there already, and `Unique(conflict="raise")` wants to know; `id` is its."""

    def __init__(self, id: str, key: str) -> None:
        super().__init__(
            f"job {id} holds the unique key {key!r}; nothing was enqueued. Ask after that one with `await jobs.get({id!r})`, or let the "
            "enqueue answer with it: Unique(conflict='existing')."
        )
        self.id = id


class UnknownTask(AsyncJobsError, LookupError):
    """A task name that is not registered with this `Jobs`, or a function that was never decorated."""

    def __init__(self, name: str, registered: Iterable[str]) -> None:
        names = list(registered)
        super().__init__(
            f"Task {name!r} is not registered; registered tasks: {_known(names)}.{_guess(name, names)} "
            "Decorate the function with @jobs.task and import its module before the app starts."
        )

    def __str__(self) -> str:
        return str(self.args[0])


class ArgumentError(AsyncJobsError, TypeError):
    """Arguments that don't fit the task's signature, or a value that can't be carried unchanged. Nothing was stored."""


class PayloadTooLarge(AsyncJobsError, ValueError):
    """Encoded arguments or metadata above the limit. Nothing was stored."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(
            f"{what} are {size:,} bytes of JSON, above the limit of {limit:,}. Store the data elsewhere (a file, an object "
            "store, a table) and pass its key; or raise Jobs(..., max_payload=...)."
        )
        self.size = size
        self.limit = limit


# --- the store -------------------------------------------------------------------------------------------------------


class StoreError(AsyncJobsError):
    """What a store may raise; data never raises."""


class StoreUnavailable(StoreError):
    """The store can't take the change now. Trying again is safe: insert and finish are idempotent by id."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}. Nothing was acknowledged; try again, with the same id= where you gave one.")
        self.reason = reason


class StoreFull(StoreUnavailable):
    """The disk, or the quota, under the store is full. It recovers by itself when there is space again."""


class OutcomeUnknown(StoreUnavailable):
    """An I/O error left it open whether the change is on disk. Trying again with the same id can't double it."""

    def __init__(self, reason: str, ids: Iterable[str]) -> None:
        self.ids = tuple(ids)
        shown = ", ".join(self.ids[:3]) + (f" and {len(self.ids) - 3} more" if len(self.ids) > 3 else "")
        super().__init__(f"{reason}; whether {shown} is stored is not known: repeat the call with options(id=...)")


class StoreMismatch(StoreError):
    """What is at the store's address is not ours to use: another schema, another program's file, an unusable path."""


class StoreClosed(StoreError):
    """The store was closed, or never opened."""

    def __init__(self) -> None:
        super().__init__("the store is closed; open it first")


# --- results ---------------------------------------------------------------------------------------------------------


class JobFailed(AsyncJobsError):
    """The job has failed for good; `type`, `message` and `traceback` are those of its last error."""

    def __init__(self, job_id: str, task: str, type: str, message: str, traceback: str) -> None:
        super().__init__(f"job {job_id} ({task}) failed: {type}: {message}")
        self.job_id = job_id
        self.type = type
        self.message = message
        self.traceback = traceback


class JobCancelled(AsyncJobsError):
    """The job was cancelled, and will not run (again)."""

    def __init__(self, job_id: str, task: str, why: str = "") -> None:
        super().__init__(f"job {job_id} ({task}) was cancelled" + (f": {why}" if why else ""))
        self.job_id = job_id
        self.why = why


class JobGone(AsyncJobsError, LookupError):
    """No job has this id: it was never stored here, or it ended and was pruned."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"no job {job_id} in the store; finished jobs are removed after their retention (Jobs(..., retention=...))"
        )
        self.job_id = job_id

    def __str__(self) -> str:
        return str(self.args[0])


class ResultNotKept(AsyncJobsError):
    """The job has succeeded, but its result could not be kept; the sentence says why."""

    def __init__(self, job_id: str, task: str, why: str) -> None:
        super().__init__(f"job {job_id} ({task}) succeeded, but its result was not kept: {why}")
        self.job_id = job_id
        self.why = why
