"""A small shop's back end: five kinds of work that a request should not wait for."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse

from asyncjobs import JobContext, Jobs, Queue, QueueFull, Retry
from asyncjobs.asgi import unavailable
from examples.fastapi_app.picture import write_thumbnail

DATA = Path(os.environ.get("EXAMPLE_DATA", Path(__file__).parent / "data"))
DATA.mkdir(parents=True, exist_ok=True)


@asynccontextmanager
async def outbox() -> AsyncIterator[dict[str, Path]]:
    """What every job may use, opened once: here a folder that stands for the mail server."""
    folder = DATA / "outbox"
    folder.mkdir(exist_ok=True)
    yield {"outbox": folder}


jobs = Jobs(
    DATA / "jobs.db",
    queues={
        "default": 20,
        # The mail provider allows 20 a second, over all processes. Limits go with the queue: both together stay within that.
        "mail": Queue(limit=5, rate="14/s", max_waiting=10_000),
        "mail-again": Queue(limit=2, rate="6/s"),  # where failed mails are tried again, so that new ones need not wait for them
        "pictures": 2,  # a small server has two cores
    },
    resources=outbox,
)


@jobs.task(queue="mail", retry=Retry(attempts=8, backoff=[1, 2, 5], queue="mail-again"), timeout=30)
async def send_welcome(ctx: JobContext, email: str) -> str:
    """Write a mail into the outbox; the pretended server is out of order every fourth time, and the job tries again."""
    await asyncio.sleep(random.uniform(0.02, 0.1))
    if random.random() < 0.25:
        raise ConnectionError("the mail server hung up")
    # The job's id makes the mail's name the same in every attempt: sent twice, it is still one mail.
    path: Path = ctx.state["outbox"] / f"{ctx.id}.eml"
    await asyncio.to_thread(path.write_text, f"To: {email}\nSubject: Welcome!\n\nGlad you are here.\n")
    ctx.log.info("sent to %s", email)
    return path.name


@jobs.task(unique=True)  # asked for again while it is built, it is built once: both get the same job
async def build_report(ctx: JobContext, rows: int = 200) -> dict[str, int]:
    """Add up numbers slowly, and say how far it is: GET /status/{job_id} shows it."""
    total = 0
    for row in range(rows):
        total += row
        ctx.progress(row + 1, rows, "adding")
        await asyncio.sleep(0.005)
    return {"rows": rows, "total": total}


@jobs.task(queue="pictures")
def make_thumbnail(photo: int, size: int = 64) -> str:
    """Compute in a thread: a plain `def` may block."""
    path = DATA / f"photo-{photo}-{size}.png"
    write_thumbnail(path, seed=photo, size=size)
    return path.name


@jobs.task(retry=Retry(attempts=10, backoff=0.5, within=600), key="product")  # two syncs of one product would undo each other
async def sync_stock(product: int) -> int:
    """Fail now and then, as other people's services do."""
    await asyncio.sleep(random.uniform(0.01, 0.05))
    if random.random() < 0.3:
        raise TimeoutError("the warehouse did not answer")
    return product


@jobs.cron("0 3 * * *", tz="Europe/Berlin")
@jobs.task
def sweep_pictures(older_than_days: int = 30) -> int:
    """Every night, once, however many processes serve: remove old thumbnails. Its arguments have defaults."""
    before = time.time() - older_than_days * 86_400
    old = [path for path in DATA.glob("photo-*.png") if path.stat().st_mtime < before]
    for path in old:
        path.unlink()
    return len(old)


app = FastAPI(title="asyncjobs example", lifespan=jobs.lifespan)
app.mount("/jobs", jobs.web())
app.add_exception_handler(QueueFull, unavailable)  # 503, and when to come again


@app.post("/signup", status_code=202)
async def signup(email: str) -> dict[str, str]:
    """However often the button is pressed, one mail a day."""
    job = await send_welcome.options(unique=f"welcome:{email}", throttle=timedelta(days=1)).enqueue(email)
    return {"job": job.id}


@app.post("/reports", status_code=202)
async def report(rows: Annotated[int, Query(ge=1, le=10_000)] = 200) -> dict[str, str]:
    job = await jobs.enqueue(build_report, rows=rows)
    return {"job": job.id}


@app.post("/photos/{photo}/thumbnail", status_code=202)
def thumbnail(photo: int) -> dict[str, str]:
    """A `def` handler runs in a thread, and enqueues from there."""
    job = jobs.from_thread.enqueue(make_thumbnail, photo)
    return {"job": job.id}


@app.post("/stock/{product}/sync", status_code=202)
async def stock(product: int) -> dict[str, str]:
    job = await sync_stock.enqueue(product)
    return {"job": job.id}


@app.get("/status/{job_id}")
async def status(job_id: str) -> dict[str, Any]:
    """What became of it, and why it does not run."""
    job, why = await jobs.get(job_id), await jobs.explain(job_id)
    if job is None:
        raise HTTPException(404, "no such job")
    return {
        "state": job.state, "attempt": job.attempt, "progress": job.progress, "result": jobs.decode_result(job), "why": str(why),
    }  # fmt: skip


@app.get("/", response_class=HTMLResponse)
async def home() -> str:
    return """<!doctype html><html lang="en"><meta charset="utf-8"><title>asyncjobs example</title>
<h1>asyncjobs example</h1>
<p>Press, then look at <a href="/jobs/stats">/jobs/stats</a>; the API is at <a href="/docs">/docs</a>.</p>
<form method="post" action="/signup?email=ada@example.org"><button>Sign up (a mail, with retries)</button></form>
<form method="post" action="/reports"><button>Build a report (with progress)</button></form>
<form method="post" action="/photos/7/thumbnail"><button>Make a thumbnail (in a thread)</button></form>
<form method="post" action="/stock/42/sync"><button>Sync stock (fails now and then)</button></form>
"""
