"""w5's app: `POST /job` enqueues, `POST /noop` does not, `GET /ran` says how many jobs have begun."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.bench.peers import adapters
from tests.bench.peers.adapter import Adapter
from tests.bench.peers.order import ORDER, Order
from tests.bench.peers.probe import PROBE


def from_environment() -> Starlette:
    """What uvicorn serves with `--factory`."""
    order = Order.from_json(os.environ[ORDER])
    return app(adapters.load(order), embedded=order.embedded)


def app(adapter: Adapter, *, embedded: bool) -> Starlette:
    """embedded: the worker runs in the app's process and loop, from its lifespan."""
    numbers = itertools.count()

    async def enqueue(request: Request) -> Response:
        await adapter.enqueue(next(numbers))
        return Response(status_code=202)

    async def noop(request: Request) -> Response:
        next(numbers)
        return Response(status_code=202)

    async def ran(request: Request) -> Response:
        return JSONResponse({"ran": PROBE.count})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await adapter.open()
        if embedded:
            await adapter.start_worker()
        yield
        if embedded:
            await adapter.stop_worker()
        await adapter.close()

    routes = [
        Route("/job", adapter.endpoint() or enqueue, methods=["POST"]),
        Route("/noop", noop, methods=["POST"]),
        Route("/ran", ran),
    ]
    return Starlette(routes=routes, lifespan=lifespan)
