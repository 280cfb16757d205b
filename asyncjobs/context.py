"""What a running job may know about itself, and say of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any

from asyncjobs.codec import decode_meta
from asyncjobs.errors import ArgumentError
from asyncjobs.job import Job, Progress

logger = logging.getLogger("asyncjobs.job")
NOTE_LIMIT = 1_024  # characters of a progress note that are kept
_current: ContextVar[JobContext | None] = ContextVar("asyncjobs.current_job", default=None)


class JobContext:
    """The running job, as its function sees it. Take it as the first parameter, annotated `JobContext`.

    `state` is what the `resources=` of `Jobs` yielded; `meta` what the caller gave to `options(meta=...)`.
    """

    __slots__ = ("_job", "_meta", "_report", "_stopping", "state")

    def __init__(
        self,
        job: Job,
        state: Mapping[str, Any],
        report: Callable[[Job, Progress], None],
    ) -> None:
        self._job = job
        self._report = report  # called by progress(), on any thread
        self._stopping = False  # set by the attempt when it is asked to stop
        self._meta: Mapping[str, Any] | None = None  # decoded at first use
        self.state = state

    @property
    def id(self) -> str:
        """The job's id: stable over retries, so a good idempotency key for what the job does elsewhere."""
        return self._job.id

    @property
    def name(self) -> str:
        return self._job.name

    @property
    def queue(self) -> str:
        return self._job.queue

    @property
    def attempt(self) -> int:
        """Which attempt this is, from 1."""
        return self._job.attempt

    @property
    def max_attempts(self) -> int:
        return self._job.policy.max_attempts

    @property
    def enqueued_at(self) -> datetime:
        return _utc(self._job.enqueued_at)

    @property
    def scheduled_at(self) -> datetime:
        """When the job was first due: `enqueued_at`, or what `delay=` or `at=` asked for."""
        return _utc(self._job.scheduled_at)

    @property
    def meta(self) -> Mapping[str, Any]:
        if self._meta is None:
            self._meta = MappingProxyType(decode_meta(self._job.meta))
        return self._meta

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry job_id, queue, task and attempt."""
        return _JobLog(logger, {"job_id": self.id, "queue": self.queue, "task": self.name, "attempt": self.attempt})

    @property
    def cancelled(self) -> bool:
        """True once the job was asked to stop (cancel, timeout, shutdown). A `def` job can't be interrupted: look here."""
        return self._stopping

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Say how far the job is. Never waits: the latest word is stored about once a second. Callable from any thread.

        note: its first 1,024 characters are kept. Raises ArgumentError for what is no finite number.
        """
        self._report(
            self._job, Progress(_number(done, "done"), None if total is None else _number(total, "total"), str(note)[:NOTE_LIMIT])
        )

    def _stop(self) -> None:
        self._stopping = True


class _JobLog(logging.LoggerAdapter[logging.Logger]):
    """Adds the job's facts to each record, and keeps an `extra=` that the caller gives."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


def current_job() -> JobContext | None:
    """The context of the job that this code runs in, however deep; None outside of one."""
    return _current.get()


def job_of(context: Context | None) -> JobContext | None:
    """The job that code in this contextvars.Context runs in; None outside of one."""
    return None if context is None else context.get(_current)


def enter(context: JobContext) -> None:
    """Make `context` the current one, in this contextvars.Context."""
    _current.set(context)


def _number(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ArgumentError(f"progress({what}={value!r}): give a finite int or float")
    return value


def _utc(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
