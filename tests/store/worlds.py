"""What a store lives in: data that several handles share, as processes would, and processes that can die."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from asyncjobs.store.base import Store
from asyncjobs.store.memory import MemoryStore
from asyncjobs.store.memory_data import MemoryData
from asyncjobs.store.sqlite.store import SQLiteStore


class World(Protocol):
    name: str

    def handle(self) -> Store:
        """A new, unopened handle on this world's data."""

    def kill(self, store: Store, runner: str) -> None:
        """The process of this runner, registered through `store`, dies. Nobody is told."""


class MemoryWorld:
    name = "memory"

    def __init__(self, make: type[MemoryStore] = MemoryStore) -> None:
        self._make = make
        self.data = MemoryData()

    def handle(self) -> Store:
        return self._make(self.data)

    def kill(self, store: Store, runner: str) -> None:
        self.data.alive.discard(runner)


class SQLiteWorld:
    name = "sqlite"

    def __init__(self, directory: Path) -> None:
        self.path = directory / "jobs.db"

    def handle(self) -> Store:
        return SQLiteStore(self.path)

    def kill(self, store: Store, runner: str) -> None:
        """What the kernel does: the lock goes, the file stays."""
        assert isinstance(store, SQLiteStore)
        store._liveness.release(runner)
