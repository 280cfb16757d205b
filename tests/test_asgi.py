"""What handlers of a web app share, in FastAPI and Starlette."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from asyncjobs import ArgumentError, Jobs, Queue, QueueFull
from asyncjobs.asgi import idempotency_id, unavailable
from asyncjobs.errors import StoreUnavailable


@pytest.fixture
def client() -> Any:
    jobs = Jobs("memory:", queues={"default": Queue(1, max_waiting=2)}, work=())
    app = FastAPI(lifespan=jobs.lifespan)
    app.add_exception_handler(QueueFull, unavailable)
    app.add_exception_handler(StoreUnavailable, unavailable)
    app.add_exception_handler(ArgumentError, unavailable)

    @jobs.task
    async def work(n: int) -> None: ...

    @app.post("/work")
    async def enqueue(request: Request, n: int = 1, user: str = "") -> dict[str, object]:
        job = await work.options(id=idempotency_id(request, scope=user)).enqueue(n)
        return {"id": job.id, "created": job.created}

    @app.post("/many")
    async def many() -> None:
        await jobs.enqueue_many([work.call(n) for n in range(3)])

    with TestClient(app) as client:
        yield client


def test_a_full_queue_is_a_503_that_says_when_to_come_again(client: TestClient) -> None:
    assert [client.post("/work").status_code for _ in range(3)] == [200, 200, 503]
    answer = client.post("/work")
    assert answer.headers["retry-after"] == "10"
    assert "queue 'default' is full: 2 jobs are queued" in answer.json()["detail"]


def test_many_that_do_not_fit_are_refused_together(client: TestClient) -> None:
    assert client.post("/many").status_code == 503
    assert client.post("/work").status_code == 200


@pytest.mark.parametrize(
    "key", ["8e03978e-40d5-43dd-bc93-6894a57f9324", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~!#", "x" * 255]
)
def test_a_request_that_is_sent_again_gets_the_same_job(client: TestClient, key: str) -> None:
    first, again = [client.post("/work", headers={"Idempotency-Key": key}).json() for _ in range(2)]
    assert (first["created"], again) == (True, {"id": first["id"], "created": False})


def test_another_key_scope_or_path_is_another_job(client: TestClient) -> None:
    def id_of(method: str, path: str, key: str, scope: str) -> str | None:
        request = Request(
            {"type": "http", "method": method, "path": path, "headers": [(b"idempotency-key", key.encode())], "query_string": b""}
        )
        return idempotency_id(request, scope=scope)

    seen = {
        id_of(*facts)
        for facts in [
            ("POST", "/a", "k", ""),
            ("PUT", "/a", "k", ""),
            ("POST", "/b", "k", ""),
            ("POST", "/a", "l", ""),
            ("POST", "/a", "k", "ada"),
        ]
    }
    assert len(seen) == 5
    assert client.post("/work").json()["created"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a b", "é"])
def test_a_key_that_can_not_be_is_said(client: TestClient, key: str) -> None:
    answer = client.post("/work", headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 503
    assert "Idempotency-Key" in answer.json()["detail"]
