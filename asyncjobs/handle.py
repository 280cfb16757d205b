"""What `enqueue` gives back: the job's id, and a way to ask after it."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from asyncjobs.errors import JobCancelled, JobFailed, JobGone, ResultNotKept
from asyncjobs.job import Job, State
from asyncjobs.outcome import CANCEL

R = TypeVar("R", covariant=True)


class JobAccess(Protocol):
    """What a handle needs of the `Jobs` it came from."""

    async def get(self, id: str) -> Job | None:
        """The job as it is stored."""

    async def wait_ended(self, id: str, timeout: float | None) -> Job:
        """The job once it has ended. Raises JobGone, TimeoutError."""

    async def cancel_one(self, id: str) -> bool:
        """Ask for its end; True when that was of use."""

    def decode_result(self, job: Job) -> object:
        """Its result as the task's return annotation has it."""


class JobHandle(Generic[R]):
    """A stored job; `R` is what its function returns.

    created: False when this enqueue met a job that had the same id, or held the same unique key; the handle is then that job's.
    """

    __slots__ = ("_jobs", "created", "id")

    def __init__(self, jobs: JobAccess, id: str, created: bool) -> None:
        self._jobs = jobs
        self.id = id
        self.created = created

    def __repr__(self) -> str:
        return f"JobHandle(id={self.id!r}, created={self.created})"

    async def job(self) -> Job:
        """The stored record. Raises JobGone."""
        job = await self._jobs.get(self.id)
        if job is None:
            raise JobGone(self.id)
        return job

    async def status(self) -> State:
        """The job's stored state. Raises JobGone."""
        return (await self.job()).state

    async def result(self, timeout: float | None = None) -> R:
        """What the function returned, once the job has ended; None where the task has keep_result=False.

        timeout: seconds to wait at most. Raises TimeoutError, JobFailed, JobCancelled, JobGone, ResultNotKept. Inside a job,
        waiting for another one of the same queue holds this job's slot: a queue of limit 1 would wait for itself.
        """
        job = await self._jobs.wait_ended(self.id, timeout)
        if job.state is State.FAILED:
            error = job.error
            if error is None:
                raise JobFailed(job.id, job.name, "unknown", "no error was recorded", "")
            raise JobFailed(job.id, job.name, error.type, error.message, error.traceback)
        if job.state is State.CANCELLED:
            why = job.error.message if job.error is not None and job.error.type == CANCEL else ""  # else of an earlier attempt
            raise JobCancelled(job.id, job.name, why)
        if job.result is None and job.error is not None:
            raise ResultNotKept(job.id, job.name, job.error.message)
        return self._jobs.decode_result(job)  # type: ignore[return-value]  # the codec decodes by R's annotation

    async def cancel(self) -> bool:
        """Cancel the job if it is queued, ask for its end if it runs; False when it has ended or is gone."""
        return await self._jobs.cancel_one(self.id)
