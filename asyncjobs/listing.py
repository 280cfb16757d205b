"""A page of the jobs of which a function says that they are meant."""

from __future__ import annotations

from collections.abc import Callable

from asyncjobs.job import Job, Only
from asyncjobs.store.base import JobQuery, Page, Store

LOOK_FOR = 0.25  # seconds, as a store's own page
MOST = 500  # jobs that the function is asked about at once, some 10 ms on the loop
LARGE = 1 << 20  # characters of arguments, results and tracebacks after which a page goes on with what it has


async def listed(
    store: Store, query: JobQuery, only: Only | None, *, limit: int, after: str | None, monotonic: Callable[[], float]
) -> Page:
    """Those that match and are meant, newest first; see `Jobs.list`.

    Who sees the page sees nothing of the others: neither how many match nor where they stand, but by how long it took. A page of the
    jobs in which a text is *stored*, of which those that may *show* it are picked out, would tell of each text whether it is part
    of a secret, by whether there is a next: so it is looked on until it is full, the end is reached, or the time is over.
    """
    if only is None:
        return await store.page(query, limit=limit, after=after)
    found: list[Job] = []
    full: str | None = None  # where the last one that is shown stands, once there are enough
    width, held, until = limit, 0, monotonic() + LOOK_FOR
    while True:
        page = await store.page(query, limit=width, after=after)
        meant = [place for place, job in enumerate(page.jobs, 1) if only(job)]
        if full is not None and meant:
            return Page(found, full)
        room = limit - len(found)
        if full is None and len(meant) >= room and meant[room - 1] < len(page.jobs):
            page = await store.page(query, limit=meant[room - 1], after=after)  # the same again, up to the last one that is shown
        fitting = [job for job in page.jobs if only(job)]
        found += fitting
        held += sum(map(_size, fitting))
        if page.next is None:
            return Page(found, None)
        after = page.next
        if full is None and (len(found) >= limit or held > LARGE):
            full = after
        if monotonic() >= until:
            return Page(found, full or after)
        width = min(2 * width, MOST)


def _size(job: Job) -> int:
    errors = [job.error, *(attempt.error for attempt in job.attempts)]
    return len(job.args) + len(job.result or "") + sum(len(error.traceback) for error in errors if error is not None)
