"""What handlers of a web app share, in FastAPI and Starlette."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
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
    assert answer.json() == {"detail": "The queue 'default' is full; try again in 10 seconds."}


async def test_a_client_is_told_nothing_of_the_inside() -> None:
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
    answer = await unavailable(request, StoreUnavailable("/srv/secret/jobs.db: disk I/O error"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.body == b'{"detail":"This can\'t be taken now; try again in 10 seconds."}'


def test_many_that_do_not_fit_are_refused_together(client: TestClient) -> None:
    assert client.post("/many").status_code == 503
    assert client.post("/work").status_code == 200


@pytest.mark.parametrize(
    "key", ["8e03978e-40d5-43dd-bc93-6894a57f9324", '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "~!#", "x" * 255]
)
def test_a_request_that_is_sent_again_gets_the_same_job(client: TestClient, key: str) -> None:
    first, again = [client.post("/work", headers={"Idempotency-Key": key}).json() for _ in range(2)]
    assert (first["created"], again) == (True, {"id": first["id"], "created": False})


def request_with(*keys: str, method: str = "POST", path: str = "/a") -> Request:
    headers = [(b"idempotency-key", key.encode("latin-1")) for key in keys]
    return Request({"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""})


def test_a_key_with_and_without_quotation_marks_is_the_same() -> None:
    assert idempotency_id(request_with("abc")) == idempotency_id(request_with('"abc"'))
    assert idempotency_id(request_with()) is None


@pytest.mark.parametrize("scope", [7, "user 7", UUID(int=7)])
def test_a_scope_is_a_text_a_number_or_a_uuid(scope: Any) -> None:
    assert idempotency_id(request_with("k"), scope=scope) == idempotency_id(request_with("k"), scope=str(scope))
    assert idempotency_id(request_with("k"), scope=scope) != idempotency_id(request_with("k"))


@pytest.mark.parametrize("scope", [None, True, 1.5, b"ada"])
def test_a_scope_that_can_not_be_is_refused(scope: Any) -> None:
    for request in (request_with("k"), request_with()):
        with pytest.raises(ArgumentError, match="scope="):
            idempotency_id(request, scope=scope)


def test_another_key_scope_or_path_is_another_job(client: TestClient) -> None:
    def id_of(method: str, path: str, key: str, scope: str) -> str | None:
        return idempotency_id(request_with(key, method=method, path=path), scope=scope)

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


def test_two_keys_of_one_request_are_refused() -> None:
    with pytest.raises(HTTPException, match="send one") as refused:
        idempotency_id(request_with("a", "a"))
    assert refused.value.status_code == 400


@pytest.mark.parametrize("key", ["", " ", '""', '"', '"abc', 'abc"', "x" * 256, "a b", "é"])
def test_a_key_that_can_not_be_is_the_clients_mistake(client: TestClient, key: str) -> None:
    answer = client.post("/work", headers={"Idempotency-Key": key.encode("latin-1")})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
