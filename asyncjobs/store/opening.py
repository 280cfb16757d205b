"""From an address to a store: the one place that names backends, each imported only when it is asked for."""

from __future__ import annotations

import os

from asyncjobs.clock import Clock
from asyncjobs.store.base import Store


def open_store(url: str | os.PathLike[str], clock: Clock) -> Store:
    """A store that is not open yet."""
    if url == "memory:":
        from asyncjobs.store.memory import MemoryStore

        return MemoryStore()
    from asyncjobs.store.sqlite.store import SQLiteStore

    return SQLiteStore(url, clock=clock)
