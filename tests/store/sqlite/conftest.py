"""A store on a file, another handle on it, and child processes that are gone when the test is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from asyncjobs.store.sqlite.store import SQLiteStore
from tests.store.sqlite.children import Child, Children


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore]:
    store = SQLiteStore(path)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other(path: Path, store: SQLiteStore) -> AsyncIterator[SQLiteStore]:
    other = SQLiteStore(path)
    await other.open()
    yield other
    await other.close()


@pytest.fixture
def children(path: Path) -> Iterator[Children]:
    started: list[Child] = []

    def start(*words: str, at: Path = path) -> Child:
        started.append(Child(at, *words))
        return started[-1]

    yield start
    for child in started:
        child.end()
