"""Stores with a guard removed, by which a campaign shows that it would see the fault that it is for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest import mock

from asyncjobs.store.sqlite import claiming
from asyncjobs.store.sqlite.writer import Writer


@contextmanager
def never_synced() -> Iterator[None]:
    """The writer commits with NORMAL where it promises FULL."""
    submit = Writer.submit

    def unsynced(self: Writer, *arguments: Any, synced: bool, **others: Any) -> Any:
        return submit(self, *arguments, synced=False, **others)

    with mock.patch.object(Writer, "submit", unsynced):
        yield


@contextmanager
def without_floor() -> Iterator[None]:
    """Tokens go on from what is on disk, whatever generation it is."""
    claim = claiming.claim

    def groundless(*arguments: Any, floor: int, **others: Any) -> Any:
        return claim(*arguments, floor=0, **others)

    with mock.patch.object(claiming, "claim", groundless):
        yield


@contextmanager
def log_kept() -> Iterator[None]:
    """After an I/O error the database is reopened, and its log gone on with."""
    with mock.patch.object(Writer, "_empty_log", return_value=None):
        yield


@contextmanager
def checkpoint_unheeded() -> Iterator[None]:
    """A checkpoint that has failed is a line in the log, and no more."""
    checkpoint = Writer._checkpoint

    def shrugging(self: Writer, connection: sqlite3.Connection) -> None:
        before = self._needs_reopening
        checkpoint(self, connection)
        self._needs_reopening = before

    with mock.patch.object(Writer, "_checkpoint", shrugging):
        yield


@contextmanager
def pages_trusted() -> Iterator[None]:
    """Pages of the database that a failed sync may have dropped are taken for safe."""
    with mock.patch.object(Writer, "_write_every_page", return_value=None):
        yield


Canaries = Mapping[str, Callable[[], AbstractContextManager[None]]]

CUTS: Canaries = {"none": nullcontext, "never-synced": never_synced, "without-floor": without_floor}  # the campaign sees each
SWEEP: Canaries = {"none": nullcontext, "log-kept": log_kept}  # so does the sweep
SCENES: Canaries = {**SWEEP, "checkpoint-unheeded": checkpoint_unheeded, "pages-trusted": pages_trusted}
