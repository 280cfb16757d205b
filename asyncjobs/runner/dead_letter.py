"""What is enqueued when a job has failed for good: its task's `on_dead`, with what there is to know of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from asyncjobs.clock import Clock
from asyncjobs.errors import ArgumentError, ConfigurationError
from asyncjobs.job import Job, State
from asyncjobs.outcome import Finish
from asyncjobs.task import Task

logger = logging.getLogger("asyncjobs.runner")

Follow = Callable[[Job, Finish], Finish]


def follow_up(tasks: Mapping[str, Task[..., Any, Any]], clock: Clock) -> Follow:
    """A function that gives the last failure of a job the job that `on_dead` asks for; any other end stays as it is."""

    def follow(job: Job, finish: Finish) -> Finish:
        if finish.to is not State.FAILED:  # nearly always
            return finish
        task = tasks.get(job.name)
        if task is None or task.on_dead is None:
            return finish
        error = "" if finish.error is None else f"{finish.error.type}: {finish.error.message}"
        try:
            call = task.on_dead.dead_letter(job_id=job.id, task=job.name, queue=job.queue, error=error, attempts=job.attempt)
            return replace(finish, follow=call.new_job(clock.new_id(), clock.now()))
        except (ArgumentError, ConfigurationError):  # a key function of its own, say
            logger.exception(
                "job %s (%s) has failed for good, but on_dead=%s could not be enqueued", job.id, job.name, task.on_dead.name
            )
            return finish

    return follow
