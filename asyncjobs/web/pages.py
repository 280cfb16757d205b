"""Which page is at which address, below the mount."""

from __future__ import annotations

from collections.abc import Mapping

from asyncjobs.web.act_list import ACT_LIST
from asyncjobs.web.failure_list import FAILURES
from asyncjobs.web.job_list import JOB_LIST
from asyncjobs.web.job_page import JOB_PAGE
from asyncjobs.web.overview import OVERVIEW
from asyncjobs.web.process_list import PROCESSES
from asyncjobs.web.queue_pages import QUEUE, QUEUES
from asyncjobs.web.schedule_list import SCHEDULES
from asyncjobs.web.schedule_page import SCHEDULE
from asyncjobs.web.store_page import STORE
from asyncjobs.web.task_list import TASKS
from asyncjobs.web.view import AnyView

PAGES: Mapping[str, AnyView] = {
    "stats": OVERVIEW,
    "stats/jobs": JOB_LIST,
    "stats/job": JOB_PAGE,
    "stats/failures": FAILURES,
    "stats/queues": QUEUES,
    "stats/queue": QUEUE,
    "stats/tasks": TASKS,
    "stats/schedules": SCHEDULES,
    "stats/schedule": SCHEDULE,
    "stats/processes": PROCESSES,
    "stats/store": STORE,
    "stats/acts": ACT_LIST,
}
