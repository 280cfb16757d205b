"""From an address to a store: the one place that names backends, each imported only when it is asked for."""

from __future__ import annotations

import os

from asyncjobs.clock import Clock
from asyncjobs.errors import ConfigurationError
from asyncjobs.store.base import Store


def open_store(url: str | os.PathLike[str], clock: Clock) -> Store:
    """A store that is not open yet. Raises ConfigurationError for an address that is none."""
    text = os.fspath(url) if isinstance(url, (str, os.PathLike)) else url
    if not isinstance(text, str):
        raise ConfigurationError(f"{url!r} is no address of a store; give a path such as 'jobs.db', or 'memory:'")
    if text == "memory:":
        from asyncjobs.store.memory import MemoryStore

        return MemoryStore()
    from asyncjobs.store.sqlite.store import SQLiteStore

    return SQLiteStore(_path_in(text), clock=clock)


def look_at(url: str | os.PathLike[str], clock: Clock) -> Store:
    """A store, not open yet, that only reads what is there, and neither makes nor changes anything. Raises ConfigurationError."""
    text = os.fspath(url)
    if text == "memory:":
        raise ConfigurationError("'memory:' is known to the process alone whose it is; give the path of a file")
    from asyncjobs.store.sqlite.store import SQLiteStore

    return SQLiteStore(_path_in(text), clock=clock, looks=True)


def _path_in(url: str) -> str:
    """The path in `jobs.db`, `sqlite:///jobs.db` (relative) and `sqlite:////srv/jobs.db` (absolute)."""
    if url == ":memory:":
        raise ConfigurationError(
            "':memory:' would be a database for each connection; for jobs that end with the process give 'memory:'"
        )
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    if scheme != "sqlite":
        raise ConfigurationError(f"{scheme}:// is not a store that this version knows; give a path, sqlite:///path or memory:")
    if not rest.startswith("/") or rest == "/":
        raise ConfigurationError(
            f"{url!r} names no file; write sqlite:///jobs.db (relative) or sqlite:////srv/jobs.db (absolute)"
        )
    return rest[1:]
