from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

LOCAL = ("127.0.0.1", 50000)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


Browse = Callable[..., httpx2.AsyncClient]


@pytest.fixture
async def browse(anyio_backend: str) -> AsyncIterator[Browse]:
    """Opens a client at this machine onto an app; `client`, `root_path` and `base_url` as a server would tell them."""
    async with AsyncExitStack() as stack:

        def opened(
            app: Any, *, client: Any = LOCAL, root_path: str = "", base_url: str = "http://localhost:8000", **more: Any
        ) -> httpx2.AsyncClient:
            transport = httpx2.ASGITransport(app=app, client=client, root_path=root_path)
            http = httpx2.AsyncClient(transport=transport, base_url=base_url, **more)
            stack.push_async_callback(http.aclose)
            return http

        yield opened
