"""Durable background jobs inside an ASGI app: one lifespan line, one decorator, one await.

jobs = Jobs("jobs.db")

@jobs.task
async def send_welcome(user_id: int) -> str: ...

app = FastAPI(lifespan=jobs.lifespan)
app.mount("/jobs", jobs.web())

job = await jobs.enqueue(send_welcome, user_id=7)
"""

from asyncjobs.context import JobContext, current_job
from asyncjobs.diagnose import Finding
from asyncjobs.errors import (
    AlreadyEnqueued,
    AlreadyStarted,
    ArgumentError,
    AsyncJobsError,
    ConfigurationError,
    JobCancelled,
    JobFailed,
    JobGone,
    NotStarted,
    OnLoopThread,
    OutcomeUnknown,
    PayloadTooLarge,
    QueueFull,
    ResultNotKept,
    Stopping,
    StoreClosed,
    StoreError,
    StoreFull,
    StoreMismatch,
    StoreUnavailable,
    UnknownQueue,
    UnknownSchedule,
    UnknownTask,
    UsedAfterFork,
    WrongLoop,
)
from asyncjobs.explain import Explanation, Obstacle, Reason
from asyncjobs.handle import JobHandle
from asyncjobs.job import AttemptRecord, Error, Job, Progress, State
from asyncjobs.jobs import Jobs
from asyncjobs.outcome import Cancel, RetryAfter, Snooze
from asyncjobs.pause import Pause
from asyncjobs.queue import Queue
from asyncjobs.retry import Retry
from asyncjobs.schedule import Schedule
from asyncjobs.stats import Snapshot
from asyncjobs.store.base import Cancellation, HistoryBucket, Page
from asyncjobs.task import Call, Task
from asyncjobs.unique import Unique
from asyncjobs.version import VERSION as __version__

__all__ = [
    "AlreadyEnqueued",
    "AlreadyStarted",
    "ArgumentError",
    "AsyncJobsError",
    "AttemptRecord",
    "Call",
    "Cancel",
    "Cancellation",
    "ConfigurationError",
    "Error",
    "Explanation",
    "Finding",
    "HistoryBucket",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobGone",
    "JobHandle",
    "Jobs",
    "NotStarted",
    "Obstacle",
    "OnLoopThread",
    "OutcomeUnknown",
    "Page",
    "Pause",
    "PayloadTooLarge",
    "Progress",
    "Queue",
    "QueueFull",
    "Reason",
    "ResultNotKept",
    "Retry",
    "RetryAfter",
    "Schedule",
    "Snapshot",
    "Snooze",
    "State",
    "Stopping",
    "StoreClosed",
    "StoreError",
    "StoreFull",
    "StoreMismatch",
    "StoreUnavailable",
    "Task",
    "Unique",
    "UnknownQueue",
    "UnknownSchedule",
    "UnknownTask",
    "UsedAfterFork",
    "WrongLoop",
    "__version__",
    "current_job",
]
