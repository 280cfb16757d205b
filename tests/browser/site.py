"""An app as its users write it, served by a real uvicorn in a thread, with some of everything that a page shows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from asyncjobs import Cancel, JobContext, Jobs, Queue, Retry
from asyncjobs.errors import StoreUnavailable
from asyncjobs.job import Job, State
from asyncjobs.stats import QueueSnapshot
from asyncjobs.web.app import web_app
from tests.crash.server import free_port
from tests.web.fakes import FakeSource

T = TypeVar("T")
WITHIN = 20.0  # seconds; for machines that are busy with something else

CALLED = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">\'&'  # as a name and as an id, too
HOSTILE = CALLED + "\u202e\x00"


class Site:
    """`auth="local"` at /jobs, no auth= at /read, and one that lets nobody in at /closed; at /down no runner, at /away no
    store, and at /failing a mistake of ours; all but those of one Jobs, in this file or in memory."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file
        self.jobs = Jobs(
            "memory:" if file is None else file, queues={"default": 8, "mail": Queue(3, "100/s"), "media": 2, "off": 2}
        )
        self.open = threading.Event()  # lets `transcode` end; set by tests and by stop
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/jobs/"
        self.origin = f"http://127.0.0.1:{self.port}"
        self._declare()
        jobs, web = self.jobs, self.jobs.web
        app = Starlette(
            lifespan=jobs.lifespan,
            routes=[
                Mount("/jobs", web(auth="local")),
                Mount("/read", web()),
                Mount("/closed", web(auth=lambda request: None)),
                Mount("/down", Jobs("memory:").web()),
                Mount("/away", web_app(FakeSource(StoreUnavailable("jobs.db: the disk is full")))),
                Mount("/failing", web_app(FakeSource(ZeroDivisionError()))),
            ],
        )
        self._server = uvicorn.Server(uvicorn.Config(app, port=self.port, log_level="warning", lifespan="on"))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _declare(self) -> None:
        jobs = self.jobs

        @jobs.task(queue="mail", name="send_email")
        async def send_email(to: str, api_key: str = "") -> str:
            return f"sent to {to}"

        self.send_email = send_email

        @jobs.task(name="sync_crm", retry=Retry(attempts=1))
        async def sync_crm(customer: int) -> None:
            raise ConnectionError("crm: connection refused")

        @jobs.task(name=CALLED, retry=Retry(attempts=1))
        async def hostile(said: str) -> None:
            raise ValueError(said)

        self.hostile = hostile

        @jobs.task(name="transcode", queue="media")
        async def transcode(ctx: JobContext, video: int) -> None:
            ctx.progress(video, 60, "frames")
            while not self.open.is_set():
                if ctx.cancelled:
                    raise Cancel("asked to")
                await asyncio.sleep(0.02)

        @jobs.task(name="held")
        async def held() -> None: ...

        self.held = held

        @jobs.task(name="sync_plan", queue="off")
        async def off(customer: int) -> None: ...

        self.off = off

        @jobs.task(name="send_email_badly", retry=Retry(attempts=1))
        async def send_email_badly(to: str) -> None:
            raise TimeoutError(f"mail server hung up on {to}")

        @jobs.cron("0 9 * * mon-fri", tz="Europe/Berlin", name="nightly")
        async def nightly() -> None: ...

    def _serve(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(self._server.serve())
        self._loop.close()

    def __enter__(self) -> Site:
        self._thread.start()
        began = threading.Event()
        for _ in range(int(WITHIN / 0.02)):
            if self._server.started:
                return self
            began.wait(0.02)
        raise AssertionError("the server did not start")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        self.open.set()
        self._server.should_exit = True
        self._thread.join(WITHIN)
        assert not self._thread.is_alive()

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What this gives, awaited where the jobs are."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WITHIN)

    def job(self, id: str) -> Job:
        job = self.do(self.jobs.get(id))
        assert job is not None
        return job

    def state_of_queue(self, name: str) -> QueueSnapshot:
        queues = self.do(self.jobs.stats()).queues
        return next(queue for queue in queues if queue.name == name)

    def enqueue(self, task: str, *args: Any) -> str:
        return self.do(self.jobs.enqueue(task, *args)).id

    def later(self, to: str) -> str:
        """An e-mail that is due in an hour."""
        return self.do(self.send_email.options(delay=3_600).enqueue(to)).id

    def ended(self, task: str, *args: Any) -> str:
        """A job of it that has ended."""

        id = self.enqueue(task, *args)
        self.until_ended(id)
        return id

    def until_ended(self, id: str) -> None:
        self.do(self.jobs.wait_ended(id, WITHIN))

    def until_begun(self, id: str) -> None:
        async def begun() -> None:
            while (job := await self.jobs.get(id)) is None or job.state is State.QUEUED:
                await asyncio.sleep(0.01)

        self.do(begun())

    def address(self, path: str, query: dict[str, str]) -> str:
        """Below the mount."""
        return path + "?" + urlencode(query)
