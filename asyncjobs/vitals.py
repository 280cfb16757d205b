"""What one look at the store and at this process gives: the numbers on the page, and what the rules of `diagnose` go by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field

from asyncjobs.flow import Flow
from asyncjobs.job import Job
from asyncjobs.queue import Limits
from asyncjobs.record import record
from asyncjobs.schedule import Schedule
from asyncjobs.store.base import FailureGroup, Stats

LONGEST = 5
FAILURES = 500  # failed jobs that are looked at, so that a look costs the same however many there are


@record
class DeclaredTask:
    """A task as the code of this process has it. attempts: of a job; timeout: seconds an attempt may take, None for ever. aliases: other names."""

    queue: str
    attempts: int
    timeout: float | None
    aliases: Collection[str] = ()


@record
class Vitals:
    """failures: of the last FAILURES that failed for good. longest: the LONGEST that run, the first begun first.

    Of this process: stuck: queue → slots that jobs hold which ignore their cancellation. limits: of the queues that have some over all
    processes. max_waiting: of those that have one. configured: its queues, of which these two are known; None: all that there are. tasks: that
    its code has, by name. declared: names of the schedules that its code declares. problems: of its runner.
    """

    stats: Stats
    flow: Flow = Flow()
    schedules: Sequence[Schedule] = ()
    failures: Sequence[FailureGroup] = ()
    longest: Sequence[Job] = ()
    stuck: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, Limits] = field(default_factory=dict)
    max_waiting: Mapping[str, int] = field(default_factory=dict)
    tasks: Mapping[str, DeclaredTask] = field(default_factory=dict)
    declared: Collection[str] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    configured: Collection[str] | None = None
