"""Which databases a process had open when it forked: its child shares SQLite's notes of who holds which lock, so that what it
opens of them may stay locked for good, and must not be opened there at all (sqlite.org/howtocorrupt.html, 2.6)."""

from __future__ import annotations

import os
from collections import Counter

from asyncjobs.errors import StoreMismatch

_open: Counter[str] = Counter()  # by path, of this process
_inherited: dict[str, int] = {}  # path → the process that had it open


def opening(path: str) -> None:
    """closed() has to follow. Raises StoreMismatch where a parent had it open."""
    if path in _inherited:
        raise StoreMismatch(
            f"{path} was open in process {_inherited[path]} when that forked this one, {os.getpid()}, which can't use SQLite on it any "
            'more. Fork before the first Jobs starts, or start the child afresh (multiprocessing\'s "spawn", subprocess).'
        )
    _open[path] += 1


def closed(path: str) -> None:
    _open[path] -= 1


def _after_fork_in_child() -> None:
    _inherited.update(dict.fromkeys(+_open, os.getppid()))
    _open.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
