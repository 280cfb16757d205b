"""The OpenAPI document says what the JSON is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import jsonschema_rs
import pytest

from asyncjobs import Cancel, Jobs, Queue, Retry, Snooze
from asyncjobs.errors import StoreUnavailable
from asyncjobs.explain import Explanation, Obstacle, Reason
from asyncjobs.job import AttemptRecord, Error, Progress, State
from asyncjobs.pause import Pause
from asyncjobs.queue import Limits
from asyncjobs.rate import Rate
from asyncjobs.store.base import Condition
from asyncjobs.web import openapi, pages, schemas
from asyncjobs.web.act_pages import _INPUTS
from asyncjobs.web.acting import HOW, VERBS
from asyncjobs.web.app import web_app
from tests.web.fakes import (
    AS_OF,
    FakeSource,
    FakeWatch,
    a_finding,
    a_group,
    a_job,
    a_process,
    a_queue,
    a_schedule,
    a_snapshot,
    a_task,
)
from tests.web.test_mounting import MOUNTS

JSON = {"accept": "application/json"}
ASKED = {
    "stats/job": "id=a", "stats/queue": "name=mail", "stats/schedule": "name=nightly", "stats": "range=6h", "stats/jobs": "text=a",
}  # fmt: skip


def full() -> FakeSource:
    """Something in every place of the JSON."""
    pause = Pause(AS_OF, "ada", "a holiday")
    error = Error("KeyError", "boom", "Traceback")
    attempts = (AttemptRecord(1, "failed", "r1", AS_OF - 9, AS_OF, error), AttemptRecord(2, "released", "r1", AS_OF - 9, AS_OF))
    job = a_job(
        "a", state=State.QUEUED, error=error, attempts=attempts, key="k", unique_key="u", progress=Progress(1, 2, "rows"), expires_at=AS_OF,
        started_at=AS_OF, finished_at=AS_OF, result="[1]", runner="r1", meta='{"schedule":"nightly","time":"now"}',
    )  # fmt: skip
    source = FakeSource(
        a_snapshot(
            a_queue("mail", limits=Limits(3, Rate.of("10/s")), max_waiting=5, pause=pause), a_queue("web"), findings=[a_finding(), a_finding(queue=None)],
            failures=[a_group()], longest=[job], paused_tasks={"sync": pause}, unknown_tasks={"gone": 3}, schedules=[a_schedule(paused=pause)],
            tasks=[a_task(pause=pause), a_task("gone", declared=None)], problems={"store": "full"},
            processes=[a_process(condition=Condition(AS_OF, 0.1, None, "3.13.0")), a_process(condition=None)],
        ),
        jobs=[job, a_job("b")],
    )  # fmt: skip
    source.why = Explanation("a", [Obstacle(Reason.DUE, "It is due later.", {})])
    source.recorded = [("ada", "retry", "a", 1)]
    return source


@pytest.fixture
def document() -> dict[str, Any]:
    return openapi.openapi("../")


def test_every_page_and_act_is_described(document: dict[str, Any]) -> None:
    assert set(schemas.PAGES) == set(pages.PAGES), "a page in pages.PAGES needs its schema in schemas.PAGES, and no other one"
    assert set(document["paths"]) == {f"/{path}" for path in pages.PAGES} | {"/stats/act", "/metrics", "/health"}
    bodies = document["paths"]["/stats/act"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert {body["properties"]["do"]["const"]: body["required"] for body in bodies} == {
        name: sorted(["do", *verb.wants]) for name, verb in VERBS.items()
    }
    assert {name: tuple(field for field, _ in inputs) for name, inputs in _INPUTS.items()} == HOW, (
        "what a page asks for can be sent"
    )


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for page in schemas.PAGES.values():
        jsonschema_rs.meta.validate(page.json)
    for schema in (schemas.ERROR, schemas.DONE):
        jsonschema_rs.meta.validate(schema)


async def check(client: Any, path: str, query: str = "", status: int = 200) -> Any:
    answer = await client.get(f"/{path}?{query}", headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    schema = schemas.PAGES[path].json if status == 200 else schemas.ERROR
    errors = [
        f"{error.message} at {list(error.instance_path)}"
        for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json())
    ]
    assert errors == [], path
    return answer.json()


@pytest.mark.parametrize("path", pages.PAGES)
async def test_what_a_page_says_of_everything_is_what_its_schema_says(browse: Any, path: str) -> None:
    client = browse(web_app(full(), auth=lambda request: "act", clock=FakeWatch()))
    said = await check(client, path, ASKED.get(path, ""))
    assert said
    for strange in ("", "id=&name=&format=json", "id=nobody"):
        answer = await client.get(f"/{path}?{strange}")
        await check(client, path, strange, answer.status_code)


@pytest.mark.parametrize("path", pages.PAGES)
async def test_a_schema_knows_no_other_names(browse: Any, path: str) -> None:
    client = browse(web_app(full(), auth=lambda request: "act", clock=FakeWatch()))
    said = await check(client, path, ASKED.get(path, ""))
    valid = jsonschema_rs.validator_for(schemas.PAGES[path].json).is_valid
    assert valid(said)
    assert not valid({**said, "more": 1})
    for name in said:
        if name not in ("past", "past_error"):
            assert not valid({key: value for key, value in said.items() if key != name}), name


async def test_what_is_refused_is_told_as_the_schema_says(browse: Any) -> None:
    away = FakeSource(StoreUnavailable("busy"))
    for path in ("stats", "stats/jobs", "stats/tasks"):
        await check(browse(web_app(away)), path, status=503)
        await check(browse(web_app(away), client=("10.0.0.3", 1)), path, status=403)
    await check(browse(web_app(FakeSource())), "stats/jobs", "since=never", 400)


async def test_jobs_that_have_really_run_are_told_so_too(browse: Any) -> None:
    jobs = Jobs("memory:", queues={"default": 5, "mail": Queue(2, "100/s", global_limit=2, max_waiting=50)})

    @jobs.task(name="work", retry=Retry(attempts=1))
    async def work(how: str) -> dict[str, int]:
        match how:
            case "fails":
                raise ValueError(how)
            case "cancels":
                raise Cancel("no")
            case "snoozes":
                raise Snooze(60)
        return {"n": 1}

    @jobs.cron("@daily", name="nightly")
    async def nightly() -> None: ...

    async with jobs.running():
        handles = [await work.options(meta={"a": [1, None]}).enqueue(how) for how in ("fails", "cancels", "works")]
        for handle in handles:
            await jobs.wait_ended(handle.id, 5)
        waiting = await work.options(delay=60, queue="mail", unique="a").enqueue("snoozes")
        await jobs.pause("mail", by="ada", why="a holiday")
        client = browse(web_app(jobs, auth=lambda request: "act"))
        for path in pages.PAGES:
            for query in [f"id={handle.id}" for handle in (*handles, waiting)] if path == "stats/job" else [ASKED.get(path, "")]:
                await check(client, path, query)
        acted = await client.post("/stats/act", json={"do": "retry", "id": handles[0].id})
        assert jsonschema_rs.is_valid(schemas.DONE, acted.json())


@pytest.mark.parametrize(("make", "base"), MOUNTS)
async def test_its_server_is_the_mount_wherever_that_is(browse: Any, make: Any, base: str) -> None:
    client = browse(make())
    address = f"http://localhost:8000{base}/stats/openapi.json"
    document = (await client.get(address)).json()
    server = urljoin(address, document["servers"][0]["url"] + "/").rstrip("/")
    assert server == f"http://localhost:8000{base}"
    assert (await client.get(server + "/stats/queues")).status_code == 200


async def test_who_may_not_look_may_not_read_it(browse: Any) -> None:
    answer = await browse(web_app(FakeSource()), client=("10.0.0.3", 1)).get("/stats/openapi.json")
    assert answer.status_code == 403
