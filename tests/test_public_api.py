"""The names that users may import, and what importing them does not do."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import asyncjobs

NAMES = [
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
    "Obstacle",
    "Reason",
    "HistoryBucket",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobGone",
    "JobHandle",
    "Jobs",
    "NotStarted",
    "OnLoopThread",
    "OutcomeUnknown",
    "Page",
    "Pause",
    "PayloadTooLarge",
    "Progress",
    "Queue",
    "QueueFull",
    "ResultNotKept",
    "Retry",
    "Schedule",
    "RetryAfter",
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
    "UnknownSchedule",
    "UnknownQueue",
    "UnknownTask",
    "UsedAfterFork",
    "WrongLoop",
    "__version__",
    "current_job",
]


def test_the_public_names_are_these() -> None:
    assert sorted(asyncjobs.__all__) == sorted(NAMES)
    assert all(hasattr(asyncjobs, name) for name in NAMES)


def test_the_package_says_that_it_is_typed() -> None:
    assert files("asyncjobs").joinpath("py.typed").is_file()


IMPORT = """
import builtins, logging, os, sys, threading, io
opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" and isinstance(args[0], str) else None)
before = (threading.active_count(), logging.root.handlers[:], logging.root.level)
import asyncjobs
jobs = asyncjobs.Jobs("never-made.db")

@jobs.task(name="nothing")
async def nothing() -> None: ...

assert (threading.active_count(), logging.root.handlers[:], logging.root.level) == before
assert not logging.getLogger("asyncjobs").handlers
for name in ("uvicorn", "fastapi", "pydantic"):
    assert name not in sys.modules, name
ours = [p for p in opened if not p.endswith((".py", ".pyc")) and "site-packages" not in p and not p.startswith(sys.base_prefix)]
assert not [p for p in ours if "never-made" in p or p.endswith(".db")], ours
assert not os.path.exists("never-made.db")
"""


def test_importing_and_configuring_opens_no_file_starts_no_thread_and_configures_no_logging(tmp_path: object) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", IMPORT], check=True, cwd=str(tmp_path))


def test_who_serves_no_page_does_not_load_it() -> None:
    program = "import sys; from asyncjobs import Jobs; jobs = Jobs('memory:'); print('asyncjobs.web.app' in sys.modules); jobs.web(); print('asyncjobs.web.app' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["False", "True"]
