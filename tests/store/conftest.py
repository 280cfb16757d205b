"""Every contract test runs in every world, with two open handles on the same data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asyncjobs.store.base import Store
from tests.store.worlds import MemoryWorld, SQLiteWorld, World


@pytest.fixture(params=["memory", "sqlite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return MemoryWorld() if request.param == "memory" else SQLiteWorld(tmp_path)


@pytest.fixture
async def store(world: World) -> AsyncIterator[Store]:
    store = world.handle()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other(world: World, store: Store) -> AsyncIterator[Store]:
    """Another process's handle on the data of `store`."""
    other = world.handle()
    await other.open()
    yield other
    await other.close()
