"""Servers that are gone when their test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crash.faults.server import FaultServer

Serve = Callable[..., FaultServer]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Serve]:
    """Builds servers on the test's folder, for the test to start."""
    built: list[FaultServer] = []

    def one(**options: Any) -> FaultServer:
        built.append(FaultServer(tmp_path, **options))
        return built[-1]

    yield one
    for server in built:
        server.stop()


@pytest.fixture
def serve(build: Serve) -> Serve:
    """Starts servers on the test's folder."""
    return lambda **options: build(**options).start()


@pytest.fixture(scope="module")
def lasting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    """One server, with the file's CONSTANTS, for all tests of a file that leave it as they found it."""
    server = FaultServer(tmp_path_factory.mktemp("lasting"), constants=getattr(request.module, "CONSTANTS", {}))
    try:
        yield server.start()
    finally:
        server.stop()
