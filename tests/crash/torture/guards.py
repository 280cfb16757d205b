"""What a life can be made to do without, for the canaries: each name replaces a guard by what one would naively write."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping

from asyncjobs.store.sqlite import liveness


class _FlockOverForks(liveness.Lock):
    """A lock that knows nothing of forks: the child keeps what it shares."""

    def __init__(self, path: os.PathLike[str]) -> None:
        self._pid = os.getpid()
        super().__init__(path)  # type: ignore[arg-type]

    def close(self) -> None:
        if os.getpid() == self._pid:
            super().close()


def flock() -> None:
    """Liveness by `flock`, which lives on in forked children."""

    def try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_locked(descriptor: int) -> bool:
        if not try_lock(descriptor):
            return True
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False

    liveness.Lock = _FlockOverForks  # type: ignore[misc]
    liveness._try_lock = try_lock
    liveness._unlock = lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_UN)
    liveness._is_locked = is_locked


class _NothingHeld(set[str]):
    """A registry that nobody keeps."""

    def add(self, path: str, /) -> None:
        pass


def lockf() -> None:
    """Liveness by plain `lockf` without a registry, which any open-and-close of the file in its process drops."""
    liveness._SET = liveness._GET = None
    liveness._held_here = _NothingHeld()


GUARDS: Mapping[str, Callable[[], None]] = {"flock": flock, "lockf": lockf}
